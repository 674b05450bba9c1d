#include "tests/support/cmocka.h"

#include <string.h>

#include "proto/crypto/keccak.h"

static void assert_hex(const uint8_t *got, size_t len, const char *hex)
{
    uint8_t want[128];
    assert_true(len <= sizeof want);
    assert_int_equal(pn_unhex(want, len, hex), PN_OK);
    assert_memory_equal(got, want, len);
}

/* The published digests of the empty message. */
static void empty_message(void **state)
{
    uint8_t out[64];
    const pn_bytes none = { NULL, 0 };
    (void)state;
    pn_sha3_256(out, none);
    assert_hex(out, 32,
               "a7ffc6f8bf1ed76651c14756a061d662"
               "f580ff4de43b49fa82d80a4b80f8434a");
    pn_sha3_512(out, none);
    assert_hex(
        out, 64,
        "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a6"
        "15b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26");
    pn_shake256(out, 32, none);
    assert_hex(out, 32,
               "46b9dd2b0ba88d13233b3feb743eeb24"
               "3fcd52ea62b81b82b50c27646ed5762f");
}

/* Input and output are one stream, wherever they are cut. */
static void any_cut_gives_the_same(void **state)
{
    uint8_t in[400], whole[400], cut[400];
    (void)state;
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 7);
    pn_shake256(whole, sizeof whole, (pn_bytes){ in, sizeof in });
    for (size_t at = 0; at <= sizeof in; at++) {
        pn_keccak k;
        pn_keccak_init(&k, PN_SHAKE256);
        pn_keccak_absorb(&k, (pn_bytes){ in, at });
        pn_keccak_absorb(&k, (pn_bytes){ in + at, sizeof in - at });
        pn_keccak_squeeze(&k, cut, at);
        pn_keccak_squeeze(&k, cut + at, sizeof cut - at);
        assert_memory_equal(whole, cut, sizeof whole);
    }
}

/* Zero extra bits change nothing; bits that fill a byte with the domain bits
 * stay distinct from it. */
static void odd_bits(void **state)
{
    uint8_t a[32], b[32];
    (void)state;
    for (size_t len = 130; len < 140; len++) {
        uint8_t in[140] = { 0 };
        pn_keccak k;
        pn_sha3_256(a, (pn_bytes){ in, len });
        for (unsigned count = 0; count < 8; count++) {
            pn_keccak_init(&k, PN_SHA3_256);
            pn_keccak_absorb(&k, (pn_bytes){ in, len });
            pn_keccak_absorb_bits(&k, 0xff, count);
            pn_keccak_squeeze(&k, b, sizeof b);
            assert_int_equal(memcmp(a, b, sizeof b) == 0, count == 0);
        }
    }
}

/* Nothing of the input is left behind. */
static void wipe_clears(void **state)
{
    pn_keccak k;
    const uint8_t *raw = (const uint8_t *)&k;
    (void)state;
    pn_keccak_init(&k, PN_SHA3_512);
    pn_keccak_absorb(&k, PN_BYTES_LIT("secret"));
    pn_keccak_wipe(&k);
    for (size_t i = 0; i < sizeof k; i++)
        assert_int_equal(raw[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_message),
        cmocka_unit_test(any_cut_gives_the_same),
        cmocka_unit_test(odd_bits),
        cmocka_unit_test(wipe_clears),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
