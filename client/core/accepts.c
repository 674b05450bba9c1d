/* Invitations we answer: fetch the bundle (a link) or have it (offline), make
 * a queue of ours, then contact, session and first message in one step; the
 * bundle is destroyed at its relay when a relay holds our first message. */
#include <stdio.h>
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"

static cl_accept *find(const cl_engine *e, const uint8_t *id)
{
    for (pn_node *n = e->accepts.next; n != &e->accepts; n = n->next) {
        cl_accept *accept = PN_ENTRY(n, cl_accept, in_engine);
        if (memcmp(accept->id, id, CL_ID_BYTES) == 0)
            return accept;
    }
    return NULL;
}

void cl_accept_free(cl_engine *e, cl_accept *accept)
{
    while (accept->fetch_count > 0)
        cl_queue_free(e, &accept->fetch[--accept->fetch_count]);
    while (accept->answer_count > 0)
        cl_queue_free(e, &accept->answer[--accept->answer_count]);
    pn_free_wiped(accept->encoded, accept->encoded_len);
    pn_list_remove(&accept->in_engine);
    pn_free_wiped(accept, sizeof *accept);
}

/* It is over; the record goes, what became of it is known until the end. */
static pn_err finish(cl_engine *e, cl_accept *accept, cl_failure failure)
{
    accept->done = true;
    accept->failure = failure;
    e->dirty = e->changed = true;
    while (accept->fetch_count > 0)
        cl_queue_free(e, &accept->fetch[--accept->fetch_count]);
    for (; accept->answer_count > 0; accept->answer_count--)
        PN_TRY(cl_queue_doom(e, &accept->answer[accept->answer_count - 1]));
    if (failure != CL_FAILURE_NONE)
        PN_TRY(cl_event_add(e, CL_EVENT_FAILED, failure, NULL, NULL, NULL));
    return cl_del(e, CL_TABLE_ACCEPT, CL_VIEW(accept->id));
}

/* --- the command
 * -------------------------------------------------------------- */

/* The bundle lies at each of them, and the first that gives it will do. */
static pn_err start_fetch(cl_engine *e, cl_accept *accept)
{
    const cl_link *link = &accept->link;
    for (size_t i = 0; i < link->relay_count; i++) {
        cl_relay *r = cl_relay_of(e, &link->relays[i]);
        cl_queue *q;
        if (r == NULL)
            return PN_E_NOMEM;
        PN_TRY(cl_queue_of_link(e, r, CL_OWNER_FETCH, link->key, &q));
        accept->fetch[accept->fetch_count++] = q;
        q->who.accept = accept;
        memcpy(q->recv_id, link->ids[i], sizeof q->recv_id);
        q->created = true;
        cl_queue_place(e, q);
    }
    return PN_OK;
}

static pn_err parse(cl_engine *e, cl_accept *accept, pn_bytes text)
{
    cl_invitation_form form;
    cl_bundle *b;
    pn_err err;
    PN_TRY(cl_invitation_form_of(&form, text));
    accept->is_link = form == CL_INVITATION_LINK;
    if (accept->is_link) {
        PN_TRY(cl_link_parse(&accept->link, text));
        if ((uint64_t)accept->link.expires_hour * 3600 * 1000 < cl_wall(e))
            return PN_E_TIMEOUT;
        return PN_OK;
    }
    b = pn_alloc(1, sizeof *b);
    if (b == NULL)
        return PN_E_NOMEM;
    err = cl_offline_parse(b, text);
    if (err == PN_OK && b->expires_ms < cl_wall(e))
        err = PN_E_TIMEOUT;
    if (err == PN_OK && cl_identity_equal(&b->identity, &e->self.pub))
        err = PN_E_REFUSED;
    cl_bundle_wipe(b);
    pn_free(b);
    if (err != PN_OK)
        return err;
    accept->encoded = pn_alloc(1, text.len);
    if (accept->encoded == NULL)
        return PN_E_NOMEM;
    memcpy(accept->encoded, text.p, text.len);
    accept->encoded_len = text.len;
    accept->has_bundle = true;
    return PN_OK;
}

static pn_err begin(cl_engine *e, cl_accept *accept, cl_relay *const *own,
                    size_t count)
{
    PN_TRY(pn_random(&e->env, accept->id, CL_ID_BYTES));
    for (size_t i = 0; i < count; i++) {
        PN_TRY(cl_queue_new(e, own[i], CL_OWNER_ANSWER, &accept->answer[i]));
        accept->answer_count++;
        accept->answer[i]->who.accept = accept;
    }
    if (accept->is_link)
        PN_TRY(start_fetch(e, accept));
    return cl_save_accept(e, accept);
}

