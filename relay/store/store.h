/* The store's contract: queues and their mail, made durable.
 *
 * Asynchronous: operations go in with a token, results come out with it. All
 * operations that gather while one commit runs share the next one. A backend
 * may be a log on this disk, memory, or a database elsewhere: nothing here
 * asks for a whole table, and a deposit is one atomic check-and-insert inside
 * the backend.
 *
 * What a result promises: everything it says is durable. `RL_STATUS_OK` for a
 * deposit means that the message survives SIGKILL and power loss until it is
 * acknowledged, purged, or expires. Operations take effect in the order of
 * submission; a fetch sees what was submitted before it. Results come in any
 * order, but that of a deposit comes before that of a later operation on its
 * queue which saw it, and those of a queue's deposits in the order of their
 * sequence: who pushes mail from results leaves nothing out by it. After a
 * failure of the disk nothing is answered with OK that is not durable; what had
 * no answer may or may not have taken effect.
 *
 * Order: within one queue a fetch gives urgent, then normal, then bulk, and
 * within a class the order of deposit (rising sequence).
 *
 * Time: the store has no clock. Operations carry the day (days since
 * 1970-01-01 UTC, or what the caller counts instead); nothing finer is kept.
 *
 * Thread rule: submit, flush, drain, stats and close belong to one thread. The
 * notify callback comes from any thread, with no lock held, and must not call
 * the store; it asks that thread to call rl_store_drain().
 */
#ifndef POSTERN_RELAY_STORE_STORE_H
#define POSTERN_RELAY_STORE_STORE_H

#include "proto/base/bytes.h"

enum {
    RL_QUEUE_ID_BYTES = 32,
    RL_OWNER_KEY_BYTES = 32,  /* Ed25519 public key */
    RL_CAP_HASH_BYTES = 32,   /* BLAKE2b-256 of a deposit capability */
    RL_MESSAGE_ID_BYTES = 16, /* chosen by the sender, unique in its queue */
    RL_BODY_MAX = 131072,     /* bytes of one stored message, 1 at least */
    RL_ACK_MAX = 1024,        /* message ids in one acknowledgement */
    RL_FETCH_MAX = 256,       /* envelopes in one fetch */
    RL_TTL_DAYS_MAX = 90,
    RL_OLD_CAP_DAYS = 30, /* a rotated capability stays valid so long */
};

/* As max_count: the queue is a spool, the relay's own. Its bounds are kept by
 * who fills it, none here; and what was acknowledged is not remembered, so
 * that its id may be deposited again. */
#define RL_SPOOL UINT32_MAX

typedef uint16_t rl_day;

/* Priority, highest first; also the order of delivery. */
typedef enum rl_class {
    RL_URGENT,
    RL_NORMAL,
    RL_BULK,
    RL_CLASSES, /* how many there are */
} rl_class;

typedef enum rl_op_kind {
    RL_OP_CREATE = 1, /* make a queue */
    RL_OP_LOOKUP,     /* what a queue is, by recv_id */
    RL_OP_DEPOSIT,    /* put one message, by send_id and capability */
    RL_OP_FETCH,      /* read messages after a cursor, by recv_id */
    RL_OP_ACK,        /* forget messages, by recv_id and message ids */
    RL_OP_ROTATE,     /* new capability, by recv_id */
    RL_OP_SUSPEND,    /* refuse deposits, by recv_id */
    RL_OP_RESUME,
    RL_OP_DELETE, /* forget a queue and its mail, by recv_id */
    /* The operator's; the id may be a recv_id or a send_id. */
    RL_OP_BLOCK, /* refuse deposits; the recipient cannot undo it */
    RL_OP_UNBLOCK,
    RL_OP_PURGE, /* forget all mail of a queue */
    /* The whole store's; takes no id. */
    RL_OP_EXPIRE, /* forget what expires on or before `day` */
} rl_op_kind;

