/* What is always true of an engine, for tests. Walks everything. */
#include "client/core/engine_state.h"

static bool items_ok(const cl_engine *e)
{
    size_t count = 0;
    for (pn_node *n = e->items.next; n != &e->items; n = n->next) {
        const cl_item *item = PN_ENTRY(n, cl_item, in_engine);
        if (cl_item_by_id(e, item->id) != item || item->contact == NULL)
            return false;
        if (item->in_flight &&
            (item->envelope == NULL || item->state != CL_ITEM_QUEUED))
            return false;
        count += item->kind == CL_ITEM_MESSAGE ? 1 : 0;
    }
    return count == e->item_count;
}

static bool relay_ok(const cl_relay *r)
{
    uint32_t deposits = 0;
    for (pn_node *n = r->requests.next; n != &r->requests; n = n->next) {
        const cl_request *req = PN_ENTRY(n, cl_request, in_relay);
        if (req->item != NULL && !req->item->in_flight)
            return false;
        if (req->kind == CL_ASK_DEPOSIT || req->kind == CL_ASK_BLOB)
            deposits++;
    }
    for (pn_node *n = r->queues.next; n != &r->queues; n = n->next) {
        const cl_queue *q = PN_ENTRY(n, cl_queue, in_relay);
        if (q->relay != r || (q->state == CL_QUEUE_OPEN && !q->created))
            return false;
        if (r->state != CL_RELAY_ONLINE && q->state != CL_QUEUE_CLOSED)
            return false;
    }
    return deposits == r->in_flight &&
           (r->state == CL_RELAY_ONLINE || pn_list_is_empty(&r->requests));
}

bool cl_engine_ok(const cl_engine *e)
{
    size_t events = 0;
    for (pn_node *n = e->relays.next; n != &e->relays; n = n->next) {
        if (!relay_ok(PN_ENTRY(n, cl_relay, in_engine)))
            return false;
    }
    for (pn_node *n = e->events.next; n != &e->events; n = n->next)
        events++;
    for (size_t i = 0; i < e->contact_count; i++) {
        const cl_contact *c = e->contacts[i];
        if (cl_contact_by_id(e, c->id) != c ||
            !cl_name_is_free(e, c->name, c) ||
            (c->due_count == 0) != (c->due_ms == 0))
            return false;
    }
    return events == e->event_count && items_ok(e);
}
