/* Links to relays: dialled while somebody needs one, with a growing pause after
 * each failure, kept alive, let go. */
#include <stdio.h>
#include <string.h>

#include "client/core/deposit.h"
#include "proto/base/mem.h"

void cl_engine_link_open(cl_engine *e, uint32_t relay,
                         const uint8_t binding[32])
{
    cl_relay *r = cl_relay_by_number(e, relay);
    if (r == NULL)
        return;
    memcpy(r->binding, binding, sizeof r->binding);
    r->state = CL_RELAY_ONLINE;
    r->since_ms = cl_wall(e);
    r->reason[0] = '\0';
    r->full = r->pong = r->answered = false;
    r->linger_ms = cl_mono(e) + CL_LINGER_MS;
    r->ping_ms = cl_mono(e) + CL_PING_MS;
    r->heard_ms = cl_mono(e);
    for (pn_node *n = r->queues.next; n != &r->queues; n = n->next)
        cl_queue_place(e, PN_ENTRY(n, cl_queue, in_relay));
    e->changed = true;
}

static void close_queues(cl_engine *e, cl_relay *r)
{
    for (pn_node *n = r->queues.next; n != &r->queues; n = n->next) {
        cl_queue *q = PN_ENTRY(n, cl_queue, in_relay);
        q->state = CL_QUEUE_CLOSED;
        q->handle = 0;
        q->held = q->reopen = false; /* all comes again */
        q->retry_ms = 0;
        cl_queue_place(e, q);
    }
    for (size_t i = 0; i < r->handles_cap; i++)
        r->handles[i] = NULL;
}

/* A deposit without an answer goes again, under the same id, and before those
 * that were not sent yet. */
static void undo_deposit(cl_engine *e, cl_copy *copy)
{
    copy->in_flight = false;
    copy->deposit = NULL;
    cl_item_place(e, copy->item);
    if (copy->place == NULL)
        return;
    pn_list_remove(&copy->in_place);
    pn_list_push_front(copy->place, &copy->in_place);
}

static void drop_requests(cl_engine *e, cl_relay *r)
{
    while (!pn_list_is_empty(&r->requests)) { /* the last first */
        cl_request *req = PN_ENTRY(r->requests.prev, cl_request, in_relay);
        if ((req->kind == CL_ASK_DEPOSIT || req->kind == CL_ASK_FORWARD) &&
            req->copy != NULL)
            undo_deposit(e, req->copy);
        cl_request_free(req);
    }
    while (!pn_list_is_empty(&r->custody))
        cl_custody_end(e, r, PN_FRONT(&r->custody, cl_request, in_relay));
    r->in_flight = r->opening = 0;
}

void cl_relay_down(cl_engine *e, cl_relay *r, const char *why)
{
    uint32_t jitter = 0;
    if (pn_random_below(&e->env, r->backoff_ms / 2 + 1, &jitter) != PN_OK)
        jitter = 0;
    if (r->state == CL_RELAY_CONNECTING || !r->answered)
        cl_relay_fails(e, r);
    r->dial_ms = cl_mono(e) + r->backoff_ms - r->backoff_ms / 4 + jitter;
    r->backoff_ms = r->backoff_ms * 2 > CL_BACKOFF_MAX_MS ? CL_BACKOFF_MAX_MS
                                                          : r->backoff_ms * 2;
    if (r->state == CL_RELAY_ONLINE || r->reason[0] == '\0')
        r->since_ms = cl_wall(e);
    r->state = CL_RELAY_OFFLINE;
    (void)snprintf(r->reason, sizeof r->reason, "%s", why);
    close_queues(e, r);
    drop_requests(e, r);
    cl_ways_changed(e); /* what was to leave through it may go another way */
    e->changed = true;
}

void cl_engine_link_closed(cl_engine *e, uint32_t relay, const char *why)
{
    cl_relay *r = cl_relay_by_number(e, relay);
    if (r != NULL && r->state != CL_RELAY_OFFLINE)
        cl_relay_down(e, r, why);
}

