/* The outbox: what is on its way to contacts, until they confirm it or its
 * time is over. An item says what it waits for. Its envelope is sealed once
 * for each epoch and goes under one deposit id, so that a deposit whose answer
 * was lost is repeated without being stored twice. */
#include <stdio.h>
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"

cl_item *cl_item_by_id(const cl_engine *e, const uint8_t *id)
{
    return pn_map_get(&e->items_by_id, id);
}

pn_err cl_item_new(cl_engine *e, cl_contact *c, cl_item_kind kind,
                   pn_priority priority, const uint8_t *id, uint64_t expires_ms,
                   cl_item **out)
{
    cl_item *item = pn_alloc(1, sizeof *item);
    pn_err err = PN_OK;
    *out = NULL;
    if (item == NULL)
        return PN_E_NOMEM;
    item->contact = c;
    item->kind = kind;
    item->priority = priority;
    item->created_ms = item->since_ms = cl_wall(e);
    item->expires_ms = expires_ms;
    if (id != NULL)
        memcpy(item->id, id, CL_ID_BYTES);
    else
        err = pn_random(&e->env, item->id, CL_ID_BYTES);
    if (err == PN_OK)
        err = pn_map_put(&e->items_by_id, item->id, item);
    if (err != PN_OK) {
        pn_free(item);
        return err;
    }
    pn_list_push_back(&e->items, &item->in_engine);
    if (kind == CL_ITEM_MESSAGE) {
        e->item_count++;
        c->items++;
    }
    *out = item;
    return cl_save_item(e, item);
}

static void forget_requests(cl_engine *e, const cl_item *item)
{
    for (pn_node *r = e->relays.next; r != &e->relays; r = r->next) {
        const pn_node *list = &PN_ENTRY(r, cl_relay, in_engine)->requests;
        for (pn_node *n = list->next; n != list; n = n->next) {
            cl_request *req = PN_ENTRY(n, cl_request, in_relay);
            if (req->item == item)
                req->item = NULL;
        }
    }
}

void cl_item_free(cl_engine *e, cl_item *item)
{
    if (item->in_flight)
        forget_requests(e, item);
    (void)pn_map_take(&e->items_by_id, item->id);
    if (item->kind == CL_ITEM_MESSAGE) {
        e->item_count--;
        item->contact->items--;
    }
    pn_list_remove(&item->in_engine);
    pn_free(item->receipts);
    pn_free(item->envelope);
    pn_free_wiped(item, sizeof *item);
}

void cl_item_unseal(cl_engine *e, cl_item *item)
{
    if (item->in_flight)
        forget_requests(e, item);
    item->in_flight = false;
    pn_free(item->envelope);
    item->envelope = NULL;
    item->envelope_len = 0;
}

pn_err cl_item_mark(cl_engine *e, const cl_item *item, cl_item_state state,
                    cl_failure failure)
{
    cl_message m;
    pn_err err = cl_message_get(e, item->id, &m);
    if (err == PN_E_NOT_FOUND)
        return PN_OK;
    PN_TRY(err);
    m.state = state;
    m.failure = failure;
    return cl_save_message(e, &m);
}

pn_err cl_item_end(cl_engine *e, cl_item *item, cl_item_state state,
                   cl_failure failure)
{
    e->changed = true;
    if (item->kind == CL_ITEM_MESSAGE) {
        PN_TRY(cl_item_mark(e, item, state, failure));
        if (state != CL_ITEM_CANCELLED)
            PN_TRY(cl_event_add(e,
                                state == CL_ITEM_DELIVERED ? CL_EVENT_DELIVERED
                                                           : CL_EVENT_FAILED,
                                failure, item->contact->id, item->id, NULL));
    }
    PN_TRY(cl_del(e, CL_TABLE_ITEM, CL_VIEW(item->id)));
    cl_item_free(e, item);
    return PN_OK;
}

