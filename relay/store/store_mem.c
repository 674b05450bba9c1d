#include "relay/store/store_mem.h"

#include <string.h>

#include "proto/base/list.h"
#include "proto/base/map.h"
#include "proto/base/mem.h"
#include "relay/store/quota.h"

/* Written to be plainly right rather than fast: the yardstick that the log is
 * measured against. One struct per queue and message, one map per question. */

enum { KEY_BYTES = RL_QUEUE_ID_BYTES + RL_MESSAGE_ID_BYTES };

typedef struct mem_message {
    pn_node in_queue; /* of its class, or of the remembered ones */
    pn_node in_store;
    struct mem_queue *queue;
    uint8_t key[KEY_BYTES]; /* recv_id, message id */
    uint64_t seq;
    rl_class class;
    rl_day expires;
    bool live;
    uint32_t len;
    uint8_t body[];
} mem_message;

typedef struct mem_queue {
    rl_queue_info info;
    uint8_t cap[RL_CAP_HASH_BYTES];
    uint8_t old_cap[RL_CAP_HASH_BYTES];
    rl_day old_cap_until; /* last day; 0: there is none */
    uint32_t remembered;
    uint64_t bytes[RL_CLASSES];
    pn_node waiting[RL_CLASSES];
    pn_node acked; /* in the order of their acknowledgement */
} mem_queue;

/* An operation, then its result. */
typedef struct mem_item {
    pn_node node;
    rl_op op;
    rl_result result;
    rl_envelope *envelopes; /* owned: a fetch's */
    uint8_t *bodies;        /* owned: what its envelopes point into */
    uint8_t data[];         /* what the operation points at */
} mem_item;

typedef struct mem_store {
    rl_store base;
    rl_mem_commit commit;
    rl_store_notify_fn *notify;
    void *notify_ctx;
    pn_map by_recv, by_send, messages;
    pn_node all;     /* every mem_message, oldest first */
    pn_node waiting; /* operations */
    pn_node done;    /* results */
    uint64_t next_seq, pending, commits, bytes_written;
    uint64_t live, remembered;
    rl_day today; /* the last day expired */
    rl_day clock; /* that came with it */
    bool low, failed;
} mem_store;

static mem_store *mem_of(rl_store *s)
{
    return (mem_store *)(void *)s;
}

static void item_free(mem_item *item)
{
    pn_list_remove(&item->node);
    pn_free(item->envelopes);
    pn_free(item->bodies);
    pn_free(item);
}

static void items_clear(pn_node *head)
{
    while (!pn_list_is_empty(head))
        item_free(PN_FRONT(head, mem_item, node));
}

/* Forget a message and its id altogether. */
static void message_forget(mem_store *s, mem_message *m)
{
    mem_queue *q = m->queue;
    if (m->live) {
        q->info.count[m->class]--;
        q->bytes[m->class] -= m->len;
        s->live--;
    } else {
        q->remembered--;
        s->remembered--;
    }
    (void)pn_map_take(&s->messages, m->key);
    pn_list_remove(&m->in_queue);
    pn_list_remove(&m->in_store);
    pn_free(m);
}

/* A live message was acknowledged: keep its id only. */
static void message_ack(mem_store *s, mem_message *m)
{
    mem_queue *q = m->queue;
    q->info.count[m->class]--;
    q->bytes[m->class] -= m->len;
    s->live--;
    m->live = false;
    pn_list_remove(&m->in_queue);
    pn_list_push_back(&q->acked, &m->in_queue);
    q->remembered++;
    s->remembered++;
    if (q->remembered > rl_remembered_max(q->info.max_count))
        message_forget(s, PN_FRONT(&q->acked, mem_message, in_queue));
}

static mem_queue *find_any(const mem_store *s, const uint8_t *id)
{
    mem_queue *q = pn_map_get(&s->by_recv, id);
    return q != NULL ? q : pn_map_get(&s->by_send, id);
}

