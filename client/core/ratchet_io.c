/* The stored form of a ratchet, and what must hold in one. Fields that say
 * nothing in the present state are left out: a thin session at rest takes a
 * few hundred bytes. */
#include <string.h>

#include "client/core/ratchet_state.h"
#include "proto/base/mem.h"

enum {
    STATE_VERSION = 1,
    FLAG_RETIRED = 1,
    FLAG_FIRST_DUE = 2,
    FLAG_STEP_DUE = 4,
    FLAG_HAS_DH = 8,
    FLAG_HAS_KEM = 16,
    FLAG_HAS_PEER_KEM = 32,
    FLAG_SEND_LIVE = 64,
    FLAG_RECV_LIVE = 128,
    CHAIN_BYTES = 4 + 32 + 32,
    FIXED_BYTES = 1 + 1 + 1 + 32 + 32 + 32 + 32 + 32 + 32 + 4 + 8 + 4,
};

static bool has_ct(const cl_ratchet_core *c)
{
    return c->send.live && c->send_type == CL_MESSAGE_FULL;
}

size_t cl_ratchet_size(const cl_ratchet *r)
{
    const cl_ratchet_core *c = &r->core;
    size_t n = FIXED_BYTES + cl_skipped_size(&r->skipped);
    n += c->send.live ? CHAIN_BYTES : 0;
    n += c->recv.live ? CHAIN_BYTES : 0;
    n += c->has_dh ? 32 : 0;
    n += c->has_kem ? sizeof c->kem_seed + sizeof c->kem_pk : 0;
    n += has_ct(c) ? sizeof c->kem_ct : 0;
    n += c->has_peer_kem ? sizeof c->peer_kem_pk : 0;
    return n;
}

static uint8_t flags_of(const cl_ratchet_core *c)
{
    return (uint8_t)((c->retired ? FLAG_RETIRED : 0) |
                     (c->first_due ? FLAG_FIRST_DUE : 0) |
                     (c->step_due ? FLAG_STEP_DUE : 0) |
                     (c->has_dh ? FLAG_HAS_DH : 0) |
                     (c->has_kem ? FLAG_HAS_KEM : 0) |
                     (c->has_peer_kem ? FLAG_HAS_PEER_KEM : 0) |
                     (c->send.live ? FLAG_SEND_LIVE : 0) |
                     (c->recv.live ? FLAG_RECV_LIVE : 0));
}

static void put_chain(pn_out *out, const cl_chain *c)
{
    if (!c->live)
        return;
    pn_put_u32(out, c->n);
    pn_put(out, CL_VIEW(c->ck));
    pn_put(out, CL_VIEW(c->hk));
}

void cl_ratchet_write(const cl_ratchet *r, pn_out *out)
{
    const cl_ratchet_core *c = &r->core;
    pn_put_u8(out, STATE_VERSION);
    pn_put_u8(out, flags_of(c));
    pn_put_u8(out, (uint8_t)c->send_type);
    pn_put(out, CL_VIEW(c->transcript));
    pn_put(out, CL_VIEW(c->root));
    pn_put(out, CL_VIEW(c->send_next_hk));
    pn_put(out, CL_VIEW(c->recv_next_hk));
    pn_put(out, CL_VIEW(c->dh_pk));
    pn_put(out, CL_VIEW(c->peer_dh));
    pn_put_u32(out, c->prev_len);
    pn_put_u64(out, c->kem_at_ms);
    pn_put_u32(out, c->since_kem);
    put_chain(out, &c->send);
    put_chain(out, &c->recv);
    if (c->has_dh)
        pn_put(out, CL_VIEW(c->dh_sk));
    if (c->has_kem) {
        pn_put(out, CL_VIEW(c->kem_seed));
        pn_put(out, CL_VIEW(c->kem_pk));
    }
    if (has_ct(c))
        pn_put(out, CL_VIEW(c->kem_ct));
    if (c->has_peer_kem)
        pn_put(out, CL_VIEW(c->peer_kem_pk));
    cl_skipped_write(&r->skipped, out);
}

static pn_err take_chain(pn_bytes *in, cl_chain *c)
{
    if (!c->live)
        return PN_OK;
    PN_TRY(pn_take_u32(in, &c->n));
    PN_TRY(pn_take_copy(in, c->ck, sizeof c->ck));
    return pn_take_copy(in, c->hk, sizeof c->hk);
}

