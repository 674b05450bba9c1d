#include "tests/support/coresim.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

/* A result that outlives the store's callback. */
typedef struct kept {
    pn_node node;
    rl_result r;
    rl_envelope *envelopes;
    uint8_t *bodies;
    size_t queue; /* whose it is; CORESIM_QUEUES for others */
} kept;

static uint8_t proofs[PN_QUEUE_PROOF_BYTES];
static uint8_t create_hash[32], create_sig[64];
static uint8_t message_bytes[PN_MESSAGE_ID_BYTES];
static const uint8_t envelope[PN_PARCEL_MAX];

static void keep(void *ctx, const rl_result *r);

static pn_err on_send(void *ctx, void *peer, const pn_msg *msg)
{
    coresim *w = ctx;
    coresim_link *l = peer;
    coresim_event *e = &w->events[w->event_count % CORESIM_EVENTS];
    FUZZ_CHECK(pn_msg_ok(msg));
    FUZZ_CHECK(l->link != NULL && !l->closing);
    if (msg->kind == PN_MSG_DELIVER || msg->kind == PN_MSG_PARCEL) {
        if (l->room == 0)
            return PN_E_FULL;
        l->room -= l->room == SIZE_MAX ? 0 : 1;
    }
    if (w->on_msg != NULL)
        w->on_msg(w->ctx, (size_t)(l - w->links), msg);
    memset(e, 0, sizeof *e);
    e->link = (size_t)(l - w->links);
    e->at_ms = w->sim.mono_ms;
    e->msg = *msg;
    if (msg->kind == PN_MSG_DELIVER) {
        memcpy(e->bytes, msg->u.deliver.message_id.p, PN_MESSAGE_ID_BYTES);
        e->envelope_len = msg->u.deliver.envelope.len;
        e->msg.u.deliver.message_id.p = e->bytes;
        e->msg.u.deliver.envelope.p = envelope;
    } else if (msg->kind == PN_MSG_PARCEL) {
        memcpy(e->bytes, msg->u.parcel.parcel.p + CORESIM_ENC_AT,
               sizeof e->bytes);
        e->envelope_len = msg->u.parcel.parcel.len;
        e->msg.u.parcel.parcel.p = envelope;
    } else if (msg->kind == PN_MSG_FORWARD_REPLY) {
        e->envelope_len = msg->u.forward_reply.reply.len;
        e->msg.u.forward_reply.reply.p = envelope;
        e->msg.u.forward_reply.key_id.p = envelope;
    } else if (msg->kind == PN_MSG_PARCEL_RESULT) {
        e->envelope_len = msg->u.parcel_result.reply.len;
        e->msg.u.parcel_result.reply.p = envelope;
        if (msg->u.parcel_result.key_id.len > 0)
            memcpy(e->bytes, msg->u.parcel_result.key_id.p, PN_KEY_ID_BYTES);
        e->msg.u.parcel_result.key_id.p = e->bytes;
    } else if (msg->kind == PN_MSG_DESCRIPTOR) {
        e->envelope_len = msg->u.descriptor.descriptor.len;
        e->msg.u.descriptor.descriptor.p = envelope;
    } else if (msg->kind == PN_MSG_QUEUE_OPENED) {
        memcpy(e->opened, msg->u.queue_opened.queues,
               msg->u.queue_opened.count * sizeof e->opened[0]);
        e->msg.u.queue_opened.queues = e->opened;
    } else if (msg->kind == PN_MSG_QUEUE_CREATED) {
        memcpy(e->bytes, msg->u.queue_created.recv_id.p, 32);
        memcpy(e->bytes + 32, msg->u.queue_created.send_id.p, 32);
        e->msg.u.queue_created.recv_id.p = e->bytes;
        e->msg.u.queue_created.send_id.p = e->bytes + 32;
    }
    w->event_count++;
    return PN_OK;
}

