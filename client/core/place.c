/* Where items and contacts wait. Ten thousand of them may be there and few have
 * anything to do: so each copy of an item stands in one list, that of the relay
 * it may leave through, and times stand in heaps. Who changes what a place
 * follows from calls the cl_..._place() of it. */
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

cl_wait cl_copy_wait(const cl_engine *e, const cl_copy *copy)
{
    const cl_relay *via = cl_copy_via(copy);
    cl_wait wait;
    if (copy->held || copy->in_flight)
        return CL_WAIT_NOTHING;
    wait = obstacle(copy->item);
    if (wait != CL_WAIT_NOTHING)
        return wait;
    if (via == NULL)
        return cl_copy_route(copy)->relay == NULL ? CL_WAIT_ROUTE
               : copy->apart_ms != 0              ? CL_WAIT_APART
                                                  : CL_WAIT_ENTRY;
    if (copy->retry_ms > cl_mono(e))
        return copy->wait; /* as the relay said */
    if (copy->item->retry_ms > cl_mono(e))
        return copy->item->wait;
    if (via->state == CL_RELAY_ONLINE)
        return CL_WAIT_NOTHING;
    return copy->apart_ms != 0 ? CL_WAIT_APART : CL_WAIT_RELAY;
}

/* Of several copies the one that will leave first says it for all: the first
 * that waits for nothing, or else for a relay; or else the first. */
cl_wait cl_item_wait(const cl_engine *e, const cl_item *item)
{
    cl_wait wait = obstacle(item), first = CL_WAIT_ROUTE;
    if (item->state != CL_ITEM_QUEUED)
        return CL_WAIT_NOTHING;
    if (wait != CL_WAIT_NOTHING)
        return wait;
    for (size_t i = CL_QUEUES_MAX; i-- > 0;) {
        if (item->contact->routes[i].relay == NULL)
            continue;
        wait = cl_copy_wait(e, &item->copies[i]);
        if (wait == CL_WAIT_NOTHING)
            return wait;
        if (first == CL_WAIT_ROUTE || wait != CL_WAIT_RELAY)
            first = wait; /* more telling than that it is down */
    }
    return first;
}

/* When the wall clock will show this. */
static uint64_t as_mono(const cl_engine *e, uint64_t wall_ms)
{
    const uint64_t now = cl_wall(e);
    if (wall_ms == UINT64_MAX)
        return PN_HEAP_NEVER;
    return cl_mono(e) + (wall_ms > now ? wall_ms - now : 1);
}

static void choose_way(cl_engine *e, cl_copy *copy)
{
    cl_way way = { NULL, 0 };
    if (copy->in_flight)
        return;
    if (cl_copy_route(copy)->relay != NULL)
        way = cl_way_choose(e, copy);
    copy->via = way.relay;
    copy->apart_ms = way.until_ms;
}

static void place_copy(cl_engine *e, cl_copy *copy)
{
    const uint64_t gate = copy->retry_ms > copy->item->retry_ms
                              ? copy->retry_ms
                              : copy->item->retry_ms;
    uint64_t retry = PN_HEAP_NEVER;
    cl_relay *via;
    pn_node *place = NULL;
    choose_way(e, copy);
    via = copy->via;
    if (via != NULL && !copy->held && !copy->in_flight &&
        obstacle(copy->item) == CL_WAIT_NOTHING) {
        if (gate > cl_mono(e))
            retry = gate;
        else
            place = &via->ready[copy->item->priority];
        /* It leaves if that relay comes back, or is placed anew then. */
        if (place != NULL && copy->apart_ms != 0)
            retry = as_mono(e, copy->apart_ms);
    }
    pn_heap_set(&e->copy_retries, &copy->retry, retry);
    if (place == copy->place)
        return;
    pn_list_remove(&copy->in_place);
    copy->place = place;
    if (place != NULL)
        pn_list_push_back(place, &copy->in_place);
}

void cl_item_place(cl_engine *e, cl_item *item)
{
    uint64_t timer = item->expires_ms;
    if (item->state == CL_ITEM_RELAYED && item->resend_ms < timer)
        timer = item->resend_ms;
    pn_heap_set(&e->item_timers, &item->timer, timer);
    for (size_t i = 0; i < CL_QUEUES_MAX; i++)
        place_copy(e, &item->copies[i]);
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
