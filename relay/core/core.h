/* The relay's core: who may do what to which queue, and who gets which mail.
 *
 * Sans-IO and deterministic: links, frames, store results and the time go in,
 * effects come out through a sink (effect.h). It never touches a socket, a
 * file or a clock, and allocates only for what is open or under way.
 *
 * Invariants: `stored` is said only after the store's result said so; one link
 * at a time holds a queue; within a queue and a priority, mail is delivered in
 * the order of its deposit; nothing is delivered after its Acked; a deposit to
 * no queue and one with a wrong capability cannot be told apart, nor can the
 * opening of no queue and one with a wrong signature.
 *
 * Faults: a call about a link that returns negative wants that link closed
 * (PN_E_PROTO: the peer broke the protocol). Nothing a peer does can stop the
 * core. Thread rule: one thread.
 */
#ifndef POSTERN_RELAY_CORE_CORE_H
#define POSTERN_RELAY_CORE_CORE_H

#include "proto/base/env.h"
#include "relay/core/effect.h"
#include "relay/core/forward.h"
#include "relay/core/parcels.h"
#include "relay/core/session.h"

enum {
    RL_BINDING_BYTES = 32,
    RL_SECRET_HASH_BYTES = 32,
    /* Failed answers leave at a multiple of this, in ms, and at least so much
     * after the store's result. */
    RL_FLOOR_MS = 5,
    /* Commands under way of one link, and bytes of their messages, beyond
     * which it is not read from. One more command may come in. */
    RL_PENDING_MAX = 256,
    RL_PENDING_BYTES_MAX = 1 << 20,
    /* Bytes of answers that may be owed to one link at once. */
    RL_OWED_MAX = (RL_PENDING_MAX + PN_OPEN_MAX) * PN_MSG_SMALL_MAX +
                  RL_PENDING_BYTES_MAX + 2 * PN_MSG_MAX,
};

typedef enum rl_access {
    RL_ACCESS_OPEN,   /* anybody may create queues */
    RL_ACCESS_SECRET, /* who knows the operator's secret */
    RL_ACCESS_CLOSED, /* nobody */
} rl_access;

/* All at least 1 unless said. */
typedef struct rl_core_config {
    uint32_t queue_count;        /* messages a queue may hold */
    uint32_t queue_bytes;        /* and bytes */
    uint32_t ttl_days_max;       /* PN_TTL_DAYS_MIN..PN_TTL_DAYS_MAX */
    uint32_t creates_per_link;   /* a minute */
    uint32_t creates_per_origin; /* an hour */
    uint32_t failures_per_link;  /* a minute; then the link is closed */
    uint32_t open_max;           /* queues open at once, in all */
    rl_access access;
    uint8_t secret_hash[RL_SECRET_HASH_BYTES]; /* BLAKE2b-256 of the secret */
    rl_forward_config forward;
    rl_parcels_config parcels;
} rl_core_config;

typedef struct rl_core_stats {
    uint64_t links;
    uint64_t open_queues;
    uint64_t pending; /* commands under way */
    /* Since the start. */
    uint64_t commands;
    uint64_t deposits[PN_DEPOSIT_BUSY + 1]; /* by answer */
    uint64_t delivered;
    uint64_t acked;
    uint64_t created;
    uint64_t takeovers;
    uint64_t failures; /* unknown ids, wrong capabilities and signatures */
} rl_core_stats;

typedef struct rl_core rl_core;
typedef struct rl_link rl_link;

/* `env` is used for randomness and seeds, borrowed with `sink` for the life of
 * the core; `config` and `relay` are copied. PN_E_NOMEM, PN_E_RANDOM. */
PN_MUST_USE pn_err rl_core_new(rl_core **out, const pn_env *env,
                               const rl_sink *sink,
                               const rl_core_config *config,
                               const rl_relay *relay);
/* Frees the links that are left, without effects. No result may come after. */
void rl_core_free(rl_core **core);
/* What the store says of the last expiry (rl_store_stats): from there the
 * relay's calendar goes on. Before anything else is done with the core. */
void rl_core_set_expired(rl_core *core, rl_day day, rl_day clock);
/* New bounds for what comes from now on. */
void rl_core_configure(rl_core *core, const rl_core_config *config,
                       const rl_relay *relay);

/* Which features the link's terms granted. */
typedef struct rl_grants {
    bool queues;
    bool parcels;
} rl_grants;

