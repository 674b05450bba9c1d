#include "proto/base/mem.h"
#include "relay/core/state.h"

enum { MINUTE_US = 60 * 1000 * 1000 };

bool rl_link_is_open(const rl_link *link)
{
    return link->session.state == RL_SESSION_OPEN;
}

void rl_answer(rl_link *link, const pn_msg *msg)
{
    const rl_sink *sink = &link->core->sink;
    if (!rl_link_is_open(link))
        return;
    if (sink->send(sink->ctx, link->peer, msg) != PN_OK)
        link->session.state = RL_SESSION_CLOSED; /* it is being closed */
}

void rl_answer_done(rl_link *link, uint64_t id, pn_queue_status status,
                    uint32_t retry_after_ms)
{
    const pn_msg msg = { .id = id,
                         .kind = PN_MSG_QUEUE_DONE,
                         .u.queue_done = { status, retry_after_ms } };
    rl_answer(link, &msg);
}

void rl_answer_deposit(rl_link *link, uint64_t id, pn_deposit_status status,
                       uint32_t retry_after_ms)
{
    const pn_msg msg = { .id = id,
                         .kind = PN_MSG_DEPOSIT_RESULT,
                         .u.deposit_result = { status, retry_after_ms } };
    link->core->stats.deposits[status]++;
    rl_answer(link, &msg);
}

void rl_link_limit(rl_link *link)
{
    const rl_sink *sink = &link->core->sink;
    if (!rl_link_is_open(link))
        return;
    link->session.state = RL_SESSION_CLOSED;
    sink->close(sink->ctx, link->peer, PN_BYE_LIMIT);
}

static void set_busy(rl_link *link, bool busy)
{
    const rl_sink *sink = &link->core->sink;
    if (link->busy == busy || !rl_link_is_open(link))
        return;
    link->busy = busy;
    sink->busy(sink->ctx, link->peer, busy);
}

rl_pending *rl_pending_new(rl_core *core, rl_link *link, size_t size,
                           pn_msg_kind kind, uint64_t id, size_t bytes)
{
    rl_pending *p = pn_alloc(1, size);
    if (p == NULL)
        return NULL;
    pn_node_init(&p->in_link);
    pn_node_init(&p->in_wait);
    p->link = link;
    p->id = id;
    p->kind = (uint8_t)kind;
    p->place = RL_IN_STORE;
    core->stats.pending++;
    if (link == NULL) {
        pn_list_push_back(&core->orphans, &p->in_link);
        return p;
    }
    pn_list_push_back(&link->ops, &p->in_link);
    p->bytes = bytes;
    link->pending++;
    link->pending_bytes += bytes;
    if (link->pending >= RL_PENDING_MAX ||
        link->pending_bytes >= RL_PENDING_BYTES_MAX)
        set_busy(link, true);
    return p;
}

void rl_pending_grow(rl_pending *p, size_t bytes)
{
    p->bytes += bytes;
    if (p->link == NULL)
        return;
    p->link->pending_bytes += bytes;
    if (p->link->pending_bytes >= RL_PENDING_BYTES_MAX)
        set_busy(p->link, true);
}

/* Reading goes on at half of the bounds, not at each answer. */
static void uncount(rl_link *link, size_t bytes)
{
    link->pending--;
    link->pending_bytes -= bytes;
    if (link->pending <= RL_PENDING_MAX / 2 &&
        link->pending_bytes <= RL_PENDING_BYTES_MAX / 2)
        set_busy(link, false);
}

void rl_pending_free(rl_core *core, rl_pending *p)
{
    rl_link *link = p->link;
    pn_list_remove(&p->in_link);
    pn_list_remove(&p->in_wait);
    core->stats.pending--;
    if (link != NULL)
        uncount(link, p->bytes);
    if (p->kind == PN_MSG_PARCEL)
        rl_opening_wipe(p);
    pn_free(p);
}

void rl_pending_late(rl_core *core, rl_pending *p, uint32_t count)
{
    const uint64_t now = pn_mono_ms(core->env);
    rl_link *link = p->link;
    core->stats.failures += count;
    if (link == NULL) {
        rl_pending_free(core, p);
        return;
    }
    p->place = RL_LATE;
    p->due_ms = ((now + RL_FLOOR_MS) / RL_FLOOR_MS + 1) * RL_FLOOR_MS;
    pn_list_push_back(&core->late, &p->in_wait);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t budget = core->config.failures_per_link;
        if (rl_bucket_take_every(&link->failures, MINUTE_US / budget, budget,
                                 now) > 0)
            rl_link_limit(link);
    }
}

pn_err rl_submit(rl_core *core, rl_pending *p, rl_op *op)
{
    op->day = rl_today(core);
    op->token = (uint64_t)(uintptr_t)p;
    return core->sink.submit(core->sink.ctx, op);
}

uint32_t rl_retry_ms(const rl_result *result)
{
    const uint64_t ms = (uint64_t)result->retry_s * 1000;
    if (result->status != RL_STATUS_BUSY)
        return RL_FAILED_MS;
    return ms > PN_RETRY_AFTER_MAX ? PN_RETRY_AFTER_MAX : (uint32_t)ms;
}
