/* Making queues and opening them: whose they are is proven by one signature
 * over this link's binding.
 */
#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"
#include "relay/core/state.h"

enum { MINUTE_US = 60 * 1000 * 1000, MINUTE_MS = 60 * 1000 };

/* The base point of edwards25519 (RFC 8032 section 5.1): a good key whose
 * owner nobody is. A queue that is not there is checked against it, and so
 * costs the time of one that is. */
const uint8_t rl_nobody[RL_OWNER_KEY_BYTES] = {
    0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
    0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
    0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
};

static bool is_signed(const uint8_t *signature, const uint8_t *key,
                      const uint8_t *transcript, size_t len)
{
    return crypto_sign_verify_detached(signature, transcript, len, key) == 0;
}

/* --- creation ------------------------------------------------------------- */

bool rl_create_is_allowed(const rl_core *core, pn_bytes secret)
{
    uint8_t hash[RL_SECRET_HASH_BYTES];
    if (core->config.access == RL_ACCESS_OPEN)
        return true;
    if (core->config.access == RL_ACCESS_CLOSED)
        return false;
    (void)crypto_generichash(hash, sizeof hash, secret.p, secret.len, NULL, 0);
    return pn_secret_equal(hash, core->config.secret_hash, sizeof hash);
}

static bool proves_key(const rl_link *link, const pn_msg_queue_create *create)
{
    uint8_t t[PN_QUEUE_TRANSCRIPT_MAX];
    const size_t len = pn_queue_create_transcript(t, link->binding, create);
    return is_signed(create->signature.p, create->queue_key.p, t, len);
}

uint32_t rl_create_wait(rl_link *link)
{
    rl_core *core = link->core;
    const rl_core_config *c = &core->config;
    const uint64_t now = pn_mono_ms(core->env);
    const uint32_t wait =
        link->is_relay ? 0 /* it brings what many clients ask */
                       : rl_bucket_take_every(&link->creates,
                                              MINUTE_US / c->creates_per_link,
                                              c->creates_per_link, now);
    const uint32_t per_hour =
        link->is_relay ? c->parcels.creates_per_relay : c->creates_per_origin;
    if (wait > 0)
        return wait;
    return rl_origins_take(&core->origins, link->origin, per_hour, now)
               ? 0
               : MINUTE_MS;
}

static uint32_t create_wait(rl_link *link)
{
    const rl_core *core = link->core;
    if (link->handles == PN_HANDLE_MAX ||
        core->queues.count >= core->config.open_max)
        return MINUTE_MS;
    return rl_create_wait(link);
}

static pn_err submit_create(rl_link *link, const pn_msg *msg)
{
    const pn_msg_queue_create *create = &msg->u.queue_create;
    rl_core *core = link->core;
    rl_creation *c;
    rl_op op = { .kind = RL_OP_CREATE };
    pn_err err;
    c = (rl_creation *)(void *)rl_pending_new(core, link, sizeof *c, msg->kind,
                                              msg->id, sizeof *c);
    if (c == NULL)
        return PN_E_NOMEM;
    c->window = create->window;
    c->max_count = core->config.queue_count;
    c->max_bytes = core->config.queue_bytes;
    c->ttl_days = (uint8_t)(create->ttl_days < core->config.ttl_days_max
                                ? create->ttl_days
                                : core->config.ttl_days_max);
    err = pn_random(core->env, c->recv_id, sizeof c->recv_id);
    if (err == PN_OK)
        err = pn_random(core->env, c->send_id, sizeof c->send_id);
    if (err == PN_OK) {
        op.id = c->recv_id;
        op.u.create = (rl_create){ .send_id = c->send_id,
                                   .owner = create->queue_key.p,
                                   .cap_hash = create->deposit_hash.p,
                                   .max_count = c->max_count,
                                   .max_bytes = c->max_bytes,
                                   .ttl_days = c->ttl_days };
        err = rl_submit(core, &c->pending, &op);
    }
    if (err != PN_OK)
        rl_pending_free(core, &c->pending);
    return err;
}

