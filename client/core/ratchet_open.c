/* The receiving half: find the chain, make its keys on a copy, and keep the
 * copy only if the content opens. */
#include <string.h>

#include "client/core/ratchet_state.h"
#include "proto/base/mem.h"

static const uint64_t ms_per_hour = UINT64_C(3600) * 1000;

/* One message, taken apart but not yet believed. */
typedef struct message {
    cl_message_type type;
    const uint8_t *nonce;
    pn_bytes sealed_header;
    pn_bytes sealed_content;
    uint64_t now_ms;
    uint8_t ad[CL_RATCHET_AD_BYTES + CL_SEALED_HEADER_MAX];
    uint8_t plain_header[CL_HEADER_MAX_BYTES];
} message;

static pn_err take_apart(message *m, const cl_ratchet *r, pn_bytes in)
{
    const size_t header_len = cl_header_size(m->type);
    pn_bytes nonce;
    if (header_len == 0)
        return PN_E_PROTO;
    PN_TRY(pn_take(&in, CL_NONCE_BYTES, &nonce));
    PN_TRY(pn_take(&in, header_len + CL_TAG_BYTES, &m->sealed_header));
    if (in.len < CL_TAG_BYTES)
        return PN_E_SHORT;
    m->nonce = nonce.p;
    m->sealed_content = in;
    cl_ratchet_ad(m->ad, r->core.transcript, m->type);
    return PN_OK;
}

/* Open and read the header with this key. */
static pn_err open_header(message *m, const uint8_t hk[CL_KEY_BYTES],
                          cl_header *h)
{
    PN_TRY(cl_open(m->plain_header, hk, m->nonce,
                   (pn_bytes){ m->ad, CL_RATCHET_AD_BYTES }, m->sealed_header));
    return cl_header_take(
        (pn_bytes){ m->plain_header, m->sealed_header.len - CL_TAG_BYTES },
        m->type, h);
}

static pn_err open_content(message *m, const uint8_t mk[CL_KEY_BYTES],
                           uint8_t *out)
{
    memcpy(m->ad + CL_RATCHET_AD_BYTES, m->sealed_header.p,
           m->sealed_header.len);
    return cl_open(
        out, mk, m->nonce,
        (pn_bytes){ m->ad, CL_RATCHET_AD_BYTES + m->sealed_header.len },
        m->sealed_content);
}

/* Move the chain on to message `n`, staging the keys it passes. */
static void skip_to(cl_ratchet *r, cl_chain *c, uint32_t n, uint32_t hour)
{
    uint8_t mk[CL_KEY_BYTES];
    while (c->n < n) {
        const uint32_t number = c->n;
        cl_chain_next(c, mk);
        cl_skipped_stage(&r->skipped, c->hk, number, hour, mk);
    }
    pn_wipe(mk, sizeof mk);
}

/* The peer's new keys: the receiving half of a DH step. Our own DH key is used
 * up by it, and so is the sending chain: the peer has seen its end. */
static pn_err receive_step(cl_ratchet_core *c, const message *m,
                           const cl_header *h)
{
    uint8_t ss[32], kem_pk[PN_MLKEM768_PK_BYTES];
    const bool kem = m->type == CL_MESSAGE_FULL;
    pn_err err;
    /* It answers a key we never made: we went back in time since. */
    if (!c->has_dh || (kem && !c->has_kem))
        return PN_E_CRYPTO;
    if (h->kem_pk != NULL)
        PN_TRY(pn_mlkem768_check_ek(h->kem_pk));
    if (kem) {
        uint8_t kem_sk[PN_MLKEM768_SK_BYTES];
        pn_mlkem768_seed_keypair(kem_pk, kem_sk, c->kem_seed);
        pn_mlkem768_dec(ss, h->kem_ct, kem_sk);
        pn_wipe(kem_sk, sizeof kem_sk);
    }
    memcpy(c->recv.hk, c->recv_next_hk, CL_KEY_BYTES);
    err = cl_root_step(c->root, &c->recv, c->recv_next_hk,
                       &(cl_step){ .dh_sk = c->dh_sk,
                                   .dh_pk = h->dh,
                                   .sender_dh = h->dh,
                                   .receiver_dh = c->dh_pk,
                                   .ss = kem ? ss : NULL,
                                   .kem_ct = h->kem_ct,
                                   .kem_pk = kem_pk });
    pn_wipe(ss, sizeof ss);
    PN_TRY(err);
    memcpy(c->peer_dh, h->dh, sizeof c->peer_dh);
    if (h->kem_pk != NULL) {
        memcpy(c->peer_kem_pk, h->kem_pk, sizeof c->peer_kem_pk);
        c->has_peer_kem = true;
        c->kem_at_ms = m->now_ms;
        c->since_kem = 0;
    }
    if (kem) {
        pn_wipe(c->kem_seed, sizeof c->kem_seed);
        c->has_kem = false;
    }
    c->prev_len = c->send.live ? c->send.n : 0;
    pn_wipe(&c->send, sizeof c->send);
    pn_wipe(c->dh_sk, sizeof c->dh_sk);
    c->has_dh = false;
    c->first_due = false;
    c->step_due = !c->retired;
    return PN_OK;
}

