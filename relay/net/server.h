/* The serving relay: listeners, the peers behind them, their limits.
 * Everything happens on one loop's thread. The struct is open to the files of
 * this room only; others use the calls.
 */
#ifndef POSTERN_RELAY_NET_SERVER_H
#define POSTERN_RELAY_NET_SERVER_H

#include "proto/base/list.h"
#include "proto/carrier/uvlisten.h"
#include "relay/core/core.h"
#include "relay/net/limits.h"
#include "relay/net/self.h"
#include "relay/net/storeio.h"
#include "relay/sys/config.h"
#include "relay/sys/peers.h"

typedef enum rl_server_state {
    RL_SERVER_STARTING,
    RL_SERVER_SERVING,
    RL_SERVER_DRAINING,
    RL_SERVER_STOPPED,
} rl_server_state;

typedef struct rl_server {
    uv_loop_t *loop;
    const pn_env *env;
    pn_uvhub *hub;
    pn_gate *gate;
    pn_uvlisten *listeners[RL_LISTEN_MAX];
    size_t listener_count;
    rl_relay relay;
    pn_link_identity identity; /* for links we dial */
    rl_peer_list peers;        /* owned: the relays on the list */
    rl_config config;          /* as last taken up */
    rl_self self;
    uv_timer_t hourly; /* keys and descriptor grow old */
    rl_limits limits;
    uint32_t links_ceiling; /* what the limit on open files allows */
    uint32_t store_files;   /* of those, for a store that is not small */
    uint64_t minded_ms;     /* mono: when that was looked at last */
    unsigned difficulty;    /* what the gate asks for now */
    pn_node paused;         /* peers that wait for their next token */
    uv_timer_t resume;      /* when the first of them goes on */
    uint64_t resume_ms;     /* that moment, while it is active */
    rl_sink sink;           /* how the core reaches links and store */
    rl_core *core;
    rl_storeio io;
    uv_timer_t clock;       /* the core's deadline */
    uint64_t clock_ms;      /* that moment, while it is active */
    uint8_t *frame;         /* owned: PN_MSG_MAX bytes for one encoding */
    unsigned open_handles;  /* to close before it has stopped */
    pn_msg_scratch scratch; /* one decode at a time */
    uint64_t pauses;        /* times a peer was paused for its rate */
    uint64_t started_ms;    /* mono */
    rl_server_state state;
    void (*on_stopped)(void *ctx);
    void *on_stopped_ctx;
    /* What the operator asked of a queue is done; may be NULL. */
    void (*on_operated)(void *ctx, uint64_t ticket, const rl_result *result);
    void *on_operated_ctx;
} rl_server;

/* Prepare to serve. `loop`, `env` and `s` must outlive rl_server_free();
 * `config` and `identity` are copied; the latter is wiped in the end.
 * `open_files` is the limit on open files. PN_E_NOMEM, PN_E_RANDOM,
 * PN_E_CRYPTO, PN_E_IO. */
PN_MUST_USE pn_err rl_server_init(rl_server *s, uv_loop_t *loop,
                                  const pn_env *env, const rl_config *config,
                                  const pn_link_identity *identity,
                                  uint64_t open_files);
/* Listen on every configured endpoint. On a fault *which says on which one;
 * errno may say why. PN_E_IO, PN_E_NOMEM, PN_E_STATE. */
PN_MUST_USE pn_err rl_server_listen(rl_server *s, const rl_config *config,
                                    size_t *which);
/* Take over what may change while serving (the reloadable keys). */
void rl_server_reload(rl_server *s, const rl_config *config);
/* Be who the keys in `dir` say, and take parcels. After rl_server_set_store().
 * PN_E_NOMEM, PN_E_RANDOM, PN_E_ARG, PN_E_IO with errno. */
PN_MUST_USE pn_err rl_server_set_self(rl_server *s, const char *dir);
/* Take over a configuration; but where the relay listens changes with a restart
 * only, and till then so does what it says of that. */
void rl_server_take_config(rl_server *s, const rl_config *config);
/* See whether keys or descriptor have to be made anew, after a change of the
 * configuration too. A fault is logged; what there was stays good. */
void rl_server_renew_self(rl_server *s);
/* Take up what other relays on the list said of themselves earlier. */
void rl_server_recall_known(rl_server *s);
/* The relays to forward to, in place of those before; `list` is copied. After
 * rl_server_set_store(). PN_E_NOMEM. */
PN_MUST_USE pn_err rl_server_set_peers(rl_server *s, const rl_peer_list *list);
/* Stop accepting, say Bye, wait for the links to end; `on_stopped` follows
 * from the loop. A second call cuts what is left. */
void rl_server_drain(rl_server *s, void (*on_stopped)(void *ctx), void *ctx);
/* After on_stopped, or after rl_server_init() alone followed by a drain. */
void rl_server_free(rl_server *s);

/* Give it the store its queues live in, opened to notify rl_storeio_notify with
 * &s->io; it is closed with the server. Before rl_server_listen(). */
void rl_server_set_store(rl_server *s, rl_store *store);
/* The core was given something: see to its next deadline. */
void rl_server_set_clock(rl_server *s);

/* --- server_limits.c: who may connect ------------------------------------- */

/* The bounds of the configuration, and of `open_files`. PN_E_RANDOM. */
PN_MUST_USE pn_err rl_server_limits_init(rl_server *s, uint64_t open_files);
/* Bring them up to date with the configuration, the list of relays and what
 * files the store holds; who is connected stays connected. */
void rl_server_limits_renew(rl_server *s);
/* The listeners' questions; `ctx` is the server. */
bool rl_server_admit(void *ctx, const struct sockaddr *peer, uint64_t *tag);
void rl_server_release(void *ctx, uint64_t tag);
/* Ask newcomers for the puzzle that the present load calls for. */
void rl_server_set_puzzle(rl_server *s);
/* The most links it will hold at once. */
uint32_t rl_server_links_max(const rl_server *s);

#endif
