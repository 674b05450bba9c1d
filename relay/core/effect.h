/* What a core wants done: the only way it touches the world, and the message
 * set between network, core and store if they ever become several processes.
 *
 * A session, which answers from what it was given, returns its effects in a
 * list. The core proper calls a sink, because what it sends borrows from a
 * store's result and lives no longer than the call. Either way effects happen
 * in their order, and none of them calls back into the core.
 */
#ifndef POSTERN_RELAY_CORE_EFFECT_H
#define POSTERN_RELAY_CORE_EFFECT_H

#include <stddef.h>

#include "proto/wire/msg.h"
#include "relay/store/store.h"

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

/* `peer` is what rl_core_open() was given. */
typedef struct rl_sink {
    void *ctx;
    /* Send `msg`, copied. A Deliver, Parcel or ForwardReply may be refused with
     * PN_E_FULL: rl_core_writable() says when to go on. All else must be taken;
     * there is a bound on how much can be owed to one link (RL_OWED_MAX). Any
     * other error: the callee closes the link. */
    pn_err (*send)(void *ctx, void *peer, const pn_msg *msg);
    /* While busy, give the core no frames of this peer. */
    void (*busy)(void *ctx, void *peer, bool busy);
    /* The same until a time (mono ms). */
    void (*pause)(void *ctx, void *peer, uint64_t resume_ms);
    /* End the link in good order; rl_core_closed() follows, later. DONE means
     * that the peer has said its Bye. */
    void (*close)(void *ctx, void *peer, pn_bye_reason why);
    /* The result of rl_core_operate(); may be NULL where that is not used. */
    void (*operated)(void *ctx, uint64_t ticket, const rl_result *result);
    /* Begin to open a link with the relay of this key. It ends in
     * rl_core_open_relay() or rl_core_dial_failed(), never before this
     * returns. NULL where there is no network. Anything but PN_OK: it could
     * not even begin. */
    pn_err (*dial)(void *ctx, const uint8_t *key);
    /* A relay on the list has a new descriptor, verified: keep it, for
     * rl_core_learn(). May be NULL. */
    void (*described)(void *ctx, const uint8_t *key, pn_bytes descriptor);
    /* As rl_store_submit(); the result comes to rl_core_result(). */
    pn_err (*submit)(void *ctx, const rl_op *op);
} rl_sink;

#endif
