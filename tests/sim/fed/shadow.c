#include <stdlib.h>
#include <string.h>

#include "tests/sim/fed/fail.h"
#include "tests/sim/fed/shadow_inside.h"

static void *some(size_t size)
{
    void *p = calloc(1, size);
    FED_CHECK(p != NULL, "the simulator has memory", "shadow");
    return p;
}

/* --- life ----------------------------------------------------------------- */

fed_shadow *fed_shadow_new(size_t relay, const uint64_t *now_ms)
{
    fed_shadow *s = some(sizeof *s);
    s->relay = relay;
    s->now_ms = now_ms;
    pn_node_init(&s->queues);
    pn_node_init(&s->questions);
    pn_node_init(&s->handles);
    pn_node_init(&s->waiting);
    return s;
}

static void free_question(fed_question *q)
{
    pn_list_remove(&q->node);
    free(q->ids);
    free(q);
}

void fed_promise_free(fed_promise *p)
{
    pn_list_remove(&p->node);
    free(p);
}

static void free_queue(fed_shadow_queue *q)
{
    pn_node *n;
    while ((n = pn_list_first(&q->promises)) != NULL)
        fed_promise_free(PN_ENTRY(n, fed_promise, node));
    pn_list_remove(&q->node);
    free(q);
}

void fed_shadow_wiped(fed_shadow *s)
{
    pn_node *n;
    while ((n = pn_list_first(&s->queues)) != NULL)
        free_queue(PN_ENTRY(n, fed_shadow_queue, node));
    fed_shadow_forget_waiting(s);
    free(s->durable);
    s->durable = NULL;
    s->durable_count = s->durable_cap = 0;
}

void fed_shadow_free(fed_shadow **sp)
{
    fed_shadow *s = *sp;
    pn_node *n;
    *sp = NULL;
    if (s == NULL)
        return;
    fed_shadow_wiped(s);
    while ((n = pn_list_first(&s->questions)) != NULL)
        free_question(PN_ENTRY(n, fed_question, node));
    while ((n = pn_list_first(&s->handles)) != NULL) {
        pn_list_remove(n);
        free(PN_ENTRY(n, fed_handle, node));
    }
    free(s);
}

void fed_shadow_distrust(fed_shadow *s)
{
    s->distrusted = true;
    fed_shadow_wiped(s);
}

void fed_shadow_gone(fed_shadow *s, uint64_t peer)
{
    pn_node *n = s->questions.next;
    while (n != &s->questions) {
        fed_question *q = PN_ENTRY(n, fed_question, node);
        n = n->next;
        if (q->peer == peer)
            free_question(q);
    }
    n = s->handles.next;
    while (n != &s->handles) {
        fed_handle *h = PN_ENTRY(n, fed_handle, node);
        n = n->next;
        if (h->peer != peer)
            continue;
        pn_list_remove(&h->node);
        free(h);
    }
}

void fed_shadow_crashed(fed_shadow *s)
{
    s->restarts++;
    fed_shadow_forget_waiting(s);
    for (pn_node *n = s->queues.next; n != &s->queues; n = n->next) {
        fed_shadow_queue *q = PN_ENTRY(n, fed_shadow_queue, node);
        for (pn_node *m = q->promises.next; m != &q->promises; m = m->next)
            PN_ENTRY(m, fed_promise, node)->is_asked = false;
    }
}

/* --- finding -------------------------------------------------------------- */

static fed_shadow_queue *by_recv(fed_shadow *s, const uint8_t *id)
{
    for (pn_node *n = s->queues.next; n != &s->queues; n = n->next) {
        fed_shadow_queue *q = PN_ENTRY(n, fed_shadow_queue, node);
        if (memcmp(q->recv_id, id, PN_QUEUE_ID_BYTES) == 0)
            return q;
    }
    return NULL;
}

static fed_shadow_queue *by_send(fed_shadow *s, const uint8_t *id)
{
    for (pn_node *n = s->queues.next; n != &s->queues; n = n->next) {
        fed_shadow_queue *q = PN_ENTRY(n, fed_shadow_queue, node);
        if (memcmp(q->send_id, id, PN_QUEUE_ID_BYTES) == 0)
            return q;
    }
    return NULL;
}

static fed_shadow_queue *by_handle(fed_shadow *s, uint64_t peer,
                                   uint32_t number)
{
    for (pn_node *n = s->handles.next; n != &s->handles; n = n->next) {
        const fed_handle *h = PN_ENTRY(n, fed_handle, node);
        if (h->peer == peer && h->number == number)
            return by_recv(s, h->recv_id);
    }
    return NULL;
}

static fed_question *asked(fed_shadow *s, uint64_t peer, uint64_t id)
{
    for (pn_node *n = s->questions.next; n != &s->questions; n = n->next) {
        fed_question *q = PN_ENTRY(n, fed_question, node);
        if (q->peer == peer && q->id == id)
            return q;
    }
    return NULL;
}

static fed_promise *find_promise(fed_shadow_queue *q, const uint8_t *message_id)
{
    for (pn_node *n = q->promises.next; n != &q->promises; n = n->next) {
        fed_promise *p = PN_ENTRY(n, fed_promise, node);
        if (memcmp(p->message_id, message_id, PN_MESSAGE_ID_BYTES) == 0)
            return p;
    }
    return NULL;
}

/* --- what links say ------------------------------------------------------- */