static pn_err take_fixed(pn_bytes *in, cl_ratchet_core *c)
{
    uint8_t flags, type;
    PN_TRY(pn_take_u8(in, &flags));
    PN_TRY(pn_take_u8(in, &type));
    if (type < CL_MESSAGE_FIRST || type > CL_MESSAGE_FULL)
        return PN_E_CORRUPT;
    c->send_type = (cl_message_type)type;
    c->retired = (flags & FLAG_RETIRED) != 0;
    c->first_due = (flags & FLAG_FIRST_DUE) != 0;
    c->step_due = (flags & FLAG_STEP_DUE) != 0;
    c->has_dh = (flags & FLAG_HAS_DH) != 0;
    c->has_kem = (flags & FLAG_HAS_KEM) != 0;
    c->has_peer_kem = (flags & FLAG_HAS_PEER_KEM) != 0;
    c->send.live = (flags & FLAG_SEND_LIVE) != 0;
    c->recv.live = (flags & FLAG_RECV_LIVE) != 0;
    PN_TRY(pn_take_copy(in, c->transcript, sizeof c->transcript));
    PN_TRY(pn_take_copy(in, c->root, sizeof c->root));
    PN_TRY(pn_take_copy(in, c->send_next_hk, CL_KEY_BYTES));
    PN_TRY(pn_take_copy(in, c->recv_next_hk, CL_KEY_BYTES));
    PN_TRY(pn_take_copy(in, c->dh_pk, sizeof c->dh_pk));
    PN_TRY(pn_take_copy(in, c->peer_dh, sizeof c->peer_dh));
    PN_TRY(pn_take_u32(in, &c->prev_len));
    PN_TRY(pn_take_u64(in, &c->kem_at_ms));
    return pn_take_u32(in, &c->since_kem);
}

static pn_err take_state(pn_bytes *in, cl_ratchet *r)
{
    cl_ratchet_core *c = &r->core;
    PN_TRY(take_fixed(in, c));
    PN_TRY(take_chain(in, &c->send));
    PN_TRY(take_chain(in, &c->recv));
    if (c->has_dh)
        PN_TRY(pn_take_copy(in, c->dh_sk, sizeof c->dh_sk));
    if (c->has_kem) {
        PN_TRY(pn_take_copy(in, c->kem_seed, sizeof c->kem_seed));
        PN_TRY(pn_take_copy(in, c->kem_pk, sizeof c->kem_pk));
    }
    if (has_ct(c))
        PN_TRY(pn_take_copy(in, c->kem_ct, sizeof c->kem_ct));
    if (c->has_peer_kem)
        PN_TRY(pn_take_copy(in, c->peer_kem_pk, sizeof c->peer_kem_pk));
    PN_TRY(cl_skipped_read(&r->skipped, in));
    return cl_ratchet_ok(r) ? PN_OK : PN_E_CORRUPT;
}

pn_err cl_ratchet_read(cl_ratchet **out, pn_bytes *in)
{
    cl_ratchet *r;
    uint8_t version;
    pn_err err;
    *out = NULL;
    if (pn_take_u8(in, &version) != PN_OK)
        return PN_E_CORRUPT;
    if (version != STATE_VERSION)
        return PN_E_VERSION;
    r = pn_alloc(1, sizeof *r);
    if (r == NULL)
        return PN_E_NOMEM;
    err = take_state(in, r);
    if (err == PN_OK) {
        *out = r;
        return PN_OK;
    }
    cl_ratchet_free(&r);
    return err == PN_E_NOMEM ? err : PN_E_CORRUPT;
}

/* What each flag says of the others; see cl_ratchet_core. */
bool cl_ratchet_ok(const cl_ratchet *r)
{
    const cl_ratchet_core *c = &r->core;
    if (!cl_skipped_ok(&r->skipped) || c->send.n > CL_CHAIN_END ||
        c->recv.n > CL_CHAIN_END)
        return false;
    if (c->first_due && (c->recv.live || c->send.live || !c->has_dh ||
                         c->has_kem || c->has_peer_kem))
        return false;
    if (c->step_due && (c->first_due || c->retired || c->send.live ||
                        !c->recv.live || c->has_dh))
        return false;
    if (c->send.live && (c->retired || !c->has_dh))
        return false;
    if (c->send.live && c->send_type != CL_MESSAGE_SHORT && !c->has_kem)
        return false;
    /* A ratchet waits for something, or can say something. */
    return c->recv.live || c->first_due || c->has_dh;
}
