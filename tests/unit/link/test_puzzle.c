/* Coming to be open under load: puzzles asked, solved, replayed, refused. */
#include <string.h>

#include "proto/link/link_internal.h"
#include "tests/support/cmocka.h"
#include "tests/support/linkpair.h"

static pn_bytes copy_output(pn_link *link, uint8_t *out)
{
    const pn_bytes view = pn_link_output(link);
    assert_int_equal(view.len, PN_LINK_HELLO_BYTES);
    memcpy(out, view.p, view.len);
    return (pn_bytes){ out, view.len };
}

static void feed_all(pn_link *link, pn_bytes in)
{
    assert_int_equal(pn_link_feed(link, &in), PN_OK);
    assert_int_equal(in.len, 0);
    assert_true(pn_link_ok(link));
}

/* Under load a client is asked for a puzzle first; it opens, both roles. */
static void puzzle_then_open(void **state)
{
    (void)state;
    for (unsigned role = 0; role < 2; role++) {
        linkpair p;
        pn_gate_stats stats;
        assert_int_equal(linkpair_init(&p, 12), PN_OK);
        pn_gate_set_difficulty(p.gate, 13);
        assert_int_equal(linkpair_connect(&p, (pn_link_role)role, 4096), PN_OK);
        assert_int_equal(linkpair_carry(&p, p.dialled, p.accepted), PN_OK);
        stats = pn_gate_read_stats(p.gate);
        assert_int_equal(stats.handshakes, 0);
        assert_int_equal(stats.retries, 1);
        assert_int_equal(linkpair_pump(&p), PN_OK);
        assert_int_equal(pn_link_get_state(p.accepted), PN_LINK_OPEN);
        assert_int_equal(pn_link_get_state(p.dialled), PN_LINK_OPEN);
        assert_int_equal(pn_gate_read_stats(p.gate).handshakes, 1);
        linkpair_free(&p);
    }
}

/* A fault after a puzzle was asked, or after message 2, changes nothing of when
 * the stream is closed: nobody can tell it from having sent nothing. */
static void faults_do_not_move_the_end(void **state)
{
    (void)state;
    for (unsigned asked = 0; asked < 2; asked++) {
        uint8_t junk[PN_LINK_HELLO_BYTES] = { 1 };
        const pn_bytes in = { junk, sizeof junk };
        uint64_t end;
        linkpair p;
        assert_int_equal(linkpair_init(&p, 17), PN_OK);
        pn_gate_set_difficulty(p.gate, asked ? 8 : 0);
        assert_int_equal(linkpair_connect(&p, PN_LINK_CLIENT, 1024), PN_OK);
        simenv_advance(&p.sim, PN_LINK_SILENCE_MIN_MS - 1);
        assert_int_equal(linkpair_carry(&p, p.dialled, p.accepted), PN_OK);
        end = pn_link_deadline(p.accepted);
        assert_int_equal(end, p.sim.mono_ms + PN_LINK_HANDSHAKE_MS -
                                  (asked ? 0 : PN_LINK_SILENCE_MIN_MS - 1));
        feed_all(p.accepted, in);
        assert_int_equal(pn_link_get_state(p.accepted), PN_LINK_SILENT);
        assert_int_equal(pn_link_deadline(p.accepted), end);
        p.sim.mono_ms = end - 1;
        assert_int_equal(pn_link_tick(p.accepted), PN_OK);
        p.sim.mono_ms = end;
        assert_int_equal(pn_link_tick(p.accepted), PN_E_TIMEOUT);
        linkpair_free(&p);
    }
}

