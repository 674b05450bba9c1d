/* Who may connect, and how many. */
#include "proto/carrier/tcp.h"
#include "relay/net/server.h"

enum {
    /* Descriptors that are not links: standard streams, listeners, the loop's
     * own, the control socket and its callers, a small store's files. */
    SPARE_FILES = 48,
    SMALL_STORE_FILES = 10, /* of those */
    MIND_MS = 100,          /* how often the store is looked at, at most */
};

/* Let a half-open link go for a newcomer who would be refused otherwise: of
 * its own origin where that has too many. */
static void make_room(rl_server *s, uint64_t origin)
{
    bool changed = true;
    while (changed) {
        switch (rl_limits_ask(&s->limits, origin)) {
        case RL_REFUSED_LINKS:
        case RL_REFUSED_HALF_OPEN:
            changed = pn_uvhub_make_room(s->hub, NULL);
            break;
        case RL_REFUSED_ADDRESS:
        case RL_REFUSED_SHARE:
            changed = pn_uvhub_make_room(s->hub, &origin);
            break;
        case RL_ADMITTED:
        case RL_REFUSED_NOMEM:
        case RL_ADMISSIONS:
            return;
        }
    }
}

/* Links that we dial need files too, one with each relay of the list; and so
 * does the store. */
static rl_limits_config limits_of(const rl_server *s)
{
    const rl_config *config = &s->config;
    const uint32_t all = s->links_ceiling;
    const uint32_t ours = (uint32_t)s->peers.count + s->store_files;
    const uint32_t ceiling = all > ours ? all - ours : 1;
    return (rl_limits_config){
        .links = config->max_links == 0 ? ceiling : config->max_links,
        .per_address = config->max_per_address,
        .half_open = config->max_half_open,
        .puzzle_bits_max = config->puzzle_bits_max,
    };
}

/* A store holds a file for each segment, and wants more of them as it grows:
 * links take no more than it leaves, with a quarter of its own to spare. */
static void mind_store(rl_server *s)
{
    rl_store_stats stats;
    uint32_t files;
    s->minded_ms = pn_mono_ms(s->env);
    if (s->io.store == NULL)
        return;
    rl_store_stats_get(s->io.store, &stats);
    files = stats.files + stats.files / 4;
    s->store_files = files > SMALL_STORE_FILES ? files - SMALL_STORE_FILES : 0;
}

void rl_server_limits_renew(rl_server *s)
{
    rl_limits_config limits;
    mind_store(s);
    limits = limits_of(s);
    rl_limits_set(&s->limits, &limits);
}

pn_err rl_server_limits_init(rl_server *s, uint64_t open_files)
{
    rl_limits_config limits;
    s->links_ceiling = 1;
    if (open_files > SPARE_FILES)
        s->links_ceiling = open_files - SPARE_FILES > 1000000
                               ? 1000000
                               : (uint32_t)(open_files - SPARE_FILES);
    limits = limits_of(s);
    return rl_limits_init(&s->limits, s->env, &limits);
}

bool rl_server_admit(void *ctx, const struct sockaddr *peer, uint64_t *tag)
{
    rl_server *s = ctx;
    uint8_t bytes[8];
    const size_t len = pn_tcp_origin(bytes, peer);
    *tag = rl_limits_origin(bytes, len);
    if (pn_mono_ms(s->env) - s->minded_ms >= MIND_MS)
        rl_server_limits_renew(s);
    make_room(s, *tag);
    if (rl_limits_admit(&s->limits, *tag) != RL_ADMITTED)
        return false;
    rl_server_set_puzzle(s);
    return true;
}

void rl_server_release(void *ctx, uint64_t tag)
{
    rl_server *s = ctx;
    rl_limits_release(&s->limits, tag);
    rl_server_set_puzzle(s);
}

void rl_server_set_puzzle(rl_server *s)
{
    const unsigned bits = rl_limits_difficulty(&s->limits);
    if (bits == s->difficulty)
        return;
    s->difficulty = bits;
    pn_gate_set_difficulty(s->gate, bits);
}

uint32_t rl_server_links_max(const rl_server *s)
{
    return s->limits.config.links;
}
