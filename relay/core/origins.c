#include "relay/core/origins.h"

#include "proto/base/map.h"
#include "proto/base/mem.h"

/* An hour in ms; fits an int, which in µs it would not. */
enum { HOUR_MS = 3600 * 1000 };

pn_err rl_origins_init(rl_origins *o, const pn_env *env)
{
    uint8_t raw[sizeof o->seed];
    pn_bytes in = { raw, sizeof raw };
    PN_TRY(pn_random(env, raw, sizeof raw));
    for (size_t row = 0; row < RL_ORIGIN_ROWS; row++) {
        PN_TRY(pn_take_u64(&in, &o->seed[row][0]));
        PN_TRY(pn_take_u64(&in, &o->seed[row][1]));
    }
    o->cells =
        pn_alloc((size_t)RL_ORIGIN_ROWS * RL_ORIGIN_CELLS, sizeof *o->cells);
    return o->cells != NULL ? PN_OK : PN_E_NOMEM;
}

void rl_origins_free(rl_origins *o)
{
    pn_free(o->cells);
    o->cells = NULL;
}

bool rl_origins_take(rl_origins *o, uint64_t origin, uint32_t per_hour,
                     uint64_t now_ms)
{
    const uint64_t each = HOUR_MS * UINT64_C(1000) / per_hour;
    uint8_t key[8];
    pn_out out = pn_out_over(key, sizeof key);
    bool admitted = false;
    pn_put_u64(&out, origin);
    for (size_t row = 0; row < RL_ORIGIN_ROWS; row++) {
        const uint64_t at =
            pn_siphash(o->seed[row], key, sizeof key) % RL_ORIGIN_CELLS;
        rl_bucket *cell = &o->cells[row * RL_ORIGIN_CELLS + at];
        if (rl_bucket_take_every(cell, each, per_hour, now_ms) == 0)
            admitted = true;
    }
    return admitted;
}
