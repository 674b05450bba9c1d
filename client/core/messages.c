/* Messages kept: what was sent and what came, and the commands that make and
 * forget them. */
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"

pn_err cl_message_get(cl_engine *e, const uint8_t *id, cl_message *out)
{
    PN_TRY(e->store.get(e->store.ctx, CL_TABLE_MESSAGE,
                        (pn_bytes){ id, CL_ID_BYTES }, &e->record));
    return cl_read_message(out, pn_buf_view(&e->record));
}

pn_err cl_message_body(cl_engine *e, const uint8_t *id, pn_buf *body)
{
    return e->store.get(e->store.ctx, CL_TABLE_BODY,
                        (pn_bytes){ id, CL_ID_BYTES }, body);
}

pn_err cl_message_next(cl_engine *e, uint64_t *cursor, cl_message *out)
{
    PN_TRY(e->store.next(e->store.ctx, CL_TABLE_MESSAGE, cursor, NULL,
                         &e->record));
    return cl_read_message(out, pn_buf_view(&e->record));
}

pn_err cl_message_delete(cl_engine *e, const uint8_t *id)
{
    const pn_bytes key = { id, CL_ID_BYTES };
    cl_message m;
    pn_err err;
    PN_TRY(cl_begin(e));
    PN_TRY(cl_message_get(e, id, &m));
    if (cl_item_by_id(e, id) != NULL || cl_event_of_message(e, id) != NULL)
        return PN_E_STATE;
    e->dirty = true;
    err = cl_del(e, CL_TABLE_MESSAGE, key);
    if (err == PN_OK)
        err = cl_del(e, CL_TABLE_BODY, key);
    return cl_finish(e, err);
}

/* --- sending ------------------------------------------------------------ */

static pn_err check(const cl_send *what)
{
    const size_t bytes = what->text.len + what->file_name.len +
                         what->file_type.len + what->file_bytes.len;
    const cl_content probe = { .text = what->text,
                               .has_file = what->file_name.len > 0,
                               .file_name = what->file_name,
                               .file_type = what->file_type,
                               .file_bytes = what->file_bytes };
    if (bytes > CL_BODY_MAX)
        return PN_E_SHORT;
    if ((what->text.len == 0) == (what->file_name.len == 0))
        return PN_E_ARG; /* exactly one of them */
    if (what->file_name.len == 0 && what->file_bytes.len > 0)
        return PN_E_ARG;
    if (what->own_id.len > CL_SEND_ID_MAX)
        return PN_E_ARG;
    if (what->expires_in_ms > CL_EXPIRES_DAYS_MAX * cl_day_ms)
        return PN_E_ARG;
    return cl_content_ok(&probe) ? PN_OK : PN_E_ARG;
}

/* The application's id stands for one message to one contact. */
static pn_err choose_id(cl_engine *e, const cl_contact *c, pn_bytes own,
                        uint8_t id[CL_ID_BYTES])
{
    const pn_bytes parts[] = { CL_VIEW(e->self.id), CL_VIEW(c->id), own };
    uint8_t h[32];
    if (own.len == 0)
        return pn_random(&e->env, id, CL_ID_BYTES);
    cl_hash(h, "postern/own-id/1", parts, 3);
    memcpy(id, h, CL_ID_BYTES);
    return PN_OK;
}

static pn_err store_message(cl_engine *e, const cl_contact *c,
                            const cl_send *what, const uint8_t id[CL_ID_BYTES])
{
    const bool is_file = what->file_name.len > 0;
    const pn_bytes body = is_file ? what->file_bytes : what->text;
    cl_message m = { .state = CL_ITEM_QUEUED,
                     .priority = what->priority,
                     .is_file = is_file,
                     .sent_ms = cl_wall(e),
                     .len = (uint32_t)body.len };
    memcpy(m.id, id, CL_ID_BYTES);
    memcpy(m.content_id, id, CL_ID_BYTES);
    memcpy(m.contact, c->id, CL_ID_BYTES);
    if (is_file) {
        memcpy(m.file_name, what->file_name.p, what->file_name.len);
        if (what->file_type.len > 0)
            memcpy(m.file_type, what->file_type.p, what->file_type.len);
    }
    PN_TRY(cl_save_message(e, &m));
    return cl_put(e, CL_TABLE_BODY, (pn_bytes){ id, CL_ID_BYTES }, body);
}

pn_err cl_outbox_send(cl_engine *e, const char *contact, const cl_send *what,
                      uint8_t id[CL_ID_BYTES])
{
    const uint64_t expires = what->expires_in_ms == 0
                                 ? CL_EXPIRES_DAYS * cl_day_ms
                                 : what->expires_in_ms;
    cl_contact *c;
    cl_item *item;
    cl_message before;
    pn_err err;
    PN_TRY(cl_begin(e));
    c = cl_contact_find(e, contact);
    if (c == NULL)
        return PN_E_NOT_FOUND;
    PN_TRY(check(what));
    if (c->blocked)
        return PN_E_REFUSED;
    PN_TRY(choose_id(e, c, what->own_id, id));
    if (what->own_id.len > 0) {
        err = cl_message_get(e, id, &before);
        if (err != PN_E_NOT_FOUND)
            return err; /* sent before: PN_OK */
    }
    if (e->item_count >= CL_OUTBOX_MAX)
        return PN_E_FULL;
    e->dirty = e->changed = true;
    err = store_message(e, c, what, id);
    if (err == PN_OK)
        err = cl_item_new(e, c, CL_ITEM_MESSAGE, what->priority, id,
                          cl_wall(e) + expires, &item);
    return cl_finish(e, err);
}

