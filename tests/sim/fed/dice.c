#include "tests/sim/fed/dice.h"

#include <stdio.h>
#include <string.h>

static const uint64_t epoch_ms = 1767225600000U; /* 2026-01-01T00:00Z */

/* splitmix64 (Steele, Lea, Flood 2014). */
uint64_t fed_next(fed_dice *d)
{
    uint64_t z = d->state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

fed_dice fed_dice_of(uint64_t seed, uint64_t stream)
{
    fed_dice d = { seed };
    const uint64_t first = fed_next(&d);
    d.state = first ^ (stream * 0xd1342543de82ef95U);
    (void)fed_next(&d);
    return d;
}

uint32_t fed_roll(fed_dice *d, uint64_t n)
{
    return (uint32_t)(fed_next(d) % n);
}

uint64_t fed_between(fed_dice *d, uint64_t lo, uint64_t hi)
{
    return lo + fed_next(d) % (hi - lo + 1);
}

bool fed_chance(fed_dice *d, uint32_t per_mille)
{
    return fed_roll(d, 1000) < per_mille;
}

static uint64_t env_mono(void *ctx)
{
    const fed_env *e = ctx;
    return *e->now_ms + e->mono_base;
}

static uint64_t env_wall(void *ctx)
{
    const fed_env *e = ctx;
    return epoch_ms + *e->now_ms + (uint64_t)e->wall_off;
}

static pn_err env_random(void *ctx, uint8_t *out, size_t len)
{
    fed_env *e = ctx;
    e->draws++;
    while (len > 0) {
        const uint64_t word = fed_next(&e->dice);
        const size_t n = len < sizeof word ? len : sizeof word;
        memcpy(out, &word, n);
        out += n;
        len -= n;
    }
    return PN_OK;
}

static void env_log(void *ctx, pn_log_level level, const char *line)
{
    fed_env *e = ctx;
    (void)level;
    (void)snprintf(e->last_line, sizeof e->last_line, "%s", line);
}

void fed_env_init(fed_env *e, const uint64_t *now_ms, uint64_t seed,
                  uint64_t stream)
{
    *e = (fed_env){ .now_ms = now_ms, .dice = fed_dice_of(seed, stream) };
    e->mono_base = FED_SECOND + fed_next(&e->dice) % FED_DAY;
}

pn_env fed_env_port(fed_env *e)
{
    return (pn_env){ .ctx = e,
                     .mono_ms = env_mono,
                     .wall_ms = env_wall,
                     .random = env_random,
                     .log = env_log };
}

uint64_t fed_env_world(const fed_env *e, uint64_t mono_ms)
{
    if (mono_ms == UINT64_MAX)
        return UINT64_MAX;
    return mono_ms > e->mono_base ? mono_ms - e->mono_base : 0;
}
