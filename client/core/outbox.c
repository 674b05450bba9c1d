/* The outbox: what is on its way to contacts, until they confirm it or its
 * time is over. An item has a copy for each relay of its contact, which says
 * what it waits for. It is sealed in the session once for each epoch, and each
 * copy goes under one deposit id, so that a deposit whose answer was lost is
 * repeated without being stored twice. */
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"

cl_item *cl_item_by_id(const cl_engine *e, const uint8_t *id)
{
    return pn_map_get(&e->items_by_id, id);
}

pn_err cl_item_link(cl_engine *e, cl_item *item)
{
    PN_TRY(pn_map_put(&e->items_by_id, item->id, item));
    for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
        item->copies[i].item = item;
        if (!item->copies[i].held)
            item->copies[i].since_ms = item->since_ms;
        pn_node_init(&item->copies[i].in_place);
    }
    pn_list_push_back(&e->items, &item->in_engine);
    pn_list_push_back(&item->contact->all, &item->in_contact);
    if (item->kind == CL_ITEM_MESSAGE) {
        e->item_count++;
        item->contact->items++;
    }
    cl_item_place(e, item);
    return PN_OK;
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
        err = cl_item_link(e, item);
    if (err != PN_OK) {
        pn_free(item);
        return err;
    }
    *out = item;
    return cl_save_item(e, item);
}

/* The answer that is under way is nobody's. */
static void unseal_copy(cl_copy *copy)
{
    if (copy->deposit != NULL)
        copy->deposit->copy = NULL;
    copy->deposit = NULL;
    if (copy->custody != NULL)
        copy->custody->copy = NULL;
    copy->custody = NULL;
    copy->in_flight = false;
    pn_free(copy->envelope);
    copy->envelope = NULL;
    copy->envelope_len = 0;
}

void cl_item_drop_inner(cl_engine *e, cl_item *item)
{
    e->inner_kept -= item->inner_len;
    pn_free(item->inner);
    item->inner = NULL;
    item->inner_len = 0;
}

bool cl_item_is_everywhere(const cl_item *item)
{
    for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
        if (item->contact->routes[i].relay != NULL && !item->copies[i].held)
            return false;
    }
    return item->contact->route_count > 0;
}

void cl_item_free(cl_engine *e, cl_item *item)
{
    for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
        unseal_copy(&item->copies[i]);
        pn_heap_remove(&e->copy_retries, &item->copies[i].retry);
        pn_list_remove(&item->copies[i].in_place);
    }
    cl_item_drop_inner(e, item);
    (void)pn_map_take(&e->items_by_id, item->id);
    if (item->kind == CL_ITEM_MESSAGE) {
        e->item_count--;
        item->contact->items--;
    }
    pn_heap_remove(&e->item_timers, &item->timer);
    pn_list_remove(&item->in_contact);
    pn_list_remove(&item->in_engine);
    pn_free(item->receipts);
    pn_free_wiped(item, sizeof *item);
}

void cl_item_unseal(cl_engine *e, cl_item *item)
{
    for (size_t i = 0; i < CL_QUEUES_MAX; i++)
        unseal_copy(&item->copies[i]);
    cl_item_drop_inner(e, item);
    cl_item_place(e, item);
}

void cl_copy_reset(cl_engine *e, cl_copy *copy)
{
    unseal_copy(copy);
    copy->held = false;
    copy->keeper = NULL;
    copy->wait = CL_WAIT_NOTHING;
    copy->since_ms = cl_wall(e);
    copy->retry_ms = 0;
    copy->backoff_ms = 0;
    copy->forwards = 0;
    copy->left_by = NULL;
    copy->left_ms = copy->spread_ms = 0;
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
    if (state != CL_ITEM_DELIVERED && item->kind != CL_ITEM_RECEIPT)
        PN_TRY(cl_receipts_return(e, item));
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
    item->wait = CL_WAIT_NOTHING;
    for (size_t i = 0; i < CL_QUEUES_MAX; i++)
        cl_copy_reset(e, &item->copies[i]);
    cl_item_unseal(e, item);
    e->changed = true;
    return cl_save_item(e, item);
}

pn_err cl_items_again(cl_engine *e, const cl_contact *c)
{
    for (pn_node *n = c->all.next; n != &c->all; n = n->next) {
        cl_item *item = PN_ENTRY(n, cl_item, in_contact);
        if (item->kind != CL_ITEM_RESYNC &&
            (item->state == CL_ITEM_RELAYED || item->inner != NULL))
            PN_TRY(cl_item_again(e, item));
    }
    return PN_OK;
}

static cl_item *item_of(const cl_contact *c, cl_item_kind kind)
{
    for (pn_node *n = c->all.next; n != &c->all; n = n->next) {
        cl_item *item = PN_ENTRY(n, cl_item, in_contact);
        if (item->kind == kind)
            return item;
    }
    return NULL;
}