pn_err cl_item_again(cl_engine *e, cl_item *item)
{
    item->epoch++;
    item->state = CL_ITEM_QUEUED;
    item->since_ms = cl_wall(e);
    item->retry_ms = 0;
    item->backoff_ms = 0;
    item->wait = CL_WAIT_NOTHING;
    cl_item_unseal(e, item);
    e->changed = true;
    return cl_save_item(e, item);
}

pn_err cl_items_again(cl_engine *e, const cl_contact *c)
{
    for (pn_node *n = e->items.next; n != &e->items; n = n->next) {
        cl_item *item = PN_ENTRY(n, cl_item, in_engine);
        if (item->contact == c && item->kind != CL_ITEM_RESYNC &&
            (item->state == CL_ITEM_RELAYED || item->envelope != NULL))
            PN_TRY(cl_item_again(e, item));
    }
    return PN_OK;
}

static cl_item *item_of(const cl_engine *e, const cl_contact *c,
                        cl_item_kind kind)
{
    for (pn_node *n = e->items.next; n != &e->items; n = n->next) {
        cl_item *item = PN_ENTRY(n, cl_item, in_engine);
        if (item->contact == c && item->kind == kind)
            return item;
    }
    return NULL;
}

pn_err cl_hello_owe(cl_engine *e, cl_contact *c, pn_priority priority)
{
    cl_item *hello = item_of(e, c, CL_ITEM_HELLO);
    if (hello != NULL && hello->attempts == 0)
        return PN_OK; /* it will tell what is so when it is sealed */
    /* What was sealed may have been read, and the same id is not read twice. */
    if (hello != NULL)
        PN_TRY(cl_item_end(e, hello, CL_ITEM_CANCELLED, CL_FAILURE_NONE));
    return cl_item_new(e, c, CL_ITEM_HELLO, priority, NULL,
                       cl_wall(e) + CL_EXPIRES_DAYS * cl_day_ms, &hello);
}

/* A later message was confirmed: earlier ones that were not may be lost. */
static void suspect_earlier(cl_engine *e, const cl_item *confirmed)
{
    const uint64_t soon = cl_wall(e) + CL_GAP_MS;
    for (pn_node *n = e->items.next; n != &e->items; n = n->next) {
        cl_item *item = PN_ENTRY(n, cl_item, in_engine);
        if (item->contact == confirmed->contact &&
            item->state == CL_ITEM_RELAYED &&
            item->since_ms < confirmed->since_ms && soon < item->resend_ms)
            item->resend_ms = soon;
    }
}

pn_err cl_item_confirmed(cl_engine *e, const cl_contact *c, const uint8_t *id)
{
    cl_item *item = cl_item_by_id(e, id);
    if (item == NULL || item->contact != c)
        return PN_OK;
    suspect_earlier(e, item);
    return cl_item_end(e, item, CL_ITEM_DELIVERED, CL_FAILURE_NONE);
}

/* --- time --------------------------------------------------------------- */

static pn_err ask_resync(cl_engine *e, cl_contact *c)
{
    cl_item *item;
    if ((c->session != CL_SESSION_NEEDS_RESYNC &&
         c->session != CL_SESSION_RESYNC_SENT) ||
        c->route_count == 0 || cl_mono(e) < c->resync_ms)
        return PN_OK;
    c->resync_ms = cl_mono(e) + CL_RESYNC_AGAIN_MS;
    if (item_of(e, c, CL_ITEM_RESYNC) != NULL)
        return PN_OK; /* of an earlier run, and not gone yet */
    return cl_item_new(e, c, CL_ITEM_RESYNC, PN_PRIORITY_URGENT, NULL,
                       cl_wall(e) + cl_day_ms, &item);
}

/* The clock was set back since the item was made: it has all its time again,
 * counted from now. Else it would wait, perhaps for years, for a date that was
 * never right. */
static pn_err set_back(cl_engine *e, cl_item *item, uint64_t now)
{
    const uint64_t back = item->created_ms - now;
    item->created_ms = item->since_ms = now;
    item->expires_ms -= back;
    item->resend_ms = item->resend_ms > back ? item->resend_ms - back : 0;
    return cl_save_item(e, item);
}