static rl_status do_create(mem_store *s, const rl_op *op)
{
    const rl_create *c = &op->u.create;
    mem_queue *q;
    if (find_any(s, op->id) != NULL || find_any(s, c->send_id) != NULL)
        return RL_STATUS_EXISTS;
    if (s->low)
        return RL_STATUS_BUSY;
    q = pn_alloc(1, sizeof *q);
    if (q == NULL)
        return RL_STATUS_BUSY;
    memcpy(q->info.recv_id, op->id, RL_QUEUE_ID_BYTES);
    memcpy(q->info.send_id, c->send_id, RL_QUEUE_ID_BYTES);
    memcpy(q->info.owner, c->owner, RL_OWNER_KEY_BYTES);
    memcpy(q->cap, c->cap_hash, RL_CAP_HASH_BYTES);
    q->info.max_count = c->max_count;
    q->info.max_bytes = c->max_bytes;
    q->info.ttl_days = c->ttl_days;
    q->info.created = op->day;
    for (size_t i = 0; i < RL_CLASSES; i++)
        pn_node_init(&q->waiting[i]);
    pn_node_init(&q->acked);
    if (pn_map_put(&s->by_recv, q->info.recv_id, q) != PN_OK) {
        pn_free(q);
        return RL_STATUS_BUSY;
    }
    if (pn_map_put(&s->by_send, q->info.send_id, q) != PN_OK) {
        (void)pn_map_take(&s->by_recv, q->info.recv_id);
        pn_free(q);
        return RL_STATUS_BUSY;
    }
    return RL_STATUS_OK;
}

static void queue_free(mem_store *s, mem_queue *q)
{
    for (size_t c = 0; c < RL_CLASSES; c++)
        while (!pn_list_is_empty(&q->waiting[c]))
            message_forget(s, PN_FRONT(&q->waiting[c], mem_message, in_queue));
    while (!pn_list_is_empty(&q->acked))
        message_forget(s, PN_FRONT(&q->acked, mem_message, in_queue));
    (void)pn_map_take(&s->by_recv, q->info.recv_id);
    (void)pn_map_take(&s->by_send, q->info.send_id);
    pn_free_wiped(q, sizeof *q);
}

static bool may_deposit(const mem_queue *q, const uint8_t *cap, rl_day day)
{
    const bool now = pn_secret_equal(q->cap, cap, RL_CAP_HASH_BYTES);
    const bool old = pn_secret_equal(q->old_cap, cap, RL_CAP_HASH_BYTES);
    return now || (old && day <= q->old_cap_until);
}

static rl_envelope envelope_of(const mem_message *m, const uint8_t *body)
{
    rl_envelope e = { .seq = m->seq,
                      .class = m->class,
                      .expires = m->expires,
                      .body = { body, m->len } };
    memcpy(e.id, m->key + RL_QUEUE_ID_BYTES, RL_MESSAGE_ID_BYTES);
    return e;
}

static rl_status do_deposit(mem_store *s, mem_item *item)
{
    const rl_deposit *d = &item->op.u.deposit;
    const rl_day today = item->op.day > s->today ? item->op.day : s->today;
    mem_queue *q = pn_map_get(&s->by_send, item->op.id);
    uint8_t key[KEY_BYTES];
    uint8_t ttl;
    mem_message *m;
    if (q == NULL || !may_deposit(q, d->cap_hash, today))
        return RL_STATUS_UNKNOWN;
    memcpy(item->result.u.deposit.recv_id, q->info.recv_id, RL_QUEUE_ID_BYTES);
    memcpy(key, q->info.recv_id, RL_QUEUE_ID_BYTES);
    memcpy(key + RL_QUEUE_ID_BYTES, d->message_id, RL_MESSAGE_ID_BYTES);
    if (pn_map_get(&s->messages, key) != NULL)
        return RL_STATUS_DUPLICATE;
    if (q->info.blocked)
        return RL_STATUS_BLOCKED;
    if (q->info.suspended)
        return RL_STATUS_SUSPENDED;
    if (!rl_quota_admits(q->info.max_count, q->info.max_bytes, q->info.count,
                         q->bytes, d->class, d->body.len)) {
        q->info.refused |= (uint8_t)(1U << d->class);
        return RL_STATUS_QUOTA;
    }
    if (s->low)
        return RL_STATUS_BUSY;
    m = pn_alloc(1, sizeof *m + d->body.len);
    if (m == NULL)
        return RL_STATUS_BUSY;
    memcpy(m->key, key, KEY_BYTES);
    if (pn_map_put(&s->messages, m->key, m) != PN_OK) {
        pn_free(m);
        return RL_STATUS_BUSY;
    }
    ttl = d->ttl_days > 0 && d->ttl_days < q->info.ttl_days ? d->ttl_days
                                                            : q->info.ttl_days;
    m->queue = q;
    m->seq = s->next_seq++;
    m->class = d->class;
    m->expires = rl_day_after(today, ttl);
    m->live = true;
    m->len = (uint32_t)d->body.len;
    memcpy(m->body, d->body.p, d->body.len);
    pn_list_push_back(&q->waiting[d->class], &m->in_queue);
    pn_list_push_back(&s->all, &m->in_store);
    q->info.count[d->class]++;
    q->bytes[d->class] += m->len;
    s->live++;
    s->bytes_written += m->len;
    item->result.u.deposit.envelope = envelope_of(m, d->body.p);
    return RL_STATUS_OK;
}

