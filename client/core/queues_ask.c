/* What our mailboxes want of their relay: to be created, opened, acknowledged,
 * deleted. */
#include <sodium.h>
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"

static void sign(uint8_t out[64], uint8_t pk[32], const cl_queue *q,
                 const uint8_t *transcript, size_t len)
{
    uint8_t sk[64];
    (void)crypto_sign_seed_keypair(pk, sk, q->seed);
    (void)crypto_sign_detached(out, NULL, transcript, len, sk);
    pn_wipe(sk, sizeof sk);
}

static uint32_t ttl_days(const cl_engine *e, const cl_queue *q)
{
    uint64_t left;
    if (q->owner != CL_OWNER_BUNDLE)
        return PN_TTL_DAYS_DEFAULT;
    left = q->who.invite->expires_ms - q->who.invite->created_ms;
    (void)e;
    left = left / cl_day_ms + 1;
    if (left < PN_TTL_DAYS_MIN)
        return PN_TTL_DAYS_MIN;
    return left > PN_TTL_DAYS_MAX ? PN_TTL_DAYS_MAX : (uint32_t)left;
}

static bool create(cl_engine *e, cl_relay *r, cl_queue *q)
{
    uint8_t pk[32], hash[32], signature[64];
    uint8_t transcript[PN_QUEUE_TRANSCRIPT_MAX];
    cl_request *req = cl_request_new(r, CL_ASK_CREATE, 0);
    pn_msg msg = { .kind = PN_MSG_QUEUE_CREATE };
    uint8_t sk[64];
    if (req == NULL)
        return false;
    (void)crypto_sign_seed_keypair(pk, sk, q->seed);
    pn_wipe(sk, sizeof sk);
    (void)crypto_generichash(hash, sizeof hash, q->capability,
                             sizeof q->capability, NULL, 0);
    msg.u.queue_create = (pn_msg_queue_create){
        .queue_key = CL_VIEW(pk),
        .deposit_hash = CL_VIEW(hash),
        .access_secret = { r->access, r->access_len },
        .ttl_days = ttl_days(e, q),
        .window = q->owner == CL_OWNER_BUNDLE ? 0 : CL_WINDOW,
    };
    sign(signature, pk, q, transcript,
         pn_queue_create_transcript(transcript, r->binding,
                                    &msg.u.queue_create));
    msg.u.queue_create.signature = CL_VIEW(signature);
    req->queue = q;
    if (cl_relay_send(e, r, &msg, req) != PN_OK)
        return false;
    q->asked = req;
    q->state = CL_QUEUE_ASKED;
    return true;
}

/* --- what a queue wants ------------------------------------------------- */

static bool wants_rotation(const cl_queue *q)
{
    return q->rotating && q->owner == CL_OWNER_CONTACT && q->asked == NULL;
}

static pn_node *wish_of(const cl_queue *q)
{
    cl_relay *r = q->relay;
    const bool closed = q->state == CL_QUEUE_CLOSED;
    const bool open = q->state == CL_QUEUE_OPEN;
    if (r->state != CL_RELAY_ONLINE)
        return NULL;
    if (closed && !q->created)
        return &r->to_work;
    if (open && (q->owner == CL_OWNER_NOBODY || pn_buf_len(&q->acks) > 0 ||
                 wants_rotation(q)))
        return &r->to_work;
    if ((!closed && !(open && q->reopen)) || q->owner == CL_OWNER_BUNDLE)
        return NULL;
    return q->owner == CL_OWNER_FETCH ? &r->to_fetch : &r->to_open;
}

void cl_queue_place(cl_engine *e, cl_queue *q)
{
    pn_node *wish = wish_of(q);
    uint64_t at = PN_HEAP_NEVER;
    if (wish != NULL && q->retry_ms > cl_mono(e)) {
        at = q->retry_ms;
        wish = NULL;
    }
    pn_heap_set(&q->relay->retries, &q->retry, at);
    if (wish == q->wish)
        return;
    pn_list_remove(&q->in_wish);
    q->wish = wish;
    if (wish != NULL)
        pn_list_push_back(wish, &q->in_wish);
}

/* --- asking ------------------------------------------------------------- */

