#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/crypto/hkdf.h"
#include "proto/parcel/inside.h"

enum {
    KEY_BYTES = crypto_aead_chacha20poly1305_ietf_KEYBYTES,
    AEAD_NONCE_BYTES = crypto_aead_chacha20poly1305_ietf_NPUBBYTES,
    TAG_BYTES = crypto_aead_chacha20poly1305_ietf_ABYTES,
    AD_BYTES = 2,
};

_Static_assert(PN_REPLY_OVERHEAD ==
                   PN_REPLY_NONCE_BYTES + TAG_BYTES + PN_REPLY_FIELDS_BYTES,
               "a reply is what its parts are");
_Static_assert(PN_REPLY_PLAIN_MAX == PN_REPLY_FIELDS_BYTES + PN_ENVELOPE_MAX,
               "the largest envelope fits");

typedef struct reply_key {
    uint8_t key[KEY_BYTES];
    uint8_t nonce[AEAD_NONCE_BYTES];
} reply_key;

_Static_assert(sizeof(reply_key) == KEY_BYTES + AEAD_NONCE_BYTES, "no gap");

size_t pn_parcel_reply_size(const pn_parcel_reply *reply)
{
    if (reply->kind != PN_PARCEL_FETCH)
        return PN_REPLY_STATUS_BYTES;
    return pn_envelope_size((pn_envelope_class)reply->room) + PN_REPLY_OVERHEAD;
}

/* A key for this response nonce alone: R may answer one parcel more than once,
 * and not always in the same words. */
static pn_err derive(reply_key *out, const pn_parcel_reply *reply,
                     const uint8_t *nonce)
{
    uint8_t salt[PN_PARCEL_BINDING_BYTES + PN_REPLY_NONCE_BYTES];
    uint8_t prk[PN_HKDF_PRK_BYTES];
    pn_err err;
    memcpy(salt, reply->binding, PN_PARCEL_BINDING_BYTES);
    memcpy(salt + PN_PARCEL_BINDING_BYTES, nonce, PN_REPLY_NONCE_BYTES);
    pn_hkdf_extract(prk, (pn_bytes){ salt, sizeof salt },
                    (pn_bytes){ reply->secret, sizeof reply->secret });
    err = pn_hkdf_expand((uint8_t *)out, sizeof *out, prk,
                         PN_BYTES_LIT("postern/parcel-reply/1"));
    pn_wipe(prk, sizeof prk);
    return err;
}

static void make_ad(uint8_t ad[AD_BYTES], const pn_parcel_reply *reply)
{
    ad[0] = reply->kind;
    ad[1] = reply->room;
}

pn_err pn_parcel_reply_seal(const pn_env *env, const pn_parcel_reply *reply,
                            const pn_parcel_answer *answer, uint8_t *out,
                            size_t cap, size_t *len)
{
    uint8_t ad[AD_BYTES];
    uint8_t *const plain = out + PN_REPLY_NONCE_BYTES;
    reply_key k;
    size_t size, inner;
    *len = 0;
    if (!pn_parcel_answer_ok(reply, answer))
        return PN_E_ARG;
    size = pn_parcel_reply_size(reply);
    inner = size - PN_REPLY_NONCE_BYTES - TAG_BYTES;
    if (cap < size)
        return PN_E_FULL;
    PN_TRY(pn_random(env, out, PN_REPLY_NONCE_BYTES));
    PN_TRY(derive(&k, reply, out));
    pn_parcel_answer_write(reply, answer, plain, inner);
    make_ad(ad, reply);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(
        plain, NULL, plain, inner, ad, sizeof ad, NULL, k.nonce, k.key);
    pn_wipe(&k, sizeof k);
    *len = size;
    return PN_OK;
}

pn_err pn_parcel_reply_open(pn_parcel_answer *out, const pn_parcel_reply *reply,
                            pn_bytes sealed, uint8_t *plain, size_t cap)
{
    uint8_t ad[AD_BYTES];
    const size_t inner = sealed.len - PN_REPLY_NONCE_BYTES - TAG_BYTES;
    reply_key k;
    pn_err err = PN_OK;
    if (reply->room > PN_ENVELOPE_L)
        return PN_E_ARG;
    if (sealed.len != pn_parcel_reply_size(reply))
        return PN_E_PROTO;
    if (cap < inner)
        return PN_E_FULL;
    PN_TRY(derive(&k, reply, sealed.p));
    make_ad(ad, reply);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(
            plain, NULL, NULL, sealed.p + PN_REPLY_NONCE_BYTES,
            inner + TAG_BYTES, ad, sizeof ad, k.nonce, k.key) != 0)
        err = PN_E_CRYPTO;
    pn_wipe(&k, sizeof k);
    if (err == PN_OK)
        err = pn_parcel_answer_read(out, reply, (pn_bytes){ plain, inner });
    if (err != PN_OK)
        pn_wipe(plain, inner);
    return err;
}
