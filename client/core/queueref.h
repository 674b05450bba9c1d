/* Where somebody can be written to: a queue's id, its deposit capability, its
 * envelope key and the relay it lies on. Travels in prekey bundles and inside
 * sessions, always encrypted: whoever reads one may deposit.
 *
 * Wire form of an address: relay key[32], u8 n, n bytes of text, which is what
 * follows the '@' of the relay's address (HOST:PORT[?parameters]).
 * Wire form of a reference: send_id[32], capability[32], key[32], address.
 * Thread rule: plain values; a cl_queue_ref holds secrets, wipe it.
 */
#ifndef POSTERN_CLIENT_CORE_QUEUEREF_H
#define POSTERN_CLIENT_CORE_QUEUEREF_H

#include "client/core/kdf.h"
#include "proto/wire/address.h"

enum {
    CL_ADDRESS_BYTES_MAX = 32 + 1 + 255,
    CL_QUEUE_REF_BYTES_MAX = 3 * 32 + CL_ADDRESS_BYTES_MAX,
    CL_QUEUES_MAX = 3, /* of one direction of one contact */
};

typedef struct cl_queue_ref {
    uint8_t send_id[32];
    uint8_t capability[32]; /* secret */
    uint8_t key[32];        /* secret: the queue key of its envelopes */
    pn_address relay;
} cl_queue_ref;

/* Write an address. PN_E_ARG for one that no parser made, PN_E_FULL if its
 * text is longer than 255 bytes or does not fit. */
PN_MUST_USE pn_err cl_address_put(pn_out *out, const pn_address *a);
/* Read one. PN_E_SHORT, or PN_E_PROTO for text that is no address or not in
 * its one spelling. */
PN_MUST_USE pn_err cl_address_take(pn_bytes *in, pn_address *out);
PN_MUST_USE pn_err cl_queue_ref_put(pn_out *out, const cl_queue_ref *q);
PN_MUST_USE pn_err cl_queue_ref_take(pn_bytes *in, cl_queue_ref *out);

#endif
