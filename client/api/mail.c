/* Sending, the outbox, and messages kept. */
#include <string.h>

#include "client/api/client.h"
#include "proto/base/mem.h"

enum { BODY_ROOM = 65536 };

static pn_priority priority_of(uint32_t priority)
{
    switch (priority) {
    case POSTERN_PRIORITY_URGENT:
        return PN_PRIORITY_URGENT;
    case POSTERN_PRIORITY_BULK:
        return PN_PRIORITY_BULK;
    default:
        return PN_PRIORITY_NORMAL;
    }
}

static uint32_t public_priority(pn_priority priority)
{
    switch (priority) {
    case PN_PRIORITY_URGENT:
        return POSTERN_PRIORITY_URGENT;
    case PN_PRIORITY_BULK:
        return POSTERN_PRIORITY_BULK;
    case PN_PRIORITY_NORMAL:
        break;
    }
    return POSTERN_PRIORITY_NORMAL;
}

static pn_bytes text_of(const char *text)
{
    return (pn_bytes){ (const uint8_t *)text, text == NULL ? 0 : strlen(text) };
}

/* --- send --------------------------------------------------------------- */

static int send_failed(postern_client *c, pn_err err)
{
    switch ((int)err) {
    case PN_E_NOT_FOUND:
        return cl_fail(c, POSTERN_E_NOT_FOUND,
                       "there is no contact of that name: see the list");
    case PN_E_SHORT:
        return cl_fail(c, POSTERN_E_TOO_BIG,
                       "a message holds at most %d bytes: split it",
                       POSTERN_MESSAGE_MAX);
    case PN_E_REFUSED:
        return cl_fail(c, POSTERN_E_BLOCKED,
                       "this contact is blocked: unblock it to write to it");
    case PN_E_FULL:
        return cl_fail(c, POSTERN_E_FULL, "the outbox is full: see what waits");
    case PN_E_ARG:
        return cl_fail(c, POSTERN_E_ARG,
                       "send a text in UTF-8, or a file whose name has no "
                       "slash, backslash or control character; for 90 days "
                       "at most");
    default:
        return cl_done(c, err, "sending");
    }
}

int postern_send(postern_client *client, const char *contact,
                 const postern_send_options *options, char id[POSTERN_ID_SIZE])
{
    uint8_t key[CL_ID_BYTES];
    cl_send what;
    pn_err err;
    if (client == NULL || contact == NULL || options == NULL || id == NULL ||
        options->size < sizeof *options ||
        options->priority > POSTERN_PRIORITY_BULK ||
        (options->text == NULL && options->text_len > 0) ||
        (options->file_bytes == NULL && options->file_len > 0))
        return POSTERN_E_ARG;
    what = (cl_send){
        .text = { (const uint8_t *)options->text, options->text_len },
        .file_name = text_of(options->file_name),
        .file_type = text_of(options->file_type),
        .file_bytes = { options->file_bytes, options->file_len },
        .own_id = text_of(options->id),
        .priority = priority_of(options->priority),
        .expires_in_ms = options->expires_in_ms,
    };
    err = cl_outbox_send(cl_driver_lock(client->driver), contact, &what, key);
    cl_driver_unlock(client->driver);
    if (err != PN_OK)
        return send_failed(client, err);
    cl_copy_id(id, key);
    return POSTERN_OK;
}

/* --- wait
 * ----------------------------------------------------------------------- */

typedef struct send_wait {
    uint8_t id[CL_ID_BYTES];
    uint32_t wanted;
    cl_item_state state;
} send_wait;

static pn_err is_there(void *ctx, cl_engine *e)
{
    send_wait *w = ctx;
    PN_TRY(cl_item_state_of(e, w->id, &w->state));
    if (w->state > CL_ITEM_DELIVERED)
        return PN_OK; /* no further */
    return (uint32_t)w->state >= w->wanted ? PN_OK : PN_MORE;
}

static int no_message(postern_client *c)
{
    return cl_fail(c, POSTERN_E_NOT_FOUND,
                   "there is no message of that id: see the list");
}

int postern_wait(postern_client *client, const char *id, uint32_t state,
                 uint32_t timeout_ms)
{
    send_wait w = { .wanted = state };
    pn_err err;
    if (client == NULL || id == NULL || state > POSTERN_MESSAGE_DELIVERED)
        return POSTERN_E_ARG;
    if (!cl_parse_id(w.id, id))
        return no_message(client);
    err = cl_driver_wait(client->driver, timeout_ms, is_there, &w);
    if (err == PN_E_NOT_FOUND)
        return no_message(client);
    if (err == PN_E_TIMEOUT)
        return cl_fail(client, POSTERN_E_TIMEOUT,
                       "not yet: the message stays in the outbox, which says "
                       "what it waits for");
    if (err == PN_OK && w.state == CL_ITEM_EXPIRED)
        return cl_fail(client, POSTERN_E_EXPIRED,
                       "nobody confirmed the message in its time");
    if (err == PN_OK && w.state > CL_ITEM_EXPIRED)
        return cl_fail(client, POSTERN_E_REFUSED,
                       "the message failed or was cancelled");
    return cl_done(client, err, "waiting for the message");
}

