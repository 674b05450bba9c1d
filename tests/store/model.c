#include "tests/store/model.h"

#include <string.h>

void model_body(const uint8_t id[16], uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(id[i % 16] + i * 7 + i / 251);
}

static int find(const model *m, const uint8_t *id, bool recv, bool send)
{
    for (int i = 0; i < MODEL_QUEUES; i++) {
        const model_queue *q = &m->queues[i];
        if (q->exists && ((recv && memcmp(q->recv_id, id, 32) == 0) ||
                          (send && memcmp(q->send_id, id, 32) == 0)))
            return i;
    }
    return -1;
}

static void drop(model *m, uint32_t at)
{
    m->count--;
    memmove(&m->messages[at], &m->messages[at + 1],
            (m->count - at) * sizeof m->messages[0]);
    memset(&m->messages[m->count], 0, sizeof m->messages[0]);
}

static void acknowledge(model *m, uint32_t at)
{
    const uint32_t q = m->messages[at].queue;
    uint32_t kept = 0, first = at;
    m->messages[at].acked = ++m->acks;
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->messages[i].queue != q || m->messages[i].acked == 0)
            continue;
        kept++;
        if (m->messages[i].acked < m->messages[first].acked)
            first = i;
    }
    if (m->queues[q].max_count == RL_SPOOL ||
        kept > 2 * m->queues[q].max_count + 64)
        drop(m, first);
}

static rl_status create(model *m, const rl_op *op)
{
    const rl_create *c = &op->u.create;
    if (find(m, op->id, true, true) >= 0 ||
        find(m, c->send_id, true, true) >= 0)
        return RL_STATUS_EXISTS;
    for (int i = 0; i < MODEL_QUEUES; i++) {
        model_queue *q = &m->queues[i];
        if (q->exists)
            continue;
        memset(q, 0, sizeof *q);
        q->exists = true;
        memcpy(q->recv_id, op->id, 32);
        memcpy(q->send_id, c->send_id, 32);
        memcpy(q->owner, c->owner, 32);
        memcpy(q->cap, c->cap_hash, 32);
        q->max_count = c->max_count;
        q->max_bytes = c->max_bytes;
        q->ttl = c->ttl_days;
        q->created = op->day;
        return RL_STATUS_OK;
    }
    return RL_STATUS_BUSY;
}

/* The rule of shares, said another way than the store says it: try it, then
 * look whether any class at or above holds more than it may. */
static bool over_share(const model *m, int q, uint32_t class, size_t len)
{
    uint64_t n[3] = { 0 }, b[3] = { 0 };
    uint64_t mc = m->queues[q].max_count, mb = m->queues[q].max_bytes;
    if (mc == RL_SPOOL)
        return false;
    for (uint32_t i = 0; i < m->count; i++) {
        if ((int)m->messages[i].queue == q && m->messages[i].acked == 0) {
            n[m->messages[i].class]++;
            b[m->messages[i].class] += m->messages[i].len;
        }
    }
    n[class]++;
    b[class] += len;
    if (n[0] + n[1] + n[2] > mc || b[0] + b[1] + b[2] > mb)
        return true;
    if (class == RL_URGENT)
        return false;
    if ((n[1] + n[2]) * 8 > mc * 7 + 7 || (b[1] + b[2]) * 8 > mb * 7 + 7)
        return true;
    if (class == RL_NORMAL)
        return false;
    return n[2] * 2 > mc + 1 || b[2] * 2 > mb + 1;
}

