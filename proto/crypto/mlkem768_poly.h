/* Arithmetic of ML-KEM (FIPS 203 section 4): polynomials of 256 coefficients
 * modulo q = 3329, and vectors of three. Internal to proto/crypto.
 *
 * Coefficients are signed. "Reduced" below means |c| < q, "canonical" means
 * 0 <= c < q; each function says what it takes and gives. Constant-time in
 * all contents, except the rejection sampler, which sees public data only.
 * Thread rule: pure functions.
 */
#ifndef POSTERN_PROTO_CRYPTO_MLKEM768_POLY_H
#define POSTERN_PROTO_CRYPTO_MLKEM768_POLY_H

#include "proto/crypto/mlkem768.h"

enum {
    PN_MLKEM_N = 256,
    PN_MLKEM_Q = 3329,
    PN_MLKEM_K = 3,               /* rank of the module */
    PN_MLKEM_POLY_BYTES = 384,    /* ByteEncode of 12-bit coefficients */
    PN_MLKEM_POLY_10_BYTES = 320, /* du = 10 */
    PN_MLKEM_POLY_4_BYTES = 128,  /* dv = 4 */
    PN_MLKEM_PKE_SK_BYTES = PN_MLKEM_K * PN_MLKEM_POLY_BYTES,
};

typedef struct pn_poly {
    int16_t c[PN_MLKEM_N];
} pn_poly;

typedef struct pn_polyvec {
    pn_poly v[PN_MLKEM_K];
} pn_polyvec;

/* The odd coefficients of a vector in NTT form times their zetas: what a
 * product needs again and again, computed once per vector. */
typedef struct pn_polycache {
    int16_t c[PN_MLKEM_K][PN_MLKEM_N / 2];
} pn_polycache;

/* mlkem768_ntt.c */

/* a * 2^-16 mod q for |a| < q * 2^15; reduced. */
int16_t pn_mlkem_montgomery(int32_t a);
/* Any coefficients (int16_t) to canonical. */
void pn_poly_canonical(pn_poly *p);
/* FIPS 203 algorithm 9 on reduced coefficients; reduced. */
void pn_poly_ntt(pn_poly *p);
/* FIPS 203 algorithm 10 on reduced coefficients, times 2^16 (which undoes
 * what pn_polyvec_dot leaves); reduced. */
void pn_poly_inverse_ntt(pn_poly *p);
/* Ready b, in NTT form and reduced, for pn_polyvec_dot. */
void pn_polyvec_cache(pn_polycache *out, const pn_polyvec *b);
/* The sum of a[i] x b[i] in NTT form (algorithm 11), times 2^-16; reduced.
 * |a| < 4096, b reduced. */
void pn_polyvec_dot(pn_poly *out, const pn_polyvec *a, const pn_polyvec *b,
                    const pn_polycache *cache);
/* Times 2^16; reduced. */
void pn_poly_to_montgomery(pn_poly *p);

/* mlkem768_poly.c */

/* a + b and a - b; sums of up to nine reduced ones fit. */
void pn_poly_add(pn_poly *a, const pn_poly *b);
void pn_poly_sub(pn_poly *a, const pn_poly *b);
/* FIPS 203 algorithms 5 and 6 with d = 12. Encoding takes canonical; what is
 * decoded is 0 <= c < 4096. */
void pn_poly_encode(uint8_t out[PN_MLKEM_POLY_BYTES], const pn_poly *p);
void pn_poly_decode(pn_poly *out, const uint8_t in[PN_MLKEM_POLY_BYTES]);
/* Compress, then ByteEncode, with d = 10 and d = 4; take canonical. And
 * back; give canonical. */
void pn_poly_pack10(uint8_t out[PN_MLKEM_POLY_10_BYTES], const pn_poly *p);
void pn_poly_unpack10(pn_poly *out, const uint8_t in[PN_MLKEM_POLY_10_BYTES]);
void pn_poly_pack4(uint8_t out[PN_MLKEM_POLY_4_BYTES], const pn_poly *p);
void pn_poly_unpack4(pn_poly *out, const uint8_t in[PN_MLKEM_POLY_4_BYTES]);
/* The same with d = 1: a message of 256 bits. */
void pn_poly_to_message(uint8_t out[32], const pn_poly *p);
void pn_poly_from_message(pn_poly *out, const uint8_t in[32]);

/* mlkem768_sample.c */

/* FIPS 203 algorithm 7 with SHAKE128(rho | x | y); canonical. */
void pn_poly_sample_uniform(pn_poly *out, const uint8_t rho[32], uint8_t x,
                            uint8_t y);
/* FIPS 203 algorithm 8, eta = 2, with SHAKE256(seed | nonce); |c| <= 2. */
void pn_poly_sample_noise(pn_poly *out, const uint8_t seed[32], uint8_t nonce);

#endif