typedef enum rl_status {
    RL_STATUS_OK,
    RL_STATUS_DUPLICATE, /* deposit: this id is stored, or was, and acked */
    RL_STATUS_UNKNOWN,   /* no such queue, or wrong capability */
    RL_STATUS_QUOTA,     /* deposit: the queue's share is full; now marked */
    RL_STATUS_SUSPENDED, /* deposit: the recipient refuses */
    RL_STATUS_BLOCKED,   /* deposit: the operator refuses */
    RL_STATUS_EXISTS,    /* create: one of the ids is taken */
    RL_STATUS_BUSY,      /* disk low or a table full: try after retry_s */
    RL_STATUS_FAILED,    /* the store has failed; nothing is promised */
} rl_status;

/* A queue may hold max_count messages of max_bytes in all; bulk may use half
 * of that, normal and bulk together seven eighths (relay/store/quota.h). */
typedef struct rl_create {
    const uint8_t *send_id;  /* random, unrelated to recv_id */
    const uint8_t *owner;    /* RL_OWNER_KEY_BYTES */
    const uint8_t *cap_hash; /* RL_CAP_HASH_BYTES */
    uint32_t max_count;      /* 1 at least, or RL_SPOOL */
    uint32_t max_bytes;      /* 1 at least; means nothing to a spool */
    uint8_t ttl_days;        /* 1..RL_TTL_DAYS_MAX */
} rl_create;

typedef struct rl_deposit {
    const uint8_t *cap_hash;
    const uint8_t *message_id;
    rl_class class;
    uint8_t ttl_days; /* 0, or fewer days than the queue's */
    pn_bytes body;
} rl_deposit;

/* The last sequence seen of each class; zeros for the beginning. */
typedef struct rl_cursor {
    uint64_t after[RL_CLASSES];
} rl_cursor;

typedef struct rl_fetch {
    rl_cursor cursor;
    uint32_t max_count; /* 1..RL_FETCH_MAX */
    uint32_t max_bytes; /* stops before it is passed; one always comes */
} rl_fetch;

/* Ids that are not there are not an error: acknowledging is idempotent. */
typedef struct rl_ack {
    const uint8_t *ids; /* count * RL_MESSAGE_ID_BYTES */
    uint32_t count;     /* 0..RL_ACK_MAX */
    bool clear_marks;   /* the recipient has seen which were refused */
} rl_ack;

typedef struct rl_op {
    rl_op_kind kind;
    rl_day day;        /* today; wanted by create, deposit, rotate, expire */
    uint64_t token;    /* comes back with the result */
    const uint8_t *id; /* recv_id; for a deposit send_id; see rl_op_kind */
    union {
        rl_create create;
        rl_deposit deposit;
        rl_fetch fetch;
        rl_ack ack;
        /* rotate; one that the queue's capability has replaced, and that is
         * still remembered, changes nothing: it is an older rotation again */
        const uint8_t *new_cap_hash;
        rl_day
            clock; /* expire: kept until the next, see rl_store_stats; or 0 */
    } u;
} rl_op;

typedef struct rl_envelope {
    uint64_t seq; /* rises within a queue */
    uint8_t id[RL_MESSAGE_ID_BYTES];
    rl_class class;
    rl_day expires; /* gone once an expire of this day has run */
    bool damaged;   /* its bytes are lost to the disk: body is empty */
    pn_bytes body;
} rl_envelope;

typedef struct rl_queue_info {
    uint8_t recv_id[RL_QUEUE_ID_BYTES];
    uint8_t send_id[RL_QUEUE_ID_BYTES];
    uint8_t owner[RL_OWNER_KEY_BYTES];
    uint32_t max_count;
    uint32_t max_bytes;
    uint32_t count[RL_CLASSES]; /* messages waiting */
    uint64_t bytes[RL_CLASSES]; /* of their bodies */
    uint8_t ttl_days;
    uint8_t refused; /* bit per class a sender was refused for quota */
    bool suspended;
    bool blocked;
    rl_day created;
} rl_queue_info;

