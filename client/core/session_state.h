/* Inside a session: seen by session*.c and by tests, by nobody else. */
#ifndef POSTERN_CLIENT_CORE_SESSION_STATE_H
#define POSTERN_CLIENT_CORE_SESSION_STATE_H

#include "client/core/session.h"

/* A ratchet that only reads, and the handshake it came from. */
typedef struct cl_old_ratchet {
    cl_ratchet *ratchet; /* owned */
    uint8_t handshake_id[32];
    uint64_t until_ms; /* wall time when it goes */
} cl_old_ratchet;

/* When something rate limited happened, oldest first; 0: not yet. */
typedef struct cl_recent {
    uint64_t at_ms[CL_RESYNC_PER_DAY];
} cl_recent;

struct cl_session {
    cl_session_state state;
    cl_session_state before; /* what BLOCKED goes back to */
    cl_profile profile;
    bool has_peer;
    bool has_pending;
    cl_identity_public peer;
    cl_identity_public pending;
    /* The handshake that stands: of two the higher generation, and of two
     * with the same the lower id. Zeros: none, and any other is better. */
    uint32_t generation;
    uint8_t handshake_id[32];
    cl_ratchet *current; /* owned; NULL in NONE and when lost */
    uint8_t *first;      /* owned: our handshake, repeated until answered */
    cl_old_ratchet old[CL_SESSION_OLD_MAX]; /* newest first */
    size_t old_count;
    /* Wall time of the first unreadable message since the current ratchet last
     * opened one; 0: none. */
    uint64_t unreadable_ms;
    uint64_t dropped; /* by ratchets that are gone */
    /* Our unanswered RESYNC, as sent, and its secrets. */
    cl_prekeys *resync_keys; /* owned, or NULL */
    uint8_t *resync_bundle;  /* owned, or NULL */
    size_t resync_len;
    uint64_t resync_expires_ms;
    /* Of the peer's that were granted, oldest first: first bytes of the
     * bundle's hash. Not their dates: a clock may be set back. */
    uint8_t resync_seen[CL_RESYNC_SEEN][CL_BUNDLE_TAG_BYTES];
    cl_recent resync_sent;
    cl_recent resync_taken;
};

typedef enum cl_session_event {
    CL_EVENT_START,       /* we begin */
    CL_EVENT_SEAL,        /* we write */
    CL_EVENT_FIRST_WINS,  /* the peer's handshake is better than ours */
    CL_EVENT_FIRST_LOSES, /* or not */
    CL_EVENT_REPLY,       /* the current ratchet opened something */
    CL_EVENT_RESYNC,      /* the peer asks for a new session */
    CL_EVENT_LOST,
    CL_EVENT_ASK,      /* we ask for one */
    CL_EVENT_STRANGER, /* another identity came */
    CL_EVENT_CONFIRM,
    CL_EVENT_DISMISS,
    CL_EVENT_COUNT,
} cl_session_event;

/* Where `event` leads from the session's state; PN_E_STATE if nowhere. */
PN_MUST_USE pn_err cl_session_next(const cl_session *s, cl_session_event event,
                                   cl_session_state *out);
/* Make room among the old ratchets and put one there; takes *r. */
void cl_session_push_old(cl_session *s, cl_ratchet **r,
                         const uint8_t handshake_id[32], uint64_t now_ms);
/* Retire the current ratchet, if there is one, to the old ones. */
void cl_session_retire_current(cl_session *s, uint64_t now_ms);
/* Whether another resync is allowed now, and note that it happened. */
bool cl_recent_has_room(const cl_recent *r, uint64_t now_ms);
void cl_recent_note(cl_recent *r, uint64_t now_ms);
void cl_session_drop_resync(cl_session *s);
/* Block for the identity `who`; returns PN_E_REFUSED, or PN_E_STATE. */
PN_MUST_USE pn_err cl_session_block(cl_session *s,
                                    const cl_identity_public *who);
/* Start a new handshake in place of whatever there is. */
PN_MUST_USE pn_err cl_session_begin(cl_session *s, const pn_env *env,
                                    const cl_identity *self, const cl_bundle *b,
                                    cl_session_state next);
/* Take a RESYNC of the peer's: `in` is its bundle, `keys` as in open. */
PN_MUST_USE pn_err cl_session_take_resync(cl_session *s, const pn_env *env,
                                          const cl_identity *self,
                                          const cl_prekeys *keys, pn_bytes in,
                                          cl_opened *opened);

#endif
