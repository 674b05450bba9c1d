#include "tests/support/cmocka.h"

#include <string.h>

#include "proto/crypto/hkdf.h"

/* RFC 5869 appendix A.1. */
static void rfc5869_case_1(void **state)
{
    uint8_t ikm[22], salt[13], info[10], prk[32], okm[42], want[42];
    (void)state;
    memset(ikm, 0x0b, sizeof ikm);
    for (uint8_t i = 0; i < sizeof salt; i++)
        salt[i] = i;
    for (uint8_t i = 0; i < sizeof info; i++)
        info[i] = (uint8_t)(0xf0 + i);
    pn_hkdf_extract(prk, (pn_bytes){ salt, sizeof salt },
                    (pn_bytes){ ikm, sizeof ikm });
    assert_int_equal(
        pn_hkdf_expand(okm, sizeof okm, prk, (pn_bytes){ info, sizeof info }),
        PN_OK);
    assert_int_equal(
        pn_unhex(
            want, sizeof want,
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
            "34007208d5b887185865"),
        PN_OK);
    assert_memory_equal(okm, want, sizeof want);
}

/* An empty salt is 32 zero bytes. */
static void empty_salt_is_zeros(void **state)
{
    static const uint8_t zeros[32];
    uint8_t a[32], b[32];
    (void)state;
    pn_hkdf_extract(a, (pn_bytes){ NULL, 0 }, PN_BYTES_LIT("ikm"));
    pn_hkdf_extract(b, (pn_bytes){ zeros, 32 }, PN_BYTES_LIT("ikm"));
    assert_memory_equal(a, b, 32);
}

/* Every length up to the bound is a prefix of the longest; past it, refused. */
static void lengths(void **state)
{
    static uint8_t all[PN_HKDF_OUT_MAX], some[PN_HKDF_OUT_MAX + 1];
    const uint8_t prk[32] = { 1 };
    const pn_bytes info = PN_BYTES_LIT("info");
    (void)state;
    assert_int_equal(pn_hkdf_expand(all, sizeof all, prk, info), PN_OK);
    for (size_t len = 0; len < 200; len++) {
        memset(some, 0xee, sizeof some);
        assert_int_equal(pn_hkdf_expand(some, len, prk, info), PN_OK);
        assert_memory_equal(some, all, len);
        assert_int_equal(some[len], 0xee);
    }
    assert_int_equal(pn_hkdf_expand(some, sizeof some, prk, info), PN_E_ARG);
}

/* Pieces and the whole give the same. */
static void parts_join(void **state)
{
    const pn_bytes whole = PN_BYTES_LIT("onetwo");
    const pn_bytes part[] = { PN_BYTES_LIT("one"),
                              { NULL, 0 },
                              PN_BYTES_LIT("two") };
    uint8_t a[32], b[32], x[70], y[70];
    (void)state;
    pn_hkdf_extract(a, whole, whole);
    pn_hkdf_extract_parts(b, whole, part, 3);
    assert_memory_equal(a, b, 32);
    assert_int_equal(pn_hkdf_expand(x, sizeof x, a, whole), PN_OK);
    assert_int_equal(pn_hkdf_expand_parts(y, sizeof y, a, part, 3), PN_OK);
    assert_memory_equal(x, y, sizeof x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc5869_case_1),
        cmocka_unit_test(empty_salt_is_zeros),
        cmocka_unit_test(lengths),
        cmocka_unit_test(parts_join),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