/* All that is pointed at lives until the callback that gets it returns. */
typedef struct rl_result {
    uint64_t token;
    rl_op_kind kind;
    rl_status status;
    uint32_t retry_s; /* with BUSY */
    union {
        rl_queue_info queue; /* lookup */
        struct {
            uint8_t recv_id[RL_QUEUE_ID_BYTES]; /* whom to wake */
            rl_envelope envelope; /* with OK: as a fetch would give it */
        } deposit;
        struct {
            const rl_envelope *envelopes;
            uint32_t count;
            bool more;       /* the cursor did not reach the end */
            uint8_t refused; /* as in rl_queue_info */
        } fetch;
        uint32_t forgotten; /* ack, purge, expire: messages that were live */
    } u;
} rl_result;

enum { RL_COMMIT_BUCKETS = 13 }; /* of commit times, see below */

typedef struct rl_store_stats {
    uint64_t queues;
    uint64_t messages;   /* waiting */
    uint64_t remembered; /* acknowledged, their ids kept until expiry */
    uint64_t pending;    /* submitted, no result drained yet */
    uint64_t bytes_used;
    uint32_t files;       /* held open */
    uint64_t bytes_free;  /* of the file system; UINT64_MAX if not known */
    uint64_t index_bytes; /* memory of the index */
    uint64_t commits;
    /* Commits by the time from handing over to durable: bucket i took less
     * than 1 << i ms and not less than half of that; the last, any more. */
    uint64_t commit_ms[RL_COMMIT_BUCKETS];
    uint64_t bytes_written;
    rl_day expired; /* the last day expired, 0 if none */
    rl_day clock;   /* what came with it, 0 if none did */
    bool disk_low;  /* deposits are answered BUSY */
    bool failed;    /* everything is answered FAILED, but fetch and lookup */
} rl_store_stats;

typedef struct rl_store rl_store;
typedef void rl_store_notify_fn(void *ctx);
typedef void rl_store_result_fn(void *ctx, const rl_result *result);

/* Take one operation; everything it points at is copied. PN_OK: a result will
 * come. PN_E_FULL: too much is under way, drain first. PN_E_ARG: a field is
 * out of its bounds. PN_E_NOMEM. */
PN_MUST_USE pn_err rl_store_submit(rl_store *s, const rl_op *op);
/* The caller has no more operations for now: start the next commit as soon as
 * the last one allows. Call it once per turn of the loop. */
void rl_store_flush(rl_store *s);
/* Give every finished result to `fn`, which may submit. Returns how many. Also
 * does a bounded piece of the store's own housekeeping, so call it whenever
 * notify says so. */
size_t rl_store_drain(rl_store *s, rl_store_result_fn *fn, void *ctx);
void rl_store_stats_get(rl_store *s, rl_store_stats *out);
/* Commit what was submitted, release everything, null *s. Results not yet
 * drained are lost, what they promised is not. Accepts NULL and null *s. */
void rl_store_close(rl_store **s);

/* A queue remembers the ids of its last acknowledged messages until they
 * expire, this many at most (a spool none); beyond, those acknowledged first go
 * first. */
uint32_t rl_remembered_max(uint32_t max_count);

/* For backends: `days` after `day`, or the last day there is. */
static inline rl_day rl_day_after(rl_day day, uint8_t days)
{
    return day > UINT16_MAX - days ? UINT16_MAX : (rl_day)(day + days);
}

/* For backends: the bounds above, checked for every submit. */
PN_MUST_USE pn_err rl_op_check(const rl_op *op);

/* For backends: the first member of every store. */
typedef struct rl_store_vt {
    pn_err (*submit)(rl_store *s, const rl_op *op);
    void (*flush)(rl_store *s);
    size_t (*drain)(rl_store *s, rl_store_result_fn *fn, void *ctx);
    void (*stats)(rl_store *s, rl_store_stats *out);
    void (*close)(rl_store *s);
} rl_store_vt;

struct rl_store {
    const rl_store_vt *vt;
};

#endif
