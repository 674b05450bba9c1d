/* Inside store_log: what its files share. Nobody else includes this.
 *
 *   store_log.c    open, close, drain, housekeeping
 *   log_ops.c      operations on the index, staged as records
 *   log_commit.c   batches: placing, sealing, writing, syncing
 *   log_read.c     fetches
 *   log_segment.c  the key file and the life of a segment
 *   log_recover.c  from files to index
 *   log_replay.c   from records to index
 *   log_snapshot.c writing snapshots
 *   log_snapload.c loading them
 *   log_clean.c    moving what is alive out of mostly dead segments
 *   log_verify.c   verify, backup, restore
 *
 * The owner's thread owns everything here except what a task carries.
 */
#ifndef POSTERN_RELAY_STORE_LOG_H
#define POSTERN_RELAY_STORE_LOG_H

#include <stdatomic.h>

#include "relay/store/format.h"
#include "relay/store/shelf.h"
#include "relay/store/store_log.h"
#include "relay/store/work.h"

enum {
    RL_BATCH_MAX = 1024 * 1024, /* bytes of a frame */
    RL_SNAP_KEYS = 3,           /* key slots before the segments' */
    RL_SNAP_CHUNK = 256 * 1024,
    RL_RETRY_S = 30,
    RL_SOON_S = 1, /* where room is about to be made */
};

typedef enum rl_segment_state {
    RL_SEG_NONE,      /* no file */
    RL_SEG_PREPARING, /* in the janitor's hands */
    RL_SEG_SPARE,     /* ready */
    RL_SEG_ACTIVE,    /* being written */
    RL_SEG_CLOSED,
} rl_segment_state;

typedef struct rl_segment {
    rl_segment_state state;
    bool quarantined; /* damage was found: keep it as it is */
    bool broken;      /* no key or no file: nothing can be read */
    int file;         /* -1: none */
    rl_key_slot key;
    uint64_t first; /* frames in it */
    uint64_t last;
    uint64_t used;    /* bytes of frames */
    uint64_t dead_at; /* the frame by which nothing in it was alive; 0 */
    uint32_t pins;    /* fetches under way */
    rl_day closed;
} rl_segment;

typedef struct rl_answer {
    rl_result result;
    size_t body_at; /* in the frame, of a deposit's body */
} rl_answer;

typedef struct rl_batch {
    rl_task task;
    uint8_t *frame; /* owned */
    size_t cap;
    size_t len; /* 0: not placed, it holds no record */
    uint32_t records;
    uint32_t segment;
    uint64_t at; /* in the segment */
    uint64_t seq;
    uint64_t previous;
    rl_day day;
    uint64_t handed_ms; /* when it was handed over */
    uint64_t claims;    /* what its header calls durable */
    rl_answer *answers; /* owned */
    size_t answer_count;
    size_t answer_cap;
    pn_err err; /* the commit's */
} rl_batch;

typedef struct rl_body {
    uint32_t segment;
    uint32_t block;
} rl_body;

typedef struct rl_reading {
    rl_task task;
    struct rl_log *log;
    rl_result result;
    uint64_t need; /* the frame that must be durable first */
    uint32_t count;
    rl_body *where;         /* inside the same memory */
    rl_envelope *envelopes; /* likewise */
    uint8_t *buf;           /* owned */
    size_t buf_len;
} rl_reading;

typedef enum rl_chore_kind {
    RL_CHORE_PREPARE,
    RL_CHORE_RETIRE,
    RL_CHORE_CLEAN,
    RL_CHORE_SNAP_BEGIN,
    RL_CHORE_SNAP_CHUNK,
    RL_CHORE_SNAP_END,
} rl_chore_kind;

/* A task of the janitor. */
typedef struct rl_chore {
    rl_task task;
    rl_chore_kind kind;
    uint32_t segment;
    bool fresh;      /* prepare: the file is to be made */
    bool hurry;      /* prepare: no time to write it first */
    rl_key_slot key; /* prepare, snapshot begin: the new one */
    uint64_t at;     /* clean: where to read */
    uint8_t *buf;    /* owned: clean, snapshot chunk */
    size_t len;
    rl_chunk_type type; /* snapshot chunk */
    int file;           /* prepare */
    pn_err err;
} rl_chore;

