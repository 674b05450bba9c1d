/* The engine's store in memory: transactions, a crash at any time, commits
 * that fail. */
#ifndef POSTERN_TESTS_SUPPORT_MEMSTORE_H
#define POSTERN_TESTS_SUPPORT_MEMSTORE_H

#include "client/core/store.h"

typedef struct memstore_record {
    cl_table table;
    bool live;
    size_t key_len, len;
    uint8_t *key, *value; /* owned */
} memstore_record;

/* What a record was before the open transaction touched it. */
typedef struct memstore_undo {
    size_t at;
    bool live;
    size_t len;
    uint8_t *value; /* owned */
} memstore_undo;

typedef struct memstore {
    memstore_record *records;
    size_t count, cap;
    memstore_undo *undo;
    size_t undo_count, undo_cap;
    unsigned commits;
    unsigned syncs;
    unsigned fail_at; /* the commit that fails, counted down; 0: none */
    unsigned fail_op; /* the operation of any kind that fails, likewise */
    pn_err fail_with; /* how */
    bool hit;         /* an operation has failed */
} memstore;

void memstore_init(memstore *m);
void memstore_free(memstore *m);
cl_store memstore_port(memstore *m);
/* Whether all is committed. */
bool memstore_is_clean(const memstore *m);
/* A copy of what is committed. */
void memstore_copy(memstore *to, const memstore *from);

#endif
