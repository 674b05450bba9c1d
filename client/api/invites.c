/* Invitations, made and accepted. */
#include <string.h>

#include "client/api/client.h"
#include "proto/base/mem.h"

enum { HELLO_MS = 5000 };

_Static_assert((int)POSTERN_INVITATION_SIZE > (int)CL_INVITATION_TEXT_MAX,
               "every invitation fits");

static void fill_invite(postern_invite *out, const cl_invite_view *view)
{
    const uint32_t size = out->size;
    *out = (postern_invite){ .size = size,
                             .state = (uint32_t)view->state,
                             .created_ms = view->created_ms,
                             .expires_ms = view->expires_ms,
                             .is_offline = view->is_offline ? 1 : 0 };
    cl_copy_id(out->id, view->id);
    cl_copy_id(out->contact, view->contact);
    cl_copy_text(out->name, sizeof out->name, view->name);
    cl_copy_text(out->reason, sizeof out->reason, view->reason);
    cl_copy_text(out->text, sizeof out->text, view->text);
}

typedef struct invite_wait {
    uint8_t id[CL_ID_BYTES];
    cl_invite_view view;
} invite_wait;

static pn_err invite_ready(void *ctx, cl_engine *e)
{
    invite_wait *w = ctx;
    PN_TRY(cl_invite_get(e, w->id, &w->view));
    return w->view.state == CL_INVITE_PREPARING ? PN_MORE : PN_OK;
}

int cl_name_failed(postern_client *c, pn_err err)
{
    switch ((int)err) {
    case PN_E_NOT_FOUND:
        return cl_fail(c, POSTERN_E_NO_RELAY,
                       "no relay is known: add one first");
    case PN_E_EXISTS:
        return cl_fail(c, POSTERN_E_EXISTS,
                       "there is a contact of that name: choose another");
    case PN_E_ARG:
        return cl_fail(c, POSTERN_E_ARG,
                       "a name is one line of at most 64 bytes, and an "
                       "invitation lasts at most 90 days");
    case PN_E_FULL:
        return cl_fail(c, POSTERN_E_FULL,
                       "too many open invitations: revoke some");
    default:
        return cl_done(c, err, "making the invitation");
    }
}

static int wait_invite(postern_client *c, invite_wait *w, uint32_t timeout_ms,
                       postern_invite *out)
{
    pn_err err = cl_driver_wait(c->driver, timeout_ms, invite_ready, w);
    if (err == PN_OK || err == PN_E_TIMEOUT)
        fill_invite(out, &w->view);
    if (err == PN_E_TIMEOUT)
        return cl_fail(c, POSTERN_E_PENDING,
                       "the relay has not answered yet (%s): the invitation "
                       "will be made when it does",
                       w->view.reason);
    if (err != PN_OK)
        return cl_done(c, err, "making the invitation");
    if (w->view.state == CL_INVITE_FAILED)
        return cl_fail(
            c, POSTERN_E_REFUSED,
            "the relay grants no mailbox: it is closed, or wants the "
            "access secret its operator hands out");
    return POSTERN_OK;
}

int postern_invite_create(postern_client *client,
                          const postern_invite_options *options,
                          uint32_t timeout_ms, postern_invite *out)
{
    static const postern_invite_options usual = POSTERN_INVITE_OPTIONS_INIT;
    const postern_invite_options *o = options == NULL ? &usual : options;
    invite_wait *w;
    pn_err err;
    int error;
    if (client == NULL || out == NULL || out->size < sizeof *out ||
        o->size < sizeof *o)
        return POSTERN_E_ARG;
    w = pn_alloc(1, sizeof *w);
    if (w == NULL)
        return cl_done(client, PN_E_NOMEM, "making the invitation");
    err = cl_invite_create(
        cl_driver_lock(client->driver),
        o->is_offline != 0 ? CL_INVITATION_OFFLINE : CL_INVITATION_LINK,
        o->name == NULL ? "" : o->name, o->expires_in_ms, w->id);
    cl_driver_unlock(client->driver);
    error = err == PN_OK ? wait_invite(client, w, timeout_ms, out)
                         : cl_name_failed(client, err);
    pn_free_wiped(w, sizeof *w);
    return error;
}

