/* How many queues were created, or parcels forwarded, from where: a count for
 * each origin, kept in memory only and without keeping the origin.
 *
 * Two rows of token buckets under two seeded hashes; an origin is refused when
 * its bucket is empty in both. Two origins rarely share both, and a table of
 * fixed size cannot be flooded. Sans-IO. Thread rule: one thread at a time.
 */
#ifndef POSTERN_RELAY_CORE_ORIGINS_H
#define POSTERN_RELAY_CORE_ORIGINS_H

#include "proto/base/bytes.h"
#include "proto/base/env.h"
#include "relay/core/bucket.h"

enum { RL_ORIGIN_ROWS = 2, RL_ORIGIN_CELLS = 8192 };

typedef struct rl_origins {
    uint64_t seed[RL_ORIGIN_ROWS][2];
    rl_bucket *cells; /* owned: rows * cells */
} rl_origins;

/* PN_E_NOMEM, PN_E_RANDOM. */
PN_MUST_USE pn_err rl_origins_init(rl_origins *o, const pn_env *env);
void rl_origins_free(rl_origins *o);
/* Take one token of `per_hour`; false if there is none. */
PN_MUST_USE bool rl_origins_take(rl_origins *o, uint64_t origin,
                                 uint32_t per_hour, uint64_t now_ms);

#endif