/* Open up to PN_OPEN_MAX of `list`; false if there is none, or no room. */
static bool open_some(cl_engine *e, cl_relay *r, const pn_node *list)
{
    uint8_t proofs[PN_OPEN_MAX * PN_QUEUE_PROOF_BYTES], pk[32];
    uint8_t transcript[PN_QUEUE_TRANSCRIPT_MAX];
    cl_queue *batch[PN_OPEN_MAX];
    pn_msg msg = { .kind = PN_MSG_QUEUE_OPEN };
    cl_request *req;
    size_t count = 0;
    for (pn_node *n = list->next; n != list && count < PN_OPEN_MAX; n = n->next)
        batch[count++] = PN_ENTRY(n, cl_queue, in_wish);
    if (count == 0)
        return false;
    req = cl_request_new(r, CL_ASK_OPEN, count);
    if (req == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        uint8_t *at = proofs + i * PN_QUEUE_PROOF_BYTES;
        memcpy(at, batch[i]->recv_id, PN_QUEUE_ID_BYTES);
        sign(at + PN_QUEUE_ID_BYTES, pk, batch[i], transcript,
             pn_queue_open_transcript(transcript, r->binding,
                                      batch[i]->recv_id));
        req->batch[i] = batch[i];
    }
    msg.u.queue_open = (pn_msg_queue_open){
        .window = list == &r->to_fetch ? 1 : CL_WINDOW,
        .proofs = { proofs, count * PN_QUEUE_PROOF_BYTES },
    };
    if (cl_relay_send(e, r, &msg, req) != PN_OK)
        return false;
    for (size_t i = 0; i < count; i++) {
        batch[i]->asked = req;
        batch[i]->state = CL_QUEUE_ASKED;
        batch[i]->reopen = batch[i]->held = false;
        cl_queue_place(e, batch[i]);
    }
    return true;
}

static bool acknowledge(cl_engine *e, cl_relay *r, cl_queue *q)
{
    cl_request *req = cl_request_new(r, CL_ASK_ACK, 0);
    pn_msg msg = { .kind = PN_MSG_ACK };
    pn_bytes ids = pn_buf_view(&q->acks);
    if (req == NULL)
        return false;
    if (ids.len > (size_t)PN_ACK_MAX * PN_MESSAGE_ID_BYTES)
        ids.len = (size_t)PN_ACK_MAX * PN_MESSAGE_ID_BYTES;
    msg.u.ack = (pn_msg_ack){ .handle = q->handle,
                              .message_ids = ids,
                              .refused_seen = true };
    if (cl_relay_send(e, r, &msg, req) != PN_OK)
        return false;
    pn_buf_consume(&q->acks, ids.len);
    return true;
}

static bool rotate(cl_engine *e, cl_relay *r, cl_queue *q)
{
    cl_request *req = cl_request_new(r, CL_ASK_ROTATE, 0);
    pn_msg msg = { .kind = PN_MSG_QUEUE_ROTATE };
    uint8_t hash[32];
    if (req == NULL)
        return false;
    (void)crypto_generichash(hash, sizeof hash, q->fresh, sizeof q->fresh, NULL,
                             0);
    msg.u.queue_rotate.handle = q->handle;
    msg.u.queue_rotate.deposit_hash = CL_VIEW(hash);
    req->queue = q;
    if (cl_relay_send(e, r, &msg, req) != PN_OK)
        return false;
    q->asked = req;
    return true;
}

static bool delete (cl_engine *e, cl_relay *r, cl_queue *q)
{
    cl_request *req = cl_request_new(r, CL_ASK_DELETE, 0);
    pn_msg msg = { .kind = PN_MSG_QUEUE_DELETE };
    if (req == NULL)
        return false;
    msg.u.queue_handle.handle = q->handle;
    req->queue = q;
    if (cl_relay_send(e, r, &msg, req) != PN_OK)
        return false;
    q->asked = req;
    q->state = CL_QUEUE_DELETING;
    return true;
}

static bool work(cl_engine *e, cl_relay *r, cl_queue *q)
{
    if (!q->created)
        return create(e, r, q);
    if (q->owner == CL_OWNER_NOBODY)
        return delete (e, r, q);
    return wants_rotation(q) ? rotate(e, r, q) : acknowledge(e, r, q);
}

void cl_queues_pump(cl_engine *e, cl_relay *r)
{
    pn_heap_node *due;
    pn_node *n;
    while ((due = pn_heap_due(&r->retries, cl_mono(e))) != NULL)
        cl_queue_place(e, PN_ENTRY(due, cl_queue, retry));
    while (!r->full && (n = pn_list_first(&r->to_work)) != NULL) {
        cl_queue *q = PN_ENTRY(n, cl_queue, in_wish);
        if (!work(e, r, q))
            return;
        cl_queue_place(e, q);
    }
    while (!r->full && open_some(e, r, &r->to_open))
        ;
    while (!r->full && open_some(e, r, &r->to_fetch))
        ;
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
    q->retry_ms = cl_mono(e) + CL_REOPEN_MS; /* somebody else has it; or it is
                                            gone, then opening tells */
    cl_queue_place(e, q);
}
