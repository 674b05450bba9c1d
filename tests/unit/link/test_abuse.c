/* What must not be: bad bytes, bad frames, calls in the wrong state. */
#include <string.h>

#include "proto/link/link_internal.h"
#include "proto/link/record.h"
#include "tests/support/cmocka.h"
#include "tests/support/linkpair.h"

/* One bit of a record changed, a record left out, sent twice, or cut short and
 * followed by another: the link dies, and repeats its fault. */
static void bad_records_end_the_link(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 40; how++) {
        uint8_t wire[2048];
        pn_bytes in = { wire, sizeof wire }, frame;
        linkpair p;
        assert_int_equal(linkpair_open(&p, 1, PN_LINK_CLIENT, 1024), PN_OK);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(pn_link_send(p.accepted, PN_BYTES_LIT("x")),
                             PN_OK);
            assert_int_equal(pn_link_flush(p.accepted), PN_OK);
        }
        memcpy(wire, pn_link_output(p.accepted).p, sizeof wire);
        if (how == 0)
            memmove(wire, wire + 1024, 1024);
        else if (how == 1)
            memcpy(wire + 1024, wire, 1024);
        else if (how == 2)
            memmove(wire + 1000, wire + 1024, 1024);
        else
            wire[(how * 997) % sizeof wire] ^= 0x80;
        assert_int_equal(linkpair_give(&p, p.dialled, in), PN_E_CRYPTO);
        assert_int_equal(pn_link_get_state(p.dialled), PN_LINK_DEAD);
        assert_int_equal(pn_link_fault(p.dialled), PN_E_CRYPTO);
        assert_true(pn_link_ok(p.dialled));
        assert_int_equal(pn_link_feed(p.dialled, &in), PN_E_CRYPTO);
        assert_int_equal(pn_link_next(p.dialled, &frame), PN_E_CRYPTO);
        assert_int_equal(pn_link_flush(p.dialled), PN_E_CRYPTO);
        assert_int_equal(pn_link_tick(p.dialled), PN_E_CRYPTO);
        assert_int_equal(pn_link_send(p.dialled, PN_BYTES_LIT("x")),
                         PN_E_STATE);
        assert_int_equal(pn_link_deadline(p.dialled), UINT64_MAX);
        assert_int_equal(pn_link_output(p.dialled).len, 0);
        linkpair_free(&p);
    }
}

