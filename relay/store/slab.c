#include "relay/store/slab.h"

#include <string.h>

#include "proto/base/mem.h"
#include "relay/store/table.h"

void rl_slab_init(rl_slab *s, size_t size, uint32_t max)
{
    *s = (rl_slab){ .size = size, .max = max, .free = RL_NONE };
}

void rl_slab_free(rl_slab *s)
{
    for (size_t i = 0; i < s->chunk_count; i++)
        pn_free(s->chunks[i]);
    pn_free(s->chunks);
    s->chunks = NULL;
    s->chunk_cap = s->chunk_count = 0;
    s->high = s->count = 0;
    s->free = RL_NONE;
}

static pn_err add_chunk(rl_slab *s)
{
    if (s->chunk_count == s->chunk_cap) {
        const size_t cap = s->chunk_cap == 0 ? 16 : s->chunk_cap * 2;
        uint8_t **more = pn_realloc(s->chunks, cap, sizeof *more);
        if (more == NULL)
            return PN_E_NOMEM;
        s->chunks = more;
        s->chunk_cap = cap;
    }
    s->chunks[s->chunk_count] = pn_alloc(RL_SLAB_CHUNK, s->size);
    if (s->chunks[s->chunk_count] == NULL)
        return PN_E_NOMEM;
    s->chunk_count++;
    return PN_OK;
}

pn_err rl_slab_reach(rl_slab *s, uint32_t at)
{
    if (at >= s->max)
        return PN_E_FULL;
    while (at / RL_SLAB_CHUNK >= s->chunk_count)
        PN_TRY(add_chunk(s));
    if (s->high <= at)
        s->high = at + 1;
    return PN_OK;
}

pn_err rl_slab_take(rl_slab *s, uint32_t *out)
{
    if (s->free != RL_NONE) {
        *out = s->free;
        memcpy(&s->free, rl_slab_at(s, *out), sizeof s->free);
        memset(rl_slab_at(s, *out), 0, sizeof s->free);
    } else {
        const uint32_t at = s->high;
        PN_TRY(rl_slab_reach(s, at));
        *out = at;
    }
    s->count++;
    return PN_OK;
}

void rl_slab_give(rl_slab *s, uint32_t at)
{
    pn_wipe(rl_slab_at(s, at), s->size);
    memcpy(rl_slab_at(s, at), &s->free, sizeof s->free);
    s->free = at;
    s->count--;
}

size_t rl_slab_bytes(const rl_slab *s)
{
    return s->chunk_count * RL_SLAB_CHUNK * s->size +
           s->chunk_cap * sizeof *s->chunks;
}