static int no_invite(postern_client *c)
{
    return cl_fail(c, POSTERN_E_NOT_FOUND,
                   "there is no invitation of that id: see the list");
}

int postern_invite_get(postern_client *client, const char *id,
                       postern_invite *out)
{
    uint8_t key[CL_ID_BYTES];
    cl_invite_view *view;
    pn_err err;
    if (client == NULL || id == NULL || out == NULL || out->size < sizeof *out)
        return POSTERN_E_ARG;
    if (!cl_parse_id(key, id))
        return no_invite(client);
    view = pn_alloc(1, sizeof *view);
    if (view == NULL)
        return cl_done(client, PN_E_NOMEM, "reading the invitation");
    err = cl_invite_get(cl_driver_lock(client->driver), key, view);
    cl_driver_unlock(client->driver);
    if (err == PN_OK)
        fill_invite(out, view);
    pn_free_wiped(view, sizeof *view);
    return err == PN_E_NOT_FOUND ? no_invite(client)
                                 : cl_done(client, err, "the invitation");
}

static pn_err list_invites(cl_engine *e, postern_list *list)
{
    cl_invite_view *view = pn_alloc(1, sizeof *view);
    pn_err err = view == NULL ? PN_E_NOMEM : PN_OK;
    for (size_t i = 0; err == PN_OK; i++) {
        postern_invite *item;
        err = cl_invite_at(e, i, view);
        if (err != PN_OK)
            break;
        item = cl_list_add(list, sizeof *item);
        if (item == NULL) {
            err = PN_E_NOMEM;
            break;
        }
        item->size = sizeof *item;
        fill_invite(item, view);
    }
    pn_free_wiped(view, sizeof *view);
    return err == PN_E_NOT_FOUND ? PN_OK : err;
}

int postern_invite_list(postern_client *client, postern_list **out)
{
    postern_list *list;
    pn_err err;
    if (client == NULL || out == NULL)
        return POSTERN_E_ARG;
    *out = NULL;
    list = cl_list_new(CL_LIST_INVITES);
    if (list == NULL)
        return cl_done(client, PN_E_NOMEM, "listing invitations");
    err = list_invites(cl_driver_lock(client->driver), list);
    cl_driver_unlock(client->driver);
    if (err != PN_OK)
        postern_list_free(&list);
    *out = list;
    return cl_done(client, err, "listing invitations");
}

int postern_invite_revoke(postern_client *client, const char *id)
{
    uint8_t key[CL_ID_BYTES];
    pn_err err;
    if (client == NULL || id == NULL)
        return POSTERN_E_ARG;
    if (!cl_parse_id(key, id))
        return no_invite(client);
    err = cl_invite_revoke(cl_driver_lock(client->driver), key);
    cl_driver_unlock(client->driver);
    if (err == PN_E_NOT_FOUND)
        return no_invite(client);
    if (err == PN_E_STATE)
        return cl_fail(client, POSTERN_E_USED,
                       "the invitation is over: answered, expired or revoked");
    return cl_done(client, err, "revoking the invitation");
}

/* --- accepting
 * ------------------------------------------------------------------- */

typedef struct accept_wait {
    uint8_t id[CL_ID_BYTES];
    uint8_t contact[CL_ID_BYTES];
    cl_failure failure;
    char reason[CL_REASON_MAX + 1];
    bool refused;
    cl_contact_view view;
} accept_wait;

static pn_err accept_ready(void *ctx, cl_engine *e)
{
    accept_wait *w = ctx;
    char hex[POSTERN_ID_SIZE];
    pn_err err = cl_accept_state(e, w->id, w->contact, &w->failure, w->reason);
    w->refused = err == PN_E_REFUSED;
    if (err != PN_OK)
        return err;
    cl_copy_id(hex, w->contact);
    return cl_contact_get(e, hex, true, &w->view);
}

