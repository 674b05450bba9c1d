/* What relays deliver. An envelope is opened on a copy of its session; state,
 * message and event are staged together, and the envelope is acknowledged when
 * the application has acknowledged the event. A repetition is known by its tag
 * (the same envelope) or by its content's id (the same message, sealed again).
 */
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"

/* One delivery on its way through. */
typedef struct parcel {
    cl_queue *queue;
    cl_contact *contact; /* NULL: an invitation's answer */
    cl_session *session; /* owned */
    const uint8_t *message_id;
    pn_bytes inner;
    uint8_t tag[CL_MESSAGE_TAG_BYTES];
    cl_opened opened;
} parcel;

/* --- what was seen ------------------------------------------------------ */

/* value: calendar u64 (chores.c), event sequence u64 (0: nothing to wait for)
 */
static pn_err note(cl_engine *e, pn_bytes key, uint64_t sequence)
{
    uint8_t value[16];
    pn_out o = pn_out_over(value, sizeof value);
    pn_put_u64(&o, e->calendar_ms);
    pn_put_u64(&o, sequence);
    return cl_put(e, CL_TABLE_SEEN, key, CL_VIEW(value));
}

static pn_err was_seen(cl_engine *e, pn_bytes key, bool *seen,
                       uint64_t *sequence)
{
    pn_err err = e->store.get(e->store.ctx, CL_TABLE_SEEN, key, &e->record);
    pn_bytes in = pn_buf_view(&e->record);
    uint64_t when;
    *seen = err == PN_OK;
    if (err == PN_E_NOT_FOUND)
        return PN_OK;
    PN_TRY(err);
    PN_TRY(pn_take_u64(&in, &when));
    return pn_take_u64(&in, sequence);
}

/* It need not come again, unless the application still has what came under
 * this id before: a relay may give anything under any id. */
static void let_go(cl_engine *e, cl_queue *q, const uint8_t *message_id)
{
    if (!cl_event_waits_for(e, q->recv_id, message_id))
        cl_queue_ack(e, q, message_id);
}

/* Done with the envelope. */
static pn_err dismiss(cl_engine *e, const parcel *p)
{
    PN_TRY(note(e, CL_VIEW(p->tag), 0));
    let_go(e, p->queue, p->message_id);
    return PN_OK;
}

/* --- content ------------------------------------------------------------ */

/* Local ids do not depend on the peer's choice alone: two contacts cannot make
 * their messages collide. */
static void local_id(uint8_t out[CL_ID_BYTES], const cl_contact *c,
                     const uint8_t *content_id)
{
    const pn_bytes parts[] = { CL_VIEW(c->id), { content_id, CL_ID_BYTES } };
    uint8_t h[32];
    cl_hash(h, "postern/local-id/1", parts, 2);
    memcpy(out, h, CL_ID_BYTES);
}

static void copy_text(char *out, size_t cap, pn_bytes text)
{
    const size_t len = text.len < cap ? text.len : cap - 1;
    if (len > 0)
        memcpy(out, text.p, len);
    out[len] = '\0';
}

static pn_err keep_message(cl_engine *e, const parcel *p, const cl_content *c,
                           pn_priority priority)
{
    cl_message m = { .state = CL_ITEM_RECEIVED,
                     .priority = priority,
                     .is_file = c->has_file,
                     .has_more = c->has_more,
                     .sent_ms = c->has_sent ? c->sent_ms : 0,
                     .received_ms = cl_wall(e) };
    const pn_bytes body = c->has_file ? c->file_bytes : c->text;
    cl_event_entry *entry;
    local_id(m.id, p->contact, c->id);
    memcpy(m.contact, p->contact->id, CL_ID_BYTES);
    memcpy(m.content_id, c->id, CL_ID_BYTES);
    m.len = (uint32_t)body.len;
    if (c->has_file) {
        copy_text(m.file_name, sizeof m.file_name, c->file_name);
        copy_text(m.file_type, sizeof m.file_type, c->file_type);
    }
    PN_TRY(cl_save_message(e, &m));
    PN_TRY(cl_put(e, CL_TABLE_BODY, CL_VIEW(m.id), body));
    PN_TRY(cl_event_add(e, c->has_file ? CL_EVENT_FILE : CL_EVENT_MESSAGE,
                        CL_FAILURE_NONE, p->contact->id, m.id, &entry));
    entry->has_source = true;
    memcpy(entry->source_queue, p->queue->recv_id, 32);
    memcpy(entry->source_id, p->message_id, PN_MESSAGE_ID_BYTES);
    memcpy(entry->content_id, c->id, CL_ID_BYTES);
    PN_TRY(cl_save_event(e, entry));
    return note(e, CL_VIEW(p->tag), entry->event.sequence);
}