static bool is_zero(const void *p, size_t len)
{
    const uint8_t *bytes = p;
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* The dead hold no keys, and neither do the silent. */
static void ends_leave_no_keys(void **state)
{
    uint8_t junk[PN_LINK_HELLO_BYTES] = { 1 };
    pn_bytes in = { junk, 1024 };
    linkpair p;
    (void)state;
    assert_int_equal(linkpair_open(&p, 2, PN_LINK_RELAY, 1024), PN_OK);
    assert_false(is_zero(p.dialled->send.key, 32));
    assert_int_equal(pn_link_die(p.dialled, PN_E_TIMEOUT), PN_E_TIMEOUT);
    assert_true(is_zero(&p.dialled->send, sizeof p.dialled->send));
    assert_true(is_zero(&p.dialled->recv, sizeof p.dialled->recv));
    linkpair_disconnect(&p);
    assert_int_equal(linkpair_connect(&p, PN_LINK_CLIENT, 1024), PN_OK);
    assert_int_equal(linkpair_carry(&p, p.dialled, p.accepted), PN_OK);
    assert_int_equal(p.accepted->phase, PN_PHASE_CONFIRM);
    assert_false(is_zero(p.accepted->recv.key, 32));
    assert_int_equal(linkpair_give(&p, p.accepted, in), PN_OK);
    assert_int_equal(p.accepted->phase, PN_PHASE_SILENT);
    assert_true(is_zero(&p.accepted->send, sizeof p.accepted->send));
    assert_true(is_zero(&p.accepted->recv, sizeof p.accepted->recv));
    linkpair_free(&p);
}

/* Seal a record whose data is data[0..len) as the responder would. */
static void forge(linkpair *p, const uint8_t *data, size_t len, uint8_t *out)
{
    memcpy(out + PN_RECORD_DATA_AT, data, len);
    assert_int_equal(pn_record_seal(&p->accepted->send, out, 1024, len), PN_OK);
}

/* A genuine peer that breaks the framing or the rules of control frames. */
static void bad_frames_end_the_link(void **state)
{
    static const struct {
        uint8_t data[9];
        size_t len;
    } cases[] = {
        { { 0, 0, 0, 0 }, 4 },                /* empty frame */
        { { 0, 2, 0, 1 }, 4 },                /* too long */
        { { 9, 0, 0, 0 }, 4 },                /* unknown kind */
        { { 1, 0, 0, 1, 0 }, 5 },             /* only an initiator begins */
        { { 2, 0, 0, 1, 0 }, 5 },             /* no rollover under way */
        { { 3, 0, 0, 0 }, 4 },                /* none to be done */
        { { 3, 0, 0, 0, 0, 0, 0, 1, 7 }, 9 }, /* not the end of its record */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t record[1024];
        linkpair p;
        assert_int_equal(linkpair_open(&p, 1, PN_LINK_CLIENT, 1024), PN_OK);
        forge(&p, cases[i].data, cases[i].len, record);
        assert_int_equal(
            linkpair_give(&p, p.dialled, (pn_bytes){ record, 1024 }),
            PN_E_PROTO);
        assert_int_equal(pn_link_get_state(p.dialled), PN_LINK_DEAD);
        linkpair_free(&p);
    }
}

/* What each call says in each state from outside. */
static void calls_by_state(void **state)
{
    static const struct {
        pn_link_phase phase;
        pn_err send, flush, next, tick;
    } table[] = {
        { PN_PHASE_DIALLED, PN_E_STATE, PN_OK, PN_MORE, PN_OK },
        { PN_PHASE_ACCEPTED, PN_E_STATE, PN_OK, PN_MORE, PN_OK },
        { PN_PHASE_CONFIRM, PN_E_STATE, PN_OK, PN_MORE, PN_OK },
        { PN_PHASE_OPEN, PN_OK, PN_OK, PN_MORE, PN_OK },
        { PN_PHASE_SILENT, PN_E_STATE, PN_OK, PN_MORE, PN_OK },
        { PN_PHASE_DEAD, PN_E_STATE, PN_E_TIMEOUT, PN_E_TIMEOUT, PN_E_TIMEOUT },
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint8_t junk[PN_LINK_HELLO_BYTES] = { 0 };
        pn_bytes in = { junk, sizeof junk }, frame;
        linkpair p;
        pn_link *link;
        assert_int_equal(linkpair_init(&p, 20), PN_OK);
        assert_int_equal(linkpair_connect(&p, PN_LINK_CLIENT, 4096), PN_OK);
        link = table[i].phase == PN_PHASE_DIALLED ? p.dialled : p.accepted;
        if (table[i].phase == PN_PHASE_CONFIRM)
            assert_int_equal(linkpair_carry(&p, p.dialled, link), PN_OK);
        else if (table[i].phase == PN_PHASE_OPEN)
            assert_int_equal(linkpair_pump(&p), PN_OK);
        else if (table[i].phase == PN_PHASE_SILENT)
            assert_int_equal(pn_link_feed(link, &in), PN_OK);
        else if (table[i].phase == PN_PHASE_DEAD)
            assert_int_equal(pn_link_die(link, PN_E_TIMEOUT), PN_E_TIMEOUT);
        assert_int_equal(link->phase, table[i].phase);
        assert_int_equal(pn_link_send(link, PN_BYTES_LIT("x")), table[i].send);
        assert_int_equal(pn_link_flush(link), table[i].flush);
        assert_int_equal(pn_link_next(link, &frame), table[i].next);
        assert_int_equal(pn_link_tick(link), table[i].tick);
        assert_true(pn_link_ok(link));
        pn_link_sent(link, SIZE_MAX); /* more than there is: all of it */
        assert_int_equal(pn_link_output(link).len, 0);
        linkpair_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_records_end_the_link),
        cmocka_unit_test(ends_leave_no_keys),
        cmocka_unit_test(bad_frames_end_the_link),
        cmocka_unit_test(calls_by_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
