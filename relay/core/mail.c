/* From the store to the recipient, and its acknowledgements back.
 *
 * A queue's place in its mail is `after`: the last sequence delivered on this
 * link in each class. Mail reaches the link in two ways: a fetch from the store
 * moves the cursor along, and a message just committed is pushed from memory
 * if nothing before it is missing. `behind` says for which classes something
 * may be: then only fetches move the cursor until one found the end. So the
 * order within a class is kept, and nothing is left out.
 */
#include <string.h>

#include "proto/base/mem.h"
#include "relay/core/state.h"

static uint8_t bit(rl_class c)
{
    return (uint8_t)(1U << c);
}

/* How many more messages of a class may be pushed. As with the quota, the
 * window keeps headroom: bulk gets half of it and normal seven eighths,
 * rounded up, so that unread bulk never keeps back what is urgent. */
static uint32_t room(const rl_queue *q, rl_class c)
{
    uint32_t limit = q->window;
    if (c == RL_NORMAL)
        limit -= q->window / 8;
    else if (c == RL_BULK)
        limit -= q->window / 2;
    return limit > q->unacked ? limit - q->unacked : 0;
}

static void stall(rl_queue *q)
{
    if (pn_list_is_empty(&q->stalled))
        pn_list_push_back(&q->link->stalled, &q->stalled);
}

/* Send one message and move the cursor; false if the link takes none now. */
static bool deliver(rl_queue *q, uint64_t id, const rl_envelope *e)
{
    rl_link *link = q->link;
    const rl_sink *sink = &link->core->sink;
    const pn_msg msg = { .id = id,
                         .kind = PN_MSG_DELIVER,
                         .u.deliver = {
                             .handle = q->handle,
                             .message_id = { e->id, RL_MESSAGE_ID_BYTES },
                             .priority = (pn_priority)(e->class + 1),
                             .envelope = e->damaged ? (pn_bytes){ NULL, 0 }
                                                    : e->body } };
    pn_err err;
    if (!rl_link_is_open(link) || link->full)
        return false;
    err = sink->send(sink->ctx, link->peer, &msg);
    if (err == PN_E_FULL)
        link->full = true;
    else if (err != PN_OK)
        link->session.state = RL_SESSION_CLOSED; /* it is being closed */
    if (err != PN_OK)
        return false;
    q->after[e->class] = e->seq;
    q->unacked++;
    link->core->stats.delivered++;
    return true;
}

/* Ask the store for the next messages of some classes, after the cursor. A
 * class that is not wanted is asked for beyond the last sequence there can
 * be. */
static pn_err submit_fetch(rl_queue *q, rl_pending *p, uint8_t classes,
                           uint32_t max)
{
    rl_op op = { .kind = RL_OP_FETCH,
                 .id = q->recv_id,
                 .u.fetch = { .max_count = max, .max_bytes = RL_FETCH_BYTES } };
    for (size_t c = 0; c < RL_CLASSES; c++)
        op.u.fetch.cursor.after[c] =
            (classes & bit((rl_class)c)) != 0 ? q->after[c] : UINT64_MAX;
    PN_TRY(rl_submit(q->link->core, p, &op));
    p->place = RL_IN_STORE;
    p->classes = classes;
    p->fetch_no = ++q->fetch_no;
    q->fetching = true;
    /* What is deposited from now on sets its bit again. */
    q->behind &= (uint8_t)~classes;
    return PN_OK;
}

void rl_mail_pump(rl_queue *q)
{
    rl_link *link = q->link;
    rl_core *core = link->core;
    uint32_t max = PN_FETCH_MAX;
    uint8_t classes = 0;
    rl_pending *p;
    if (q->fetching || !rl_link_is_open(link))
        return;
    for (rl_class c = RL_URGENT; c < RL_CLASSES; c++) {
        const uint32_t n = room(q, c);
        if ((q->behind & bit(c)) == 0 || n == 0)
            continue;
        classes |= bit(c);
        max = n < max ? n : max;
    }
    if (classes == 0)
        return;
    /* Pushes leave half of the link's share to what the peer asks for. */
    if (link->full ||
        link->pending_bytes + RL_FETCH_BYTES > RL_PENDING_BYTES_MAX / 2) {
        stall(q);
        return;
    }
    p = rl_pending_new(core, link, sizeof *p, PN_MSG_FETCH, 0, RL_FETCH_BYTES);
    if (p != NULL) {
        p->handle = q->handle;
        if (submit_fetch(q, p, classes, max) == PN_OK)
            return;
        rl_pending_free(core, p);
    }
    stall(q);
    if (core->retry_ms == UINT64_MAX)
        core->retry_ms = pn_mono_ms(core->env) + RL_BUSY_MS;
}