/* Whether the message came before; if so it is owed another receipt, for the
 * first may have been lost. */
static pn_err check_content(cl_engine *e, const parcel *p, const cl_content *c,
                            bool *repeated)
{
    uint8_t key[2 * CL_ID_BYTES];
    uint64_t unused;
    memcpy(key, p->contact->id, CL_ID_BYTES);
    memcpy(key + CL_ID_BYTES, c->id, CL_ID_BYTES);
    PN_TRY(was_seen(e, CL_VIEW(key), repeated, &unused));
    if (!*repeated)
        return note(e, CL_VIEW(key), 0);
    return PN_OK;
}

/* Copies and relays may overtake each other, so that an old list comes last;
 * and what came before may come again with a newer list. */
static pn_err take_queues(cl_engine *e, cl_contact *from, const cl_content *c,
                          bool repeated)
{
    if (c->queue_count == 0 || c->queues_ms < from->peer_list_ms ||
        (repeated && c->queues_ms == 0))
        return PN_OK;
    return cl_contact_set_routes(e, from, c->queues, c->queue_count,
                                 c->queues_ms);
}

static pn_err take_content(cl_engine *e, parcel *p, const cl_content *c,
                           pn_priority priority)
{
    const bool wants_receipt =
        c->text.len > 0 || c->has_file || c->queue_count > 0;
    bool repeated;
    if (p->contact->blocked)
        return dismiss(e, p); /* unseen: it may come after the block */
    PN_TRY(check_content(e, p, c, &repeated));
    for (size_t at = 0; at < c->receipts.len; at += CL_ID_BYTES)
        PN_TRY(cl_item_confirmed(e, p->contact, c->receipts.p + at));
    PN_TRY(take_queues(e, p->contact, c, repeated));
    if (!repeated) {
        if (c->profile_name.len > 0)
            copy_text(p->contact->own_name, sizeof p->contact->own_name,
                      c->profile_name);
        p->contact->peer_thin = c->wants_thin;
    }
    PN_TRY(cl_save_contact(e, p->contact));
    if (!repeated && (c->text.len > 0 || c->has_file))
        return keep_message(e, p, c, priority);
    if (wants_receipt) {
        cl_event_entry *entry;
        uint8_t id[CL_ID_BYTES];
        local_id(id, p->contact, c->id);
        entry = cl_event_of_message(e, id);
        if (entry != NULL) { /* receipt and acknowledgement wait for that */
            cl_event_also(entry, p->queue, p->message_id);
            return note(e, CL_VIEW(p->tag), entry->event.sequence);
        }
        PN_TRY(cl_receipt_owe(e, p->contact, c->id));
    }
    return dismiss(e, p);
}

/* --- sessions ----------------------------------------------------------- */

/* The answer to an invitation: a contact comes of it. */
static pn_err meet(cl_engine *e, parcel *p)
{
    cl_invite *invite = p->queue->who.invite;
    const cl_identity_public *peer = cl_session_peer(p->session);
    cl_contact *c;
    uint8_t id[CL_IDENTITY_ID_BYTES];
    PN_TRY(cl_contact_new(e, invite->name, &c));
    cl_identity_id(id, peer);
    PN_TRY(cl_contact_set_peer(e, c, id));
    c->knows_us = true;
    p->contact = c;
    PN_TRY(cl_invite_answered(e, invite, c));
    return cl_event_add(e, CL_EVENT_CONTACT_ADDED, CL_FAILURE_NONE, c->id, NULL,
                        NULL);
}