static void on_busy(void *ctx, void *peer, bool busy)
{
    coresim_link *l = peer;
    (void)ctx;
    FUZZ_CHECK(l->link != NULL && l->busy != busy);
    l->busy = busy;
}

static void on_pause(void *ctx, void *peer, uint64_t resume_ms)
{
    coresim_link *l = peer;
    (void)ctx;
    l->paused_until = resume_ms;
}

static void on_close(void *ctx, void *peer, pn_bye_reason why)
{
    coresim_link *l = peer;
    (void)ctx;
    FUZZ_CHECK(!l->closing);
    l->closing = true;
    l->why = why;
}

static pn_err on_dial(void *ctx, const uint8_t *key)
{
    coresim *w = ctx;
    for (size_t r = 0; r < CORESIM_RELAYS; r++)
        if (memcmp(w->relays[r].key, key, 32) == 0)
            w->relays[r].dials++;
    return w->no_dial ? PN_E_NOMEM : PN_OK;
}

static void on_described(void *ctx, const uint8_t *key, pn_bytes descriptor)
{
    coresim *w = ctx;
    if (w->described != NULL)
        w->described(w->ctx, key, descriptor);
}

static void on_operated(void *ctx, uint64_t ticket, const rl_result *r)
{
    coresim *w = ctx;
    if (w->operated != NULL)
        w->operated(w->ctx, ticket, r);
}

static pn_err on_submit(void *ctx, const rl_op *op)
{
    coresim *w = ctx;
    if (w->refuse)
        return PN_E_FULL;
    if (w->fail_at > 0 && --w->fail_at == 0) {
        const rl_result failed = { .token = op->token,
                                   .kind = op->kind,
                                   .status = (rl_status)w->fail_as };
        w->failed = true;
        if (w->fail_as == RL_STATUS_OK)
            return PN_E_FULL;
        keep(w, &failed);
        w->submitted++;
        return PN_OK;
    }
    if (w->no_expiry && op->kind == RL_OP_EXPIRE) {
        const rl_result busy = { .token = op->token,
                                 .kind = op->kind,
                                 .status = RL_STATUS_BUSY,
                                 .retry_s = 30 };
        keep(w, &busy);
        return PN_OK;
    }
    if (w->no_reads && (op->kind == RL_OP_FETCH || op->kind == RL_OP_LOOKUP)) {
        const rl_result failed = { .token = op->token,
                                   .kind = op->kind,
                                   .status = RL_STATUS_FAILED };
        keep(w, &failed);
        w->submitted++;
        return PN_OK;
    }
    PN_TRY(rl_store_submit(w->store, op));
    w->submitted++;
    return PN_OK;
}

static void start_core(coresim *w)
{
    rl_store_stats stats;
    w->relay = (rl_relay){ .software = PN_BYTES_LIT("sim"),
                           .version = PN_BYTES_LIT("1"),
                           .frame_max = 131072,
                           .commands = { 1000000, 1000000 } };
    w->sink = (rl_sink){ .ctx = w,
                         .send = on_send,
                         .busy = on_busy,
                         .pause = on_pause,
                         .close = on_close,
                         .dial = on_dial,
                         .operated = on_operated,
                         .described = on_described,
                         .submit = on_submit };
    FUZZ_CHECK(rl_core_new(&w->core, &w->env, &w->sink, &w->config,
                           &w->relay) == PN_OK);
    rl_store_stats_get(w->store, &stats);
    rl_core_set_expired(w->core, stats.expired, stats.clock);
}

