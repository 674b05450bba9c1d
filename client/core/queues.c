/* Our mailboxes at relays: create, open, acknowledge, delete. A queue's keys
 * are its own; only the relay's link knows which were opened together. */
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"

enum { RETRY_MS = 30 * 1000, ACKS_MAX = 1 << 20 };

static void init(cl_queue *q, cl_relay *r, cl_owner owner)
{
    q->owner = owner;
    q->relay = r;
    pn_buf_init(&q->acks, ACKS_MAX);
    pn_node_init(&q->in_relay);
}

void cl_queue_attach(cl_queue *q, cl_relay *r)
{
    q->relay = r;
    pn_list_push_back(&r->queues, &q->in_relay);
}

pn_err cl_queue_new(cl_engine *e, cl_relay *r, cl_owner owner, cl_queue **out)
{
    cl_queue *q = pn_alloc(1, sizeof *q);
    pn_err err;
    *out = NULL;
    if (q == NULL)
        return PN_E_NOMEM;
    init(q, r, owner);
    err = pn_random(&e->env, q->seed, sizeof q->seed);
    if (err == PN_OK)
        err = pn_random(&e->env, q->capability, sizeof q->capability);
    if (err == PN_OK)
        err = pn_random(&e->env, q->key, sizeof q->key);
    if (err != PN_OK) {
        cl_queue_free(&q);
        return err;
    }
    if (r != NULL)
        cl_queue_attach(q, r);
    *out = q;
    return PN_OK;
}

pn_err cl_queue_of_link(cl_engine *e, cl_relay *r, cl_owner owner,
                        const uint8_t link_key[32], cl_queue **out)
{
    const pn_bytes key = { link_key, 32 };
    PN_TRY(cl_queue_new(e, r, owner, out));
    cl_hash((*out)->seed, "postern/link-owner/1", &key, 1);
    cl_hash((*out)->capability, "postern/link-deposit/1", &key, 1);
    return PN_OK;
}

static void forget(cl_queue *q)
{
    cl_relay *r = q->relay;
    if (r == NULL)
        return;
    for (pn_node *n = r->requests.next; n != &r->requests; n = n->next) {
        cl_request *req = PN_ENTRY(n, cl_request, in_relay);
        if (req->queue == q)
            req->queue = NULL;
        for (size_t i = 0; i < req->count; i++) {
            if (req->batch[i] == q)
                req->batch[i] = NULL;
        }
    }
    if (q->handle != 0 && q->handle < r->handles_cap &&
        r->handles[q->handle] == q)
        r->handles[q->handle] = NULL;
}

void cl_queue_free(cl_queue **qp)
{
    if (qp == NULL || *qp == NULL)
        return;
    forget(*qp);
    pn_list_remove(&(*qp)->in_relay);
    pn_buf_clear(&(*qp)->acks);
    pn_free_wiped(*qp, sizeof **qp);
    *qp = NULL;
}

pn_err cl_queue_doom(cl_engine *e, cl_queue **qp)
{
    cl_queue *q = *qp;
    if (q == NULL)
        return PN_OK;
    if (!q->created) {
        cl_queue_free(qp);
        return PN_OK;
    }
    if (e->doomed_count == e->doomed_cap) {
        const size_t cap = e->doomed_cap * 2 + 8;
        cl_queue **list = pn_realloc(e->doomed_list, cap, sizeof *list);
        if (list == NULL)
            return PN_E_NOMEM;
        e->doomed_list = list;
        e->doomed_cap = cap;
    }
    PN_TRY(cl_save_doomed(e, q));
    q->owner = CL_OWNER_NOBODY;
    q->who.contact = NULL;
    e->doomed_list[e->doomed_count++] = q;
    *qp = NULL;
    return PN_OK;
}

static pn_err undoom(cl_engine *e, cl_queue *q)
{
    for (size_t i = 0; i < e->doomed_count; i++) {
        if (e->doomed_list[i] != q)
            continue;
        PN_TRY(cl_del(e, CL_TABLE_QUEUE, CL_VIEW(q->recv_id)));
        e->doomed_list[i] = e->doomed_list[--e->doomed_count];
        cl_queue_free(&q);
        return PN_OK;
    }
    return PN_OK;
}

