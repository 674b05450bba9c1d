#include "proto/base/env.h"

#include <stdarg.h>
#include <stdio.h>

uint64_t pn_mono_ms(const pn_env *env)
{
    return env->mono_ms(env->ctx);
}

uint64_t pn_wall_ms(const pn_env *env)
{
    return env->wall_ms(env->ctx);
}

pn_err pn_random(const pn_env *env, uint8_t *out, size_t len)
{
    return env->random(env->ctx, out, len);
}

pn_err pn_random_below(const pn_env *env, uint32_t bound, uint32_t *out)
{
    /* Rejection keeps it uniform: drop the tail that does not divide. */
    uint32_t v, tail;
    if (bound == 0)
        return PN_E_ARG;
    tail = (0U - bound) % bound;
    do {
        PN_TRY(pn_random(env, (uint8_t *)&v, sizeof v));
    } while (v < tail);
    *out = v % bound;
    return PN_OK;
}

void pn_log(const pn_env *env, pn_log_level level, const char *fmt, ...)
{
    char line[512];
    va_list args;
    if (env->log == NULL)
        return;
    va_start(args, fmt);
    (void)vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    env->log(env->ctx, level, line);
}
