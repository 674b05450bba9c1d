#include "proto/link/symmetric.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/crypto/hkdf.h"

enum { BLAKE2B_BYTES = 64, BLAKE2B_BLOCK = 128 };

size_t pn_noise_hash_len(pn_noise_hash hash)
{
    return hash == PN_NOISE_SHA256 ? 32 : BLAKE2B_BYTES;
}

/* out = HASH(a | b); out may be where a lies. */
static void hash_two(pn_noise_hash hash, uint8_t *out, pn_bytes a, pn_bytes b)
{
    if (hash == PN_NOISE_SHA256) {
        crypto_hash_sha256_state st;
        (void)crypto_hash_sha256_init(&st);
        (void)crypto_hash_sha256_update(&st, a.p, a.len);
        (void)crypto_hash_sha256_update(&st, b.p, b.len);
        (void)crypto_hash_sha256_final(&st, out);
        pn_wipe(&st, sizeof st);
    } else {
        crypto_generichash_state st;
        (void)crypto_generichash_init(&st, NULL, 0, BLAKE2B_BYTES);
        (void)crypto_generichash_update(&st, a.p, a.len);
        (void)crypto_generichash_update(&st, b.p, b.len);
        (void)crypto_generichash_final(&st, out, BLAKE2B_BYTES);
        pn_wipe(&st, sizeof st);
    }
}

/* HMAC (RFC 2104) with BLAKE2b; the key is at most one block. */
static void hmac_blake2b(uint8_t out[BLAKE2B_BYTES], pn_bytes key,
                         pn_bytes data)
{
    uint8_t pad[BLAKE2B_BLOCK];
    uint8_t inner[BLAKE2B_BYTES];
    assert(key.len <= sizeof pad);
    memset(pad, 0x36, sizeof pad);
    for (size_t i = 0; i < key.len; i++)
        pad[i] ^= key.p[i];
    hash_two(PN_NOISE_BLAKE2B, inner, (pn_bytes){ pad, sizeof pad }, data);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    hash_two(PN_NOISE_BLAKE2B, out, (pn_bytes){ pad, sizeof pad },
             (pn_bytes){ inner, sizeof inner });
    pn_wipe(pad, sizeof pad);
    pn_wipe(inner, sizeof inner);
}

/* HKDF(ck, ikm, 2) of section 4.3, into out[0..2*HASHLEN). With SHA256 it is
 * RFC 5869 with ck as salt and no info. */
static void hkdf_two(const pn_symmetric *s, pn_bytes ikm,
                     uint8_t out[2 * PN_NOISE_HASH_MAX])
{
    const size_t n = pn_noise_hash_len(s->hash);
    uint8_t temp[PN_NOISE_HASH_MAX];
    if (s->hash == PN_NOISE_SHA256) {
        pn_err err;
        pn_hkdf_extract(temp, (pn_bytes){ s->ck, n }, ikm);
        err = pn_hkdf_expand(out, 2 * n, temp, (pn_bytes){ NULL, 0 });
        assert(err == PN_OK);
        (void)err;
    } else {
        static const uint8_t one = 1;
        uint8_t second[BLAKE2B_BYTES + 1];
        hmac_blake2b(temp, (pn_bytes){ s->ck, n }, ikm);
        hmac_blake2b(out, (pn_bytes){ temp, n }, (pn_bytes){ &one, 1 });
        memcpy(second, out, n);
        second[n] = 2;
        hmac_blake2b(out + n, (pn_bytes){ temp, n },
                     (pn_bytes){ second, n + 1 });
        pn_wipe(second, sizeof second);
    }
    pn_wipe(temp, sizeof temp);
}

void pn_symmetric_init(pn_symmetric *s, pn_noise_hash hash, pn_bytes name)
{
    const size_t n = pn_noise_hash_len(hash);
    *s = (pn_symmetric){ .hash = hash };
    if (name.len <= n)
        memcpy(s->h, name.p, name.len);
    else
        hash_two(hash, s->h, name, (pn_bytes){ NULL, 0 });
    memcpy(s->ck, s->h, n);
}

void pn_symmetric_mix_hash(pn_symmetric *s, pn_bytes data)
{
    const pn_bytes h = { s->h, pn_noise_hash_len(s->hash) };
    hash_two(s->hash, s->h, h, data);
}

void pn_symmetric_mix_key(pn_symmetric *s, const uint8_t ikm[32])
{
    const size_t n = pn_noise_hash_len(s->hash);
    uint8_t out[2 * PN_NOISE_HASH_MAX];
    hkdf_two(s, (pn_bytes){ ikm, 32 }, out);
    memcpy(s->ck, out, n);
    pn_cipher_init(&s->cipher, out + n); /* a 64-byte output is cut to 32 */
    s->has_key = true;
    pn_wipe(out, sizeof out);
}

size_t pn_symmetric_overhead(const pn_symmetric *s)
{
    return s->has_key ? PN_CIPHER_TAG_BYTES : 0;
}

pn_err pn_symmetric_seal(pn_symmetric *s, uint8_t *out, pn_bytes plain)
{
    const pn_bytes h = { s->h, pn_noise_hash_len(s->hash) };
    if (s->has_key)
        PN_TRY(pn_cipher_seal(&s->cipher, out, h, plain));
    else if (plain.len > 0)
        memcpy(out, plain.p, plain.len);
    pn_symmetric_mix_hash(
        s, (pn_bytes){ out, plain.len + pn_symmetric_overhead(s) });
    return PN_OK;
}

pn_err pn_symmetric_open(pn_symmetric *s, uint8_t *out, pn_bytes sealed)
{
    const pn_bytes h = { s->h, pn_noise_hash_len(s->hash) };
    if (s->has_key)
        PN_TRY(pn_cipher_open(&s->cipher, out, h, sealed));
    else if (sealed.len > 0)
        memcpy(out, sealed.p, sealed.len);
    pn_symmetric_mix_hash(s, sealed);
    return PN_OK;
}

void pn_symmetric_split(const pn_symmetric *s, pn_cipher *first,
                        pn_cipher *second)
{
    const size_t n = pn_noise_hash_len(s->hash);
    uint8_t out[2 * PN_NOISE_HASH_MAX];
    hkdf_two(s, (pn_bytes){ NULL, 0 }, out);
    pn_cipher_init(first, out);
    pn_cipher_init(second, out + n);
    pn_wipe(out, sizeof out);
}
