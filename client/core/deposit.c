/* How copies of items leave: what is sealed and committed is deposited, and the
 * relay's answer says what becomes of it. Which relay a copy leaves through is
 * decided here and nowhere else. */
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

const cl_route *cl_copy_route(const cl_copy *copy)
{
    return &copy->item->contact->routes[copy - copy->item->copies];
}

cl_relay *cl_copy_via(const cl_copy *copy)
{
    return cl_copy_route(copy)->relay; /* straight to where it is to lie */
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
static cl_copy *first_unsealed(const cl_relay *r)
{
    size_t room = r->in_flight < CL_IN_FLIGHT ? CL_IN_FLIGHT - r->in_flight : 0;
    for (size_t p = PN_PRIORITY_URGENT; p <= PN_PRIORITY_BULK; p++) {
        const pn_node *list = &r->ready[p];
        for (pn_node *n = list->next; n != list; n = n->next) {
            cl_copy *copy = PN_ENTRY(n, cl_copy, in_place);
            if (room-- == 0)
                return NULL;
            if (copy->envelope == NULL)
                return copy;
        }
    }
    return NULL;
}

pn_err cl_outbox_seal(cl_engine *e)
{
    for (pn_node *n = e->relays.next; n != &e->relays; n = n->next) {
        const cl_relay *r = PN_ENTRY(n, cl_relay, in_engine);
        cl_copy *copy;
        if (r->state != CL_RELAY_ONLINE || r->full)
            continue;
        while ((copy = first_unsealed(r)) != NULL)
            PN_TRY(cl_copy_seal(e, copy));
    }
    return PN_OK;
}

/* The same for every try of an epoch; nothing that two relays could compare. */
static void deposit_id(uint8_t out[PN_MESSAGE_ID_BYTES], const cl_copy *copy)
{
    uint8_t epoch[4], h[32];
    const pn_bytes parts[] = { CL_VIEW(cl_copy_route(copy)->key),
                               CL_VIEW(copy->item->id), CL_VIEW(epoch) };
    pn_out o = pn_out_over(epoch, sizeof epoch);
    pn_put_u32(&o, copy->item->epoch);
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

static void transmit(cl_engine *e, cl_relay *r, cl_copy *copy)
{
    const cl_route *route = cl_copy_route(copy);
    cl_request *req = cl_request_new(r, CL_ASK_DEPOSIT, 0);
    pn_msg msg = { .kind = PN_MSG_DEPOSIT };
    uint8_t id[PN_MESSAGE_ID_BYTES];
    if (req == NULL)
        return;
    deposit_id(id, copy);
    req->copy = copy;
    msg.u.deposit = (pn_msg_deposit){
        .send_id = CL_VIEW(route->send_id),
        .capability = CL_VIEW(route->capability),
        .message_id = CL_VIEW(id),
        .priority = copy->item->priority,
        .ttl_days = ttl_days(e, copy->item),
        .envelope = { copy->envelope, copy->envelope_len },
    };
    if (cl_relay_send(e, r, &msg, req) != PN_OK)
        return;
    copy->deposit = req;
    copy->in_flight = true;
    cl_item_place(e, copy->item);
}

static void transmit_class(cl_engine *e, cl_relay *r, const pn_node *ready)
{
    for (pn_node *n = ready->next; n != ready;) {
        cl_copy *copy = PN_ENTRY(n, cl_copy, in_place);
        n = n->next;
        if (r->full || r->in_flight >= CL_IN_FLIGHT || copy->envelope == NULL)
            return;
        transmit(e, r, copy);
        if (!copy->in_flight)
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

/* Receipts and resyncs are done when all have them. Of receipts one copy does
 * for most cases: the others are tried for a day. */
static pn_err settle(cl_engine *e, cl_item *item)
{
    const uint64_t tomorrow = cl_wall(e) + cl_day_ms;
    const bool is_last = cl_item_is_everywhere(item);
    if (item->kind == CL_ITEM_RECEIPT || item->kind == CL_ITEM_RESYNC) {
        if (is_last)
            return cl_item_end(e, item, CL_ITEM_DELIVERED, CL_FAILURE_NONE);
        if (tomorrow < item->expires_ms)
            item->expires_ms = tomorrow;
    }
    if (!is_last && e->inner_kept > CL_INNER_KEPT)
        cl_item_drop_inner(e, item); /* sealed anew when the others are back */
    if (is_last) {
        pn_free(item->receipts); /* they have gone */
        item->receipts = NULL;
        item->receipts_len = 0;
        cl_item_unseal(e, item);
    }
    cl_item_place(e, item);
    return cl_save_item(e, item);
}

/* One relay has it: from now on it cannot be lost by us. */
static pn_err stored(cl_engine *e, cl_copy *copy)
{
    cl_item *item = copy->item;
    const bool is_first = item->state == CL_ITEM_QUEUED;
    e->changed = true;
    copy->held = true;
    copy->wait = CL_WAIT_NOTHING;
    copy->since_ms = cl_wall(e);
    copy->backoff_ms = 0;
    pn_free(copy->envelope);
    copy->envelope = NULL;
    copy->envelope_len = 0;
    if (!is_first)
        return settle(e, item);
    item->state = CL_ITEM_RELAYED;
    item->since_ms = cl_wall(e);
    item->resend_ms =
        item->kind == CL_ITEM_RECEIPT || item->kind == CL_ITEM_RESYNC
            ? UINT64_MAX
            : item->since_ms + resend_after(item);
    if (item->kind == CL_ITEM_HELLO)
        PN_TRY(cl_accept_hello_stored(e, item));
    PN_TRY(cl_item_mark(e, item, CL_ITEM_RELAYED, CL_FAILURE_NONE));
    return settle(e, item);
}

static void hold(cl_engine *e, cl_copy *copy, cl_wait wait, uint32_t first_ms)
{
    uint32_t ms = copy->backoff_ms < first_ms ? first_ms : copy->backoff_ms;
    if (ms > WAIT_MAX_MS)
        ms = WAIT_MAX_MS; /* whatever the relay asks for */
    copy->backoff_ms = ms >= WAIT_MAX_MS / 2 ? WAIT_MAX_MS : ms * 2;
    copy->retry_ms = cl_mono(e) + ms;
    if (copy->wait != wait)
        copy->since_ms = cl_wall(e);
    copy->wait = wait;
    cl_item_place(e, copy->item);
    e->changed = true;
}

pn_err cl_outbox_answer(cl_engine *e, cl_request *req, const pn_msg *msg)
{
    cl_copy *copy = req->copy;
    uint32_t retry = 0;
    if (copy == NULL)
        return PN_OK;
    copy->in_flight = false;
    copy->deposit = NULL;
    req->copy = NULL;
    if (msg->kind == PN_MSG_ERROR) {
        retry = msg->u.error.retry_after_ms;
        hold(e, copy, CL_WAIT_BUSY, retry < QUOTA_MS ? QUOTA_MS : retry);
        return PN_OK;
    }
    switch (msg->u.deposit_result.status) {
    case PN_DEPOSIT_STORED:
    case PN_DEPOSIT_DUPLICATE:
        return stored(e, copy);
    case PN_DEPOSIT_QUOTA:
        hold(e, copy, CL_WAIT_QUOTA, QUOTA_MS);
        break;
    case PN_DEPOSIT_SUSPENDED:
        hold(e, copy, CL_WAIT_SUSPENDED, QUOTA_MS);
        break;
    case PN_DEPOSIT_UNKNOWN:
        hold(e, copy, CL_WAIT_GONE, GONE_MS);
        break;
    case PN_DEPOSIT_BUSY:
        retry = msg->u.deposit_result.retry_after_ms;
        hold(e, copy, CL_WAIT_BUSY,
             retry < CL_SECOND_MS ? CL_SECOND_MS : retry);
        break;
    }
    return PN_OK;
}