pn_err cl_invite_accept(cl_engine *e, pn_bytes text, const char *name,
                        uint8_t id[CL_ID_BYTES])
{
    const pn_bytes line = { (const uint8_t *)name, strlen(name) };
    cl_relay *own[CL_QUEUES_MAX];
    cl_accept *accept;
    size_t count;
    pn_err err;
    PN_TRY(cl_begin(e));
    if (line.len > CL_NAME_MAX || (line.len > 0 && !pn_line_ok(line)))
        return PN_E_ARG;
    if (line.len > 0 && !cl_name_is_free(e, name, NULL))
        return PN_E_EXISTS;
    accept = pn_alloc(1, sizeof *accept);
    if (accept == NULL)
        return PN_E_NOMEM;
    pn_list_push_back(&e->accepts, &accept->in_engine);
    memcpy(accept->name, name, line.len);
    err = parse(e, accept, text);
    count = cl_relays_choose(e, own);
    if (err == PN_OK && count == 0)
        err = PN_E_NOT_FOUND;
    if (err != PN_OK) {
        cl_accept_free(e, accept);
        return err;
    }
    e->dirty = e->changed = true;
    err = begin(e, accept, own, count);
    if (err == PN_OK)
        memcpy(id, accept->id, CL_ID_BYTES);
    return cl_finish(e, err);
}

/* --- the bundle
 * ----------------------------------------------------------------- */

/* Takes q off the list and frees it. */
static size_t drop(cl_engine *e, cl_queue **list, size_t count, cl_queue *q)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (list[i] != q)
            list[kept++] = list[i];
    }
    cl_queue_free(e, &q);
    return kept;
}

pn_err cl_accept_missing(cl_engine *e, cl_accept *accept, cl_queue *q)
{
    static const uint8_t none[CL_ID_BYTES];
    accept->fetch_count = drop(e, accept->fetch, accept->fetch_count, q);
    e->dirty = true;
    if (accept->fetch_count > 0 || accept->encoded != NULL ||
        memcmp(accept->contact, none, CL_ID_BYTES) != 0)
        return cl_save_accept(e, accept);
    return finish(e, accept, CL_FAILURE_USED);
}

pn_err cl_accept_refused(cl_engine *e, cl_accept *accept, cl_queue *q)
{
    accept->answer_count = drop(e, accept->answer, accept->answer_count, q);
    e->dirty = true;
    if (accept->answer_count > 0)
        return cl_save_accept(e, accept);
    return finish(e, accept, CL_FAILURE_REFUSED);
}

/* Kept in memory only: it stays at the relay until all is done. */
pn_err cl_accept_fetched(cl_engine *e, cl_accept *accept, pn_bytes envelope)
{
    cl_bundle *b;
    pn_err err;
    if (accept->done || accept->encoded != NULL)
        return PN_OK;
    b = pn_alloc(1, sizeof *b);
    if (b == NULL)
        return PN_E_NOMEM;
    err = cl_blob_open(b, &accept->link, envelope);
    cl_bundle_wipe(b);
    pn_free(b);
    if (err == PN_E_NOMEM)
        return err;
    if (err != PN_OK)
        return finish(e, accept, CL_FAILURE_HOSTILE);
    accept->encoded = pn_alloc(1, envelope.len);
    if (accept->encoded == NULL)
        return PN_E_NOMEM;
    memcpy(accept->encoded, envelope.p, envelope.len);
    accept->encoded_len = envelope.len;
    return PN_OK;
}

static pn_err read_bundle(const cl_accept *accept, cl_bundle *out)
{
    const pn_bytes bytes = { accept->encoded, accept->encoded_len };
    return accept->is_link ? cl_blob_open(out, &accept->link, bytes)
                           : cl_offline_parse(out, bytes);
}

/* --- the contact
 * ------------------------------------------------------------------ */

static pn_err meet(cl_engine *e, cl_accept *accept, const cl_bundle *b,
                   cl_session *s, const uint8_t peer[32])
{
    cl_contact *c;
    cl_item *hello;
    PN_TRY(cl_contact_new(e, accept->name[0] != '\0' ? accept->name : b->name,
                          &c));
    PN_TRY(cl_contact_set_peer(e, c, peer));
    memcpy(c->own_name, b->name, sizeof c->own_name);
    for (size_t i = 0; i < accept->answer_count; i++)
        PN_TRY(cl_contact_add_queue(e, c, accept->answer[i]));
    accept->answer_count = 0;
    c->list_ms = cl_wall(e);
    PN_TRY(cl_contact_set_routes(e, c, b->queues, b->queue_count, 0));
    PN_TRY(cl_save_session(e, c, s));
    PN_TRY(cl_save_contact(e, c));
    PN_TRY(cl_item_new(e, c, CL_ITEM_HELLO, PN_PRIORITY_URGENT, NULL,
                       cl_wall(e) + CL_EXPIRES_DAYS_MAX * cl_day_ms, &hello));
    memcpy(accept->contact, c->id, CL_ID_BYTES);
    memcpy(accept->hello, hello->id, CL_ID_BYTES);
    PN_TRY(cl_event_add(e, CL_EVENT_CONTACT_ADDED, CL_FAILURE_NONE, c->id, NULL,
                        NULL));
    return cl_save_accept(e, accept);
}

