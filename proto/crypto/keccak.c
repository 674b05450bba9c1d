#include "proto/crypto/keccak.h"

#include "proto/base/mem.h"

/* The lanes live in 25 named variables, row by row (aYX), so that compilers
 * keep them in registers; two rounds per turn save the copy back. */

static const uint64_t iota[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a,
    0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
    0x8000000080008081, 0x8000000000008009, 0x000000000000008a,
    0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
    0x000000000000800a, 0x800000008000000a, 0x8000000080008081,
    0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

static inline uint64_t rol(uint64_t v, unsigned n)
{
    return v << (n & 63) | v >> (-n & 63);
}

/* rho and pi bring five lanes into row `e`, chi mixes them. */
#define ROW(e, v0, n0, v1, n1, v2, n2, v3, n3, v4, n4) \
    b0 = rol(v0, n0);                                  \
    b1 = rol(v1, n1);                                  \
    b2 = rol(v2, n2);                                  \
    b3 = rol(v3, n3);                                  \
    b4 = rol(v4, n4);                                  \
    e##0 = b0 ^ (~b1 & b2);                            \
    e##1 = b1 ^ (~b2 & b3);                            \
    e##2 = b2 ^ (~b3 & b4);                            \
    e##3 = b3 ^ (~b4 & b0);                            \
    e##4 = b4 ^ (~b0 & b1);

/* One round from the lanes a.. to the lanes e..: theta, then row by row. */
#define ROUND(a, e, constant)                                                 \
    c0 = a##00 ^ a##10 ^ a##20 ^ a##30 ^ a##40;                               \
    c1 = a##01 ^ a##11 ^ a##21 ^ a##31 ^ a##41;                               \
    c2 = a##02 ^ a##12 ^ a##22 ^ a##32 ^ a##42;                               \
    c3 = a##03 ^ a##13 ^ a##23 ^ a##33 ^ a##43;                               \
    c4 = a##04 ^ a##14 ^ a##24 ^ a##34 ^ a##44;                               \
    d0 = c4 ^ rol(c1, 1);                                                     \
    d1 = c0 ^ rol(c2, 1);                                                     \
    d2 = c1 ^ rol(c3, 1);                                                     \
    d3 = c2 ^ rol(c4, 1);                                                     \
    d4 = c3 ^ rol(c0, 1);                                                     \
    ROW(e##0, a##00 ^ d0, 0, a##11 ^ d1, 44, a##22 ^ d2, 43, a##33 ^ d3, 21,  \
        a##44 ^ d4, 14)                                                       \
    ROW(e##1, a##03 ^ d3, 28, a##14 ^ d4, 20, a##20 ^ d0, 3, a##31 ^ d1, 45,  \
        a##42 ^ d2, 61)                                                       \
    ROW(e##2, a##01 ^ d1, 1, a##12 ^ d2, 6, a##23 ^ d3, 25, a##34 ^ d4, 8,    \
        a##40 ^ d0, 18)                                                       \
    ROW(e##3, a##04 ^ d4, 27, a##10 ^ d0, 36, a##21 ^ d1, 10, a##32 ^ d2, 15, \
        a##43 ^ d3, 56)                                                       \
    ROW(e##4, a##02 ^ d2, 62, a##13 ^ d3, 55, a##24 ^ d4, 39, a##30 ^ d0, 41, \
        a##41 ^ d1, 2)                                                        \
    e##00 ^= (constant);

void pn_keccak_f1600(uint64_t lane[25])
{
    uint64_t a00 = lane[0], a01 = lane[1], a02 = lane[2], a03 = lane[3];
    uint64_t a04 = lane[4], a10 = lane[5], a11 = lane[6], a12 = lane[7];
    uint64_t a13 = lane[8], a14 = lane[9], a20 = lane[10], a21 = lane[11];
    uint64_t a22 = lane[12], a23 = lane[13], a24 = lane[14], a30 = lane[15];
    uint64_t a31 = lane[16], a32 = lane[17], a33 = lane[18], a34 = lane[19];
    uint64_t a40 = lane[20], a41 = lane[21], a42 = lane[22], a43 = lane[23];
    uint64_t a44 = lane[24];
    uint64_t e00, e01, e02, e03, e04, e10, e11, e12, e13, e14, e20, e21, e22;
    uint64_t e23, e24, e30, e31, e32, e33, e34, e40, e41, e42, e43, e44;
    uint64_t b0, b1, b2, b3, b4, c0, c1, c2, c3, c4, d0, d1, d2, d3, d4;
    for (unsigned i = 0; i < 24; i += 2) {
        ROUND(a, e, iota[i])
        ROUND(e, a, iota[i + 1])
    }
    lane[0] = a00;
    lane[1] = a01;
    lane[2] = a02;
    lane[3] = a03;
    lane[4] = a04;
    lane[5] = a10;
    lane[6] = a11;
    lane[7] = a12;
    lane[8] = a13;
    lane[9] = a14;
    lane[10] = a20;
    lane[11] = a21;
    lane[12] = a22;
    lane[13] = a23;
    lane[14] = a24;
    lane[15] = a30;
    lane[16] = a31;
    lane[17] = a32;
    lane[18] = a33;
    lane[19] = a34;
    lane[20] = a40;
    lane[21] = a41;
    lane[22] = a42;
    lane[23] = a43;
    lane[24] = a44;
}

void pn_keccak_init(pn_keccak *k, pn_keccak_kind kind)
{
    /* FIPS 202 sections 6.1, 6.2: capacity twice the security strength; the
     * suffix bits are 01 for SHA-3 and 1111 for SHAKE, low bit first. */
    static const struct {
        uint8_t rate, suffix;
    } shape[] = {
        [PN_SHA3_224] = { 144, 0x06 }, [PN_SHA3_256] = { 136, 0x06 },
        [PN_SHA3_384] = { 104, 0x06 }, [PN_SHA3_512] = { 72, 0x06 },
        [PN_SHAKE128] = { 168, 0x1f }, [PN_SHAKE256] = { 136, 0x1f },
    };
    *k = (pn_keccak){ .rate = shape[kind].rate, .suffix = shape[kind].suffix };
}

static inline void xor_byte(pn_keccak *k, size_t at, uint8_t v)
{
    k->lane[at / 8] ^= (uint64_t)v << 8 * (at % 8);
}

static inline uint64_t load64(const uint8_t *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 |
           (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 |
           (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

static inline void store64(uint8_t *p, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static void permute(pn_keccak *k)
{
    pn_keccak_f1600(k->lane);
    k->at = 0;
}

void pn_keccak_absorb(pn_keccak *k, pn_bytes in)
{
    size_t i = 0;
    while (i < in.len) {
        if (k->at % 8 == 0 && in.len - i >= 8) {
            k->lane[k->at / 8] ^= load64(in.p + i);
            k->at = (uint8_t)(k->at + 8);
            i += 8;
        } else {
            xor_byte(k, k->at++, in.p[i++]);
        }
        if (k->at == k->rate)
            permute(k);
    }
}

void pn_keccak_absorb_bits(pn_keccak *k, uint8_t bits, unsigned count)
{
    const unsigned last = bits & ((1U << count) - 1);
    const unsigned joined = last | (unsigned)k->suffix << count;
    if (joined <= 0xff) {
        k->suffix = (uint8_t)joined;
        return;
    }
    pn_keccak_absorb(k, (pn_bytes){ (const uint8_t[]){ joined & 0xff }, 1 });
    k->suffix = (uint8_t)(joined >> 8);
}

/* FIPS 202 section 5.1: pad10*1. Its first bit is already in the suffix. */
static void pad(pn_keccak *k)
{
    xor_byte(k, k->at, k->suffix);
    if ((k->suffix & 0x80) != 0 && k->at == k->rate - 1)
        permute(k); /* no room for the closing bit in this block */
    xor_byte(k, k->rate - 1U, 0x80);
    permute(k);
    k->squeezing = 1;
}

void pn_keccak_squeeze(pn_keccak *k, uint8_t *out, size_t len)
{
    size_t i = 0;
    if (!k->squeezing)
        pad(k);
    while (i < len) {
        if (k->at == k->rate)
            permute(k);
        if (k->at % 8 == 0 && len - i >= 8) {
            store64(out + i, k->lane[k->at / 8]);
            k->at = (uint8_t)(k->at + 8);
            i += 8;
        } else {
            out[i++] = (uint8_t)(k->lane[k->at / 8] >> 8 * (k->at % 8));
            k->at++;
        }
    }
}

void pn_keccak_wipe(pn_keccak *k)
{
    pn_wipe(k, sizeof *k);
}

static void one_shot(pn_keccak_kind kind, uint8_t *out, size_t len, pn_bytes in)
{
    pn_keccak k;
    pn_keccak_init(&k, kind);
    pn_keccak_absorb(&k, in);
    pn_keccak_squeeze(&k, out, len);
    pn_keccak_wipe(&k);
}

void pn_sha3_256(uint8_t out[PN_SHA3_256_BYTES], pn_bytes in)
{
    one_shot(PN_SHA3_256, out, PN_SHA3_256_BYTES, in);
}

void pn_sha3_512(uint8_t out[PN_SHA3_512_BYTES], pn_bytes in)
{
    one_shot(PN_SHA3_512, out, PN_SHA3_512_BYTES, in);
}

void pn_shake256(uint8_t *out, size_t len, pn_bytes in)
{
    one_shot(PN_SHAKE256, out, len, in);
}
