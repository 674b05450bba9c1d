/* The store on disk: a segmented append-only log (relay/store/FORMAT.md) with
 * its index in memory.
 *
 * How it keeps its word. Operations change the index and are staged in a
 * frame; one thread seals, writes and syncs all frames that gathered; only
 * then do their results come out. Segments are written before they are used
 * and recycled after, so a commit changes no file system metadata. A second
 * thread reads bodies, a third prepares segments, writes snapshots and cleans.
 *
 * After a failed write or sync the store is failed for good: no deposit or
 * acknowledgement is answered but FAILED, what is durable can still be
 * fetched, and only a new open, which reads what truly is on the disk, ends
 * that.
 */
#ifndef POSTERN_RELAY_STORE_STORE_LOG_H
#define POSTERN_RELAY_STORE_STORE_LOG_H

#include "proto/base/env.h"
#include "relay/store/fsio.h"
#include "relay/store/store.h"

typedef enum rl_log_open {
    RL_LOG_STRICT,   /* refuse a damaged store, PN_E_CORRUPT */
    RL_LOG_PRESERVE, /* go on with what is intact; damaged segments are kept
                        as they are and never recycled */
    RL_LOG_READ,     /* as PRESERVE, but write nothing at all */
    RL_LOG_CREATE,   /* the directory must hold no store yet */
} rl_log_open;

typedef enum rl_severity {
    RL_NOTE,     /* what a crash leaves: nothing that was promised */
    RL_REPAIRED, /* damage, made good from a second copy */
    RL_DAMAGE,   /* something that was promised may be lost */
} rl_severity;

/* Told of everything found wrong, in English, without ids. */
typedef void rl_finding_fn(void *ctx, rl_severity severity, const char *text);

typedef struct rl_log_config {
    rl_log_open mode;
    bool threads;            /* false: everything happens inside drain */
    uint64_t segment_bytes;  /* whole pages, 256 KiB at least */
    uint32_t max_segments;   /* 1..65535; times segment_bytes is the bound on
                                the disk that mail takes */
    uint32_t spare_segments; /* kept ready, 2 at least */
    uint32_t max_queues;
    uint32_t max_messages;   /* waiting and remembered */
    uint32_t max_pending;    /* bytes staged and not yet drained */
    uint64_t min_free;       /* BUSY below this many bytes of free disk */
    uint64_t snapshot_every; /* bytes of log between snapshots */
    uint64_t clean_rate;     /* bytes a second the cleaner reads */
    uint8_t clean_days;      /* a closed segment with anything forgotten in it
                                is rewritten after so many days */
    rl_store_notify_fn *notify; /* may be NULL */
    void *notify_ctx;
    rl_finding_fn *finding; /* may be NULL; during open, verify and drain */
    void *finding_ctx;
} rl_log_config;

/* What suits a relay: segments of 64 MiB, 2 GiB of disk kept free. */
void rl_log_config_default(rl_log_config *c);

/* Open the store in the directory `fs`, which must outlive it; `env` likewise.
 * PN_E_NOT_FOUND: no store there (and not CREATE). PN_E_EXISTS: CREATE, and
 * the directory holds a store or parts of one. PN_E_CORRUPT: damage in STRICT,
 * or beyond opening; the findings say what. PN_E_VERSION: of another format.
 * PN_E_STATE: another process has it open. PN_E_ARG, PN_E_IO, PN_E_FULL,
 * PN_E_NOMEM, PN_E_RANDOM. A CREATE that fails leaves nothing. */
PN_MUST_USE pn_err rl_store_log_open(rl_store **out, const rl_fs *fs,
                                     const pn_env *env,
                                     const rl_log_config *config);
/* Take a snapshot soon, whatever was written since the last. */
void rl_store_log_snapshot(rl_store *s);
/* Release everything and write nothing more, as a crash would. */
void rl_store_log_abandon(rl_store **s);

typedef struct rl_verify_report {
    uint64_t queues;
    uint64_t messages; /* intact */
    uint64_t damaged;  /* messages whose bytes fail their checks */
    uint64_t remembered;
    uint64_t findings[3]; /* by rl_severity */
} rl_verify_report;

/* Read everything, body by body; write nothing. PN_OK when the store could be
 * opened: the report says how it is. Config as for open, its mode ignored. */
PN_MUST_USE pn_err rl_store_log_verify(const rl_fs *fs, const pn_env *env,
                                       const rl_log_config *config,
                                       rl_verify_report *out);

/* A backup is one file: every queue, message and remembered id, each with its
 * checksum. It holds what the store holds, in clear: the file must be kept as
 * safe as the store. `put` takes the bytes in order.
 * PN_E_CORRUPT if a message was damaged (the rest is written nonetheless). */
typedef pn_err rl_backup_put_fn(void *ctx, pn_bytes bytes);
PN_MUST_USE pn_err rl_store_log_backup(const rl_fs *fs, const pn_env *env,
                                       const rl_log_config *config,
                                       rl_backup_put_fn *put, void *ctx);
/* Make a new store from a backup. `get` fills up to len bytes and says how
 * many; 0 at the end. PN_E_CORRUPT if the file is damaged or ends early: then
 * no store is left. Errors as for open with CREATE. */
typedef pn_err rl_backup_get_fn(void *ctx, uint8_t *out, size_t len,
                                size_t *got);
PN_MUST_USE pn_err rl_store_log_restore(const rl_fs *fs, const pn_env *env,
                                        const rl_log_config *config,
                                        rl_backup_get_fn *get, void *ctx);

#endif
