#include "proto/link/cipher.h"

#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"

enum { NONCE_BYTES = crypto_aead_chacha20poly1305_IETF_NPUBBYTES };

/* Section 12.3: 32 zero bits, then the counter, little-endian. */
static void encode_nonce(uint8_t out[NONCE_BYTES], uint64_t n)
{
    memset(out, 0, 4);
    for (unsigned i = 0; i < 8; i++)
        out[4 + i] = (uint8_t)(n >> (8 * i));
}

void pn_cipher_init(pn_cipher *c, const uint8_t key[PN_CIPHER_KEY_BYTES])
{
    memcpy(c->key, key, sizeof c->key);
    c->nonce = 0;
}

pn_err pn_cipher_seal(pn_cipher *c, uint8_t *out, pn_bytes ad, pn_bytes plain)
{
    uint8_t nonce[NONCE_BYTES];
    if (c->nonce == PN_CIPHER_NONCE_END)
        return PN_E_STATE;
    encode_nonce(nonce, c->nonce);
    /* Fails only above 64 GiB, which no caller of ours can reach. */
    if (crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, plain.p, plain.len,
                                                  ad.p, ad.len, NULL, nonce,
                                                  c->key) != 0)
        return PN_E_CRYPTO;
    c->nonce++;
    return PN_OK;
}

pn_err pn_cipher_open(pn_cipher *c, uint8_t *out, pn_bytes ad, pn_bytes sealed)
{
    uint8_t nonce[NONCE_BYTES];
    if (sealed.len < PN_CIPHER_TAG_BYTES)
        return PN_E_SHORT;
    if (c->nonce == PN_CIPHER_NONCE_END)
        return PN_E_STATE;
    encode_nonce(nonce, c->nonce);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed.p,
                                                  sealed.len, ad.p, ad.len,
                                                  nonce, c->key) != 0)
        return PN_E_CRYPTO;
    c->nonce++;
    return PN_OK;
}

/* The tag of RFC 8439 section 2.8 without associated data; `len` is a multiple
 * of 16, as it is where the tag fills the last block. */
static void tag_of(uint8_t tag[PN_CIPHER_TAG_BYTES], const uint8_t *sealed,
                   size_t len, const pn_cipher *c, const uint8_t *nonce)
{
    uint8_t first[PN_CIPHER_BLOCK_BYTES];
    uint8_t lengths[16] = { 0 };
    crypto_onetimeauth_poly1305_state state;
    for (unsigned i = 0; i < 8; i++)
        lengths[8 + i] = (uint8_t)((uint64_t)len >> (8 * i));
    (void)crypto_stream_chacha20_ietf(first, sizeof first, nonce, c->key);
    (void)crypto_onetimeauth_poly1305_init(&state, first);
    (void)crypto_onetimeauth_poly1305_update(&state, sealed, len);
    (void)crypto_onetimeauth_poly1305_update(&state, lengths, sizeof lengths);
    (void)crypto_onetimeauth_poly1305_final(&state, tag); /* wipes itself */
    pn_wipe(first, sizeof first);
}

/* The library ciphers a last piece of less than eight blocks one block at a
 * time: for a record of 1024 bytes that is half of all the time. So its tag's
 * place, which fills the last block, is ciphered along. */
static pn_err begin_blocks(const pn_cipher *c, size_t size,
                           uint8_t nonce[NONCE_BYTES])
{
    if (size == 0 || size % PN_CIPHER_BLOCK_BYTES != 0)
        return PN_E_ARG;
    if (c->nonce == PN_CIPHER_NONCE_END)
        return PN_E_STATE;
    encode_nonce(nonce, c->nonce);
    return PN_OK;
}

pn_err pn_cipher_seal_blocks(pn_cipher *c, uint8_t *buf, size_t size)
{
    uint8_t nonce[NONCE_BYTES];
    const size_t len = size - PN_CIPHER_TAG_BYTES;
    PN_TRY(begin_blocks(c, size, nonce));
    memset(buf + len, 0, PN_CIPHER_TAG_BYTES);
    (void)crypto_stream_chacha20_ietf_xor_ic(buf, buf, size, nonce, 1, c->key);
    tag_of(buf + len, buf, len, c, nonce);
    c->nonce++;
    return PN_OK;
}

pn_err pn_cipher_open_blocks(pn_cipher *c, uint8_t *out, pn_bytes sealed)
{
    uint8_t nonce[NONCE_BYTES];
    uint8_t tag[PN_CIPHER_TAG_BYTES];
    const size_t len = sealed.len - PN_CIPHER_TAG_BYTES;
    PN_TRY(begin_blocks(c, sealed.len, nonce));
    tag_of(tag, sealed.p, len, c, nonce);
    if (crypto_verify_16(tag, sealed.p + len) != 0)
        return PN_E_CRYPTO;
    (void)crypto_stream_chacha20_ietf_xor_ic(out, sealed.p, sealed.len, nonce,
                                             1, c->key);
    memset(out + len, 0, PN_CIPHER_TAG_BYTES);
    c->nonce++;
    return PN_OK;
}

void pn_cipher_rekey(pn_cipher *c)
{
    uint8_t nonce[NONCE_BYTES];
    uint8_t next[PN_CIPHER_KEY_BYTES + PN_CIPHER_TAG_BYTES] = { 0 };
    encode_nonce(nonce, PN_CIPHER_NONCE_END);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(
        next, NULL, next, PN_CIPHER_KEY_BYTES, NULL, 0, NULL, nonce, c->key);
    memcpy(c->key, next, sizeof c->key);
    pn_wipe(next, sizeof next);
}
