/* A link as its user sees it: opens, carries frames both ways, in any split of
 * the stream, and holds nothing when idle. */
#include <string.h>

#include "proto/base/mem.h"
#include "proto/link/link_internal.h"
#include "tests/support/cmocka.h"
#include "tests/support/linkpair.h"

static const uint16_t sizes[] = { 1024, 4096, 16384 };

/* What one end has received, one after the other with its length before. */
typedef struct inbox {
    pn_link *of;
    uint8_t *data;
    size_t len, frames;
    size_t cap;
} inbox;

typedef struct mail {
    inbox at[2];
} mail;

static void mail_init(mail *m, linkpair *p)
{
    *m = (mail){ 0 };
    m->at[0].of = p->dialled;
    m->at[1].of = p->accepted;
    for (size_t i = 0; i < 2; i++) {
        m->at[i].cap = 4 * PN_LINK_FRAME_MAX;
        m->at[i].data = test_malloc(m->at[i].cap);
    }
    p->ctx = m;
}

static void mail_free(mail *m)
{
    test_free(m->at[0].data);
    test_free(m->at[1].data);
}

static void keep(void *ctx, pn_link *to, pn_bytes frame)
{
    mail *m = ctx;
    inbox *box = to == m->at[0].of ? &m->at[0] : &m->at[1];
    assert_true(pn_link_ok(to));
    assert_true(box->len + frame.len <= box->cap);
    memcpy(box->data + box->len, frame.p, frame.len);
    box->len += frame.len;
    box->frames++;
}

static void open_pair(linkpair *p, mail *m, pn_link_role role, uint16_t size)
{
    assert_int_equal(linkpair_open(p, 1, role, size), PN_OK);
    p->on_frame = keep;
    mail_init(m, p);
}

static void close_pair(linkpair *p, mail *m)
{
    mail_free(m);
    linkpair_free(p);
}

/* Both patterns open at all record sizes, with the same binding and terms. */
static void opens(void **state)
{
    (void)state;
    for (unsigned role = 0; role < 2; role++)
        for (size_t i = 0; i < 3; i++) {
            linkpair p;
            const pn_link_terms *a, *b;
            assert_int_equal(linkpair_open(&p, i, (pn_link_role)role, sizes[i]),
                             PN_OK);
            a = pn_link_get_terms(p.dialled);
            b = pn_link_get_terms(p.accepted);
            assert_int_equal(a->version, 1);
            assert_int_equal(a->record_size, sizes[i]);
            assert_int_equal(a->relay_wall_ms, p.sim.wall_ms);
            assert_memory_equal(a, b, sizeof *a);
            assert_memory_equal(pn_link_binding(p.dialled),
                                pn_link_binding(p.accepted), 32);
            assert_int_equal(pn_link_get_role(p.accepted), role);
            assert_null(pn_link_peer_static(p.dialled));
            if (role == PN_LINK_RELAY)
                assert_memory_equal(pn_link_peer_static(p.accepted),
                                    p.other.noise_pk, 32);
            else
                assert_null(pn_link_peer_static(p.accepted));
            linkpair_free(&p);
        }
}

/* Frames of awkward lengths arrive whole and in order, both ways. */
static void frames_arrive(void **state)
{
    static const size_t lens[] = { 1,    2,     1001,  1002,  1003,  4074,
                                   4078, 16362, 16363, 65536, 131072 };
    (void)state;
    for (size_t s = 0; s < 3; s++) {
        linkpair p;
        mail m;
        uint8_t *data = test_malloc(PN_LINK_FRAME_MAX);
        open_pair(&p, &m, PN_LINK_CLIENT, sizes[s]);
        for (size_t i = 0; i < PN_LINK_FRAME_MAX; i++)
            data[i] = (uint8_t)simenv_next(&p.sim);
        for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
            m.at[0].len = m.at[1].len = 0;
            assert_int_equal(
                pn_link_send(p.dialled, (pn_bytes){ data, lens[i] }), PN_OK);
            assert_int_equal(
                pn_link_send(p.accepted, (pn_bytes){ data, lens[i] }), PN_OK);
            assert_int_equal(linkpair_pump(&p), PN_OK);
            for (size_t side = 0; side < 2; side++) {
                assert_int_equal(m.at[side].frames, i + 1);
                assert_int_equal(m.at[side].len, lens[i]);
                assert_memory_equal(m.at[side].data, data, lens[i]);
            }
        }
        test_free(data);
        close_pair(&p, &m);
    }
}

