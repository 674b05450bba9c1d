/* ML-KEM-768 (FIPS 203), portable and constant-time on secrets.
 * Never used alone: always hybrid with X25519 (xwing.h, link/noise.h). Names
 * follow libsodium 1.0.22, so that a later libsodium can take its place.
 * Thread rule: no state, any thread.
 */
#ifndef POSTERN_PROTO_CRYPTO_MLKEM768_H
#define POSTERN_PROTO_CRYPTO_MLKEM768_H

#include "proto/base/err.h"

#include <stdint.h>

enum {
    PN_MLKEM768_PK_BYTES = 1184, /* encapsulation key, ek */
    PN_MLKEM768_SK_BYTES = 2400, /* decapsulation key, dk: dk_pke|ek|H(ek)|z */
    PN_MLKEM768_CT_BYTES = 1088,
    PN_MLKEM768_SS_BYTES = 32,
    PN_MLKEM768_SEED_BYTES = 64,     /* d | z */
    PN_MLKEM768_ENC_SEED_BYTES = 32, /* m */
};

/* FIPS 203 algorithm 16, ML-KEM.KeyGen_internal(d, z). */
void pn_mlkem768_seed_keypair(uint8_t pk[PN_MLKEM768_PK_BYTES],
                              uint8_t sk[PN_MLKEM768_SK_BYTES],
                              const uint8_t seed[PN_MLKEM768_SEED_BYTES]);
/* FIPS 203 section 7.2, modulus check of an encapsulation key from a peer.
 * PN_E_CRYPTO if any coefficient is not reduced. Public data: not
 * constant-time. */
PN_MUST_USE pn_err pn_mlkem768_check_ek(const uint8_t pk[PN_MLKEM768_PK_BYTES]);
/* FIPS 203 section 7.3, hash check of a decapsulation key that was stored.
 * PN_E_CRYPTO if H(ek) does not match. */
PN_MUST_USE pn_err pn_mlkem768_check_dk(const uint8_t sk[PN_MLKEM768_SK_BYTES]);
/* FIPS 203 algorithm 17 after the check of section 7.2: PN_E_CRYPTO on a bad
 * pk (then ct and ss are zeroed). */
PN_MUST_USE pn_err pn_mlkem768_enc_deterministic(
    uint8_t ct[PN_MLKEM768_CT_BYTES], uint8_t ss[PN_MLKEM768_SS_BYTES],
    const uint8_t pk[PN_MLKEM768_PK_BYTES],
    const uint8_t m[PN_MLKEM768_ENC_SEED_BYTES]);
/* FIPS 203 algorithm 18. A forged ct gives a pseudorandom ss (implicit
 * rejection), in the same time. sk is our own and trusted: check a stored one
 * with pn_mlkem768_check_dk() first. */
void pn_mlkem768_dec(uint8_t ss[PN_MLKEM768_SS_BYTES],
                     const uint8_t ct[PN_MLKEM768_CT_BYTES],
                     const uint8_t sk[PN_MLKEM768_SK_BYTES]);

#endif
