#include "proto/crypto/mlkem768_pke.h"

#include <string.h>

#include "proto/base/mem.h"

enum { U_BYTES = PN_MLKEM_K * PN_MLKEM_POLY_10_BYTES };

static void encode_vec(uint8_t *out, const pn_polyvec *v)
{
    for (size_t i = 0; i < PN_MLKEM_K; i++)
        pn_poly_encode(out + i * PN_MLKEM_POLY_BYTES, &v->v[i]);
}

static void decode_vec(pn_polyvec *out, const uint8_t *in)
{
    for (size_t i = 0; i < PN_MLKEM_K; i++)
        pn_poly_decode(&out->v[i], in + i * PN_MLKEM_POLY_BYTES);
}

void pn_mlkem768_pke_keypair(uint8_t pk[PN_MLKEM768_PK_BYTES],
                             uint8_t sk[PN_MLKEM_PKE_SK_BYTES],
                             const uint8_t rho[32], const uint8_t sigma[32])
{
    struct {
        pn_polyvec s, t, row;
        pn_poly e;
        pn_polycache cache;
    } w;
    for (uint8_t i = 0; i < PN_MLKEM_K; i++) {
        pn_poly_sample_noise(&w.s.v[i], sigma, i);
        pn_poly_ntt(&w.s.v[i]);
    }
    pn_polyvec_cache(&w.cache, &w.s);
    for (uint8_t i = 0; i < PN_MLKEM_K; i++) {
        for (uint8_t j = 0; j < PN_MLKEM_K; j++)
            pn_poly_sample_uniform(&w.row.v[j], rho, j, i);
        pn_polyvec_dot(&w.t.v[i], &w.row, &w.s, &w.cache);
        pn_poly_to_montgomery(&w.t.v[i]);
        pn_poly_sample_noise(&w.e, sigma, (uint8_t)(PN_MLKEM_K + i));
        pn_poly_ntt(&w.e);
        pn_poly_add(&w.t.v[i], &w.e);
        pn_poly_canonical(&w.t.v[i]);
    }
    for (size_t i = 0; i < PN_MLKEM_K; i++)
        pn_poly_canonical(&w.s.v[i]);
    encode_vec(pk, &w.t);
    memcpy(pk + PN_MLKEM_PKE_SK_BYTES, rho, 32);
    encode_vec(sk, &w.s);
    pn_wipe(&w, sizeof w);
}

void pn_mlkem768_pke_encrypt(uint8_t ct[PN_MLKEM768_CT_BYTES],
                             const uint8_t pk[PN_MLKEM768_PK_BYTES],
                             const uint8_t m[32], const uint8_t r[32])
{
    struct {
        pn_polyvec y, column;
        pn_poly out, noise;
        pn_polycache cache;
    } w;
    const uint8_t *rho = pk + PN_MLKEM_PKE_SK_BYTES;
    for (uint8_t i = 0; i < PN_MLKEM_K; i++) {
        pn_poly_sample_noise(&w.y.v[i], r, i);
        pn_poly_ntt(&w.y.v[i]);
    }
    pn_polyvec_cache(&w.cache, &w.y);
    for (uint8_t i = 0; i < PN_MLKEM_K; i++) {
        for (uint8_t j = 0; j < PN_MLKEM_K; j++)
            pn_poly_sample_uniform(&w.column.v[j], rho, i, j);
        pn_polyvec_dot(&w.out, &w.column, &w.y, &w.cache);
        pn_poly_inverse_ntt(&w.out);
        pn_poly_sample_noise(&w.noise, r, (uint8_t)(PN_MLKEM_K + i));
        pn_poly_add(&w.out, &w.noise);
        pn_poly_canonical(&w.out);
        pn_poly_pack10(ct + (size_t)i * PN_MLKEM_POLY_10_BYTES, &w.out);
    }
    decode_vec(&w.column, pk); /* t, the public polynomials */
    pn_polyvec_dot(&w.out, &w.column, &w.y, &w.cache);
    pn_poly_inverse_ntt(&w.out);
    pn_poly_sample_noise(&w.noise, r, 2 * PN_MLKEM_K);
    pn_poly_add(&w.out, &w.noise);
    pn_poly_from_message(&w.noise, m);
    pn_poly_add(&w.out, &w.noise);
    pn_poly_canonical(&w.out);
    pn_poly_pack4(ct + U_BYTES, &w.out);
    pn_wipe(&w, sizeof w);
}

void pn_mlkem768_pke_decrypt(uint8_t m[32],
                             const uint8_t sk[PN_MLKEM_PKE_SK_BYTES],
                             const uint8_t ct[PN_MLKEM768_CT_BYTES])
{
    struct {
        pn_polyvec s, u;
        pn_poly v, su;
        pn_polycache cache;
    } w;
    for (size_t i = 0; i < PN_MLKEM_K; i++) {
        pn_poly_unpack10(&w.u.v[i], ct + i * PN_MLKEM_POLY_10_BYTES);
        pn_poly_ntt(&w.u.v[i]);
    }
    decode_vec(&w.s, sk);
    pn_polyvec_cache(&w.cache, &w.u);
    pn_polyvec_dot(&w.su, &w.s, &w.u, &w.cache);
    pn_poly_inverse_ntt(&w.su);
    pn_poly_unpack4(&w.v, ct + U_BYTES);
    pn_poly_sub(&w.v, &w.su);
    pn_poly_canonical(&w.v);
    pn_poly_to_message(m, &w.v);
    pn_wipe(&w, sizeof w);
}