/* A solved message 1 replayed elsewhere in the same epoch: silence. */
static void replayed_solution_is_silence(void **state)
{
    uint8_t hello[PN_LINK_HELLO_BYTES];
    pn_link *again = NULL;
    linkpair p;
    pn_bytes in;
    (void)state;
    assert_int_equal(linkpair_init(&p, 13), PN_OK);
    pn_gate_set_difficulty(p.gate, 8);
    assert_int_equal(linkpair_connect(&p, PN_LINK_CLIENT, 4096), PN_OK);
    assert_int_equal(linkpair_carry(&p, p.dialled, p.accepted), PN_OK);
    assert_int_equal(linkpair_carry(&p, p.accepted, p.dialled), PN_OK);
    while (pn_link_output(p.dialled).len == 0)
        assert_int_equal(pn_link_tick(p.dialled), PN_OK);
    in = copy_output(p.dialled, hello);
    assert_int_equal(linkpair_pump(&p), PN_OK);
    assert_int_equal(pn_link_get_state(p.accepted), PN_LINK_OPEN);
    assert_int_equal(pn_link_accept(&again, p.gate, PN_BYTES_LIT("192.0.2/24")),
                     PN_OK);
    feed_all(again, in);
    assert_int_equal(pn_link_get_state(again), PN_LINK_SILENT);
    assert_int_equal(pn_link_output(again).len, 0);
    assert_int_equal(pn_gate_read_stats(p.gate).replays, 1);
    assert_int_equal(pn_gate_read_stats(p.gate).handshakes, 1);
    pn_link_free(&again);
    linkpair_free(&p);
}

/* The relay asks at most twice on one stream, then is silent; the initiator
 * accepts no third puzzle either. */
static void puzzles_end(void **state)
{
    uint8_t hello[PN_LINK_HELLO_BYTES];
    linkpair p;
    pn_bytes in;
    (void)state;
    assert_int_equal(linkpair_init(&p, 14), PN_OK);
    pn_gate_set_difficulty(p.gate, 20);
    assert_int_equal(linkpair_connect(&p, PN_LINK_CLIENT, 4096), PN_OK);
    in = copy_output(p.dialled, hello);
    for (unsigned i = 0; i < 3; i++)
        feed_all(p.accepted, in);
    assert_int_equal(pn_link_get_state(p.accepted), PN_LINK_SILENT);
    assert_int_equal(pn_link_fault(p.accepted), PN_E_REFUSED);
    assert_int_equal(pn_gate_read_stats(p.gate).retries, 2);
    pn_link_free(&p.accepted);

    for (unsigned i = 0; i < 3; i++) {
        uint8_t peer[PN_GATE_PEER_BYTES], retry[PN_LINK_HELLO_BYTES];
        pn_gate_hash_peer(peer, (pn_bytes){ NULL, 0 });
        pn_gate_set_difficulty(p.gate, 1);
        assert_int_equal(
            pn_gate_ask(p.gate, p.dialled->dialled->hello, peer, retry), PN_OK);
        in = (pn_bytes){ retry, sizeof retry };
        assert_int_equal(pn_link_feed(p.dialled, &in),
                         i < 2 ? PN_OK : PN_E_PROTO);
        if (i < 2)
            assert_int_equal(pn_link_tick(p.dialled), PN_OK);
    }
    linkpair_free(&p);
}

/* While a puzzle is solved the deadline is now, input is refused, and the time
 * allowed is finite. */
static void solving_has_its_limits(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        static const uint8_t byte[1] = { 0 };
        pn_bytes in = { byte, 1 };
        linkpair p;
        assert_int_equal(linkpair_init(&p, 15), PN_OK);
        pn_gate_set_difficulty(p.gate, 22);
        assert_int_equal(linkpair_connect(&p, PN_LINK_CLIENT, 4096), PN_OK);
        assert_int_equal(linkpair_carry(&p, p.dialled, p.accepted), PN_OK);
        simenv_advance(&p.sim, 5000);
        assert_int_equal(linkpair_carry(&p, p.accepted, p.dialled), PN_OK);
        assert_int_equal(pn_link_deadline(p.dialled), p.sim.mono_ms);
        assert_int_equal(pn_link_tick(p.dialled), PN_OK);
        simenv_advance(&p.sim, PN_LINK_HANDSHAKE_MS - 1);
        assert_int_equal(pn_link_tick(p.dialled), PN_OK);
        simenv_advance(&p.sim, 1);
        if (late)
            assert_int_equal(pn_link_tick(p.dialled), PN_E_TIMEOUT);
        else
            assert_int_equal(pn_link_feed(p.dialled, &in), PN_E_PROTO);
        assert_int_equal(pn_link_get_state(p.dialled), PN_LINK_DEAD);
        linkpair_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puzzle_then_open),
        cmocka_unit_test(faults_do_not_move_the_end),
        cmocka_unit_test(replayed_solution_is_silence),
        cmocka_unit_test(puzzles_end),
        cmocka_unit_test(solving_has_its_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
