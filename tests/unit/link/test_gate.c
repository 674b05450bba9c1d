/* The gate under load: puzzles, epochs, and the memory of spent solutions. */
#include "proto/link/gate.h"

#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/support/faults.h"
#include "tests/support/linkpair.h"

typedef struct desk {
    linkpair p;
    uint8_t here[PN_GATE_PEER_BYTES], elsewhere[PN_GATE_PEER_BYTES];
    uint8_t hello[PN_LINK_HELLO_BYTES];
    uint8_t retry[PN_LINK_HELLO_BYTES];
} desk;

/* A gate that asks for `bits`, and a client's message 1. */
static void set_up(desk *d, unsigned bits)
{
    assert_int_equal(linkpair_init(&d->p, 3), PN_OK);
    pn_gate_set_difficulty(d->p.gate, bits);
    pn_gate_hash_peer(d->here, PN_BYTES_LIT("here"));
    pn_gate_hash_peer(d->elsewhere, PN_BYTES_LIT("elsewhere"));
    assert_int_equal(pn_random(&d->p.env, d->hello, sizeof d->hello), PN_OK);
    pn_hello_seal_mac1(&d->p.gate->keys, PN_LINK_CLIENT, d->hello);
}

static pn_gate_verdict judge(desk *d, const uint8_t *peer)
{
    pn_gate_verdict verdict;
    pn_link_role role;
    assert_int_equal(pn_gate_judge(d->p.gate, d->hello, peer, &role, &verdict),
                     PN_OK);
    return verdict;
}

static void ask(desk *d, const uint8_t *peer)
{
    assert_int_equal(pn_gate_ask(d->p.gate, d->hello, peer, d->retry), PN_OK);
}

/* Solve d->retry into d->hello. */
static void solve(desk *d)
{
    const pn_hello_keys *keys = &d->p.gate->keys;
    pn_puzzle puzzle;
    assert_int_equal(pn_hello_retry_open(d->retry, keys, d->hello, &puzzle),
                     PN_OK);
    memcpy(puzzle.solution, d->hello + PN_HELLO_SOLUTION_AT, 16);
    pn_hello_digest(puzzle.digest, d->hello);
    while (!pn_puzzle_step(&puzzle, 1000)) {
    }
    memcpy(d->hello + PN_HELLO_SOLUTION_AT, puzzle.solution, 16);
    pn_hello_seal_mac1(keys, PN_LINK_CLIENT, d->hello);
}

