#include "relay/core/onions.h"

#include <string.h>

#include "proto/base/mem.h"

#define DAY_MS (UINT64_C(24) * 3600 * 1000)

pn_err rl_onions_add(rl_onions *o, const rl_onion_seed *seed)
{
    rl_onion *fresh;
    size_t at = o->count;
    pn_err err;
    if (seed->until_ms <= seed->from_ms ||
        seed->until_ms - seed->from_ms > PN_ONION_VALID_DAYS * DAY_MS)
        return PN_E_ARG;
    if (o->count == RL_ONIONS_MAX)
        return PN_E_FULL;
    fresh = &o->at[o->count];
    *fresh = (rl_onion){ .born = seed->born,
                         .from_ms = seed->from_ms,
                         .until_ms = seed->until_ms,
                         .over_ms = UINT64_MAX };
    err = pn_xwing_expand(&fresh->key, seed->sk);
    pn_onion_id(fresh->id, fresh->key.pk);
    if (err == PN_OK && rl_onions_find(o, fresh->id) != NULL)
        err = PN_E_EXISTS;
    if (err != PN_OK) {
        pn_wipe(fresh, sizeof *fresh);
        return err;
    }
    o->count++;
    for (; at > 0 && o->at[at - 1].from_ms > o->at[at].from_ms; at--) {
        rl_onion later = o->at[at - 1];
        o->at[at - 1] = o->at[at];
        o->at[at] = later;
        pn_wipe(&later, sizeof later);
    }
    return PN_OK;
}

void rl_onions_remove(rl_onions *o, const uint8_t id[PN_ONION_ID_BYTES])
{
    for (size_t i = 0; i < o->count; i++) {
        if (memcmp(o->at[i].id, id, PN_ONION_ID_BYTES) != 0)
            continue;
        o->count--;
        memmove(&o->at[i], &o->at[i + 1], (o->count - i) * sizeof o->at[0]);
        pn_wipe(&o->at[o->count], sizeof o->at[0]);
        return;
    }
}

void rl_onions_wipe(rl_onions *o)
{
    pn_wipe(o, sizeof *o);
}

const rl_onion *rl_onions_find(const rl_onions *o,
                               const uint8_t id[PN_ONION_ID_BYTES])
{
    for (size_t i = 0; i < o->count; i++)
        if (memcmp(o->at[i].id, id, PN_ONION_ID_BYTES) == 0)
            return &o->at[i];
    return NULL;
}

const rl_onion *rl_onions_current(const rl_onions *o, uint64_t wall_ms)
{
    for (size_t i = o->count; i > 0; i--)
        if (o->at[i - 1].from_ms <= wall_ms && wall_ms < o->at[i - 1].until_ms)
            return &o->at[i - 1];
    return NULL;
}

bool rl_onions_wants(const rl_onions *o, uint64_t wall_ms)
{
    const rl_onion *now = rl_onions_current(o, wall_ms);
    return now == NULL || wall_ms - now->from_ms >= PN_ONION_NEW_DAYS * DAY_MS;
}

rl_day rl_onion_last_day(const rl_onion *onion)
{
    return rl_day_after(onion->born, PN_ONION_VALID_DAYS - 1);
}

const rl_onion *rl_onions_dead(rl_onions *o, rl_day today, uint64_t wall_ms,
                               uint64_t mono_ms)
{
    for (size_t i = 0; i < o->count; i++) {
        rl_onion *k = &o->at[i];
        if (wall_ms < k->until_ms)
            k->over_ms = UINT64_MAX;
        else if (k->over_ms == UINT64_MAX)
            k->over_ms = mono_ms;
        if (today > rl_onion_last_day(k) ||
            (k->over_ms != UINT64_MAX &&
             mono_ms - k->over_ms >= RL_ONION_LEAP_MS))
            return k;
    }
    return NULL;
}

const rl_onion *rl_onions_surplus(const rl_onions *o, uint64_t wall_ms)
{
    if (o->count < RL_ONIONS_MAX)
        return NULL;
    return o->at[o->count - 1].from_ms > wall_ms ? &o->at[o->count - 1]
                                                 : &o->at[0];
}
