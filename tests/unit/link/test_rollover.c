/* New keys for a living link: nothing is lost, whatever is in flight. */
#include <string.h>

#include "proto/link/link_internal.h"
#include "tests/support/cmocka.h"
#include "tests/support/linkpair.h"

/* Each side counts its frames up; the other checks that none is missing. */
typedef struct counters {
    pn_link *of[2];
    uint32_t sent[2], got[2]; /* by sender */
} counters;

static void expect_next(void *ctx, pn_link *to, pn_bytes frame)
{
    counters *c = ctx;
    const size_t sender = to == c->of[0] ? 1 : 0;
    uint32_t number;
    assert_int_equal(pn_take_u32(&frame, &number), PN_OK);
    assert_int_equal(number, c->got[sender]);
    c->got[sender]++;
}

static void open_counted(linkpair *p, counters *c, uint64_t seed,
                         pn_link_role role, uint16_t size)
{
    *c = (counters){ 0 };
    assert_int_equal(linkpair_open(p, seed, role, size), PN_OK);
    c->of[0] = p->dialled;
    c->of[1] = p->accepted;
    p->ctx = c;
    p->on_frame = expect_next;
}

static void send_next(counters *c, size_t side, size_t len)
{
    static uint8_t frame[20000];
    pn_out out = pn_out_over(frame, sizeof frame);
    pn_put_u32(&out, c->sent[side]);
    assert_int_equal(pn_link_send(c->of[side], (pn_bytes){ frame, len }),
                     PN_OK);
    c->sent[side]++;
}

static void all_arrived(const counters *c)
{
    assert_int_equal(c->got[0], c->sent[0]);
    assert_int_equal(c->got[1], c->sent[1]);
}

/* After 24 hours the initiator's tick begins it; keys and hash change, the
 * binding does not; afterwards both are idle again. */
static void by_time(void **state)
{
    (void)state;
    for (unsigned role = 0; role < 2; role++) {
        uint8_t binding[32];
        pn_cipher send, recv;
        linkpair p;
        counters c;
        open_counted(&p, &c, 30, (pn_link_role)role, 1024);
        memcpy(binding, pn_link_binding(p.dialled), 32);
        send = p.dialled->send;
        recv = p.dialled->recv;
        assert_int_equal(pn_link_deadline(p.dialled),
                         p.sim.mono_ms + PN_LINK_ROLLOVER_MS);
        simenv_advance(&p.sim, PN_LINK_ROLLOVER_MS - 1);
        assert_int_equal(pn_link_tick(p.dialled), PN_OK);
        assert_int_equal(pn_link_output(p.dialled).len, 0);
        simenv_advance(&p.sim, 1);
        assert_int_equal(pn_link_tick(p.accepted), PN_OK);
        assert_int_equal(pn_link_output(p.accepted).len, 0);
        assert_int_equal(pn_link_tick(p.dialled), PN_OK);
        assert_non_null(p.dialled->roll);
        assert_int_equal(linkpair_pump(&p), PN_OK);
        assert_null(p.dialled->roll);
        assert_null(p.accepted->roll);
        assert_memory_not_equal(p.dialled->send.key, send.key, 32);
        assert_memory_not_equal(p.dialled->recv.key, recv.key, 32);
        assert_memory_equal(p.dialled->send.key, p.accepted->recv.key, 32);
        assert_memory_equal(p.dialled->recv.key, p.accepted->send.key, 32);
        assert_memory_equal(p.dialled->hash, p.accepted->hash, 32);
        assert_memory_not_equal(p.dialled->hash, binding, 32);
        assert_memory_equal(pn_link_binding(p.dialled), binding, 32);
        assert_memory_equal(pn_link_binding(p.accepted), binding, 32);
        send_next(&c, 0, 4);
        send_next(&c, 1, 4);
        assert_int_equal(linkpair_pump(&p), PN_OK);
        all_arrived(&c);
        linkpair_free(&p);
    }
}

/* Random traffic both ways, bytes handed over in random pieces, and a rollover
 * every few steps: every frame arrives once and in order. */
static void under_traffic(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        linkpair p;
        counters c;
        simenv dice;
        simenv_init(&dice, seed);
        open_counted(&p, &c, seed, (pn_link_role)(seed % 2),
                     seed % 3 ? 1024 : 16384);
        for (unsigned step = 0; step < 200; step++) {
            const uint64_t what = simenv_next(&dice) % 8;
            const size_t side = simenv_next(&dice) % 2;
            pn_link *from = c.of[side], *to = c.of[1 - side];
            pn_bytes out;
            assert_true(pn_link_ok(from));
            if (what < 3 && pn_link_output(from).len < 100000) {
                send_next(&c, side, 4 + simenv_next(&dice) % 5000);
            } else if (what == 3) {
                assert_int_equal(pn_link_flush(from), PN_OK);
            } else if (what == 4 && step % 5 == 0) {
                simenv_advance(&p.sim, PN_LINK_ROLLOVER_MS);
                assert_int_equal(pn_link_tick(p.dialled), PN_OK);
                /* Its slack does not pass: bring both up to date. */
                assert_int_equal(linkpair_pump(&p), PN_OK);
            } else {
                out = pn_link_output(from);
                out.len = out.len > 0 ? 1 + simenv_next(&dice) % out.len : 0;
                assert_int_equal(linkpair_give(&p, to, out), PN_OK);
                pn_link_sent(from, out.len);
            }
        }
        assert_int_equal(linkpair_pump(&p), PN_OK);
        all_arrived(&c);
        assert_true(c.got[0] > 0 && c.got[1] > 0);
        linkpair_free(&p);
    }
}