pn_err cl_outbox_tick(cl_engine *e)
{
    const uint64_t now = cl_wall(e);
    for (pn_node *n = e->items.next; n != &e->items;) {
        cl_item *item = PN_ENTRY(n, cl_item, in_engine);
        n = n->next;
        if (item->created_ms > now && item->created_ms - now > CL_CLOCK_MS)
            PN_TRY(set_back(e, item, now));
        if (item->expires_ms <= now)
            PN_TRY(cl_item_end(e, item, CL_ITEM_EXPIRED, CL_FAILURE_EXPIRED));
        else if (item->state == CL_ITEM_RELAYED && item->resend_ms <= now)
            PN_TRY(cl_item_again(e, item));
    }
    for (size_t i = 0; i < e->contact_count; i++)
        PN_TRY(ask_resync(e, e->contacts[i]));
    return PN_OK;
}

uint64_t cl_outbox_deadline(const cl_engine *e)
{
    const uint64_t wall = cl_wall(e), mono = cl_mono(e);
    uint64_t at = UINT64_MAX;
    for (pn_node *n = e->items.next; n != &e->items; n = n->next) {
        const cl_item *item = PN_ENTRY(n, cl_item, in_engine);
        if (item->expires_ms < at)
            at = item->expires_ms;
        if (item->state == CL_ITEM_RELAYED && item->resend_ms < at)
            at = item->resend_ms;
        if (item->state == CL_ITEM_QUEUED && item->retry_ms > mono &&
            wall + (item->retry_ms - mono) < at)
            at = wall + (item->retry_ms - mono);
    }
    for (size_t i = 0; i < e->contact_count; i++) {
        const cl_contact *c = e->contacts[i];
        if ((c->session == CL_SESSION_NEEDS_RESYNC ||
             c->session == CL_SESSION_RESYNC_SENT) &&
            c->resync_ms > mono && wall + (c->resync_ms - mono) < at)
            at = wall + (c->resync_ms - mono);
    }
    return at;
}

/* --- why it waits ------------------------------------------------------- */

void cl_item_reason(const cl_item *item, char out[CL_REASON_MAX + 1])
{
    static const char *const texts[CL_WAITS] = {
        [CL_WAIT_NOTHING] = "about to leave",
        [CL_WAIT_ROUTE] = "no route: the contact has not said where to write",
        [CL_WAIT_RELAY] = "relay unreachable",
        [CL_WAIT_QUOTA] = "the contact's mailbox is full; trying again",
        [CL_WAIT_SUSPENDED] = "the contact takes no mail there for now",
        [CL_WAIT_GONE] = "the contact's mailbox is gone from its relay",
        [CL_WAIT_BUSY] = "the relay is overloaded; trying again",
        [CL_WAIT_IDENTITY] = ("blocked: the contact's identity changed; "
                              "compare safety numbers and accept it"),
        [CL_WAIT_SESSION] = "the session is being renewed with the contact",
        [CL_WAIT_BLOCKED] = "the contact is blocked",
    };
    const cl_relay *r = cl_item_relay(item);
    if (item->in_flight) {
        (void)snprintf(out, CL_REASON_MAX + 1, "waiting for the relay %.100s",
                       r == NULL ? "" : r->address.host);
    } else if (item->state == CL_ITEM_RELAYED) {
        (void)snprintf(out, CL_REASON_MAX + 1, "held by the relay %.100s",
                       r == NULL ? "" : r->address.host);
    } else if (item->wait == CL_WAIT_RELAY && r != NULL) {
        (void)snprintf(out, CL_REASON_MAX + 1,
                       "relay unreachable: %.60s%s%.60s", r->address.host,
                       r->reason[0] == '\0' ? "" : ": ", r->reason);
    } else {
        (void)snprintf(out, CL_REASON_MAX + 1, "%s", texts[item->wait]);
    }
}
