/* A descriptor's bytes and its signature. */
#include "proto/roster/descriptor.h"

#include <sodium.h>
#include <string.h>

enum {
    VERSION = 1,
    SIGNATURE_BYTES = crypto_sign_BYTES,
    SECRET_BYTES = crypto_sign_SECRETKEYBYTES,
};

static const char label[] = "postern/descriptor/1";
enum { LABEL_BYTES = sizeof label - 1 };

/* Ed25519 over the label and everything before the signature. */
static void join(uint8_t out[LABEL_BYTES + PN_DESCRIPTOR_BYTES_MAX],
                 const uint8_t *body, size_t len)
{
    memcpy(out, label, LABEL_BYTES);
    memcpy(out + LABEL_BYTES, body, len);
}

static void set_hash(pn_descriptor *d, const uint8_t *whole, size_t len)
{
    (void)crypto_generichash(d->hash, sizeof d->hash, whole, len, NULL, 0);
}

static void put_limits(pn_out *w, const pn_descriptor_limits *l)
{
    pn_put_u8(w, l->largest);
    pn_put_u8(w, l->ttl_days);
    pn_put_u8(w, l->forward_days);
    pn_put_u8(w, l->access);
    pn_put_u32(w, l->queue_count);
    pn_put_u32(w, l->queue_bytes);
}

static void put_body(pn_out *w, const pn_descriptor *d)
{
    pn_put_u8(w, VERSION);
    pn_put(w, (pn_bytes){ d->relay_key, PN_DESCRIPTOR_KEY_BYTES });
    pn_put_u64(w, d->sequence);
    pn_put_u64(w, d->from_ms);
    pn_put_u64(w, d->until_ms);
    pn_put_u64(w, d->features);
    put_limits(w, &d->limits);
    pn_put(w, (pn_bytes){ d->operator_id, PN_OPERATOR_ID_BYTES });
    pn_put_u8(w, (uint8_t)d->label.len);
    pn_put(w, d->label);
    pn_put_u8(w, (uint8_t)d->address_count);
    for (size_t i = 0; i < d->address_count; i++) {
        pn_put_u8(w, d->addresses[i].carrier);
        pn_put_u8(w, (uint8_t)d->addresses[i].text.len);
        pn_put(w, d->addresses[i].text);
    }
    pn_put_u8(w, (uint8_t)d->onion_count);
    for (size_t i = 0; i < d->onion_count; i++) {
        pn_put(w, (pn_bytes){ d->onions[i].pk, PN_XWING_PK_BYTES });
        pn_put_u64(w, d->onions[i].from_ms);
        pn_put_u64(w, d->onions[i].until_ms);
    }
}

pn_err pn_descriptor_sign(pn_descriptor *d, const uint8_t sign_sk[64],
                          uint8_t *out, size_t cap, size_t *len)
{
    uint8_t message[LABEL_BYTES + PN_DESCRIPTOR_BYTES_MAX];
    const uint8_t *public_half = sign_sk + SECRET_BYTES - 32;
    pn_out w = pn_out_over(out, cap);
    *len = 0;
    if (d->onion_count > PN_DESCRIPTOR_ONIONS_MAX)
        return PN_E_ARG;
    for (size_t i = 0; i < d->onion_count; i++)
        pn_onion_id(d->onions[i].id, d->onions[i].pk);
    if (!pn_descriptor_ok(d) ||
        memcmp(public_half, d->relay_key, PN_DESCRIPTOR_KEY_BYTES) != 0)
        return PN_E_ARG;
    put_body(&w, d);
    PN_TRY(pn_out_err(&w));
    if (w.cap - w.len < SIGNATURE_BYTES)
        return PN_E_FULL;
    join(message, out, w.len);
    (void)crypto_sign_detached(out + w.len, NULL, message, LABEL_BYTES + w.len,
                               sign_sk);
    *len = w.len + SIGNATURE_BYTES;
    set_hash(d, out, *len);
    return PN_OK;
}

static pn_err take_fixed(pn_bytes *in, size_t len, const uint8_t **out)
{
    pn_bytes v;
    PN_TRY(pn_take(in, len, &v));
    *out = v.p;
    return PN_OK;
}

static pn_err take_limits(pn_bytes *in, pn_descriptor_limits *l)
{
    PN_TRY(pn_take_u8(in, &l->largest));
    PN_TRY(pn_take_u8(in, &l->ttl_days));
    PN_TRY(pn_take_u8(in, &l->forward_days));
    PN_TRY(pn_take_u8(in, &l->access));
    PN_TRY(pn_take_u32(in, &l->queue_count));
    return pn_take_u32(in, &l->queue_bytes);
}