/* Count, then copy, what a fetch gives; `out` NULL only counts. */
static uint32_t gather(const mem_queue *q, const rl_fetch *f, mem_item *out,
                       size_t *bytes, bool *more)
{
    uint32_t n = 0;
    *bytes = 0;
    *more = false;
    for (size_t c = 0; c < RL_CLASSES; c++) {
        pn_node *at = q->waiting[c].next;
        for (; at != &q->waiting[c]; at = at->next) {
            const mem_message *m = PN_ENTRY(at, mem_message, in_queue);
            if (m->seq <= f->cursor.after[c])
                continue;
            if (n == f->max_count ||
                (n > 0 && *bytes + m->len > f->max_bytes)) {
                *more = true;
                return n;
            }
            if (out != NULL) {
                memcpy(out->bodies + *bytes, m->body, m->len);
                out->envelopes[n] = envelope_of(m, out->bodies + *bytes);
            }
            n++;
            *bytes += m->len;
        }
    }
    return n;
}

static rl_status do_fetch(const mem_queue *q, mem_item *item)
{
    size_t bytes;
    bool more;
    const rl_fetch *f = &item->op.u.fetch;
    const uint32_t n = gather(q, f, NULL, &bytes, &more);
    if (n > 0) {
        item->envelopes = pn_alloc(n, sizeof *item->envelopes);
        item->bodies = pn_alloc(1, bytes);
        if (item->envelopes == NULL || item->bodies == NULL)
            return RL_STATUS_BUSY;
        (void)gather(q, f, item, &bytes, &more);
    }
    item->result.u.fetch.envelopes = item->envelopes;
    item->result.u.fetch.count = n;
    item->result.u.fetch.more = more;
    item->result.u.fetch.refused = q->info.refused;
    return RL_STATUS_OK;
}

static rl_status do_ack(mem_store *s, mem_queue *q, mem_item *item)
{
    const rl_ack *a = &item->op.u.ack;
    uint8_t key[KEY_BYTES];
    memcpy(key, q->info.recv_id, RL_QUEUE_ID_BYTES);
    for (uint32_t i = 0; i < a->count; i++) {
        mem_message *m;
        memcpy(key + RL_QUEUE_ID_BYTES,
               a->ids + (size_t)i * RL_MESSAGE_ID_BYTES, RL_MESSAGE_ID_BYTES);
        m = pn_map_get(&s->messages, key);
        if (m == NULL || !m->live)
            continue;
        message_ack(s, m);
        item->result.u.forgotten++;
    }
    if (a->clear_marks)
        q->info.refused = 0;
    return RL_STATUS_OK;
}

static rl_status do_rotate(const mem_store *s, mem_queue *q, const rl_op *op)
{
    const rl_day today = op->day > s->today ? op->day : s->today;
    if (pn_secret_equal(q->cap, op->u.new_cap_hash, RL_CAP_HASH_BYTES))
        return RL_STATUS_OK; /* the same rotation again */
    if (q->old_cap_until != 0 &&
        pn_secret_equal(q->old_cap, op->u.new_cap_hash, RL_CAP_HASH_BYTES))
        return RL_STATUS_OK; /* an older one again: what replaced it stays */
    memcpy(q->old_cap, q->cap, RL_CAP_HASH_BYTES);
    memcpy(q->cap, op->u.new_cap_hash, RL_CAP_HASH_BYTES);
    q->old_cap_until = rl_day_after(today, RL_OLD_CAP_DAYS);
    return RL_STATUS_OK;
}

static rl_status do_purge(mem_store *s, mem_queue *q, mem_item *item)
{
    for (size_t c = 0; c < RL_CLASSES; c++) {
        while (!pn_list_is_empty(&q->waiting[c])) {
            message_ack(s, PN_FRONT(&q->waiting[c], mem_message, in_queue));
            item->result.u.forgotten++;
        }
    }
    return RL_STATUS_OK;
}

static rl_status do_expire(mem_store *s, mem_item *item)
{
    pn_node *at = s->all.next;
    if (item->op.day > s->today)
        s->today = item->op.day;
    if (item->op.u.clock != 0)
        s->clock = item->op.u.clock;
    while (at != &s->all) {
        mem_message *m = PN_ENTRY(at, mem_message, in_store);
        at = at->next;
        if (m->expires > s->today)
            continue;
        item->result.u.forgotten += m->live ? 1 : 0;
        message_forget(s, m);
    }
    return RL_STATUS_OK;
}

