/* From an item to its envelope: draw up the content, seal it in the session,
 * seal that for the queue. What it spends is staged here and durable before
 * anything leaves. */
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"

static pn_err body_of(cl_engine *e, const cl_item *item, cl_message *m,
                      cl_content *c)
{
    if (item->kind != CL_ITEM_MESSAGE)
        return PN_OK;
    PN_TRY(cl_message_get(e, item->id, m));
    PN_TRY(e->store.get(e->store.ctx, CL_TABLE_BODY, CL_VIEW(item->id),
                        &e->record));
    c->has_sent = true;
    c->sent_ms = m->sent_ms;
    if (!m->is_file) {
        c->text = pn_buf_view(&e->record);
        return PN_OK;
    }
    c->has_file = true;
    c->file_name =
        (pn_bytes){ (const uint8_t *)m->file_name, strlen(m->file_name) };
    c->file_type =
        (pn_bytes){ (const uint8_t *)m->file_type, strlen(m->file_type) };
    c->file_bytes = pn_buf_view(&e->record);
    return PN_OK;
}

/* Who and where we are, until the contact has written there. */
static void introduce(const cl_engine *e, const cl_item *item, cl_content *c)
{
    const cl_contact *to = item->contact;
    if (to->knows_us && item->kind != CL_ITEM_HELLO)
        return;
    c->queue_count = cl_list_of(to, c->queues);
    c->queues_ms = c->queue_count == 0 ? 0 : to->list_ms;
    c->profile_name = (pn_bytes){ (const uint8_t *)e->name, strlen(e->name) };
}

static pn_err draw_up(cl_engine *e, cl_item *item, pn_out *out)
{
    cl_message m;
    cl_content *c = pn_alloc(1, sizeof *c);
    pn_err err;
    if (c == NULL)
        return PN_E_NOMEM;
    memcpy(c->id, item->id, CL_ID_BYTES);
    err = body_of(e, item, &m, c);
    if (err == PN_OK && item->kind != CL_ITEM_RECEIPT)
        introduce(e, item, c);
    if (err == PN_OK && item->kind == CL_ITEM_HELLO && c->queue_count == 0)
        err = PN_MORE; /* our new queue is not there yet */
    if (err == PN_OK) {
        c->receipts = (pn_bytes){ item->receipts, item->receipts_len };
        c->wants_thin = cl_contact_wants_thin(e, item->contact);
        err = cl_content_encode(out, c);
    }
    pn_free_wiped(c, sizeof *c);
    pn_buf_clear(&e->record);
    return err;
}

static pn_err seal_content(cl_engine *e, cl_item *item, cl_session *s,
                           bool *full, size_t *len)
{
    pn_out out = pn_out_over(e->plain, PN_ENVELOPE_MAX);
    pn_err err = draw_up(e, item, &out);
    if (err == PN_OK) {
        err = cl_session_seal(s, &e->env, pn_out_view(&out), e->inner,
                              PN_ENVELOPE_INNER_MAX, len);
        *full = err == PN_E_FULL;
    }
    pn_wipe(e->plain, out.len);
    return err;
}

static pn_err seal_resync(cl_engine *e, cl_item *item, cl_session *s,
                          bool *full, size_t *len)
{
    cl_contact *c = item->contact;
    const uint64_t now = cl_wall(e);
    cl_queue_ref refs[CL_QUEUES_MAX];
    const size_t count = cl_list_of(c, refs);
    pn_err err;
    if (c->list_ms < now) { /* lists told later are newer than this one */
        c->list_ms = now;
        PN_TRY(cl_save_contact(e, c));
    }
    err = cl_session_resync(s, &e->env, &e->self, refs, count, e->inner,
                            PN_ENVELOPE_INNER_MAX, len);
    *full = err == PN_E_FULL;
    pn_wipe(refs, sizeof refs);
    return err;
}

/* As many receipts as have room in the envelope that the content needs without
 * them: else its class would tell how much came from the contact. */
static pn_err carry_receipts(cl_engine *e, cl_item *item, const cl_session *s)
{
    enum { FIELD = 3 }; /* before the ids: tag and length */
    const cl_contact *c = item->contact;
    const bool thin = cl_contact_profile(e, c) == CL_PROFILE_THIN;
    const size_t extra = cl_session_overhead(s, &e->env);
    pn_out out = pn_out_over(e->plain, PN_ENVELOPE_MAX);
    pn_envelope_class class;
    size_t need, room;
    pn_err err;
    if (item->receipts_len > 0 || c->due_count == 0 || extra == 0)
        return PN_OK;
    err = draw_up(e, item, &out);
    need = extra + out.len + FIELD;
    pn_wipe(e->plain, out.len);
    PN_TRY(err);
    if (pn_envelope_class_for(&class, need - FIELD,
                              thin ? PN_ENVELOPE_XS : PN_ENVELOPE_S) != PN_OK)
        return PN_OK; /* too large by itself, as will be said */
    room = pn_envelope_room(class);
    room = room > need ? (room - need) / CL_ID_BYTES : 0;
    return cl_receipts_carry(
        e, item, room < CL_RECEIPTS_CARRIED ? room : CL_RECEIPTS_CARRIED);
}