/* A client's link has opened. `origin` stands for where the peer comes from;
 * `binding` is the link's handshake hash. PN_E_NOMEM. */
PN_MUST_USE pn_err rl_core_open(rl_core *core, void *peer, rl_grants grants,
                                uint64_t origin,
                                const uint8_t binding[RL_BINDING_BYTES],
                                rl_link **out);
/* A link with another relay has opened. `key` is the relay key we dialled, or
 * NULL where it dialled us and showed the X25519 key `noise_pk` on the link.
 * PN_E_REFUSED if it is not on the list, PN_E_NOMEM. */
PN_MUST_USE pn_err rl_core_open_relay(rl_core *core, void *peer,
                                      const uint8_t *key,
                                      const uint8_t *noise_pk,
                                      const uint8_t binding[RL_BINDING_BYTES],
                                      rl_link **out);
/* One message of the peer, borrowed for the call. */
PN_MUST_USE pn_err rl_core_take(rl_link *link, const pn_msg *msg);
/* There is room again after a Deliver met PN_E_FULL. */
void rl_core_writable(rl_link *link);
/* The link is gone; what it held is free for others. No effects on it. */
void rl_core_closed(rl_link *link);

/* The operator blocks, unblocks or purges a queue (RL_OP_BLOCK...; `id` is one
 * of its ids). The result comes to the sink with `ticket`. PN_E_ARG for another
 * kind, PN_E_NOMEM, PN_E_FULL. */
PN_MUST_USE pn_err rl_core_operate(rl_core *core, rl_op_kind kind,
                                   const uint8_t id[RL_QUEUE_ID_BYTES],
                                   uint64_t ticket);

/* The relays that this one forwards to, in place of those before; `list` is
 * copied. Links with those that are gone from it close; what waits for them
 * stays in the store until it expires, or they are listed again. Ourselves in
 * it are left out. After the first store result may be had. PN_E_FULL beyond
 * RL_DESTINATIONS_MAX, PN_E_NOMEM: then some are not listed. A key that is no
 * Ed25519 key is left out, and the log says so. */
PN_MUST_USE pn_err rl_core_set_destinations(rl_core *core,
                                            const rl_destination *list,
                                            size_t count);
/* What the sink's dial began came to nothing. */
void rl_core_dial_failed(rl_core *core, const uint8_t *key);
/* A link with another relay stands, whose descriptor has this hash; NULL: it
 * has not been told. Asks for what is not known yet. */
void rl_core_announced(rl_link *link, const uint8_t *hash);
/* What was kept of a relay on the list (sink.described). PN_E_NOT_FOUND: it is
 * not on it; PN_E_PROTO, PN_E_CRYPTO, PN_E_REFUSED: it is not its descriptor;
 * PN_E_EXISTS: known; PN_E_NOMEM. */
PN_MUST_USE pn_err rl_core_learn(rl_core *core,
                                 const uint8_t key[PN_RELAY_KEY_BYTES],
                                 pn_bytes descriptor);
/* The keys that parcels for us are sealed to, borrowed for the life of the
 * core, and our descriptor, copied. To be called again after every change of
 * either. Before the first time parcels are answered with Error, unsupported.
 * After the first store result may be had. PN_E_NOMEM. */
PN_MUST_USE pn_err rl_core_set_self(rl_core *core, const rl_onions *onions,
                                    pn_bytes descriptor);
/* Today by the relay's calendar. */
rl_day rl_core_today(rl_core *core);

/* A result of the store. */
void rl_core_result(rl_core *core, const rl_result *result);
/* Do what is due. */
void rl_core_tick(rl_core *core);
/* When rl_core_tick() wants to be called next, in mono ms. */
uint64_t rl_core_deadline(const rl_core *core);

void rl_core_stats_get(const rl_core *core, rl_core_stats *out);
void rl_core_forward_stats(const rl_core *core, rl_forward_stats *out);
void rl_core_parcels_stats(const rl_core *core, rl_parcels_stats *out);
/* Every destination, in the order they were listed first. */
typedef void rl_destination_fn(void *ctx, const rl_destination_stats *stats);
void rl_core_each_destination(const rl_core *core, rl_destination_fn *fn,
                              void *ctx);
/* The invariants, for assertions, fuzzers and tests. Walks everything. */
bool rl_core_ok(const rl_core *core);

#endif