typedef struct rl_snapper {
    enum { RL_SNAP_IDLE, RL_SNAP_ROWS, RL_SNAP_MESSAGES, RL_SNAP_ENDING } phase;
    bool wanted, busy; /* busy: a chore is under way */
    rl_snap_head head;
    uint32_t at;             /* next row or message */
    uint32_t chunk;          /* the janitor's */
    uint64_t rows, messages; /* written */
    uint64_t need;           /* the frame that must be durable before the end */
    uint64_t file_at;        /* the janitor's */
    uint64_t epoch;
    uint8_t key[RL_SEAL_KEY_BYTES];
    int file;
    pn_err stale;                      /* what kept an old one from going */
    uint64_t highest;                  /* number ever seen */
    uint64_t last, before;             /* numbers of the two on disk; 0: none */
    uint64_t last_start, before_start; /* where their replays begin */
    uint64_t last_bytes;
    uint64_t written_then; /* log bytes when the last began */
    rl_day day;            /* of the last */
    uint64_t again_ms;     /* mono: that failed, and is due then; else 0 */
} rl_snapper;

/* The commit thread's: see rl_log_commit_run(). */
typedef struct rl_pace {
    uint64_t cost_ns; /* of a commit, smoothed */
    uint64_t taken;   /* operations of the last commit */
    uint64_t wanted;  /* before the next */
    unsigned misses;  /* in a row: waits that did not bring them */
} rl_pace;

typedef struct rl_log {
    rl_store base;
    rl_log_config cfg;
    const rl_fs *fs;
    const pn_env *env;
    rl_index index;
    rl_segment *segments; /* owned: max_segments */
    uint32_t segment_count;
    uint32_t spares;  /* segments in RL_SEG_SPARE; asked for by every command */
    atomic_bool rush; /* spares run out: the janitor is to finish at once */
    int keys, lock;
    uint32_t tail; /* the active segment, or RL_NONE */
    uint64_t tail_at;
    uint64_t last_frame; /* placed */
    uint64_t next_frame;
    uint64_t durable; /* the last durable frame */
    uint64_t proven;  /* the last whose header says what was durable */
    uint64_t durable_at;
    uint32_t durable_segment;
    uint64_t last_data; /* the last frame with records */
    uint64_t settle_ms; /* time of the last commit */
    rl_batch *filling;  /* may be NULL */
    rl_tasks batches;   /* free ones */
    uint64_t staged;    /* bytes under way */
    uint64_t pending;   /* operations without a drained result */
    uint64_t logged;    /* bytes of frames placed, ever in this run */
    uint64_t commits;
    uint64_t commit_ms[RL_COMMIT_BUCKETS];
    rl_tasks readings; /* that wait for a commit */
    rl_worker commit, reader, janitor;
    rl_shelf shelf; /* of the reader's buffers */
    bool workers;
    bool made;       /* by this opening, in a directory that held nothing */
    uint8_t *wire;   /* owned, the commit thread's: one sealed frame */
    uint64_t synced; /* the commit thread's: the last durable frame */
    pn_err broken;   /* the commit thread's: its first failure */
    rl_pace pace;
    bool notified_low;
    bool low;     /* disk */
    bool crowded; /* no segment can be added any more */
    bool failed;
    rl_day today;   /* the last day expired */
    rl_day clock;   /* that came with it, or 0 */
    rl_day newest;  /* the newest day seen at all */
    uint32_t sweep; /* next entry to expire, or RL_NONE */
    uint32_t sweep_gone;
    uint64_t sweep_tokens[16]; /* expire operations that wait for it */
    uint32_t sweep_count;
    rl_snapper snap;
    uint32_t cleaning; /* segment, or RL_NONE */
    uint64_t clean_at;
    bool clean_busy;
    uint32_t preparing; /* chores */
    bool prepare_failed;
    bool hurry;            /* segments are wanted now, written or not */
    uint64_t free_checked; /* `logged` when free space was last looked at */
    uint64_t bytes_free;
    bool damaged; /* a finding of RL_DAMAGE was made */
    rl_verify_report report;
} rl_log;

