/* New keys, and a peer that breaks the rules of how to come to them. */
#include <string.h>

#include "proto/link/link_internal.h"
#include "proto/link/record.h"
#include "tests/support/cmocka.h"
#include "tests/support/linkpair.h"

/* A forged rollover message, made by a peer that has the record keys. */
static void give_control(linkpair *p, pn_link *from, pn_link *to,
                         pn_frame_kind kind, pn_bytes body, pn_err expected)
{
    assert_int_equal(pn_outq_put_frame(&from->out, &from->send, kind, body),
                     PN_OK);
    assert_int_equal(pn_outq_flush(&from->out, &from->send), PN_OK);
    assert_int_equal(linkpair_carry(p, from, to), expected);
}

/* Each control frame that cannot be in a stage ends the link. */
static void refuses_wrong_messages(void **state)
{
    static const uint8_t junk[PN_CONTROL_MAX] = { 9 };
    const pn_bytes none = { junk, 0 }, all = { junk, sizeof junk };
    linkpair p;
    (void)state;
    for (unsigned kind = PN_FRAME_ROLLOVER_1; kind <= PN_FRAME_ROLLOVER_DONE;
         kind++) {
        assert_int_equal(linkpair_open(&p, 34, PN_LINK_CLIENT, 4096), PN_OK);
        simenv_advance(&p.sim, PN_LINK_ROLLOVER_MS);
        give_control(&p, p.dialled, p.accepted, (pn_frame_kind)kind, all,
                     kind == PN_FRAME_ROLLOVER_1 ? PN_E_CRYPTO : PN_E_PROTO);
        linkpair_free(&p);
        assert_int_equal(linkpair_open(&p, 34, PN_LINK_CLIENT, 4096), PN_OK);
        give_control(&p, p.accepted, p.dialled, (pn_frame_kind)kind, all,
                     PN_E_PROTO);
        linkpair_free(&p);
    }
    /* A short one, and one that is not genuine. */
    assert_int_equal(linkpair_open(&p, 35, PN_LINK_RELAY, 4096), PN_OK);
    simenv_advance(&p.sim, PN_LINK_ROLLOVER_MS);
    give_control(&p, p.dialled, p.accepted, PN_FRAME_ROLLOVER_1, none,
                 PN_E_SHORT);
    linkpair_free(&p);
    assert_int_equal(linkpair_open(&p, 35, PN_LINK_RELAY, 4096), PN_OK);
    simenv_advance(&p.sim, PN_LINK_ROLLOVER_MS);
    assert_int_equal(pn_link_tick(p.dialled), PN_OK);
    give_control(&p, p.accepted, p.dialled, PN_FRAME_ROLLOVER_2,
                 (pn_bytes){ junk, 1152 }, PN_E_CRYPTO);
    linkpair_free(&p);
    /* Done, and something with it. */
    assert_int_equal(linkpair_open(&p, 36, PN_LINK_CLIENT, 4096), PN_OK);
    simenv_advance(&p.sim, PN_LINK_ROLLOVER_MS);
    assert_int_equal(pn_link_tick(p.dialled), PN_OK);
    assert_int_equal(linkpair_carry(&p, p.dialled, p.accepted), PN_OK);
    assert_non_null(p.accepted->roll);
    give_control(&p, p.dialled, p.accepted, PN_FRAME_ROLLOVER_DONE,
                 (pn_bytes){ junk, 1 }, PN_E_PROTO);
    linkpair_free(&p);
    /* A second message 1 before the first is done. */
    assert_int_equal(linkpair_open(&p, 36, PN_LINK_CLIENT, 4096), PN_OK);
    simenv_advance(&p.sim, PN_LINK_ROLLOVER_MS);
    assert_int_equal(pn_link_tick(p.dialled), PN_OK);
    assert_int_equal(linkpair_carry(&p, p.dialled, p.accepted), PN_OK);
    give_control(&p, p.dialled, p.accepted, PN_FRAME_ROLLOVER_1, all,
                 PN_E_PROTO);
    linkpair_free(&p);
}

/* A rollover is public-key work for the responder, which no puzzle guards: one
 * before half the time or half the records have passed ends the link. */
