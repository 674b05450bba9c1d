/* A capped bump allocator: many small allocations, one release.
 * Its use: decoding one peer message. A frame of 64 KiB can ask a decoder for
 * megabytes of small objects; the cap turns that into PN_E_NOMEM.
 * The first block may be the caller's (the stack), so that the common small
 * message allocates nothing. Thread rule: one thread at a time.
 */
#ifndef POSTERN_PROTO_BASE_ARENA_H
#define POSTERN_PROTO_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

typedef struct pn_arena_block pn_arena_block;

typedef struct pn_arena {
    uint8_t *at;            /* next free byte of the current block */
    size_t left;            /* bytes left in the current block */
    size_t used;            /* bytes given out, padding included */
    size_t cap;             /* most bytes it may ever give out */
    pn_arena_block *blocks; /* heap blocks, newest first */
} pn_arena;

/* An arena that gives out at most `cap` bytes, starting in the borrowed
 * first[0..first_len), which must outlive it (NULL and 0: none). */
void pn_arena_init(pn_arena *a, size_t cap, void *first, size_t first_len);
/* `len` bytes aligned for any object, not zeroed; NULL past the cap or when
 * memory is out. They live until pn_arena_reset(). */
PN_MUST_USE void *pn_arena_alloc(pn_arena *a, size_t len);
/* Release everything; the arena may be used again only after a new init. */
void pn_arena_reset(pn_arena *a);

#endif