static pn_err retry_one(cl_engine *e, cl_item *item)
{
    if (item->state == CL_ITEM_RELAYED && cl_item_is_everywhere(item))
        return cl_item_again(e, item);
    item->retry_ms = 0;
    for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
        cl_relay *via = cl_copy_via(&item->copies[i]);
        item->copies[i].retry_ms = 0;
        item->copies[i].backoff_ms = 0;
        if (via != NULL)
            via->dial_ms = 0;
    }
    cl_item_place(e, item);
    return PN_OK;
}

static pn_err retry_all(cl_engine *e)
{
    for (pn_node *n = e->items.next; n != &e->items; n = n->next) {
        cl_item *item = PN_ENTRY(n, cl_item, in_engine);
        if (!cl_item_is_everywhere(item))
            PN_TRY(retry_one(e, item));
    }
    for (pn_node *n = e->relays.next; n != &e->relays; n = n->next)
        PN_ENTRY(n, cl_relay, in_engine)->dial_ms = 0;
    return PN_OK;
}

pn_err cl_outbox_retry(cl_engine *e, const uint8_t *id)
{
    cl_item *item;
    PN_TRY(cl_begin(e));
    e->changed = true;
    if (id == NULL)
        return cl_finish(e, retry_all(e));
    item = cl_item_by_id(e, id);
    if (item == NULL || item->kind != CL_ITEM_MESSAGE)
        return PN_E_NOT_FOUND;
    return cl_finish(e, retry_one(e, item));
}

pn_err cl_outbox_cancel(cl_engine *e, const uint8_t *id)
{
    cl_message m;
    cl_item *item;
    PN_TRY(cl_begin(e));
    item = cl_item_by_id(e, id);
    if (item == NULL || item->kind != CL_ITEM_MESSAGE) {
        PN_TRY(cl_message_get(e, id, &m));
        return PN_E_STATE;
    }
    e->dirty = true;
    return cl_finish(e,
                     cl_item_end(e, item, CL_ITEM_CANCELLED, CL_FAILURE_NONE));
}

/* --- views -------------------------------------------------------------- */

/* Since when it is held, or waits for what it waits for. */
static uint64_t since_of(const cl_engine *e, const cl_copy *copy)
{
    uint64_t down;
    if (cl_copy_wait(e, copy) != CL_WAIT_RELAY)
        return copy->since_ms;
    down = cl_copy_via(copy)->since_ms;
    return down > copy->since_ms ? down : copy->since_ms;
}

static void view_copies(const cl_engine *e, const cl_item *item,
                        cl_item_view *out)
{
    const cl_wait wait = cl_item_wait(e, item);
    for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
        const cl_copy *copy = &item->copies[i];
        const cl_relay *r = cl_copy_route(copy)->relay;
        cl_copy_view *view = &out->copies[out->copy_count];
        if (r == NULL)
            continue;
        out->copy_count++;
        out->held += copy->held ? 1 : 0;
        view->relay = r->address;
        view->held = copy->held;
        view->since_ms = since_of(e, copy);
        cl_copy_reason(e, copy, view->reason);
        if (item->state == CL_ITEM_QUEUED && wait == CL_WAIT_RELAY &&
            view->since_ms > out->since_ms)
            out->since_ms = view->since_ms;
    }
}

pn_err cl_item_at(cl_engine *e, size_t i, cl_item_view *out)
{
    for (pn_node *n = e->items.next; n != &e->items; n = n->next) {
        const cl_item *item = PN_ENTRY(n, cl_item, in_engine);
        cl_message m;
        if (item->kind != CL_ITEM_MESSAGE || i-- > 0)
            continue;
        *out = (cl_item_view){ .state = item->state,
                               .priority = item->priority,
                               .attempts = item->attempts,
                               .since_ms = item->since_ms,
                               .created_ms = item->created_ms,
                               .expires_ms = item->expires_ms };
        memcpy(out->id, item->id, CL_ID_BYTES);
        memcpy(out->contact, item->contact->id, CL_ID_BYTES);
        view_copies(e, item, out);
        cl_item_reason(e, item, out->reason);
        if (cl_message_get(e, item->id, &m) == PN_OK)
            out->len = m.len;
        return PN_OK;
    }
    return PN_E_NOT_FOUND;
}

pn_err cl_item_state_of(cl_engine *e, const uint8_t *id, cl_item_state *out)
{
    const cl_item *item = cl_item_by_id(e, id);
    cl_message m;
    if (item != NULL) {
        *out = item->state;
        return PN_OK;
    }
    PN_TRY(cl_message_get(e, id, &m));
    *out = m.state;
    return PN_OK;
}