void rl_mail_resume(rl_link *link)
{
    pn_node *first;
    while ((first = pn_list_first(&link->stalled)) != NULL) {
        pn_list_remove(first);
        rl_mail_pump(PN_ENTRY(first, rl_queue, stalled));
        if (!pn_list_is_empty(first))
            return; /* there is no room yet: it waits again, at the end */
    }
}

pn_err rl_mail_fetch(rl_link *link, const pn_msg *msg)
{
    rl_core *core = link->core;
    const uint32_t handle = msg->u.fetch.handle;
    rl_queue *q = rl_queue_of(link, handle);
    rl_pending *p;
    if (handle > link->handles)
        return PN_E_PROTO;
    if (q == NULL) {
        rl_answer_done(link, msg->id, PN_QUEUE_UNKNOWN, 0);
        return PN_OK;
    }
    if (q->next_fetch == NULL) {
        p = rl_pending_new(core, link, sizeof *p, PN_MSG_FETCH, msg->id,
                           RL_FETCH_BYTES);
        if (p != NULL) {
            p->handle = handle;
            p->value = msg->u.fetch.max;
            p->place = RL_QUEUED;
            if (q->fetching) {
                q->next_fetch = p;
                return PN_OK;
            }
            if (submit_fetch(q, p, RL_ALL_CLASSES, p->value) == PN_OK)
                return PN_OK;
            rl_pending_free(core, p);
        }
    }
    rl_answer_done(link, msg->id, PN_QUEUE_BUSY, RL_BUSY_MS);
    return PN_OK;
}

static void answer_fetch_end(rl_link *link, uint64_t id, bool more,
                             uint32_t refused)
{
    const pn_msg msg = { .id = id,
                         .kind = PN_MSG_FETCH_END,
                         .u.fetch_end = { more, refused } };
    rl_answer(link, &msg);
}

/* Deliver what a fetch brought; returns whether the classes it asked for are
 * now known to be at their end. */
static bool deliver_all(rl_queue *q, const rl_pending *p, const rl_result *r)
{
    for (uint32_t i = 0; i < r->u.fetch.count; i++) {
        const rl_envelope *e = &r->u.fetch.envelopes[i];
        if (!deliver(q, p->id, e))
            return false;
    }
    return !r->u.fetch.more;
}

/* The answers that had to wait for a fetch. */
static void say_held(rl_core *core, rl_queue *q)
{
    pn_node *first;
    while ((first = pn_list_first(&q->held)) != NULL)
        rl_mail_say_acked(core, PN_ENTRY(first, rl_pending, in_wait));
}

static void go_on(rl_queue *q)
{
    rl_core *core = q->link->core;
    rl_pending *p = q->next_fetch;
    if (p != NULL) {
        q->next_fetch = NULL;
        if (submit_fetch(q, p, RL_ALL_CLASSES, p->value) == PN_OK)
            return;
        rl_answer_done(q->link, p->id, PN_QUEUE_BUSY, RL_BUSY_MS);
        rl_pending_free(core, p);
    }
    rl_mail_pump(q);
}

void rl_mail_fetched(rl_core *core, rl_pending *p, const rl_result *r)
{
    rl_link *link = p->link;
    rl_queue *q = link != NULL ? rl_queue_of(link, p->handle) : NULL;
    const uint64_t id = p->id;
    const uint8_t classes = p->classes;
    bool ended = false;
    if (q == NULL || r->status == RL_STATUS_UNKNOWN) {
        rl_pending_free(core, p);
        if (link != NULL && id != 0)
            rl_answer_done(link, id, PN_QUEUE_UNKNOWN, 0);
        if (q != NULL) {
            q->fetching = false;
            rl_queue_release(core, q, PN_CLOSED_GONE);
        }
        return;
    }
    q->fetching = false;
    if (r->status == RL_STATUS_OK)
        ended = deliver_all(q, p, r);
    if (!ended)
        q->behind |= classes;
    rl_pending_free(core, p);
    if (id != 0 && r->status == RL_STATUS_OK)
        answer_fetch_end(link, id, !ended, r->u.fetch.refused);
    else if (id != 0)
        rl_answer_done(link, id, PN_QUEUE_BUSY, rl_retry_ms(r));
    say_held(core, q);
    if (r->status == RL_STATUS_OK) {
        go_on(q);
    } else {
        stall(q);
        if (core->retry_ms == UINT64_MAX)
            core->retry_ms = pn_mono_ms(core->env) + RL_BUSY_MS;
    }
}

