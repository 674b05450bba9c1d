/* One open link, as the relay's core sees it: which commands are possible now,
 * and how many a second.
 * Sans-IO and deterministic: a decoded message and the time in, effects out.
 * It never allocates and knows neither the peer's address nor its name.
 * Rate limit: a command always gets its answer; a peer that sends faster than
 * it may is paused (RL_EFFECT_PAUSE), so that its own stream slows down and no
 * answer is spent on telling it so.
 * Thread rule: one thread at a time.
 */
#ifndef POSTERN_RELAY_CORE_SESSION_H
#define POSTERN_RELAY_CORE_SESSION_H

#include "relay/core/bucket.h"
#include "relay/core/effect.h"

/* What all sessions of a relay share; borrowed by every call. */
typedef struct rl_relay {
    pn_bytes software; /* as Info tells it */
    pn_bytes version;
    uint64_t features; /* PN_LINK_FEATURE_* */
    uint32_t frame_max;
    rl_rate commands;
} rl_relay;

typedef enum rl_session_state {
    RL_SESSION_OPEN,   /* commands are answered */
    RL_SESSION_CLOSED, /* Bye was said by either; nothing may follow */
    RL_SESSION_STATES,
} rl_session_state;

typedef struct rl_session {
    rl_bucket commands;
    uint8_t state; /* rl_session_state, small: there are many of these */
} rl_session;

void rl_session_init(rl_session *s);
/* Take one message at `mono_ms` (`wall_ms` is the relay's clock as peers may
 * see it); *out is overwritten. PN_OK, or PN_E_PROTO if the message is
 * impossible in this state: the link must be closed, there are no effects. */
PN_MUST_USE pn_err rl_session_take(rl_session *s, const rl_relay *relay,
                                   const pn_msg *msg, uint64_t mono_ms,
                                   uint64_t wall_ms, rl_effects *out);
/* Spend tokens for a command that is not a session's own; those that are not
 * there are borrowed. Returns for how many ms the peer must be paused, or 0. */
uint32_t rl_session_charge(rl_session *s, const rl_relay *relay,
                           uint32_t tokens, uint64_t mono_ms);
/* The invariant, for assertions, fuzzers and tests. */
bool rl_session_ok(const rl_session *s);

#endif