pn_err cl_hello_is_out(const cl_engine *e, const uint8_t contact[CL_ID_BYTES])
{
    const cl_contact *c = cl_contact_by_id(e, contact);
    const cl_item *hello = c == NULL ? NULL : item_of(c, CL_ITEM_HELLO);
    for (size_t i = 0; hello != NULL && i < CL_QUEUES_MAX; i++) {
        if (c->routes[i].relay != NULL && !hello->copies[i].held &&
            hello->copies[i].keeper == NULL)
            return PN_MORE;
    }
    return PN_OK;
}

pn_err cl_hello_owe(cl_engine *e, cl_contact *c, pn_priority priority)
{
    cl_item *hello = item_of(c, CL_ITEM_HELLO);
    if (hello != NULL && hello->attempts == 0)
        return PN_OK; /* it will tell what is so when it is sealed */
    /* What was sealed may have been read, and tells what was so then. */
    if (hello != NULL)
        PN_TRY(cl_item_end(e, hello, CL_ITEM_CANCELLED, CL_FAILURE_NONE));
    return cl_item_new(e, c, CL_ITEM_HELLO, priority, NULL,
                       cl_wall(e) + CL_EXPIRES_DAYS * cl_day_ms, &hello);
}

/* A later message was confirmed: earlier ones that were not may be lost. */
static pn_err suspect_earlier(cl_engine *e, const cl_item *confirmed)
{
    const uint64_t soon = cl_wall(e) + CL_GAP_MS;
    const pn_node *all = &confirmed->contact->all;
    for (pn_node *n = confirmed->in_contact.prev; n != all; n = n->prev) {
        cl_item *item = PN_ENTRY(n, cl_item, in_contact);
        if (item->state == CL_ITEM_RELAYED &&
            item->since_ms < confirmed->since_ms && soon < item->resend_ms) {
            item->resend_ms = soon;
            cl_item_place(e, item);
            PN_TRY(cl_save_item(e, item)); /* for a short-lived program, too */
        }
    }
    return PN_OK;
}

pn_err cl_item_confirmed(cl_engine *e, cl_contact *c, const uint8_t *id)
{
    cl_item *item = cl_item_by_id(e, id);
    if (item == NULL || item->contact != c)
        return PN_OK;
    PN_TRY(suspect_earlier(e, item));
    if (item->kind == CL_ITEM_HELLO && !c->list_known &&
        item->list_ms == c->list_ms) {
        c->list_known = true;
        cl_upkeep_due(e, c);
        PN_TRY(cl_save_contact(e, c));
    }
    return cl_item_end(e, item, CL_ITEM_DELIVERED, CL_FAILURE_NONE);
}

/* --- time --------------------------------------------------------------- */

static pn_err ask_resync(cl_engine *e, cl_contact *c)
{
    cl_item *item;
    c->resync_ms = cl_mono(e) + CL_RESYNC_AGAIN_MS;
    cl_contact_times(e, c);
    if (item_of(c, CL_ITEM_RESYNC) != NULL)
        return PN_OK; /* of an earlier run, and not gone yet */
    return cl_item_new(e, c, CL_ITEM_RESYNC, PN_PRIORITY_URGENT, NULL,
                       cl_wall(e) + cl_day_ms, &item);
}

/* Where we are is told until it is known. */
static pn_err expire(cl_engine *e, cl_item *item)
{
    cl_contact *c = item->contact;
    const bool again = item->kind == CL_ITEM_HELLO && !c->list_known;
    PN_TRY(cl_item_end(e, item, CL_ITEM_EXPIRED, CL_FAILURE_EXPIRED));
    return again ? cl_hello_owe(e, c, PN_PRIORITY_NORMAL) : PN_OK;
}

pn_err cl_outbox_tick(cl_engine *e)
{
    const uint64_t now = cl_wall(e), mono = cl_mono(e);
    pn_heap_node *due;
    while ((due = pn_heap_due(&e->item_timers, now)) != NULL) {
        cl_item *item = PN_ENTRY(due, cl_item, timer);
        if (item->expires_ms <= now)
            PN_TRY(expire(e, item));
        else
            PN_TRY(cl_item_again(e, item));
    }
    while ((due = pn_heap_due(&e->copy_retries, mono)) != NULL)
        cl_item_place(e, PN_ENTRY(due, cl_copy, retry)->item);
    while ((due = pn_heap_due(&e->resyncs, mono)) != NULL)
        PN_TRY(ask_resync(e, PN_ENTRY(due, cl_contact, resync)));
    return PN_OK;
}

/* As the wall clock will show it then. */
static uint64_t on_the_wall(const cl_engine *e, uint64_t mono)
{
    const uint64_t now = cl_mono(e);
    if (mono == PN_HEAP_NEVER)
        return UINT64_MAX;
    return cl_wall(e) + (mono > now ? mono - now : 0);
}

uint64_t cl_outbox_deadline(const cl_engine *e)
{
    const uint64_t retry = on_the_wall(e, pn_heap_first(&e->copy_retries));
    const uint64_t resync = on_the_wall(e, pn_heap_first(&e->resyncs));
    uint64_t at = pn_heap_first(&e->item_timers);
    at = retry < at ? retry : at;
    return resync < at ? resync : at;
}
