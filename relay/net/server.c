#include "relay/net/server.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/wire/version.h"
#include "relay/net/peer.h"

enum {
    TICK_MS = 250,
    KEEP_MS = 2 * 60 * 1000, /* a link that is kept is pinged so often */
};

static uint32_t clamp_ms(uint64_t ms)
{
    /* The hub takes no zero; no configured time is near the upper end. */
    if (ms == 0)
        return 1;
    return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static uint32_t shorter_ms(uint64_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

/* Whoever knows the identity's secret knows the spools' names, and nobody
 * else. */
static void derive_spool_secret(uint8_t out[RL_SPOOL_SECRET_BYTES],
                                const pn_link_identity *identity)
{
    static const char label[] = "postern/spool/1";
    (void)crypto_generichash(out, RL_SPOOL_SECRET_BYTES, (const uint8_t *)label,
                             sizeof label - 1, identity->sign_sk,
                             crypto_sign_SEEDBYTES);
}

static rl_forward_config forward_config_of(const rl_config *config,
                                           const pn_link_identity *identity)
{
    rl_forward_config f = {
        .spool_bytes = (uint64_t)config->spool_max_mib * 1024 * 1024,
        .spool_count = config->spool_max_parcels,
        .spool_days = config->spool_days,
        .per_link = config->forwards_per_minute,
        .per_origin = config->forwards_per_hour,
        .delay_max_ms = (uint32_t)config->forward_delay_max,
        .patience_ms = (uint32_t)config->peer_timeout,
        .keep_ms = shorter_ms(config->idle_timeout / 3, KEEP_MS),
        .commands = { config->peer_commands, 2 * config->peer_commands },
    };
    derive_spool_secret(f.secret, identity);
    memcpy(f.self, identity->relay_key, sizeof f.self);
    return f;
}

static rl_core_config core_config_of(const rl_config *config,
                                     const pn_link_identity *identity)
{
    rl_core_config c = {
        .queue_count = config->queue_messages,
        .queue_bytes = config->queue_kib * 1024U,
        .ttl_days_max = config->queue_days,
        .creates_per_link = config->creates_per_minute,
        .creates_per_origin = config->creates_per_hour,
        .failures_per_link = config->failures_per_minute,
        .open_max = config->max_open_queues,
        .access = (rl_access)config->access,
        .forward = forward_config_of(config, identity),
        .parcels = { .per_second = config->parcels_per_second,
                     .tags_max = config->parcels_remembered,
                     .creates_per_relay = config->peer_creates_per_hour },
    };
    (void)crypto_generichash(c.secret_hash, sizeof c.secret_hash,
                             (const uint8_t *)config->access_secret,
                             strlen(config->access_secret), NULL, 0);
    return c;
}

static void on_clock(uv_timer_t *timer)
{
    rl_server *s = timer->data;
    rl_core_tick(s->core);
    rl_server_set_clock(s);
}

void rl_server_set_clock(rl_server *s)
{
    const uint64_t at = rl_core_deadline(s->core);
    const bool active = uv_is_active((const uv_handle_t *)&s->clock) != 0;
    uint64_t now;
    if (active && s->clock_ms == at)
        return;
    now = pn_mono_ms(s->env);
    s->clock_ms = at;
    /* libuv counts from the beginning of the turn. */
    uv_update_time(s->loop);
    (void)uv_timer_start(&s->clock, on_clock, at > now ? at - now : 0, 0);
}

static void on_result(void *ctx, const rl_result *result)
{
    rl_server *s = ctx;
    rl_core_result(s->core, result);
    rl_server_set_clock(s);
}

void rl_server_set_store(rl_server *s, rl_store *store)
{
    rl_store_stats stats;
    rl_store_stats_get(store, &stats);
    rl_core_set_expired(s->core, stats.expired, stats.clock);
    rl_storeio_attach(&s->io, store);
    rl_server_limits_renew(s);
    rl_server_set_clock(s);
}

static void set_relay(rl_server *s, const rl_config *config)
{
    s->relay = (rl_relay){
        .software = PN_BYTES_LIT("posternd"),
        .version = PN_BYTES_LIT(PN_SOFTWARE_VERSION),
        .features = PN_LINK_FEATURE_QUEUES | PN_LINK_FEATURE_PARCELS,
        .frame_max = PN_LINK_FRAME_MAX,
        .commands = { config->commands_per_second, config->command_burst },
    };
    pn_gate_set_terms(s->gate, s->relay.features, s->self.hash);
}

static pn_err make_core(rl_server *s, const rl_config *config)
{
    rl_core_config c;
    pn_err err;
    s->sink = rl_peer_sink(s);
    s->frame = pn_alloc(1, PN_MSG_MAX);
    if (s->frame == NULL)
        return PN_E_NOMEM;
    c = core_config_of(config, &s->identity);
    err = rl_core_new(&s->core, s->env, &s->sink, &c, &s->relay);
    pn_wipe(&c, sizeof c); /* the spools' secret */
    return err;
}

pn_err rl_server_init(rl_server *s, uv_loop_t *loop, const pn_env *env,
                      const rl_config *config, const pn_link_identity *identity,
                      uint64_t open_files)
{
    pn_uvhub_options options = PN_UVHUB_OPTIONS_INIT;
    pn_err err;
    memset(s, 0, sizeof *s);
    s->loop = loop;
    s->env = env;
    s->identity = *identity;
    s->config = *config;
    s->started_ms = pn_mono_ms(env);
    pn_node_init(&s->paused);
    pn_msg_scratch_init(&s->scratch);
    PN_TRY(rl_server_limits_init(s, open_files));
    err = pn_gate_new(&s->gate, env, identity);
    if (err == PN_OK) {
        set_relay(s, config);
        err = make_core(s, config);
    }
    if (err == PN_OK) {
        options.idle_ms = clamp_ms(config->idle_timeout);
        options.slow_ms = clamp_ms(config->slow_timeout);
        options.drain_ms = clamp_ms(config->drain_timeout);
        options.tick_ms = TICK_MS;
        options.output_total = (size_t)config->output_mib * 1024 * 1024;
        err = pn_uvhub_new(&s->hub, loop, env, &options);
    }
    if (err == PN_OK)
        err = rl_storeio_init(&s->io, loop, on_result, s);
    if (err != PN_OK) {
        if (s->hub != NULL)
            pn_uvhub_stop(s->hub, PN_BYE_NONE, NULL, NULL);
        rl_server_free(s);
        return err;
    }
    /* These two cannot fail. */
    (void)uv_timer_init(loop, &s->resume);
    (void)uv_timer_init(loop, &s->clock);
    s->resume.data = s;
    (void)uv_timer_init(loop, &s->hourly);
    s->clock.data = s;
    s->hourly.data = s;
    s->open_handles = 3;
    return PN_OK;
}

pn_err rl_server_set_peers(rl_server *s, const rl_peer_list *list)
{
    rl_destination *d = NULL;
    rl_peer_list fresh;
    pn_err err;
    PN_TRY(rl_peers_copy(&fresh, list));
    if (fresh.count > 0)
        d = pn_alloc(fresh.count, sizeof *d);
    if (fresh.count > 0 && d == NULL) {
        rl_peers_free(&fresh);
        return PN_E_NOMEM;
    }
    for (size_t i = 0; i < fresh.count; i++) {
        const rl_peer_entry *entry = &fresh.at[i];
        memcpy(d[i].key, entry->address.relay_key, sizeof d[i].key);
        d[i].may_dial = entry->dial != RL_DIAL_NEVER;
        d[i].keep = entry->dial == RL_DIAL_ALWAYS;
    }
    rl_peers_free(&s->peers);
    s->peers = fresh;
    rl_server_limits_renew(s);
    err = rl_core_set_destinations(s->core, d, fresh.count);
    pn_free(d);
    rl_server_recall_known(s);
    rl_server_set_clock(s);
    return err;
}

pn_err rl_server_listen(rl_server *s, const rl_config *config, size_t *which)
{
    pn_uvlisten_options options = PN_UVLISTEN_OPTIONS_INIT;
    /* The bounds that count are those of rl_limits, which say no at once; the
     * listener's own would leave callers waiting in the backlog. */
    options.links_max = UINT32_MAX;
    options.half_open_max = UINT32_MAX;
    options.admit = rl_server_admit;
    options.release = rl_server_release;
    options.admit_ctx = s;
    for (size_t i = 0; i < config->listen_count; i++) {
        struct sockaddr_storage addr;
        *which = i;
        PN_TRY(rl_endpoint_parse(config->listen[i], &addr));
        errno = 0;
        PN_TRY(pn_uvlisten_new(&s->listeners[i], s->hub,
                               (const struct sockaddr *)&addr, s->gate,
                               &options, &rl_peer_events, s));
        s->listener_count++;
    }
    s->state = RL_SERVER_SERVING;
    return PN_OK;
}

void rl_server_reload(rl_server *s, const rl_config *config)
{
    rl_server_take_config(s, config);
    rl_server_limits_renew(s);
    set_relay(s, config);
    {
        rl_core_config c = core_config_of(config, &s->identity);
        rl_core_configure(s->core, &c, &s->relay);
        pn_wipe(&c, sizeof c);
    }
    rl_server_renew_self(s);
    rl_server_set_puzzle(s);
}

static void finish(rl_server *s)
{
    s->state = RL_SERVER_STOPPED;
    if (s->on_stopped != NULL)
        s->on_stopped(s->on_stopped_ctx);
}

static void on_timer_closed(uv_handle_t *handle)
{
    rl_server *s = handle->data;
    if (--s->open_handles == 0)
        finish(s);
}

static void on_store_closed(void *ctx)
{
    rl_server *s = ctx;
    uv_close((uv_handle_t *)&s->resume, on_timer_closed);
    uv_close((uv_handle_t *)&s->clock, on_timer_closed);
    uv_close((uv_handle_t *)&s->hourly, on_timer_closed);
}

static void on_hub_stopped(void *ctx)
{
    rl_server *s = ctx;
    s->hub = NULL;
    /* All links are gone, and with them whoever waited for an answer; what
     * was submitted is committed nonetheless. */
    rl_storeio_stop(&s->io, on_store_closed);
}

void rl_server_drain(rl_server *s, void (*on_stopped)(void *ctx), void *ctx)
{
    if (s->state == RL_SERVER_STOPPED)
        return;
    if (s->state == RL_SERVER_DRAINING) {
        if (s->hub != NULL)
            pn_uvhub_stop(s->hub, PN_BYE_NONE, NULL, NULL);
        return;
    }
    s->state = RL_SERVER_DRAINING;
    s->on_stopped = on_stopped;
    s->on_stopped_ctx = ctx;
    pn_uvhub_stop(s->hub, PN_BYE_SHUTDOWN, on_hub_stopped, s);
}

void rl_server_free(rl_server *s)
{
    rl_core_free(&s->core);
    rl_self_free(&s->self);
    rl_peers_free(&s->peers);
    pn_wipe(&s->identity, sizeof s->identity);
    pn_free(s->frame);
    s->frame = NULL;
    pn_gate_free(&s->gate);
    rl_limits_free(&s->limits);
}
