#include "tests/support/cmocka.h"

#include <string.h>
#include <time.h>

#include "proto/carrier/sysenv.h"

static void keep_line(void *ctx, pn_log_level level, const char *line)
{
    char *to = ctx;
    if (level == PN_LOG_WARN)
        (void)strncpy(to, line, 31);
}

/* The clocks agree with the system's, and monotonic time does not go back. */
static void clocks_run(void **state)
{
    const pn_env env = pn_sysenv(NULL, NULL);
    const uint64_t a = pn_mono_ms(&env), b = pn_mono_ms(&env);
    const uint64_t wall = pn_wall_ms(&env) / 1000;
    const uint64_t now = (uint64_t)time(NULL);
    (void)state;
    assert_true(b >= a);
    assert_true(wall + 2 >= now && wall <= now + 2);
}

/* Random bytes fill the whole range, at any length, and do not repeat. */
static void random_fills(void **state)
{
    const pn_env env = pn_sysenv(NULL, NULL);
    uint8_t a[1000] = { 0 }, b[1000] = { 0 };
    unsigned zeros = 0;
    (void)state;
    assert_int_equal(pn_random(&env, a, 0), PN_OK);
    assert_int_equal(pn_random(&env, a, sizeof a), PN_OK);
    assert_int_equal(pn_random(&env, b, sizeof b), PN_OK);
    for (size_t i = 0; i < sizeof a; i++)
        zeros += a[i] == 0;
    assert_true(zeros < 30);
    assert_true(memcmp(a, b, sizeof a) != 0);
}

/* A line reaches the callback; without one it is dropped. */
static void log_reaches_the_callback(void **state)
{
    char line[32] = "";
    const pn_env env = pn_sysenv(keep_line, line);
    const pn_env quiet = pn_sysenv(NULL, NULL);
    (void)state;
    pn_log(&env, PN_LOG_WARN, "%d links", 3);
    assert_string_equal(line, "3 links");
    pn_log(&quiet, PN_LOG_WARN, "nobody");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_run),
        cmocka_unit_test(random_fills),
        cmocka_unit_test(log_reaches_the_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