/* A session began anew: what was not confirmed goes again, and something goes
 * soon, so that the peer learns of it. */
static pn_err resynced(cl_engine *e, parcel *p)
{
    cl_bundle bundle;
    pn_err err = cl_resync_parse(&bundle, p->inner);
    if (err == PN_OK)
        err = cl_contact_set_routes(e, p->contact, bundle.queues,
                                    bundle.queue_count, bundle.created_ms);
    cl_bundle_wipe(&bundle);
    PN_TRY(err);
    PN_TRY(cl_items_again(e, p->contact));
    PN_TRY(cl_hello_owe(e, p->contact, PN_PRIORITY_URGENT));
    PN_TRY(cl_save_contact(e, p->contact));
    PN_TRY(cl_event_add(e, CL_EVENT_RESYNCED, CL_FAILURE_NONE, p->contact->id,
                        NULL, NULL));
    return dismiss(e, p);
}

static pn_err opened(cl_engine *e, parcel *p, pn_priority priority)
{
    cl_content_scratch scratch = { 0 };
    const bool is_first = p->contact == NULL;
    cl_content content;
    pn_err err;
    if (is_first)
        PN_TRY(meet(e, p));
    PN_TRY(cl_save_session(e, p->contact, p->session));
    p->contact->seen_ms = cl_wall(e);
    p->contact->knows_us = true;
    if (p->opened.kind == CL_OPENED_RESYNC)
        return resynced(e, p);
    if (p->opened.is_new_session && !is_first)
        PN_TRY(cl_items_again(e, p->contact));
    err = cl_content_decode(&content, &scratch,
                            (pn_bytes){ e->plain, p->opened.len });
    if (err == PN_OK)
        err = take_content(e, p, &content, priority);
    else if (err == PN_E_PROTO) /* of its peer's making: there is no message */
        err = dismiss(e, p);
    cl_content_scratch_release(&scratch);
    if (err == PN_OK && is_first)
        err = cl_save_contact(e, p->contact);
    return err;
}

/* Nothing of it opens. The sender will send its content again. */
static pn_err unreadable(cl_engine *e, parcel *p)
{
    if (p->contact != NULL) {
        if (cl_session_unreadable(p->session, &e->env)) {
            PN_TRY(cl_session_lost(p->session, &e->env));
            p->contact->resync_ms = 0;
            cl_contact_times(e, p->contact);
            PN_TRY(cl_event_add(e, CL_EVENT_RESYNCED, CL_FAILURE_NONE,
                                p->contact->id, NULL, NULL));
        }
        PN_TRY(cl_save_session(e, p->contact, p->session));
    }
    return dismiss(e, p);
}

static void rejected_key(uint8_t key[32], const cl_contact *c,
                         const cl_identity_public *who)
{
    uint8_t id[CL_IDENTITY_ID_BYTES];
    const pn_bytes parts[] = { CL_VIEW(c->id), CL_VIEW(id) };
    cl_identity_id(id, who);
    cl_hash(key, "postern/rejected/1", parts, 2);
}

pn_err cl_inbox_reject(cl_engine *e, const cl_contact *c,
                       const cl_identity_public *who)
{
    uint8_t key[32];
    rejected_key(key, c, who);
    return note(e, CL_VIEW(key), 0);
}

/* Another identity than the known one: it waits where it is, unless a person
 * has said no to it. */
static pn_err stranger(cl_engine *e, parcel *p)
{
    const bool known = p->contact->session == CL_SESSION_BLOCKED;
    uint8_t key[32];
    uint64_t unused;
    bool rejected;
    rejected_key(key, p->contact, cl_session_pending(p->session));
    PN_TRY(was_seen(e, CL_VIEW(key), &rejected, &unused));
    if (rejected && !known) {
        PN_TRY(cl_session_dismiss(p->session));
        PN_TRY(cl_save_session(e, p->contact, p->session));
        return dismiss(e, p);
    }
    p->queue->held = true;
    PN_TRY(cl_save_session(e, p->contact, p->session));
    if (known)
        return PN_OK;
    return cl_event_add(e, CL_EVENT_IDENTITY_CHANGED, CL_FAILURE_NONE,
                        p->contact->id, NULL, NULL);
}

