/* Relays. */
#include "client/api/client.h"

static int read_address(postern_client *c, const char *text, pn_address *out)
{
    pn_address_fault fault;
    if (c == NULL || text == NULL)
        return POSTERN_E_ARG;
    if (pn_address_parse_text(out, text, &fault) != PN_OK)
        return cl_fail(c, POSTERN_E_ADDRESS,
                       "this is not a relay's address: %s. It looks like "
                       "postern://KEY@HOST:PORT",
                       pn_address_error(fault));
    return POSTERN_OK;
}

static int failed(postern_client *c, pn_err err, const char *what)
{
    if (err == PN_E_EXISTS)
        return cl_fail(c, POSTERN_E_EXISTS, "this relay is in use already");
    if (err == PN_E_NOT_FOUND)
        return cl_fail(c, POSTERN_E_NOT_FOUND,
                       "no relay of this address is in use: see the list");
    if (err == PN_E_FULL)
        return cl_fail(c, POSTERN_E_FULL,
                       "%d relays are in use, which is the most: remove one",
                       CL_RELAYS_MAX);
    return cl_done(c, err, what);
}

int postern_relay_add(postern_client *client, const char *address)
{
    pn_address parsed;
    pn_err err;
    const int error = read_address(client, address, &parsed);
    if (error != POSTERN_OK)
        return error;
    err = cl_relay_add(cl_driver_lock(client->driver), &parsed);
    cl_driver_unlock(client->driver);
    return failed(client, err, "adding the relay");
}

int postern_relay_add_secret(postern_client *client, const char *address,
                             const uint8_t *secret, size_t len)
{
    pn_address parsed;
    pn_err err;
    const int error = read_address(client, address, &parsed);
    if (error != POSTERN_OK)
        return error;
    if (secret == NULL || len == 0 || len > PN_ACCESS_SECRET_MAX)
        return cl_fail(client, POSTERN_E_ARG,
                       "a relay's access secret has 1 to %d bytes",
                       PN_ACCESS_SECRET_MAX);
    err = cl_relay_add_secret(cl_driver_lock(client->driver), &parsed,
                              (pn_bytes){ secret, len });
    cl_driver_unlock(client->driver);
    return failed(client, err, "adding the relay");
}

int postern_relay_remove(postern_client *client, const char *address)
{
    pn_address parsed;
    pn_err err;
    const int error = read_address(client, address, &parsed);
    if (error != POSTERN_OK)
        return error;
    err = cl_relay_remove(cl_driver_lock(client->driver), &parsed);
    cl_driver_unlock(client->driver);
    return failed(client, err, "removing the relay");
}

static pn_err add_relay(postern_list *list, const cl_relay_view *view)
{
    postern_relay *r = cl_list_add(list, sizeof *r);
    if (r == NULL)
        return PN_E_NOMEM;
    r->size = sizeof *r;
    r->state = (uint32_t)view->state;
    r->since_ms = view->since_ms;
    r->is_own = view->is_own ? 1 : 0;
    r->queues = view->queues;
    r->failing_since_ms = view->down_ms;
    r->is_given_up = view->is_dead ? 1 : 0;
    r->is_two_faced = view->is_two_faced ? 1 : 0;
    cl_copy_text(r->reason, sizeof r->reason,
                 view->state == CL_RELAY_OFFLINE ? view->reason : "");
    return pn_address_format(r->address, sizeof r->address, &view->address);
}

int postern_relay_list(postern_client *client, postern_list **out)
{
    cl_relay_view view;
    postern_list *list;
    cl_engine *e;
    pn_err err = PN_OK;
    if (client == NULL || out == NULL)
        return POSTERN_E_ARG;
    *out = NULL;
    list = cl_list_new(CL_LIST_RELAYS);
    if (list == NULL)
        return cl_done(client, PN_E_NOMEM, "listing relays");
    e = cl_driver_lock(client->driver);
    for (size_t i = 0; err == PN_OK; i++) {
        err = cl_relay_at(e, i, &view);
        if (err == PN_OK)
            err = add_relay(list, &view);
    }
    cl_driver_unlock(client->driver);
    if (err != PN_E_NOT_FOUND) {
        postern_list_free(&list);
        return cl_done(client, err, "listing relays");
    }
    *out = list;
    return POSTERN_OK;
}

int postern_relay_policy(postern_client *client, uint32_t relays,
                         uint64_t replace_after_ms)
{
    uint64_t dead_ms;
    uint32_t wanted;
    cl_engine *e;
    pn_err err;
    if (client == NULL)
        return POSTERN_E_ARG;
    e = cl_driver_lock(client->driver);
    cl_relays_get(e, &wanted, &dead_ms);
    err = cl_relays_set(e, relays == 0 ? wanted : relays,
                        replace_after_ms == 0 ? dead_ms : replace_after_ms);
    cl_driver_unlock(client->driver);
    if (err == PN_E_ARG)
        return cl_fail(client, POSTERN_E_ARG,
                       "each contact's mail lies on 1 to %d relays; one that "
                       "fails is replaced after ten seconds to a year",
                       CL_QUEUES_MAX);
    return cl_done(client, err, "choosing how many relays are used");
}

int postern_relay_route(postern_client *client, uint32_t route)
{
    pn_err err;
    if (client == NULL ||
        (route != POSTERN_ROUTE_AUTO && route != POSTERN_ROUTE_DIRECT &&
         route != POSTERN_ROUTE_APART))
        return POSTERN_E_ARG;
    err = cl_engine_set_routing(cl_driver_lock(client->driver),
                                (cl_routing)route);
    cl_driver_unlock(client->driver);
    return cl_done(client, err, "choosing the way of mail");
}
