/* A small client of queues over one link, for benchmarks and integration
 * tests: speaks every queue command, pipelined, and keeps no state but the
 * link and the next frame id. Not a model of how a real client should be.
 * Thread rule: the loop's thread.
 */
#ifndef POSTERN_TESTS_SUPPORT_QCLIENT_H
#define POSTERN_TESTS_SUPPORT_QCLIENT_H

#include "proto/carrier/uvlink.h"

typedef struct qclient qclient;

typedef struct qclient_events {
    void (*on_open)(void *ctx, qclient *c);
    void (*on_msg)(void *ctx, qclient *c, const pn_msg *msg);
    void (*on_writable)(void *ctx, qclient *c); /* may be NULL */
    void (*on_closed)(void *ctx, qclient *c, pn_close_reason reason);
} qclient_events;

/* Open it by filling `events`, `ctx`, `index` and what else is asked for in
 * `features`, then qclient_dial(). */
struct qclient {
    const qclient_events *events;
    void *ctx;
    size_t index;      /* the owner's */
    uint64_t features; /* besides queues */
    pn_uvlink *link;
    uint64_t next_id;
    pn_msg_scratch *scratch; /* shared by all of a loop */
};

/* One queue as both of its ends know it. */
typedef struct qclient_queue {
    uint8_t sk[64];
    uint8_t pk[32];
    uint8_t capability[32];
    uint8_t recv_id[32];
    uint8_t send_id[32];
    uint32_t handle;
} qclient_queue;

/* Keys and capability from a number; ids come with QueueCreated. */
void qclient_queue_init(qclient_queue *q, uint64_t number);

PN_MUST_USE pn_err qclient_dial(qclient *c, pn_uvhub *hub,
                                const pn_address *address,
                                uint16_t record_size);
/* Each sends one command and gives its frame id in *id (may be NULL).
 * PN_E_FULL: on_writable follows, nothing was sent. */
PN_MUST_USE pn_err qclient_create(qclient *c, qclient_queue *q, uint32_t window,
                                  uint64_t *id);
PN_MUST_USE pn_err qclient_open(qclient *c, const qclient_queue *q,
                                uint32_t window, uint64_t *id);
PN_MUST_USE pn_err qclient_deposit(qclient *c, const qclient_queue *q,
                                   const uint8_t message_id[16],
                                   pn_priority priority, pn_bytes envelope,
                                   uint64_t *id);
PN_MUST_USE pn_err qclient_fetch(qclient *c, uint32_t handle, uint32_t max,
                                 uint64_t *id);
PN_MUST_USE pn_err qclient_ack(qclient *c, uint32_t handle, pn_bytes ids,
                               uint64_t *id);
PN_MUST_USE pn_err qclient_send(qclient *c, pn_msg *msg, uint64_t *id);

#endif
