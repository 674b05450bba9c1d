/* Items, events and messages. */
#include <string.h>

#include "client/core/records.h"
#include "proto/base/mem.h"

/* Which relays hold it. Not in the records of 0.1. */
static void put_copies(pn_out *o, const cl_item *item)
{
    uint8_t held = 0;
    for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
        if (item->copies[i].held)
            held++;
    }
    pn_put_u8(o, held);
    for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
        if (!item->copies[i].held)
            continue;
        pn_put_u32(o, item->contact->routes[i].number);
        pn_put_u64(o, item->copies[i].since_ms);
    }
    pn_put_u64(o, item->list_ms);
}

/* Of routes that are no longer there it does not count; and then perhaps none
 * holds it. */
static pn_err take_copies(pn_bytes *in, cl_item *item)
{
    const cl_route *routes = item->contact->routes;
    uint8_t held;
    bool any = false;
    if (in->len == 0) { /* there was one route, and that held it */
        if (routes[0].relay == NULL)
            item->state = CL_ITEM_QUEUED;
        item->copies[0].held = item->state == CL_ITEM_RELAYED;
        item->copies[0].since_ms = item->since_ms;
        return PN_OK;
    }
    PN_TRY(pn_take_u8(in, &held));
    if (held > CL_QUEUES_MAX)
        return PN_E_CORRUPT;
    for (; held > 0; held--) {
        uint32_t number;
        uint64_t since;
        PN_TRY(pn_take_u32(in, &number));
        PN_TRY(pn_take_u64(in, &since));
        for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
            if (routes[i].relay == NULL || routes[i].number != number)
                continue;
            item->copies[i].held = any = true;
            item->copies[i].since_ms = since;
        }
    }
    if (any != (item->state == CL_ITEM_RELAYED))
        item->state = any ? CL_ITEM_RELAYED : CL_ITEM_QUEUED;
    return pn_take_u64(in, &item->list_ms);
}

pn_err cl_save_item(cl_engine *e, const cl_item *item)
{
    const size_t cap = 256 + item->receipts_len;
    uint8_t *room = pn_alloc(1, cap);
    pn_out o = pn_out_over(room, cap);
    pn_err err;
    if (room == NULL)
        return PN_E_NOMEM;
    pn_put_u8(&o, CL_RECORD_VERSION);
    pn_put(&o, CL_VIEW(item->id));
    pn_put(&o, CL_VIEW(item->contact->id));
    pn_put_u8(&o, (uint8_t)item->kind);
    pn_put_u8(&o, (uint8_t)item->state);
    pn_put_u8(&o, (uint8_t)item->priority);
    pn_put_u32(&o, item->epoch);
    pn_put_u32(&o, item->attempts);
    pn_put_u64(&o, item->created_ms);
    pn_put_u64(&o, item->expires_ms);
    pn_put_u64(&o, item->since_ms);
    pn_put_u64(&o, item->resend_ms);
    cl_record_put_bytes(&o, item->receipts, item->receipts_len);
    put_copies(&o, item);
    err = cl_record_stage(e, CL_TABLE_ITEM, CL_VIEW(item->id), &o);
    pn_free(room);
    return err;
}

static pn_err take_item(cl_engine *e, pn_bytes *in, cl_item *item)
{
    uint8_t contact[CL_ID_BYTES], kind, state, priority;
    PN_TRY(cl_record_take_version(in));
    PN_TRY(pn_take_copy(in, item->id, sizeof item->id));
    PN_TRY(pn_take_copy(in, contact, sizeof contact));
    PN_TRY(pn_take_u8(in, &kind));
    PN_TRY(pn_take_u8(in, &state));
    PN_TRY(pn_take_u8(in, &priority));
    PN_TRY(pn_take_u32(in, &item->epoch));
    PN_TRY(pn_take_u32(in, &item->attempts));
    PN_TRY(pn_take_u64(in, &item->created_ms));
    PN_TRY(pn_take_u64(in, &item->expires_ms));
    PN_TRY(pn_take_u64(in, &item->since_ms));
    PN_TRY(pn_take_u64(in, &item->resend_ms));
    PN_TRY(cl_record_take_bytes(in, &item->receipts, &item->receipts_len));
    item->contact = cl_contact_by_id(e, contact);
    if (item->contact == NULL || kind < CL_ITEM_MESSAGE ||
        kind > CL_ITEM_RESYNC || state > CL_ITEM_RELAYED ||
        priority < PN_PRIORITY_URGENT || priority > PN_PRIORITY_BULK ||
        item->receipts_len % CL_ID_BYTES != 0)
        return PN_E_CORRUPT;
    item->kind = (cl_item_kind)kind;
    item->state = (cl_item_state)state;
    item->priority = (pn_priority)priority;
    PN_TRY(take_copies(in, item));
    return pn_take_end(in);
}

pn_err cl_read_item(cl_engine *e, pn_bytes in, cl_item **out)
{
    cl_item *item = pn_alloc(1, sizeof *item);
    pn_err err;
    *out = NULL;
    if (item == NULL)
        return PN_E_NOMEM;
    err = cl_record_corrupt(take_item(e, &in, item));
    if (err != PN_OK) {
        pn_free(item->receipts);
        pn_free(item);
        return err;
    }
    *out = item;
    return PN_OK;
}

