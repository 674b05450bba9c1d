/* The gate to one destination: whether parcels may go there now, and when to
 * try again if not. There is one for each relay and none for a message: a
 * thousand parcels that wait for a dead relay cost one attempt, and what goes
 * wrong with one relay is nobody else's affair.
 *
 * After a failure the next attempt waits 5 s, then twice as long each time, up
 * to a quarter of an hour, each time 30 % more or less so that relays which
 * fell together do not come back together. Any sign of life of the destination
 * ends the wait. A link that opens proves little: the first parcel goes alone,
 * and only its answer opens the gate. One that we dialled and that ends at once
 * is a failure too, even where nothing is left to send.
 * Sans-IO; plain values. Thread rule: one thread at a time.
 */
#ifndef POSTERN_RELAY_CORE_GATE_H
#define POSTERN_RELAY_CORE_GATE_H

#include <stdbool.h>

#include "proto/base/env.h"

enum {
    RL_GATE_FIRST_MS = 5000,
    RL_GATE_LAST_MS = 15 * 60 * 1000,
    RL_GATE_JITTER = 30, /* per cent */
    /* A destination may ask for patience, but not for ever. */
    RL_GATE_REST_MAX_MS = 60 * 60 * 1000,
    /* A link that stood so long, or was answered on, was no failure. */
    RL_GATE_STOOD_MS = 60 * 1000,
};

typedef enum rl_gate_state {
    RL_GATE_IDLE,     /* no link, and nothing to send */
    RL_GATE_WAITING,  /* no link; the next attempt is at due_ms */
    RL_GATE_DIALLING, /* an attempt is under way */
    RL_GATE_PROBING,  /* a link; one parcel is tried */
    RL_GATE_OPEN,     /* a link, and it takes parcels */
    RL_GATE_RESTING,  /* a link, but it asked for a pause until due_ms */
    RL_GATE_STATES,
} rl_gate_state;

typedef enum rl_gate_event {
    RL_GATE_WANTED,   /* there is something to send, or a link to keep */
    RL_GATE_UNWANTED, /* there is not any more */
    RL_GATE_LINKED,   /* a link is open that we dialled */
    RL_GATE_CALLED,   /* a link is open that the destination dialled */
    RL_GATE_FAILED,   /* the attempt came to nothing */
    RL_GATE_LOST,     /* no link is left, and there is something to send */
    RL_GATE_ENDED,    /* no link is left, and there is not */
    RL_GATE_ANSWERED, /* a parcel was taken */
    RL_GATE_BUSY,     /* it cannot now: come back later */
    RL_GATE_DUE,      /* due_ms has come */
    RL_GATE_EVENTS,
} rl_gate_event;

typedef struct rl_gate {
    uint64_t due_ms;    /* mono; UINT64_MAX while nothing is due */
    uint64_t linked_ms; /* since when there is a link */
    uint8_t state;      /* rl_gate_state */
    uint8_t failures;   /* in a row */
    bool called;        /* the link is one that the destination dialled */
    bool may_dial;      /* else it waits to be called */
} rl_gate;

void rl_gate_init(rl_gate *gate, bool may_dial);
/* Change whether we may dial: a gate that waited to be called is due now. */
void rl_gate_set_dial(rl_gate *gate, const pn_env *env, bool may_dial);
/* Take an event. `hint_ms` is how long a BUSY destination wants to be left
 * alone, 0 for no hint. Returns whether the caller has to dial now. An event
 * that is not possible in this state changes nothing. */
bool rl_gate_take(rl_gate *gate, const pn_env *env, rl_gate_event event,
                  uint32_t hint_ms);
/* Whether a parcel may be sent now. */
bool rl_gate_is_up(const rl_gate *gate);
/* A word for people: static, lower case. */
const char *rl_gate_state_name(const rl_gate *gate);
/* The invariant, for assertions, fuzzers and tests. */
bool rl_gate_ok(const rl_gate *gate);

#endif
