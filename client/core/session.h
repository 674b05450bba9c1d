/* A session: what two people have between them, over all its handshakes,
 * losses and new beginnings (PROTOCOL.md section 6.5).
 *
 * The caller makes the state durable before anything sealed leaves and before
 * anything opened is acknowledged, and drops repetitions by cl_message_tag()
 * first.
 *
 * Every call either succeeds or leaves the session as it was, with one
 * exception: an unknown identity key blocks it (CL_SESSION_BLOCKED).
 * Sans-IO. Thread rule: one thread at a time.
 */
#ifndef POSTERN_CLIENT_CORE_SESSION_H
#define POSTERN_CLIENT_CORE_SESSION_H

#include "client/core/ratchet.h"

enum {
    CL_SESSION_OLD_MAX = 3,      /* ratchets kept to read late messages */
    CL_SESSION_OLD_DAYS = 90,    /* and for how long */
    CL_RESYNC_PER_DAY = 4,       /* asked for, and granted, in 24 hours */
    CL_RESYNC_EXPIRES_DAYS = 60, /* it may travel by courier */
    CL_UNREADABLE_HOURS = 24,    /* before a session counts as lost */
    CL_RESYNC_SEEN = 16,         /* granted ones that are remembered */
    CL_MESSAGE_TAG_BYTES = 16,
    /* Most bytes a sealed message has beyond its content. */
    CL_SESSION_OVERHEAD_MAX = 2 + CL_HANDSHAKE_BYTES + CL_NONCE_BYTES +
                              CL_HEADER_MAX_BYTES + 2 * CL_TAG_BYTES,
    CL_RESYNC_BYTES_MAX = 2 + CL_BUNDLE_MAX,
};

typedef enum cl_session_state {
    CL_SESSION_NONE = 0,         /* nothing yet */
    CL_SESSION_SENT_FIRST = 1,   /* we started; no answer seen */
    CL_SESSION_ESTABLISHED = 2,  /* both sides have the keys */
    CL_SESSION_NEEDS_RESYNC = 3, /* our ratchet is lost: ask for a new one */
    CL_SESSION_RESYNC_SENT = 4,  /* asked; waiting for the peer's start */
    CL_SESSION_BLOCKED = 5,      /* another identity: a person must decide */
} cl_session_state;

typedef enum cl_opened_kind {
    CL_OPENED_CONTENT = 0, /* content lies in out */
    CL_OPENED_RESYNC = 1,  /* the peer lost its session, a new one is begun:
                            * send something soon, re-seal what it has not
                            * confirmed, and tell the person */
} cl_opened_kind;

typedef struct cl_opened {
    cl_opened_kind kind;
    size_t len;          /* bytes of content */
    bool used_prekeys;   /* the caller's prekeys were accepted: burn them
                          * (unless published) together with this change */
    bool is_new_session; /* this began a session */
} cl_opened;

typedef struct cl_session cl_session;

/* An empty session. PN_E_NOMEM. Caller owns *out. */
PN_MUST_USE pn_err cl_session_new(cl_session **out, cl_profile profile);
/* Wipe, free and null *s. Accepts NULL and a null *s. */
void cl_session_free(cl_session **s);

cl_session_state cl_session_get_state(const cl_session *s);
void cl_session_set_profile(cl_session *s, cl_profile profile);
/* The peer's identity, or NULL while unknown. Borrowed. */
const cl_identity_public *cl_session_peer(const cl_session *s);
/* The identity that waits for a decision (BLOCKED), else NULL. Borrowed. */
const cl_identity_public *cl_session_pending(const cl_session *s);
/* Keys of missing messages given up so far: each may be a message that must
 * be sent again. */
uint64_t cl_session_dropped(const cl_session *s);

/* Begin towards the maker of a bundle. PN_E_STATE, PN_E_TIMEOUT if the bundle
 * is too old, PN_E_REFUSED if it is our own or not the peer's identity (then
 * BLOCKED), and what cl_handshake_start() and cl_ratchet_start() return. */
PN_MUST_USE pn_err cl_session_start(cl_session *s, const pn_env *env,
                                    const cl_identity *self,
                                    const cl_bundle *b);
/* Bytes the next message has beyond its content; 0 if none can be sealed. */
size_t cl_session_overhead(const cl_session *s, const pn_env *env);
/* Seal content into out[0..cap), for an envelope. PN_E_STATE: not in this
 * state; PN_E_REFUSED: blocked; PN_E_FULL, PN_E_RANDOM, PN_E_CRYPTO. */
