#include "proto/crypto/mlkem768_poly.h"

#include "proto/crypto/secret.h"

void pn_poly_add(pn_poly *a, const pn_poly *b)
{
    for (unsigned i = 0; i < PN_MLKEM_N; i++)
        a->c[i] = (int16_t)(a->c[i] + b->c[i]);
}

void pn_poly_sub(pn_poly *a, const pn_poly *b)
{
    for (unsigned i = 0; i < PN_MLKEM_N; i++)
        a->c[i] = (int16_t)(a->c[i] - b->c[i]);
}

void pn_poly_encode(uint8_t out[PN_MLKEM_POLY_BYTES], const pn_poly *p)
{
    for (size_t i = 0; i < PN_MLKEM_N / 2; i++) {
        const unsigned a = (unsigned)p->c[2 * i];
        const unsigned b = (unsigned)p->c[2 * i + 1];
        out[3 * i] = (uint8_t)a;
        out[3 * i + 1] = (uint8_t)(a >> 8 | b << 4);
        out[3 * i + 2] = (uint8_t)(b >> 4);
    }
}

void pn_poly_decode(pn_poly *out, const uint8_t in[PN_MLKEM_POLY_BYTES])
{
    for (size_t i = 0; i < PN_MLKEM_N / 2; i++) {
        const unsigned a = in[3 * i], b = in[3 * i + 1], c = in[3 * i + 2];
        out->c[2 * i] = (int16_t)(a | (b & 15) << 8);
        out->c[2 * i + 1] = (int16_t)(b >> 4 | c << 4);
    }
}

/* FIPS 203 (4.7): round(x * 2^bits / q) mod 2^bits for canonical x. The
 * division is a multiplication by 2^32 / q rounded up, exact in this range. */
static inline unsigned compress(int16_t x, unsigned bits)
{
    const uint64_t scaled = ((uint64_t)(uint16_t)x << bits) + PN_MLKEM_Q / 2;
    return (unsigned)(scaled * 1290168 >> 32) & ((1U << bits) - 1);
}

/* FIPS 203 (4.8): round(y * q / 2^bits). */
static inline int16_t decompress(unsigned y, unsigned bits)
{
    return (int16_t)((y * PN_MLKEM_Q + (1U << (bits - 1))) >> bits);
}

void pn_poly_pack10(uint8_t out[PN_MLKEM_POLY_10_BYTES], const pn_poly *p)
{
    for (unsigned i = 0; i < PN_MLKEM_N / 4; i++, out += 5) {
        unsigned t[4];
        for (unsigned j = 0; j < 4; j++)
            t[j] = compress(p->c[4 * i + j], 10);
        out[0] = (uint8_t)t[0];
        out[1] = (uint8_t)(t[0] >> 8 | t[1] << 2);
        out[2] = (uint8_t)(t[1] >> 6 | t[2] << 4);
        out[3] = (uint8_t)(t[2] >> 4 | t[3] << 6);
        out[4] = (uint8_t)(t[3] >> 2);
    }
}

void pn_poly_unpack10(pn_poly *out, const uint8_t in[PN_MLKEM_POLY_10_BYTES])
{
    for (unsigned i = 0; i < PN_MLKEM_N / 4; i++, in += 5) {
        const unsigned t[4] = {
            in[0] | (in[1] & 0x03U) << 8,
            in[1] >> 2 | (in[2] & 0x0fU) << 6,
            in[2] >> 4 | (in[3] & 0x3fU) << 4,
            in[3] >> 6 | (unsigned)in[4] << 2,
        };
        for (unsigned j = 0; j < 4; j++)
            out->c[4 * i + j] = decompress(t[j], 10);
    }
}

void pn_poly_pack4(uint8_t out[PN_MLKEM_POLY_4_BYTES], const pn_poly *p)
{
    for (size_t i = 0; i < PN_MLKEM_N / 2; i++)
        out[i] = (uint8_t)(compress(p->c[2 * i], 4) |
                           compress(p->c[2 * i + 1], 4) << 4);
}

void pn_poly_unpack4(pn_poly *out, const uint8_t in[PN_MLKEM_POLY_4_BYTES])
{
    for (size_t i = 0; i < PN_MLKEM_N / 2; i++) {
        out->c[2 * i] = decompress(in[i] & 15U, 4);
        out->c[2 * i + 1] = decompress(in[i] >> 4, 4);
    }
}

void pn_poly_to_message(uint8_t out[32], const pn_poly *p)
{
    for (unsigned i = 0; i < 32; i++) {
        unsigned byte = 0;
        for (unsigned j = 0; j < 8; j++)
            byte |= compress(p->c[8 * i + j], 1) << j;
        out[i] = (uint8_t)byte;
    }
}

void pn_poly_from_message(pn_poly *out, const uint8_t in[32])
{
    const uint32_t one = (PN_MLKEM_Q + 1) / 2;
    for (unsigned i = 0; i < PN_MLKEM_N; i++) {
        const uint32_t bit = (uint32_t)in[i / 8] >> i % 8;
        out->c[i] = (int16_t)(pn_mask_of_bit(bit) & one);
    }
}