void coresim_init(coresim *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    FUZZ_CHECK(sodium_init() >= 0);
    simenv_init(&w->sim, seed);
    w->env = simenv_env(&w->sim);
    pn_msg_scratch_init(&w->scratch);
    pn_node_init(&w->results);
    w->events = calloc(CORESIM_EVENTS, sizeof *w->events);
    FUZZ_CHECK(w->events != NULL);
    FUZZ_CHECK(rl_store_mem_open(&w->store, &w->env, RL_MEM_MANUAL, NULL,
                                 NULL) == PN_OK);
    w->config =
        (rl_core_config){ .queue_count = 64,
                          .queue_bytes = 1 << 20,
                          .ttl_days_max = 21,
                          .creates_per_link = 1000,
                          .creates_per_origin = 100000,
                          .failures_per_link = 1000,
                          .open_max = 1000,
                          .forward = { .secret = { 1, 2, 3 },
                                       .self = { 4, 5, 6 },
                                       .spool_bytes = 64 << 20,
                                       .spool_count = 10000,
                                       .spool_days = 21,
                                       .per_link = 1000000,
                                       .per_origin = 10000000,
                                       .patience_ms = 60000,
                                       .keep_ms = 120000,
                                       .commands = { 1000000, 1000000 } },
                          .parcels = { 1000000, 10000, 100000 } };
    for (size_t r = 0; r < CORESIM_RELAYS; r++) {
        uint8_t key_seed[32], sk[64];
        memset(key_seed, 0x80 + (int)r, sizeof key_seed);
        (void)crypto_sign_seed_keypair(w->relays[r].key, sk, key_seed);
        FUZZ_CHECK(crypto_sign_ed25519_pk_to_curve25519(w->relays[r].noise_pk,
                                                        w->relays[r].key) == 0);
    }
    for (size_t q = 0; q < CORESIM_QUEUES; q++) {
        uint8_t key_seed[32];
        memset(key_seed, (int)q + 1, sizeof key_seed);
        (void)crypto_sign_seed_keypair(w->queues[q].pk, w->queues[q].sk,
                                       key_seed);
        memset(w->queues[q].cap, 0x40 + (int)q, 32);
    }
    start_core(w);
}

static void kept_free(kept *k)
{
    pn_list_remove(&k->node);
    free(k->envelopes);
    free(k->bodies);
    free(k);
}

static void drop_results(coresim *w)
{
    while (!pn_list_is_empty(&w->results))
        kept_free(PN_FRONT(&w->results, kept, node));
}

void coresim_free(coresim *w)
{
    drop_results(w);
    rl_core_free(&w->core);
    rl_store_close(&w->store);
    pn_msg_scratch_release(&w->scratch);
    free(w->events);
}

void coresim_restart(coresim *w, size_t survive)
{
    drop_results(w);
    rl_core_free(&w->core);
    rl_store_mem_crash(w->store, survive);
    for (size_t i = 0; i < CORESIM_LINKS; i++)
        w->links[i].link = NULL;
    start_core(w);
}

coresim_link *coresim_fresh_link(coresim *w, size_t i)
{
    coresim_link *l = &w->links[i];
    FUZZ_CHECK(l->link == NULL);
    *l = (coresim_link){ .world = w, .room = SIZE_MAX };
    for (size_t k = 0; k < sizeof l->binding; k++)
        l->binding[k] = (uint8_t)simenv_next(&w->sim);
    return l;
}

void coresim_open(coresim *w, size_t i)
{
    const rl_grants grants = { !w->plain, !w->plain };
    coresim_link *l = coresim_fresh_link(w, i);
    if (rl_core_open(w->core, l, grants, 7, l->binding, &l->link) != PN_OK)
        l->link = NULL;
}

void coresim_close(coresim *w, size_t i)
{
    rl_link *link = w->links[i].link;
    w->links[i].link = NULL;
    if (link != NULL)
        rl_core_closed(link);
}

pn_err coresim_take(coresim *w, size_t i, const pn_msg *msg)
{
    coresim_link *l = &w->links[i];
    pn_out out = pn_out_over(w->frame, sizeof w->frame);
    pn_msg got;
    pn_err err;
    FUZZ_CHECK(l->link != NULL);
    FUZZ_CHECK(pn_msg_encode(&out, msg) == PN_OK);
    err = pn_msg_decode(&got, &w->scratch, pn_out_view(&out));
    if (err == PN_OK)
        err = rl_core_take(l->link, &got);
    pn_msg_scratch_release(&w->scratch);
    if (err != PN_OK)
        coresim_close(w, i);
    return err;
}

