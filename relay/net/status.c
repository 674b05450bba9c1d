#include "relay/net/status.h"

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
    const pn_uvhub_stats *stats = pn_uvhub_read_stats(s->hub);
    const pn_gate_stats gate = pn_gate_read_stats(s->gate);
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
    pn_json_u64(j, "half_open", s->limits.counts[RL_REFUSED_HALF_OPEN]);
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
    pn_json_u64(j, "commands", s->commands);
    pn_json_u64(j, "pauses", s->pauses);
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
    write_limits(j, s);
}