static pn_err open_parcel(cl_engine *e, parcel *p, pn_priority priority)
{
    const cl_prekeys *keys = NULL;
    pn_err err;
    if (p->queue->owner == CL_OWNER_REPLY) {
        keys = &p->queue->who.invite->inv.keys;
        PN_TRY(cl_session_new(&p->session, CL_PROFILE_NORMAL));
    } else {
        err = cl_load_session(e, p->contact, &p->session);
        if (cl_is_damaged(err)) {
            p->queue->held = true; /* it is not the envelope's fault */
            return PN_OK;
        }
        PN_TRY(err);
    }
    err = cl_session_open(p->session, &e->env, &e->self, keys, p->inner,
                          e->plain, PN_ENVELOPE_MAX, &p->opened);
    switch ((int)err) {
    case PN_OK:
        err = opened(e, p, priority);
        pn_wipe(e->plain, p->opened.len);
        return err;
    case PN_E_NOMEM:
    case PN_E_RANDOM:
        return err;
    case PN_E_CRYPTO:
    case PN_E_NOT_FOUND:
        return unreadable(e, p);
    case PN_E_REFUSED:
        if (p->contact != NULL &&
            cl_session_get_state(p->session) == CL_SESSION_BLOCKED)
            return stranger(e, p);
        return unreadable(e, p);
    case PN_E_FULL: /* too many resyncs today */
        p->queue->held = true;
        return PN_OK;
    default: /* opened before; too old; no message at all */
        return dismiss(e, p);
    }
}

static pn_err deliver(cl_engine *e, parcel *p, pn_priority priority)
{
    cl_event_entry *entry;
    uint64_t sequence = 0;
    bool seen;
    cl_message_tag(p->tag, p->inner);
    PN_TRY(was_seen(e, CL_VIEW(p->tag), &seen, &sequence));
    if (!seen)
        return open_parcel(e, p, priority);
    entry = cl_event_by_sequence(e, sequence);
    if (entry == NULL)
        let_go(e, p->queue, p->message_id);
    else /* the application has it still: all copies wait for that */
        cl_event_also(entry, p->queue, p->message_id);
    return PN_OK;
}

pn_err cl_inbox_deliver(cl_engine *e, cl_relay *r, const pn_msg_deliver *d)
{
    parcel p = { .message_id = d->message_id.p };
    pn_err err;
    p.queue = d->handle < r->handles_cap ? r->handles[d->handle] : NULL;
    if (p.queue == NULL || p.queue->owner == CL_OWNER_NOBODY)
        return PN_OK; /* of a handle that is closed by now */
    if (p.queue->owner == CL_OWNER_FETCH)
        return cl_accept_fetched(e, p.queue->who.accept, d->envelope);
    if (p.queue->owner == CL_OWNER_CONTACT)
        p.contact = p.queue->who.contact;
    if (p.contact != NULL) {
        p.queue->messages++; /* saved with what comes of it */
        p.queue->heard_ms = cl_wall(e);
        if (p.queue->messages == CL_QUEUE_MESSAGES)
            cl_upkeep_due(e, p.contact);
    } else if (p.queue->owner != CL_OWNER_REPLY)
        return PN_OK;
    err = d->envelope.len == 0
              ? PN_E_CRYPTO
              : pn_envelope_open(p.queue->key, p.queue->send_id, d->envelope,
                                 e->inner, PN_ENVELOPE_MAX, &p.inner);
    if (err != PN_OK) { /* damaged, or by one who has no key: nobody's mail */
        let_go(e, p.queue, d->message_id.p);
        return PN_OK;
    }
    e->dirty = true;
    err = deliver(e, &p, d->priority);
    pn_wipe(e->inner, d->envelope.len);
    cl_session_free(&p.session);
    return err;
}