/* --- outbox
 * ------------------------------------------------------------------------ */

/* An entry of the list, with its copies behind it. */
typedef struct outgoing_entry {
    postern_outgoing item;
    postern_copy copies[];
} outgoing_entry;

static pn_err add_copies(outgoing_entry *entry, const cl_item_view *view)
{
    entry->item.held = view->held;
    entry->item.copy_count = (uint32_t)view->copy_count;
    entry->item.copies = entry->copies;
    for (size_t i = 0; i < view->copy_count; i++) {
        const cl_copy_view *from = &view->copies[i];
        postern_copy *to = &entry->copies[i];
        to->size = sizeof *to;
        to->is_held = from->held ? 1 : 0;
        to->since_ms = from->since_ms;
        cl_copy_text(to->reason, sizeof to->reason, from->reason);
        PN_TRY(
            pn_address_format(to->address, sizeof to->address, &from->relay));
    }
    return PN_OK;
}

static pn_err list_items(cl_engine *e, postern_list *list)
{
    cl_item_view view;
    for (size_t i = 0; cl_item_at(e, i, &view) == PN_OK; i++) {
        outgoing_entry *entry = cl_list_add(
            list, sizeof *entry + view.copy_count * sizeof(postern_copy));
        postern_outgoing *out;
        if (entry == NULL)
            return PN_E_NOMEM;
        out = &entry->item;
        *out = (postern_outgoing){ .size = sizeof *out,
                                   .state = (uint32_t)view.state,
                                   .priority = public_priority(view.priority),
                                   .attempts = view.attempts,
                                   .created_ms = view.created_ms,
                                   .expires_ms = view.expires_ms,
                                   .since_ms = view.since_ms,
                                   .bytes = view.len };
        cl_copy_id(out->id, view.id);
        cl_copy_id(out->contact, view.contact);
        cl_contact_name(e, view.contact, out->contact_name);
        cl_copy_text(out->reason, sizeof out->reason, view.reason);
        PN_TRY(add_copies(entry, &view));
    }
    return PN_OK;
}

int postern_outbox_list(postern_client *client, postern_list **out)
{
    postern_list *list;
    pn_err err;
    if (client == NULL || out == NULL)
        return POSTERN_E_ARG;
    *out = NULL;
    list = cl_list_new(CL_LIST_OUTGOING);
    if (list == NULL)
        return cl_done(client, PN_E_NOMEM, "listing the outbox");
    err = list_items(cl_driver_lock(client->driver), list);
    cl_driver_unlock(client->driver);
    if (err != PN_OK)
        postern_list_free(&list);
    *out = list;
    return cl_done(client, err, "listing the outbox");
}

int postern_outbox_retry(postern_client *client, const char *id)
{
    uint8_t key[CL_ID_BYTES];
    pn_err err;
    if (client == NULL)
        return POSTERN_E_ARG;
    if (id != NULL && !cl_parse_id(key, id))
        return no_message(client);
    err = cl_outbox_retry(cl_driver_lock(client->driver),
                          id == NULL ? NULL : key);
    cl_driver_unlock(client->driver);
    return err == PN_E_NOT_FOUND ? no_message(client)
                                 : cl_done(client, err, "trying again");
}

static int change_message(postern_client *c, const char *id,
                          pn_err (*change)(cl_engine *e, const uint8_t *id),
                          const char *what, const char *state)
{
    uint8_t key[CL_ID_BYTES];
    pn_err err;
    if (c == NULL || id == NULL)
        return POSTERN_E_ARG;
    if (!cl_parse_id(key, id))
        return no_message(c);
    err = change(cl_driver_lock(c->driver), key);
    cl_driver_unlock(c->driver);
    if (err == PN_E_NOT_FOUND)
        return no_message(c);
    if (err == PN_E_STATE)
        return cl_fail(c, POSTERN_E_STATE, "%s", state);
    return cl_done(c, err, what);
}

int postern_outbox_cancel(postern_client *client, const char *id)
{
    return change_message(client, id, cl_outbox_cancel, "cancelling",
                          "the message is not on its way any more");
}

int postern_message_delete(postern_client *client, const char *id)
{
    return change_message(client, id, cl_message_delete, "deleting",
                          "the message is still on its way, or its event is "
                          "not acknowledged: cancel or acknowledge first");
}

/* --- messages
 * ------------------------------------------------------------------------ */

