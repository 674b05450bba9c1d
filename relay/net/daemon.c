#include "relay/net/daemon.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "relay/net/status.h"
#include "relay/sys/notify.h"

/* A service manager that cannot be told is no reason to stop serving. */
static void tell(const rl_daemon *d, pn_err err)
{
    if (err != PN_OK)
        pn_log(d->env, PN_LOG_WARN, "cannot notify the service manager: %s",
               pn_strerror(err));
}

static void on_server_stopped(void *ctx)
{
    rl_daemon *d = ctx;
    rl_control_stop(&d->control);
    for (unsigned i = 0; i < d->signal_count; i++)
        uv_close((uv_handle_t *)&d->signals[i], NULL);
    d->signal_count = 0;
}

/* Name what was changed in the file but needs a restart. */
static void note_unchanged(const rl_daemon *d, const rl_config *fresh)
{
    const rl_config *now = &d->config;
    if (memcmp(now->listen, fresh->listen, sizeof now->listen) != 0 ||
        strcmp(now->advertise, fresh->advertise) != 0 ||
        now->idle_timeout != fresh->idle_timeout ||
        now->slow_timeout != fresh->slow_timeout ||
        now->output_mib != fresh->output_mib ||
        now->drain_timeout != fresh->drain_timeout)
        pn_log(d->env, PN_LOG_WARN,
               "changes of listen, advertise, output_mib and the timeouts wait "
               "for a restart");
}

static bool reload_peers(rl_daemon *d)
{
    rl_peer_list list;
    pn_err err;
    if (!d->hooks.load_peers(d->hooks.ctx, &list))
        return false;
    err = rl_server_set_peers(&d->server, &list);
    if (err != PN_OK)
        pn_log(d->env, PN_LOG_ERROR, "cannot take up the list of relays: %s",
               pn_strerror(err));
    rl_peers_free(&list);
    return err == PN_OK;
}

static bool reload(rl_daemon *d)
{
    rl_config fresh;
    bool taken;
    tell(d, rl_notify_reloading());
    taken = d->hooks.reload(d->hooks.ctx, &fresh);
    if (taken) {
        note_unchanged(d, &fresh);
        rl_server_reload(&d->server, &fresh);
        pn_log(d->env, PN_LOG_INFO,
               "reloaded: %u links, %u per address, %u half open, %u commands "
               "a second",
               rl_server_links_max(&d->server), fresh.max_per_address,
               fresh.max_half_open, fresh.commands_per_second);
    }
    taken = reload_peers(d) && taken;
    tell(d, rl_notify("READY=1"));
    return taken;
}

static void drain(rl_daemon *d)
{
    const bool again = d->server.state == RL_SERVER_DRAINING;
    pn_log(d->env, PN_LOG_INFO,
           again ? "stopping at once"
                 : "draining: no new links; send the "
                   "signal again to stop at once");
    tell(d, rl_notify("STOPPING=1"));
    rl_server_drain(&d->server, on_server_stopped, d);
}

static void on_signal(uv_signal_t *handle, int number)
{
    rl_daemon *d = handle->data;
    if (number == SIGHUP)
        (void)reload(d);
    else
        drain(d);
}

/* What became of a request about one queue. */
static void fill_operated(const void *ctx, pn_json *j)
{
    const rl_result *r = ctx;
    if (r->status == RL_STATUS_OK) {
        pn_json_text(j, "type", "queue");
        pn_json_bool(j, "ok", true);
        if (r->kind == RL_OP_PURGE)
            pn_json_u64(j, "forgotten", r->u.forgotten);
        return;
    }
    pn_json_text(j, "type", "error");
    pn_json_text(j, "message",
                 r->status == RL_STATUS_UNKNOWN
                     ? "no queue has this id"
                     : "the store cannot do this now; see the log");
}

static void on_operated(void *ctx, uint64_t ticket, const rl_result *result)
{
    const rl_daemon *d = ctx;
    rl_control_answer(d->control, ticket, fill_operated, result);
}

/* False: answered when the store has done it. */
static bool operate(rl_daemon *d, rl_op_kind kind,
                    const rl_control_request *request, uint64_t ticket,
                    pn_json *j)
{
    if (rl_core_operate(d->server.core, kind, request->id, ticket) == PN_OK)
        return false;
    pn_json_text(j, "type", "error");
    pn_json_text(j, "message", "the relay is too busy; try again");
    return true;
}