pn_err rl_create_take(rl_link *link, const pn_msg *msg)
{
    const pn_msg_queue_create *create = &msg->u.queue_create;
    const uint32_t wait = create_wait(link);
    if (wait > 0) {
        rl_answer_done(link, msg->id, PN_QUEUE_BUSY, wait);
        return PN_OK;
    }
    if (!rl_create_is_allowed(link->core, create->access_secret) ||
        !proves_key(link, create)) {
        rl_pending *p =
            rl_pending_new(link->core, link, sizeof *p, msg->kind, msg->id, 0);
        if (p == NULL)
            return PN_E_NOMEM;
        rl_pending_late(link->core, p, 1);
        return PN_OK;
    }
    if (submit_create(link, msg) != PN_OK)
        rl_answer_done(link, msg->id, PN_QUEUE_BUSY, RL_BUSY_MS);
    return PN_OK;
}

/* Nobody knows the ids of a queue whose creator went away before he had them:
 * delete it rather than keep it for ever. */
static void forget(rl_core *core, const uint8_t *recv_id)
{
    rl_op op = { .kind = RL_OP_DELETE, .id = recv_id };
    rl_pending *p =
        rl_pending_new(core, NULL, sizeof *p, PN_MSG_QUEUE_DELETE, 0, 0);
    if (p != NULL && rl_submit(core, p, &op) != PN_OK)
        rl_pending_free(core, p);
}

void rl_create_result(rl_core *core, rl_pending *p, const rl_result *r)
{
    const rl_creation *c = (const rl_creation *)(void *)p;
    rl_link *link = p->link;
    rl_queue *q;
    if (link == NULL || r->status != RL_STATUS_OK) {
        if (r->status == RL_STATUS_OK)
            forget(core, c->recv_id);
        else if (link != NULL)
            rl_answer_done(link, p->id, PN_QUEUE_BUSY, rl_retry_ms(r));
        rl_pending_free(core, p);
        return;
    }
    if (rl_queue_take(link, c->recv_id, c->window, &q) == PN_OK) {
        const pn_msg msg = { .id = p->id,
                             .kind = PN_MSG_QUEUE_CREATED,
                             .u.queue_created = {
                                 .handle = q->handle,
                                 .recv_id = { c->recv_id, PN_QUEUE_ID_BYTES },
                                 .send_id = { c->send_id, PN_QUEUE_ID_BYTES },
                                 .max_count = c->max_count,
                                 .max_bytes = c->max_bytes,
                                 .ttl_days = c->ttl_days } };
        q->behind = 0; /* nobody could deposit yet */
        core->stats.created++;
        rl_answer(link, &msg);
    } else {
        forget(core, c->recv_id);
        rl_answer_done(link, p->id, PN_QUEUE_BUSY, RL_BUSY_MS);
    }
    rl_pending_free(core, p);
}

/* --- opening -------------------------------------------------------------- */

static pn_err submit_lookup(rl_link *link, rl_batch *b, uint32_t index)
{
    rl_core *core = link->core;
    rl_op op = { .kind = RL_OP_LOOKUP, .id = b->proofs[index].recv_id };
    rl_lookup *l = (rl_lookup *)(void *)rl_pending_new(core, link, sizeof *l,
                                                       PN_MSG_QUEUE_OPEN, 0, 0);
    if (l == NULL)
        return PN_E_NOMEM;
    l->batch = b;
    l->index = index;
    if (rl_submit(core, &l->pending, &op) == PN_OK)
        return PN_OK;
    rl_pending_free(core, &l->pending);
    return PN_E_FULL;
}

static void finish(rl_core *core, rl_batch *b)
{
    if (b->failures > 0 && !b->busy)
        rl_pending_late(core, &b->pending, b->failures);
    else
        rl_open_answer(core, &b->pending);
}

