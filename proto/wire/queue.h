/* Queue commands as they stand in a pn_msg (PROTOCOL.md section 3), and the
 * bytes a recipient signs. Included by msg.h; what each field means on the
 * wire is said in proto/schema/link.proto.
 * Thread rule: plain values.
 */
#ifndef POSTERN_PROTO_WIRE_QUEUE_H
#define POSTERN_PROTO_WIRE_QUEUE_H

#include "proto/base/bytes.h"

enum {
    PN_QUEUE_ID_BYTES = 32,     /* recv_id and send_id */
    PN_QUEUE_KEY_BYTES = 32,    /* Ed25519 public key of the recipient */
    PN_CAPABILITY_BYTES = 32,   /* bearer secret of one sender */
    PN_DEPOSIT_HASH_BYTES = 32, /* BLAKE2b-256 of it */
    PN_MESSAGE_ID_BYTES = 16,   /* unique in its queue */
    PN_SIGNATURE_BYTES = 64,    /* Ed25519 */
    PN_ACCESS_SECRET_MAX = 64,  /* what an operator may ask of creators */
    PN_QUEUE_PROOF_BYTES = PN_QUEUE_ID_BYTES + PN_SIGNATURE_BYTES,
    PN_OPEN_MAX = 64,     /* queues in one QueueOpen */
    PN_ACK_MAX = 1024,    /* message ids in one Ack */
    PN_FETCH_MAX = 256,   /* messages wanted by one Fetch */
    PN_WINDOW_MAX = 4096, /* pushed, not acknowledged, per queue */
    PN_TTL_DAYS_MIN = 2,
    PN_TTL_DAYS_MAX = 90,
    PN_TTL_DAYS_DEFAULT = 21,
    PN_HANDLE_MAX = 65535, /* handles are 1..this, never given twice */
    /* A Deposit or Deliver beyond its envelope, the u32 frame length included,
     * as long as the frame's id is below 2^21. */
    PN_DEPOSIT_OVERHEAD_MAX = 110,
    PN_QUEUE_TRANSCRIPT_MAX = 160,
};

/* Highest first; also the order of delivery. */
typedef enum pn_priority {
    PN_PRIORITY_URGENT = 1,
    PN_PRIORITY_NORMAL = 2,
    PN_PRIORITY_BULK = 3,
} pn_priority;

typedef enum pn_deposit_status {
    PN_DEPOSIT_STORED = 1,    /* durable */
    PN_DEPOSIT_DUPLICATE = 2, /* this id was stored before */
    PN_DEPOSIT_QUOTA = 3,     /* the queue is full for this priority */
    PN_DEPOSIT_SUSPENDED = 4, /* the recipient or the operator refuses */
    PN_DEPOSIT_UNKNOWN = 5,   /* no such queue, or wrong capability */
    PN_DEPOSIT_BUSY = 6,      /* not now: try again */
} pn_deposit_status;

typedef enum pn_queue_status {
    PN_QUEUE_OK = 1,
    PN_QUEUE_UNKNOWN = 2,     /* the handle is closed, or the queue gone */
    PN_QUEUE_NOT_ALLOWED = 3, /* the operator's access setting says no */
    PN_QUEUE_BUSY = 4,        /* a limit, or overload: try again */
} pn_queue_status;

typedef enum pn_closed_reason {
    PN_CLOSED_TAKEN = 1, /* opened again, here or elsewhere */
    PN_CLOSED_GONE = 2,  /* deleted */
} pn_closed_reason;

/* Bits of pn_opened_queue.flags. */
enum { PN_OPENED_SUSPENDED = 1, PN_OPENED_BLOCKED = 2 };

typedef struct pn_msg_deposit {
    pn_bytes send_id;
    pn_bytes capability; /* secret */
    pn_bytes message_id;
    pn_priority priority;
    uint32_t ttl_days; /* 0: the queue's own */
    pn_bytes envelope; /* exactly one of the four sizes */
} pn_msg_deposit;

typedef struct pn_msg_deposit_result {
    pn_deposit_status status;
    uint32_t retry_after_ms; /* 0 unless busy */
} pn_msg_deposit_result;

typedef struct pn_msg_fetch {
    uint32_t handle;
    uint32_t max;
} pn_msg_fetch;

typedef struct pn_msg_deliver {
    uint32_t handle;
    pn_bytes message_id;
    pn_priority priority;
    pn_bytes envelope; /* empty: lost to a damaged disk */
} pn_msg_deliver;

typedef struct pn_msg_fetch_end {
    bool more;
    uint32_t refused; /* bit priority - 1 */
} pn_msg_fetch_end;

typedef struct pn_msg_ack {
    uint32_t handle;
    pn_bytes message_ids; /* whole ids, end to end; may be none */
    bool refused_seen;
} pn_msg_ack;

typedef struct pn_msg_acked {
    uint32_t forgotten;
} pn_msg_acked;

typedef struct pn_msg_queue_create {
    pn_bytes queue_key;
    pn_bytes deposit_hash;
    uint32_t ttl_days;
    uint32_t window;
    pn_bytes access_secret; /* secret; may be empty */
    pn_bytes signature;
} pn_msg_queue_create;

typedef struct pn_msg_queue_created {
    uint32_t handle;
    pn_bytes recv_id;
    pn_bytes send_id;
    uint32_t max_count;
    uint32_t max_bytes;
    uint32_t ttl_days;
} pn_msg_queue_created;

typedef struct pn_msg_queue_open {
    uint32_t window;
    pn_bytes proofs; /* 1..PN_OPEN_MAX times PN_QUEUE_PROOF_BYTES */
} pn_msg_queue_open;

/* All zero but `known` when false. */
typedef struct pn_opened_queue {
    bool known;
    uint32_t handle;
    uint32_t waiting;
    uint32_t refused;
    uint32_t flags;
} pn_opened_queue;

typedef struct pn_msg_queue_opened {
    const pn_opened_queue *queues;
    size_t count; /* 1..PN_OPEN_MAX */
} pn_msg_queue_opened;

typedef struct pn_msg_queue_rotate {
    uint32_t handle;
    pn_bytes deposit_hash;
} pn_msg_queue_rotate;

/* QueueSuspend, QueueResume, QueueDelete. */
typedef struct pn_msg_queue_handle {
    uint32_t handle;
} pn_msg_queue_handle;

typedef struct pn_msg_queue_done {
    pn_queue_status status;
    uint32_t retry_after_ms; /* 0 unless busy */
} pn_msg_queue_done;

typedef struct pn_msg_queue_closed {
    uint32_t handle;
    pn_closed_reason reason;
} pn_msg_queue_closed;

/* What the signature of QueueOpen (for one recv_id) covers. `binding` is the
 * link's handshake hash (32 bytes), so that a signature opens nothing on any
 * other link. Returns how many bytes of out[] were written. */
size_t pn_queue_open_transcript(uint8_t out[PN_QUEUE_TRANSCRIPT_MAX],
                                const uint8_t *binding, const uint8_t *recv_id);
/* What the signature of QueueCreate covers. */
size_t pn_queue_create_transcript(uint8_t out[PN_QUEUE_TRANSCRIPT_MAX],
                                  const uint8_t *binding,
                                  const pn_msg_queue_create *create);
/* Whether `len` is the size of an envelope. */
bool pn_envelope_len_ok(size_t len);

#endif