static void count_queues(const rl_daemon *d, pn_json *j)
{
    rl_store_stats stats = { 0 };
    rl_core_stats core;
    rl_core_stats_get(d->server.core, &core);
    if (d->server.io.store != NULL)
        rl_store_stats_get(d->server.io.store, &stats);
    pn_json_text(j, "type", "queues");
    pn_json_u64(j, "queues", stats.queues);
    pn_json_u64(j, "open", core.open_queues);
    pn_json_u64(j, "messages", stats.messages);
    pn_json_u64(j, "remembered", stats.remembered);
}

static bool on_request(void *ctx, const rl_control_request *request,
                       uint64_t ticket, pn_json *j)
{
    rl_daemon *d = ctx;
    switch (request->command) {
    case RL_CONTROL_STATUS:
        rl_status_write(j, &d->server, d->address, d->config.operator_name);
        break;
    case RL_CONTROL_STATS:
        rl_stats_write(j, &d->server);
        break;
    case RL_CONTROL_RELOAD:
        pn_json_text(j, "type", "reload");
        pn_json_bool(j, "ok", reload(d));
        break;
    case RL_CONTROL_QUEUE_COUNT:
        count_queues(d, j);
        break;
    case RL_CONTROL_QUEUE_BLOCK:
        return operate(d, RL_OP_BLOCK, request, ticket, j);
    case RL_CONTROL_QUEUE_UNBLOCK:
        return operate(d, RL_OP_UNBLOCK, request, ticket, j);
    case RL_CONTROL_QUEUE_PURGE:
        return operate(d, RL_OP_PURGE, request, ticket, j);
    }
    return true;
}

static pn_err watch_signals(rl_daemon *d)
{
    static const int numbers[RL_DAEMON_SIGNALS] = { SIGTERM, SIGINT, SIGHUP };
    /* libuv writes with write(2): a peer that went away must not end us. */
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return PN_E_IO;
    for (unsigned i = 0; i < RL_DAEMON_SIGNALS; i++) {
        uv_signal_t *handle = &d->signals[i];
        if (uv_signal_init(&d->loop, handle) != 0)
            return PN_E_IO;
        handle->data = d;
        d->signal_count++;
        if (uv_signal_start(handle, on_signal, numbers[i]) != 0)
            return PN_E_IO;
    }
    return PN_OK;
}

/* Run the loop until all is closed, and close it. */
static pn_err finish(rl_daemon *d)
{
    (void)uv_run(&d->loop, UV_RUN_DEFAULT);
    rl_server_free(&d->server);
    return uv_loop_close(&d->loop) == 0 ? PN_OK : PN_E_STATE;
}

pn_err rl_daemon_start(rl_daemon *d, const pn_env *env, const rl_config *config,
                       const pn_link_identity *identity, uint64_t open_files,
                       const char *control_path, const char *address,
                       const rl_daemon_hooks *hooks, size_t *which)
{
    rl_store *store = NULL;
    pn_err err;
    int why;
    memset(d, 0, sizeof *d);
    d->env = env;
    d->config = *config;
    d->address = address;
    d->hooks = *hooks;
    *which = RL_LISTEN_MAX;
    if (uv_loop_init(&d->loop) != 0)
        return PN_E_IO;
    err =
        rl_server_init(&d->server, &d->loop, env, config, identity, open_files);
    if (err != PN_OK) {
        (void)uv_run(&d->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&d->loop);
        return err;
    }
    d->server.on_operated = on_operated;
    d->server.on_operated_ctx = d;
    err =
        hooks->open_store(hooks->ctx, rl_storeio_notify, &d->server.io, &store);
    if (err == PN_OK) {
        rl_server_set_store(&d->server, store);
        err = hooks->set_self(hooks->ctx, &d->server);
    }
    if (err == PN_OK) {
        /* A list that cannot be read is said; clients are served without. */
        (void)reload_peers(d);
        err = watch_signals(d);
    }
    if (err == PN_OK)
        err = rl_control_start(&d->control, &d->loop, control_path, on_request,
                               d);
    if (err == PN_OK)
        err = rl_server_listen(&d->server, config, which);
    if (err == PN_OK)
        return PN_OK;
    why = errno;
    rl_server_drain(&d->server, on_server_stopped, d);
    (void)finish(d);
    errno = why;
    return err;
}

pn_err rl_daemon_run(rl_daemon *d)
{
    tell(d, rl_notify("READY=1"));
    return finish(d);
}
