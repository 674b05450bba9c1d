/* Numbered entries of one size, in chunks that never move: growing copies
 * nothing, and a number is half a pointer. Zeroed when taken. Thread rule: one
 * thread at a time.
 */
#ifndef POSTERN_RELAY_STORE_SLAB_H
#define POSTERN_RELAY_STORE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

enum { RL_SLAB_CHUNK = 4096 };

typedef struct rl_slab {
    uint8_t **chunks; /* owned */
    size_t chunk_cap; /* of chunks[] */
    size_t chunk_count;
    size_t size;   /* of an entry, 4 at least */
    uint32_t high; /* numbers ever taken are below */
    uint32_t max;  /* bound on high */
    uint32_t count;
    uint32_t free; /* first of the given back, linked by their first word */
} rl_slab;

void rl_slab_init(rl_slab *s, size_t size, uint32_t max);
void rl_slab_free(rl_slab *s);
/* The entry `at`, which is below `high`. */
static inline void *rl_slab_at(const rl_slab *s, uint32_t at)
{
    return s->chunks[at / RL_SLAB_CHUNK] +
           (size_t)(at % RL_SLAB_CHUNK) * s->size;
}
/* Take any entry. PN_E_FULL at the bound, PN_E_NOMEM. */
PN_MUST_USE pn_err rl_slab_take(rl_slab *s, uint32_t *out);
/* Make sure that entry `at` exists, raising `high`; for recovery, followed by
 * rl_slab_relink(). */
PN_MUST_USE pn_err rl_slab_reach(rl_slab *s, uint32_t at);
void rl_slab_give(rl_slab *s, uint32_t at);
size_t rl_slab_bytes(const rl_slab *s);

#endif