static int accept_failed(postern_client *c, cl_failure failure)
{
    switch (failure) {
    case CL_FAILURE_EXPIRED:
        return cl_fail(c, POSTERN_E_EXPIRED,
                       "the invitation's time is over: ask for another");
    case CL_FAILURE_USED:
        return cl_fail(c, POSTERN_E_USED,
                       "the invitation was answered or revoked: ask for "
                       "another, and whether they have an answer not of yours");
    case CL_FAILURE_HOSTILE:
        return cl_fail(c, POSTERN_E_AUTH,
                       "what the relay gave is not what your contact left "
                       "there: do not trust this relay; ask for another "
                       "invitation");
    case CL_FAILURE_KNOWN:
        return cl_fail(c, POSTERN_E_EXISTS,
                       "this invitation is of somebody you have as a contact, "
                       "or your own");
    case CL_FAILURE_NONE:
    case CL_FAILURE_REMOVED:
    case CL_FAILURE_REFUSED:
    case CL_FAILURE_INTERNAL:
        break;
    }
    return cl_fail(c, POSTERN_E_REFUSED,
                   "your relay grants no mailbox: it is closed, or wants the "
                   "access secret its operator hands out");
}

static int accept_refused(postern_client *c, pn_err err)
{
    switch ((int)err) {
    case PN_E_PROTO:
    case PN_E_CRYPTO:
    case PN_E_SHORT:
        return cl_fail(c, POSTERN_E_MALFORMED,
                       "this is not an invitation, or a letter of it is "
                       "wrong: copy it whole, from POSTERN: on");
    case PN_E_VERSION:
        return cl_fail(c, POSTERN_E_VERSION,
                       "the invitation is of a newer version: update");
    case PN_E_TIMEOUT:
        return accept_failed(c, CL_FAILURE_EXPIRED);
    case PN_E_REFUSED:
        return accept_failed(c, CL_FAILURE_KNOWN);
    default:
        return cl_name_failed(c, err);
    }
}

static pn_err hello_is_out(void *ctx, cl_engine *e)
{
    const accept_wait *w = ctx;
    return cl_hello_is_out(e, w->contact);
}

static int wait_accept(postern_client *c, accept_wait *w, uint32_t timeout_ms,
                       postern_contact *out)
{
    const pn_err err = cl_driver_wait(c->driver, timeout_ms, accept_ready, w);
    const uint32_t hello_ms = timeout_ms < HELLO_MS ? timeout_ms : HELLO_MS;
    if (w->refused)
        return accept_failed(c, w->failure);
    if (err == PN_E_TIMEOUT)
        return cl_fail(c, POSTERN_E_PENDING,
                       "not done yet (%s): it goes on by itself", w->reason);
    if (err == PN_OK && out != NULL)
        cl_fill_contact(out, &w->view);
    /* A program that ended now would leave the other without a word. Who
     * cannot be reached in that time is told later. */
    if (err == PN_OK &&
        cl_driver_wait(c->driver, hello_ms, hello_is_out, w) == PN_E_NOMEM)
        return cl_done(c, PN_E_NOMEM, "accepting the invitation");
    return cl_done(c, err, "accepting the invitation");
}

int postern_invite_accept(postern_client *client, const char *text, size_t len,
                          const char *name, uint32_t timeout_ms,
                          postern_contact *out)
{
    accept_wait w = { .refused = false };
    pn_bytes bytes = { (const uint8_t *)text, len };
    pn_err err;
    if (client == NULL || text == NULL ||
        (out != NULL && out->size < sizeof *out))
        return POSTERN_E_ARG;
    while (bytes.len > 0 &&
           (bytes.p[bytes.len - 1] == '\n' || bytes.p[bytes.len - 1] == '\r' ||
            bytes.p[bytes.len - 1] == ' '))
        bytes.len--;
    err = cl_invite_accept(cl_driver_lock(client->driver), bytes,
                           name == NULL ? "" : name, w.id);
    cl_driver_unlock(client->driver);
    if (err != PN_OK)
        return accept_refused(client, err);
    return wait_accept(client, &w, timeout_ms, out);
}