static fed_question *ask(fed_shadow *s, uint64_t peer, const pn_msg *msg)
{
    fed_question *q = some(sizeof *q);
    q->peer = peer;
    q->id = msg->id;
    q->kind = msg->kind;
    pn_list_push_back(&s->questions, &q->node);
    return q;
}

static void hear_open(fed_shadow *s, uint64_t peer, const pn_msg *msg)
{
    const pn_bytes proofs = msg->u.queue_open.proofs;
    fed_question *q = ask(s, peer, msg);
    q->count = proofs.len / PN_QUEUE_PROOF_BYTES;
    q->ids = some(q->count * PN_QUEUE_ID_BYTES);
    for (size_t i = 0; i < q->count; i++)
        memcpy(q->ids + i * PN_QUEUE_ID_BYTES,
               proofs.p + i * PN_QUEUE_PROOF_BYTES, PN_QUEUE_ID_BYTES);
}

static void hear_deposit(fed_shadow *s, uint64_t peer, const pn_msg *msg)
{
    fed_question *q = ask(s, peer, msg);
    memcpy(q->queue_id, msg->u.deposit.send_id.p, PN_QUEUE_ID_BYTES);
    memcpy(q->message_id, msg->u.deposit.message_id.p, PN_MESSAGE_ID_BYTES);
    q->ttl_days = msg->u.deposit.ttl_days;
}

static void hear_ack(fed_shadow *s, uint64_t peer, const pn_msg_ack *ack)
{
    fed_shadow_queue *q = by_handle(s, peer, ack->handle);
    for (size_t at = 0; q != NULL && at < ack->message_ids.len;
         at += PN_MESSAGE_ID_BYTES) {
        fed_promise *p = find_promise(q, ack->message_ids.p + at);
        if (p != NULL)
            fed_promise_free(p);
    }
}

void fed_shadow_heard(fed_shadow *s, uint64_t peer, const pn_msg *msg)
{
    fed_shadow_queue *q;
    if (s->distrusted)
        return;
    if (msg->kind == PN_MSG_QUEUE_OPEN)
        hear_open(s, peer, msg);
    else if (msg->kind == PN_MSG_DEPOSIT)
        hear_deposit(s, peer, msg);
    else if (msg->kind == PN_MSG_FORWARD)
        fed_shadow_heard_forward(ask(s, peer, msg), &msg->u.forward);
    else if (msg->kind == PN_MSG_ACK)
        hear_ack(s, peer, &msg->u.ack);
    if (msg->kind == PN_MSG_QUEUE_DELETE &&
        (q = by_handle(s, peer, msg->u.queue_handle.handle)) != NULL)
        free_queue(q);
}

static void add_handle(fed_shadow *s, uint64_t peer, uint32_t number,
                       const uint8_t *recv_id)
{
    fed_handle *h = some(sizeof *h);
    h->peer = peer;
    h->number = number;
    memcpy(h->recv_id, recv_id, PN_QUEUE_ID_BYTES);
    pn_list_push_back(&s->handles, &h->node);
}

static void told_created(fed_shadow *s, uint64_t peer,
                         const pn_msg_queue_created *created)
{
    fed_shadow_queue *q = some(sizeof *q);
    memcpy(q->recv_id, created->recv_id.p, PN_QUEUE_ID_BYTES);
    memcpy(q->send_id, created->send_id.p, PN_QUEUE_ID_BYTES);
    q->ttl_days = created->ttl_days;
    pn_node_init(&q->promises);
    pn_list_push_back(&s->queues, &q->node);
    add_handle(s, peer, created->handle, q->recv_id);
}

static void promise_it(fed_shadow *s, const fed_question *asked_for)
{
    fed_shadow_queue *q = by_send(s, asked_for->queue_id);
    fed_promise *p;
    if (q == NULL || find_promise(q, asked_for->message_id) != NULL)
        return;
    p = some(sizeof *p);
    memcpy(p->message_id, asked_for->message_id, PN_MESSAGE_ID_BYTES);
    p->since_ms = *s->now_ms;
    p->restarts = s->restarts;
    p->ttl_days = asked_for->ttl_days != 0 ? asked_for->ttl_days : q->ttl_days;
    pn_list_push_back(&q->promises, &p->node);
    s->promised++;
}

void fed_shadow_told(fed_shadow *s, uint64_t peer, const pn_msg *msg)
{
    fed_question *q;
    if (s->distrusted)
        return;
    if (msg->kind == PN_MSG_QUEUE_CREATED) {
        told_created(s, peer, &msg->u.queue_created);
        return;
    }
    if (msg->kind == PN_MSG_DELIVER)
        return;
    q = asked(s, peer, msg->id);
    if (q == NULL)
        return;
    fed_shadow_check_answer(s, q, msg);
    if (msg->kind == PN_MSG_QUEUE_OPENED && q->kind == PN_MSG_QUEUE_OPEN) {
        for (size_t i = 0; i < q->count && i < msg->u.queue_opened.count; i++) {
            if (msg->u.queue_opened.queues[i].known)
                add_handle(s, peer, msg->u.queue_opened.queues[i].handle,
                           q->ids + i * PN_QUEUE_ID_BYTES);
        }
    }
    if (msg->kind == PN_MSG_DEPOSIT_RESULT && q->kind == PN_MSG_DEPOSIT &&
        msg->u.deposit_result.status == PN_DEPOSIT_STORED)
        promise_it(s, q);
    free_question(q);
}
