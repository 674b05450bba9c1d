/* Contacts. */
#include "client/api/client.h"

void cl_fill_contact(postern_contact *out, const cl_contact_view *view)
{
    *out = (postern_contact){ .size = out->size,
                              .is_verified = view->verified ? 1 : 0,
                              .is_blocked = view->blocked ? 1 : 0,
                              .is_changed = view->changed ? 1 : 0,
                              .is_ready = view->ready ? 1 : 0,
                              .outbox = view->outbox,
                              .created_ms = view->created_ms,
                              .seen_ms = view->seen_ms,
                              .profile = (uint32_t)view->choice,
                              .is_thin = view->thin ? 1 : 0 };
    cl_copy_id(out->id, view->id);
    cl_copy_text(out->name, sizeof out->name, view->name);
    cl_copy_text(out->own_name, sizeof out->own_name, view->own_name);
    cl_copy_text(out->safety, sizeof out->safety, view->safety);
    cl_copy_text(out->safety_changed, sizeof out->safety_changed,
                 view->safety_changed);
}

static int contact_done(postern_client *c, pn_err err, const char *what)
{
    if (err == PN_E_NOT_FOUND)
        return cl_fail(c, POSTERN_E_NOT_FOUND,
                       "there is no contact of that name: see the list");
    return cl_done(c, err, what);
}

int postern_contact_list(postern_client *client, postern_list **out)
{
    cl_contact_view view;
    postern_list *list;
    cl_engine *e;
    pn_err err = PN_OK;
    if (client == NULL || out == NULL)
        return POSTERN_E_ARG;
    *out = NULL;
    list = cl_list_new(CL_LIST_CONTACTS);
    if (list == NULL)
        return cl_done(client, PN_E_NOMEM, "listing contacts");
    e = cl_driver_lock(client->driver);
    for (size_t i = 0; cl_contact_at(e, i, &view) == PN_OK; i++) {
        postern_contact *item = cl_list_add(list, sizeof *item);
        if (item == NULL) {
            err = PN_E_NOMEM;
            break;
        }
        item->size = sizeof *item;
        cl_fill_contact(item, &view);
    }
    cl_driver_unlock(client->driver);
    if (err != PN_OK)
        postern_list_free(&list);
    *out = list;
    return cl_done(client, err, "listing contacts");
}

int postern_contact_get(postern_client *client, const char *contact,
                        postern_contact *out)
{
    cl_contact_view view;
    pn_err err;
    if (client == NULL || contact == NULL || out == NULL ||
        out->size < sizeof *out)
        return POSTERN_E_ARG;
    err = cl_contact_get(cl_driver_lock(client->driver), contact, true, &view);
    cl_driver_unlock(client->driver);
    if (err == PN_OK)
        cl_fill_contact(out, &view);
    return contact_done(client, err, "reading the contact");
}

int postern_contact_rename(postern_client *client, const char *contact,
                           const char *name)
{
    pn_err err;
    if (client == NULL || contact == NULL || name == NULL)
        return POSTERN_E_ARG;
    err = cl_contact_rename(cl_driver_lock(client->driver), contact, name);
    cl_driver_unlock(client->driver);
    if (err == PN_E_EXISTS || err == PN_E_ARG)
        return cl_name_failed(client, err);
    return contact_done(client, err, "renaming the contact");
}

static int wrong_number(postern_client *c)
{
    return cl_fail(c, POSTERN_E_REFUSED,
                   "the safety numbers differ: somebody may stand between "
                   "you. Compare them again in person before you write");
}

int postern_contact_verify(postern_client *client, const char *contact,
                           const char *safety)
{
    pn_err err;
    if (client == NULL || contact == NULL)
        return POSTERN_E_ARG;
    err = cl_contact_verify(cl_driver_lock(client->driver), contact, safety);
    cl_driver_unlock(client->driver);
    if (err == PN_E_REFUSED)
        return wrong_number(client);
    return contact_done(client, err, "verifying the contact");
}

int postern_contact_block(postern_client *client, const char *contact,
                          uint32_t block)
{
    pn_err err;
    if (client == NULL || contact == NULL)
        return POSTERN_E_ARG;
    err = cl_contact_block(cl_driver_lock(client->driver), contact, block != 0);
    cl_driver_unlock(client->driver);
    return contact_done(client, err, "blocking the contact");
}

int postern_contact_set_profile(postern_client *client, const char *contact,
                                uint32_t profile)
{
    pn_err err;
    if (client == NULL || contact == NULL || profile > POSTERN_PROFILE_THIN)
        return POSTERN_E_ARG;
    err = cl_contact_choose(cl_driver_lock(client->driver), contact,
                            (cl_choice)profile);
    cl_driver_unlock(client->driver);
    return contact_done(client, err, "choosing the contact's profile");
}

int postern_contact_remove(postern_client *client, const char *contact)
{
    pn_err err;
    if (client == NULL || contact == NULL)
        return POSTERN_E_ARG;
    err = cl_contact_remove(cl_driver_lock(client->driver), contact);
    cl_driver_unlock(client->driver);
    return contact_done(client, err, "removing the contact");
}

int postern_contact_accept_identity(postern_client *client, const char *contact,
                                    const char *safety, uint32_t accept)
{
    pn_err err;
    if (client == NULL || contact == NULL)
        return POSTERN_E_ARG;
    err = cl_contact_decide(cl_driver_lock(client->driver), contact, safety,
                            accept != 0);
    cl_driver_unlock(client->driver);
    if (err == PN_E_REFUSED)
        return wrong_number(client);
    if (err == PN_E_STATE)
        return cl_fail(client, POSTERN_E_STATE,
                       "this contact's identity has not changed");
    return contact_done(client, err, "deciding on the identity");
}