/* Leading zero bits, counted at every boundary; the count never overreaches. */
static void counts_zero_bits(void **state)
{
    (void)state;
    for (unsigned zeros = 0; zeros <= 256; zeros++) {
        uint8_t output[32];
        memset(output, 0xff, sizeof output);
        for (unsigned bit = 0; bit < zeros; bit++)
            output[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
        for (unsigned d = 0; d <= 256; d++)
            assert_int_equal(pn_puzzle_meets(output, d), d <= zeros);
    }
}

/* Tags that fall on one slot push each other on, around the table's end too,
 * and are still found. */
static void memory_finds_what_was_pushed_on(void **state)
{
    static const uint64_t homes[] = { 7, PN_SPENT_SLOTS - 1 };
    (void)state;
    for (size_t h = 0; h < 2; h++) {
        pn_spent spent = { 0 };
        for (unsigned again = 0; again < 2; again++)
            for (uint64_t i = 1; i < 5; i++)
                assert_int_equal(
                    pn_spent_add(&spent, homes[h] + i * PN_SPENT_SLOTS),
                    again ? PN_E_EXISTS : PN_OK);
        assert_int_equal(spent.count, 4);
        pn_spent_clear(&spent);
    }
}

/* A solution opens the gate once, then is known. */
static void solution_passes_once(void **state)
{
    desk d;
    (void)state;
    set_up(&d, 12);
    assert_int_equal(judge(&d, d.here), PN_GATE_ASK);
    ask(&d, d.here);
    solve(&d);
    assert_int_equal(judge(&d, d.here), PN_GATE_PASS);
    assert_int_equal(judge(&d, d.here), PN_GATE_REPLAY);
    assert_int_equal(pn_gate_read_stats(d.p.gate).replays, 1);
    /* Other bytes under the same solution are another puzzle. */
    d.hello[100] ^= 1;
    pn_hello_seal_mac1(&d.p.gate->keys, PN_LINK_CLIENT, d.hello);
    assert_int_equal(judge(&d, d.here), PN_GATE_ASK);
    linkpair_free(&d.p);
}

/* A solution is worth nothing from elsewhere. */
static void solution_is_bound_to_the_peer(void **state)
{
    desk d;
    (void)state;
    set_up(&d, 14);
    ask(&d, d.here);
    solve(&d);
    assert_int_equal(judge(&d, d.elsewhere), PN_GATE_ASK);
    assert_int_equal(judge(&d, d.here), PN_GATE_PASS);
    linkpair_free(&d.p);
}

/* It holds through the next epoch, and not through the one after. */
static void solution_expires(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        desk d;
        set_up(&d, 14);
        ask(&d, d.here);
        solve(&d);
        simenv_advance(&d.p.sim,
                       late ? 2 * PN_GATE_EPOCH_MS : PN_GATE_EPOCH_MS);
        assert_int_equal(judge(&d, d.here), late ? PN_GATE_ASK : PN_GATE_PASS);
        if (!late) {
            simenv_advance(&d.p.sim, PN_GATE_EPOCH_MS - 1);
            assert_int_equal(judge(&d, d.here), PN_GATE_REPLAY);
            simenv_advance(&d.p.sim, 1);
            assert_int_equal(judge(&d, d.here), PN_GATE_ASK);
        }
        linkpair_free(&d.p);
    }
}

/* An epoch that began late does not keep the one before it alive. */
static void late_turn_does_not_prolong(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        uint8_t solved[PN_LINK_HELLO_BYTES];
        desk d;
        set_up(&d, 14);
        ask(&d, d.here);
        solve(&d);
        memcpy(solved, d.hello, sizeof solved);
        simenv_advance(&d.p.sim, 2 * PN_GATE_EPOCH_MS - 5);
        d.hello[100] ^= 1; /* somebody else turns the epoch */
        pn_hello_seal_mac1(&d.p.gate->keys, PN_LINK_CLIENT, d.hello);
        assert_int_equal(judge(&d, d.here), PN_GATE_ASK);
        simenv_advance(&d.p.sim, late ? 5 : 4);
        memcpy(d.hello, solved, sizeof solved);
        assert_int_equal(judge(&d, d.here), late ? PN_GATE_ASK : PN_GATE_PASS);
        linkpair_free(&d.p);
    }
}

/* Switching puzzles off and on again does not revive a spent solution. */
static void switching_off_forgets_secrets(void **state)
{
    desk d;
    (void)state;
    set_up(&d, 14);
    ask(&d, d.here);
    solve(&d);
    assert_int_equal(judge(&d, d.here), PN_GATE_PASS);
    pn_gate_set_difficulty(d.p.gate, 0);
    assert_null(d.p.gate->epochs[0].spent.slots);
    assert_int_equal(judge(&d, d.here), PN_GATE_PASS); /* none is asked */
    pn_gate_set_difficulty(d.p.gate, 14);
    assert_int_equal(judge(&d, d.here), PN_GATE_ASK);
    pn_gate_set_difficulty(d.p.gate, 99);
    assert_int_equal(d.p.gate->difficulty, PN_LINK_DIFFICULTY_MAX);
    linkpair_free(&d.p);
}

/* A full memory ends the epoch early: the late-comer is asked again, and no
 * earlier solution passes a second time. */
