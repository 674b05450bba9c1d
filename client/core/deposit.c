/* How copies of items leave: what is sealed and committed is deposited, and the
 * relay's answer says what becomes of it. Which relay a copy leaves through is
 * decided here and nowhere else. */
#include <string.h>

#include "client/core/deposit.h"
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
    return copy->via;
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

void cl_copy_deposit(const cl_engine *e, const cl_copy *copy,
                     uint8_t id[PN_MESSAGE_ID_BYTES], pn_msg_deposit *out)
{
    const cl_route *route = cl_copy_route(copy);
    deposit_id(id, copy);
    *out = (pn_msg_deposit){
        .send_id = CL_VIEW(route->send_id),
        .capability = CL_VIEW(route->capability),
        .message_id = { id, PN_MESSAGE_ID_BYTES },
        .priority = copy->item->priority,
        .ttl_days = ttl_days(e, copy->item),
        .envelope = { copy->envelope, copy->envelope_len },
    };
}

static void transmit(cl_engine *e, cl_relay *r, cl_copy *copy)
{
    cl_request *req = cl_request_new(r, CL_ASK_DEPOSIT, 0);
    pn_msg msg = { .kind = PN_MSG_DEPOSIT };
    uint8_t id[PN_MESSAGE_ID_BYTES];
    if (req == NULL)
        return;
    cl_copy_deposit(e, copy, id, &msg.u.deposit);
    req->copy = copy;
    if (cl_relay_send(e, r, &msg, req) != PN_OK)
        return;
    copy->deposit = req;
    copy->in_flight = true;
    cl_item_place(e, copy->item);
}

static void transmit_class(cl_engine *e, cl_relay *r, const pn_node *ready)
{
    pn_node *n;
    while ((n = pn_list_first(ready)) != NULL) {
        cl_copy *copy = PN_ENTRY(n, cl_copy, in_place);
        if (r->full || r->in_flight >= CL_IN_FLIGHT || copy->envelope == NULL)
            return;
        if (copy->custody != NULL) /* for too long without an answer */
            copy->custody->copy = NULL;
        copy->custody = NULL;
        if (cl_copy_route(copy)->relay == r)
            transmit(e, r, copy);
        else
            cl_copy_forward(e, r, copy);
        if (copy->place == ready) /* it could not leave */
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
    if (is_last)
        cl_item_unseal(e, item);
    cl_item_place(e, item);
    return cl_save_item(e, item);
}

pn_err cl_copy_relayed(cl_engine *e, cl_copy *copy)
{
    cl_item *item = copy->item;
    e->changed = true;
    if (item->state != CL_ITEM_QUEUED)
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

pn_err cl_copy_stored(cl_engine *e, cl_copy *copy)
{
    copy->held = true;
    copy->keeper = NULL;
    copy->wait = CL_WAIT_NOTHING;
    copy->since_ms = cl_wall(e);
    copy->retry_ms = 0;
    copy->backoff_ms = 0;
    copy->forwards = 0;
    pn_free(copy->envelope);
    copy->envelope = NULL;
    copy->envelope_len = 0;
    return cl_copy_relayed(e, copy);
}

/* The least that each reason asks for. */
static uint32_t least_ms(cl_wait wait)
{
    if (wait == CL_WAIT_GONE)
        return GONE_MS;
    return wait == CL_WAIT_BUSY ? CL_SECOND_MS : QUOTA_MS;
}

void cl_copy_hold(cl_engine *e, cl_copy *copy, cl_wait wait, uint32_t first_ms)
{
    const uint32_t least = least_ms(wait);
    uint32_t ms = first_ms < least ? least : first_ms;
    if (ms < copy->backoff_ms)
        ms = copy->backoff_ms;
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

pn_err cl_copy_refused(cl_engine *e, cl_copy *copy, cl_wait wait,
                       uint32_t first_ms)
{
    cl_item *item = copy->item;
    cl_copy_hold(e, copy, wait, first_ms);
    for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
        if (item->copies[i].held || item->copies[i].keeper != NULL)
            return PN_OK;
    }
    if (item->state == CL_ITEM_QUEUED)
        return PN_OK;
    item->state = CL_ITEM_QUEUED; /* nobody has it after all */
    item->since_ms = cl_wall(e);
    cl_item_place(e, item);
    PN_TRY(cl_item_mark(e, item, CL_ITEM_QUEUED, CL_FAILURE_NONE));
    return cl_save_item(e, item);
}

pn_err cl_outbox_answer(cl_engine *e, cl_request *req, const pn_msg *msg)
{
    const pn_msg_deposit_result *r = &msg->u.deposit_result;
    cl_copy *copy = req->copy;
    uint32_t retry;
    if (copy == NULL)
        return PN_OK;
    copy->in_flight = false;
    copy->deposit = NULL;
    req->copy = NULL;
    if (msg->kind == PN_MSG_ERROR) {
        retry = msg->u.error.retry_after_ms;
        cl_copy_hold(e, copy, CL_WAIT_BUSY,
                     retry < QUOTA_MS ? QUOTA_MS : retry);
        return PN_OK;
    }
    switch (r->status) {
    case PN_DEPOSIT_STORED:
    case PN_DEPOSIT_DUPLICATE:
        return cl_copy_stored(e, copy);
    case PN_DEPOSIT_QUOTA:
        cl_copy_hold(e, copy, CL_WAIT_QUOTA, 0);
        break;
    case PN_DEPOSIT_SUSPENDED:
        cl_copy_hold(e, copy, CL_WAIT_SUSPENDED, 0);
        break;
    case PN_DEPOSIT_UNKNOWN:
        cl_copy_hold(e, copy, CL_WAIT_GONE, 0);
        break;
    case PN_DEPOSIT_BUSY:
        cl_copy_hold(e, copy, CL_WAIT_BUSY, r->retry_after_ms);
        break;
    }
    return PN_OK;
}
