#include "proto/parcel/parcel.h"

#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/parcel/inside.h"

enum { AD_BYTES = PN_PARCEL_ENC_AT, INFO_MAX = 16 + PN_RELAY_KEY_BYTES };

_Static_assert(PN_PARCEL_OVERHEAD == PN_PARCEL_CONTENT_AT +
                                         PN_PARCEL_HEADER_BYTES +
                                         PN_HPKE_TAG_BYTES,
               "a parcel is what its parts are");
_Static_assert(PN_PARCEL_MAX == PN_ENVELOPE_MAX + PN_PARCEL_OVERHEAD,
               "the largest envelope fits");
_Static_assert((int)PN_KEY_ID_BYTES == (int)PN_ONION_ID_BYTES, "key id");
_Static_assert(PN_SIGNATURE_BYTES == crypto_sign_BYTES, "signature");

size_t pn_parcel_size(pn_envelope_class c)
{
    return pn_envelope_size(c) + PN_PARCEL_OVERHEAD;
}

/* The class, if the size is the one that it has. */
static pn_err look_at_size(pn_envelope_class *out, pn_bytes parcel)
{
    uint8_t class;
    const size_t len = parcel.len;
    if (pn_take_u8(&parcel, &class) != PN_OK || class > PN_ENVELOPE_L ||
        len != pn_parcel_size((pn_envelope_class) class))
        return PN_E_PROTO;
    *out = (pn_envelope_class) class;
    return PN_OK;
}

pn_err pn_parcel_look(pn_parcel_face *out, pn_bytes parcel)
{
    pn_parcel_face face;
    PN_TRY(look_at_size(&face.class, parcel));
    memcpy(face.key_id, parcel.p + 1, sizeof face.key_id);
    (void)crypto_generichash(face.tag, sizeof face.tag,
                             parcel.p + PN_PARCEL_ENC_AT, PN_HPKE_ENC_BYTES,
                             NULL, 0);
    *out = face;
    return PN_OK;
}

static pn_bytes make_info(uint8_t out[INFO_MAX], const uint8_t *relay_key)
{
    pn_out w = pn_out_over(out, INFO_MAX);
    pn_put(&w, PN_BYTES_LIT("postern/parcel/1"));
    pn_put(&w, (pn_bytes){ relay_key, PN_RELAY_KEY_BYTES });
    return pn_out_view(&w);
}

/* What no two parcels share, and anybody may know. */
static void bind(uint8_t out[PN_PARCEL_BINDING_BYTES], const uint8_t *relay_key,
                 const uint8_t *enc)
{
    const pn_bytes label = PN_BYTES_LIT("postern/parcel-binding/1");
    crypto_generichash_state st;
    (void)crypto_generichash_init(&st, NULL, 0, PN_PARCEL_BINDING_BYTES);
    (void)crypto_generichash_update(&st, label.p, label.len);
    (void)crypto_generichash_update(&st, relay_key, PN_RELAY_KEY_BYTES);
    (void)crypto_generichash_update(&st, enc, PN_HPKE_ENC_BYTES);
    (void)crypto_generichash_final(&st, out, PN_PARCEL_BINDING_BYTES);
}

/* Everything about the answer but its content. */
static pn_err agree(pn_parcel_reply *reply, const pn_hpke *hpke,
                    const pn_parcel_command *cmd)
{
    reply->kind = (uint8_t)cmd->kind;
    reply->room =
        cmd->kind == PN_PARCEL_FETCH ? (uint8_t)cmd->u.manage.room : 0;
    return pn_hpke_export(hpke, reply->secret, sizeof reply->secret,
                          PN_BYTES_LIT("postern/parcel-reply/1"));
}

static void sign(uint8_t *content, const uint8_t *binding,
                 const uint8_t *sign_sk)
{
    uint8_t message[PN_PARCEL_SIGNED_MAX];
    pn_parcel_transcript(message, binding, content);
    (void)crypto_sign_detached(content + PN_PARCEL_SIGNATURE_AT, NULL, message,
                               sizeof message, sign_sk);
    pn_wipe(message, sizeof message); /* an access secret may be in it */
}