/* A message of the current chain, or the first one seen of the next: `h` is
 * authentic. Everything happens on `next`, whose staged keys the caller keeps
 * or drops. */
static pn_err advance(cl_ratchet *r, cl_ratchet_core *next, message *m,
                      const cl_header *h, bool is_new, uint8_t *out)
{
    const uint32_t hour = (uint32_t)(m->now_ms / ms_per_hour);
    const uint32_t behind = next->recv.live ? next->recv.n : 0;
    uint32_t tail = 0; /* keys left in the chain that ends */
    uint8_t mk[CL_KEY_BYTES];
    pn_err err;
    if (h->n >= CL_CHAIN_END)
        return PN_E_PROTO;
    if (is_new) {
        if (h->prev_len < behind || (!next->recv.live && h->prev_len > 0) ||
            (m->type == CL_MESSAGE_FIRST) != next->first_due)
            return PN_E_PROTO;
        tail = h->prev_len - behind;
    } else if (memcmp(h->dh, next->peer_dh, sizeof h->dh) != 0) {
        return PN_E_PROTO;
    }
    if (tail > CL_SKIPPED_STEP_MAX ||
        h->n - (is_new ? 0 : behind) > CL_SKIPPED_STEP_MAX)
        return PN_E_REFUSED;
    PN_TRY(cl_skipped_reserve(&r->skipped,
                              (size_t)tail + h->n - (is_new ? 0 : behind)));
    if (is_new) {
        skip_to(r, &next->recv, behind + tail, hour);
        PN_TRY(receive_step(next, m, h));
    }
    skip_to(r, &next->recv, h->n, hour);
    cl_chain_next(&next->recv, mk);
    next->since_kem++;
    err = open_content(m, mk, out);
    pn_wipe(mk, sizeof mk);
    return err;
}

static pn_err open_ahead(cl_ratchet *r, message *m, const cl_header *h,
                         bool is_new, uint8_t *out)
{
    cl_ratchet_core next = r->core;
    const pn_err err = advance(r, &next, m, h, is_new, out);
    if (err == PN_OK) {
        r->core = next;
        cl_skipped_commit(&r->skipped);
    } else {
        cl_skipped_rollback(&r->skipped);
    }
    pn_wipe(&next, sizeof next);
    return err;
}

/* A message whose key was put aside. */
static pn_err open_behind(cl_ratchet *r, message *m, uint32_t tag, uint32_t n,
                          uint8_t *out)
{
    const cl_skipped_key *k = cl_skipped_find(&r->skipped, tag, n);
    if (k == NULL)
        return PN_E_EXISTS;
    PN_TRY(open_content(m, k->mk, out));
    cl_skipped_remove(&r->skipped, k);
    return PN_OK;
}

/* Try the chains that still miss messages, the newest first. */
static pn_err open_older(cl_ratchet *r, message *m, uint8_t *out)
{
    for (size_t i = r->skipped.chain_count; i > 0; i--) {
        const cl_skipped_chain *c = &r->skipped.chains[i - 1];
        cl_header h;
        const pn_err err = open_header(m, c->hk, &h);
        if (err == PN_OK)
            return open_behind(r, m, c->tag, h.n, out);
        if (err != PN_E_CRYPTO)
            return err;
    }
    return PN_E_CRYPTO;
}

static pn_err open_message(cl_ratchet *r, message *m, uint8_t *out)
{
    const cl_ratchet_core *c = &r->core;
    cl_header h;
    pn_err err = PN_E_CRYPTO;
    if (c->recv.live)
        err = open_header(m, c->recv.hk, &h);
    if (err == PN_OK) {
        if (h.n >= c->recv.n)
            return open_ahead(r, m, &h, false, out);
        err = open_older(r, m, out);
        return err == PN_E_CRYPTO ? PN_E_EXISTS : err;
    }
    err = open_header(m, c->recv_next_hk, &h);
    if (err == PN_OK)
        return open_ahead(r, m, &h, true, out);
    return open_older(r, m, out);
}

pn_err cl_ratchet_open(cl_ratchet *r, uint64_t now_ms, cl_message_type type,
                       pn_bytes in, uint8_t *out, size_t cap, size_t *len)
{
    message m = { .type = type, .now_ms = now_ms };
    pn_err err;
    *len = 0;
    PN_TRY(take_apart(&m, r, in));
    if (cap < m.sealed_content.len - CL_TAG_BYTES)
        return PN_E_FULL;
    err = open_message(r, &m, out);
    if (err == PN_OK)
        *len = m.sealed_content.len - CL_TAG_BYTES;
    pn_wipe(&m, sizeof m);
    return err;
}