PN_MUST_USE pn_err cl_session_seal(cl_session *s, const pn_env *env,
                                   pn_bytes content, uint8_t *out, size_t cap,
                                   size_t *len);
/* Open what an envelope held into out[0..cap), cap at least inner.len. `keys`
 * are the prekeys that belong to the queue it came from, or NULL.
 * PN_E_EXISTS: opened before; PN_E_CRYPTO: no key opens it (after
 * deduplication: the session may be lost); PN_E_NOT_FOUND: a handshake for
 * prekeys we do not have; PN_E_REFUSED: another identity (now BLOCKED: keep
 * the envelope and open it again after the decision), or too far ahead;
 * PN_E_FULL: too many resyncs today, keep it for later; PN_E_TIMEOUT: resync
 * too old; PN_E_SHORT, PN_E_PROTO, PN_E_VERSION: no message; PN_E_STATE,
 * PN_E_NOMEM, PN_E_RANDOM. */
PN_MUST_USE pn_err cl_session_open(cl_session *s, const pn_env *env,
                                   const cl_identity *self,
                                   const cl_prekeys *keys, pn_bytes inner,
                                   uint8_t *out, size_t cap, cl_opened *opened);

/* A new message did not open (PN_E_CRYPTO, PN_E_NOT_FOUND). Stragglers of an
 * older session are no harm; when nothing of the present one opens for
 * CL_UNREADABLE_HOURS, it is lost. Returns whether it now is: then ask. */
bool cl_session_unreadable(cl_session *s, const pn_env *env);
/* Who sent a FIRST, so that it can be given to the session we already have
 * with that person (both may have started at once). PN_E_PROTO for another
 * message, else as cl_handshake_answer(). */
PN_MUST_USE pn_err cl_first_peer(cl_identity_public *out,
                                 const cl_identity *self,
                                 const cl_prekeys *keys, pn_bytes inner);
/* The ratchet must not be used any more: the store went back in time, or the
 * peer's messages do not open. What the peer sent before can still be read.
 * After restoring a backup this is called for every session, whatever its
 * state, and open invitations are revoked. */
PN_MUST_USE pn_err cl_session_lost(cl_session *s, const pn_env *env);
/* Write the RESYNC message (cap at least CL_RESYNC_BYTES_MAX): to be sent
 * under the contact's queue keys. It names `queues` as where we are to be
 * written to. While unanswered the same one is given again. PN_E_STATE unless
 * lost; PN_E_FULL past CL_RESYNC_PER_DAY; PN_E_ARG, PN_E_RANDOM,
 * PN_E_NOMEM. */
PN_MUST_USE pn_err cl_session_resync(cl_session *s, const pn_env *env,
                                     const cl_identity *self,
                                     const cl_queue_ref *queues,
                                     size_t queue_count, uint8_t *out,
                                     size_t cap, size_t *len);
/* The bundle of a RESYNC message, for the queues it names. Errors as
 * cl_bundle_parse(); PN_E_PROTO for another message. */
PN_MUST_USE pn_err cl_resync_parse(cl_bundle *out, pn_bytes inner);
/* A person says that the pending identity `who` is right: it becomes the peer,
 * the session begins anew. PN_E_STATE unless blocked, PN_E_ARG for another
 * identity than the pending one. */
PN_MUST_USE pn_err cl_session_confirm(cl_session *s, const pn_env *env,
                                      const cl_identity_public *who);
/* A person says that it is not: back to where the session was. */
PN_MUST_USE pn_err cl_session_dismiss(cl_session *s);

/* Give up keys and old ratchets whose time is over. Call daily. */
void cl_session_expire(cl_session *s, uint64_t now_ms);

/* What names a message for deduplication, before it is opened. */
void cl_message_tag(uint8_t tag[CL_MESSAGE_TAG_BYTES], pn_bytes inner);

/* Bytes cl_session_write() writes. */
size_t cl_session_size(const cl_session *s);
/* The whole state, for a sealed record. Secret. */
void cl_session_write(const cl_session *s, pn_out *out);
/* Read exactly one. PN_E_VERSION, PN_E_CORRUPT, PN_E_NOMEM. */
PN_MUST_USE pn_err cl_session_read(cl_session **out, pn_bytes in);
/* Whether the state keeps its invariants. For tests and fuzzers. */
bool cl_session_ok(const cl_session *s);

#endif
