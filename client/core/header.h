/* The header of a ratchet message, before it is encrypted, and the first two
 * bytes of every message (PROTOCOL.md section 6.3).
 * Its size follows from the message's type alone.
 * Thread rule: plain values.
 */
#ifndef POSTERN_CLIENT_CORE_HEADER_H
#define POSTERN_CLIENT_CORE_HEADER_H

#include "client/core/kdf.h"
#include "proto/crypto/mlkem768.h"

/* The second byte of what an envelope holds; the first is CL_SUITE. */
typedef enum cl_message_type {
    CL_MESSAGE_FIRST = 1,  /* handshake, and a message of the first chain */
    CL_MESSAGE_SHORT = 2,  /* a chain without a KEM step */
    CL_MESSAGE_FULL = 3,   /* a chain with one */
    CL_MESSAGE_RESYNC = 4, /* not a ratchet message: fresh prekeys */
} cl_message_type;

enum {
    CL_HEADER_SHORT_BYTES = 32 + 4 + 4,
    CL_HEADER_FIRST_BYTES = CL_HEADER_SHORT_BYTES + PN_MLKEM768_PK_BYTES,
    CL_HEADER_FULL_BYTES = CL_HEADER_FIRST_BYTES + PN_MLKEM768_CT_BYTES,
    CL_HEADER_MAX_BYTES = CL_HEADER_FULL_BYTES,
};

typedef struct cl_header {
    uint8_t dh[32];        /* X25519 key of the chain's sender */
    uint32_t prev_len;     /* messages in the sender's chain before */
    uint32_t n;            /* number of this message, from 0 */
    const uint8_t *kem_pk; /* borrowed; NULL in SHORT */
    const uint8_t *kem_ct; /* borrowed; NULL but in FULL */
} cl_header;

/* Bytes of a header of this type; 0 for a type that has none. */
size_t cl_header_size(cl_message_type type);
/* Read suite and type. PN_E_SHORT, PN_E_VERSION for an unknown suite,
 * PN_E_PROTO for an unknown type. */
PN_MUST_USE pn_err cl_message_take_type(pn_bytes *in, cl_message_type *out);
/* Write the header for `type`; its KEM fields are not NULL where it has
 * them. */
void cl_header_put(pn_out *out, cl_message_type type, const cl_header *h);
/* Read exactly a header of `type`; *out borrows from in. PN_E_SHORT,
 * PN_E_PROTO. */
PN_MUST_USE pn_err cl_header_take(pn_bytes in, cl_message_type type,
                                  cl_header *out);

#endif
