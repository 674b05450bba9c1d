#include "tests/support/scriptenv.h"

#include <string.h>

static uint64_t script_mono(void *ctx)
{
    const scriptenv *s = ctx;
    return s->sim.mono_ms;
}

static uint64_t script_wall(void *ctx)
{
    const scriptenv *s = ctx;
    return s->sim.wall_ms;
}

static pn_err script_random(void *ctx, uint8_t *out, size_t len)
{
    scriptenv *s = ctx;
    if (s->len - s->at < len)
        return PN_E_RANDOM;
    memcpy(out, s->bytes + s->at, len);
    s->at += len;
    return PN_OK;
}

void scriptenv_init(scriptenv *s)
{
    *s = (scriptenv){ 0 };
    simenv_init(&s->sim, 0);
}

pn_env scriptenv_env(scriptenv *s)
{
    return (pn_env){ .ctx = s,
                     .mono_ms = script_mono,
                     .wall_ms = script_wall,
                     .random = script_random };
}

pn_err scriptenv_add(scriptenv *s, pn_bytes bytes)
{
    if (sizeof s->bytes - s->len < bytes.len)
        return PN_E_FULL;
    if (bytes.len > 0)
        memcpy(s->bytes + s->len, bytes.p, bytes.len);
    s->len += bytes.len;
    return PN_OK;
}

bool scriptenv_is_spent(const scriptenv *s)
{
    return s->at == s->len;
}
