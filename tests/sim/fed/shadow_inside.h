/* What the files of the shadow share, and nobody else sees. */
#ifndef POSTERN_TESTS_SIM_FED_SHADOW_INSIDE_H
#define POSTERN_TESTS_SIM_FED_SHADOW_INSIDE_H

#include "proto/base/list.h"
#include "tests/sim/fed/shadow.h"

/* A promise: this message is in this queue. */
typedef struct fed_promise {
    pn_node node;
    uint8_t message_id[PN_MESSAGE_ID_BYTES];
    uint64_t since_ms;
    uint32_t restarts; /* of the relay, before it */
    uint32_t ttl_days;
    bool is_asked;
} fed_promise;

typedef struct fed_shadow_queue {
    pn_node node;
    uint8_t recv_id[PN_QUEUE_ID_BYTES];
    uint8_t send_id[PN_QUEUE_ID_BYTES];
    uint32_t ttl_days;
    uint64_t asked_as; /* the token of the last question about it */
    pn_node promises;
} fed_shadow_queue;

/* What a link has asked, and what was opened on it. */
typedef struct fed_question {
    pn_node node;
    uint64_t peer, id;
    pn_msg_kind kind;
    uint8_t queue_id[PN_QUEUE_ID_BYTES]; /* of a deposit, send_id */
    uint8_t message_id[PN_MESSAGE_ID_BYTES];
    uint32_t ttl_days; /* likewise; 0: the queue's own */
    size_t count;      /* of an opening */
    uint8_t *ids;      /* owned: count recv_ids */
    uint64_t parcel;   /* of a forward, a hash */
} fed_question;

typedef struct fed_handle {
    pn_node node;
    uint64_t peer;
    uint32_t number;
    uint8_t recv_id[PN_QUEUE_ID_BYTES];
} fed_handle;

struct fed_shadow {
    size_t relay;
    const uint64_t *now_ms;
    uint32_t restarts;
    bool distrusted;
    pn_node queues, questions, handles;
    uint64_t audits, promised, found;
    pn_node waiting;   /* deposits the store has not answered */
    uint64_t *durable; /* owned; a set of hashes */
    size_t durable_count, durable_cap;
};

void fed_promise_free(fed_promise *p);

/* --- shadow_commit.c ------------------------------------------------------ */

void fed_shadow_heard_forward(fed_question *q, const pn_msg_forward *forward);
void fed_shadow_check_answer(const fed_shadow *s, const fed_question *asked,
                             const pn_msg *answer);
void fed_shadow_committed(fed_shadow *s, const rl_result *result);
void fed_shadow_forget_waiting(fed_shadow *s);

#endif