void cl_queue_ref_of(cl_queue_ref *out, const cl_queue *q)
{
    memcpy(out->send_id, q->send_id, sizeof out->send_id);
    memcpy(out->capability, q->capability, sizeof out->capability);
    memcpy(out->key, q->key, sizeof out->key);
    out->relay = q->relay->address;
}

cl_queue *cl_queue_by_recv_id(const cl_engine *e, const uint8_t *recv_id)
{
    for (pn_node *r = e->relays.next; r != &e->relays; r = r->next) {
        const pn_node *list = &PN_ENTRY(r, cl_relay, in_engine)->queues;
        for (pn_node *n = list->next; n != list; n = n->next) {
            cl_queue *q = PN_ENTRY(n, cl_queue, in_relay);
            if (q->created && memcmp(q->recv_id, recv_id, 32) == 0)
                return q;
        }
    }
    return NULL;
}

void cl_queue_ack(cl_engine *e, cl_queue *q, const uint8_t *message_id)
{
    /* Without memory for it the relay gives it again, and we know it then. */
    (void)!pn_buf_append(&q->acks,
                         (pn_bytes){ message_id, PN_MESSAGE_ID_BYTES });
    (void)e;
}

/* --- answers ------------------------------------------------------------ */

static pn_err set_handle(cl_relay *r, cl_queue *q, uint32_t handle)
{
    if (handle >= r->handles_cap) {
        const size_t cap = (size_t)handle * 2 + 16;
        cl_queue **list = pn_realloc(r->handles, cap, sizeof(cl_queue *));
        if (list == NULL)
            return PN_E_NOMEM;
        for (size_t i = r->handles_cap; i < cap; i++)
            list[i] = NULL;
        r->handles = list;
        r->handles_cap = cap;
    }
    forget(q);
    r->handles[handle] = q;
    q->handle = handle;
    q->state = CL_QUEUE_OPEN;
    q->retry_ms = 0;
    return PN_OK;
}

/* For how long not to ask again; 0 if the answer is a refusal. */
static uint64_t retry_of(const pn_msg *msg)
{
    uint64_t ms = 0;
    if (msg->kind == PN_MSG_QUEUE_DONE) {
        if (msg->u.queue_done.status == PN_QUEUE_NOT_ALLOWED)
            return 0;
        ms = msg->u.queue_done.retry_after_ms;
    } else if (msg->kind == PN_MSG_ERROR) {
        if (msg->u.error.code <= PN_ERROR_NOT_ALLOWED)
            return 0;
        ms = msg->u.error.retry_after_ms;
    }
    if (ms > CL_RETRY_MAX_MS)
        ms = CL_RETRY_MAX_MS;
    return ms < CL_SECOND_MS ? RETRY_MS : ms;
}

static pn_err refused(cl_engine *e, cl_queue *q)
{
    q->retry_ms = cl_mono(e) + (uint64_t)10 * RETRY_MS;
    if (q->owner == CL_OWNER_REPLY || q->owner == CL_OWNER_BUNDLE)
        return cl_invite_refused(e, q->who.invite);
    if (q->owner == CL_OWNER_ANSWER)
        return cl_accept_refused(e, q->who.accept);
    return PN_OK;
}

static pn_err created(cl_engine *e, cl_relay *r, cl_queue *q, const pn_msg *msg)
{
    const pn_msg_queue_created *got = &msg->u.queue_created;
    uint64_t wait;
    if (msg->kind != PN_MSG_QUEUE_CREATED) {
        q->state = CL_QUEUE_CLOSED;
        wait = retry_of(msg);
        if (wait == 0)
            return refused(e, q);
        q->retry_ms = cl_mono(e) + wait;
        return PN_OK;
    }
    PN_TRY(set_handle(r, q, got->handle));
    memcpy(q->recv_id, got->recv_id.p, sizeof q->recv_id);
    memcpy(q->send_id, got->send_id.p, sizeof q->send_id);
    q->created = true;
    switch (q->owner) {
    case CL_OWNER_REPLY:
    case CL_OWNER_BUNDLE:
        return cl_invite_queue_created(e, q->who.invite);
    case CL_OWNER_ANSWER:
        return cl_save_accept(e, q->who.accept);
    case CL_OWNER_CONTACT: /* it replaces one the relay has lost */
        q->who.contact->knows_us = false;
        PN_TRY(cl_save_contact(e, q->who.contact));
        return cl_hello_owe(e, q->who.contact, PN_PRIORITY_NORMAL);
    case CL_OWNER_NOBODY:
    case CL_OWNER_FETCH:
        break;
    }
    return PN_OK;
}

