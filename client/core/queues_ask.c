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
    q->state = CL_QUEUE_ASKED;
    return true;
}

static bool wants_open(const cl_queue *q, bool fetch, uint64_t now)
{
    if (!q->created || now < q->retry_ms || q->owner == CL_OWNER_BUNDLE)
        return false;
    if ((q->owner == CL_OWNER_FETCH) != fetch)
        return false;
    return q->state == CL_QUEUE_CLOSED ||
           (q->state == CL_QUEUE_OPEN && q->reopen);
}

/* Open up to PN_OPEN_MAX; false when there is no more to do, or no room. */
static bool open_some(cl_engine *e, cl_relay *r, bool fetch)
{
    uint8_t proofs[PN_OPEN_MAX * PN_QUEUE_PROOF_BYTES], pk[32];
    uint8_t transcript[PN_QUEUE_TRANSCRIPT_MAX];
    cl_queue *batch[PN_OPEN_MAX];
    const uint64_t now = cl_mono(e);
    pn_msg msg = { .kind = PN_MSG_QUEUE_OPEN };
    cl_request *req;
    size_t count = 0;
    for (pn_node *n = r->queues.next; n != &r->queues && count < PN_OPEN_MAX;
         n = n->next) {
        cl_queue *q = PN_ENTRY(n, cl_queue, in_relay);
        if (wants_open(q, fetch, now))
            batch[count++] = q;
    }
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
        .window = fetch ? 1 : CL_WINDOW,
        .proofs = { proofs, count * PN_QUEUE_PROOF_BYTES },
    };
    if (cl_relay_send(e, r, &msg, req) != PN_OK)
        return false;
    for (size_t i = 0; i < count; i++) {
        batch[i]->state = CL_QUEUE_ASKED;
        batch[i]->reopen = batch[i]->held = false;
    }
    return count == PN_OPEN_MAX;
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
    q->state = CL_QUEUE_DELETING;
    return true;
}

void cl_queues_pump(cl_engine *e, cl_relay *r)
{
    const uint64_t now = cl_mono(e);
    for (pn_node *n = r->queues.next; n != &r->queues && !r->full;
         n = n->next) {
        cl_queue *q = PN_ENTRY(n, cl_queue, in_relay);
        bool went = true;
        if (now < q->retry_ms)
            continue;
        if (!q->created && q->state == CL_QUEUE_CLOSED)
            went = create(e, r, q);
        else if (q->state == CL_QUEUE_OPEN && q->owner == CL_OWNER_NOBODY)
            went = delete (e, r, q);
        else if (q->state == CL_QUEUE_OPEN && pn_buf_len(&q->acks) > 0)
            went = acknowledge(e, r, q);
        if (!went)
            return;
    }
    while (!r->full && open_some(e, r, false))
        ;
    while (!r->full && open_some(e, r, true))
        ;
}