static void too_early_ends_the_link(void **state)
{
    static const struct {
        uint64_t ms, records;
        bool early;
    } cases[] = {
        { PN_LINK_ROLLOVER_MS / 2 - 1, PN_LINK_ROLLOVER_RECORDS / 2 - 2, true },
        { PN_LINK_ROLLOVER_MS / 2, 0, false },
        { 0, PN_LINK_ROLLOVER_RECORDS / 2, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t begun;
        linkpair p;
        assert_int_equal(linkpair_open(&p, 38, PN_LINK_CLIENT, 4096), PN_OK);
        begun = pn_gate_read_stats(p.gate).handshakes;
        simenv_advance(&p.sim, cases[i].ms);
        p.dialled->recv.nonce = p.accepted->send.nonce = cases[i].records;
        /* An initiator that is in a hurry. */
        p.dialled->keyed_ms = p.sim.mono_ms - PN_LINK_ROLLOVER_MS;
        assert_int_equal(pn_link_tick(p.dialled), PN_OK);
        assert_non_null(p.dialled->roll);
        assert_int_equal(linkpair_carry(&p, p.dialled, p.accepted),
                         cases[i].early ? PN_E_PROTO : PN_OK);
        assert_int_equal(pn_gate_read_stats(p.gate).handshakes - begun,
                         cases[i].early ? 0 : 1);
        if (!cases[i].early) {
            assert_int_equal(linkpair_pump(&p), PN_OK);
            /* Straight away again: the new keys are young. */
            give_control(&p, p.dialled, p.accepted, PN_FRAME_ROLLOVER_1,
                         PN_BYTES_LIT("x"), PN_E_PROTO);
        }
        linkpair_free(&p);
    }
}

/* A control frame ends its record: where the key changes must not be a matter
 * of opinion. The rest of the record would otherwise be a sound frame. */
static void nothing_follows_a_control_frame(void **state)
{
    static const uint8_t data[] = { 3, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0 };
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        const size_t len = more ? sizeof data : 4;
        uint8_t record[1024];
        linkpair p;
        assert_int_equal(linkpair_open(&p, 38, PN_LINK_CLIENT, 1024), PN_OK);
        simenv_advance(&p.sim, PN_LINK_ROLLOVER_MS);
        assert_int_equal(pn_link_tick(p.dialled), PN_OK);
        assert_int_equal(linkpair_carry(&p, p.dialled, p.accepted), PN_OK);
        assert_non_null(p.accepted->roll);
        memcpy(record + PN_RECORD_DATA_AT, data, len);
        assert_int_equal(
            pn_record_seal(&p.dialled->send, record, sizeof record, len),
            PN_OK);
        assert_int_equal(
            linkpair_give(&p, p.accepted, (pn_bytes){ record, sizeof record }),
            more ? PN_E_PROTO : PN_OK);
        linkpair_free(&p);
    }
}

/* The handshake of a rollover carries no payload, however genuine. */
static void payload_is_refused(void **state)
{
    (void)state;
    for (unsigned full = 0; full < 2; full++) {
        const pn_bytes payload = { (const uint8_t *)"x", full };
        uint8_t message[PN_CONTROL_MAX], prologue[PN_HELLO_PROLOGUE_MAX];
        uint8_t remote[32];
        pn_out out = pn_out_over(message, sizeof message);
        pn_noise_setup setup;
        pn_noise noise;
        linkpair p;
        assert_int_equal(linkpair_open(&p, 40, PN_LINK_RELAY, 4096), PN_OK);
        simenv_advance(&p.sim, PN_LINK_ROLLOVER_MS);
        setup = pn_link_noise_setup(
            p.dialled, pn_hello_prologue(prologue, PN_LINK_RELAY,
                                         p.relay.relay_key, p.dialled->hash));
        assert_int_equal(pn_link_noise_key(remote, p.relay.relay_key), PN_OK);
        setup.remote_static = remote;
        assert_int_equal(pn_noise_init(&noise, &setup), PN_OK);
        assert_int_equal(pn_noise_write(&noise, &p.env, payload, &out), PN_OK);
        give_control(&p, p.dialled, p.accepted, PN_FRAME_ROLLOVER_1,
                     pn_out_view(&out), full ? PN_E_PROTO : PN_OK);
        linkpair_free(&p);
    }
}

/* A relay's rollover proves the same identity again, or the link ends. */
static void identity_must_stay(void **state)
{
    pn_link_identity someone;
    uint8_t seed[32] = { 1 };
    linkpair p;
    (void)state;
    assert_int_equal(pn_link_identity_from_seed(&someone, seed), PN_OK);
    assert_int_equal(linkpair_open(&p, 37, PN_LINK_RELAY, 4096), PN_OK);
    p.dialled->self = &someone;
    simenv_advance(&p.sim, PN_LINK_ROLLOVER_MS);
    assert_int_equal(pn_link_tick(p.dialled), PN_OK);
    assert_int_equal(linkpair_carry(&p, p.dialled, p.accepted), PN_E_CRYPTO);
    assert_int_equal(pn_link_get_state(p.accepted), PN_LINK_DEAD);
    linkpair_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_wrong_messages),
        cmocka_unit_test(too_early_ends_the_link),
        cmocka_unit_test(nothing_follows_a_control_frame),
        cmocka_unit_test(payload_is_refused),
        cmocka_unit_test(identity_must_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