void cl_engine_writable(cl_engine *e, uint32_t relay)
{
    cl_relay *r = cl_relay_by_number(e, relay);
    if (r != NULL)
        r->full = false;
}

static bool is_wanted(const cl_engine *e, const cl_relay *r)
{
    return !e->offline &&
           (r->is_own || !pn_list_is_empty(&r->queues) || cl_relay_has_work(r));
}

static void pong(cl_engine *e, cl_relay *r)
{
    const pn_msg msg = { .id = r->pong_id,
                         .kind = PN_MSG_PONG,
                         .u.ping.data = { r->pong_data, r->pong_len } };
    if (e->sink.send(e->sink.ctx, r->number, &msg) == PN_OK)
        r->pong = false;
}

static void ping(cl_engine *e, cl_relay *r)
{
    pn_msg msg = { .kind = PN_MSG_PING };
    cl_request *req = cl_request_new(r, CL_ASK_PING, 0);
    if (req != NULL)
        (void)!cl_relay_send(e, r, &msg, req);
}

/* When the oldest question has waited too long. */
static uint64_t answer_deadline(const cl_relay *r)
{
    pn_node *first = pn_list_first(&r->requests);
    uint64_t asked, heard;
    if (first == NULL)
        return UINT64_MAX;
    asked = PN_ENTRY(first, cl_request, in_relay)->sent_ms;
    heard = r->heard_ms > asked ? r->heard_ms : asked;
    return heard - asked > CL_ANSWER_MAX_MS - CL_ANSWER_MS
               ? asked + CL_ANSWER_MAX_MS
               : heard + CL_ANSWER_MS;
}

static void pump_online(cl_engine *e, cl_relay *r, bool wanted)
{
    const uint64_t now = cl_mono(e);
    if (now >= answer_deadline(r)) {
        e->sink.hangup(e->sink.ctx, r->number);
        r->answered = false;
        cl_relay_down(e, r, "it does not answer");
        return;
    }
    if (wanted || r->in_flight > 0)
        r->linger_ms = now + CL_LINGER_MS;
    if (now >= r->linger_ms) {
        e->sink.hangup(e->sink.ctx, r->number);
        r->answered = true; /* it was not asked */
        cl_relay_down(e, r, "not needed");
        return;
    }
    if (r->pong && !r->full)
        pong(e, r);
    cl_queues_pump(e, r);
    cl_invites_transmit(e, r);
    if (now >= r->ping_ms && !r->full)
        ping(e, r);
}

void cl_relays_pump(cl_engine *e)
{
    const uint64_t now = cl_mono(e);
    for (pn_node *n = e->relays.next; n != &e->relays; n = n->next) {
        cl_relay *r = PN_ENTRY(n, cl_relay, in_engine);
        const bool wanted = is_wanted(e, r);
        if (r->state == CL_RELAY_ONLINE) {
            pump_online(e, r, wanted);
        } else if (r->state == CL_RELAY_OFFLINE && wanted &&
                   now >= r->dial_ms) {
            r->state = CL_RELAY_CONNECTING;
            e->sink.dial(e->sink.ctx, r->number, &r->address);
        }
    }
}

uint64_t cl_relays_deadline(const cl_engine *e)
{
    uint64_t at = UINT64_MAX;
    for (pn_node *n = e->relays.next; n != &e->relays; n = n->next) {
        const cl_relay *r = PN_ENTRY(n, cl_relay, in_engine);
        uint64_t mine = UINT64_MAX, queues;
        if (r->state == CL_RELAY_ONLINE) {
            mine = r->ping_ms < r->linger_ms ? r->ping_ms : r->linger_ms;
            queues = pn_heap_first(&r->retries);
            mine = queues < mine ? queues : mine;
            queues = answer_deadline(r);
            mine = queues < mine ? queues : mine;
        } else if (r->state == CL_RELAY_OFFLINE && is_wanted(e, r)) {
            mine = r->dial_ms;
        }
        at = mine < at ? mine : at;
    }
    return at;
}
