/* Our mailboxes at relays: create, open, acknowledge, delete. A queue's keys
 * are its own; only the relay's link knows which were opened together. */
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"

enum { RETRY_MS = 30 * 1000, ACKS_MAX = 1 << 20 };

cl_queue *cl_queue_blank(cl_relay *r, cl_owner owner)
{
    cl_queue *q = pn_alloc(1, sizeof *q);
    if (q == NULL)
        return NULL;
    q->owner = owner;
    q->relay = r;
    pn_buf_init(&q->acks, ACKS_MAX);
    pn_node_init(&q->in_doomed);
    pn_node_init(&q->in_wish);
    pn_list_push_back(&r->queues, &q->in_relay);
    return q;
}

static pn_err draw_keys(const cl_engine *e, cl_queue *q)
{
    PN_TRY(pn_random(&e->env, q->seed, sizeof q->seed));
    PN_TRY(pn_random(&e->env, q->capability, sizeof q->capability));
    return pn_random(&e->env, q->key, sizeof q->key);
}

pn_err cl_queue_new(cl_engine *e, cl_relay *r, cl_owner owner, cl_queue **out)
{
    cl_queue *q = cl_queue_blank(r, owner);
    pn_err err;
    *out = NULL;
    if (q == NULL)
        return PN_E_NOMEM;
    err = draw_keys(e, q);
    if (err != PN_OK) {
        cl_queue_free(e, &q);
        return err;
    }
    cl_queue_place(e, q);
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

pn_err cl_queue_index(cl_engine *e, cl_queue *q)
{
    pn_err err;
    if (q->owner == CL_OWNER_FETCH)
        return PN_OK; /* somebody else's: it may be our own, too */
    err = pn_map_put(&e->queues_by_id, q->recv_id, q);
    return err == PN_E_EXISTS ? PN_E_PROTO : err;
}

static void unindex(cl_engine *e, const cl_queue *q)
{
    if (q->created && pn_map_get(&e->queues_by_id, q->recv_id) == q)
        (void)pn_map_take(&e->queues_by_id, q->recv_id);
}

static void drop_handle(cl_queue *q)
{
    cl_relay *r = q->relay;
    if (q->handle != 0 && q->handle < r->handles_cap &&
        r->handles[q->handle] == q)
        r->handles[q->handle] = NULL;
    q->handle = 0;
}

/* Its answer, when it comes, is nobody's. */
static void drop_requests(const cl_queue *q)
{
    if (q->blob != NULL)
        q->blob->queue = NULL;
    if (q->asked == NULL)
        return;
    q->asked->queue = NULL;
    for (size_t i = 0; i < q->asked->count; i++) {
        if (q->asked->batch[i] == q)
            q->asked->batch[i] = NULL;
    }
}

void cl_queue_free(cl_engine *e, cl_queue **qp)
{
    cl_queue *q;
    if (qp == NULL || *qp == NULL)
        return;
    q = *qp;
    unindex(e, q);
    drop_requests(q);
    drop_handle(q);
    pn_heap_remove(&q->relay->retries, &q->retry);
    pn_list_remove(&q->in_wish);
    pn_list_remove(&q->in_doomed);
    pn_list_remove(&q->in_relay);
    pn_buf_clear(&q->acks);
    pn_free_wiped(q, sizeof *q);
    *qp = NULL;
}

pn_err cl_queue_rotate(cl_engine *e, cl_queue *q)
{
    PN_TRY(pn_random(&e->env, q->fresh, sizeof q->fresh));
    q->rotating = true;
    cl_queue_place(e, q);
    return PN_OK;
}

void cl_queue_doomed(cl_engine *e, cl_queue **qp)
{
    cl_queue *q = *qp;
    *qp = NULL;
    q->owner = CL_OWNER_NOBODY;
    q->who.contact = NULL;
    q->rotating = false;
    pn_list_push_back(&e->doomed, &q->in_doomed);
    cl_queue_place(e, q);
}

pn_err cl_queue_doom(cl_engine *e, cl_queue **qp)
{
    if (*qp == NULL)
        return PN_OK;
    if (!(*qp)->created) {
        cl_queue_free(e, qp);
        return PN_OK;
    }
    PN_TRY(cl_save_doomed(e, *qp));
    cl_queue_doomed(e, qp);
    return PN_OK;
}

/* The relay has no longer what we want deleted; takes q. */
static pn_err undoom(cl_engine *e, cl_queue *q)
{
    PN_TRY(cl_del(e, CL_TABLE_QUEUE, CL_VIEW(q->recv_id)));
    cl_queue_free(e, &q);
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
    return pn_map_get(&e->queues_by_id, recv_id);
}

void cl_queue_ack(cl_engine *e, cl_queue *q, const uint8_t *message_id)
{
    /* Without memory for it the relay gives it again, and we know it then. */
    (void)!pn_buf_append(&q->acks,
                         (pn_bytes){ message_id, PN_MESSAGE_ID_BYTES });
    cl_queue_place(e, q);
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
    drop_handle(q); /* of another opening */
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
        return cl_invite_refused(e, q->who.invite, q);
    if (q->owner == CL_OWNER_ANSWER)
        return cl_accept_refused(e, q->who.accept, q);
    return PN_OK;
}

static pn_err rotated(cl_engine *e, cl_queue *q, const pn_msg *msg)
{
    const bool done = msg->kind == PN_MSG_QUEUE_DONE &&
                      msg->u.queue_done.status == PN_QUEUE_OK;
    q->asked = NULL;
    if (!q->rotating)
        return PN_OK; /* the queue was replaced or given up meanwhile */
    if (!done) {
        q->retry_ms = cl_mono(e) + RETRY_MS;
        return PN_OK;
    }
    memcpy(q->capability, q->fresh, sizeof q->capability);
    pn_wipe(q->fresh, sizeof q->fresh);
    q->rotating = false;
    return cl_list_changed(e, q->who.contact);
}

/* A contact's: it is written to when the contact knows of it. */
static pn_err join(cl_engine *e, cl_queue *q)
{
    cl_contact *c = q->who.contact;
    cl_queue_ref refs[CL_QUEUES_MAX];
    if (q->role != CL_ROLE_LISTED)
        return cl_save_contact(e, c);
    if (cl_list_of(c, refs) == 1) /* it replaces all that was lost */
        c->knows_us = false;
    pn_wipe(refs, sizeof refs);
    return cl_list_changed(e, c);
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
    PN_TRY(cl_queue_index(e, q));
    q->created = true;
    switch (q->owner) {
    case CL_OWNER_REPLY:
    case CL_OWNER_BUNDLE:
        return cl_invite_queue_created(e, q->who.invite);
    case CL_OWNER_ANSWER:
        return cl_save_accept(e, q->who.accept);
    case CL_OWNER_CONTACT:
        return join(e, q);
    case CL_OWNER_NOBODY:
    case CL_OWNER_FETCH:
        break;
    }
    return PN_OK;
}

/* Make another in its place; when it is there, the contact is told. */
static pn_err start_again(cl_engine *e, cl_queue *q)
{
    PN_TRY(draw_keys(e, q));
    unindex(e, q);
    q->created = q->rotating = false;
    q->state = CL_QUEUE_CLOSED;
    pn_buf_clear(&q->acks);
    return PN_OK;
}

static pn_err forget_left(cl_engine *e, cl_queue *q)
{
    cl_contact *c = q->who.contact;
    cl_contact_lose_queue(c, q);
    cl_queue_free(e, &q);
    return cl_save_contact(e, c);
}

/* The relay does not know a queue of ours any more. */
static pn_err lost(cl_engine *e, cl_queue *q)
{
    q->state = CL_QUEUE_LOST;
    drop_handle(q);
    switch (q->owner) {
    case CL_OWNER_NOBODY:
        return undoom(e, q);
    case CL_OWNER_FETCH:
        return cl_accept_missing(e, q->who.accept, q);
    case CL_OWNER_REPLY:
        return cl_invite_refused(e, q->who.invite, q);
    case CL_OWNER_CONTACT:
        if (q->role == CL_ROLE_LEFT)
            return forget_left(e, q);
        q->born_ms = cl_wall(e);
        q->messages = 0;
        return start_again(e, q);
    case CL_OWNER_ANSWER:
        return start_again(e, q);
    case CL_OWNER_BUNDLE:
        break;
    }
    return PN_OK;
}

static pn_err opened_one(cl_engine *e, cl_relay *r, cl_queue *q,
                         const pn_msg *msg, size_t i)
{
    const pn_msg_queue_opened *got = &msg->u.queue_opened;
    if (msg->kind != PN_MSG_QUEUE_OPENED) {
        q->state = CL_QUEUE_CLOSED;
        q->retry_ms = cl_mono(e) + RETRY_MS + retry_of(msg);
        return PN_OK;
    }
    if (!got->queues[i].known)
        return lost(e, q);
    PN_TRY(set_handle(r, q, got->queues[i].handle));
    q->heard_ms = cl_wall(e);
    if (q->owner == CL_OWNER_FETCH && got->queues[i].waiting == 0)
        return cl_accept_missing(e, q->who.accept, q);
    return PN_OK;
}

static pn_err opened(cl_engine *e, cl_relay *r, cl_request *req,
                     const pn_msg *msg)
{
    if (msg->kind == PN_MSG_QUEUE_OPENED &&
        msg->u.queue_opened.count != req->count)
        return PN_E_PROTO;
    for (size_t i = 0; i < req->count; i++) {
        cl_queue *q = req->batch[i];
        if (q == NULL)
            continue;
        PN_TRY(opened_one(e, r, q, msg, i));
        if (req->batch[i] == NULL)
            continue; /* it was freed by that */
        q->asked = NULL;
        cl_queue_place(e, q);
    }
    return PN_OK;
}

pn_err cl_queues_answer(cl_engine *e, cl_relay *r, cl_request *req,
                        const pn_msg *msg)
{
    cl_queue *q = req->queue;
    pn_err err = PN_OK;
    if (req->kind == CL_ASK_OPEN)
        return opened(e, r, req, msg);
    if (q == NULL)
        return PN_OK;
    if (req->kind == CL_ASK_CREATE) {
        err = created(e, r, q, msg);
    } else if (req->kind == CL_ASK_ROTATE) {
        err = rotated(e, q, msg);
    } else if (msg->kind == PN_MSG_QUEUE_DONE &&
               msg->u.queue_done.status != PN_QUEUE_BUSY) {
        return undoom(e, q); /* deleted, or gone already */
    } else {
        q->state = CL_QUEUE_OPEN;
        q->retry_ms = cl_mono(e) + RETRY_MS;
    }
    if (req->queue != NULL) { /* it was not freed by that */
        q->asked = NULL;
        cl_queue_place(e, q);
    }
    return err;
}
