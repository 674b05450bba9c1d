/* Coming to be open, and the silence towards everybody else. */
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

/* Whatever a stranger sends, and however much, it gets no byte, costs no
 * public-key operation, and is closed at the one time drawn at accept. */
static void strangers_get_silence(void **state)
{
    static const size_t lens[] = { 0, 1, 2047, 2048, 2049, 70000 };
    uint64_t first = 0;
    (void)state;
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        linkpair p;
        uint8_t *junk = test_calloc(1, 70000);
        pn_bytes in = { junk, lens[i] };
        uint64_t deadline;
        assert_int_equal(linkpair_init(&p, 5), PN_OK);
        assert_int_equal(linkpair_connect(&p, PN_LINK_CLIENT, 4096), PN_OK);
        deadline = pn_link_deadline(p.accepted);
        if (i == 0)
            first = deadline;
        assert_int_equal(deadline, first);
        assert_in_range(deadline, p.sim.mono_ms + PN_LINK_SILENCE_MIN_MS,
                        p.sim.mono_ms + PN_LINK_SILENCE_MAX_MS);
        p.sim.mono_ms = deadline - 1;
        feed_all(p.accepted, in);
        assert_int_equal(pn_link_get_state(p.accepted),
                         lens[i] < 2048 ? PN_LINK_HANDSHAKE : PN_LINK_SILENT);
        assert_int_equal(pn_link_tick(p.accepted), PN_OK);
        assert_int_equal(pn_link_deadline(p.accepted), deadline);
        assert_int_equal(pn_link_output(p.accepted).len, 0);
        p.sim.mono_ms = deadline;
        assert_int_equal(pn_link_tick(p.accepted), PN_E_TIMEOUT);
        assert_int_equal(pn_link_get_state(p.accepted), PN_LINK_DEAD);
        assert_int_equal(pn_link_output(p.accepted).len, 0);
        assert_int_equal(pn_gate_read_stats(p.gate).strangers, 1);
        assert_int_equal(pn_gate_read_stats(p.gate).handshakes, 0);
        test_free(junk);
        linkpair_free(&p);
    }
}

/* The times of silence fill their range. */
static void silence_varies(void **state)
{
    uint64_t least = UINT64_MAX, most = 0;
    linkpair p;
    (void)state;
    assert_int_equal(linkpair_init(&p, 6), PN_OK);
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t wait;
        assert_int_equal(
            pn_link_accept(&p.accepted, p.gate, (pn_bytes){ NULL, 0 }), PN_OK);
        wait = pn_link_deadline(p.accepted) - p.sim.mono_ms;
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
        pn_link_free(&p.accepted);
    }
    assert_in_range(least, PN_LINK_SILENCE_MIN_MS, PN_LINK_SILENCE_MIN_MS + 50);
    assert_in_range(most, PN_LINK_SILENCE_MAX_MS - 50, PN_LINK_SILENCE_MAX_MS);
    linkpair_free(&p);
}

/* One bit of message 1 changed: mac1 fails, silence. With mac1 made anew by
 * somebody who knows the relay key: the handshake fails, and silence too. */
static void tampered_message_1(void **state)
{
    (void)state;
    for (unsigned role = 0; role < 2; role++)
        for (size_t at = 0; at < PN_LINK_HELLO_BYTES; at += 61) {
            for (unsigned fix = 0; fix < 2; fix++) {
                uint8_t hello[PN_LINK_HELLO_BYTES];
                linkpair p;
                pn_bytes in;
                assert_int_equal(linkpair_init(&p, 7), PN_OK);
                assert_int_equal(linkpair_connect(&p, (pn_link_role)role, 1024),
                                 PN_OK);
                in = copy_output(p.dialled, hello);
                hello[at] ^= 0x04;
                if (fix)
                    pn_hello_seal_mac1(&p.gate->keys, (pn_link_role)role,
                                       hello);
                feed_all(p.accepted, in);
                /* Not covered: mac1 itself, and a solution nobody asked. */
                if (fix && at < PN_HELLO_NOISE_AT) {
                    assert_int_equal(pn_link_get_state(p.accepted),
                                     PN_LINK_HANDSHAKE);
                } else {
                    assert_int_equal(pn_link_get_state(p.accepted),
                                     PN_LINK_SILENT);
                    assert_int_equal(pn_link_output(p.accepted).len, 0);
                    assert_int_equal(pn_link_fault(p.accepted), PN_E_CRYPTO);
                }
                assert_int_equal(pn_gate_read_stats(p.gate).handshakes, fix);
                linkpair_free(&p);
            }
        }
}