static void lookup(const mem_queue *q, rl_queue_info *out)
{
    *out = q->info;
    for (size_t c = 0; c < RL_CLASSES; c++)
        out->bytes[c] = q->bytes[c];
}

static rl_status execute(mem_store *s, mem_item *item)
{
    const rl_op *op = &item->op;
    const bool reads = op->kind == RL_OP_FETCH || op->kind == RL_OP_LOOKUP;
    mem_queue *q;
    if (s->failed && !reads)
        return RL_STATUS_FAILED;
    if (op->kind == RL_OP_CREATE)
        return do_create(s, op);
    if (op->kind == RL_OP_DEPOSIT)
        return do_deposit(s, item);
    if (op->kind == RL_OP_EXPIRE)
        return do_expire(s, item);
    if (op->kind == RL_OP_BLOCK || op->kind == RL_OP_UNBLOCK ||
        op->kind == RL_OP_PURGE)
        q = find_any(s, op->id);
    else
        q = pn_map_get(&s->by_recv, op->id);
    if (q == NULL)
        return RL_STATUS_UNKNOWN;
    switch (op->kind) {
    case RL_OP_LOOKUP:
        lookup(q, &item->result.u.queue);
        return RL_STATUS_OK;
    case RL_OP_FETCH:
        return do_fetch(q, item);
    case RL_OP_ACK:
        return do_ack(s, q, item);
    case RL_OP_ROTATE:
        return do_rotate(s, q, op);
    case RL_OP_SUSPEND:
    case RL_OP_RESUME:
        q->info.suspended = op->kind == RL_OP_SUSPEND;
        return RL_STATUS_OK;
    case RL_OP_BLOCK:
    case RL_OP_UNBLOCK:
        q->info.blocked = op->kind == RL_OP_BLOCK;
        return RL_STATUS_OK;
    case RL_OP_PURGE:
        return do_purge(s, q, item);
    case RL_OP_DELETE:
        queue_free(s, q);
        return RL_STATUS_OK;
    case RL_OP_CREATE:
    case RL_OP_DEPOSIT:
    case RL_OP_EXPIRE:
        break; /* done above */
    }
    return RL_STATUS_FAILED;
}

void rl_store_mem_commit(rl_store *base, size_t count)
{
    mem_store *s = mem_of(base);
    bool any = false;
    for (; count > 0 && !pn_list_is_empty(&s->waiting); count--) {
        mem_item *item = PN_FRONT(&s->waiting, mem_item, node);
        item->result.token = item->op.token;
        item->result.kind = item->op.kind;
        item->result.status = execute(s, item);
        if (item->result.status == RL_STATUS_BUSY)
            item->result.retry_s = 30;
        pn_list_remove(&item->node);
        pn_list_push_back(&s->done, &item->node);
        any = true;
    }
    s->commits += any ? 1 : 0;
    if (any && s->notify != NULL)
        s->notify(s->notify_ctx);
}

void rl_store_mem_crash(rl_store *base, size_t survive)
{
    mem_store *s = mem_of(base);
    rl_store_notify_fn *notify = s->notify;
    s->notify = NULL;
    rl_store_mem_commit(base, survive);
    s->notify = notify;
    items_clear(&s->waiting);
    items_clear(&s->done);
    s->pending = 0;
    s->failed = false;
}

void rl_store_mem_auto(rl_store *base, bool on)
{
    mem_of(base)->commit = on ? RL_MEM_AUTO : RL_MEM_MANUAL;
}

void rl_store_mem_disk_low(rl_store *base, bool low)
{
    mem_of(base)->low = low;
}

void rl_store_mem_fail(rl_store *base)
{
    mem_of(base)->failed = true;
}

/* Copy `len` bytes into the item's own memory. */
static const uint8_t *keep(uint8_t **at, const uint8_t *p, size_t len)
{
    const uint8_t *kept = *at;
    if (p == NULL || len == 0)
        return p;
    memcpy(*at, p, len);
    *at += len;
    return kept;
}

