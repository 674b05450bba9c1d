/* The store in memory, for tests and whole-network simulation: the contract
 * of store.h with the crash behaviour of a disk, and no threads.
 *
 * Operations wait until a commit executes them: what waits at a crash has not
 * happened, what was executed has, whether or not its result was drained.
 * Deterministic: same operations, same results.
 */
#ifndef POSTERN_RELAY_STORE_STORE_MEM_H
#define POSTERN_RELAY_STORE_STORE_MEM_H

#include "proto/base/env.h"
#include "relay/store/store.h"

typedef enum rl_mem_commit {
    RL_MEM_AUTO,   /* rl_store_flush() commits, then notifies */
    RL_MEM_MANUAL, /* only rl_store_mem_commit() does */
} rl_mem_commit;

/* An empty store. `env` is used during the call only; notify may be NULL. The
 * caller owns *out. PN_E_NOMEM, PN_E_RANDOM. */
PN_MUST_USE pn_err rl_store_mem_open(rl_store **out, const pn_env *env,
                                     rl_mem_commit commit,
                                     rl_store_notify_fn *notify, void *ctx);
/* Change from one way of committing to the other. */
void rl_store_mem_auto(rl_store *base, bool on);
/* Execute the oldest `count` waiting operations (all: SIZE_MAX), then notify
 * once if that gave results. */
void rl_store_mem_commit(rl_store *base, size_t count);
/* Power loss and restart: the oldest `survive` waiting operations reach the
 * disk, the rest never do, and no undrained result is ever given. */
void rl_store_mem_crash(rl_store *base, size_t survive);
/* Answer deposits and creations BUSY while `low`. */
void rl_store_mem_disk_low(rl_store *base, bool low);
/* From now on answer everything FAILED, except fetch, lookup. */
void rl_store_mem_fail(rl_store *base);

#endif