static inline rl_log *rl_log_of(rl_store *s)
{
    return (rl_log *)(void *)s;
}

void rl_log_found(rl_log *s, rl_severity severity, const char *fmt, ...)
    PN_PRINTF(3, 4);

/* log_ops.c */
pn_err rl_log_submit(rl_store *base, const rl_op *op);
/* Go on with an expiry; gives its answers when it has ended. */
void rl_log_sweep(rl_log *s, uint32_t entries);

/* log_commit.c */
/* Room for one record of `bytes` in the filling frame, where it lies in the
 * log as *segment and *block. NULL when there is no memory, or no segment. */
uint8_t *rl_log_stage(rl_log *s, size_t bytes, uint16_t *segment,
                      uint32_t *block);
/* An answer that comes out when all staged so far is durable. NULL: memory. */
rl_answer *rl_log_answer(rl_log *s);
/* Make sure that the next rl_log_answer() will not fail, even when records
 * are staged before. PN_E_NOMEM. */
pn_err rl_log_answer_room(rl_log *s);
/* Hand the filling batch to the commit thread, an empty frame if `force`. */
void rl_log_hand_over(rl_log *s, bool force);
void rl_log_commit_run(void *ctx, rl_task *all);
/* Give the answers of what is committed. */
size_t rl_log_commit_drain(rl_log *s, rl_store_result_fn *fn, void *ctx);
void rl_batch_free(rl_batch *b);
/* Whether what lies there is durable. */
bool rl_log_is_durable(const rl_log *s, uint32_t segment, uint32_t block);

/* log_read.c */
pn_err rl_log_fetch(rl_log *s, const rl_op *op);
void rl_log_read_run(void *ctx, rl_task *all);
size_t rl_log_read_drain(rl_log *s, rl_store_result_fn *fn, void *ctx);
/* Read and check one message's body into buf (its record's size). */
pn_err rl_log_read_body(const rl_log *s, rl_body where, const uint8_t *id,
                        size_t len, uint8_t *buf);

/* log_recover.c */
pn_err rl_log_recover(rl_log *s);
/* Walk the records of one unsealed frame; `apply` false only counts those that
 * are whole. PN_E_NOMEM, PN_E_FULL. */
pn_err rl_log_walk(rl_log *s, const uint8_t *records, size_t len,
                   uint32_t segment, uint64_t at, bool apply, uint32_t *whole);
/* log_replay.c: apply one record to the index; what it cannot apply is ignored,
 * see FORMAT.md. PN_E_CORRUPT, PN_E_NOMEM, PN_E_FULL. */
pn_err rl_log_replay(rl_log *s, const rl_record *r, const uint8_t *body,
                     uint32_t segment, uint32_t block);

/* log_snapshot.c */
void rl_log_snap_step(rl_log *s);
/* How long whoever is told BUSY is to stay away. */
uint32_t rl_log_retry_s(const rl_log *s);
void rl_log_snapped(rl_log *s, rl_chore *c);
void rl_chore_snap(rl_log *s, rl_chore *c);
void rl_snapshot_name(char out[RL_FS_NAME_MAX], uint64_t number);
/* Load the newest good snapshot into the empty index; *out is its head, all
 * zero when there is none. `whole_log`: the log reaches back to its first
 * frame and can do without. */
pn_err rl_log_snap_load(rl_log *s, bool whole_log, rl_snap_head *out);

/* log_clean.c */
void rl_log_clean_step(rl_log *s);
void rl_chore_clean(rl_log *s, rl_chore *c);
void rl_log_cleaned(rl_log *s, rl_chore *c);

/* log_verify.c: remove all files of a store. */
void rl_log_leave_nothing(const rl_fs *fs);

/* store_log.c */
/* Open without starting threads or writing: for verify and backup too. */
pn_err rl_log_load(rl_log **out, const rl_fs *fs, const pn_env *env,
                   const rl_log_config *config);
void rl_log_unload(rl_log *s);
rl_chore *rl_chore_new(rl_chore_kind kind, size_t buf_len);
void rl_chore_free(rl_chore *c);

#endif