static pn_err start(cl_engine *e, cl_accept *accept, const cl_bundle *b)
{
    uint8_t peer[CL_IDENTITY_ID_BYTES];
    cl_session *s = NULL;
    pn_err err;
    cl_identity_id(peer, &b->identity);
    if (cl_contact_by_peer(e, peer) != NULL)
        return finish(e, accept, CL_FAILURE_KNOWN);
    PN_TRY(cl_session_new(&s, CL_PROFILE_NORMAL));
    err = cl_session_start(s, &e->env, &e->self, b);
    if (err == PN_OK)
        err = meet(e, accept, b, s, peer);
    else if (err == PN_E_TIMEOUT)
        err = finish(e, accept, CL_FAILURE_EXPIRED);
    else if (err == PN_E_REFUSED)
        err = finish(e, accept, CL_FAILURE_KNOWN);
    else if (err != PN_E_NOMEM && err != PN_E_RANDOM)
        err = finish(e, accept, CL_FAILURE_HOSTILE);
    cl_session_free(&s);
    return err;
}

/* Some queue of ours is there, and the others too or they are late: then they
 * are told when they are. */
static bool can_answer(cl_engine *e, cl_accept *accept)
{
    size_t created = 0;
    for (size_t i = 0; i < accept->answer_count; i++)
        created += accept->answer[i]->created ? 1 : 0;
    if (accept->done || accept->encoded == NULL || created == 0)
        return false;
    if (created == accept->answer_count)
        return true;
    if (accept->wait_ms == 0)
        accept->wait_ms = cl_mono(e) + CL_LATE_MS;
    return cl_mono(e) >= accept->wait_ms;
}

static pn_err go_on(cl_engine *e, cl_accept *accept)
{
    cl_bundle *b;
    pn_err err;
    if (!can_answer(e, accept))
        return PN_OK;
    accept->wait_ms = 0;
    b = pn_alloc(1, sizeof *b);
    if (b == NULL)
        return PN_E_NOMEM;
    e->dirty = true;
    err = read_bundle(accept, b);
    if (err == PN_OK)
        err = start(e, accept, b);
    else if (err != PN_E_NOMEM)
        err = finish(e, accept, CL_FAILURE_HOSTILE);
    cl_bundle_wipe(b);
    pn_free(b);
    return err;
}

/* The bundle is used up: destroy it wherever it lies. */
static pn_err conclude(cl_engine *e, cl_accept *accept)
{
    for (; accept->fetch_count > 0; accept->fetch_count--)
        PN_TRY(cl_queue_doom(e, &accept->fetch[accept->fetch_count - 1]));
    return finish(e, accept, CL_FAILURE_NONE);
}

pn_err cl_accept_hello_stored(cl_engine *e, const cl_item *item)
{
    for (pn_node *n = e->accepts.next; n != &e->accepts; n = n->next) {
        cl_accept *accept = PN_ENTRY(n, cl_accept, in_engine);
        if (!accept->done && memcmp(accept->hello, item->id, CL_ID_BYTES) == 0)
            return conclude(e, accept);
    }
    return PN_OK;
}

pn_err cl_accepts_tick(cl_engine *e)
{
    static const uint8_t none[CL_ID_BYTES];
    for (pn_node *n = e->accepts.next; n != &e->accepts; n = n->next) {
        cl_accept *accept = PN_ENTRY(n, cl_accept, in_engine);
        const cl_item *hello;
        if (accept->done)
            continue;
        if (memcmp(accept->contact, none, CL_ID_BYTES) == 0) {
            PN_TRY(go_on(e, accept));
            continue;
        }
        hello = cl_item_by_id(e, accept->hello);
        if (hello == NULL) /* confirmed or given up meanwhile */
            PN_TRY(conclude(e, accept));
    }
    return PN_OK;
}

pn_err cl_accept_state(cl_engine *e, const uint8_t id[CL_ID_BYTES],
                       uint8_t contact[CL_ID_BYTES], cl_failure *failure,
                       char reason[CL_REASON_MAX + 1])
{
    static const uint8_t none[CL_ID_BYTES];
    const cl_accept *accept = find(e, id);
    if (accept == NULL)
        return PN_E_NOT_FOUND;
    *failure = accept->failure;
    memcpy(contact, accept->contact, CL_ID_BYTES);
    if (accept->failure != CL_FAILURE_NONE)
        return PN_E_REFUSED;
    if (memcmp(accept->contact, none, CL_ID_BYTES) != 0)
        return PN_OK;
    (void)snprintf(reason, CL_REASON_MAX + 1, "waiting for the relay %.100s",
                   accept->encoded == NULL && accept->fetch_count > 0
                       ? accept->fetch[0]->relay->address.host
                       : accept->answer[0]->relay->address.host);
    return PN_MORE;
}

uint64_t cl_accepts_deadline(const cl_engine *e)
{
    uint64_t at = UINT64_MAX;
    for (pn_node *n = e->accepts.next; n != &e->accepts; n = n->next) {
        const cl_accept *accept = PN_ENTRY(n, cl_accept, in_engine);
        if (!accept->done && accept->wait_ms != 0 && accept->wait_ms < at)
            at = accept->wait_ms;
    }
    return at;
}
