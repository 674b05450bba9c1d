#include "proto/link/cipher.h"

#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/crypto/aead.h"

enum { NONCE_BYTES = PN_AEAD_NONCE_BYTES };

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

pn_err pn_cipher_seal_blocks(pn_cipher *c, uint8_t *buf, size_t size)
{
    uint8_t nonce[NONCE_BYTES];
    if (c->nonce == PN_CIPHER_NONCE_END)
        return PN_E_STATE;
    encode_nonce(nonce, c->nonce);
    PN_TRY(pn_aead_seal_blocks(buf, size, nonce, c->key));
    c->nonce++;
    return PN_OK;
}

pn_err pn_cipher_open_blocks(pn_cipher *c, uint8_t *out, pn_bytes sealed)
{
    uint8_t nonce[NONCE_BYTES];
    if (c->nonce == PN_CIPHER_NONCE_END)
        return PN_E_STATE;
    encode_nonce(nonce, c->nonce);
    PN_TRY(pn_aead_open_blocks(out, sealed, nonce, c->key));
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
