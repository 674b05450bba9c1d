/* Keccak-f[1600] and what FIPS 202 builds on it: SHA3-224/256/384/512,
 * SHAKE128 and SHAKE256. Time depends on lengths only, never on content.
 *
 * Use: init, absorb any number of times, squeeze any number of times, wipe if
 * the input was secret. Output is one stream, however it is cut.
 * Thread rule: plain values, no shared state.
 */
#ifndef POSTERN_PROTO_CRYPTO_KECCAK_H
#define POSTERN_PROTO_CRYPTO_KECCAK_H

#include "proto/base/bytes.h"

enum {
    PN_SHA3_256_BYTES = 32,
    PN_SHA3_512_BYTES = 64,
    PN_SHAKE128_RATE = 168, /* bytes per permutation; FIPS 202 table 3 */
    PN_SHAKE256_RATE = 136,
};

typedef enum pn_keccak_kind {
    PN_SHA3_224,
    PN_SHA3_256,
    PN_SHA3_384,
    PN_SHA3_512,
    PN_SHAKE128,
    PN_SHAKE256,
} pn_keccak_kind;

/* A sponge. Fields are private to keccak.c. */
typedef struct pn_keccak {
    uint64_t lane[25];
    uint8_t rate;   /* bytes of the state that take input or give output */
    uint8_t at;     /* next byte of the rate to use */
    uint8_t suffix; /* domain bits, then the first bit of the padding */
    uint8_t squeezing;
} pn_keccak;

/* FIPS 202 section 3.3: the permutation itself, on 25 lanes. */
void pn_keccak_f1600(uint64_t lane[25]);

void pn_keccak_init(pn_keccak *k, pn_keccak_kind kind);
/* Take more input. Not after the first squeeze. */
void pn_keccak_absorb(pn_keccak *k, pn_bytes in);
/* Take the last `count` (0..7) bits of a message that is not whole bytes, low
 * bits of `bits` first. Nothing may be absorbed after it. */
void pn_keccak_absorb_bits(pn_keccak *k, uint8_t bits, unsigned count);
/* Give the next `len` bytes of output. The SHA-3 functions define only the
 * first 28, 32, 48 or 64. */
void pn_keccak_squeeze(pn_keccak *k, uint8_t *out, size_t len);
void pn_keccak_wipe(pn_keccak *k);

/* One-shot forms; they wipe their state. */
void pn_sha3_256(uint8_t out[PN_SHA3_256_BYTES], pn_bytes in);
void pn_sha3_512(uint8_t out[PN_SHA3_512_BYTES], pn_bytes in);
void pn_shake256(uint8_t *out, size_t len, pn_bytes in);

#endif
