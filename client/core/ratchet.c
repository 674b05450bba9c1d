#include "client/core/ratchet.h"

#include <sodium.h>
#include <string.h>

#include "client/core/ratchet_state.h"
#include "proto/base/mem.h"

static const uint64_t ms_per_hour = UINT64_C(3600) * 1000;

static pn_err draw_dh(cl_ratchet_core *c, const pn_env *env)
{
    PN_TRY(pn_random(env, c->dh_sk, sizeof c->dh_sk));
    (void)crypto_scalarmult_base(c->dh_pk, c->dh_sk);
    c->has_dh = true;
    return PN_OK;
}

static pn_err draw_kem(cl_ratchet_core *c, const pn_env *env)
{
    uint8_t sk[PN_MLKEM768_SK_BYTES];
    PN_TRY(pn_random(env, c->kem_seed, sizeof c->kem_seed));
    pn_mlkem768_seed_keypair(c->kem_pk, sk, c->kem_seed);
    pn_wipe(sk, sizeof sk);
    c->has_kem = true;
    return PN_OK;
}

static pn_err start(cl_ratchet_core *c, const pn_env *env,
                    const cl_handshake *h)
{
    memcpy(c->transcript, h->transcript, sizeof c->transcript);
    memcpy(c->root, h->root, sizeof c->root);
    memcpy(c->peer_dh, h->peer_dh, sizeof c->peer_dh);
    memcpy(c->send.hk, h->header_a, CL_KEY_BYTES);
    memcpy(c->recv_next_hk, h->header_b, CL_KEY_BYTES);
    c->send_type = CL_MESSAGE_FIRST;
    c->kem_at_ms = pn_wall_ms(env);
    PN_TRY(draw_dh(c, env));
    PN_TRY(draw_kem(c, env));
    /* The handshake's KEM secret is in the root already: this step adds the
     * first DH; the new ML-KEM key is for the peer's first step. */
    return cl_root_step(c->root, &c->send, c->send_next_hk,
                        &(cl_step){ .dh_sk = c->dh_sk,
                                    .dh_pk = c->peer_dh,
                                    .sender_dh = c->dh_pk,
                                    .receiver_dh = c->peer_dh });
}

pn_err cl_ratchet_start(cl_ratchet **out, const pn_env *env,
                        const cl_handshake *h)
{
    cl_ratchet *r = pn_alloc(1, sizeof *r);
    pn_err err = PN_E_NOMEM;
    *out = NULL;
    if (r != NULL)
        err = start(&r->core, env, h);
    if (err == PN_OK) {
        *out = r;
        r = NULL;
    }
    cl_ratchet_free(&r);
    return err;
}

pn_err cl_ratchet_answer(cl_ratchet **out, const cl_handshake *h)
{
    cl_ratchet *r = pn_alloc(1, sizeof *r);
    *out = NULL;
    if (r == NULL)
        return PN_E_NOMEM;
    memcpy(r->core.transcript, h->transcript, sizeof r->core.transcript);
    memcpy(r->core.root, h->root, sizeof r->core.root);
    memcpy(r->core.dh_sk, h->dh_sk, sizeof r->core.dh_sk);
    (void)crypto_scalarmult_base(r->core.dh_pk, r->core.dh_sk);
    memcpy(r->core.send_next_hk, h->header_b, CL_KEY_BYTES);
    memcpy(r->core.recv_next_hk, h->header_a, CL_KEY_BYTES);
    r->core.send_type = CL_MESSAGE_SHORT;
    r->core.has_dh = true;
    r->core.first_due = true;
    *out = r;
    return PN_OK;
}

void cl_ratchet_free(cl_ratchet **r)
{
    if (r == NULL || *r == NULL)
        return;
    cl_skipped_clear(&(*r)->skipped);
    pn_free_wiped(*r, sizeof **r);
    *r = NULL;
}

bool cl_ratchet_can_seal(const cl_ratchet *r)
{
    return !r->core.retired && (r->core.send.live || r->core.step_due);
}

/* Whether a step now would have a KEM in it. */
static bool kem_is_due(const cl_ratchet_core *c, cl_profile profile,
                       uint64_t now_ms)
{
    if (!c->has_peer_kem)
        return false;
    if (profile == CL_PROFILE_NORMAL ||
        c->since_kem >= CL_RATCHET_STEP_MESSAGES)
        return true;
    return now_ms >= c->kem_at_ms &&
           now_ms - c->kem_at_ms >= CL_RATCHET_STEP_HOURS * ms_per_hour;
}

cl_message_type cl_ratchet_next_type(const cl_ratchet *r, cl_profile profile,
                                     uint64_t now_ms)
{
    if (!r->core.step_due)
        return r->core.send_type;
    return kem_is_due(&r->core, profile, now_ms) ? CL_MESSAGE_FULL
                                                 : CL_MESSAGE_SHORT;
}

size_t cl_ratchet_overhead(cl_message_type type)
{
    return CL_NONCE_BYTES + cl_header_size(type) + 2 * (size_t)CL_TAG_BYTES;
}

