/* Where contacts are written to. The contact says it, all its mailboxes at
 * once; what is the same keeps its place, so that what lies there counts. */
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"

static const cl_queue_ref *ref_of(const cl_route *route,
                                  const cl_queue_ref *refs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (route->relay != NULL &&
            memcmp(refs[i].send_id, route->send_id, 32) == 0)
            return &refs[i];
    }
    return NULL;
}

static cl_route *route_of(cl_contact *c, const cl_queue_ref *ref)
{
    for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
        if (ref_of(&c->routes[i], ref, 1) != NULL)
            return &c->routes[i];
    }
    return NULL;
}

/* What lies there, or was to, counts for nothing. What no other relay holds
 * has to go again, as on the first day, but under the ids it has: where it may
 * lie it is known by them. */
static pn_err reset_copies(cl_engine *e, const cl_contact *c, size_t at)
{
    for (pn_node *n = c->all.next; n != &c->all; n = n->next) {
        cl_item *item = PN_ENTRY(n, cl_item, in_contact);
        bool held = false;
        cl_copy_reset(e, &item->copies[at]);
        for (size_t i = 0; i < CL_QUEUES_MAX; i++)
            held |= item->copies[i].held;
        if (held || item->state == CL_ITEM_QUEUED)
            continue;
        item->state = CL_ITEM_QUEUED;
        item->since_ms = cl_wall(e);
        PN_TRY(cl_save_item(e, item));
    }
    return PN_OK;
}

static pn_err take_ref(cl_engine *e, cl_route *route, const cl_queue_ref *ref)
{
    cl_relay *r = cl_relay_of(e, &ref->relay);
    if (r == NULL)
        return PN_E_NOMEM;
    route->relay = r;
    memcpy(route->send_id, ref->send_id, sizeof route->send_id);
    memcpy(route->capability, ref->capability, sizeof route->capability);
    memcpy(route->key, ref->key, sizeof route->key);
    return PN_OK;
}

static pn_err add(cl_engine *e, cl_contact *c, const cl_queue_ref *ref)
{
    for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
        if (c->routes[i].relay != NULL)
            continue;
        c->routes[i].number = ++c->next_route;
        c->route_count++;
        return take_ref(e, &c->routes[i], ref);
    }
    return PN_E_FULL; /* not possible: there are no more places than refs */
}

pn_err cl_contact_set_routes(cl_engine *e, cl_contact *c,
                             const cl_queue_ref *refs, size_t count,
                             uint64_t list_ms)
{
    if (count == 0)
        return PN_OK;
    for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
        cl_route *route = &c->routes[i];
        if (route->relay == NULL || ref_of(route, refs, count) != NULL)
            continue;
        PN_TRY(reset_copies(e, c, i));
        pn_wipe(route, sizeof *route);
        c->route_count--;
    }
    for (size_t i = 0; i < count; i++) {
        cl_route *route = route_of(c, &refs[i]);
        PN_TRY(route == NULL ? add(e, c, &refs[i])
                             : take_ref(e, route, &refs[i]));
    }
    c->peer_list_ms = list_ms;
    cl_contact_place(e, c);
    return PN_OK;
}
