/* Any bytes as a ciphertext and as an encapsulation key of ML-KEM. A forged
 * ciphertext gives exactly the implicit rejection value; a key is refused if
 * and only if it does not survive decoding and encoding. */
#include <stdbool.h>
#include <string.h>

#include "proto/crypto/keccak.h"
#include "proto/crypto/mlkem768_poly.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t seed[PN_MLKEM768_SEED_BYTES] = { 9 };

static void as_ciphertext(const uint8_t *in, size_t len)
{
    uint8_t pk[PN_MLKEM768_PK_BYTES], sk[PN_MLKEM768_SK_BYTES];
    uint8_t m[PN_MLKEM768_ENC_SEED_BYTES] = { 0 };
    uint8_t z_ct[32 + PN_MLKEM768_CT_BYTES] = { 0 };
    uint8_t *ct = z_ct + 32;
    uint8_t real[PN_MLKEM768_CT_BYTES];
    uint8_t ss[32], got[32], rejected[32];
    memcpy(m, in, len < sizeof m ? len : sizeof m);
    pn_mlkem768_seed_keypair(pk, sk, seed);
    FUZZ_CHECK(pn_mlkem768_enc_deterministic(real, ss, pk, m) == PN_OK);
    pn_mlkem768_dec(got, real, sk);
    FUZZ_CHECK(memcmp(got, ss, sizeof ss) == 0);
    /* The true ciphertext with the input laid over it. */
    for (size_t i = 0; i < sizeof real; i++)
        ct[i] = (uint8_t)(real[i] ^ (i < len ? in[i] : 0));
    memcpy(z_ct, seed + 32, 32);
    pn_shake256(rejected, sizeof rejected, (pn_bytes){ z_ct, sizeof z_ct });
    pn_mlkem768_dec(got, ct, sk);
    if (memcmp(ct, real, sizeof real) == 0)
        FUZZ_CHECK(memcmp(got, ss, sizeof ss) == 0);
    else
        FUZZ_CHECK(memcmp(got, rejected, sizeof rejected) == 0);
}

static void as_key(const uint8_t *in, size_t len)
{
    uint8_t pk[PN_MLKEM768_PK_BYTES] = { 0 }, again[PN_MLKEM_POLY_BYTES];
    uint8_t ct[PN_MLKEM768_CT_BYTES], ss[PN_MLKEM768_SS_BYTES];
    bool reduced = true;
    memcpy(pk, in, len < sizeof pk ? len : sizeof pk);
    for (unsigned i = 0; i < PN_MLKEM_K; i++) {
        pn_poly p;
        pn_poly_decode(&p, pk + i * PN_MLKEM_POLY_BYTES);
        pn_poly_canonical(&p);
        pn_poly_encode(again, &p);
        reduced = reduced && memcmp(again, pk + i * PN_MLKEM_POLY_BYTES,
                                    sizeof again) == 0;
    }
    FUZZ_CHECK(pn_mlkem768_enc_deterministic(ct, ss, pk, seed) ==
               (reduced ? PN_OK : PN_E_CRYPTO));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t nothing[1];
    as_ciphertext(len > 0 ? data : nothing, len);
    as_key(len > 0 ? data : nothing, len);
    return 0;
}