pn_err pn_parcel_seal(const pn_env *env, const pn_parcel_to *to,
                      const pn_parcel_command *cmd, const uint8_t *sign_sk,
                      uint8_t *out, size_t cap, size_t *len,
                      pn_parcel_reply *reply)
{
    uint8_t info[INFO_MAX];
    uint8_t *const enc = out + PN_PARCEL_ENC_AT;
    uint8_t *const content = out + PN_PARCEL_CONTENT_AT;
    pn_envelope_class class;
    size_t size;
    pn_hpke hpke;
    pn_err err;
    *len = 0;
    *reply = (pn_parcel_reply){ 0 };
    if (!pn_parcel_command_ok(cmd) ||
        (sign_sk == NULL) != (cmd->kind == PN_PARCEL_DEPOSIT))
        return PN_E_ARG;
    class = pn_parcel_class_for(cmd);
    size = pn_parcel_size(class);
    if (cap < size)
        return PN_E_FULL;
    out[0] = (uint8_t) class;
    pn_onion_id(out + 1, to->onion_pk);
    err = pn_hpke_setup_sender(&hpke, enc, to->onion_pk,
                               make_info(info, to->relay_key), env);
    if (err == PN_OK) {
        bind(reply->binding, to->relay_key, enc);
        err = agree(reply, &hpke, cmd);
    }
    if (err == PN_OK) {
        const pn_bytes plain = { content, PN_PARCEL_HEADER_BYTES +
                                              pn_envelope_size(class) };
        pn_parcel_command_write(cmd, content);
        if (sign_sk != NULL)
            sign(content, reply->binding, sign_sk);
        /* In place: the ciphertext takes the plaintext's bytes. */
        err = pn_hpke_seal(&hpke, content, (pn_bytes){ out, AD_BYTES }, plain);
    }
    pn_hpke_wipe(&hpke);
    if (err != PN_OK) {
        pn_wipe(out, size);
        pn_wipe(reply, sizeof *reply);
        return err;
    }
    *len = size;
    return PN_OK;
}

pn_err pn_parcel_open(pn_parcel_opened *out, pn_bytes parcel,
                      const uint8_t relay_key[PN_RELAY_KEY_BYTES],
                      const pn_xwing_key *key, uint8_t *plain, size_t cap)
{
    uint8_t info[INFO_MAX], id[PN_ONION_ID_BYTES];
    pn_envelope_class class;
    pn_parcel_opened o;
    pn_hpke hpke;
    pn_bytes sealed;
    size_t content;
    pn_err err;
    memset(&o, 0, sizeof o);
    *out = o;
    PN_TRY(look_at_size(&class, parcel));
    pn_onion_id(id, key->pk);
    if (memcmp(id, parcel.p + 1, sizeof id) != 0)
        return PN_E_NOT_FOUND;
    sealed = (pn_bytes){ parcel.p + PN_PARCEL_CONTENT_AT,
                         parcel.len - PN_PARCEL_CONTENT_AT };
    content = sealed.len - PN_HPKE_TAG_BYTES;
    if (cap < content)
        return PN_E_FULL;
    err = pn_hpke_setup_receiver(&hpke, parcel.p + PN_PARCEL_ENC_AT, key,
                                 make_info(info, relay_key));
    if (err == PN_OK)
        err = pn_hpke_open(&hpke, plain, (pn_bytes){ parcel.p, AD_BYTES },
                           sealed);
    if (err == PN_OK) {
        o.content = (pn_bytes){ plain, content };
        err = pn_parcel_command_read(&o.command, o.content);
        if (err != PN_OK)
            err = PN_E_PROTO; /* a field cut short is malformed, too */
    }
    if (err == PN_OK) {
        bind(o.reply.binding, relay_key, parcel.p + PN_PARCEL_ENC_AT);
        err = agree(&o.reply, &hpke, &o.command);
    }
    pn_hpke_wipe(&hpke);
    if (err == PN_OK)
        *out = o;
    else
        pn_wipe(plain, content);
    pn_wipe(&o, sizeof o);
    return err;
}

pn_err pn_parcel_check(const pn_parcel_opened *opened,
                       const uint8_t queue_key[PN_QUEUE_KEY_BYTES])
{
    uint8_t message[PN_PARCEL_SIGNED_MAX];
    const uint8_t *content = opened->content.p;
    int bad;
    if (opened->command.kind == PN_PARCEL_DEPOSIT)
        return PN_E_ARG;
    pn_parcel_transcript(message, opened->reply.binding, content);
    bad = crypto_sign_verify_detached(content + PN_PARCEL_SIGNATURE_AT, message,
                                      sizeof message, queue_key);
    pn_wipe(message, sizeof message);
    return bad != 0 ? PN_E_CRYPTO : PN_OK;
}
