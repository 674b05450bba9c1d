#include "tests/support/simenv.h"

#include <stdio.h>

/* splitmix64 (Steele, Lea, Flood 2014): tiny, good enough to steer tests. */
uint64_t simenv_next(simenv *s)
{
    uint64_t z = s->state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static uint64_t sim_mono(void *ctx)
{
    const simenv *s = ctx;
    return s->mono_ms;
}

static uint64_t sim_wall(void *ctx)
{
    const simenv *s = ctx;
    return s->wall_ms;
}

static pn_err sim_random(void *ctx, uint8_t *out, size_t len)
{
    simenv *s = ctx;
    if (s->random_fails)
        return PN_E_RANDOM;
    if (s->random_at > 0 && --s->random_at == 0) {
        s->random_hit = true;
        return PN_E_RANDOM;
    }
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)simenv_next(s);
    return PN_OK;
}

static void sim_log(void *ctx, pn_log_level level, const char *line)
{
    simenv *s = ctx;
    s->log_lines++;
    (void)snprintf(s->last_line, sizeof s->last_line, "%s", line);
    if (s->loud)
        (void)fprintf(stderr, "[%d] %s\n", (int)level, line);
}

void simenv_init(simenv *s, uint64_t seed)
{
    *s = (simenv){ .mono_ms = 1000, .wall_ms = 1767225600000U, .state = seed };
}

pn_env simenv_env(simenv *s)
{
    return (pn_env){ .ctx = s,
                     .mono_ms = sim_mono,
                     .wall_ms = sim_wall,
                     .random = sim_random,
                     .log = sim_log };
}

void simenv_advance(simenv *s, uint64_t ms)
{
    s->mono_ms += ms;
    s->wall_ms += ms;
}