/* An open link that is drained holds no buffer, and is small. */
static void idle_holds_nothing(void **state)
{
    linkpair p;
    mail m;
    (void)state;
    open_pair(&p, &m, PN_LINK_CLIENT, 4096);
    assert_int_equal(pn_link_send(p.dialled, PN_BYTES_LIT("hello")), PN_OK);
    assert_int_equal(linkpair_pump(&p), PN_OK);
    assert_int_equal(m.at[1].frames, 1);
    for (size_t i = 0; i < 2; i++) {
        const pn_link *link = i == 0 ? p.dialled : p.accepted;
        assert_null(link->unit);
        assert_null(link->out.p);
        assert_null(link->framer.body);
        assert_null(link->dialled);
        assert_null(link->accepted);
        assert_null(link->roll);
    }
    assert_true(sizeof(pn_link) <= 512);
    close_pair(&p, &m);
}

/* What crosses in one short link, cut at every byte: the outcome is the same.
 * Only the responder's input is cut; the initiator's in the next test. */
static void survives_any_cut(void **state)
{
    uint8_t wire[PN_LINK_HELLO_BYTES + 2 * 1024];
    linkpair p;
    mail m;
    (void)state;
    for (size_t cut = 1; cut < sizeof wire; cut++) {
        size_t len = 0;
        const pn_bytes *piece;
        pn_bytes pieces[2], out;
        assert_int_equal(linkpair_init(&p, 77), PN_OK);
        assert_int_equal(linkpair_connect(&p, PN_LINK_CLIENT, 1024), PN_OK);
        mail_init(&m, &p);
        p.on_frame = keep;
        out = pn_link_output(p.dialled);
        memcpy(wire, out.p, out.len);
        len = out.len;
        pieces[0] = (pn_bytes){ wire, cut < len ? cut : len };
        pieces[1] = (pn_bytes){ wire + pieces[0].len, len - pieces[0].len };
        for (piece = pieces; piece < pieces + 2; piece++)
            assert_int_equal(linkpair_give(&p, p.accepted, *piece), PN_OK);
        pn_link_sent(p.dialled, len);
        assert_int_equal(linkpair_carry(&p, p.accepted, p.dialled), PN_OK);
        assert_int_equal(pn_link_send(p.dialled, PN_BYTES_LIT("hello")), PN_OK);
        assert_int_equal(pn_link_flush(p.dialled), PN_OK);
        out = pn_link_output(p.dialled);
        assert_int_equal(out.len, 2048);
        len = cut < PN_LINK_HELLO_BYTES ? 0 : cut - PN_LINK_HELLO_BYTES;
        assert_int_equal(
            linkpair_give(&p, p.accepted, (pn_bytes){ out.p, len }), PN_OK);
        assert_int_equal(pn_link_get_state(p.accepted),
                         len < 1024 ? PN_LINK_HANDSHAKE : PN_LINK_OPEN);
        assert_int_equal(
            linkpair_give(&p, p.accepted,
                          (pn_bytes){ out.p + len, out.len - len }),
            PN_OK);
        assert_int_equal(m.at[1].frames, 1);
        assert_memory_equal(m.at[1].data, "hello", 5);
        close_pair(&p, &m);
    }
}

