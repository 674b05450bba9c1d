/* K-PKE, the public-key encryption inside ML-KEM-768 (FIPS 203 section 5).
 * Not secure on its own: only mlkem768.c calls it.
 * Thread rule: pure functions.
 */
#ifndef POSTERN_PROTO_CRYPTO_MLKEM768_PKE_H
#define POSTERN_PROTO_CRYPTO_MLKEM768_PKE_H

#include "proto/crypto/mlkem768_poly.h"

/* FIPS 203 algorithm 13, K-PKE.KeyGen after its first step: rho, which is
 * public, and the secret sigma are given. */
void pn_mlkem768_pke_keypair(uint8_t pk[PN_MLKEM768_PK_BYTES],
                             uint8_t sk[PN_MLKEM_PKE_SK_BYTES],
                             const uint8_t rho[32], const uint8_t sigma[32]);
/* FIPS 203 algorithm 14, K-PKE.Encrypt(ek, m, r). */
void pn_mlkem768_pke_encrypt(uint8_t ct[PN_MLKEM768_CT_BYTES],
                             const uint8_t pk[PN_MLKEM768_PK_BYTES],
                             const uint8_t m[32], const uint8_t r[32]);
/* FIPS 203 algorithm 15, K-PKE.Decrypt(dk, c). */
void pn_mlkem768_pke_decrypt(uint8_t m[32],
                             const uint8_t sk[PN_MLKEM_PKE_SK_BYTES],
                             const uint8_t ct[PN_MLKEM768_CT_BYTES]);

#endif
