#include "proto/base/arena.h"

#include <stdalign.h>
#include <stdint.h>

#include "proto/base/mem.h"

enum { BLOCK_MIN = 4096, ALIGN = alignof(max_align_t) };

struct pn_arena_block {
    pn_arena_block *next;
    alignas(max_align_t) uint8_t bytes[];
};

void pn_arena_init(pn_arena *a, size_t cap, void *first, size_t first_len)
{
    const size_t skew = (uintptr_t)first % ALIGN;
    const size_t skip = skew == 0 ? 0 : ALIGN - skew;
    *a = (pn_arena){ .cap = cap };
    if (first != NULL && first_len > skip) {
        a->at = (uint8_t *)first + skip;
        a->left = first_len - skip;
    }
}

/* Start a new heap block with room for at least `len`. */
static pn_err grow(pn_arena *a, size_t len)
{
    const size_t size = len > BLOCK_MIN ? len : BLOCK_MIN;
    pn_arena_block *b = pn_alloc(1, sizeof *b + size);
    if (b == NULL)
        return PN_E_NOMEM;
    b->next = a->blocks;
    a->blocks = b;
    a->at = b->bytes;
    a->left = size;
    return PN_OK;
}

void *pn_arena_alloc(pn_arena *a, size_t len)
{
    size_t padded;
    void *p;
    if (len > SIZE_MAX - ALIGN)
        return NULL;
    padded = len == 0 ? ALIGN : (len + ALIGN - 1) / ALIGN * ALIGN;
    if (padded > a->cap - a->used)
        return NULL;
    if (padded > a->left && grow(a, padded) != PN_OK)
        return NULL;
    p = a->at;
    a->at += padded;
    a->left -= padded;
    a->used += padded;
    return p;
}

void pn_arena_reset(pn_arena *a)
{
    while (a->blocks != NULL) {
        pn_arena_block *b = a->blocks;
        a->blocks = b->next;
        pn_free(b);
    }
    *a = (pn_arena){ 0 };
}