/* One bit of message 2 changed: the initiator is dead, and says why. */
static void tampered_message_2(void **state)
{
    (void)state;
    for (size_t at = 0; at < PN_LINK_HELLO_BYTES; at += 53) {
        uint8_t answer[PN_LINK_HELLO_BYTES];
        linkpair p;
        pn_bytes in;
        assert_int_equal(linkpair_init(&p, 8), PN_OK);
        assert_int_equal(linkpair_connect(&p, PN_LINK_RELAY, 1024), PN_OK);
        assert_int_equal(linkpair_carry(&p, p.dialled, p.accepted), PN_OK);
        in = copy_output(p.accepted, answer);
        answer[at] ^= 0x40;
        assert_int_equal(pn_link_feed(p.dialled, &in), PN_E_CRYPTO);
        assert_int_equal(pn_link_get_state(p.dialled), PN_LINK_DEAD);
        assert_int_equal(pn_link_output(p.dialled).len, 0);
        assert_true(pn_link_ok(p.dialled));
        linkpair_free(&p);
    }
}

/* A relay that knows none of the versions offered stays silent. */
static void no_common_version(void **state)
{
    const pn_link_offer offer = { .version_min = 2,
                                  .version_max = 9,
                                  .record_size = 4096 };
    linkpair p;
    (void)state;
    assert_int_equal(linkpair_init(&p, 9), PN_OK);
    assert_int_equal(linkpair_connect(&p, PN_LINK_CLIENT, 4096), PN_OK);
    pn_link_free(&p.dialled);
    assert_int_equal(
        pn_link_dial(&p.dialled, &p.env, p.relay.relay_key, &offer, NULL),
        PN_OK);
    assert_int_equal(linkpair_pump(&p), PN_OK);
    assert_int_equal(pn_link_get_state(p.accepted), PN_LINK_SILENT);
    assert_int_equal(pn_link_fault(p.accepted), PN_E_VERSION);
    simenv_advance(&p.sim, PN_LINK_HANDSHAKE_MS);
    assert_int_equal(pn_link_tick(p.dialled), PN_E_TIMEOUT);
    assert_int_equal(pn_link_tick(p.accepted), PN_E_TIMEOUT);
    linkpair_free(&p);
}