static pn_err mem_submit(rl_store *base, const rl_op *op)
{
    mem_store *s = mem_of(base);
    size_t len = (size_t)4 * RL_QUEUE_ID_BYTES;
    mem_item *item;
    uint8_t *at;
    if (op->kind == RL_OP_DEPOSIT)
        len += RL_MESSAGE_ID_BYTES + op->u.deposit.body.len;
    else if (op->kind == RL_OP_ACK)
        len += (size_t)op->u.ack.count * RL_MESSAGE_ID_BYTES;
    item = pn_alloc(1, sizeof *item + len);
    if (item == NULL)
        return PN_E_NOMEM;
    at = item->data;
    item->op = *op;
    item->op.id = keep(&at, op->id, RL_QUEUE_ID_BYTES);
    if (op->kind == RL_OP_CREATE) {
        rl_create *c = &item->op.u.create;
        c->send_id = keep(&at, c->send_id, RL_QUEUE_ID_BYTES);
        c->owner = keep(&at, c->owner, RL_OWNER_KEY_BYTES);
        c->cap_hash = keep(&at, c->cap_hash, RL_CAP_HASH_BYTES);
    } else if (op->kind == RL_OP_DEPOSIT) {
        rl_deposit *d = &item->op.u.deposit;
        d->cap_hash = keep(&at, d->cap_hash, RL_CAP_HASH_BYTES);
        d->message_id = keep(&at, d->message_id, RL_MESSAGE_ID_BYTES);
        d->body.p = keep(&at, d->body.p, d->body.len);
    } else if (op->kind == RL_OP_ACK) {
        item->op.u.ack.ids = keep(
            &at, op->u.ack.ids, (size_t)op->u.ack.count * RL_MESSAGE_ID_BYTES);
    } else if (op->kind == RL_OP_ROTATE) {
        item->op.u.new_cap_hash =
            keep(&at, op->u.new_cap_hash, RL_CAP_HASH_BYTES);
    }
    pn_list_push_back(&s->waiting, &item->node);
    s->pending++;
    return PN_OK;
}

static void mem_flush(rl_store *base)
{
    if (mem_of(base)->commit == RL_MEM_AUTO)
        rl_store_mem_commit(base, SIZE_MAX);
}

static size_t mem_drain(rl_store *base, rl_store_result_fn *fn, void *ctx)
{
    mem_store *s = mem_of(base);
    size_t n = 0;
    while (!pn_list_is_empty(&s->done)) {
        mem_item *item = PN_FRONT(&s->done, mem_item, node);
        pn_list_remove(&item->node);
        s->pending--;
        fn(ctx, &item->result);
        item_free(item);
        n++;
    }
    return n;
}

static void mem_stats(rl_store *base, rl_store_stats *out)
{
    const mem_store *s = mem_of(base);
    *out = (rl_store_stats){ .queues = s->by_recv.count,
                             .messages = s->live,
                             .remembered = s->remembered,
                             .pending = s->pending,
                             .bytes_free = UINT64_MAX,
                             .commits = s->commits,
                             .bytes_written = s->bytes_written,
                             .expired = s->today,
                             .clock = s->clock,
                             .disk_low = s->low,
                             .failed = s->failed };
}

static void mem_close(rl_store *base)
{
    mem_store *s = mem_of(base);
    size_t at = 0;
    items_clear(&s->waiting);
    items_clear(&s->done);
    for (mem_queue *q; (q = pn_map_next(&s->by_recv, &at)) != NULL; at = 0)
        queue_free(s, q);
    pn_map_free(&s->by_recv);
    pn_map_free(&s->by_send);
    pn_map_free(&s->messages);
    pn_free(s);
}

static const rl_store_vt mem_vt = {
    .submit = mem_submit,
    .flush = mem_flush,
    .drain = mem_drain,
    .stats = mem_stats,
    .close = mem_close,
};

pn_err rl_store_mem_open(rl_store **out, const pn_env *env,
                         rl_mem_commit commit, rl_store_notify_fn *notify,
                         void *ctx)
{
    mem_store *s = pn_alloc(1, sizeof *s);
    *out = NULL;
    if (s == NULL)
        return PN_E_NOMEM;
    s->base.vt = &mem_vt;
    s->commit = commit;
    s->notify = notify;
    s->notify_ctx = ctx;
    s->next_seq = 1;
    pn_node_init(&s->all);
    pn_node_init(&s->waiting);
    pn_node_init(&s->done);
    if (pn_map_init(&s->by_recv, env, RL_QUEUE_ID_BYTES, SIZE_MAX) != PN_OK ||
        pn_map_init(&s->by_send, env, RL_QUEUE_ID_BYTES, SIZE_MAX) != PN_OK ||
        pn_map_init(&s->messages, env, KEY_BYTES, SIZE_MAX) != PN_OK) {
        mem_close(&s->base);
        return PN_E_RANDOM;
    }
    *out = &s->base;
    return PN_OK;
}