static size_t queue_of(const coresim *w, const rl_result *r)
{
    if (r->kind != RL_OP_DEPOSIT || r->status != RL_STATUS_OK)
        return CORESIM_QUEUES;
    for (size_t q = 0; q < CORESIM_QUEUES; q++)
        if (memcmp(w->queues[q].recv_id, r->u.deposit.recv_id, 32) == 0)
            return q;
    return CORESIM_QUEUES + 1; /* a spool */
}

static void keep(void *ctx, const rl_result *r)
{
    coresim *w = ctx;
    kept *k = calloc(1, sizeof *k);
    const rl_envelope *from = NULL;
    size_t count = 0, bytes = 0, at = 0;
    FUZZ_CHECK(k != NULL);
    k->r = *r;
    k->queue = queue_of(w, r);
    if (r->kind == RL_OP_FETCH && r->status == RL_STATUS_OK) {
        from = r->u.fetch.envelopes;
        count = r->u.fetch.count;
    } else if (r->kind == RL_OP_DEPOSIT && r->status == RL_STATUS_OK) {
        from = &r->u.deposit.envelope;
        count = 1;
    }
    for (size_t i = 0; i < count; i++)
        bytes += from[i].body.len;
    if (count > 0) {
        k->envelopes = calloc(count, sizeof *k->envelopes);
        k->bodies = malloc(bytes);
        FUZZ_CHECK(k->envelopes != NULL && k->bodies != NULL);
    }
    for (size_t i = 0; i < count; i++) {
        k->envelopes[i] = from[i];
        memcpy(k->bodies + at, from[i].body.p, from[i].body.len);
        k->envelopes[i].body.p = k->bodies + at;
        if (w->spoil != NULL)
            w->spoil(w->ctx, &k->envelopes[i], k->bodies + at);
        at += from[i].body.len;
    }
    if (r->kind == RL_OP_FETCH && count > 0)
        k->r.u.fetch.envelopes = k->envelopes;
    else if (count > 0)
        k->r.u.deposit.envelope = k->envelopes[0];
    pn_list_push_back(&w->results, &k->node);
}

void coresim_commit(coresim *w, size_t count)
{
    rl_store_mem_commit(w->store, count);
    (void)rl_store_drain(w->store, keep, w);
}

/* A stored deposit is not overtaken by anything; the rest may come in any
 * order. */
static kept *choose(coresim *w)
{
    pn_node *at = pn_list_first(&w->results);
    kept *chosen = PN_ENTRY(at, kept, node);
    if (w->reverse)
        return PN_ENTRY(w->results.prev, kept, node);
    if (!w->shuffle)
        return chosen;
    for (int steps = (int)(simenv_next(&w->sim) % 8); steps > 0; steps--) {
        kept *k = PN_ENTRY(at, kept, node);
        if (k->queue != CORESIM_QUEUES || at->next == &w->results)
            break;
        at = at->next;
        chosen = PN_ENTRY(at, kept, node);
    }
    return chosen;
}

bool coresim_result(coresim *w)
{
    kept *k;
    if (pn_list_is_empty(&w->results))
        return false;
    k = choose(w);
    rl_core_result(w->core, &k->r);
    kept_free(k);
    return true;
}

void coresim_advance(coresim *w, uint64_t ms)
{
    simenv_advance(&w->sim, ms);
    if (rl_core_deadline(w->core) <= w->sim.mono_ms)
        rl_core_tick(w->core);
}

void coresim_settle(coresim *w)
{
    for (;;) {
        rl_core_stats stats;
        bool some;
        coresim_commit(w, SIZE_MAX);
        some = coresim_result(w);
        while (coresim_result(w))
            ;
        rl_core_stats_get(w->core, &stats);
        if (!some && stats.pending == 0)
            return;
        if (!some)
            coresim_advance(w, 1);
    }
}

