#include "tests/support/cmocka.h"

#include "relay/core/gate.h"
#include "tests/support/simenv.h"

static simenv sim;
static pn_env env;
static rl_gate gate;

static int setup(void **state)
{
    (void)state;
    simenv_init(&sim, 1);
    env = simenv_env(&sim);
    rl_gate_init(&gate, true);
    return 0;
}

/* Take an event; the state must then be `to`. Returns whether to dial. */
static bool take(rl_gate_event event, rl_gate_state to)
{
    const bool dial = rl_gate_take(&gate, &env, event, 0);
    assert_true(rl_gate_ok(&gate));
    assert_int_equal(gate.state, to);
    return dial;
}

static uint64_t wait(void)
{
    return gate.due_ms - sim.mono_ms;
}

static void due(void)
{
    simenv_advance(&sim, wait());
    assert_true(take(RL_GATE_DUE, RL_GATE_DIALLING));
}

/* The first wait is five seconds, each later one twice as long, a quarter of an
 * hour at most, and each 30 % more or less. */
static void waits_double_to_a_bound(void **state)
{
    uint64_t base = RL_GATE_FIRST_MS;
    bool differs = false;
    (void)state;
    assert_true(take(RL_GATE_WANTED, RL_GATE_DIALLING));
    for (int i = 0; i < 300; i++) {
        assert_false(take(RL_GATE_FAILED, RL_GATE_WAITING));
        assert_in_range(wait(), base * 7 / 10, base * 13 / 10);
        differs = differs || wait() != base;
        base = base * 2 < RL_GATE_LAST_MS ? base * 2 : RL_GATE_LAST_MS;
        due();
    }
    assert_true(differs);
}

/* More mail for a relay that does not answer changes nothing. */
static void mail_does_not_shorten_the_wait(void **state)
{
    uint64_t at;
    (void)state;
    (void)take(RL_GATE_WANTED, RL_GATE_DIALLING);
    (void)take(RL_GATE_FAILED, RL_GATE_WAITING);
    at = gate.due_ms;
    for (int i = 0; i < 1000; i++)
        assert_false(take(RL_GATE_WANTED, RL_GATE_WAITING));
    assert_int_equal(gate.due_ms, at);
}

/* A link that opens and is lost again is a failure like any other; only an
 * answer, or a call from over there, starts afresh. */
static void an_open_link_proves_nothing(void **state)
{
    (void)state;
    (void)take(RL_GATE_WANTED, RL_GATE_DIALLING);
    for (int i = 0; i < 4; i++) {
        (void)take(RL_GATE_LINKED, RL_GATE_PROBING);
        (void)take(RL_GATE_LOST, RL_GATE_WAITING);
        due();
    }
    assert_int_equal(gate.failures, 4);
    (void)take(RL_GATE_LINKED, RL_GATE_PROBING);
    (void)take(RL_GATE_ANSWERED, RL_GATE_OPEN);
    assert_int_equal(gate.failures, 0);
    (void)take(RL_GATE_LOST, RL_GATE_WAITING);
    assert_in_range(wait(), RL_GATE_FIRST_MS * 7 / 10,
                    RL_GATE_FIRST_MS * 13 / 10);
}

static void a_call_ends_the_wait(void **state)
{
    (void)state;
    (void)take(RL_GATE_WANTED, RL_GATE_DIALLING);
    for (int i = 0; i < 6; i++) {
        (void)take(RL_GATE_FAILED, RL_GATE_WAITING);
        due();
    }
    (void)take(RL_GATE_FAILED, RL_GATE_WAITING);
    (void)take(RL_GATE_CALLED, RL_GATE_PROBING);
    assert_int_equal(gate.failures, 0);
    /* The attempt that was under way when it called ends as it likes. */
    assert_false(rl_gate_take(&gate, &env, RL_GATE_FAILED, 0));
    assert_int_equal(gate.state, RL_GATE_PROBING);
}

/* A busy relay is left alone for as long as it asks, an hour at most, and not
 * less than a failure would cost. */
static void busy_rests(void **state)
{
    (void)state;
    (void)take(RL_GATE_WANTED, RL_GATE_DIALLING);
    (void)take(RL_GATE_LINKED, RL_GATE_PROBING);
    (void)take(RL_GATE_ANSWERED, RL_GATE_OPEN);
    assert_false(rl_gate_take(&gate, &env, RL_GATE_BUSY, 90000));
    assert_int_equal(gate.state, RL_GATE_RESTING);
    assert_false(rl_gate_is_up(&gate));
    assert_int_equal(wait(), 90000);
    simenv_advance(&sim, 90000);
    assert_false(take(RL_GATE_DUE, RL_GATE_PROBING));
    (void)rl_gate_take(&gate, &env, RL_GATE_BUSY, UINT32_MAX);
    assert_int_equal(wait(), RL_GATE_REST_MAX_MS);
    /* Losing the link does not shorten what it asked for. */
    (void)take(RL_GATE_LOST, RL_GATE_WAITING);
    assert_int_equal(wait(), RL_GATE_REST_MAX_MS);
    due();
    (void)take(RL_GATE_LINKED, RL_GATE_PROBING);
    (void)rl_gate_take(&gate, &env, RL_GATE_BUSY, 0);
    assert_true(wait() >= RL_GATE_FIRST_MS * 7 / 10);
}