void rl_mail_deposited(rl_core *core, const rl_result *r)
{
    const rl_envelope *e = &r->u.deposit.envelope;
    rl_queue *q = pn_map_get(&core->queues, r->u.deposit.recv_id);
    if (q == NULL || e->seq <= q->after[e->class])
        return; /* nobody waits for it, or a fetch brought it already */
    if (!q->fetching && (q->behind & bit(e->class)) == 0 &&
        room(q, e->class) > 0 && deliver(q, 0, e))
        return;
    q->behind |= bit(e->class);
    rl_mail_pump(q);
}

pn_err rl_mail_ack(rl_link *link, const pn_msg *msg)
{
    const pn_msg_ack *a = &msg->u.ack;
    rl_core *core = link->core;
    rl_queue *q = rl_queue_of(link, a->handle);
    rl_op op = { .kind = RL_OP_ACK };
    rl_pending *p;
    if (a->handle > link->handles)
        return PN_E_PROTO;
    if (q == NULL) {
        rl_answer_done(link, msg->id, PN_QUEUE_UNKNOWN, 0);
        return PN_OK;
    }
    op.id = q->recv_id;
    op.u.ack =
        (rl_ack){ .ids = a->message_ids.p,
                  .count = (uint32_t)(a->message_ids.len / RL_MESSAGE_ID_BYTES),
                  .clear_marks = a->refused_seen };
    p = rl_pending_new(core, link, sizeof *p, PN_MSG_ACK, msg->id,
                       a->message_ids.len);
    if (p != NULL) {
        p->handle = a->handle;
        p->value = op.u.ack.count;
        p->fetch_no = q->fetching ? q->fetch_no : 0;
        if (rl_submit(core, p, &op) == PN_OK)
            return PN_OK;
        rl_pending_free(core, p);
    }
    rl_answer_done(link, msg->id, PN_QUEUE_BUSY, RL_BUSY_MS);
    return PN_OK;
}

void rl_mail_say_acked(rl_core *core, rl_pending *p)
{
    const pn_msg msg = { .id = p->id,
                         .kind = PN_MSG_ACKED,
                         .u.acked = { p->value } };
    rl_link *link = p->link;
    rl_pending_free(core, p);
    if (link != NULL)
        rl_answer(link, &msg);
}

void rl_mail_acked(rl_core *core, rl_pending *p, const rl_result *r)
{
    rl_link *link = p->link;
    rl_queue *q = link != NULL ? rl_queue_of(link, p->handle) : NULL;
    const uint64_t id = p->id;
    if (r->status != RL_STATUS_OK) {
        rl_pending_free(core, p);
        if (link != NULL && r->status == RL_STATUS_UNKNOWN)
            rl_answer_done(link, id, PN_QUEUE_UNKNOWN, 0);
        else if (link != NULL)
            rl_answer_done(link, id, PN_QUEUE_BUSY, rl_retry_ms(r));
        if (q != NULL && r->status == RL_STATUS_UNKNOWN)
            rl_queue_release(core, q, PN_CLOSED_GONE);
        return;
    }
    core->stats.acked += r->u.forgotten;
    /* By what was acknowledged, not by what was still there: a message that
     * expired or was purged meanwhile leaves the window too. */
    if (q != NULL)
        q->unacked -= p->value < q->unacked ? p->value : q->unacked;
    p->value = r->u.forgotten;
    if (q != NULL && q->fetching && p->fetch_no == q->fetch_no) {
        /* The fetch may have seen these: its mail goes first. */
        p->place = RL_HELD;
        pn_list_push_back(&q->held, &p->in_wait);
        return;
    }
    rl_mail_say_acked(core, p);
    if (q != NULL)
        rl_mail_pump(q);
}

void rl_mail_abandon(rl_core *core, rl_queue *q)
{
    rl_pending *p = q->next_fetch;
    say_held(core, q);
    if (p == NULL)
        return;
    q->next_fetch = NULL;
    rl_answer_done(q->link, p->id, PN_QUEUE_UNKNOWN, 0);
    rl_pending_free(core, p);
}