/* Random frames both ways, handed over in random pieces: all arrive. */
static void survives_random_splits(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        linkpair p;
        mail m;
        size_t sent[2] = { 0 }, bytes[2] = { 0 };
        simenv dice;
        uint8_t *data = test_calloc(1, 50000);
        simenv_init(&dice, seed);
        open_pair(&p, &m, (pn_link_role)(seed % 2), sizes[seed % 3]);
        p.chunk = 1 + simenv_next(&dice) % 3000;
        for (unsigned i = 0; i < 30; i++) {
            const size_t side = simenv_next(&dice) % 2;
            pn_link *from = side == 0 ? p.dialled : p.accepted;
            const size_t len =
                1 + simenv_next(&dice) % (simenv_next(&dice) % 4 ? 300 : 30000);
            data[0] = (uint8_t)i;
            if (bytes[side] + len > m.at[0].cap)
                continue;
            assert_int_equal(pn_link_send(from, (pn_bytes){ data, len }),
                             PN_OK);
            sent[side]++;
            bytes[side] += len;
            if (simenv_next(&dice) % 3 == 0)
                assert_int_equal(linkpair_pump(&p), PN_OK);
        }
        assert_int_equal(linkpair_pump(&p), PN_OK);
        for (size_t side = 0; side < 2; side++) {
            assert_int_equal(m.at[1 - side].frames, sent[side]);
            assert_int_equal(m.at[1 - side].len, bytes[side]);
        }
        test_free(data);
        close_pair(&p, &m);
    }
}

/* Full is a value: nothing is taken, and there is room again after output has
 * gone. One frame always fits when nothing waits. */
static void output_is_bounded(void **state)
{
    uint8_t *big = test_calloc(1, PN_LINK_FRAME_MAX);
    linkpair p;
    mail m;
    size_t taken = 0, waits;
    pn_err err;
    (void)state;
    open_pair(&p, &m, PN_LINK_CLIENT, 16384);
    pn_link_set_output_max(p.dialled, 0); /* two records at least */
    while ((err = pn_link_send(p.dialled, (pn_bytes){ big, 1000 })) == PN_OK)
        taken++;
    assert_int_equal(err, PN_E_FULL);
    assert_int_equal(taken, 2 * 16366 / 1004);
    assert_int_equal(pn_link_get_state(p.dialled), PN_LINK_OPEN);
    assert_int_equal(pn_link_flush(p.dialled), PN_OK);
    waits = pn_link_output(p.dialled).len;
    assert_int_equal(waits, 2 * 16384);
    assert_int_equal(linkpair_pump(&p), PN_OK);
    assert_int_equal(m.at[1].frames, taken);
    assert_int_equal(
        pn_link_send(p.dialled, (pn_bytes){ big, PN_LINK_FRAME_MAX }), PN_OK);
    assert_int_equal(pn_link_send(p.dialled, (pn_bytes){ big, 1 }), PN_E_FULL);
    assert_int_equal(linkpair_pump(&p), PN_OK);
    assert_int_equal(m.at[1].frames, taken + 1);
    assert_int_equal(pn_link_send(p.dialled, (pn_bytes){ big, 0 }), PN_E_ARG);
    assert_int_equal(
        pn_link_send(p.dialled, (pn_bytes){ big, PN_LINK_FRAME_MAX + 1 }),
        PN_E_ARG);
    test_free(big);
    close_pair(&p, &m);
}

/* Frames between two flushes share records; each burst pads only its last. */
static void bursts_share_records(void **state)
{
    linkpair p;
    mail m;
    (void)state;
    open_pair(&p, &m, PN_LINK_CLIENT, 1024);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(pn_link_send(p.dialled, PN_BYTES_LIT("12345678")),
                         PN_OK);
    assert_int_equal(pn_link_output(p.dialled).len, 1024); /* the full one */
    assert_int_equal(pn_link_flush(p.dialled), PN_OK);
    assert_int_equal(pn_link_output(p.dialled).len, 2048);
    assert_int_equal(pn_link_flush(p.dialled), PN_OK);
    assert_int_equal(pn_link_output(p.dialled).len, 2048);
    assert_int_equal(linkpair_pump(&p), PN_OK);
    assert_int_equal(m.at[1].frames, 100);
    close_pair(&p, &m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens),
        cmocka_unit_test(frames_arrive),
        cmocka_unit_test(idle_holds_nothing),
        cmocka_unit_test(survives_any_cut),
        cmocka_unit_test(survives_random_splits),
        cmocka_unit_test(output_is_bounded),
        cmocka_unit_test(bursts_share_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
