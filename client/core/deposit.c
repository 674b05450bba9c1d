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

bool cl_relay_has_work(const cl_relay *r)
{
    for (size_t p = PN_PRIORITY_URGENT; p <= PN_PRIORITY_BULK; p++) {
        if (!pn_list_is_empty(&r->ready[p]))
            return true;
    }
    return r->in_flight > 0;
}

/* Of those that fit on their way, the first that is not sealed yet. */
static cl_item *first_unsealed(const cl_relay *r)
{
    size_t room = r->in_flight < CL_IN_FLIGHT ? CL_IN_FLIGHT - r->in_flight : 0;
    for (size_t p = PN_PRIORITY_URGENT; p <= PN_PRIORITY_BULK; p++) {
        const pn_node *list = &r->ready[p];
        for (pn_node *n = list->next; n != list; n = n->next) {
            cl_item *item = PN_ENTRY(n, cl_item, in_place);
            if (room-- == 0)
                return NULL;
            if (item->envelope == NULL)
                return item;
        }
    }
    return NULL;
}

pn_err cl_outbox_seal(cl_engine *e)
{
    for (pn_node *n = e->relays.next; n != &e->relays; n = n->next) {
        const cl_relay *r = PN_ENTRY(n, cl_relay, in_engine);
        cl_item *item;
        if (r->state != CL_RELAY_ONLINE || r->full)
            continue;
        while ((item = first_unsealed(r)) != NULL)
            PN_TRY(cl_item_seal(e, item));
    }
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
    if (cl_relay_send(e, r, &msg, req) != PN_OK)
        return;
    item->deposit = req;
    item->in_flight = true;
    cl_item_place(e, item);
}

static void transmit_class(cl_engine *e, cl_relay *r, const pn_node *ready)
{
    for (pn_node *n = ready->next; n != ready;) {
        cl_item *item = PN_ENTRY(n, cl_item, in_place);
        n = n->next;
        if (r->full || r->in_flight >= CL_IN_FLIGHT || item->envelope == NULL)
            return;
        transmit(e, r, item);
        if (!item->in_flight)
            return;
    }
}

void cl_outbox_transmit(cl_engine *e)
{
    for (pn_node *n = e->relays.next; n != &e->relays; n = n->next) {
        cl_relay *r = PN_ENTRY(n, cl_relay, in_engine);
        if (r->state != CL_RELAY_ONLINE)
            continue;
        for (size_t p = PN_PRIORITY_URGENT; p <= PN_PRIORITY_BULK; p++)
            transmit_class(e, r, &r->ready[p]);
    }
}

/* --- answers ------------------------------------------------------------ */

static pn_err stored(cl_engine *e, cl_item *item)
{
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
    cl_item_unseal(e, item);
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
    cl_item_place(e, item);
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
