/* Message keys of messages that have not come yet (PROTOCOL.md section 6.4).
 * When message n arrives, the keys of those before it are kept here under the
 * header key of their chain, until they come, grow too old, or are pushed out
 * by newer ones at the bound. Additions are staged and become part of the
 * store only with cl_skipped_commit(): a forged message leaves no trace.
 * Memory is wiped before it is released or moved.
 * Thread rule: one thread at a time.
 */
#ifndef POSTERN_CLIENT_CORE_SKIPPED_H
#define POSTERN_CLIENT_CORE_SKIPPED_H

#include "client/core/kdf.h"

enum {
    CL_SKIPPED_STEP_MAX = 2000, /* keys one message may leave behind */
    CL_SKIPPED_MAX = 10000,     /* keys kept in all */
    CL_SKIPPED_CHAINS_MAX = 512,
    CL_SKIPPED_HOURS = 90 * 24, /* how long a key waits */
};

typedef struct cl_skipped_key {
    uint32_t chain; /* tag of its chain */
    uint32_t n;     /* number of the message in its chain */
    uint32_t hour;  /* hours since 1970 when it was put here */
    uint8_t mk[CL_KEY_BYTES];
} cl_skipped_key;

typedef struct cl_skipped_chain {
    uint32_t tag;  /* names it, unique in this store */
    uint32_t keys; /* committed keys it has, at least 1 */
    uint8_t hk[CL_KEY_BYTES];
} cl_skipped_chain;

typedef struct cl_skipped {
    cl_skipped_key *keys; /* owned: oldest first, then the staged ones */
    size_t count, staged, cap;
    cl_skipped_chain *chains; /* owned: oldest first */
    size_t chain_count, chain_cap;
    uint32_t next_tag;
    uint32_t kept_tag; /* what next_tag goes back to in a rollback */
    uint64_t dropped;  /* keys that were given up: too old, or pushed out */
} cl_skipped;

/* A zeroed cl_skipped is empty and valid. Wipe and release everything. */
void cl_skipped_clear(cl_skipped *s);
/* Make room to stage `keys` more keys of at most two chains. PN_E_NOMEM. */
PN_MUST_USE pn_err cl_skipped_reserve(cl_skipped *s, size_t keys);
/* Stage one key. Room must have been reserved. Keys of one chain are staged
 * in one run. */
void cl_skipped_stage(cl_skipped *s, const uint8_t hk[CL_KEY_BYTES], uint32_t n,
                      uint32_t hour, const uint8_t mk[CL_KEY_BYTES]);
/* Keep what was staged, giving up the oldest keys past the bounds. */
void cl_skipped_commit(cl_skipped *s);
/* Wipe what was staged. */
void cl_skipped_rollback(cl_skipped *s);
/* The key of message n in the chain with this tag, borrowed until the store
 * changes, or NULL. */
const cl_skipped_key *cl_skipped_find(const cl_skipped *s, uint32_t tag,
                                      uint32_t n);
/* Wipe and remove a key that cl_skipped_find() gave. */
void cl_skipped_remove(cl_skipped *s, const cl_skipped_key *key);
/* Give up every key that has waited CL_SKIPPED_HOURS at `hour`. Returns how
 * many they were. */
size_t cl_skipped_expire(cl_skipped *s, uint32_t hour);

/* Bytes cl_skipped_write() writes. Nothing may be staged. */
size_t cl_skipped_size(const cl_skipped *s);
void cl_skipped_write(const cl_skipped *s, pn_out *out);
/* Read into a zeroed *s. PN_E_CORRUPT for anything but what write makes,
 * PN_E_NOMEM; *s is then empty. */
PN_MUST_USE pn_err cl_skipped_read(cl_skipped *s, pn_bytes *in);
/* Whether the store keeps its invariants. For tests and fuzzers. */
bool cl_skipped_ok(const cl_skipped *s);

#endif
