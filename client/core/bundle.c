#include "client/core/bundle.h"

#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/text.h"

static const char sign_label[] = "postern/bundle/1";
enum { SIGN_LABEL_BYTES = sizeof sign_label - 1 };

static bool has_one_time(cl_bundle_kind kind)
{
    return kind != CL_BUNDLE_PUBLISHED;
}

void cl_bundle_hash(uint8_t out[32], pn_bytes encoded)
{
    cl_hash(out, "postern/bundle-hash/1", &encoded, 1);
}

/* The label and the bytes, as one message for Ed25519. `room` holds
 * SIGN_LABEL_BYTES + CL_BUNDLE_MAX. */
static size_t signed_message(uint8_t *room, pn_bytes bytes)
{
    memcpy(room, sign_label, SIGN_LABEL_BYTES);
    memcpy(room + SIGN_LABEL_BYTES, bytes.p, bytes.len);
    return SIGN_LABEL_BYTES + bytes.len;
}

/* One X25519 pair from 32 random bytes. */
static pn_err draw_pair(const pn_env *env, uint8_t sk[32], uint8_t pk[32])
{
    PN_TRY(pn_random(env, sk, 32));
    (void)crypto_scalarmult_base(pk, sk);
    return PN_OK;
}

static pn_err draw_keys(cl_bundle *b, cl_prekeys *keys, const pn_env *env)
{
    uint8_t kem_sk[PN_MLKEM768_SK_BYTES];
    PN_TRY(draw_pair(env, keys->signed_prekey_sk, b->signed_prekey));
    PN_TRY(pn_random(env, keys->kem_seed, sizeof keys->kem_seed));
    pn_mlkem768_seed_keypair(b->kem_pk, kem_sk, keys->kem_seed);
    pn_wipe(kem_sk, sizeof kem_sk);
    if (has_one_time(b->kind))
        PN_TRY(draw_pair(env, keys->one_time_sk, b->one_time));
    return PN_OK;
}

/* All but the signature. */
static pn_err encode_body(pn_out *o, const cl_bundle *b)
{
    const size_t name_len = strlen(b->name);
    pn_put_u8(o, CL_SUITE);
    pn_put_u8(o, (uint8_t)b->kind);
    pn_put_u64(o, b->created_ms);
    pn_put_u64(o, b->expires_ms);
    cl_identity_put(o, &b->identity);
    pn_put(o, CL_VIEW(b->signed_prekey));
    pn_put(o, CL_VIEW(b->kem_pk));
    if (has_one_time(b->kind))
        pn_put(o, CL_VIEW(b->one_time));
    pn_put_u8(o, (uint8_t)b->queue_count);
    for (size_t i = 0; i < b->queue_count; i++)
        PN_TRY(cl_queue_ref_put(o, &b->queues[i]));
    pn_put_u8(o, (uint8_t)name_len);
    pn_put(o, (pn_bytes){ (const uint8_t *)b->name, name_len });
    return pn_out_err(o);
}

static pn_err make(cl_bundle *b, cl_prekeys *keys, const pn_env *env,
                   const cl_identity *self, pn_out *o)
{
    uint8_t message[SIGN_LABEL_BYTES + CL_BUNDLE_MAX], sig[CL_SIGNATURE_BYTES];
    size_t len;
    PN_TRY(draw_keys(b, keys, env));
    PN_TRY(encode_body(o, b));
    len = signed_message(message, pn_out_view(o));
    (void)crypto_sign_detached(sig, NULL, message, len, self->sign_sk);
    pn_wipe(message, len);
    pn_put(o, CL_VIEW(sig));
    return pn_out_err(o);
}

pn_err cl_bundle_make(cl_bundle *b, cl_prekeys *keys, const pn_env *env,
                      const cl_identity *self, uint8_t *out, size_t cap,
                      size_t *len)
{
    pn_out o = pn_out_over(out, cap < CL_BUNDLE_MAX ? cap : CL_BUNDLE_MAX);
    pn_err err;
    *len = 0;
    *keys = (cl_prekeys){ .kind = b->kind };
    if (b->queue_count > CL_QUEUES_MAX ||
        !pn_line_ok((pn_bytes){ (const uint8_t *)b->name, strlen(b->name) }))
        return PN_E_ARG;
    b->identity = self->pub;
    memset(b->one_time, 0, sizeof b->one_time);
    err = make(b, keys, env, self, &o);
    if (err != PN_OK) {
        pn_wipe(out, o.len);
        cl_prekeys_wipe(keys);
        return err;
    }
    cl_bundle_hash(b->hash, pn_out_view(&o));
    memcpy(keys->bundle_hash, b->hash, sizeof b->hash);
    *len = o.len;
    return PN_OK;
}

