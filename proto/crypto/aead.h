/* ChaCha20-Poly1305 (RFC 8439, section 2.8) for messages that fill whole blocks
 * of the keystream together with their tag, and ChaCha20 alone (section 2.4).
 * libsodium does it. A program may name another engine for long inputs; the
 * bytes are the same whoever does them.
 * Thread rule: no state but which engine there is.
 */
#ifndef POSTERN_PROTO_CRYPTO_AEAD_H
#define POSTERN_PROTO_CRYPTO_AEAD_H

#include "proto/base/bytes.h"

enum {
    PN_AEAD_KEY_BYTES = 32,
    PN_AEAD_NONCE_BYTES = 12,
    PN_AEAD_TAG_BYTES = 16,
    PN_AEAD_BLOCK_BYTES = 64,
    /* From here on an engine is asked: what it costs to begin with a key is
     * more than it saves on 1024 bytes, and a fifth of that on 4096. */
    PN_AEAD_LONG = 2048,
};

/* Another library's cipher. Each call may answer PN_E_NOMEM with nothing
 * touched, and libsodium then does the work; any other error is final. `out`
 * may be where the input lies. No key stays in the engine after a call. Its
 * functions may be called by several threads at once. */
typedef struct pn_aead_engine {
    /* Writes plain.len + 16 bytes to `out`. */
    pn_err (*seal)(uint8_t *out, pn_bytes plain, pn_bytes ad,
                   const uint8_t nonce[PN_AEAD_NONCE_BYTES],
                   const uint8_t key[PN_AEAD_KEY_BYTES]);
    /* Writes sealed.len - 16 bytes to `out`; zeros, and PN_E_CRYPTO, if it does
     * not authenticate. PN_E_SHORT below 16 bytes. */
    pn_err (*open)(uint8_t *out, pn_bytes sealed, pn_bytes ad,
                   const uint8_t nonce[PN_AEAD_NONCE_BYTES],
                   const uint8_t key[PN_AEAD_KEY_BYTES]);
    /* XORs the keystream from block number `block` on. */
    pn_err (*stream)(uint8_t *out, pn_bytes in, uint32_t block,
                     const uint8_t nonce[PN_AEAD_NONCE_BYTES],
                     const uint8_t key[PN_AEAD_KEY_BYTES]);
} pn_aead_engine;

/* Ask `engine` for inputs of PN_AEAD_LONG bytes and more; NULL for none. It is
 * borrowed until another is named. Before the program starts threads. */
void pn_aead_use(const pn_aead_engine *engine);

/* Seal buf[0..size - 16) where it lies; the tag goes to the last 16 bytes.
 * `size` is a multiple of 64 and not 0: PN_E_ARG. PN_E_CRYPTO if the engine
 * fails; buf then holds nothing of use. */
PN_MUST_USE pn_err pn_aead_seal_blocks(uint8_t *buf, size_t size,
                                       const uint8_t nonce[PN_AEAD_NONCE_BYTES],
                                       const uint8_t key[PN_AEAD_KEY_BYTES]);
/* Its inverse: out[0..sealed.len), which may be where the ciphertext lies,
 * gets the plaintext and then 16 zeros. If it does not authenticate `out` is as
 * it was or zeros, never what it would have said. PN_E_ARG, PN_E_CRYPTO. */
PN_MUST_USE pn_err pn_aead_open_blocks(uint8_t *out, pn_bytes sealed,
                                       const uint8_t nonce[PN_AEAD_NONCE_BYTES],
                                       const uint8_t key[PN_AEAD_KEY_BYTES]);
/* XOR the keystream from block number `block` on (each 64 bytes; the number
 * does not wrap) from `in` to `out`, which may be the same. PN_E_CRYPTO if the
 * engine fails; `out` then holds nothing of use. */
PN_MUST_USE pn_err pn_chacha20_xor(uint8_t *out, const uint8_t *in, size_t len,
                                   uint32_t block,
                                   const uint8_t nonce[PN_AEAD_NONCE_BYTES],
                                   const uint8_t key[PN_AEAD_KEY_BYTES]);

#endif