/* The relay does not know a queue of ours any more. */
static pn_err lost(cl_engine *e, cl_queue *q)
{
    q->state = CL_QUEUE_LOST;
    switch (q->owner) {
    case CL_OWNER_NOBODY:
        return undoom(e, q);
    case CL_OWNER_FETCH:
        return cl_accept_missing(e, q->who.accept);
    case CL_OWNER_REPLY:
        return cl_invite_refused(e, q->who.invite);
    case CL_OWNER_CONTACT:
    case CL_OWNER_ANSWER: /* make another; the contact is told */
        PN_TRY(pn_random(&e->env, q->seed, sizeof q->seed));
        PN_TRY(pn_random(&e->env, q->capability, sizeof q->capability));
        PN_TRY(pn_random(&e->env, q->key, sizeof q->key));
        q->created = false;
        q->state = CL_QUEUE_CLOSED;
        pn_buf_clear(&q->acks);
        return PN_OK;
    case CL_OWNER_BUNDLE:
        break;
    }
    return PN_OK;
}

static pn_err opened(cl_engine *e, cl_relay *r, cl_request *req,
                     const pn_msg *msg)
{
    const pn_msg_queue_opened *got = &msg->u.queue_opened;
    const bool answered = msg->kind == PN_MSG_QUEUE_OPENED;
    if (answered && got->count != req->count)
        return PN_E_PROTO;
    for (size_t i = 0; i < req->count; i++) {
        cl_queue *q = req->batch[i];
        if (q == NULL)
            continue;
        if (!answered) {
            q->state = CL_QUEUE_CLOSED;
            q->retry_ms = cl_mono(e) + RETRY_MS + retry_of(msg);
        } else if (!got->queues[i].known) {
            PN_TRY(lost(e, q));
        } else {
            PN_TRY(set_handle(r, q, got->queues[i].handle));
            if (q->owner == CL_OWNER_FETCH && got->queues[i].waiting == 0)
                PN_TRY(cl_accept_missing(e, q->who.accept));
        }
    }
    return PN_OK;
}

pn_err cl_queues_answer(cl_engine *e, cl_relay *r, cl_request *req,
                        const pn_msg *msg)
{
    cl_queue *q = req->queue;
    if (req->kind == CL_ASK_OPEN)
        return opened(e, r, req, msg);
    if (q == NULL)
        return PN_OK;
    if (req->kind == CL_ASK_CREATE)
        return created(e, r, q, msg);
    if (msg->kind == PN_MSG_QUEUE_DONE &&
        msg->u.queue_done.status != PN_QUEUE_BUSY)
        return undoom(e, q); /* deleted, or gone already */
    q->state = CL_QUEUE_OPEN;
    q->retry_ms = cl_mono(e) + RETRY_MS;
    return PN_OK;
}

void cl_queue_closed(cl_engine *e, cl_relay *r, const pn_msg *msg)
{
    const uint32_t handle = msg->u.queue_closed.handle;
    cl_queue *q = handle < r->handles_cap ? r->handles[handle] : NULL;
    if (q == NULL)
        return; /* of a handle that we opened again since */
    r->handles[handle] = NULL;
    if (q->handle != handle || q->state != CL_QUEUE_OPEN)
        return;
    q->state = CL_QUEUE_CLOSED;
    q->retry_ms = cl_mono(e) + RETRY_MS; /* somebody else has it; or it is
                                            gone, then opening tells */
}
