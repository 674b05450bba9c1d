/* The queue commands' side of msg.h: found by kind, described by tables. */
#ifndef POSTERN_PROTO_WIRE_QUEUE_MSG_H
#define POSTERN_PROTO_WIRE_QUEUE_MSG_H

#include "proto/wire/fields.h"
#include "proto/wire/msg.h"

/* The table of a kind, relative to pn_msg.u; NULL if it is no queue command. */
const pn_layout *pn_queue_layout(pn_msg_kind kind);
/* As the calls of msg.h without `queue`, for kinds that have a table. */
bool pn_queue_msg_ok(const pn_msg *msg);
PN_MUST_USE pn_err pn_queue_msg_encode(pn_out *out, const pn_msg *msg);
/* PN_MORE if the frame begins like no queue command: not ours to judge. */
PN_MUST_USE pn_err pn_queue_msg_decode(pn_msg *out, pn_msg_scratch *s,
                                       pn_bytes frame);

#endif