static rl_status deposit(model *m, const rl_op *op)
{
    const rl_deposit *d = &op->u.deposit;
    const uint32_t day = op->day > m->today ? op->day : m->today;
    const int qi = find(m, op->id, false, true);
    model_queue *q;
    model_message *x;
    if (qi < 0)
        return RL_STATUS_UNKNOWN;
    q = &m->queues[qi];
    if (memcmp(q->cap, d->cap_hash, 32) != 0 &&
        !(q->old_until >= day && memcmp(q->old_cap, d->cap_hash, 32) == 0))
        return RL_STATUS_UNKNOWN;
    for (uint32_t i = 0; i < m->count; i++)
        if ((int)m->messages[i].queue == qi &&
            memcmp(m->messages[i].id, d->message_id, 16) == 0)
            return RL_STATUS_DUPLICATE;
    if (q->blocked)
        return RL_STATUS_BLOCKED;
    if (q->suspended)
        return RL_STATUS_SUSPENDED;
    if (over_share(m, qi, d->class, d->body.len)) {
        q->refused |= 1U << d->class;
        return RL_STATUS_QUOTA;
    }
    x = &m->messages[m->count++];
    x->queue = (uint32_t)qi;
    x->class = d->class;
    x->len = (uint32_t)d->body.len;
    x->expires =
        day + (d->ttl_days > 0 && d->ttl_days < q->ttl ? d->ttl_days : q->ttl);
    memcpy(x->id, d->message_id, 16);
    return RL_STATUS_OK;
}

static void fetch(const model *m, int q, const rl_op *op, model_expect *out)
{
    uint64_t bytes = 0;
    out->refused = (uint8_t)m->queues[q].refused;
    for (uint32_t c = 0; c < RL_CLASSES; c++) {
        for (uint32_t i = 0; i < m->count; i++) {
            const model_message *x = &m->messages[i];
            if ((int)x->queue != q || x->acked != 0 || x->class != c)
                continue;
            if (out->count == op->u.fetch.max_count ||
                (out->count > 0 && bytes + x->len > op->u.fetch.max_bytes)) {
                out->more = true;
                return;
            }
            memcpy(out->ids[out->count], x->id, 16);
            out->lens[out->count] = x->len;
            out->classes[out->count] = c;
            out->expires[out->count++] = x->expires;
            bytes += x->len;
        }
    }
}

static void lookup(const model *m, int qi, rl_queue_info *out)
{
    const model_queue *q = &m->queues[qi];
    memcpy(out->recv_id, q->recv_id, 32);
    memcpy(out->send_id, q->send_id, 32);
    memcpy(out->owner, q->owner, 32);
    out->max_count = q->max_count;
    out->max_bytes = q->max_bytes;
    out->ttl_days = (uint8_t)q->ttl;
    out->refused = (uint8_t)q->refused;
    out->suspended = q->suspended != 0;
    out->blocked = q->blocked != 0;
    out->created = (rl_day)q->created;
    for (uint32_t i = 0; i < m->count; i++) {
        const model_message *x = &m->messages[i];
        if ((int)x->queue != qi || x->acked != 0)
            continue;
        out->count[x->class]++;
        out->bytes[x->class] += x->len;
    }
}

static void with_queue(model *m, int qi, const rl_op *op, model_expect *out)
{
    model_queue *q = &m->queues[qi];
    const uint32_t day = op->day > m->today ? op->day : m->today;
    if (op->kind == RL_OP_LOOKUP) {
        lookup(m, qi, &out->queue);
    } else if (op->kind == RL_OP_FETCH) {
        fetch(m, qi, op, out);
    } else if (op->kind == RL_OP_ACK) {
        for (uint32_t a = 0; a < op->u.ack.count; a++) {
            for (uint32_t i = 0; i < m->count; i++) {
                if ((int)m->messages[i].queue != qi ||
                    m->messages[i].acked != 0 ||
                    memcmp(m->messages[i].id, op->u.ack.ids + a * 16, 16) != 0)
                    continue;
                acknowledge(m, i);
                out->forgotten++;
                break;
            }
        }
        if (op->u.ack.clear_marks)
            q->refused = 0;
    } else if (op->kind == RL_OP_ROTATE) {
        if (memcmp(q->cap, op->u.new_cap_hash, 32) == 0 ||
            (q->old_until != 0 &&
             memcmp(q->old_cap, op->u.new_cap_hash, 32) == 0))
            return;
        memcpy(q->old_cap, q->cap, 32);
        memcpy(q->cap, op->u.new_cap_hash, 32);
        q->old_until = day + 30;
    } else if (op->kind == RL_OP_SUSPEND || op->kind == RL_OP_RESUME) {
        q->suspended = op->kind == RL_OP_SUSPEND;
    } else if (op->kind == RL_OP_BLOCK || op->kind == RL_OP_UNBLOCK) {
        q->blocked = op->kind == RL_OP_BLOCK;
    } else if (op->kind == RL_OP_PURGE) {
        for (uint32_t c = 0; c < RL_CLASSES; c++) {
            for (uint32_t i = 0; i < m->count; i++) {
                const uint32_t before = m->count;
                if ((int)m->messages[i].queue != qi ||
                    m->messages[i].class != c || m->messages[i].acked != 0)
                    continue;
                acknowledge(m, i);
                out->forgotten++;
                i -= before - m->count; /* one before it may have gone */
            }
        }
    } else if (op->kind == RL_OP_DELETE) {
        for (uint32_t i = m->count; i-- > 0;)
            if ((int)m->messages[i].queue == qi)
                drop(m, i);
        memset(q, 0, sizeof *q);
    }
}