static pn_err take_name(pn_bytes *in, char name[CL_NAME_MAX + 1])
{
    uint8_t len;
    pn_bytes text;
    PN_TRY(pn_take_u8(in, &len));
    PN_TRY(pn_take(in, len, &text));
    if (len > CL_NAME_MAX || !pn_line_ok(text))
        return PN_E_PROTO;
    memset(name, 0, CL_NAME_MAX + 1);
    if (len > 0)
        memcpy(name, text.p, len);
    return PN_OK;
}

static pn_err take_head(pn_bytes *in, cl_bundle *b)
{
    uint8_t suite, kind;
    PN_TRY(pn_take_u8(in, &suite));
    PN_TRY(pn_take_u8(in, &kind));
    if (suite != CL_SUITE)
        return PN_E_VERSION;
    if (kind < CL_BUNDLE_INVITATION || kind > CL_BUNDLE_RESYNC)
        return PN_E_PROTO;
    b->kind = (cl_bundle_kind)kind;
    PN_TRY(pn_take_u64(in, &b->created_ms));
    PN_TRY(pn_take_u64(in, &b->expires_ms));
    return b->expires_ms > b->created_ms ? PN_OK : PN_E_PROTO;
}

static pn_err take_queues(pn_bytes *in, cl_bundle *b)
{
    uint8_t count;
    PN_TRY(pn_take_u8(in, &count));
    if (count > CL_QUEUES_MAX)
        return PN_E_PROTO;
    for (; b->queue_count < count; b->queue_count++)
        PN_TRY(cl_queue_ref_take(in, &b->queues[b->queue_count]));
    return PN_OK;
}

static pn_err parse(cl_bundle *b, pn_bytes in)
{
    const pn_bytes whole = in;
    uint8_t message[SIGN_LABEL_BYTES + CL_BUNDLE_MAX];
    size_t len;
    if (in.len > CL_BUNDLE_MAX)
        return PN_E_PROTO;
    PN_TRY(take_head(&in, b));
    PN_TRY(cl_identity_take(&in, &b->identity));
    PN_TRY(pn_take_copy(&in, b->signed_prekey, sizeof b->signed_prekey));
    PN_TRY(pn_take_copy(&in, b->kem_pk, sizeof b->kem_pk));
    if (has_one_time(b->kind))
        PN_TRY(pn_take_copy(&in, b->one_time, sizeof b->one_time));
    PN_TRY(take_queues(&in, b));
    PN_TRY(take_name(&in, b->name));
    if (in.len != CL_SIGNATURE_BYTES)
        return in.len < CL_SIGNATURE_BYTES ? PN_E_SHORT : PN_E_PROTO;
    len = signed_message(message,
                         (pn_bytes){ whole.p, whole.len - CL_SIGNATURE_BYTES });
    if (crypto_sign_verify_detached(in.p, message, len, b->identity.sign_pk) !=
        0)
        return PN_E_CRYPTO;
    pn_wipe(message, len);
    cl_bundle_hash(b->hash, whole);
    return pn_mlkem768_check_ek(b->kem_pk);
}

pn_err cl_bundle_parse(cl_bundle *out, pn_bytes in)
{
    pn_err err;
    *out = (cl_bundle){ .queue_count = 0 };
    err = parse(out, in);
    if (err != PN_OK)
        cl_bundle_wipe(out);
    return err;
}

void cl_bundle_wipe(cl_bundle *b)
{
    pn_wipe(b, sizeof *b);
}

void cl_prekeys_put(pn_out *out, const cl_prekeys *keys)
{
    pn_put_u8(out, (uint8_t)keys->kind);
    pn_put(out, CL_VIEW(keys->bundle_hash));
    pn_put(out, CL_VIEW(keys->signed_prekey_sk));
    pn_put(out, CL_VIEW(keys->kem_seed));
    pn_put(out, CL_VIEW(keys->one_time_sk));
}

pn_err cl_prekeys_take(pn_bytes *in, cl_prekeys *out)
{
    uint8_t kind;
    pn_bytes all;
    PN_TRY(pn_take(in, CL_PREKEYS_BYTES, &all));
    PN_TRY(pn_take_u8(&all, &kind));
    if (kind < CL_BUNDLE_INVITATION || kind > CL_BUNDLE_RESYNC)
        return PN_E_CORRUPT;
    out->kind = (cl_bundle_kind)kind;
    PN_TRY(pn_take_copy(&all, out->bundle_hash, 32));
    PN_TRY(pn_take_copy(&all, out->signed_prekey_sk, 32));
    PN_TRY(pn_take_copy(&all, out->kem_seed, sizeof out->kem_seed));
    PN_TRY(pn_take_copy(&all, out->one_time_sk, 32));
    return pn_take_end(&all);
}

void cl_prekeys_wipe(cl_prekeys *keys)
{
    pn_wipe(keys, sizeof *keys);
}
