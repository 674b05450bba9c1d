#include "proto/crypto/mlkem768_poly.h"

#include <stddef.h>

/* Products are reduced by Montgomery's method with R = 2^16, sums by
 * Barrett's: multiplications and shifts only, never a division (KyberSlash).
 * Butterfly loops have constant bounds so that compilers vectorise them. */

enum {
    Q = PN_MLKEM_Q,
    Q_INVERSE = -3327,    /* q^-1 mod 2^16 */
    BARRETT = 20159,      /* 2^26 / q, rounded */
    R_SQUARED = 1353,     /* 2^32 mod q */
    R_SQUARED_128 = 1441, /* 2^32 / 128 mod q */
};

/* 17^bitrev7(i) * 2^16 mod q, centred: appendix A, in Montgomery form. */
static const int16_t zeta[128] = {
    -1044, -758,  -359,  -1517, 1493,  1422,  287,   202,  -171,  622,   1577,
    182,   962,   -1202, -1474, 1468,  573,   -1325, 264,  383,   -829,  1458,
    -1602, -130,  -681,  1017,  732,   608,   -1542, 411,  -205,  -1571, 1223,
    652,   -552,  1015,  -1293, 1491,  -282,  -1544, 516,  -8,    -320,  -666,
    -1618, -1162, 126,   1469,  -853,  -90,   -271,  830,  107,   -1421, -247,
    -951,  -398,  961,   -1508, -725,  448,   -1065, 677,  -1275, -1103, 430,
    555,   843,   -1251, 871,   1550,  105,   422,   587,  177,   -235,  -291,
    -460,  1574,  1653,  -246,  778,   1159,  -147,  -777, 1483,  -602,  1119,
    -1590, 644,   -872,  349,   418,   329,   -156,  -75,  817,   1097,  603,
    610,   1322,  -1285, -1465, 384,   -1215, -136,  1218, -1335, -874,  220,
    -1187, -1659, -1185, -1530, -1278, 794,   -1510, -854, -870,  478,   -108,
    -308,  996,   991,   958,   -1460, 1522,  1628
};

int16_t pn_mlkem_montgomery(int32_t a)
{
    const int16_t t = (int16_t)((int16_t)a * Q_INVERSE);
    return (int16_t)((a - (int32_t)t * Q) >> 16);
}

/* a * b * 2^-16 mod q, reduced, for |b| < q and any a. Written on halves, so
 * that it maps to the 16-bit multiplications of vector units. */
static inline int16_t mul(int16_t a, int16_t b)
{
    const int16_t high = (int16_t)((int32_t)a * b >> 16);
    const int16_t t = (int16_t)((int16_t)((int32_t)a * b) * Q_INVERSE);
    return (int16_t)(high - (int16_t)((int32_t)t * Q >> 16));
}

/* Any a to |c| <= q / 2 + 1, congruent mod q. */
static inline int16_t barrett(int16_t a)
{
    const int16_t high = (int16_t)((int32_t)a * BARRETT >> 16);
    const int16_t t = (int16_t)((high + (1 << 9)) >> 10);
    return (int16_t)(a - t * Q);
}

static void reduce(pn_poly *p)
{
    for (unsigned i = 0; i < PN_MLKEM_N; i++)
        p->c[i] = barrett(p->c[i]);
}

void pn_poly_canonical(pn_poly *p)
{
    for (unsigned i = 0; i < PN_MLKEM_N; i++) {
        const int16_t c = barrett(p->c[i]);
        p->c[i] = (int16_t)(c + ((c >> 15) & Q));
    }
}

/* One layer of Cooley-Tukey butterflies at distance `len`. Each layer adds
 * less than q to a coefficient: seven on a reduced input stay below 8q. */
static inline void forward_layer(int16_t *c, const unsigned len)
{
    const int16_t *z = zeta + PN_MLKEM_N / 2 / len;
    for (unsigned start = 0; start < PN_MLKEM_N; start += 2 * len, z++) {
        int16_t *low = c + start, *high = low + len;
        for (unsigned j = 0; j < len; j++) {
            const int16_t t = mul(high[j], *z);
            high[j] = (int16_t)(low[j] - t);
            low[j] = (int16_t)(low[j] + t);
        }
    }
}

void pn_poly_ntt(pn_poly *p)
{
    forward_layer(p->c, 128);
    forward_layer(p->c, 64);
    forward_layer(p->c, 32);
    forward_layer(p->c, 16);
    forward_layer(p->c, 8);
    forward_layer(p->c, 4);
    forward_layer(p->c, 2);
    reduce(p);
}

/* One layer of Gentleman-Sande butterflies. Sums double, products come out
 * reduced: pn_poly_inverse_ntt() reduces before 8q would be passed. */
static inline void inverse_layer(int16_t *c, const unsigned len)
{
    const int16_t *z = zeta + PN_MLKEM_N / len - 1;
    for (unsigned start = 0; start < PN_MLKEM_N; start += 2 * len, z--) {
        int16_t *low = c + start, *high = low + len;
        for (unsigned j = 0; j < len; j++) {
            const int16_t t = low[j];
            low[j] = (int16_t)(t + high[j]);
            high[j] = mul((int16_t)(high[j] - t), *z);
        }
    }
}

void pn_poly_inverse_ntt(pn_poly *p)
{
    inverse_layer(p->c, 2);
    inverse_layer(p->c, 4);
    inverse_layer(p->c, 8); /* below 8q */
    reduce(p);
    inverse_layer(p->c, 16);
    inverse_layer(p->c, 32);
    inverse_layer(p->c, 64); /* below 8q */
    reduce(p);
    inverse_layer(p->c, 128);
    for (unsigned i = 0; i < PN_MLKEM_N; i++)
        p->c[i] = mul(p->c[i], R_SQUARED_128);
}

void pn_polyvec_cache(pn_polycache *out, const pn_polyvec *b)
{
    for (size_t k = 0; k < PN_MLKEM_K; k++) {
        for (size_t i = 0; i < PN_MLKEM_N / 4; i++) {
            const int16_t *c = &b->v[k].c[4 * i];
            out->c[k][2 * i] = mul(c[1], zeta[64 + i]);
            out->c[k][2 * i + 1] = mul(c[3], (int16_t)-zeta[64 + i]);
        }
    }
}

/* Algorithm 12 on all three pairs at once: with 12-bit a, six products of at
 * most 2^12 * q sum to less than q * 2^15, so one reduction serves them. */
void pn_polyvec_dot(pn_poly *out, const pn_polyvec *a, const pn_polyvec *b,
                    const pn_polycache *cache)
{
    for (size_t i = 0; i < PN_MLKEM_N / 2; i++) {
        int32_t even = 0, odd = 0;
        for (size_t k = 0; k < PN_MLKEM_K; k++) {
            const int32_t a0 = a->v[k].c[2 * i], a1 = a->v[k].c[2 * i + 1];
            const int32_t b0 = b->v[k].c[2 * i], b1 = b->v[k].c[2 * i + 1];
            even += a0 * b0 + a1 * cache->c[k][i];
            odd += a0 * b1 + a1 * b0;
        }
        out->c[2 * i] = pn_mlkem_montgomery(even);
        out->c[2 * i + 1] = pn_mlkem_montgomery(odd);
    }
}

void pn_poly_to_montgomery(pn_poly *p)
{
    for (unsigned i = 0; i < PN_MLKEM_N; i++)
        p->c[i] = mul(p->c[i], R_SQUARED);
}
