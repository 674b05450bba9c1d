/* Parcels, their forwarding and relay descriptors as they stand in a pn_msg
 * (PROTOCOL.md section 4). Included by msg.h; what each field means on the
 * wire is said in proto/schema/link.proto.
 * What is inside a parcel or descriptor is no matter of the link: see
 * proto/parcel/parcel.h and proto/roster/descriptor.h.
 *
 * A client gives a Forward to its entry relay S. S answers with one
 * ForwardResult; after ACCEPTED, and only while the client's link stands, one
 * ForwardReply with the same id may follow. S hands the parcel to its
 * destination R in a Parcel, which R answers with one ParcelResult. A parcel
 * is never forwarded a second time: R opens it or refuses it.
 * Thread rule: plain values.
 */
#ifndef POSTERN_PROTO_WIRE_FORWARD_H
#define POSTERN_PROTO_WIRE_FORWARD_H

#include "proto/wire/queue.h"

enum {
    PN_RELAY_KEY_BYTES = 32,
    PN_KEY_ID_BYTES = 4, /* names an onion key of a relay */
    /* A parcel is this much longer than the body of its class: class, key id,
     * KEM ciphertext, header, tag. */
    PN_PARCEL_OVERHEAD = 1 + PN_KEY_ID_BYTES + 1120 + 256 + 16,
    PN_PARCEL_MIN = 896 + PN_PARCEL_OVERHEAD,   /* 2293 */
    PN_PARCEL_MAX = 65088 + PN_PARCEL_OVERHEAD, /* 66485 */
    PN_REPLY_STATUS_BYTES = 512,                /* a reply without envelope */
    /* A reply with room for an envelope is this much longer than it. */
    PN_REPLY_OVERHEAD = 32 + 16 + 40,
    PN_REPLY_MAX = 65088 + PN_REPLY_OVERHEAD,
    /* How long S may keep a parcel: no longer than an onion key lives. */
    PN_FORWARD_DAYS_MIN = 2,
    PN_FORWARD_DAYS_MAX = 42,
    PN_DESCRIPTOR_MAX = 12288, /* bytes of a relay descriptor */
    /* A Forward beyond its parcel, the u32 frame length included, as long as
     * the frame's id is below 2^21; a ParcelResult or ForwardReply beyond its
     * reply, likewise. */
    PN_FORWARD_OVERHEAD_MAX = 56,
    PN_REPLY_FRAME_MAX = 23,
};

typedef enum pn_forward_status {
    PN_FORWARD_ACCEPTED = 1,  /* durable at S, which goes on trying */
    PN_FORWARD_DUPLICATE = 2, /* S has or had this parcel: as good */
    PN_FORWARD_UNKNOWN = 3,   /* S does not forward to that relay */
    PN_FORWARD_QUOTA = 4,     /* S keeps no more for that relay: later */
    PN_FORWARD_BUSY = 5,      /* S cannot now: later */
    PN_FORWARD_EXPIRED = 6,   /* S knows that the onion key is gone */
} pn_forward_status;

typedef enum pn_parcel_outcome {
    PN_PARCEL_DONE = 1,    /* opened and judged; what came of it is in reply */
    PN_PARCEL_BUSY = 2,    /* R cannot now: the same parcel again later */
    PN_PARCEL_REFUSED = 3, /* R cannot open it, now or ever */
} pn_parcel_outcome;

typedef struct pn_msg_forward {
    pn_bytes destination;  /* relay key of R */
    uint32_t expires_days; /* 0: now or never, see link.proto */
    pn_priority priority;
    pn_bytes parcel; /* exactly one of the four sizes */
} pn_msg_forward;

typedef struct pn_msg_forward_result {
    pn_forward_status status;
    uint32_t retry_after_ms; /* 0 unless quota or busy */
} pn_msg_forward_result;

/* What R said; S no longer has the parcel. While R is busy S goes on trying. */
typedef struct pn_msg_forward_reply {
    pn_parcel_outcome outcome; /* done or refused, never busy */
    pn_bytes key_id;           /* as in ParcelResult */
    pn_bytes reply;            /* as in ParcelResult */
} pn_msg_forward_reply;

typedef struct pn_msg_parcel {
    pn_priority priority;
    pn_bytes parcel; /* exactly one of the four sizes */
} pn_msg_parcel;

typedef struct pn_msg_parcel_result {
    pn_parcel_outcome outcome;
    uint32_t retry_after_ms; /* 0 unless busy */
    pn_bytes key_id; /* refused for its onion key: the one to use; or empty */
    pn_bytes reply;  /* done: of a reply's size; else empty */
} pn_msg_parcel_result;

typedef struct pn_msg_descriptor_request {
    pn_bytes relay_key; /* empty: that of the relay asked */
} pn_msg_descriptor_request;

/* Signed: judge it by pn_descriptor_verify(), not by who gave it. */
typedef struct pn_msg_descriptor {
    pn_bytes descriptor; /* empty: not known here */
} pn_msg_descriptor;

/* Whether `len` is the size of a parcel; of a reply. */
bool pn_parcel_len_ok(size_t len);
bool pn_reply_len_ok(size_t len);

#endif
