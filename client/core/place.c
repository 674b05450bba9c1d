/* Where items and contacts wait. Ten thousand of them may be there and few have
 * anything to do: so an item stands in one list, that of what it waits for, and
 * times stand in heaps. Who changes what a place follows from calls the
 * cl_..._place() of it. */
#include "client/core/engine_state.h"

/* What about its contact keeps the item back, if anything. */
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
    return CL_WAIT_NOTHING;
}

cl_wait cl_item_wait(const cl_engine *e, const cl_item *item)
{
    cl_wait wait;
    if (item->state != CL_ITEM_QUEUED || item->in_flight)
        return CL_WAIT_NOTHING;
    if (item->retry_ms > cl_mono(e))
        return item->wait; /* as the relay said */
    wait = obstacle(item);
    if (wait == CL_WAIT_NOTHING &&
        cl_item_relay(item)->state != CL_RELAY_ONLINE)
        return CL_WAIT_RELAY;
    return wait;
}

static pn_node *place_of(const cl_item *item)
{
    if (obstacle(item) != CL_WAIT_NOTHING)
        return &item->contact->held;
    return &cl_item_relay(item)->ready[item->priority];
}

void cl_item_place(cl_engine *e, cl_item *item)
{
    uint64_t retry = PN_HEAP_NEVER, timer = item->expires_ms;
    pn_node *place = NULL;
    if (item->state == CL_ITEM_RELAYED) {
        timer = item->resend_ms < timer ? item->resend_ms : timer;
    } else if (!item->in_flight) {
        if (item->retry_ms > cl_mono(e))
            retry = item->retry_ms;
        else
            place = place_of(item);
    }
    pn_heap_set(&e->item_retries, &item->retry, retry);
    pn_heap_set(&e->item_timers, &item->timer, timer);
    if (place == item->place)
        return;
    pn_list_remove(&item->in_place);
    item->place = place;
    if (place != NULL)
        pn_list_push_back(place, &item->in_place);
}

void cl_contact_times(cl_engine *e, cl_contact *c)
{
    const bool resync = c->session == CL_SESSION_NEEDS_RESYNC ||
                        c->session == CL_SESSION_RESYNC_SENT;
    const bool routed = c->route_count > 0;
    pn_heap_set(&e->receipts, &c->receipts,
                routed && c->due_count > 0 ? c->due_ms : PN_HEAP_NEVER);
    pn_heap_set(&e->resyncs, &c->resync,
                routed && resync ? c->resync_ms : PN_HEAP_NEVER);
}

void cl_contact_place(cl_engine *e, cl_contact *c)
{
    cl_contact_times(e, c);
    for (pn_node *n = c->all.next; n != &c->all; n = n->next)
        cl_item_place(e, PN_ENTRY(n, cl_item, in_contact));
}
