/* What is always true of an engine after a pump, for tests. Walks everything.
 */
#include <string.h>

#include "client/core/engine_state.h"

static bool is_in(const pn_node *list, const pn_node *node)
{
    for (const pn_node *n = list->next; n != list; n = n->next) {
        if (n == node)
            return true;
    }
    return false;
}

/* It stands where cl_item_place() would put it now. */
static bool is_placed(cl_engine *e, cl_item *item)
{
    const pn_node *place[CL_QUEUES_MAX];
    bool retry[CL_QUEUES_MAX];
    const uint64_t timer = item->timer.at;
    for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
        place[i] = item->copies[i].place;
        retry[i] = item->copies[i].retry.is_in;
        if (place[i] != NULL && !is_in(place[i], &item->copies[i].in_place))
            return false;
    }
    cl_item_place(e, item);
    for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
        if (place[i] != item->copies[i].place ||
            retry[i] != item->copies[i].retry.is_in)
            return false;
    }
    return timer == item->timer.at;
}

/* Some relay holds it, or none does; none is asked to hold what it holds. */
static bool copies_ok(const cl_item *item)
{
    bool held = false;
    for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
        const cl_copy *copy = &item->copies[i];
        if (copy->item != item || copy->in_flight != (copy->deposit != NULL) ||
            (copy->in_flight && (copy->envelope == NULL || copy->held)))
            return false;
        if (cl_copy_route(copy)->relay == NULL &&
            (copy->held || copy->in_flight || copy->envelope != NULL))
            return false;
        held |= copy->held;
    }
    return held == (item->state == CL_ITEM_RELAYED);
}

static bool items_ok(cl_engine *e)
{
    size_t count = 0;
    for (pn_node *n = e->items.next; n != &e->items; n = n->next) {
        cl_item *item = PN_ENTRY(n, cl_item, in_engine);
        if (cl_item_by_id(e, item->id) != item || item->contact == NULL ||
            !is_in(&item->contact->all, &item->in_contact))
            return false;
        if (!copies_ok(item) || !is_placed(e, item))
            return false;
        count += item->kind == CL_ITEM_MESSAGE ? 1 : 0;
    }
    return count == e->item_count;
}

/* It stands where cl_queue_place() would put it now. */
static bool queue_ok(cl_engine *e, const cl_relay *r, cl_queue *q)
{
    const pn_node *wish = q->wish;
    const bool retry = q->retry.is_in;
    if (q->relay != r || (q->state == CL_QUEUE_OPEN && !q->created))
        return false;
    if (r->state != CL_RELAY_ONLINE && q->state != CL_QUEUE_CLOSED)
        return false;
    if (q->created && q->owner != CL_OWNER_FETCH &&
        q->owner != CL_OWNER_NOBODY && cl_queue_by_recv_id(e, q->recv_id) != q)
        return false;
    if (q->asked != NULL && !is_in(&r->requests, &q->asked->in_relay))
        return false;
    if (wish != NULL && !is_in(wish, &q->in_wish))
        return false;
    cl_queue_place(e, q);
    return wish == q->wish && retry == q->retry.is_in;
}

static bool relay_ok(cl_engine *e, const cl_relay *r)
{
    uint32_t deposits = 0;
    for (pn_node *n = r->requests.next; n != &r->requests; n = n->next) {
        const cl_request *req = PN_ENTRY(n, cl_request, in_relay);
        if (req->copy != NULL &&
            (!req->copy->in_flight || req->copy->deposit != req))
            return false;
        if (req->kind == CL_ASK_DEPOSIT || req->kind == CL_ASK_BLOB)
            deposits++;
    }
    for (pn_node *n = r->queues.next; n != &r->queues; n = n->next) {
        if (!queue_ok(e, r, PN_ENTRY(n, cl_queue, in_relay)))
            return false;
    }
    return cl_relay_by_number(e, r->number) == r && deposits == r->in_flight &&
           (r->state == CL_RELAY_ONLINE || pn_list_is_empty(&r->requests));
}

static bool contact_ok(const cl_engine *e, const cl_contact *c)
{
    const cl_contact *same = cl_contact_by_peer(e, c->peer);
    return cl_contact_by_id(e, c->id) == c && same != NULL &&
           memcmp(same->peer, c->peer, sizeof c->peer) == 0 &&
           cl_contact_find(e, c->name) == c &&
           (c->due_count == 0) == (c->due_ms == 0) &&
           c->receipts.is_in == (c->due_count > 0 && c->route_count > 0);
}

static bool events_ok(const cl_engine *e)
{
    const pn_node *const lists[] = { &e->events, &e->given };
    size_t count = 0;
    for (size_t i = 0; i < 2; i++) {
        for (pn_node *n = lists[i]->next; n != lists[i]; n = n->next) {
            const cl_event_entry *entry =
                PN_ENTRY(n, cl_event_entry, in_engine);
            if (cl_event_by_sequence(e, entry->event.sequence) != entry ||
                entry->event.given != (i == 1))
                return false;
            count++;
        }
    }
    return count == e->event_count;
}

static bool invites_ok(const cl_engine *e)
{
    size_t open = 0;
    for (pn_node *n = e->invites.next; n != &e->invites; n = n->next) {
        const cl_invite *invite = PN_ENTRY(n, cl_invite, in_engine);
        open += invite->state <= CL_INVITE_OPEN ? 1 : 0;
        if (!invite->timer.is_in ||
            (invite->state == CL_INVITE_PREPARING) !=
                is_in(&e->preparing, &invite->in_preparing))
            return false;
    }
    return open == e->open_invites;
}

bool cl_engine_ok(cl_engine *e)
{
    for (pn_node *n = e->relays.next; n != &e->relays; n = n->next) {
        if (!relay_ok(e, PN_ENTRY(n, cl_relay, in_engine)))
            return false;
    }
    for (size_t i = 0; i < e->contact_count; i++) {
        if (!contact_ok(e, e->contacts[i]))
            return false;
    }
    return events_ok(e) && invites_ok(e) && items_ok(e);
}
