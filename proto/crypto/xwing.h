/* X-Wing, the hybrid KEM of ML-KEM-768 and X25519
 * (draft-connolly-cfrg-xwing-kem): safe while either of the two is.
 *
 * A private key is 32 random bytes; what it expands to is kept by a receiver
 * who opens more than one ciphertext.
 * Thread rule: no state, any thread.
 */
#ifndef POSTERN_PROTO_CRYPTO_XWING_H
#define POSTERN_PROTO_CRYPTO_XWING_H

#include "proto/base/env.h"
#include "proto/crypto/mlkem768.h"

enum {
    PN_XWING_SK_BYTES = 32,
    PN_XWING_PK_BYTES = PN_MLKEM768_PK_BYTES + 32, /* 1216 */
    PN_XWING_CT_BYTES = PN_MLKEM768_CT_BYTES + 32, /* 1120 */
    PN_XWING_SS_BYTES = 32,
    PN_XWING_ENC_SEED_BYTES = 64, /* m of ML-KEM | ephemeral X25519 key */
};

/* An expanded private key. Secret: wipe with pn_xwing_key_wipe(). */
typedef struct pn_xwing_key {
    uint8_t pk[PN_XWING_PK_BYTES];
    uint8_t mlkem_sk[PN_MLKEM768_SK_BYTES];
    uint8_t x25519_sk[32];
} pn_xwing_key;

/* Section 5.2. `out->pk` is the public key. PN_E_CRYPTO if X25519 refuses. */
PN_MUST_USE pn_err pn_xwing_expand(pn_xwing_key *out,
                                   const uint8_t sk[PN_XWING_SK_BYTES]);
void pn_xwing_key_wipe(pn_xwing_key *key);

/* Section 5.4. On PN_E_CRYPTO (the ML-KEM part of pk is not reduced, or the
 * X25519 part is of low order) ct and ss are zeroed. */
PN_MUST_USE pn_err pn_xwing_enc_deterministic(
    uint8_t ct[PN_XWING_CT_BYTES], uint8_t ss[PN_XWING_SS_BYTES],
    const uint8_t pk[PN_XWING_PK_BYTES],
    const uint8_t seed[PN_XWING_ENC_SEED_BYTES]);
/* The same with fresh randomness; also PN_E_RANDOM. */
PN_MUST_USE pn_err pn_xwing_enc(uint8_t ct[PN_XWING_CT_BYTES],
                                uint8_t ss[PN_XWING_SS_BYTES],
                                const uint8_t pk[PN_XWING_PK_BYTES],
                                const pn_env *env);
/* Section 5.5. PN_E_CRYPTO (ss zeroed) if the X25519 part of ct is of low
 * order; any other forged ct gives an ss that nobody knows. */
PN_MUST_USE pn_err pn_xwing_dec(uint8_t ss[PN_XWING_SS_BYTES],
                                const uint8_t ct[PN_XWING_CT_BYTES],
                                const pn_xwing_key *key);

#endif
