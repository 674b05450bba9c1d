/* What a parcel carries to a relay, and what comes back: a queue command and
 * its answer, in the open (PROTOCOL.md sections 4.4 and 4.6).
 *
 * Commands are those of section 3, with two differences: there is no link, so
 * that each names its queue and is signed for itself; and a fetch gives one
 * message, and where to go on is the client's to remember.
 * Thread rule: plain values, which borrow all their bytes.
 */
#ifndef POSTERN_PROTO_PARCEL_COMMAND_H
#define POSTERN_PROTO_PARCEL_COMMAND_H

#include "proto/envelope/envelope.h"
#include "proto/wire/forward.h"

enum {
    PN_PARCEL_BODY_BYTES = 896, /* of a command without envelope */
    PN_PARCEL_ACK_MAX = PN_PARCEL_BODY_BYTES / PN_MESSAGE_ID_BYTES, /* 56 */
    PN_PARCEL_CURSOR_BYTES = 18, /* R's own; zeros: from the start */
};

/* The numbers of the same commands in pn_msg_kind. */
typedef enum pn_parcel_kind {
    PN_PARCEL_DEPOSIT = 2,
    PN_PARCEL_FETCH = 4,
    PN_PARCEL_ACK = 7,
    PN_PARCEL_CREATE = 32,
    PN_PARCEL_ROTATE = 36,
    PN_PARCEL_SUSPEND = 37,
    PN_PARCEL_RESUME = 38,
    PN_PARCEL_DELETE = 39,
} pn_parcel_kind;

/* Make a queue whose key signs this parcel. */
typedef struct pn_parcel_create {
    pn_bytes queue_key;     /* PN_QUEUE_KEY_BYTES */
    pn_bytes deposit_hash;  /* PN_DEPOSIT_HASH_BYTES */
    uint32_t ttl_days;      /* PN_TTL_DAYS_MIN..PN_TTL_DAYS_MAX */
    pn_bytes access_secret; /* secret; 0..PN_ACCESS_SECRET_MAX bytes */
} pn_parcel_create;

/* On a queue of the signer's. Fields that the kind has no use for are zero. */
typedef struct pn_parcel_manage {
    pn_bytes recv_id;      /* PN_QUEUE_ID_BYTES */
    pn_bytes deposit_hash; /* rotate: PN_DEPOSIT_HASH_BYTES */
    /* ack, and fetch before it gives anything: whole ids end to end, at most
     * PN_PARCEL_ACK_MAX; may be none. */
    pn_bytes message_ids;
    bool refused_seen; /* ack, fetch: clear the refused bits */
    /* fetch: PN_PARCEL_CURSOR_BYTES as the last answer gave it, or zeros. */
    pn_bytes cursor;
    pn_envelope_class room; /* fetch: largest envelope the answer can hold */
} pn_parcel_manage;

typedef struct pn_parcel_command {
    pn_parcel_kind kind;
    union {
        pn_msg_deposit deposit; /* its envelope is the body */
        pn_parcel_create create;
        pn_parcel_manage manage; /* all other kinds */
    } u;
} pn_parcel_command;

/* Whether the command could stand in a parcel. */
bool pn_parcel_command_ok(const pn_parcel_command *cmd);

typedef enum pn_parcel_status {
    PN_PARCEL_OK = 1,          /* stored, done, or a message is here */
    PN_PARCEL_DUPLICATE = 2,   /* deposit: as good as ok */
    PN_PARCEL_QUOTA = 3,       /* deposit: the queue is full */
    PN_PARCEL_SUSPENDED = 4,   /* deposit: refused for now */
    PN_PARCEL_UNKNOWN = 5,     /* no such queue, capability or signature */
    PN_PARCEL_LATER = 6,       /* not now: another parcel, later */
    PN_PARCEL_NOT_ALLOWED = 7, /* create: the operator's setting says no */
    PN_PARCEL_REPEATED = 8,    /* carried out before; the answer is gone */
    PN_PARCEL_EMPTY = 9,       /* fetch: nothing (more) is there */
    PN_PARCEL_LARGER = 10,     /* fetch: the next one is of class `class` */
    PN_PARCEL_LOST = 11,       /* fetch: its bytes were lost; acknowledge it */
} pn_parcel_status;

/* create, ok */
typedef struct pn_parcel_created {
    pn_bytes recv_id; /* PN_QUEUE_ID_BYTES, as send_id */
    pn_bytes send_id;
    uint32_t max_count;
    uint32_t max_bytes;
    uint32_t ttl_days;
} pn_parcel_created;

/* fetch */
typedef struct pn_parcel_fetched {
    pn_bytes message_id;     /* ok, larger, lost; else empty */
    pn_priority priority;    /* likewise; else 0 */
    pn_envelope_class class; /* ok, larger; else 0 */
    pn_bytes envelope;       /* ok; else empty */
    bool more;               /* there is mail beyond this */
    uint8_t refused;         /* as in FetchEnd */
    pn_bytes cursor;         /* ok, empty, lost: to go on with; else empty */
} pn_parcel_fetched;

typedef struct pn_parcel_answer {
    pn_parcel_status status;
    uint32_t retry_after_ms; /* later; else 0 */
    union {
        pn_parcel_created created; /* create, ok */
        uint32_t forgotten;        /* ack, ok: 0..PN_PARCEL_ACK_MAX */
        pn_parcel_fetched fetched; /* fetch, any status */
    } u;                           /* nothing for other kinds */
} pn_parcel_answer;

#endif
