#include "tests/support/cmocka.h"

#include <string.h>

#include "proto/base/bytes.h"
#include "proto/crypto/xwing.h"
#include "tests/support/simenv.h"

static const uint8_t zero[PN_XWING_CT_BYTES];

/* X25519 points of order 1, 2, 4 and 8, and one that is not canonical. */
static const char *const low_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static void make(pn_xwing_key *key, simenv *s)
{
    const pn_env env = simenv_env(s);
    uint8_t sk[PN_XWING_SK_BYTES];
    assert_int_equal(pn_random(&env, sk, sizeof sk), PN_OK);
    assert_int_equal(pn_xwing_expand(key, sk), PN_OK);
}

static void both_sides_agree(void **state)
{
    simenv s;
    pn_xwing_key key;
    uint8_t ct[PN_XWING_CT_BYTES], a[32], b[32], c[32];
    (void)state;
    simenv_init(&s, 1);
    for (unsigned i = 0; i < 20; i++) {
        const pn_env env = simenv_env(&s);
        make(&key, &s);
        assert_int_equal(pn_xwing_enc(ct, a, key.pk, &env), PN_OK);
        assert_int_equal(pn_xwing_dec(b, ct, &key), PN_OK);
        assert_memory_equal(a, b, 32);
        /* Either half changed gives another secret, and no error. */
        ct[i] ^= 1;
        assert_int_equal(pn_xwing_dec(c, ct, &key), PN_OK);
        assert_memory_not_equal(a, c, 32);
        ct[i] ^= 1;
        ct[PN_MLKEM768_CT_BYTES + 1] ^= 1;
        assert_int_equal(pn_xwing_dec(c, ct, &key), PN_OK);
        assert_memory_not_equal(a, c, 32);
    }
}

/* A point of low order is refused on both sides, and nothing is given out. */
static void low_order_points_are_refused(void **state)
{
    simenv s;
    pn_xwing_key key;
    (void)state;
    simenv_init(&s, 2);
    make(&key, &s);
    for (size_t i = 0; i < sizeof low_order / sizeof low_order[0]; i++) {
        const pn_env env = simenv_env(&s);
        uint8_t ct[PN_XWING_CT_BYTES], ss[32], pk[PN_XWING_PK_BYTES];
        memcpy(pk, key.pk, sizeof pk);
        assert_int_equal(pn_xwing_enc(ct, ss, pk, &env), PN_OK);
        assert_int_equal(pn_unhex(ct + PN_MLKEM768_CT_BYTES, 32, low_order[i]),
                         PN_OK);
        assert_int_equal(pn_xwing_dec(ss, ct, &key), PN_E_CRYPTO);
        assert_memory_equal(ss, zero, sizeof ss);
        assert_int_equal(pn_unhex(pk + PN_MLKEM768_PK_BYTES, 32, low_order[i]),
                         PN_OK);
        memset(ss, 1, sizeof ss);
        assert_int_equal(pn_xwing_enc(ct, ss, pk, &env), PN_E_CRYPTO);
        assert_memory_equal(ct, zero, sizeof ct);
        assert_memory_equal(ss, zero, sizeof ss);
    }
}

static void unreduced_pk_is_refused(void **state)
{
    simenv s;
    pn_xwing_key key;
    uint8_t ct[PN_XWING_CT_BYTES], ss[32];
    (void)state;
    simenv_init(&s, 3);
    make(&key, &s);
    const pn_env env = simenv_env(&s);
    memset(key.pk, 0xff, 3);
    assert_int_equal(pn_xwing_enc(ct, ss, key.pk, &env), PN_E_CRYPTO);
    assert_memory_equal(ct, zero, sizeof ct);
    assert_memory_equal(ss, zero, sizeof ss);
}

/* Without randomness there is no ciphertext. */
static void no_randomness_no_secret(void **state)
{
    simenv s;
    pn_xwing_key key;
    uint8_t ct[PN_XWING_CT_BYTES], ss[32];
    (void)state;
    simenv_init(&s, 4);
    make(&key, &s);
    s.random_fails = true;
    const pn_env env = simenv_env(&s);
    assert_int_equal(pn_xwing_enc(ct, ss, key.pk, &env), PN_E_RANDOM);
    assert_memory_equal(ct, zero, sizeof ct);
    assert_memory_equal(ss, zero, sizeof ss);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_agree),
        cmocka_unit_test(low_order_points_are_refused),
        cmocka_unit_test(unreduced_pk_is_refused),
        cmocka_unit_test(no_randomness_no_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
