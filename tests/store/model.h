/* What a store should do, in the plainest way: arrays searched from end to
 * end, copied by assignment. Its bodies are a function of their message id.
 */
#ifndef POSTERN_TESTS_STORE_MODEL_H
#define POSTERN_TESTS_STORE_MODEL_H

#include "relay/store/store.h"

enum { MODEL_QUEUES = 6, MODEL_MESSAGES = 1024 };

typedef struct model_queue {
    bool exists;
    uint8_t recv_id[32], send_id[32], owner[32], cap[32], old_cap[32];
    uint32_t old_until, max_count, max_bytes, ttl, created;
    uint32_t suspended, blocked, refused;
} model_queue;

typedef struct model_message {
    uint32_t queue; /* index of its queue */
    uint32_t class;
    uint32_t len;
    uint32_t expires;
    uint32_t acked; /* 0, or its turn among the acknowledged */
    uint8_t id[16];
} model_message;

/* Plain data without padding surprises: memcmp() tells models apart. */
typedef struct model {
    model_queue queues[MODEL_QUEUES];
    model_message messages[MODEL_MESSAGES]; /* oldest first */
    uint32_t count;
    uint32_t today;
    uint32_t acks;
} model;

/* What the result of an operation must say. */
typedef struct model_expect {
    rl_status status;
    uint32_t forgotten;
    rl_queue_info queue;
    uint32_t count; /* fetch */
    bool more;
    uint8_t refused;
    uint8_t ids[RL_FETCH_MAX][16];
    uint32_t lens[RL_FETCH_MAX];
    uint32_t classes[RL_FETCH_MAX];
    uint32_t expires[RL_FETCH_MAX];
} model_expect;

/* Do `op` and say what is expected of it. A fetch must start at the
 * beginning. */
void model_apply(model *m, const rl_op *op, model_expect *out);
/* NULL, or what is wrong with `r`. */
const char *model_compare(const model_expect *want, const rl_result *r);
/* The body of message `id`, `len` bytes. */
void model_body(const uint8_t id[16], uint8_t *out, size_t len);

#endif