static pn_err take_addresses(pn_bytes *in, pn_descriptor *d)
{
    uint8_t count, len;
    PN_TRY(pn_take_u8(in, &count));
    if (count > PN_DESCRIPTOR_ADDRESSES_MAX)
        return PN_E_PROTO;
    d->address_count = count;
    for (size_t i = 0; i < count; i++) {
        PN_TRY(pn_take_u8(in, &d->addresses[i].carrier));
        PN_TRY(pn_take_u8(in, &len));
        PN_TRY(pn_take(in, len, &d->addresses[i].text));
    }
    return PN_OK;
}

static pn_err take_onions(pn_bytes *in, pn_descriptor *d)
{
    uint8_t count;
    PN_TRY(pn_take_u8(in, &count));
    if (count > PN_DESCRIPTOR_ONIONS_MAX)
        return PN_E_PROTO;
    d->onion_count = count;
    for (size_t i = 0; i < count; i++) {
        pn_descriptor_onion *o = &d->onions[i];
        PN_TRY(take_fixed(in, PN_XWING_PK_BYTES, &o->pk));
        PN_TRY(pn_take_u64(in, &o->from_ms));
        PN_TRY(pn_take_u64(in, &o->until_ms));
        pn_onion_id(o->id, o->pk);
    }
    return PN_OK;
}

static pn_err take_body(pn_bytes *in, pn_descriptor *d)
{
    uint8_t version, len;
    PN_TRY(pn_take_u8(in, &version));
    if (version != VERSION)
        return PN_E_PROTO;
    PN_TRY(take_fixed(in, PN_DESCRIPTOR_KEY_BYTES, &d->relay_key));
    PN_TRY(pn_take_u64(in, &d->sequence));
    PN_TRY(pn_take_u64(in, &d->from_ms));
    PN_TRY(pn_take_u64(in, &d->until_ms));
    PN_TRY(pn_take_u64(in, &d->features));
    PN_TRY(take_limits(in, &d->limits));
    PN_TRY(take_fixed(in, PN_OPERATOR_ID_BYTES, &d->operator_id));
    PN_TRY(pn_take_u8(in, &len));
    PN_TRY(pn_take(in, len, &d->label));
    PN_TRY(take_addresses(in, d));
    PN_TRY(take_onions(in, d));
    return pn_take_end(in);
}

pn_err pn_descriptor_read(pn_descriptor *out, pn_bytes in)
{
    uint8_t message[LABEL_BYTES + PN_DESCRIPTOR_BYTES_MAX];
    pn_descriptor d = { 0 };
    pn_bytes body = in;
    if (in.len <= SIGNATURE_BYTES || in.len > PN_DESCRIPTOR_BYTES_MAX)
        return PN_E_PROTO;
    body.len -= SIGNATURE_BYTES;
    join(message, body.p, body.len);
    if (take_body(&body, &d) != PN_OK || !pn_descriptor_ok(&d))
        return PN_E_PROTO; /* too short is malformed, too */
    if (crypto_sign_verify_detached(in.p + in.len - SIGNATURE_BYTES, message,
                                    LABEL_BYTES + in.len - SIGNATURE_BYTES,
                                    d.relay_key) != 0)
        return PN_E_CRYPTO;
    set_hash(&d, in.p, in.len);
    *out = d;
    return PN_OK;
}

/* Whether `now` lies in the times of *d, with both ends moved out by the skew;
 * additions that cannot overflow. */
static bool is_current(const pn_descriptor *d, uint64_t now)
{
    const uint64_t late =
        now < PN_DESCRIPTOR_SKEW_MS ? 0 : now - PN_DESCRIPTOR_SKEW_MS;
    const bool begun =
        d->from_ms <= now || d->from_ms - now <= PN_DESCRIPTOR_SKEW_MS;
    return begun && late < d->until_ms;
}

pn_err pn_descriptor_verify(pn_descriptor *out, pn_bytes in,
                            const uint8_t relay_key[PN_DESCRIPTOR_KEY_BYTES],
                            uint64_t now_ms)
{
    pn_descriptor d;
    PN_TRY(pn_descriptor_read(&d, in));
    if (memcmp(d.relay_key, relay_key, PN_DESCRIPTOR_KEY_BYTES) != 0)
        return PN_E_REFUSED;
    if (!is_current(&d, now_ms))
        return PN_E_TIMEOUT;
    *out = d;
    return PN_OK;
}