/* Encapsulate to the peer's key, which is used up by it, and make our next. */
static pn_err kem_part(cl_ratchet_core *c, const pn_env *env, uint8_t ss[32],
                       uint8_t target[PN_MLKEM768_PK_BYTES])
{
    uint8_t m[PN_MLKEM768_ENC_SEED_BYTES];
    pn_err err;
    PN_TRY(pn_random(env, m, sizeof m));
    memcpy(target, c->peer_kem_pk, PN_MLKEM768_PK_BYTES);
    err = pn_mlkem768_enc_deterministic(c->kem_ct, ss, target, m);
    pn_wipe(m, sizeof m);
    PN_TRY(err);
    pn_wipe(c->peer_kem_pk, sizeof c->peer_kem_pk);
    c->has_peer_kem = false;
    c->kem_at_ms = pn_wall_ms(env);
    c->since_kem = 0;
    return draw_kem(c, env);
}

/* Begin a new sending chain. */
static pn_err send_step(cl_ratchet_core *c, const pn_env *env,
                        cl_profile profile)
{
    const bool kem = kem_is_due(c, profile, pn_wall_ms(env));
    uint8_t ss[32], target[PN_MLKEM768_PK_BYTES];
    pn_err err = draw_dh(c, env);
    if (err == PN_OK && kem)
        err = kem_part(c, env, ss, target);
    memcpy(c->send.hk, c->send_next_hk, CL_KEY_BYTES);
    if (err == PN_OK)
        err = cl_root_step(c->root, &c->send, c->send_next_hk,
                           &(cl_step){ .dh_sk = c->dh_sk,
                                       .dh_pk = c->peer_dh,
                                       .sender_dh = c->dh_pk,
                                       .receiver_dh = c->peer_dh,
                                       .ss = kem ? ss : NULL,
                                       .kem_ct = c->kem_ct,
                                       .kem_pk = target });
    pn_wipe(ss, sizeof ss);
    c->send_type = kem ? CL_MESSAGE_FULL : CL_MESSAGE_SHORT;
    c->step_due = false;
    return err;
}

/* Nonce, sealed header, sealed content; both seals share the nonce, under
 * keys that have nothing else in common. */
static pn_err write_message(cl_ratchet_core *c, const pn_env *env,
                            pn_bytes content, uint8_t *out)
{
    const size_t header_len = cl_header_size(c->send_type);
    const size_t sealed_len = header_len + CL_TAG_BYTES;
    uint8_t ad[CL_RATCHET_AD_BYTES + CL_SEALED_HEADER_MAX], mk[CL_KEY_BYTES];
    uint8_t *sealed_header = out + CL_NONCE_BYTES;
    pn_out plain = pn_out_over(sealed_header, header_len);
    cl_header h = { .prev_len = c->prev_len,
                    .n = c->send.n,
                    .kem_pk = c->kem_pk,
                    .kem_ct = c->kem_ct };
    memcpy(h.dh, c->dh_pk, sizeof h.dh);
    PN_TRY(pn_random(env, out, CL_NONCE_BYTES));
    cl_header_put(&plain, c->send_type, &h);
    PN_TRY(pn_out_err(&plain));
    cl_ratchet_ad(ad, c->transcript, c->send_type);
    cl_seal(sealed_header, c->send.hk, out,
            (pn_bytes){ ad, CL_RATCHET_AD_BYTES }, pn_out_view(&plain));
    memcpy(ad + CL_RATCHET_AD_BYTES, sealed_header, sealed_len);
    cl_chain_next(&c->send, mk);
    c->since_kem++;
    cl_seal(sealed_header + sealed_len, mk, out,
            (pn_bytes){ ad, CL_RATCHET_AD_BYTES + sealed_len }, content);
    pn_wipe(mk, sizeof mk);
    return PN_OK;
}

pn_err cl_ratchet_seal(cl_ratchet *r, const pn_env *env, cl_profile profile,
                       pn_bytes content, cl_message_type *type, uint8_t *out,
                       size_t cap, size_t *len)
{
    cl_ratchet_core next;
    size_t need;
    pn_err err = PN_OK;
    *len = 0;
    if (!cl_ratchet_can_seal(r))
        return PN_E_STATE;
    *type = cl_ratchet_next_type(r, profile, pn_wall_ms(env));
    need = cl_ratchet_overhead(*type);
    if (cap < need || cap - need < content.len)
        return PN_E_FULL;
    if (!r->core.step_due && r->core.send.n >= CL_CHAIN_END)
        return PN_E_FULL;
    next = r->core;
    if (next.step_due)
        err = send_step(&next, env, profile);
    if (err == PN_OK)
        err = write_message(&next, env, content, out);
    if (err == PN_OK) {
        r->core = next;
        *len = need + content.len;
    }
    pn_wipe(&next, sizeof next);
    return err;
}

size_t cl_ratchet_expire(cl_ratchet *r, uint64_t now_ms)
{
    return cl_skipped_expire(&r->skipped, (uint32_t)(now_ms / ms_per_hour));
}

void cl_ratchet_retire(cl_ratchet *r)
{
    cl_ratchet_core *c = &r->core;
    c->retired = true;
    c->step_due = false;
    pn_wipe(&c->send, sizeof c->send);
    pn_wipe(c->send_next_hk, sizeof c->send_next_hk);
}

size_t cl_ratchet_skipped(const cl_ratchet *r)
{
    return r->skipped.count;
}

uint64_t cl_ratchet_dropped(const cl_ratchet *r)
{
    return r->skipped.dropped;
}