/* --- events, messages
 * ---------------------------------------------------------------- */

pn_err cl_save_event(cl_engine *e, const cl_event_entry *entry)
{
    uint8_t room[256], key[8];
    pn_out o = pn_out_over(room, sizeof room);
    pn_out k = pn_out_over(key, sizeof key);
    pn_put_u64(&k, entry->event.sequence);
    pn_put_u8(&o, CL_RECORD_VERSION);
    pn_put_u64(&o, entry->event.sequence);
    pn_put_u8(&o, (uint8_t)entry->event.kind);
    pn_put_u8(&o, (uint8_t)entry->event.failure);
    pn_put_u64(&o, entry->event.time_ms);
    pn_put(&o, CL_VIEW(entry->event.contact));
    pn_put(&o, CL_VIEW(entry->event.message));
    pn_put_u8(&o, entry->has_source);
    pn_put(&o, CL_VIEW(entry->source_queue));
    pn_put(&o, CL_VIEW(entry->source_id));
    pn_put(&o, CL_VIEW(entry->content_id));
    return cl_record_stage(e, CL_TABLE_EVENT, CL_VIEW(key), &o);
}

static pn_err take_event(pn_bytes *in, cl_event_entry *out)
{
    uint8_t kind, failure;
    PN_TRY(cl_record_take_version(in));
    PN_TRY(pn_take_u64(in, &out->event.sequence));
    PN_TRY(pn_take_u8(in, &kind));
    PN_TRY(pn_take_u8(in, &failure));
    PN_TRY(pn_take_u64(in, &out->event.time_ms));
    PN_TRY(pn_take_copy(in, out->event.contact, CL_ID_BYTES));
    PN_TRY(pn_take_copy(in, out->event.message, CL_ID_BYTES));
    PN_TRY(cl_record_take_bool(in, &out->has_source));
    PN_TRY(pn_take_copy(in, out->source_queue, sizeof out->source_queue));
    PN_TRY(pn_take_copy(in, out->source_id, sizeof out->source_id));
    PN_TRY(pn_take_copy(in, out->content_id, sizeof out->content_id));
    PN_TRY(pn_take_end(in));
    if (kind < CL_EVENT_MESSAGE || kind > CL_EVENT_RESYNCED ||
        failure > CL_FAILURE_KNOWN)
        return PN_E_CORRUPT;
    out->event.kind = (cl_event_kind)kind;
    out->event.failure = (cl_failure)failure;
    return PN_OK;
}

pn_err cl_read_event(pn_bytes in, cl_event_entry *out)
{
    return cl_record_corrupt(take_event(&in, out));
}

pn_err cl_save_message(cl_engine *e, const cl_message *m)
{
    uint8_t room[640];
    pn_out o = pn_out_over(room, sizeof room);
    pn_put_u8(&o, CL_RECORD_VERSION);
    pn_put(&o, CL_VIEW(m->id));
    pn_put(&o, CL_VIEW(m->contact));
    pn_put(&o, CL_VIEW(m->content_id));
    pn_put_u8(&o, (uint8_t)m->state);
    pn_put_u8(&o, (uint8_t)m->failure);
    pn_put_u8(&o, (uint8_t)m->priority);
    pn_put_u8(&o, m->is_file);
    pn_put_u8(&o, m->has_more);
    pn_put_u64(&o, m->sent_ms);
    pn_put_u64(&o, m->received_ms);
    pn_put_u32(&o, m->len);
    cl_record_put_text(&o, m->file_name);
    cl_record_put_text(&o, m->file_type);
    return cl_record_stage(e, CL_TABLE_MESSAGE, CL_VIEW(m->id), &o);
}

static pn_err take_message(pn_bytes *in, cl_message *m)
{
    uint8_t state, failure, priority;
    PN_TRY(cl_record_take_version(in));
    PN_TRY(pn_take_copy(in, m->id, CL_ID_BYTES));
    PN_TRY(pn_take_copy(in, m->contact, CL_ID_BYTES));
    PN_TRY(pn_take_copy(in, m->content_id, CL_ID_BYTES));
    PN_TRY(pn_take_u8(in, &state));
    PN_TRY(pn_take_u8(in, &failure));
    PN_TRY(pn_take_u8(in, &priority));
    PN_TRY(cl_record_take_bool(in, &m->is_file));
    PN_TRY(cl_record_take_bool(in, &m->has_more));
    PN_TRY(pn_take_u64(in, &m->sent_ms));
    PN_TRY(pn_take_u64(in, &m->received_ms));
    PN_TRY(pn_take_u32(in, &m->len));
    PN_TRY(cl_record_take_text(in, m->file_name, sizeof m->file_name));
    PN_TRY(cl_record_take_text(in, m->file_type, sizeof m->file_type));
    PN_TRY(pn_take_end(in));
    if (state > CL_ITEM_RECEIVED || failure > CL_FAILURE_KNOWN ||
        priority < PN_PRIORITY_URGENT || priority > PN_PRIORITY_BULK)
        return PN_E_CORRUPT;
    m->state = (cl_item_state)state;
    m->failure = (cl_failure)failure;
    m->priority = (pn_priority)priority;
    return PN_OK;
}

pn_err cl_read_message(cl_message *out, pn_bytes value)
{
    *out = (cl_message){ .len = 0 };
    return cl_record_corrupt(take_message(&value, out));
}
