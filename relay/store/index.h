/* The index in memory: which queues there are, and where their mail lies.
 * A queue at rest costs a row (160 bytes) and two table cells; one with mail a
 * box (80 bytes) more; a message, waiting or remembered, an entry (48 bytes)
 * and a cell. Bodies are on disk. Does no I/O, knows no days of its own.
 *
 * Every change that the log must hold is one of these calls; recovery makes
 * the same calls. Thread rule: one thread at a time.
 */
#ifndef POSTERN_RELAY_STORE_INDEX_H
#define POSTERN_RELAY_STORE_INDEX_H

#include "proto/base/env.h"
#include "relay/store/slab.h"
#include "relay/store/store.h"
#include "relay/store/table.h"

enum { RL_BLOCK = 64 }; /* offsets in a segment count these */

enum { RL_ROW_SUSPENDED = 1, RL_ROW_BLOCKED = 2 };

typedef struct rl_row {
    uint8_t recv_id[RL_QUEUE_ID_BYTES];
    uint8_t send_id[RL_QUEUE_ID_BYTES];
    uint8_t owner[RL_OWNER_KEY_BYTES];
    uint8_t cap[RL_CAP_HASH_BYTES];
    uint64_t serial;  /* unique for ever; 0: free */
    uint32_t box;     /* its rl_box, or RL_NONE */
    uint32_t old_cap; /* its rl_old_cap, or RL_NONE */
    uint32_t max_count;
    uint32_t max_bytes;
    rl_day created;
    uint8_t ttl_days;
    uint8_t refused; /* bit per class */
    uint8_t flags;
    uint8_t spare[3];
} rl_row;

typedef struct rl_old_cap {
    uint32_t until; /* last day it is valid */
    uint8_t cap[RL_CAP_HASH_BYTES];
} rl_old_cap;

typedef struct rl_chain {
    uint32_t head, tail; /* messages, or RL_NONE */
} rl_chain;

typedef struct rl_box {
    rl_chain waiting[RL_CLASSES]; /* by rising seq */
    rl_chain acked;               /* in the order of acknowledgement */
    uint32_t count[RL_CLASSES];
    uint64_t bytes[RL_CLASSES];
    uint32_t acked_count;
    uint32_t turn; /* of the next acknowledgement */
} rl_box;

typedef struct rl_message {
    uint64_t seq;
    uint8_t id[RL_MESSAGE_ID_BYTES];
    uint32_t row;
    uint32_t next, prev;
    uint32_t at;       /* waiting: block in its segment; acked: its turn */
    uint32_t len : 24; /* of the body */
    uint32_t class : 2;
    uint32_t acked : 1;
    uint32_t used : 1;
    uint32_t unused : 4;
    uint16_t segment;
    rl_day expires;
} rl_message;

typedef struct rl_index {
    rl_slab rows, boxes, old_caps, messages;
    rl_table by_recv, by_send, by_id;
    uint64_t seed[2];
    uint64_t waiting; /* messages */
    uint64_t remembered;
    uint64_t next_serial;
    uint64_t next_seq;
    uint64_t *segment_bytes; /* owned: what is alive in each segment */
    size_t segments;
} rl_index;

/* Bounds as in rl_log_config. PN_E_NOMEM, PN_E_RANDOM. */
PN_MUST_USE pn_err rl_index_init(rl_index *ix, const pn_env *env,
                                 uint32_t max_queues, uint32_t max_messages,
                                 size_t max_segments);
void rl_index_free(rl_index *ix);

/* A row's number by its id, or RL_NONE. */
uint32_t rl_index_by_recv(const rl_index *ix, const uint8_t *id);
uint32_t rl_index_by_send(const rl_index *ix, const uint8_t *id);
static inline rl_row *rl_index_row(const rl_index *ix, uint32_t row)
{
    return rl_slab_at(&ix->rows, row);
}
static inline rl_message *rl_index_message(const rl_index *ix, uint32_t at)
{
    return rl_slab_at(&ix->messages, at);
}
/* The row's box, or NULL. */
rl_box *rl_index_box(const rl_index *ix, uint32_t row);
/* Its old capability, or NULL. */
const rl_old_cap *rl_index_old_cap(const rl_index *ix, uint32_t row);

/* Add a row like *row (box and old_cap are ignored), at a number of its own
 * choosing, or with `want` not RL_NONE at that one, which must be free; then
 * rl_index_relink() is due before the next free choice. PN_E_NOMEM,
 * PN_E_FULL. */
PN_MUST_USE pn_err rl_index_row_add(rl_index *ix, const rl_row *row,
                                    uint32_t want, uint32_t *out);
/* Set or, with until 0, drop the old capability; dropping and replacing always
 * succeed. PN_E_NOMEM, PN_E_FULL. */
PN_MUST_USE pn_err rl_index_set_old_cap(rl_index *ix, uint32_t row,
                                        const uint8_t *cap, uint32_t until);
void rl_index_drop_old_cap(rl_index *ix, uint32_t row);
/* Remove a row, its messages and all it remembers. */
void rl_index_row_remove(rl_index *ix, uint32_t row);
/* Find the free numbers after rows were added at wanted ones. */
void rl_index_relink(rl_index *ix);

/* The message of that id in that queue, waiting or remembered, or RL_NONE. */
uint32_t rl_index_find(const rl_index *ix, uint32_t row, const uint8_t *id);
/* Add an entry like *m (links ignored), whose id must not be there. A waiting
 * one goes to its place by seq, an acked one to the end. PN_E_NOMEM,
 * PN_E_FULL. */
PN_MUST_USE pn_err rl_index_add(rl_index *ix, const rl_message *m,
                                uint32_t *out);
/* Waiting becomes remembered; may forget the longest remembered. */
void rl_index_ack(rl_index *ix, uint32_t at);
void rl_index_forget(rl_index *ix, uint32_t at);
/* A waiting message's body now lies elsewhere. */
void rl_index_move(rl_index *ix, uint32_t at, uint16_t segment, uint32_t block);
/* Forget what expires on or before `day` among the next `count` entries from
 * *cursor on. Returns how many of them were waiting; *cursor is RL_NONE when
 * all have been looked at. */
uint32_t rl_index_expire(rl_index *ix, uint32_t *cursor, uint32_t count,
                         rl_day day);
/* The first waiting message after the cursor's place, or RL_NONE. */
uint32_t rl_index_after(const rl_index *ix, const rl_chain *chain,
                        uint64_t after);
size_t rl_index_bytes(const rl_index *ix);
/* What a message of `len` bytes takes in a segment. */
static inline uint64_t rl_record_bytes(uint64_t len)
{
    return RL_BLOCK + ((len + RL_BLOCK - 1) & ~(uint64_t)(RL_BLOCK - 1));
}

#endif
