/* What the files of this room offer each other: a command and an answer as
 * plain bytes, before sealing and after opening.
 * Thread rule: no state, any thread.
 */
#ifndef POSTERN_PROTO_PARCEL_INSIDE_H
#define POSTERN_PROTO_PARCEL_INSIDE_H

#include "proto/parcel/parcel.h"

enum {
    PN_PARCEL_ENC_AT = 1 + PN_KEY_ID_BYTES,
    PN_PARCEL_CONTENT_AT = PN_PARCEL_ENC_AT + PN_HPKE_ENC_BYTES,
    /* The signature is the last of the header. */
    PN_PARCEL_SIGNATURE_AT = PN_PARCEL_HEADER_BYTES - PN_SIGNATURE_BYTES,
    PN_REPLY_NONCE_BYTES = 32,
    PN_REPLY_FIELDS_BYTES = 40, /* before the envelope in a fetch's answer */
};

/* The class of the parcel that `cmd` (which is ok) needs. */
pn_envelope_class pn_parcel_class_for(const pn_parcel_command *cmd);
/* Write header and body of a command that is ok, without signature, over
 * content[0..256 + body of its class). */
void pn_parcel_command_write(const pn_parcel_command *cmd, uint8_t *content);
/* Read them; PN_E_PROTO for anything that was not so written. The signature of
 * kinds that have one is skipped. */
PN_MUST_USE pn_err pn_parcel_command_read(pn_parcel_command *out,
                                          pn_bytes content);
/* The queue key's message: label, binding, the signed part of the header, the
 * body. `content` is header and a body of class XS. */
enum {
    PN_PARCEL_SIGNED_MAX = 16 + PN_PARCEL_BINDING_BYTES + 1 +
                           PN_PARCEL_SIGNATURE_AT + PN_PARCEL_BODY_BYTES
};
void pn_parcel_transcript(uint8_t out[PN_PARCEL_SIGNED_MAX],
                          const uint8_t binding[PN_PARCEL_BINDING_BYTES],
                          const uint8_t *content);

/* Write an answer that is ok over plain[0..len), all of it. */
void pn_parcel_answer_write(const pn_parcel_reply *reply,
                            const pn_parcel_answer *answer, uint8_t *plain,
                            size_t len);
/* Read it; PN_E_PROTO for anything that was not so written. */
PN_MUST_USE pn_err pn_parcel_answer_read(pn_parcel_answer *out,
                                         const pn_parcel_reply *reply,
                                         pn_bytes plain);

#endif
