#include "tests/support/qclient.h"

#include <sodium.h>
#include <string.h>

static uint8_t frame_bytes[PN_MSG_MAX];

void qclient_queue_init(qclient_queue *q, uint64_t number)
{
    uint8_t seed[32];
    memset(q, 0, sizeof *q);
    (void)crypto_generichash(seed, sizeof seed, (const uint8_t *)&number,
                             sizeof number, NULL, 0);
    (void)crypto_sign_seed_keypair(q->pk, q->sk, seed);
    (void)crypto_generichash(q->capability, 32, seed, sizeof seed, seed, 32);
}

static void on_open(void *ctx, pn_uvlink *link)
{
    qclient *c = ctx;
    (void)link;
    c->events->on_open(c->ctx, c);
}

static pn_err on_frame(void *ctx, pn_uvlink *link, pn_bytes frame)
{
    qclient *c = ctx;
    pn_msg msg;
    PN_TRY(pn_msg_decode(&msg, c->scratch, frame));
    if (msg.kind == PN_MSG_BYE)
        pn_uvlink_close(link, PN_CLOSE_PEER);
    else
        c->events->on_msg(c->ctx, c, &msg);
    return PN_OK;
}

static void on_writable(void *ctx, pn_uvlink *link)
{
    qclient *c = ctx;
    (void)link;
    if (c->events->on_writable != NULL)
        c->events->on_writable(c->ctx, c);
}

static void on_closed(void *ctx, pn_uvlink *link, pn_close_reason reason)
{
    qclient *c = ctx;
    (void)link;
    c->link = NULL;
    c->events->on_closed(c->ctx, c, reason);
}

static const pn_uvlink_events events = { .on_open = on_open,
                                         .on_frame = on_frame,
                                         .on_writable = on_writable,
                                         .on_closed = on_closed };

pn_err qclient_dial(qclient *c, pn_uvhub *hub, const pn_address *address,
                    uint16_t record_size)
{
    const pn_link_offer offer = { .version_min = 1,
                                  .version_max = 1,
                                  .record_size = record_size,
                                  .features =
                                      PN_LINK_FEATURE_QUEUES | c->features };
    c->next_id = 1;
    return pn_uvlink_dial(&c->link, hub, address, &offer, NULL, &events, c);
}

pn_err qclient_send(qclient *c, pn_msg *msg, uint64_t *id)
{
    pn_out out = pn_out_over(frame_bytes, sizeof frame_bytes);
    if (c->link == NULL)
        return PN_E_CLOSED;
    msg->id = c->next_id;
    PN_TRY(pn_msg_encode(&out, msg));
    PN_TRY(pn_uvlink_send(c->link, pn_out_view(&out)));
    if (id != NULL)
        *id = c->next_id;
    c->next_id++;
    return PN_OK;
}

static const uint8_t *binding(const qclient *c)
{
    return pn_link_binding(pn_uvlink_link(c->link));
}

pn_err qclient_create(qclient *c, qclient_queue *q, uint32_t window,
                      uint64_t *id)
{
    uint8_t t[PN_QUEUE_TRANSCRIPT_MAX], hash[32], signature[64];
    pn_msg m = { .kind = PN_MSG_QUEUE_CREATE };
    size_t len;
    (void)crypto_generichash(hash, 32, q->capability, 32, NULL, 0);
    m.u.queue_create = (pn_msg_queue_create){ .queue_key = { q->pk, 32 },
                                              .deposit_hash = { hash, 32 },
                                              .ttl_days = 21,
                                              .window = window,
                                              .signature = { signature, 64 } };
    len = pn_queue_create_transcript(t, binding(c), &m.u.queue_create);
    (void)crypto_sign_detached(signature, NULL, t, len, q->sk);
    return qclient_send(c, &m, id);
}

pn_err qclient_open(qclient *c, const qclient_queue *q, uint32_t window,
                    uint64_t *id)
{
    uint8_t t[PN_QUEUE_TRANSCRIPT_MAX], proof[PN_QUEUE_PROOF_BYTES];
    const size_t len = pn_queue_open_transcript(t, binding(c), q->recv_id);
    pn_msg m = { .kind = PN_MSG_QUEUE_OPEN,
                 .u.queue_open = { window, { proof, sizeof proof } } };
    memcpy(proof, q->recv_id, 32);
    (void)crypto_sign_detached(proof + 32, NULL, t, len, q->sk);
    return qclient_send(c, &m, id);
}

pn_err qclient_deposit(qclient *c, const qclient_queue *q,
                       const uint8_t message_id[16], pn_priority priority,
                       pn_bytes envelope, uint64_t *id)
{
    pn_msg m = { .kind = PN_MSG_DEPOSIT,
                 .u.deposit = { .send_id = { q->send_id, 32 },
                                .capability = { q->capability, 32 },
                                .message_id = { message_id, 16 },
                                .priority = priority,
                                .envelope = envelope } };
    return qclient_send(c, &m, id);
}

pn_err qclient_fetch(qclient *c, uint32_t handle, uint32_t max, uint64_t *id)
{
    pn_msg m = { .kind = PN_MSG_FETCH, .u.fetch = { handle, max } };
    return qclient_send(c, &m, id);
}

pn_err qclient_ack(qclient *c, uint32_t handle, pn_bytes ids, uint64_t *id)
{
    pn_msg m = { .kind = PN_MSG_ACK, .u.ack = { handle, ids, false } };
    return qclient_send(c, &m, id);
}