/* Bad offers and relay keys are refused before anything is made. */
static void dial_checks_its_arguments(void **state)
{
    static const pn_link_offer bad[] = {
        { .version_min = 0, .version_max = 1, .record_size = 4096 },
        { .version_min = 2, .version_max = 1, .record_size = 4096 },
        { .version_min = 1, .version_max = 1, .record_size = 0 },
        { .version_min = 1, .version_max = 1, .record_size = 2048 },
    };
    const pn_link_offer good = { .version_min = 1,
                                 .version_max = 1,
                                 .record_size = 4096 };
    uint8_t key[32] = { 1 }; /* the neutral element */
    linkpair p;
    (void)state;
    assert_int_equal(linkpair_init(&p, 10), PN_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(
            pn_link_dial(&p.dialled, &p.env, p.relay.relay_key, &bad[i], NULL),
            PN_E_ARG);
    assert_int_equal(pn_link_dial(&p.dialled, &p.env, key, &good, NULL),
                     PN_E_CRYPTO);
    memset(key, 0xff, sizeof key);
    assert_int_equal(pn_link_dial(&p.dialled, &p.env, key, &good, NULL),
                     PN_E_CRYPTO);
    assert_null(p.dialled);
    linkpair_free(&p);
}

/* A relay key is a point of the prime-order group, or no key: neither one off
 * the curve, nor of small order, nor with a part of small order. */
static void odd_relay_keys_are_refused(void **state)
{
    static const uint8_t off_the_curve[32] = { 2 };
    static const uint8_t small[32] = { 1 };
    uint8_t mixed[32], out[32];
    unsigned borrow = 0;
    linkpair p;
    (void)state;
    assert_int_equal(linkpair_init(&p, 19), PN_OK);
    /* The key plus the point of order 2: (-x, -y). */
    for (size_t i = 0; i < 32; i++) {
        const unsigned prime = i == 0 ? 0xed : i == 31 ? 0x7f : 0xff;
        const unsigned y = p.relay.relay_key[i] & (i == 31 ? 0x7fU : 0xffU);
        mixed[i] = (uint8_t)(prime - y - borrow);
        borrow = prime < y + borrow;
    }
    mixed[31] |= (uint8_t)(~p.relay.relay_key[31] & 0x80);
    assert_int_equal(pn_link_noise_key(out, p.relay.relay_key), PN_OK);
    assert_memory_equal(out, p.relay.noise_pk, 32);
    assert_int_equal(pn_link_noise_key(out, off_the_curve), PN_E_CRYPTO);
    assert_int_equal(pn_link_noise_key(out, small), PN_E_CRYPTO);
    assert_int_equal(pn_link_noise_key(out, mixed), PN_E_CRYPTO);
    linkpair_free(&p);
}

/* The key -A has the X25519 image of A. Who dials it is a stranger: the address
 * with its sign changed is no second name of the relay. */
static void negated_key_is_a_stranger(void **state)
{
    uint8_t hello[PN_LINK_HELLO_BYTES], out[32];
    linkpair p;
    (void)state;
    assert_int_equal(linkpair_init(&p, 20), PN_OK);
    p.relay.relay_key[31] ^= 0x80; /* what the client believes */
    assert_int_equal(pn_link_noise_key(out, p.relay.relay_key), PN_OK);
    assert_memory_equal(out, p.relay.noise_pk, 32);
    assert_int_equal(linkpair_connect(&p, PN_LINK_CLIENT, 4096), PN_OK);
    feed_all(p.accepted, copy_output(p.dialled, hello));
    assert_int_equal(pn_link_get_state(p.accepted), PN_LINK_SILENT);
    assert_int_equal(pn_gate_read_stats(p.gate).strangers, 1);
    linkpair_free(&p);
}

/* A replayed message 1 is answered, but never counts as connected: without the
 * keys no first record can be made, and nothing may be sent to it. */
static void replay_never_opens(void **state)
{
    uint8_t hello[PN_LINK_HELLO_BYTES], record[1024];
    pn_link *again = NULL;
    linkpair p;
    pn_bytes in, first;
    (void)state;
    assert_int_equal(linkpair_init(&p, 11), PN_OK);
    assert_int_equal(linkpair_connect(&p, PN_LINK_CLIENT, 1024), PN_OK);
    in = copy_output(p.dialled, hello);
    assert_int_equal(linkpair_carry(&p, p.dialled, p.accepted), PN_OK);
    assert_int_equal(linkpair_carry(&p, p.accepted, p.dialled), PN_OK);
    first = pn_link_output(p.dialled);
    assert_int_equal(first.len, sizeof record);
    memcpy(record, first.p, sizeof record);
    assert_int_equal(linkpair_pump(&p), PN_OK);
    assert_int_equal(pn_link_get_state(p.accepted), PN_LINK_OPEN);

    assert_int_equal(pn_link_accept(&again, p.gate, (pn_bytes){ NULL, 0 }),
                     PN_OK);
    feed_all(again, in);
    assert_int_equal(pn_link_output(again).len, PN_LINK_HELLO_BYTES);
    assert_int_equal(pn_link_get_state(again), PN_LINK_HANDSHAKE);
    assert_int_equal(pn_link_send(again, PN_BYTES_LIT("x")), PN_E_STATE);
    assert_int_equal(pn_link_deadline(again),
                     p.sim.mono_ms + PN_LINK_HANDSHAKE_MS);
    feed_all(again, (pn_bytes){ record, sizeof record });
    assert_int_equal(pn_link_get_state(again), PN_LINK_SILENT);
    simenv_advance(&p.sim, PN_LINK_HANDSHAKE_MS);
    assert_int_equal(pn_link_tick(again), PN_E_TIMEOUT);
    pn_link_free(&again);
    linkpair_free(&p);
}

/* Nor does a replay borrow a relay's name: who the peer is can be asked only
 * when the first record has shown it. */
static void peer_is_known_when_open(void **state)
{
    linkpair p;
    (void)state;
    assert_int_equal(linkpair_init(&p, 18), PN_OK);
    assert_int_equal(linkpair_connect(&p, PN_LINK_RELAY, 1024), PN_OK);
    assert_null(pn_link_peer_static(p.accepted));
    assert_int_equal(linkpair_carry(&p, p.dialled, p.accepted), PN_OK);
    assert_int_equal(p.accepted->phase, PN_PHASE_CONFIRM);
    assert_null(pn_link_peer_static(p.accepted));
    assert_int_equal(linkpair_pump(&p), PN_OK);
    assert_memory_equal(pn_link_peer_static(p.accepted), p.other.noise_pk, 32);
    linkpair_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_get_silence),
        cmocka_unit_test(silence_varies),
        cmocka_unit_test(tampered_message_1),
        cmocka_unit_test(tampered_message_2),
        cmocka_unit_test(no_common_version),
        cmocka_unit_test(dial_checks_its_arguments),
        cmocka_unit_test(odd_relay_keys_are_refused),
        cmocka_unit_test(negated_key_is_a_stranger),
        cmocka_unit_test(replay_never_opens),
        cmocka_unit_test(peer_is_known_when_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
