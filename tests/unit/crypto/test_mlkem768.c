#include "tests/support/cmocka.h"

#include <string.h>

#include "proto/crypto/keccak.h"
#include "proto/crypto/mlkem768.h"
#include "tests/support/simenv.h"

typedef struct keys {
    uint8_t seed[PN_MLKEM768_SEED_BYTES];
    uint8_t pk[PN_MLKEM768_PK_BYTES], sk[PN_MLKEM768_SK_BYTES];
    uint8_t m[PN_MLKEM768_ENC_SEED_BYTES];
    uint8_t ct[PN_MLKEM768_CT_BYTES], ss[PN_MLKEM768_SS_BYTES];
} keys;

static void make(keys *k, simenv *s)
{
    const pn_env env = simenv_env(s);
    assert_int_equal(pn_random(&env, k->seed, sizeof k->seed), PN_OK);
    assert_int_equal(pn_random(&env, k->m, sizeof k->m), PN_OK);
    pn_mlkem768_seed_keypair(k->pk, k->sk, k->seed);
    assert_int_equal(pn_mlkem768_enc_deterministic(k->ct, k->ss, k->pk, k->m),
                     PN_OK);
}

/* FIPS 203 algorithm 18 line 7: what a refused ciphertext gives. */
static void rejection(uint8_t out[32], const keys *k, const uint8_t *ct)
{
    uint8_t in[32 + PN_MLKEM768_CT_BYTES];
    memcpy(in, k->seed + 32, 32);
    memcpy(in + 32, ct, PN_MLKEM768_CT_BYTES);
    pn_shake256(out, 32, (pn_bytes){ in, sizeof in });
}

static void both_sides_agree(void **state)
{
    simenv s;
    uint8_t got[PN_MLKEM768_SS_BYTES];
    (void)state;
    simenv_init(&s, 1);
    for (unsigned i = 0; i < 50; i++) {
        keys k;
        make(&k, &s);
        assert_int_equal(pn_mlkem768_check_ek(k.pk), PN_OK);
        assert_int_equal(pn_mlkem768_check_dk(k.sk), PN_OK);
        pn_mlkem768_dec(got, k.ct, k.sk);
        assert_memory_equal(got, k.ss, sizeof got);
    }
}

/* One bit changed anywhere in the ciphertext gives exactly the implicit
 * rejection value; also a low bit of a coefficient (each nibble of the last
 * part is one), which decrypts to the same message: there only the comparison
 * of this very byte tells. */
static void any_changed_bit_is_rejected(void **state)
{
    simenv s;
    keys k;
    uint8_t got[32], want[32];
    (void)state;
    simenv_init(&s, 2);
    make(&k, &s);
    for (size_t i = 0; i < 3 * sizeof k.ct; i++) {
        const uint8_t bits[] = { 0x01, 0x10, (uint8_t)(1U << i / 3 % 8) };
        k.ct[i / 3] ^= bits[i % 3];
        pn_mlkem768_dec(got, k.ct, k.sk);
        rejection(want, &k, k.ct);
        assert_memory_equal(got, want, 32);
        k.ct[i / 3] ^= bits[i % 3];
    }
}

/* Each of the 768 coefficients is checked, up to the last value. */
static void unreduced_coefficient_is_refused(void **state)
{
    simenv s;
    keys k;
    (void)state;
    simenv_init(&s, 3);
    make(&k, &s);
    for (unsigned i = 0; i < 768; i++) {
        static const unsigned bad[] = { 3329, 3330, 4095 };
        for (size_t b = 0; b < 3; b++) {
            uint8_t pk[PN_MLKEM768_PK_BYTES],
                zero[PN_MLKEM768_CT_BYTES] = { 0 };
            uint8_t *at = pk + i / 2 * 3;
            memcpy(pk, k.pk, sizeof pk);
            if (i % 2 == 0) {
                at[0] = (uint8_t)bad[b];
                at[1] = (uint8_t)((at[1] & 0xf0) | bad[b] >> 8);
            } else {
                at[1] = (uint8_t)((at[1] & 0x0f) | bad[b] << 4);
                at[2] = (uint8_t)(bad[b] >> 4);
            }
            assert_int_equal(pn_mlkem768_check_ek(pk), PN_E_CRYPTO);
            if (i % 100 != 0)
                continue;
            assert_int_equal(pn_mlkem768_enc_deterministic(k.ct, k.ss, pk, k.m),
                             PN_E_CRYPTO);
            assert_memory_equal(k.ct, zero, sizeof k.ct);
            assert_memory_equal(k.ss, zero, sizeof k.ss);
        }
    }
}

/* A stored key whose public part or hash was damaged does not pass. */
static void damaged_dk_is_refused(void **state)
{
    simenv s;
    keys k;
    (void)state;
    simenv_init(&s, 4);
    make(&k, &s);
    for (size_t i = 1152; i < 2368; i += 19) {
        k.sk[i] ^= 1;
        assert_int_equal(pn_mlkem768_check_dk(k.sk), PN_E_CRYPTO);
        k.sk[i] ^= 1;
    }
    assert_int_equal(pn_mlkem768_check_dk(k.sk), PN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_agree),
        cmocka_unit_test(any_changed_bit_is_rejected),
        cmocka_unit_test(unreduced_coefficient_is_refused),
        cmocka_unit_test(damaged_dk_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