/* The bytes follow the structure, with a NUL behind them. */
static pn_err add_message(cl_engine *e, postern_list *list, const cl_message *m,
                          bool whole)
{
    const size_t room = whole ? (size_t)m->len + 1 : 0;
    postern_message *out = cl_list_add(list, sizeof *out + room);
    pn_buf body;
    pn_err err;
    if (out == NULL)
        return PN_E_NOMEM;
    *out = (postern_message){ .size = sizeof *out,
                              .state = (uint32_t)m->state,
                              .priority = public_priority(m->priority),
                              .is_file = m->is_file ? 1 : 0,
                              .sent_ms = m->sent_ms,
                              .received_ms = m->received_ms,
                              .len = m->len };
    cl_copy_id(out->id, m->id);
    cl_copy_id(out->contact, m->contact);
    cl_contact_name(e, m->contact, out->contact_name);
    cl_copy_text(out->file_name, sizeof out->file_name, m->file_name);
    cl_copy_text(out->file_type, sizeof out->file_type, m->file_type);
    if (m->state == CL_ITEM_FAILED)
        cl_copy_text(out->reason, sizeof out->reason,
                     m->failure == CL_FAILURE_REMOVED
                         ? "the contact was removed"
                         : "it could not be sent");
    if (!whole)
        return PN_OK;
    pn_buf_init(&body, BODY_ROOM);
    err = cl_message_body(e, m->id, &body);
    if (err == PN_OK && pn_buf_len(&body) != m->len)
        err = PN_E_CORRUPT;
    if (err == PN_OK && m->len > 0)
        memcpy(out + 1, pn_buf_view(&body).p, m->len);
    out->bytes = (const uint8_t *)(out + 1);
    pn_buf_clear(&body);
    return err;
}

static pn_err list_messages(cl_engine *e, const uint8_t *contact,
                            postern_list *list)
{
    uint64_t cursor = 0;
    cl_message m;
    pn_err err;
    while ((err = cl_message_next(e, &cursor, &m)) == PN_OK) {
        if (contact != NULL && memcmp(m.contact, contact, CL_ID_BYTES) != 0)
            continue;
        err = add_message(e, list, &m, !m.is_file);
        if (err != PN_OK)
            return err;
    }
    return err == PN_E_NOT_FOUND ? PN_OK : err;
}

static pn_err find_contact(cl_engine *e, const char *contact,
                           uint8_t id[CL_ID_BYTES])
{
    cl_contact_view view;
    const pn_err err = cl_contact_get(e, contact, false, &view);
    if (err == PN_OK)
        memcpy(id, view.id, CL_ID_BYTES);
    else if (cl_parse_id(id, contact))
        return PN_OK; /* removed: its messages are still there */
    return err;
}

int postern_message_list(postern_client *client, const char *contact,
                         uint32_t limit, postern_list **out)
{
    uint8_t id[CL_ID_BYTES];
    postern_list *list;
    cl_engine *e;
    pn_err err = PN_OK;
    if (client == NULL || out == NULL)
        return POSTERN_E_ARG;
    *out = NULL;
    list = cl_list_new(CL_LIST_MESSAGES);
    if (list == NULL)
        return cl_done(client, PN_E_NOMEM, "listing messages");
    e = cl_driver_lock(client->driver);
    if (contact != NULL)
        err = find_contact(e, contact, id);
    if (err == PN_OK)
        err = list_messages(e, contact == NULL ? NULL : id, list);
    cl_driver_unlock(client->driver);
    if (err != PN_OK) {
        postern_list_free(&list);
        return err == PN_E_NOT_FOUND ? send_failed(client, err)
                                     : cl_done(client, err, "listing messages");
    }
    if (limit > 0)
        cl_list_keep_last(list, limit);
    *out = list;
    return POSTERN_OK;
}

int postern_message_get(postern_client *client, const char *id,
                        postern_list **out)
{
    uint8_t key[CL_ID_BYTES];
    postern_list *list;
    cl_message m;
    cl_engine *e;
    pn_err err;
    if (client == NULL || id == NULL || out == NULL)
        return POSTERN_E_ARG;
    *out = NULL;
    if (!cl_parse_id(key, id))
        return no_message(client);
    list = cl_list_new(CL_LIST_MESSAGES);
    if (list == NULL)
        return cl_done(client, PN_E_NOMEM, "reading the message");
    e = cl_driver_lock(client->driver);
    err = cl_message_get(e, key, &m);
    if (err == PN_OK)
        err = add_message(e, list, &m, true);
    cl_driver_unlock(client->driver);
    if (err != PN_OK)
        postern_list_free(&list);
    *out = list;
    return err == PN_E_NOT_FOUND ? no_message(client)
                                 : cl_done(client, err, "reading the message");
}
