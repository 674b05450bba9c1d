/* The whole daemon on its loop: server, control socket and signals, from start
 * to orderly stop.
 *   SIGTERM, SIGINT  drain; a second one cuts what still drains
 *   SIGHUP           reload the configuration
 */
#ifndef POSTERN_RELAY_NET_DAEMON_H
#define POSTERN_RELAY_NET_DAEMON_H

#include "relay/net/control.h"
#include "relay/net/server.h"

enum { RL_DAEMON_SIGNALS = 3 };

typedef struct rl_daemon_hooks {
    /* Read the configuration anew; false (with its own complaint logged) keeps
     * the old one. */
    bool (*reload)(void *ctx, rl_config *out);
    /* Read the list of relays anew; false (with its own complaint logged) keeps
     * the old one. *out is the caller's to release. */
    bool (*load_peers)(void *ctx, rl_peer_list *out);
    /* Open the store, to notify `notify` with `notify_ctx`; it is given away.
     */
    PN_MUST_USE pn_err (*open_store)(void *ctx, rl_store_notify_fn *notify,
                                     void *notify_ctx, rl_store **out);
    /* Have the server be somebody: rl_server_set_self(). */
    PN_MUST_USE pn_err (*set_self)(void *ctx, rl_server *server);
    void *ctx;
} rl_daemon_hooks;

typedef struct rl_daemon {
    uv_loop_t loop;
    rl_server server;
    rl_control *control;
    uv_signal_t signals[RL_DAEMON_SIGNALS];
    unsigned signal_count;
    const pn_env *env;
    rl_config config; /* as last taken up */
    const char *address;
    rl_daemon_hooks hooks;
} rl_daemon;

/* Build everything on a loop of its own and listen. `env` and `address` are
 * borrowed, the rest is copied. On a fault nothing is left behind; *which is
 * the index of the endpoint that failed, or RL_LISTEN_MAX if it was not one,
 * and errno may say more. PN_E_IO, PN_E_NOMEM, PN_E_RANDOM, PN_E_CRYPTO,
 * PN_E_ARG for a control path that is too long. */
PN_MUST_USE pn_err rl_daemon_start(rl_daemon *d, const pn_env *env,
                                   const rl_config *config,
                                   const pn_link_identity *identity,
                                   uint64_t open_files,
                                   const char *control_path,
                                   const char *address,
                                   const rl_daemon_hooks *hooks, size_t *which);
/* Serve until a signal ends it, then leave nothing open. PN_OK, or PN_E_STATE
 * if something was left on the loop (a fault of ours). */
PN_MUST_USE pn_err rl_daemon_run(rl_daemon *d);

#endif
