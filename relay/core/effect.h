/* What a core wants done: the only way it touches the world, and the message
 * set between network and core if they ever become two processes.
 * Effects are carried out in their order.
 */
#ifndef POSTERN_RELAY_CORE_EFFECT_H
#define POSTERN_RELAY_CORE_EFFECT_H

#include <stddef.h>

#include "proto/wire/msg.h"

typedef enum rl_effect_kind {
    RL_EFFECT_REPLY, /* send this message to the peer */
    RL_EFFECT_PAUSE, /* take nothing from the peer until a given time */
    RL_EFFECT_CLOSE, /* end the link in good order */
} rl_effect_kind;

typedef struct rl_effect {
    rl_effect_kind kind;
    union {
        pn_msg reply;       /* its views borrow from the message answered */
        uint64_t resume_ms; /* mono ms */
        pn_bye_reason bye;
    } u;
} rl_effect;

/* The most one message can cause. */
enum { RL_EFFECTS_MAX = 4 };

typedef struct rl_effects {
    size_t count;
    rl_effect at[RL_EFFECTS_MAX];
} rl_effects;

#endif