pn_err rl_open_take(rl_link *link, const pn_msg *msg)
{
    pn_bytes in = msg->u.queue_open.proofs;
    const size_t count = in.len / PN_QUEUE_PROOF_BYTES;
    rl_batch *b = (rl_batch *)(void *)rl_pending_new(
        link->core, link, sizeof *b + count * sizeof b->proofs[0],
        PN_MSG_QUEUE_OPEN, msg->id, in.len);
    if (b == NULL) {
        rl_answer_done(link, msg->id, PN_QUEUE_BUSY, RL_BUSY_MS);
        return PN_OK;
    }
    b->pending.place = RL_BATCH;
    b->window = msg->u.queue_open.window;
    b->count = (uint32_t)count;
    for (uint32_t i = 0; i < b->count; i++) {
        rl_proof *p = &b->proofs[i];
        PN_TRY(pn_take_copy(&in, p->recv_id, sizeof p->recv_id));
        PN_TRY(pn_take_copy(&in, p->signature, sizeof p->signature));
    }
    for (uint32_t i = 0; i < b->count && !b->busy; i++) {
        if (submit_lookup(link, b, i) == PN_OK)
            b->left++;
        else
            b->busy = true;
    }
    if (b->left == 0)
        finish(link->core, b);
    return PN_OK;
}

/* Judge one proof with what the store knows of its queue. */
static void judge(rl_batch *b, uint32_t index, const rl_result *r)
{
    const rl_link *link = b->pending.link;
    const rl_proof *proof = &b->proofs[index];
    const rl_queue_info *info = &r->u.queue;
    /* A spool is the relay's own: to its peers there is none. */
    const bool exists =
        r->status == RL_STATUS_OK && info->max_count != RL_SPOOL;
    uint8_t t[PN_QUEUE_TRANSCRIPT_MAX];
    const size_t len =
        pn_queue_open_transcript(t, link->binding, proof->recv_id);
    const bool good =
        is_signed(proof->signature, exists ? info->owner : rl_nobody, t, len);
    pn_opened_queue *o = &b->opened[index];
    if (!exists || !good) {
        b->failures++;
        return;
    }
    o->known = true;
    o->waiting =
        info->count[RL_URGENT] + info->count[RL_NORMAL] + info->count[RL_BULK];
    o->refused = info->refused;
    o->flags = (info->suspended ? PN_OPENED_SUSPENDED : 0U) |
               (info->blocked ? PN_OPENED_BLOCKED : 0U);
}

void rl_open_result(rl_core *core, rl_pending *p, const rl_result *r)
{
    rl_batch *b = ((rl_lookup *)(void *)p)->batch;
    const uint32_t index = ((rl_lookup *)(void *)p)->index;
    rl_pending_free(core, p);
    b->left--;
    if (r->status != RL_STATUS_OK && r->status != RL_STATUS_UNKNOWN)
        b->busy = true;
    else if (b->pending.link != NULL)
        judge(b, index, r);
    if (b->left == 0)
        finish(core, b);
}

/* Take all queues that were proven; false if a bound stops it half-way. */
static bool take_all(rl_link *link, rl_batch *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        rl_queue *q;
        if (!b->opened[i].known)
            continue;
        if (rl_queue_take(link, b->proofs[i].recv_id, b->window, &q) != PN_OK)
            return false;
        b->opened[i].handle = q->handle;
    }
    return true;
}

static void each_opened(rl_link *link, const rl_batch *b,
                        void (*fn)(rl_link *link, rl_queue *q))
{
    for (uint32_t i = 0; i < b->count; i++) {
        rl_queue *q = rl_queue_of(link, b->opened[i].handle);
        if (q != NULL)
            fn(link, q);
    }
}

static void give_back(rl_link *link, rl_queue *q)
{
    rl_queue_release(link->core, q, RL_SILENTLY);
}

static void start(rl_link *link, rl_queue *q)
{
    (void)link;
    rl_mail_pump(q);
}

void rl_open_answer(rl_core *core, rl_pending *p)
{
    rl_batch *b = (rl_batch *)(void *)p;
    rl_link *link = p->link;
    const pn_msg msg = { .id = p->id,
                         .kind = PN_MSG_QUEUE_OPENED,
                         .u.queue_opened = { b->opened, b->count } };
    if (link != NULL && rl_link_is_open(link)) {
        if (!b->busy && take_all(link, b)) {
            rl_answer(link, &msg);
            each_opened(link, b, start);
        } else {
            each_opened(link, b, give_back);
            rl_answer_done(link, p->id, PN_QUEUE_BUSY, RL_BUSY_MS);
        }
    }
    rl_pending_free(core, p);
}