void model_apply(model *m, const rl_op *op, model_expect *out)
{
    int q;
    memset(out, 0, sizeof *out);
    if (op->kind == RL_OP_CREATE) {
        out->status = create(m, op);
        return;
    }
    if (op->kind == RL_OP_DEPOSIT) {
        out->status = deposit(m, op);
        return;
    }
    if (op->kind == RL_OP_EXPIRE) {
        m->today = op->day > m->today ? op->day : m->today;
        for (uint32_t i = m->count; i-- > 0;) {
            if (m->messages[i].expires > m->today)
                continue;
            out->forgotten += m->messages[i].acked == 0;
            drop(m, i);
        }
        return;
    }
    q = find(m, op->id, true,
             op->kind == RL_OP_BLOCK || op->kind == RL_OP_UNBLOCK ||
                 op->kind == RL_OP_PURGE);
    if (q < 0)
        out->status = RL_STATUS_UNKNOWN;
    else
        with_queue(m, q, op, out);
}

static const char *compare_fetch(const model_expect *want, const rl_result *r)
{
    static uint8_t body[RL_BODY_MAX];
    uint64_t last = 0;
    if (r->u.fetch.count != want->count)
        return "number of envelopes";
    if (r->u.fetch.more != want->more)
        return "whether there are more";
    if (r->u.fetch.refused != want->refused)
        return "marks of refusal";
    for (uint32_t i = 0; i < want->count; i++) {
        const rl_envelope *e = &r->u.fetch.envelopes[i];
        if (e->damaged)
            return "damaged envelope";
        if (memcmp(e->id, want->ids[i], 16) != 0)
            return "message id or order";
        if (e->class != (rl_class)want->classes[i] ||
            e->expires != want->expires[i] || e->body.len != want->lens[i])
            return "class, expiry or length";
        if (i > 0 && want->classes[i] == want->classes[i - 1] && e->seq <= last)
            return "sequence does not rise";
        last = e->seq;
        model_body(e->id, body, e->body.len);
        if (memcmp(body, e->body.p, e->body.len) != 0)
            return "body";
    }
    return NULL;
}

const char *model_compare(const model_expect *want, const rl_result *r)
{
    if (r->status != want->status)
        return "status";
    if (r->status != RL_STATUS_OK)
        return NULL;
    if (r->kind == RL_OP_FETCH)
        return compare_fetch(want, r);
    if (r->kind == RL_OP_LOOKUP) {
        const rl_queue_info *a = &want->queue, *b = &r->u.queue;
        return memcmp(a->recv_id, b->recv_id, 32) == 0 &&
                       memcmp(a->send_id, b->send_id, 32) == 0 &&
                       memcmp(a->owner, b->owner, 32) == 0 &&
                       memcmp(a->count, b->count, sizeof a->count) == 0 &&
                       memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0 &&
                       a->max_count == b->max_count &&
                       a->max_bytes == b->max_bytes &&
                       a->ttl_days == b->ttl_days && a->refused == b->refused &&
                       a->suspended == b->suspended &&
                       a->blocked == b->blocked && a->created == b->created
                   ? NULL
                   : "what the queue is";
    }
    if (r->kind == RL_OP_ACK || r->kind == RL_OP_PURGE ||
        r->kind == RL_OP_EXPIRE)
        return r->u.forgotten == want->forgotten ? NULL : "how many forgotten";
    return NULL;
}
