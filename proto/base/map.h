/* A hash map from fixed-size keys to pointers, seeded against flooding.
 * Keys are hashed with SipHash-2-4 (Aumasson, Bernstein, 2012) under a seed
 * from the injected environment, so that a peer who chooses keys cannot choose
 * collisions. Open addressing with linear probing and backward-shift deletion:
 * no tombstones, at most 3/4 full. Iteration order is a function of the seed
 * and the operations, hence the same in a replayed simulation.
 * Thread rule: one thread at a time.
 */
#ifndef POSTERN_PROTO_BASE_MAP_H
#define POSTERN_PROTO_BASE_MAP_H

#include "proto/base/env.h"

enum { PN_MAP_SEED_BYTES = 16 };

typedef struct pn_map {
    uint8_t *keys;  /* owned: cap * key_len bytes */
    void **values;  /* owned: cap pointers, NULL where free */
    size_t key_len; /* 1..64 bytes */
    size_t cap;     /* 0, or a power of two */
    size_t count;
    size_t max; /* bound on count */
    uint64_t seed[2];
} pn_map;

/* An empty map for keys of `key_len` bytes, holding at most `max` entries.
 * Allocates nothing yet. PN_E_ARG for a key_len of 0 or above 64;
 * PN_E_RANDOM. */
PN_MUST_USE pn_err pn_map_init(pn_map *m, const pn_env *env, size_t key_len,
                               size_t max);
/* Release the table; the values are the caller's. */
void pn_map_free(pn_map *m);
/* Insert. `value` is not NULL and stays the caller's; the key is copied.
 * PN_E_EXISTS if the key is there, PN_E_FULL at the bound, PN_E_NOMEM. */
PN_MUST_USE pn_err pn_map_put(pn_map *m, const uint8_t *key, void *value);
/* The value of `key`, or NULL. */
void *pn_map_get(const pn_map *m, const uint8_t *key);
/* Remove and return the value of `key`, or NULL. */
void *pn_map_take(pn_map *m, const uint8_t *key);
/* Iterate: *at starts at 0; returns the next value or NULL at the end. The map
 * must not change in between. */
void *pn_map_next(const pn_map *m, size_t *at);

/* SipHash-2-4 of `len` bytes, for other seeded tables. */
uint64_t pn_siphash(const uint64_t seed[2], const uint8_t *p, size_t len);

#endif
