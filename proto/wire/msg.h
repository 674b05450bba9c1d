/* The messages inside a link, one per frame (PROTOCOL.md section 2).
 *
 * Decoding is strict. A frame is refused unless it is, to the byte, what the
 * encoder of this version could have written: every field present once, no
 * field or command this version does not know, every enum value known, every
 * size within its bound, nothing after the end. Versions are negotiated by the
 * link, so that "ignore what you do not know" buys nothing here and would let
 * a peer smuggle bytes.
 *
 * Lifetime: a decoded pn_msg owns nothing. Its byte views borrow from the
 * frame or from the pn_msg_scratch it was decoded into, until either changes:
 * the scratch by pn_msg_scratch_release() or the next decode into it.
 * Thread rule: plain values; one scratch serves one thread at a time.
 */
#ifndef POSTERN_PROTO_WIRE_MSG_H
#define POSTERN_PROTO_WIRE_MSG_H

#include "proto/base/arena.h"
#include "proto/base/bytes.h"
#include "proto/wire/forward.h"

enum {
    PN_PING_MAX = 64,     /* bytes of opaque data in Ping and Pong */
    PN_SOFTWARE_MAX = 32, /* bytes of a software name or version */
    PN_RETRY_AFTER_MAX = 7 * 24 * 3600 * 1000, /* ms; one week */
    /* Every message fits, encoded, but Deposit, Deliver, Ack, QueueOpen,
     * QueueOpened, Forward, ForwardReply, Parcel, ParcelResult and Descriptor;
     * those fit PN_MSG_MAX. */
    PN_MSG_SMALL_MAX = 256,
    PN_MSG_MAX = PN_PARCEL_MAX + 128,
    /* Decoding may take this much more memory than the frame is long. */
    PN_MSG_SLACK = 16 * 1024,
    /* What a scratch holds without allocating. */
    PN_MSG_FIRST_BYTES = 8 * 1024,
};

/* Numbers are those of the oneof in proto/schema/link.proto. */
typedef enum pn_msg_kind {
    PN_MSG_DEPOSIT = 2,
    PN_MSG_DEPOSIT_RESULT = 3,
    PN_MSG_FETCH = 4,
    PN_MSG_DELIVER = 5,
    PN_MSG_FETCH_END = 6,
    PN_MSG_ACK = 7,
    PN_MSG_ACKED = 8,
    PN_MSG_PING = 16,
    PN_MSG_PONG = 17,
    PN_MSG_INFO_REQUEST = 18,
    PN_MSG_INFO = 19,
    PN_MSG_BYE = 20,
    PN_MSG_ERROR = 21,
    PN_MSG_QUEUE_CREATE = 32,
    PN_MSG_QUEUE_CREATED = 33,
    PN_MSG_QUEUE_OPEN = 34,
    PN_MSG_QUEUE_OPENED = 35,
    PN_MSG_QUEUE_ROTATE = 36,
    PN_MSG_QUEUE_SUSPEND = 37,
    PN_MSG_QUEUE_RESUME = 38,
    PN_MSG_QUEUE_DELETE = 39,
    PN_MSG_QUEUE_DONE = 40,
    PN_MSG_QUEUE_CLOSED = 41,
    PN_MSG_FORWARD = 64,
    PN_MSG_FORWARD_RESULT = 65,
    PN_MSG_FORWARD_REPLY = 66,
    PN_MSG_PARCEL = 67,
    PN_MSG_PARCEL_RESULT = 68,
    PN_MSG_DESCRIPTOR_REQUEST = 128,
    PN_MSG_DESCRIPTOR = 129,
} pn_msg_kind;

/* Why one end is about to close the link in good order. */
typedef enum pn_bye_reason {
    PN_BYE_NONE = 0,     /* never on the wire */
    PN_BYE_DONE = 1,     /* nothing more to say */
    PN_BYE_SHUTDOWN = 2, /* this end stops; come back later */
    PN_BYE_IDLE = 3,     /* no frame for too long */
    PN_BYE_LIMIT = 4,    /* a bound of this end was reached */
    PN_BYE_REPLACED = 5, /* another link took this one's place */
} pn_bye_reason;

