/* Events: what the application has to be told, kept until it says that it has
 * it. A message is acknowledged to its relay only then. */
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"

static bool is_message(const cl_event_entry *entry)
{
    return entry->event.kind == CL_EVENT_MESSAGE ||
           entry->event.kind == CL_EVENT_FILE;
}

static void event_key(uint8_t key[8], uint64_t sequence)
{
    pn_out o = pn_out_over(key, 8);
    pn_put_u64(&o, sequence);
}

void cl_event_drop(cl_engine *e, cl_event_entry *entry)
{
    uint8_t key[8];
    event_key(key, entry->event.sequence);
    (void)pn_map_take(&e->events_by_sequence, key);
    if (cl_event_of_message(e, entry->event.message) == entry)
        (void)pn_map_take(&e->events_by_message, entry->event.message);
    e->event_count--;
    if (!is_message(entry))
        e->notice_count--;
    pn_list_remove(&entry->in_engine);
    pn_free(entry->also);
    pn_free_wiped(entry, sizeof *entry);
}

void cl_event_also(cl_event_entry *entry, cl_queue *q,
                   const uint8_t *message_id)
{
    cl_source *s;
    if (memcmp(entry->source_id, message_id, PN_MESSAGE_ID_BYTES) == 0 &&
        memcmp(entry->source_queue, q->recv_id, 32) == 0)
        return;
    for (size_t i = 0; i < entry->also_count; i++) {
        s = &entry->also[i];
        if (memcmp(s->id, message_id, PN_MESSAGE_ID_BYTES) == 0 &&
            memcmp(s->queue, q->recv_id, 32) == 0)
            return;
    }
    if (entry->also == NULL)
        entry->also = pn_alloc(CL_SOURCES_MAX, sizeof *entry->also);
    if (entry->also == NULL || entry->also_count == CL_SOURCES_MAX) {
        q->held = true; /* it stays there until it is asked for again */
        return;
    }
    s = &entry->also[entry->also_count++];
    memcpy(s->queue, q->recv_id, sizeof s->queue);
    memcpy(s->id, message_id, sizeof s->id);
}

/* Nobody takes them: the oldest deliveries go, their messages say it too. */
static pn_err make_room(cl_engine *e)
{
    uint8_t key[8];
    for (pn_node *n = e->events.next;
         n != &e->events && e->notice_count >= CL_EVENTS_MAX;) {
        cl_event_entry *entry = PN_ENTRY(n, cl_event_entry, in_engine);
        n = n->next;
        if (entry->event.kind != CL_EVENT_DELIVERED)
            continue;
        event_key(key, entry->event.sequence);
        PN_TRY(cl_del(e, CL_TABLE_EVENT, CL_VIEW(key)));
        cl_event_drop(e, entry);
    }
    return PN_OK;
}

pn_err cl_event_link(cl_engine *e, cl_event_entry *entry)
{
    uint8_t key[8];
    pn_err err = PN_OK;
    event_key(key, entry->event.sequence);
    PN_TRY(pn_map_put(&e->events_by_sequence, key, entry));
    if (is_message(entry))
        err = pn_map_put(&e->events_by_message, entry->event.message, entry);
    /* A message twice: it came again when its first coming was forgotten. */
    if (err != PN_OK && err != PN_E_EXISTS) {
        (void)pn_map_take(&e->events_by_sequence, key);
        return err;
    }
    pn_list_push_back(&e->events, &entry->in_engine);
    e->event_count++;
    if (!is_message(entry))
        e->notice_count++;
    return PN_OK;
}

pn_err cl_event_add(cl_engine *e, cl_event_kind kind, cl_failure failure,
                    const uint8_t *contact, const uint8_t *message,
                    cl_event_entry **out)
{
    cl_event_entry *entry;
    pn_err err;
    PN_TRY(make_room(e));
    entry = pn_alloc(1, sizeof *entry);
    if (entry == NULL)
        return PN_E_NOMEM;
    entry->event = (cl_event){ .sequence = e->next_event++,
                               .kind = kind,
                               .failure = failure,
                               .time_ms = cl_wall(e) };
    if (contact != NULL)
        memcpy(entry->event.contact, contact, CL_ID_BYTES);
    if (message != NULL)
        memcpy(entry->event.message, message, CL_ID_BYTES);
    err = cl_event_link(e, entry);
    if (err != PN_OK) {
        pn_free(entry);
        return err;
    }
    e->changed = true;
    if (out != NULL)
        *out = entry; /* its maker saves it, when it is complete */
    else
        PN_TRY(cl_save_event(e, entry));
    return cl_put_self(e);
}

