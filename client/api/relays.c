/* Relays. */
#include "client/api/client.h"

static int change_relay(postern_client *c, const char *address, bool add)
{
    pn_address parsed;
    pn_address_fault fault;
    pn_err err;
    if (c == NULL || address == NULL)
        return POSTERN_E_ARG;
    if (pn_address_parse_text(&parsed, address, &fault) != PN_OK)
        return cl_fail(c, POSTERN_E_ADDRESS,
                       "this is not a relay's address: %s. It looks like "
                       "postern://KEY@HOST:PORT",
                       pn_address_error(fault));
    err = add ? cl_relay_add(cl_driver_lock(c->driver), &parsed)
              : cl_relay_remove(cl_driver_lock(c->driver), &parsed);
    cl_driver_unlock(c->driver);
    if (err == PN_E_EXISTS)
        return cl_fail(c, POSTERN_E_EXISTS, "this relay is in use already");
    if (err == PN_E_NOT_FOUND)
        return cl_fail(c, POSTERN_E_NOT_FOUND,
                       "no relay of this address is in use: see the list");
    return cl_done(c, err, add ? "adding the relay" : "removing the relay");
}

int postern_relay_add(postern_client *client, const char *address)
{
    return change_relay(client, address, true);
}

int postern_relay_remove(postern_client *client, const char *address)
{
    return change_relay(client, address, false);
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