/* Why a command was not carried out. The link stays open. */
typedef enum pn_error_code {
    PN_ERROR_UNSUPPORTED = 1, /* a command whose feature was not granted */
    PN_ERROR_NOT_ALLOWED = 2, /* not by this peer, or not in this state */
    PN_ERROR_BUSY = 3,        /* overload: try again after the given time */
    PN_ERROR_INTERNAL = 4,    /* a fault of this end */
} pn_error_code;

/* Answer of Ping and Pong: up to PN_PING_MAX bytes, given back as they came. */
typedef struct pn_msg_ping {
    pn_bytes data;
} pn_msg_ping;

typedef struct pn_msg_info {
    pn_bytes software;  /* 1..PN_SOFTWARE_MAX graphic ASCII bytes */
    pn_bytes version;   /* likewise */
    uint32_t protocol;  /* version of the frames, at least 1 */
    uint64_t wall_ms;   /* its clock, ms since 1970-01-01 UTC */
    uint32_t frame_max; /* largest frame it takes, in bytes */
    uint64_t features;  /* PN_LINK_FEATURE_* it would grant */
} pn_msg_info;

typedef struct pn_msg_bye {
    pn_bye_reason reason;
} pn_msg_bye;

typedef struct pn_msg_error {
    pn_error_code code;
    uint32_t retry_after_ms; /* 0: no hint; at most PN_RETRY_AFTER_MAX */
} pn_msg_error;

/* One message. `id` is chosen by who asks, at least 1, and repeated by the
 * answer; it is 0 in what nobody asked for: Bye, QueueClosed and a pushed
 * Deliver. */
typedef struct pn_msg {
    uint64_t id;
    pn_msg_kind kind;
    union {
        pn_msg_ping ping; /* PN_MSG_PING and PN_MSG_PONG */
        pn_msg_info info;
        pn_msg_bye bye;
        pn_msg_error error;
        pn_msg_deposit deposit;
        pn_msg_deposit_result deposit_result;
        pn_msg_fetch fetch;
        pn_msg_deliver deliver;
        pn_msg_fetch_end fetch_end;
        pn_msg_ack ack;
        pn_msg_acked acked;
        pn_msg_queue_create queue_create;
        pn_msg_queue_created queue_created;
        pn_msg_queue_open queue_open;
        pn_msg_queue_opened queue_opened;
        pn_msg_queue_rotate queue_rotate;
        pn_msg_queue_handle queue_handle; /* suspend, resume, delete */
        pn_msg_queue_done queue_done;
        pn_msg_queue_closed queue_closed;
        pn_msg_forward forward;
        pn_msg_forward_result forward_result;
        pn_msg_forward_reply forward_reply;
        pn_msg_parcel parcel;
        pn_msg_parcel_result parcel_result;
        pn_msg_descriptor_request descriptor_request;
        pn_msg_descriptor descriptor;
    } u; /* PN_MSG_INFO_REQUEST has no content */
} pn_msg;

/* Memory for one decode: large (8 KiB), so keep one per thread or loop rather
 * than one per link. Zero-initialise `arena`, or call the init. */
typedef struct pn_msg_scratch {
    pn_arena arena;
    uint8_t first[PN_MSG_FIRST_BYTES];
} pn_msg_scratch;

void pn_msg_scratch_init(pn_msg_scratch *s);
/* Release what the last decode took. Harmless when nothing was. */
void pn_msg_scratch_release(pn_msg_scratch *s);

/* Decode one frame into *out, with *s as its memory (what an earlier decode
 * took from it is released). Takes at most frame.len + PN_MSG_SLACK bytes.
 * PN_E_PROTO for anything but a well-formed message, PN_E_NOMEM when memory is
 * out. A frame that would need more than the cap is PN_E_PROTO. *out is
 * written on success only. */
PN_MUST_USE pn_err pn_msg_decode(pn_msg *out, pn_msg_scratch *s,
                                 pn_bytes frame);

/* Encode *msg to the end of *out. PN_E_ARG if the message breaks its own rules
 * (pn_msg_ok() is false), PN_E_FULL if it does not fit. PN_MSG_SMALL_MAX bytes
 * of room are always enough for the small messages, PN_MSG_MAX for any. */
PN_MUST_USE pn_err pn_msg_encode(pn_out *out, const pn_msg *msg);
/* Whether the message could stand on the wire: what decode accepts. */
bool pn_msg_ok(const pn_msg *msg);
/* Same message, byte for byte. Not constant-time. */
bool pn_msg_equal(const pn_msg *a, const pn_msg *b);

#endif
