#include "tests/support/cmocka.h"

#include <string.h>

#include "tests/support/simenv.h"

/* Every value below the bound occurs, none at or above it. */
static void random_below_is_bounded(void **state)
{
    simenv sim;
    pn_env env;
    unsigned seen[7] = { 0 };
    uint32_t v = 0;
    (void)state;
    simenv_init(&sim, 1);
    env = simenv_env(&sim);
    for (int i = 0; i < 7000; i++) {
        assert_int_equal(pn_random_below(&env, 7, &v), PN_OK);
        assert_true(v < 7);
        seen[v]++;
    }
    for (int i = 0; i < 7; i++)
        assert_true(seen[i] > 800 && seen[i] < 1200);
    assert_int_equal(pn_random_below(&env, 1, &v), PN_OK);
    assert_int_equal(v, 0);
    assert_int_equal(pn_random_below(&env, 0, &v), PN_E_ARG);
    sim.random_fails = true;
    assert_int_equal(pn_random_below(&env, 7, &v), PN_E_RANDOM);
}

/* A long log line is cut, not overrun; a silent environment is fine. */
static void log_lines_are_cut(void **state)
{
    char big[2000];
    simenv sim;
    pn_env env;
    (void)state;
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    simenv_init(&sim, 1);
    env = simenv_env(&sim);
    pn_log(&env, PN_LOG_INFO, "%s", big);
    assert_int_equal(sim.log_lines, 1);
    assert_int_equal(strlen(sim.last_line), 511);
    env.log = NULL;
    pn_log(&env, PN_LOG_INFO, "%s", big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_below_is_bounded),
        cmocka_unit_test(log_lines_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