const coresim_event *coresim_find(const coresim *w, size_t from, size_t i,
                                  pn_msg_kind kind, uint64_t id)
{
    for (size_t k = from; k < w->event_count; k++) {
        const coresim_event *e = &w->events[k % CORESIM_EVENTS];
        if ((i == SIZE_MAX || e->link == i) && e->msg.kind == kind &&
            e->msg.id == id)
            return e;
    }
    return NULL;
}

pn_msg coresim_create(coresim *w, size_t i, size_t q, uint64_t id,
                      uint32_t window)
{
    const coresim_queue *queue = &w->queues[q];
    uint8_t t[PN_QUEUE_TRANSCRIPT_MAX];
    pn_msg m = { .id = id, .kind = PN_MSG_QUEUE_CREATE };
    size_t len;
    (void)crypto_generichash(create_hash, 32, queue->cap, 32, NULL, 0);
    m.u.queue_create =
        (pn_msg_queue_create){ .queue_key = { queue->pk, 32 },
                               .deposit_hash = { create_hash, 32 },
                               .ttl_days = 21,
                               .window = window,
                               .signature = { create_sig, 64 } };
    len = pn_queue_create_transcript(t, w->links[i].binding, &m.u.queue_create);
    (void)crypto_sign_detached(create_sig, NULL, t, len, queue->sk);
    return m;
}

pn_msg coresim_open_queue(coresim *w, size_t i, size_t q, uint64_t id,
                          uint32_t window)
{
    const coresim_queue *queue = &w->queues[q];
    uint8_t t[PN_QUEUE_TRANSCRIPT_MAX];
    const size_t len =
        pn_queue_open_transcript(t, w->links[i].binding, queue->recv_id);
    memcpy(proofs, queue->recv_id, 32);
    (void)crypto_sign_detached(proofs + 32, NULL, t, len, queue->sk);
    return (pn_msg){ .id = id,
                     .kind = PN_MSG_QUEUE_OPEN,
                     .u.queue_open = { window, { proofs, sizeof proofs } } };
}

void coresim_message_id(uint8_t out[PN_MESSAGE_ID_BYTES], uint64_t message)
{
    pn_out o = pn_out_over(out, PN_MESSAGE_ID_BYTES);
    pn_put_u64(&o, 0);
    pn_put_u64(&o, message);
}

uint64_t coresim_message_of(const uint8_t *id)
{
    pn_bytes in = { id + 8, 8 };
    uint64_t message = 0;
    FUZZ_CHECK(pn_take_u64(&in, &message) == PN_OK);
    return message;
}

pn_msg coresim_deposit(coresim *w, size_t q, uint64_t id, pn_priority priority,
                       uint64_t message)
{
    const coresim_queue *queue = &w->queues[q];
    coresim_message_id(message_bytes, message);
    return (pn_msg){ .id = id,
                     .kind = PN_MSG_DEPOSIT,
                     .u.deposit = { .send_id = { queue->send_id, 32 },
                                    .capability = { queue->cap, 32 },
                                    .message_id = { message_bytes, 16 },
                                    .priority = priority,
                                    .envelope = { envelope, 896 } } };
}

uint32_t coresim_make(coresim *w, size_t i, size_t q, uint32_t window)
{
    const size_t from = w->event_count;
    const pn_msg m = coresim_create(w, i, q, 1000, window);
    const coresim_event *e;
    FUZZ_CHECK(coresim_take(w, i, &m) == PN_OK);
    coresim_settle(w);
    e = coresim_find(w, from, i, PN_MSG_QUEUE_CREATED, 1000);
    FUZZ_CHECK(e != NULL);
    memcpy(w->queues[q].recv_id, e->msg.u.queue_created.recv_id.p, 32);
    memcpy(w->queues[q].send_id, e->msg.u.queue_created.send_id.p, 32);
    w->queues[q].created = true;
    return e->msg.u.queue_created.handle;
}