/* *full says that it is the session that has no room: the same error of the
 * store is no verdict on the item, which goes when there is room again. */
static pn_err seal_inner(cl_engine *e, cl_item *item, bool *full, size_t *len)
{
    cl_session *s = NULL;
    pn_err err = cl_load_session(e, item->contact, &s);
    *full = false;
    if (err == PN_OK) {
        cl_session_set_profile(s, cl_contact_profile(e, item->contact));
        if (item->kind != CL_ITEM_RESYNC)
            err = carry_receipts(e, item, s);
    }
    if (err == PN_OK)
        err = item->kind == CL_ITEM_RESYNC
                  ? seal_resync(e, item, s, full, len)
                  : seal_content(e, item, s, full, len);
    if (err == PN_OK)
        err = cl_save_session(e, item->contact, s);
    cl_session_free(&s);
    return err;
}

/* For a queue of its own: no two copies have a byte in common. */
static pn_err seal_envelope(cl_engine *e, cl_copy *copy)
{
    const cl_item *item = copy->item;
    const cl_route *route = cl_copy_route(copy);
    const bool thin = cl_contact_profile(e, item->contact) == CL_PROFILE_THIN;
    size_t size;
    PN_TRY(pn_envelope_seal(&e->env, route->key, route->send_id,
                            thin ? PN_ENVELOPE_XS : PN_ENVELOPE_S,
                            (pn_bytes){ item->inner, item->inner_len },
                            e->envelope, PN_ENVELOPE_MAX, &size));
    copy->envelope = pn_alloc(1, size);
    if (copy->envelope == NULL)
        return PN_E_NOMEM;
    memcpy(copy->envelope, e->envelope, size);
    copy->envelope_len = size;
    return PN_OK;
}

static pn_err keep_inner(cl_engine *e, cl_item *item, size_t len)
{
    item->inner = pn_alloc(1, len);
    if (item->inner == NULL)
        return PN_E_NOMEM;
    memcpy(item->inner, e->inner, len);
    item->inner_len = len;
    e->inner_kept += len;
    if (item->attempts++ == 0)
        item->list_ms = item->contact->list_ms;
    return cl_save_item(e, item);
}

/* PN_MORE: not now, or there is no such item any more. */
static pn_err seal_item(cl_engine *e, cl_item *item)
{
    size_t len = 0;
    bool full;
    pn_err err;
    err = seal_inner(e, item, &full, &len);
    switch ((int)err) {
    case PN_OK:
        err = keep_inner(e, item, len);
        pn_wipe(e->inner, len);
        return err;
    case PN_MORE:
    case PN_E_STATE: /* the session went on since: another try sees to it */
    case PN_E_REFUSED:
        item->wait = CL_WAIT_SESSION;
        item->retry_ms = cl_mono(e) + CL_SECOND_MS;
        cl_item_place(e, item);
        return PN_MORE;
    case PN_E_FULL:
        if (!full)
            return err;
        if (item->kind == CL_ITEM_RESYNC) /* enough for today */
            err = cl_item_end(e, item, CL_ITEM_CANCELLED, CL_FAILURE_NONE);
        else
            err = cl_item_end(e, item, CL_ITEM_FAILED, CL_FAILURE_INTERNAL);
        return err == PN_OK ? PN_MORE : err;
    case PN_E_NOT_FOUND: /* its text is gone from a damaged store */
    case PN_E_CORRUPT:
    case PN_E_VERSION:
    case PN_E_ARG:
        err = cl_item_end(e, item, CL_ITEM_FAILED, CL_FAILURE_INTERNAL);
        return err == PN_OK ? PN_MORE : err;
    default:
        return err;
    }
}

pn_err cl_copy_seal(cl_engine *e, cl_copy *copy)
{
    e->dirty = true;
    if (copy->item->inner == NULL) {
        pn_err err = seal_item(e, copy->item);
        if (err == PN_MORE)
            return PN_OK;
        PN_TRY(err);
    }
    return seal_envelope(e, copy);
}
