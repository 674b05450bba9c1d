#include "proto/crypto/aead.h"

#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"

_Static_assert((int)PN_AEAD_KEY_BYTES == crypto_stream_chacha20_ietf_KEYBYTES,
               "key");
_Static_assert((int)PN_AEAD_NONCE_BYTES ==
                   crypto_stream_chacha20_ietf_NONCEBYTES,
               "nonce");
_Static_assert((int)PN_AEAD_TAG_BYTES == crypto_onetimeauth_poly1305_BYTES,
               "tag");

static const pn_bytes no_ad = { NULL, 0 };

/* Set once, before there are threads. */
static const pn_aead_engine *the_engine;

void pn_aead_use(const pn_aead_engine *engine)
{
    the_engine = engine;
}

static const pn_aead_engine *engine_for(size_t len)
{
    return len >= PN_AEAD_LONG ? the_engine : NULL;
}

/* The tag of RFC 8439 section 2.8 without associated data; `len` is a multiple
 * of 16, as it is where the tag fills the last block. */
static void tag_of(uint8_t tag[PN_AEAD_TAG_BYTES], const uint8_t *sealed,
                   size_t len, const uint8_t *nonce, const uint8_t *key)
{
    uint8_t first[PN_AEAD_BLOCK_BYTES];
    uint8_t lengths[16] = { 0 };
    crypto_onetimeauth_poly1305_state state;
    for (unsigned i = 0; i < 8; i++)
        lengths[8 + i] = (uint8_t)((uint64_t)len >> (8 * i));
    (void)crypto_stream_chacha20_ietf(first, sizeof first, nonce, key);
    (void)crypto_onetimeauth_poly1305_init(&state, first);
    (void)crypto_onetimeauth_poly1305_update(&state, sealed, len);
    (void)crypto_onetimeauth_poly1305_update(&state, lengths, sizeof lengths);
    (void)crypto_onetimeauth_poly1305_final(&state, tag); /* wipes itself */
    pn_wipe(first, sizeof first);
}

/* libsodium ciphers a last piece of less than eight blocks one block at a time:
 * for a record of 1024 bytes that is half of all the time. So its tag's place,
 * which fills the last block, is ciphered along. */
static void seal_along(uint8_t *buf, size_t size, const uint8_t *nonce,
                       const uint8_t *key)
{
    const size_t len = size - PN_AEAD_TAG_BYTES;
    memset(buf + len, 0, PN_AEAD_TAG_BYTES);
    (void)crypto_stream_chacha20_ietf_xor_ic(buf, buf, size, nonce, 1, key);
    tag_of(buf + len, buf, len, nonce, key);
}

static pn_err open_along(uint8_t *out, pn_bytes sealed, const uint8_t *nonce,
                         const uint8_t *key)
{
    uint8_t tag[PN_AEAD_TAG_BYTES];
    const size_t len = sealed.len - PN_AEAD_TAG_BYTES;
    tag_of(tag, sealed.p, len, nonce, key);
    if (crypto_verify_16(tag, sealed.p + len) != 0)
        return PN_E_CRYPTO;
    (void)crypto_stream_chacha20_ietf_xor_ic(out, sealed.p, sealed.len, nonce,
                                             1, key);
    return PN_OK;
}

static bool is_blocks(size_t size)
{
    return size != 0 && size % PN_AEAD_BLOCK_BYTES == 0;
}

pn_err pn_aead_seal_blocks(uint8_t *buf, size_t size,
                           const uint8_t nonce[PN_AEAD_NONCE_BYTES],
                           const uint8_t key[PN_AEAD_KEY_BYTES])
{
    const pn_aead_engine *engine = engine_for(size);
    pn_err err = PN_E_NOMEM;
    if (!is_blocks(size))
        return PN_E_ARG;
    if (engine != NULL)
        err = engine->seal(buf, (pn_bytes){ buf, size - PN_AEAD_TAG_BYTES },
                           no_ad, nonce, key);
    if (err != PN_E_NOMEM)
        return err;
    seal_along(buf, size, nonce, key);
    return PN_OK;
}

pn_err pn_aead_open_blocks(uint8_t *out, pn_bytes sealed,
                           const uint8_t nonce[PN_AEAD_NONCE_BYTES],
                           const uint8_t key[PN_AEAD_KEY_BYTES])
{
    const pn_aead_engine *engine = engine_for(sealed.len);
    pn_err err = PN_E_NOMEM;
    if (!is_blocks(sealed.len))
        return PN_E_ARG;
    if (engine != NULL)
        err = engine->open(out, sealed, no_ad, nonce, key);
    if (err == PN_E_NOMEM)
        err = open_along(out, sealed, nonce, key);
    PN_TRY(err);
    memset(out + sealed.len - PN_AEAD_TAG_BYTES, 0, PN_AEAD_TAG_BYTES);
    return PN_OK;
}

pn_err pn_chacha20_xor(uint8_t *out, const uint8_t *in, size_t len,
                       uint32_t block, const uint8_t nonce[PN_AEAD_NONCE_BYTES],
                       const uint8_t key[PN_AEAD_KEY_BYTES])
{
    const pn_aead_engine *engine = engine_for(len);
    pn_err err = PN_E_NOMEM;
    if (engine != NULL)
        err = engine->stream(out, (pn_bytes){ in, len }, block, nonce, key);
    if (err != PN_E_NOMEM)
        return err;
    (void)crypto_stream_chacha20_ietf_xor_ic(out, in, len, nonce, block, key);
    return PN_OK;
}
