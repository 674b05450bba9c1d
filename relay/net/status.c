#include "relay/net/status.h"

#include <stdio.h>

#include "proto/wire/base32.h"
#include "proto/wire/version.h"

static const char *state_name(rl_server_state state)
{
    switch (state) {
    case RL_SERVER_STARTING:
        return "starting";
    case RL_SERVER_SERVING:
        return "serving";
    case RL_SERVER_DRAINING:
        return "draining";
    case RL_SERVER_STOPPED:
        return "stopped";
    }
    return "unknown";
}

static void write_links(pn_json *j, const rl_server *s)
{
    rl_core_stats core;
    const pn_uvhub_stats *stats = pn_uvhub_read_stats(s->hub);
    const pn_gate_stats gate = pn_gate_read_stats(s->gate);
    rl_core_stats_get(s->core, &core);
    pn_json_open(j, "links");
    pn_json_u64(j, "open", stats->open);
    pn_json_u64(j, "half_open", rl_limits_half_open(&s->limits));
    pn_json_u64(j, "opened", stats->opened);
    pn_json_u64(j, "handshakes", gate.handshakes);
    pn_json_u64(j, "strangers", gate.strangers);
    pn_json_u64(j, "puzzles_asked", gate.retries);
    pn_json_u64(j, "replays", gate.replays);
    pn_json_u64(j, "puzzle_bits", s->difficulty);
    pn_json_close(j);
    pn_json_open(j, "refused");
    pn_json_u64(j, "full", s->limits.counts[RL_REFUSED_LINKS]);
    pn_json_u64(j, "address", s->limits.counts[RL_REFUSED_ADDRESS]);
    pn_json_u64(j, "half_open",
                s->limits.counts[RL_REFUSED_HALF_OPEN] +
                    s->limits.counts[RL_REFUSED_SHARE]);
    pn_json_u64(j, "memory", s->limits.counts[RL_REFUSED_NOMEM]);
    pn_json_u64(j, "accept_errors", stats->accept_errors);
    pn_json_u64(j, "accept_pauses", stats->accept_pauses);
    pn_json_close(j);
    pn_json_open(j, "closed");
    for (unsigned i = 0; i < PN_CLOSE_REASONS; i++)
        pn_json_u64(j, pn_close_reason_name((pn_close_reason)i),
                    stats->closed[i]);
    pn_json_close(j);
    pn_json_open(j, "traffic");
    pn_json_u64(j, "frames_in", stats->frames_in);
    pn_json_u64(j, "frames_out", stats->frames_out);
    pn_json_u64(j, "bytes_in", stats->bytes_in);
    pn_json_u64(j, "bytes_out", stats->bytes_out);
    pn_json_u64(j, "output_bytes", stats->output_bytes);
    pn_json_u64(j, "output_shed", stats->output_shed);
    pn_json_u64(j, "commands", core.commands);
    pn_json_u64(j, "pauses", s->pauses);
    pn_json_close(j);
}

static void write_queues(pn_json *j, const rl_server *s)
{
    rl_core_stats core;
    rl_store_stats store = { .bytes_free = UINT64_MAX };
    rl_core_stats_get(s->core, &core);
    if (s->io.store != NULL)
        rl_store_stats_get(s->io.store, &store);
    pn_json_open(j, "queues");
    pn_json_u64(j, "stored", store.queues);
    pn_json_u64(j, "open", core.open_queues);
    pn_json_u64(j, "created", core.created);
    pn_json_u64(j, "taken_over", core.takeovers);
    pn_json_u64(j, "failures", core.failures);
    pn_json_close(j);
    pn_json_open(j, "messages");
    pn_json_u64(j, "waiting", store.messages);
    pn_json_u64(j, "remembered", store.remembered);
    pn_json_u64(j, "stored", core.deposits[PN_DEPOSIT_STORED]);
    pn_json_u64(j, "duplicate", core.deposits[PN_DEPOSIT_DUPLICATE]);
    pn_json_u64(j, "quota", core.deposits[PN_DEPOSIT_QUOTA]);
    pn_json_u64(j, "suspended", core.deposits[PN_DEPOSIT_SUSPENDED]);
    pn_json_u64(j, "unknown", core.deposits[PN_DEPOSIT_UNKNOWN]);
    pn_json_u64(j, "busy", core.deposits[PN_DEPOSIT_BUSY]);
    pn_json_u64(j, "delivered", core.delivered);
    pn_json_u64(j, "acked", core.acked);
    pn_json_close(j);
    pn_json_open(j, "store");
    pn_json_u64(j, "pending", store.pending);
    pn_json_u64(j, "commits", store.commits);
    pn_json_u64(j, "bytes_written", store.bytes_written);
    pn_json_u64(j, "bytes_used", store.bytes_used);
    pn_json_u64(j, "index_bytes", store.index_bytes);
    pn_json_bool(j, "disk_low", store.disk_low);
    pn_json_bool(j, "failed", store.failed);
    pn_json_close(j);
}

