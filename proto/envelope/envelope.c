#include "proto/envelope/envelope.h"

#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"

static const char label[] = "postern/envelope/1";
enum {
    LABEL_BYTES = sizeof label - 1,
    AD_BYTES = LABEL_BYTES + PN_ENVELOPE_ID_BYTES,
    NONCE = PN_ENVELOPE_NONCE_BYTES,
    TAG = PN_ENVELOPE_TAG_BYTES,
};
_Static_assert(NONCE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
_Static_assert(TAG == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag");

static const size_t sizes[] = { 896, 3968, 16256, PN_ENVELOPE_MAX };
enum { CLASSES = sizeof sizes / sizeof sizes[0] };

size_t pn_envelope_size(pn_envelope_class c)
{
    return sizes[c];
}

size_t pn_envelope_room(pn_envelope_class c)
{
    return sizes[c] - PN_ENVELOPE_OVERHEAD;
}

pn_err pn_envelope_class_of(pn_envelope_class *out, size_t len)
{
    for (unsigned c = 0; c < CLASSES; c++) {
        if (sizes[c] == len) {
            *out = (pn_envelope_class)c;
            return PN_OK;
        }
    }
    return PN_E_PROTO;
}

pn_err pn_envelope_class_for(pn_envelope_class *out, size_t inner_len,
                             pn_envelope_class least)
{
    for (unsigned c = (unsigned)least; c < CLASSES; c++) {
        if (inner_len <= pn_envelope_room((pn_envelope_class)c)) {
            *out = (pn_envelope_class)c;
            return PN_OK;
        }
    }
    return PN_E_FULL;
}

static void make_ad(uint8_t ad[AD_BYTES], const uint8_t *send_id)
{
    memcpy(ad, label, LABEL_BYTES);
    memcpy(ad + LABEL_BYTES, send_id, PN_ENVELOPE_ID_BYTES);
}

pn_err pn_envelope_seal(const pn_env *env,
                        const uint8_t key[PN_ENVELOPE_KEY_BYTES],
                        const uint8_t send_id[PN_ENVELOPE_ID_BYTES],
                        pn_envelope_class least, pn_bytes inner, uint8_t *out,
                        size_t cap, size_t *len)
{
    uint8_t ad[AD_BYTES];
    pn_envelope_class c;
    pn_out plain;
    *len = 0;
    if (inner.len == 0)
        return PN_E_ARG;
    PN_TRY(pn_envelope_class_for(&c, inner.len, least));
    if (cap < sizes[c])
        return PN_E_FULL;
    PN_TRY(pn_random(env, out, NONCE));
    plain = pn_out_over(out + NONCE, sizes[c] - NONCE - TAG);
    pn_put_u16(&plain, (uint16_t)inner.len);
    pn_put(&plain, inner);
    pn_put_zeros(&plain, plain.cap - plain.len);
    make_ad(ad, send_id);
    /* In place: the ciphertext takes the plaintext's bytes, the tag follows. */
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        plain.p, NULL, plain.p, plain.len, ad, sizeof ad, NULL, out, key);
    *len = sizes[c];
    return PN_OK;
}

/* Read u16 length, inner, zeros to the end. */
static pn_err unpad(pn_bytes in, pn_bytes *inner)
{
    uint16_t len;
    pn_bytes body;
    PN_TRY(pn_take_u16(&in, &len));
    if (len == 0)
        return PN_E_PROTO;
    if (pn_take(&in, len, &body) != PN_OK)
        return PN_E_PROTO;
    PN_TRY(pn_take_zeros(&in));
    *inner = body;
    return PN_OK;
}

pn_err pn_envelope_open(const uint8_t key[PN_ENVELOPE_KEY_BYTES],
                        const uint8_t send_id[PN_ENVELOPE_ID_BYTES],
                        pn_bytes envelope, uint8_t *out, size_t cap,
                        pn_bytes *inner)
{
    uint8_t ad[AD_BYTES];
    pn_envelope_class c;
    const size_t sealed = envelope.len < NONCE ? 0 : envelope.len - NONCE;
    pn_err err;
    *inner = (pn_bytes){ NULL, 0 };
    PN_TRY(pn_envelope_class_of(&c, envelope.len));
    if (cap < sealed - TAG)
        return PN_E_FULL;
    make_ad(ad, send_id);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            out, NULL, NULL, envelope.p + NONCE, sealed, ad, sizeof ad,
            envelope.p, key) != 0) {
        pn_wipe(out, sealed - TAG);
        return PN_E_CRYPTO;
    }
    err = unpad((pn_bytes){ out, sealed - TAG }, inner);
    if (err != PN_OK)
        pn_wipe(out, sealed - TAG);
    return err;
}
