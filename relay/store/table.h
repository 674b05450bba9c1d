/* A compact hash table of 32-bit numbers: five bytes a cell, at most three
 * quarters full. The numbers name entries of a slab that hold the keys, so the
 * table keeps none; one tag byte a cell spares most visits to the slab.
 * It grows by moving a few cells with each insertion: no single call stalls.
 * Thread rule: one thread at a time.
 */
#ifndef POSTERN_RELAY_STORE_TABLE_H
#define POSTERN_RELAY_STORE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

#define RL_NONE UINT32_MAX /* no entry; also a slab's end of chain */

/* How to see the keys. */
typedef struct rl_table_type {
    uint64_t (*hash)(const void *ctx, uint32_t entry);
    bool (*is)(const void *ctx, uint32_t entry, const void *key);
    void (*fetch)(const void *ctx, uint32_t entry); /* into the cache, soon */
} rl_table_type;

typedef struct rl_cells {
    uint32_t *entry; /* owned; entry + 1, 0 free, RL_NONE moved away */
    uint8_t *tag;    /* owned */
    size_t cap;      /* 0, or a power of two */
} rl_cells;

typedef struct rl_table {
    const rl_table_type *type;
    const void *ctx;
    rl_cells now;
    rl_cells old; /* being emptied into `now`, or cap 0 */
    size_t moved; /* cells of `old` already visited */
    size_t count;
} rl_table;

void rl_table_init(rl_table *t, const rl_table_type *type, const void *ctx);
void rl_table_free(rl_table *t);
/* The entry with this key, or RL_NONE. */
uint32_t rl_table_find(const rl_table *t, uint64_t hash, const void *key);
/* Add an entry whose key is not there. PN_E_NOMEM. */
PN_MUST_USE pn_err rl_table_add(rl_table *t, uint64_t hash, uint32_t entry);
/* Remove an entry that is there; call it while its key can be seen. */
void rl_table_remove(rl_table *t, uint64_t hash, uint32_t entry);
size_t rl_table_bytes(const rl_table *t);

#endif
