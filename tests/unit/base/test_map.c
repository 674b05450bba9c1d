#include "tests/support/cmocka.h"

#include <string.h>

#include "proto/base/map.h"
#include "tests/support/faults.h"
#include "tests/support/simenv.h"

/* The published example: key 00..0f, message 00..0e (SipHash paper, app. A) */
static void siphash_matches_its_paper(void **state)
{
    const uint64_t seed[2] = { 0x0706050403020100U, 0x0f0e0d0c0b0a0908U };
    uint8_t msg[15];
    (void)state;
    for (uint8_t i = 0; i < sizeof msg; i++)
        msg[i] = i;
    assert_true(pn_siphash(seed, msg, sizeof msg) == 0xa129ca6149be45e5U);
}

/* Against a plain array as the model: thousands of puts and takes agree. */
static void agrees_with_a_plain_model(void **state)
{
    enum { KEYS = 512 };
    static int present[KEYS];
    simenv sim;
    pn_env env;
    pn_map m;
    size_t count = 0;
    (void)state;
    simenv_init(&sim, 3);
    env = simenv_env(&sim);
    assert_int_equal(pn_map_init(&m, &env, 2, 400), PN_OK);
    for (int round = 0; round < 50000; round++) {
        const size_t k = simenv_next(&sim) % KEYS;
        const uint8_t key[2] = { (uint8_t)(k >> 8), (uint8_t)k };
        if (simenv_next(&sim) % 2 == 0) {
            const pn_err want = present[k]     ? PN_E_EXISTS
                                : count == 400 ? PN_E_FULL
                                               : PN_OK;
            assert_int_equal(pn_map_put(&m, key, &present[k]), want);
            if (want == PN_OK) {
                present[k] = 1;
                count++;
            }
        } else {
            void *got = pn_map_take(&m, key);
            assert_ptr_equal(got, present[k] ? &present[k] : NULL);
            count -= (size_t)present[k];
            present[k] = 0;
        }
        assert_int_equal(m.count, count);
    }
    for (size_t k = 0; k < KEYS; k++) {
        const uint8_t key[2] = { (uint8_t)(k >> 8), (uint8_t)k };
        assert_ptr_equal(pn_map_get(&m, key), present[k] ? &present[k] : NULL);
    }
    {
        size_t at = 0, seen = 0;
        while (pn_map_next(&m, &at) != NULL)
            seen++;
        assert_int_equal(seen, count);
    }
    pn_map_free(&m);
}

static void no_memory_leaves_the_map_whole(void **state)
{
    simenv sim;
    pn_env env;
    pn_map m;
    int value = 0;
    (void)state;
    simenv_init(&sim, 3);
    env = simenv_env(&sim);
    assert_int_equal(pn_map_init(&m, &env, 0, 1), PN_E_ARG);
    assert_int_equal(pn_map_init(&m, &env, 65, 1), PN_E_ARG);
    assert_int_equal(pn_map_init(&m, &env, 1, 100), PN_OK);
    for (uint8_t k = 0; k < 100; k++) {
        for (unsigned n = 1; n <= 2; n++) {
            pn_err err;
            assert_true(faults_arm(n));
            err = pn_map_put(&m, &k, &value);
            if (faults_hit())
                assert_int_equal(err, PN_E_NOMEM);
            else
                assert_true(err == PN_OK || err == PN_E_EXISTS);
        }
        if (pn_map_get(&m, &k) == NULL)
            assert_int_equal(pn_map_put(&m, &k, &value), PN_OK);
        assert_int_equal(m.count, k + 1U);
    }
    pn_map_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_matches_its_paper),
        cmocka_unit_test(agrees_with_a_plain_model),
        cmocka_unit_test(no_memory_leaves_the_map_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
