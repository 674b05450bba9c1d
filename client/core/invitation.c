#include "client/core/invitation.h"

#include <string.h>

#include "proto/base/mem.h"

enum { RECORD_VERSION = 1 };
static const uint64_t ms_per_hour = UINT64_C(3600) * 1000;

pn_err cl_invitation_make(cl_invitation *inv, cl_bundle *b, const pn_env *env,
                          const cl_identity *self, uint8_t *out, size_t cap,
                          size_t *len)
{
    pn_err err;
    *len = 0;
    *inv = (cl_invitation){ .state = CL_INVITATION_OPEN,
                            .expires_ms = b->expires_ms };
    b->kind = CL_BUNDLE_INVITATION;
    PN_TRY(pn_random(env, inv->link_key, sizeof inv->link_key));
    err = cl_bundle_make(b, &inv->keys, env, self, out, cap, len);
    if (err != PN_OK)
        cl_invitation_wipe(inv);
    return err;
}

pn_err cl_invitation_link(const cl_invitation *inv, cl_link *out,
                          const pn_address *relays, size_t count)
{
    if (inv->state != CL_INVITATION_OPEN)
        return PN_E_STATE;
    if (count == 0 || count > CL_QUEUES_MAX)
        return PN_E_ARG;
    *out = (cl_link){ .relay_count = count };
    out->expires_hour = (uint32_t)(inv->expires_ms / ms_per_hour);
    memcpy(out->key, inv->link_key, sizeof out->key);
    memcpy(out->bundle_hash, inv->keys.bundle_hash, sizeof out->bundle_hash);
    for (size_t i = 0; i < count; i++)
        out->relays[i] = relays[i];
    return PN_OK;
}

void cl_invitation_burn(cl_invitation *inv, cl_invitation_state why)
{
    cl_prekeys_wipe(&inv->keys);
    pn_wipe(inv->link_key, sizeof inv->link_key);
    inv->state = why;
}

bool cl_invitation_is_open(cl_invitation *inv, uint64_t now_ms)
{
    if (inv->state == CL_INVITATION_OPEN && now_ms >= inv->expires_ms)
        cl_invitation_burn(inv, CL_INVITATION_EXPIRED);
    return inv->state == CL_INVITATION_OPEN;
}

void cl_invitation_wipe(cl_invitation *inv)
{
    pn_wipe(inv, sizeof *inv);
}

void cl_link_id(uint8_t id[32], const uint8_t key[CL_LINK_KEY_BYTES])
{
    const pn_bytes part = { key, CL_LINK_KEY_BYTES };
    cl_hash(id, "postern/link-id/1", &part, 1);
}

/* The blob is an envelope for the "queue" of the link's id: relays keep it,
 * and see it, like any other. */
static void blob_key(uint8_t out[32], const uint8_t key[CL_LINK_KEY_BYTES])
{
    const pn_bytes part = { key, CL_LINK_KEY_BYTES };
    cl_hash(out, "postern/link-blob/1", &part, 1);
}

pn_err cl_blob_seal(const pn_env *env, const uint8_t key[CL_LINK_KEY_BYTES],
                    pn_bytes bundle, uint8_t *out, size_t cap, size_t *len)
{
    uint8_t k[32], id[32];
    pn_err err;
    cl_link_id(id, key);
    blob_key(k, key);
    err = pn_envelope_seal(env, k, id, PN_ENVELOPE_S, bundle, out, cap, len);
    pn_wipe(k, sizeof k);
    return err;
}

static pn_err parse_invitation(cl_bundle *out, pn_bytes bytes)
{
    PN_TRY(cl_bundle_parse(out, bytes));
    if (out->kind == CL_BUNDLE_INVITATION)
        return PN_OK;
    cl_bundle_wipe(out);
    return PN_E_PROTO;
}

pn_err cl_blob_open(cl_bundle *out, const cl_link *link, pn_bytes blob)
{
    uint8_t k[32], id[32], hash[32], *room;
    pn_bytes bytes;
    pn_err err;
    if (blob.len > CL_INVITATION_BLOB_MAX)
        return PN_E_PROTO;
    room = pn_alloc(1, blob.len + 1);
    if (room == NULL)
        return PN_E_NOMEM;
    cl_link_id(id, link->key);
    blob_key(k, link->key);
    err = pn_envelope_open(k, id, blob, room, blob.len, &bytes);
    if (err == PN_OK) {
        cl_bundle_hash(hash, bytes);
        if (memcmp(hash, link->bundle_hash, CL_LINK_HASH_BYTES) != 0)
            err = PN_E_CRYPTO;
    }
    if (err == PN_OK)
        err = parse_invitation(out, bytes);
    pn_wipe(k, sizeof k);
    pn_free_wiped(room, blob.len + 1);
    return err;
}

void cl_invitation_write(const cl_invitation *inv, pn_out *out)
{
    pn_put_u8(out, RECORD_VERSION);
    pn_put_u8(out, (uint8_t)inv->state);
    pn_put_u64(out, inv->expires_ms);
    pn_put(out, CL_VIEW(inv->link_key));
    if (inv->state == CL_INVITATION_OPEN)
        cl_prekeys_put(out, &inv->keys);
    else
        pn_put_zeros(out, CL_PREKEYS_BYTES);
}

static pn_err read_record(cl_invitation *inv, pn_bytes in)
{
    uint8_t state;
    PN_TRY(pn_take_u8(&in, &state));
    if (state < CL_INVITATION_OPEN || state > CL_INVITATION_EXPIRED)
        return PN_E_CORRUPT;
    inv->state = (cl_invitation_state)state;
    PN_TRY(pn_take_u64(&in, &inv->expires_ms));
    PN_TRY(pn_take_copy(&in, inv->link_key, sizeof inv->link_key));
    if (inv->state == CL_INVITATION_OPEN) {
        PN_TRY(cl_prekeys_take(&in, &inv->keys));
        PN_TRY(pn_take_end(&in));
        return inv->keys.kind == CL_BUNDLE_INVITATION ? PN_OK : PN_E_CORRUPT;
    }
    if (in.len != CL_PREKEYS_BYTES)
        return PN_E_CORRUPT;
    return pn_take_zeros(&in);
}

pn_err cl_invitation_read(cl_invitation *out, pn_bytes in)
{
    uint8_t version;
    *out = (cl_invitation){ .expires_ms = 0 };
    if (pn_take_u8(&in, &version) != PN_OK)
        return PN_E_CORRUPT;
    if (version != RECORD_VERSION)
        return PN_E_VERSION;
    if (read_record(out, in) == PN_OK)
        return PN_OK;
    cl_invitation_wipe(out);
    return PN_E_CORRUPT;
}
