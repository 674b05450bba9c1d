#include "relay/net/limits.h"

#include <string.h>

#include "proto/base/mem.h"

typedef struct origin_count {
    uint32_t links;
    uint32_t open; /* may for a moment be links + 1, see rl_limits_closed() */
} origin_count;

enum { ORIGINS_MAX = 1000000, FIRST_PUZZLE_BITS = 8 };

pn_err rl_limits_init(rl_limits *l, const pn_env *env,
                      const rl_limits_config *config)
{
    *l = (rl_limits){ .config = *config };
    return pn_map_init(&l->origins, env, sizeof(uint64_t), ORIGINS_MAX);
}

void rl_limits_free(rl_limits *l)
{
    size_t at = 0;
    void *count;
    while ((count = pn_map_next(&l->origins, &at)) != NULL)
        pn_free(count);
    pn_map_free(&l->origins);
}

void rl_limits_set(rl_limits *l, const rl_limits_config *config)
{
    l->config = *config;
}

static uint32_t half_open_of(uint32_t links, uint32_t open)
{
    return links > open ? links - open : 0;
}

uint32_t rl_limits_half_open(const rl_limits *l)
{
    return half_open_of(l->links, l->open);
}

static origin_count *find(const rl_limits *l, uint64_t origin)
{
    uint8_t key[sizeof origin];
    memcpy(key, &origin, sizeof key);
    return pn_map_get(&l->origins, key);
}

/* Forget an origin of which nobody is left. */
static void drop_if_empty(rl_limits *l, uint64_t origin, origin_count *count)
{
    uint8_t key[sizeof origin];
    if (count->links > 0 || count->open > 0)
        return;
    memcpy(key, &origin, sizeof key);
    pn_free(pn_map_take(&l->origins, key));
}

static rl_admission judge(const rl_limits *l, const origin_count *count)
{
    /* One origin never has more than half of all handshakes under way, so
     * that a single flooder leaves the door open for others. */
    const uint32_t share = (l->config.half_open + 1) / 2;
    if (l->links >= l->config.links)
        return RL_REFUSED_LINKS;
    if (count != NULL && count->links >= l->config.per_address)
        return RL_REFUSED_ADDRESS;
    if (count != NULL && half_open_of(count->links, count->open) >= share)
        return RL_REFUSED_SHARE;
    if (rl_limits_half_open(l) >= l->config.half_open)
        return RL_REFUSED_HALF_OPEN;
    return RL_ADMITTED;
}

rl_admission rl_limits_ask(const rl_limits *l, uint64_t origin)
{
    return judge(l, find(l, origin));
}

static rl_admission admit(rl_limits *l, uint64_t origin)
{
    origin_count *count = find(l, origin);
    const rl_admission answer = judge(l, count);
    if (answer != RL_ADMITTED)
        return answer;
    if (count == NULL) {
        uint8_t key[sizeof origin];
        memcpy(key, &origin, sizeof key);
        count = pn_alloc(1, sizeof *count);
        if (count == NULL)
            return RL_REFUSED_NOMEM;
        if (pn_map_put(&l->origins, key, count) != PN_OK) {
            pn_free(count);
            return RL_REFUSED_NOMEM;
        }
    }
    count->links++;
    l->links++;
    return RL_ADMITTED;
}

rl_admission rl_limits_admit(rl_limits *l, uint64_t origin)
{
    const rl_admission answer = admit(l, origin);
    l->counts[answer]++;
    return answer;
}

void rl_limits_opened(rl_limits *l, uint64_t origin)
{
    origin_count *count = find(l, origin);
    if (count == NULL)
        return;
    count->open++;
    l->open++;
}

void rl_limits_closed(rl_limits *l, uint64_t origin)
{
    origin_count *count = find(l, origin);
    if (count == NULL || count->open == 0)
        return;
    count->open--;
    l->open--;
    drop_if_empty(l, origin, count);
}

void rl_limits_release(rl_limits *l, uint64_t origin)
{
    origin_count *count = find(l, origin);
    if (count == NULL || count->links == 0)
        return;
    count->links--;
    l->links--;
    drop_if_empty(l, origin, count);
}

unsigned rl_limits_difficulty(const rl_limits *l)
{
    const uint32_t now = rl_limits_half_open(l);
    const uint32_t from = (l->config.half_open + 1) / 2;
    const uint32_t span = l->config.half_open - from;
    const uint32_t most = l->config.puzzle_bits_max;
    if (now < from || most == 0)
        return 0;
    if (most <= FIRST_PUZZLE_BITS || span == 0 || now - from >= span)
        return most;
    return FIRST_PUZZLE_BITS + (unsigned)((uint64_t)(most - FIRST_PUZZLE_BITS) *
                                          (now - from) / span);
}

uint64_t rl_limits_origin(const uint8_t bytes[8], size_t len)
{
    uint64_t origin = 0;
    for (size_t i = 0; i < len; i++)
        origin = origin << 8 | bytes[i];
    /* An IPv4 address moves to 0:ffff::/32, where no IPv6 network can be. */
    return len == 4 ? origin | UINT64_C(0xffff) << 32 : origin;
}