static void full_memory_turns_the_epoch(void **state)
{
    uint8_t early[PN_LINK_HELLO_BYTES];
    desk d;
    pn_spent *spent;
    (void)state;
    set_up(&d, 10);
    ask(&d, d.here);
    solve(&d);
    memcpy(early, d.hello, sizeof early);
    assert_int_equal(judge(&d, d.here), PN_GATE_PASS);
    spent = &d.p.gate->epochs[0].spent;
    for (uint64_t tag = 2; spent->count < PN_SPENT_MAX; tag += 2)
        assert_int_equal(pn_spent_add(spent, tag * 0x9e3779b97f4a7c15U), PN_OK);
    assert_int_equal(pn_spent_add(spent, 1), PN_E_FULL);
    d.hello[100] ^= 1;
    pn_hello_seal_mac1(&d.p.gate->keys, PN_LINK_CLIENT, d.hello);
    ask(&d, d.here);
    solve(&d);
    assert_int_equal(judge(&d, d.here), PN_GATE_ASK);
    assert_int_equal(d.p.gate->epochs[0].spent.count, 0);
    assert_int_equal(d.p.gate->epochs[1].spent.count, PN_SPENT_MAX);
    ask(&d, d.here);
    solve(&d);
    assert_int_equal(judge(&d, d.here), PN_GATE_PASS);
    memcpy(d.hello, early, sizeof early);
    assert_int_equal(judge(&d, d.here), PN_GATE_REPLAY);
    linkpair_free(&d.p);
}

/* Links need the X25519 half only: the signing key is not copied. */
static void gate_holds_no_signing_key(void **state)
{
    static const uint8_t none[64] = { 0 };
    linkpair p;
    (void)state;
    assert_int_equal(linkpair_init(&p, 4), PN_OK);
    assert_memory_not_equal(p.relay.sign_sk, none, sizeof none);
    assert_memory_equal(p.gate->id.sign_sk, none, sizeof none);
    assert_memory_equal(p.gate->id.noise_sk, p.relay.noise_sk, 32);
    linkpair_free(&p);
}

/* A stranger costs the gate a hash, and is counted. */
static void stranger_is_told_apart(void **state)
{
    desk d;
    (void)state;
    set_up(&d, 0);
    assert_int_equal(judge(&d, d.here), PN_GATE_PASS);
    d.hello[5] ^= 1;
    assert_int_equal(judge(&d, d.here), PN_GATE_STRANGER);
    assert_int_equal(pn_gate_read_stats(d.p.gate).strangers, 1);
    assert_int_equal(pn_gate_read_stats(d.p.gate).handshakes, 0);
    linkpair_free(&d.p);
}

/* No randomness, no puzzle; no memory, no pass. */
static void gate_fails_cleanly(void **state)
{
    pn_gate_verdict verdict;
    pn_link_role role;
    desk d;
    (void)state;
    set_up(&d, 8);
    d.p.sim.random_fails = true;
    assert_int_equal(pn_gate_judge(d.p.gate, d.hello, d.here, &role, &verdict),
                     PN_E_RANDOM);
    assert_int_equal(pn_gate_ask(d.p.gate, d.hello, d.here, d.retry),
                     PN_E_RANDOM);
    d.p.sim.random_fails = false;
    ask(&d, d.here);
    solve(&d);
    faults_arm(1);
    assert_int_equal(pn_gate_judge(d.p.gate, d.hello, d.here, &role, &verdict),
                     PN_E_NOMEM);
    assert_true(faults_hit());
    assert_int_equal(judge(&d, d.here), PN_GATE_PASS);
    linkpair_free(&d.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_zero_bits),
        cmocka_unit_test(memory_finds_what_was_pushed_on),
        cmocka_unit_test(solution_passes_once),
        cmocka_unit_test(solution_is_bound_to_the_peer),
        cmocka_unit_test(solution_expires),
        cmocka_unit_test(late_turn_does_not_prolong),
        cmocka_unit_test(switching_off_forgets_secrets),
        cmocka_unit_test(full_memory_turns_the_epoch),
        cmocka_unit_test(gate_holds_no_signing_key),
        cmocka_unit_test(stranger_is_told_apart),
        cmocka_unit_test(gate_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
