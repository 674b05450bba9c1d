#include "tests/support/cmocka.h"

#include "relay/core/bucket.h"

/* A full bucket gives exactly its burst at once, then one per interval. */
static void burst_then_rate(void **state)
{
    const rl_rate rate = { 200, 400 };
    rl_bucket b = { 0 };
    uint64_t now = 5000;
    (void)state;
    for (int i = 0; i < 400; i++)
        assert_int_equal(rl_bucket_take(&b, rate, now), 0);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(rl_bucket_take(&b, rate, now), 5);
        assert_int_equal(rl_bucket_take(&b, rate, now + 4), 1);
        now += 5;
        assert_int_equal(rl_bucket_take(&b, rate, now), 0);
    }
}

/* A long pause fills it to the burst and not beyond. */
static void pause_fills_to_the_brim_only(void **state)
{
    const rl_rate rate = { 10, 3 };
    rl_bucket b = { 0 };
    (void)state;
    for (int round = 1; round < 4; round++) {
        const uint64_t now = (uint64_t)round * 1000000;
        for (int i = 0; i < 3; i++)
            assert_int_equal(rl_bucket_take(&b, rate, now), 0);
        assert_true(rl_bucket_take(&b, rate, now) > 0);
    }
}

/* Waiting as long as it says is always enough. */
static void its_word_on_waiting_is_good(void **state)
{
    static const rl_rate rates[] = {
        { 1, 1 }, { 3, 7 }, { 999, 2 }, { 1000000, 1000000 }
    };
    (void)state;
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        rl_bucket b = { 0 };
        uint64_t now = 1;
        for (int i = 0; i < 3000; i++) {
            const uint32_t wait = rl_bucket_take(&b, rates[r], now);
            if (wait == 0)
                continue;
            now += wait;
            assert_int_equal(rl_bucket_take(&b, rates[r], now), 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(burst_then_rate),
        cmocka_unit_test(pause_fills_to_the_brim_only),
        cmocka_unit_test(its_word_on_waiting_is_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