/* Frames sent at every stage of one rollover, before it is carried on. */
static void at_every_stage(void **state)
{
    linkpair p;
    counters c;
    (void)state;
    open_counted(&p, &c, 31, PN_LINK_RELAY, 4096);
    simenv_advance(&p.sim, PN_LINK_ROLLOVER_MS);
    send_next(&c, 0, 100); /* in the open record when it begins */
    send_next(&c, 1, 100);
    assert_int_equal(pn_link_tick(p.dialled), PN_OK);
    for (unsigned i = 0; i < 4; i++) {
        send_next(&c, 0, 5000);
        send_next(&c, 1, 5000);
        assert_int_equal(linkpair_carry(&p, p.dialled, p.accepted), PN_OK);
        send_next(&c, 0, 10);
        send_next(&c, 1, 10);
        assert_int_equal(linkpair_carry(&p, p.accepted, p.dialled), PN_OK);
    }
    assert_int_equal(linkpair_pump(&p), PN_OK);
    all_arrived(&c);
    assert_int_equal(c.got[0], 9);
    assert_null(p.accepted->roll);
    linkpair_free(&p);
}

/* Between message 2 and `done`, which the initiator may put off, the responder
 * holds the next keys and nothing that they can be computed from. */
static void handshake_is_forgotten(void **state)
{
    static const pn_noise nothing = { .pattern = PN_NOISE_N };
    linkpair p;
    counters c;
    (void)state;
    open_counted(&p, &c, 39, PN_LINK_RELAY, 4096);
    simenv_advance(&p.sim, PN_LINK_ROLLOVER_MS);
    assert_int_equal(pn_link_tick(p.dialled), PN_OK);
    assert_int_equal(linkpair_carry(&p, p.dialled, p.accepted), PN_OK);
    assert_non_null(p.accepted->roll);
    assert_memory_equal(&p.accepted->roll->noise, &nothing, sizeof nothing);
    linkpair_free(&p);
}

/* 2^20 records in either direction begin it, without any timer. */
static void by_records(void **state)
{
    (void)state;
    for (size_t side = 0; side < 2; side++) {
        linkpair p;
        counters c;
        pn_link *ends[2];
        open_counted(&p, &c, 32, PN_LINK_CLIENT, 1024);
        ends[0] = p.dialled;
        ends[1] = p.accepted;
        /* As after so many records: the nonce is their count. */
        (side == 0 ? &p.dialled->send : &p.accepted->send)->nonce =
            (side == 0 ? &p.accepted->recv : &p.dialled->recv)->nonce =
                PN_LINK_ROLLOVER_RECORDS - 1;
        send_next(&c, side, 4);
        assert_int_equal(pn_link_flush(ends[side]), PN_OK);
        if (side == 1)
            assert_int_equal(linkpair_carry(&p, p.accepted, p.dialled), PN_OK);
        assert_non_null(p.dialled->roll);
        assert_int_equal(linkpair_pump(&p), PN_OK);
        assert_null(p.dialled->roll);
        assert_true(p.dialled->send.nonce < 3 && p.dialled->recv.nonce < 3);
        all_arrived(&c);
        linkpair_free(&p);
    }
}

/* A peer that does not play its part is left: by time and by records. */
static void overdue_ends_the_link(void **state)
{
    linkpair p;
    counters c;
    (void)state;
    open_counted(&p, &c, 33, PN_LINK_CLIENT, 1024);
    assert_int_equal(pn_link_deadline(p.accepted),
                     p.sim.mono_ms + PN_LINK_ROLLOVER_MS + PN_LINK_SLACK_MS);
    simenv_advance(&p.sim, PN_LINK_ROLLOVER_MS);
    assert_int_equal(pn_link_tick(p.dialled), PN_OK);
    simenv_advance(&p.sim, PN_LINK_SLACK_MS - 1);
    assert_int_equal(pn_link_tick(p.dialled), PN_OK);
    assert_int_equal(pn_link_tick(p.accepted), PN_OK);
    simenv_advance(&p.sim, 1);
    assert_int_equal(pn_link_tick(p.dialled), PN_E_TIMEOUT);
    assert_int_equal(pn_link_tick(p.accepted), PN_E_TIMEOUT);
    linkpair_free(&p);

    open_counted(&p, &c, 33, PN_LINK_CLIENT, 1024);
    p.accepted->send.nonce =
        PN_LINK_ROLLOVER_RECORDS + PN_LINK_SLACK_RECORDS - 1;
    assert_int_equal(pn_link_send(p.accepted, PN_BYTES_LIT("x")), PN_OK);
    assert_int_equal(pn_link_flush(p.accepted), PN_E_TIMEOUT);
    assert_int_equal(pn_link_get_state(p.accepted), PN_LINK_DEAD);
    linkpair_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_time),
        cmocka_unit_test(under_traffic),
        cmocka_unit_test(at_every_stage),
        cmocka_unit_test(handshake_is_forgotten),
        cmocka_unit_test(by_records),
        cmocka_unit_test(overdue_ends_the_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