/* Who may not dial waits, without a time, to be called. */
static void some_are_only_called(void **state)
{
    (void)state;
    rl_gate_init(&gate, false);
    assert_false(take(RL_GATE_WANTED, RL_GATE_WAITING));
    assert_int_equal(gate.due_ms, UINT64_MAX);
    (void)take(RL_GATE_CALLED, RL_GATE_PROBING);
    (void)take(RL_GATE_LOST, RL_GATE_WAITING);
    simenv_advance(&sim, 10 * RL_GATE_LAST_MS);
    assert_false(take(RL_GATE_DUE, RL_GATE_WAITING));
    assert_int_equal(gate.due_ms, UINT64_MAX);
    rl_gate_set_dial(&gate, &env, true);
    assert_int_equal(wait(), 0);
    assert_true(take(RL_GATE_DUE, RL_GATE_DIALLING));
}

/* A link that ends when there is nothing to send is no failure: it stood for a
 * while, or a parcel was answered, or the other end had dialled it. */
static void an_orderly_end_is_idle(void **state)
{
    (void)state;
    (void)take(RL_GATE_WANTED, RL_GATE_DIALLING);
    (void)take(RL_GATE_LINKED, RL_GATE_PROBING);
    simenv_advance(&sim, RL_GATE_STOOD_MS);
    (void)take(RL_GATE_ENDED, RL_GATE_IDLE);
    assert_int_equal(gate.failures, 0);
    assert_true(take(RL_GATE_WANTED, RL_GATE_DIALLING));
    (void)take(RL_GATE_LINKED, RL_GATE_PROBING);
    (void)take(RL_GATE_ANSWERED, RL_GATE_OPEN);
    (void)take(RL_GATE_ENDED, RL_GATE_IDLE);
    (void)take(RL_GATE_CALLED, RL_GATE_PROBING);
    (void)take(RL_GATE_ENDED, RL_GATE_IDLE);
    assert_int_equal(gate.failures, 0);
    assert_true(take(RL_GATE_WANTED, RL_GATE_DIALLING));
    (void)take(RL_GATE_FAILED, RL_GATE_WAITING);
    (void)take(RL_GATE_UNWANTED, RL_GATE_IDLE);
}

/* One that we dialled and that is gone at once has failed, whether or not
 * something is left to send: who asks again and again has it dialled ever more
 * seldom. */
static void an_end_at_once_is_a_failure(void **state)
{
    uint64_t base = RL_GATE_FIRST_MS;
    (void)state;
    for (int i = 0; i < 12; i++) {
        assert_true(take(RL_GATE_WANTED, RL_GATE_DIALLING));
        (void)take(RL_GATE_LINKED, RL_GATE_PROBING);
        simenv_advance(&sim, 10);
        (void)take(RL_GATE_ENDED, RL_GATE_WAITING);
        assert_false(take(RL_GATE_WANTED, RL_GATE_WAITING));
        assert_in_range(wait(), base * 7 / 10, base * 13 / 10);
        base = base * 2 < RL_GATE_LAST_MS ? base * 2 : RL_GATE_LAST_MS;
        simenv_advance(&sim, wait());
        (void)take(RL_GATE_UNWANTED, RL_GATE_IDLE);
    }
}

/* What it asked for while it rested holds when its link ends. */
static void a_rest_outlives_its_link(void **state)
{
    (void)state;
    (void)take(RL_GATE_CALLED, RL_GATE_PROBING);
    assert_false(rl_gate_take(&gate, &env, RL_GATE_BUSY, 90000));
    (void)take(RL_GATE_ENDED, RL_GATE_WAITING);
    assert_false(take(RL_GATE_WANTED, RL_GATE_WAITING));
    assert_int_equal(wait(), 90000);
}

/* One that stood for a minute was worth its dial. */
static void a_long_life_is_forgiven(void **state)
{
    (void)state;
    (void)take(RL_GATE_WANTED, RL_GATE_DIALLING);
    for (int i = 0; i < 5; i++) {
        (void)take(RL_GATE_FAILED, RL_GATE_WAITING);
        due();
    }
    (void)take(RL_GATE_LINKED, RL_GATE_PROBING);
    simenv_advance(&sim, RL_GATE_STOOD_MS);
    (void)take(RL_GATE_LOST, RL_GATE_WAITING);
    assert_int_equal(gate.failures, 1);
}

/* Any events in any order leave it whole, and never dial where it may not. */
static void any_order_is_harmless(void **state)
{
    (void)state;
    for (int i = 0; i < 200000; i++) {
        const rl_gate_event e =
            (rl_gate_event)(simenv_next(&sim) % RL_GATE_EVENTS);
        const uint8_t before = gate.state;
        bool dial;
        if (simenv_next(&sim) % 50 == 0)
            rl_gate_set_dial(&gate, &env, !gate.may_dial);
        sim.random_fails = simenv_next(&sim) % 9 == 0;
        dial = rl_gate_take(&gate, &env, e, (uint32_t)simenv_next(&sim));
        assert_true(rl_gate_ok(&gate));
        assert_int_equal(dial, before != RL_GATE_DIALLING &&
                                   gate.state == RL_GATE_DIALLING);
        assert_true(!dial || gate.may_dial);
        simenv_advance(&sim, simenv_next(&sim) % 100000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(waits_double_to_a_bound, setup),
        cmocka_unit_test_setup(mail_does_not_shorten_the_wait, setup),
        cmocka_unit_test_setup(an_open_link_proves_nothing, setup),
        cmocka_unit_test_setup(a_call_ends_the_wait, setup),
        cmocka_unit_test_setup(busy_rests, setup),
        cmocka_unit_test_setup(some_are_only_called, setup),
        cmocka_unit_test_setup(an_orderly_end_is_idle, setup),
        cmocka_unit_test_setup(an_end_at_once_is_a_failure, setup),
        cmocka_unit_test_setup(a_rest_outlives_its_link, setup),
        cmocka_unit_test_setup(a_long_life_is_forgiven, setup),
        cmocka_unit_test_setup(any_order_is_harmless, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
