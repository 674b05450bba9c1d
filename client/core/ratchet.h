/* The Double Ratchet with header encryption, with an ML-KEM-768 secret in its
 * DH steps (PROTOCOL.md section 6.4).
 *
 * The invariant: a ratchet holds no key that opens a message it has already
 * opened, and none that opens what it sealed. Nothing changes unless the whole
 * call succeeds. A ratchet that went back in time (a restored backup) must not
 * seal again: the session layer sees to that.
 *
 * A sealed message is nonce[24], sealed header, sealed content; the header's
 * size follows from the message type, which stands before it (header.h).
 * Sans-IO. Thread rule: one thread at a time.
 */
#ifndef POSTERN_CLIENT_CORE_RATCHET_H
#define POSTERN_CLIENT_CORE_RATCHET_H

#include "client/core/handshake.h"
#include "client/core/header.h"

enum {
    CL_RATCHET_STEP_HOURS = 24,    /* thin profile: KEM step after so long, */
    CL_RATCHET_STEP_MESSAGES = 50, /* or after so many messages */
};

/* How much a session may cost on the wire. */
typedef enum cl_profile {
    CL_PROFILE_NORMAL = 0, /* a KEM in each DH step */
    CL_PROFILE_THIN = 1,   /* now and then, so that most messages are XS */
} cl_profile;

typedef struct cl_ratchet cl_ratchet;

/* The starter's side. Draws, in this order: 32 bytes for X25519, 64 for
 * ML-KEM. PN_E_NOMEM, PN_E_RANDOM, PN_E_CRYPTO. Caller owns *out. */
PN_MUST_USE pn_err cl_ratchet_start(cl_ratchet **out, const pn_env *env,
                                    const cl_handshake *h);
/* The answerer's side; it cannot seal before it has opened. PN_E_NOMEM. */
PN_MUST_USE pn_err cl_ratchet_answer(cl_ratchet **out, const cl_handshake *h);
/* Wipe, free and null *r. Accepts NULL and a null *r. */
void cl_ratchet_free(cl_ratchet **r);

bool cl_ratchet_can_seal(const cl_ratchet *r);
/* The type of the next message, by which its size is known. */
cl_message_type cl_ratchet_next_type(const cl_ratchet *r, cl_profile profile,
                                     uint64_t now_ms);
/* Bytes a message of `type` has beyond its content (suite, type and handshake
 * not counted). */
size_t cl_ratchet_overhead(cl_message_type type);
/* Seal content as a message of *type into out[0..cap). Draws, in this order:
 * at a step 32 bytes for X25519, and when the step has a KEM 32 for the
 * encapsulation and 64 for the new key; then 24 for the nonce.
 * PN_E_STATE if it cannot seal yet, PN_E_FULL if `cap` is too small or the
 * chain is at its end, PN_E_RANDOM, PN_E_CRYPTO. */
PN_MUST_USE pn_err cl_ratchet_seal(cl_ratchet *r, const pn_env *env,
                                   cl_profile profile, pn_bytes content,
                                   cl_message_type *type, uint8_t *out,
                                   size_t cap, size_t *len);
/* Open a message of `type` into out[0..cap); cap at least in.len. `now_ms` is
 * wall time. PN_E_CRYPTO: no key of this ratchet opens it; PN_E_EXISTS: its
 * key is used up, it was opened before (or given up as too old); PN_E_REFUSED:
 * it is more than CL_SKIPPED_STEP_MAX messages ahead; PN_E_SHORT, PN_E_PROTO:
 * it is no such message; PN_E_FULL, PN_E_NOMEM. */
PN_MUST_USE pn_err cl_ratchet_open(cl_ratchet *r, uint64_t now_ms,
                                   cl_message_type type, pn_bytes in,
                                   uint8_t *out, size_t cap, size_t *len);
/* Give up the keys of messages that have not come for 90 days. Returns how
 * many they were. */
size_t cl_ratchet_expire(cl_ratchet *r, uint64_t now_ms);
/* Never seal again: wipe the sending half. What the peer sent still opens. */
void cl_ratchet_retire(cl_ratchet *r);

/* Keys of missing messages that are kept, and that were given up so far. */
size_t cl_ratchet_skipped(const cl_ratchet *r);
uint64_t cl_ratchet_dropped(const cl_ratchet *r);

/* Bytes cl_ratchet_write() writes. */
size_t cl_ratchet_size(const cl_ratchet *r);
/* The whole state, for a sealed record. Secret. */
void cl_ratchet_write(const cl_ratchet *r, pn_out *out);
/* Read it back. PN_E_VERSION, PN_E_CORRUPT, PN_E_NOMEM. */
PN_MUST_USE pn_err cl_ratchet_read(cl_ratchet **out, pn_bytes *in);
/* Whether the state keeps its invariants. For tests and fuzzers. */
bool cl_ratchet_ok(const cl_ratchet *r);

#endif