cl_event_entry *cl_event_by_sequence(const cl_engine *e, uint64_t sequence)
{
    uint8_t key[8];
    event_key(key, sequence);
    return pn_map_get(&e->events_by_sequence, key);
}

cl_event_entry *cl_event_of_message(const cl_engine *e, const uint8_t *id)
{
    return pn_map_get(&e->events_by_message, id);
}

void cl_event_give(cl_engine *e, cl_event_entry *entry)
{
    entry->event.given = true;
    pn_list_remove(&entry->in_engine);
    pn_list_push_back(&e->given, &entry->in_engine);
}

static bool waits_in(const pn_node *list, const uint8_t *recv_id,
                     const uint8_t *message_id)
{
    for (pn_node *n = list->next; n != list; n = n->next) {
        const cl_event_entry *entry = PN_ENTRY(n, cl_event_entry, in_engine);
        if (entry->has_source &&
            memcmp(entry->source_id, message_id, PN_MESSAGE_ID_BYTES) == 0 &&
            memcmp(entry->source_queue, recv_id, 32) == 0)
            return true;
    }
    return false;
}

bool cl_event_waits_for(const cl_engine *e, const uint8_t *recv_id,
                        const uint8_t *message_id)
{
    return waits_in(&e->events, recv_id, message_id) ||
           waits_in(&e->given, recv_id, message_id);
}

pn_err cl_event_next(cl_engine *e, cl_event *out)
{
    pn_node *n;
    /* What came with this turn of events must be durable before it is given:
     * nobody may act on a message that is then forgotten. */
    PN_TRY(cl_begin(e));
    n = pn_list_first(&e->events);
    if (n == NULL)
        return PN_E_NOT_FOUND;
    cl_event_give(e, PN_ENTRY(n, cl_event_entry, in_engine));
    *out = PN_ENTRY(n, cl_event_entry, in_engine)->event;
    return PN_OK;
}

static pn_err acknowledge(cl_engine *e, cl_event_entry *entry)
{
    cl_contact *c = cl_contact_by_id(e, entry->event.contact);
    uint8_t key[8];
    event_key(key, entry->event.sequence);
    PN_TRY(cl_del(e, CL_TABLE_EVENT, CL_VIEW(key)));
    if (is_message(entry) && c != NULL)
        PN_TRY(cl_receipt_owe(e, c, entry->content_id));
    return PN_OK;
}

static void ack_at(cl_engine *e, const uint8_t *recv_id, const uint8_t *id)
{
    cl_queue *q = cl_queue_by_recv_id(e, recv_id);
    if (q != NULL) /* else it has gone, with all that was in it */
        cl_queue_ack(e, q, id);
}

pn_err cl_event_ack(cl_engine *e, uint64_t sequence)
{
    cl_event_entry *entry;
    PN_TRY(cl_begin(e));
    if (sequence == 0)
        return PN_OK;
    entry = cl_event_by_sequence(e, sequence);
    if (entry == NULL)
        return sequence < e->next_event ? PN_OK : PN_E_NOT_FOUND;
    e->dirty = true;
    PN_TRY(cl_finish(e, acknowledge(e, entry)));
    if (entry->has_source) { /* durable by now: the relays may forget it */
        ack_at(e, entry->source_queue, entry->source_id);
        for (size_t i = 0; i < entry->also_count; i++)
            ack_at(e, entry->also[i].queue, entry->also[i].id);
    }
    cl_event_drop(e, entry);
    e->changed = true;
    return PN_OK;
}

pn_err cl_event_return(cl_engine *e, uint64_t sequence)
{
    cl_event_entry *entry = cl_event_by_sequence(e, sequence);
    if (entry == NULL)
        return PN_E_NOT_FOUND;
    entry->event.given = false;
    entry->event.again = true;
    pn_list_remove(&entry->in_engine);
    pn_list_push_back(&e->events, &entry->in_engine);
    e->changed = true;
    return PN_OK;
}
