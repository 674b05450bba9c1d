/* The side of msg.h that is described by tables: queue commands (queue_msg.c),
 * parcels, forwarding and descriptors (forward_msg.c). */
#ifndef POSTERN_PROTO_WIRE_QUEUE_MSG_H
#define POSTERN_PROTO_WIRE_QUEUE_MSG_H

#include "proto/wire/fields.h"
#include "proto/wire/msg.h"

/* The table of a kind, relative to pn_msg.u; NULL if it has none. */
const pn_layout *pn_queue_layout(pn_msg_kind kind);
/* The same, of parcels, forwarding and descriptors only; and what no single
 * field of theirs can say (true for any other kind). */
const pn_layout *pn_forward_layout(pn_msg_kind kind);
bool pn_forward_rules_ok(const pn_msg *msg);
/* As the calls of msg.h without `queue`, for kinds that have a table. */
bool pn_queue_msg_ok(const pn_msg *msg);
PN_MUST_USE pn_err pn_queue_msg_encode(pn_out *out, const pn_msg *msg);
/* PN_MORE if the frame begins like none of these: not ours to judge. */
PN_MUST_USE pn_err pn_queue_msg_decode(pn_msg *out, pn_msg_scratch *s,
                                       pn_bytes frame);

#endif
