/* How items leave: what is sealed and committed is deposited, and the relay's
 * answer says what becomes of it. */
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"

enum {
    QUOTA_MS = 60 * 1000,
    GONE_MS = 3600 * 1000,
    WAIT_MAX_MS = 6 * 3600 * 1000
};

static uint64_t resend_after(const cl_item *item)
{
    const uint32_t shift = item->epoch > 3 ? 3 : item->epoch;
    return (uint64_t)CL_RESEND_DAYS * cl_day_ms << shift;
}

cl_relay *cl_item_relay(const cl_item *item)
{
    const cl_contact *c = item->contact;
    return c->route_count == 0 ? NULL : c->routes[0].relay;
}

bool cl_relay_has_work(const cl_engine *e, const cl_relay *r)
{
    for (pn_node *n = e->items.next; n != &e->items; n = n->next) {
        const cl_item *item = PN_ENTRY(n, cl_item, in_engine);
        if (item->state == CL_ITEM_QUEUED && cl_item_relay(item) == r &&
            (item->retry_ms <= cl_mono(e) || item->in_flight))
            return true;
    }
    return false;
}

/* What keeps the item from being sealed, if anything. */
static cl_wait obstacle(const cl_item *item)
{
    const cl_contact *c = item->contact;
    if (c->blocked)
        return CL_WAIT_BLOCKED;
    if (c->session == CL_SESSION_BLOCKED)
        return CL_WAIT_IDENTITY;
    if (c->route_count == 0)
        return CL_WAIT_ROUTE;
    if (item->kind != CL_ITEM_RESYNC && c->session != CL_SESSION_SENT_FIRST &&
        c->session != CL_SESSION_ESTABLISHED)
        return CL_WAIT_SESSION;
    if (cl_item_relay(item)->state != CL_RELAY_ONLINE)
        return CL_WAIT_RELAY;
    return CL_WAIT_NOTHING;
}

static pn_err seal_class(cl_engine *e, pn_priority priority)
{
    const uint64_t now = cl_mono(e);
    for (pn_node *n = e->items.next; n != &e->items;) {
        cl_item *item = PN_ENTRY(n, cl_item, in_engine);
        cl_relay *r;
        cl_wait wait;
        n = n->next;
        if (item->priority != priority || item->state != CL_ITEM_QUEUED ||
            item->in_flight || item->retry_ms > now)
            continue;
        wait = obstacle(item);
        if (wait != item->wait) {
            item->wait = wait;
            item->since_ms = cl_wall(e);
        }
        if (wait != CL_WAIT_NOTHING || item->envelope != NULL)
            continue;
        r = cl_item_relay(item);
        if (r == NULL || r->full || r->in_flight + r->sealed >= CL_IN_FLIGHT)
            continue;
        PN_TRY(cl_item_seal(e, item));
        if (item->envelope != NULL)
            r->sealed++;
    }
    return PN_OK;
}

pn_err cl_outbox_seal(cl_engine *e)
{
    for (pn_node *n = e->relays.next; n != &e->relays; n = n->next)
        PN_ENTRY(n, cl_relay, in_engine)->sealed = 0;
    for (int p = PN_PRIORITY_URGENT; p <= PN_PRIORITY_BULK; p++)
        PN_TRY(seal_class(e, (pn_priority)p));
    return PN_OK;
}

/* The same for every try of an epoch; nothing that two relays could compare. */
static void deposit_id(uint8_t out[PN_MESSAGE_ID_BYTES], const cl_item *item)
{
    uint8_t epoch[4], h[32];
    const pn_bytes parts[] = { { item->contact->routes[0].key, 32 },
                               CL_VIEW(item->id),
                               CL_VIEW(epoch) };
    pn_out o = pn_out_over(epoch, sizeof epoch);
    pn_put_u32(&o, item->epoch);
    cl_hash(h, "postern/deposit-id/1", parts, 3);
    memcpy(out, h, PN_MESSAGE_ID_BYTES);
}

/* 0, the queue's own, unless the message's time is shorter. */
static uint32_t ttl_days(const cl_engine *e, const cl_item *item)
{
    const uint64_t days = (item->expires_ms - cl_wall(e)) / cl_day_ms + 1;
    if (days >= PN_TTL_DAYS_DEFAULT)
        return 0;
    return days < PN_TTL_DAYS_MIN ? PN_TTL_DAYS_MIN : (uint32_t)days;
}

