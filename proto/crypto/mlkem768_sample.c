#include "proto/crypto/mlkem768_poly.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/crypto/keccak.h"

enum { BLOCK_CANDIDATES = PN_SHAKE128_RATE / 3 * 2 };

/* The loop has no bound, as the standard's has none: the seed is public, and
 * even a hostile one needs 2^128 work for ten blocks. Every candidate is
 * written and only the accepted ones counted, which spares the processor
 * thousands of branches it cannot predict. */
void pn_poly_sample_uniform(pn_poly *out, const uint8_t rho[32], uint8_t x,
                            uint8_t y)
{
    int16_t found[PN_MLKEM_N + BLOCK_CANDIDATES];
    uint8_t block[PN_SHAKE128_RATE];
    const uint8_t place[2] = { x, y };
    unsigned n = 0;
    pn_keccak k;
    pn_keccak_init(&k, PN_SHAKE128);
    pn_keccak_absorb(&k, (pn_bytes){ rho, 32 });
    pn_keccak_absorb(&k, (pn_bytes){ place, sizeof place });
    while (n < PN_MLKEM_N) {
        pn_keccak_squeeze(&k, block, sizeof block);
        for (unsigned i = 0; i < sizeof block; i += 3) {
            const unsigned a = block[i], b = block[i + 1], c = block[i + 2];
            const unsigned d1 = a | (b & 15) << 8, d2 = b >> 4 | c << 4;
            found[n] = (int16_t)d1;
            n += d1 < PN_MLKEM_Q;
            found[n] = (int16_t)d2;
            n += d2 < PN_MLKEM_Q;
        }
    }
    memcpy(out->c, found, sizeof out->c);
}

/* Each coefficient is the difference of two sums of two bits; a 32-bit word
 * holds eight of them, summed side by side. */
void pn_poly_sample_noise(pn_poly *out, const uint8_t seed[32], uint8_t nonce)
{
    uint8_t in[33], bits[PN_MLKEM_N / 2];
    memcpy(in, seed, 32);
    in[32] = nonce;
    pn_shake256(bits, sizeof bits, (pn_bytes){ in, sizeof in });
    for (size_t i = 0; i < PN_MLKEM_N / 8; i++) {
        const uint8_t *b = bits + 4 * i;
        const uint32_t w = (uint32_t)b[0] | (uint32_t)b[1] << 8 |
                           (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        const uint32_t sums = (w & 0x55555555) + (w >> 1 & 0x55555555);
        for (unsigned j = 0; j < 8; j++) {
            const int x = (int)(sums >> 4 * j & 3);
            const int y = (int)(sums >> (4 * j + 2) & 3);
            out->c[8 * i + j] = (int16_t)(x - y);
        }
    }
    pn_wipe(in, sizeof in);
    pn_wipe(bits, sizeof bits);
}