static void write_limits(pn_json *j, const rl_server *s)
{
    const rl_limits_config *limits = &s->limits.config;
    pn_json_open(j, "limits");
    pn_json_u64(j, "links", limits->links);
    pn_json_u64(j, "links_per_address", limits->per_address);
    pn_json_u64(j, "half_open", limits->half_open);
    pn_json_u64(j, "puzzle_bits", limits->puzzle_bits_max);
    pn_json_u64(j, "commands_per_second", s->relay.commands.per_second);
    pn_json_u64(j, "command_burst", s->relay.commands.burst);
    pn_json_close(j);
}

enum { SHORT_KEY = 12 }; /* characters: enough to tell relays apart */

static void write_destination(void *ctx, const rl_destination_stats *d)
{
    pn_json *j = ctx;
    char key[PN_BASE32_LEN(PN_RELAY_KEY_BYTES) + 1];
    pn_base32_encode(key, (pn_bytes){ d->key, sizeof d->key });
    key[SHORT_KEY] = 0;
    pn_json_open(j, key);
    pn_json_text(j, "state", d->state);
    pn_json_bool(j, "listed", d->listed);
    if (d->next_ms != UINT64_MAX)
        pn_json_u64(j, "next_ms", d->next_ms);
    pn_json_u64(j, "waiting", d->waiting);
    pn_json_u64(j, "bytes", d->bytes);
    if (d->oldest > 0)
        pn_json_u64(j, "oldest_day", d->oldest);
    pn_json_u64(j, "accepted", d->accepted);
    pn_json_u64(j, "delivered", d->delivered);
    pn_json_u64(j, "refused_key", d->refused_key);
    pn_json_u64(j, "refused_other", d->refused_other);
    pn_json_u64(j, "damaged", d->damaged);
    pn_json_u64(j, "busy", d->busy);
    pn_json_u64(j, "failures", d->failures);
    pn_json_close(j);
}

/* Of relays, and of all clients together. */
static void write_forwards(pn_json *j, const rl_server *s)
{
    rl_forward_stats f;
    rl_parcels_stats p;
    rl_core_forward_stats(s->core, &f);
    rl_core_parcels_stats(s->core, &p);
    pn_json_open(j, "forwards");
    pn_json_u64(j, "accepted", f.results[PN_FORWARD_ACCEPTED]);
    pn_json_u64(j, "duplicate", f.results[PN_FORWARD_DUPLICATE]);
    pn_json_u64(j, "unknown", f.results[PN_FORWARD_UNKNOWN]);
    pn_json_u64(j, "quota", f.results[PN_FORWARD_QUOTA]);
    pn_json_u64(j, "busy", f.results[PN_FORWARD_BUSY]);
    pn_json_u64(j, "replies", f.replies);
    pn_json_u64(j, "unclaimed", f.unclaimed);
    pn_json_close(j);
    pn_json_open(j, "parcels");
    pn_json_u64(j, "done", p.outcomes[PN_PARCEL_DONE]);
    pn_json_u64(j, "busy", p.outcomes[PN_PARCEL_BUSY]);
    pn_json_u64(j, "refused", p.outcomes[PN_PARCEL_REFUSED]);
    pn_json_u64(j, "repeated", p.repeated);
    pn_json_u64(j, "remembered", p.tags);
    pn_json_close(j);
    pn_json_open(j, "peers");
    rl_core_each_destination(s->core, write_destination, j);
    pn_json_close(j);
}

void rl_status_write(pn_json *j, const rl_server *s, const char *address,
                     const char *operator_name)
{
    size_t rss = 0;
    (void)uv_resident_set_memory(&rss); /* 0 where it is not known */
    pn_json_text(j, "type", "status");
    pn_json_text(j, "state", state_name(s->state));
    pn_json_text(j, "version", PN_SOFTWARE_VERSION);
    pn_json_text(j, "address", address);
    pn_json_text(j, "operator", operator_name);
    pn_json_u64(j, "uptime_ms", pn_mono_ms(s->env) - s->started_ms);
    pn_json_u64(j, "resident_bytes", rss);
    /* While the last handles close there is no hub left to ask. */
    if (s->hub != NULL)
        write_links(j, s);
    write_queues(j, s);
    write_forwards(j, s);
    write_limits(j, s);
}

static void write_commit_times(pn_json *j, const rl_server *s)
{
    rl_store_stats store = { 0 };
    char name[32];
    if (s->io.store != NULL)
        rl_store_stats_get(s->io.store, &store);
    pn_json_open(j, "commit_ms");
    for (unsigned i = 0; i + 1 < RL_COMMIT_BUCKETS; i++) {
        (void)snprintf(name, sizeof name, "below_%u", 1U << i);
        pn_json_u64(j, name, store.commit_ms[i]);
    }
    pn_json_u64(j, "more", store.commit_ms[RL_COMMIT_BUCKETS - 1]);
    pn_json_close(j);
}

void rl_stats_write(pn_json *j, const rl_server *s)
{
    pn_json_text(j, "type", "stats");
    pn_json_u64(j, "uptime_ms", pn_mono_ms(s->env) - s->started_ms);
    if (s->hub != NULL)
        write_links(j, s);
    write_queues(j, s);
    write_forwards(j, s);
    write_commit_times(j, s);
}