static void transmit(cl_engine *e, cl_relay *r, cl_item *item)
{
    const cl_route *route = &item->contact->routes[0];
    cl_request *req = cl_request_new(r, CL_ASK_DEPOSIT, 0);
    pn_msg msg = { .kind = PN_MSG_DEPOSIT };
    uint8_t id[PN_MESSAGE_ID_BYTES];
    if (req == NULL)
        return;
    deposit_id(id, item);
    req->item = item;
    msg.u.deposit = (pn_msg_deposit){
        .send_id = CL_VIEW(route->send_id),
        .capability = CL_VIEW(route->capability),
        .message_id = CL_VIEW(id),
        .priority = item->priority,
        .ttl_days = ttl_days(e, item),
        .envelope = { item->envelope, item->envelope_len },
    };
    item->in_flight = cl_relay_send(e, r, &msg, req) == PN_OK;
}

void cl_outbox_transmit(cl_engine *e)
{
    const uint64_t now = cl_mono(e);
    for (int p = PN_PRIORITY_URGENT; p <= PN_PRIORITY_BULK; p++) {
        for (pn_node *n = e->items.next; n != &e->items; n = n->next) {
            cl_item *item = PN_ENTRY(n, cl_item, in_engine);
            cl_relay *r;
            if ((int)item->priority != p || item->envelope == NULL ||
                item->in_flight || item->retry_ms > now ||
                obstacle(item) != CL_WAIT_NOTHING)
                continue;
            r = cl_item_relay(item);
            if (r != NULL && !r->full && r->in_flight < CL_IN_FLIGHT)
                transmit(e, r, item);
        }
    }
}

/* --- answers ------------------------------------------------------------ */

static pn_err stored(cl_engine *e, cl_item *item)
{
    cl_item_unseal(e, item);
    e->changed = true;
    if (item->kind == CL_ITEM_RECEIPT || item->kind == CL_ITEM_RESYNC)
        return cl_item_end(e, item, CL_ITEM_DELIVERED, CL_FAILURE_NONE);
    item->state = CL_ITEM_RELAYED;
    item->wait = CL_WAIT_NOTHING;
    item->since_ms = cl_wall(e);
    item->resend_ms = item->since_ms + resend_after(item);
    item->backoff_ms = 0;
    pn_free(item->receipts); /* they have gone */
    item->receipts = NULL;
    item->receipts_len = 0;
    PN_TRY(cl_save_item(e, item));
    if (item->kind == CL_ITEM_HELLO)
        return cl_accept_hello_stored(e, item);
    return cl_item_mark(e, item, CL_ITEM_RELAYED, CL_FAILURE_NONE);
}

static void hold(cl_engine *e, cl_item *item, cl_wait wait, uint32_t first_ms)
{
    uint32_t ms = item->backoff_ms < first_ms ? first_ms : item->backoff_ms;
    if (ms > WAIT_MAX_MS)
        ms = WAIT_MAX_MS; /* whatever the relay asks for */
    item->backoff_ms = ms >= WAIT_MAX_MS / 2 ? WAIT_MAX_MS : ms * 2;
    item->retry_ms = cl_mono(e) + ms;
    if (item->wait != wait)
        item->since_ms = cl_wall(e);
    item->wait = wait;
    e->changed = true;
}

pn_err cl_outbox_answer(cl_engine *e, cl_request *req, const pn_msg *msg)
{
    cl_item *item = req->item;
    uint32_t retry = 0;
    if (item == NULL)
        return PN_OK;
    item->in_flight = false;
    if (msg->kind == PN_MSG_ERROR) {
        retry = msg->u.error.retry_after_ms;
        hold(e, item, CL_WAIT_BUSY, retry < QUOTA_MS ? QUOTA_MS : retry);
        return PN_OK;
    }
    switch (msg->u.deposit_result.status) {
    case PN_DEPOSIT_STORED:
    case PN_DEPOSIT_DUPLICATE:
        return stored(e, item);
    case PN_DEPOSIT_QUOTA:
        hold(e, item, CL_WAIT_QUOTA, QUOTA_MS);
        break;
    case PN_DEPOSIT_SUSPENDED:
        hold(e, item, CL_WAIT_SUSPENDED, QUOTA_MS);
        break;
    case PN_DEPOSIT_UNKNOWN:
        hold(e, item, CL_WAIT_GONE, GONE_MS);
        break;
    case PN_DEPOSIT_BUSY:
        retry = msg->u.deposit_result.retry_after_ms;
        hold(e, item, CL_WAIT_BUSY,
             retry < CL_SECOND_MS ? CL_SECOND_MS : retry);
        break;
    }
    return PN_OK;
}
