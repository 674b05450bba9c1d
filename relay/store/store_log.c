#include "relay/store/store_log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/mem.h"
#include "relay/store/log_segment.h"

enum {
    SEGMENT_LEAST = 256 * 1024,
    SETTLE_MS = 50,
    SWEEP_STEP = 16384,
    SPARES_AT_OPEN = 3,
};

static const char lock_name[] = "lock";

void rl_log_config_default(rl_log_config *c)
{
    *c = (rl_log_config){ .mode = RL_LOG_STRICT,
                          .threads = true,
                          .segment_bytes = (uint64_t)64 << 20,
                          .max_segments = 4096,
                          .spare_segments = 4,
                          .max_queues = 16 * 1024 * 1024,
                          .max_messages = 64 * 1024 * 1024,
                          .max_pending = 64 << 20,
                          .min_free = (uint64_t)2 << 30,
                          .snapshot_every = (uint64_t)512 << 20,
                          .clean_rate = (uint64_t)64 << 20,
                          .clean_days = 7 };
}

void rl_log_found(rl_log *s, rl_severity severity, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    s->report.findings[severity]++;
    if (severity == RL_DAMAGE)
        s->damaged = true;
    if (s->cfg.finding != NULL)
        s->cfg.finding(s->cfg.finding_ctx, severity, text);
    else
        pn_log(s->env, severity == RL_NOTE ? PN_LOG_INFO : PN_LOG_ERROR,
               "store: %s", text);
}

rl_chore *rl_chore_new(rl_chore_kind kind, size_t buf_len)
{
    rl_chore *c = pn_alloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->kind = kind;
    if (buf_len > 0) {
        /* Room for a chunk's header before and its padding behind. */
        c->buf = pn_alloc(1, buf_len + 2 * (size_t)RL_BLOCK);
        if (c->buf == NULL) {
            pn_free(c);
            return NULL;
        }
    }
    return c;
}

void rl_chore_free(rl_chore *c)
{
    if (c == NULL)
        return;
    pn_free(c->buf);
    pn_wipe(&c->key, sizeof c->key);
    pn_free(c);
}

static void run_chores(void *ctx, rl_task *all)
{
    rl_log *s = ctx;
    for (rl_task *t = all; t != NULL; t = t->next) {
        rl_chore *c = (rl_chore *)(void *)t;
        if (c->kind == RL_CHORE_PREPARE || c->kind == RL_CHORE_RETIRE)
            rl_chore_segment(s, c);
        else if (c->kind == RL_CHORE_CLEAN)
            rl_chore_clean(s, c);
        else
            rl_chore_snap(s, c);
    }
}

static void chores_done(rl_log *s)
{
    rl_tasks done;
    rl_tasks_init(&done);
    rl_worker_pump(&s->janitor);
    rl_worker_done(&s->janitor, &done);
    for (rl_task *t; (t = rl_tasks_take(&done)) != NULL;) {
        rl_chore *c = (rl_chore *)(void *)t;
        if (c->kind == RL_CHORE_PREPARE || c->kind == RL_CHORE_RETIRE)
            rl_log_tended(s, c);
        else if (c->kind == RL_CHORE_CLEAN)
            rl_log_cleaned(s, c);
        else
            rl_log_snapped(s, c);
        rl_chore_free(c);
    }
}

static void wake(void *ctx)
{
    const rl_log *s = ctx;
    if (s->cfg.notify != NULL)
        s->cfg.notify(s->cfg.notify_ctx);
}

static void log_flush(rl_store *base)
{
    rl_log *s = rl_log_of(base);
    rl_log_hand_over(s, false);
    if (!s->cfg.threads)
        wake(s);
}

/* Once there is nothing to do, one empty frame says of the last that it was
 * durable: from then on its loss would be seen as damage. */
static void prove_last(rl_log *s)
{
    if (s->last_data > s->proven && s->filling == NULL && s->staged == 0 &&
        pn_mono_ms(s->env) - s->settle_ms >= SETTLE_MS && !s->failed)
        rl_log_hand_over(s, true);
}

static void housekeep(rl_log *s)
{
    chores_done(s);
    rl_log_sweep(s, SWEEP_STEP);
    if (!s->failed) {
        rl_log_tend(s);
        rl_log_snap_step(s);
        rl_log_clean_step(s);
        prove_last(s);
    }
    rl_log_hand_over(s, false);
    if (s->sweep != RL_NONE)
        wake(s);
}

static size_t log_drain(rl_store *base, rl_store_result_fn *fn, void *ctx)
{
    rl_log *s = rl_log_of(base);
    size_t n;
    /* Without threads, be now the one order and now the other. */
    for (int i = 0; !s->cfg.threads && s->next_frame % 2 == 0 && i < 4; i++) {
        chores_done(s);
        rl_log_snap_step(s);
    }
    rl_worker_pump(&s->commit);
    n = rl_log_commit_drain(s, fn, ctx);
    n += rl_log_read_drain(s, fn, ctx);
    housekeep(s);
    return n;
}

static void log_stats(rl_store *base, rl_store_stats *out)
{
    const rl_log *s = rl_log_of(base);
    uint32_t files = 0;
    for (uint32_t i = 0; i < s->segment_count; i++)
        files += s->segments[i].file >= 0;
    *out = (rl_store_stats){ .queues = s->index.rows.count,
                             .messages = s->index.waiting,
                             .remembered = s->index.remembered,
                             .pending = s->pending,
                             .bytes_used = files * s->cfg.segment_bytes,
                             .files = files + 2, /* lock and keys */
                             .bytes_free = s->bytes_free,
                             .index_bytes = rl_index_bytes(&s->index),
                             .commits = s->commits,
                             .bytes_written = s->logged,
                             .expired = s->today,
                             .clock = s->clock,
                             .disk_low = s->low,
                             .failed = s->failed };
    memcpy(out->commit_ms, s->commit_ms, sizeof out->commit_ms);
}

static void ignore(void *ctx, const rl_result *r)
{
    (void)ctx;
    (void)r;
}

static void drop_tasks(rl_log *s)
{
    rl_tasks all;
    rl_tasks_init(&all);
    rl_worker_done(&s->commit, &all);
    for (rl_task *t; (t = rl_tasks_take(&s->commit.queue)) != NULL;)
        rl_tasks_put(&all, t);
    for (rl_task *t; (t = rl_tasks_take(&s->batches)) != NULL;)
        rl_tasks_put(&all, t);
    for (rl_task *t; (t = rl_tasks_take(&all)) != NULL;)
        rl_batch_free((rl_batch *)(void *)t);
    rl_batch_free(s->filling);
    s->filling = NULL;
    rl_worker_done(&s->reader, &all);
    for (rl_task *t; (t = rl_tasks_take(&s->reader.queue)) != NULL;)
        rl_tasks_put(&all, t);
    for (rl_task *t; (t = rl_tasks_take(&s->readings)) != NULL;)
        rl_tasks_put(&all, t);
    for (rl_task *t; (t = rl_tasks_take(&all)) != NULL;) {
        pn_free(((rl_reading *)(void *)t)->buf);
        pn_free(t);
    }
    rl_worker_done(&s->janitor, &all);
    for (rl_task *t; (t = rl_tasks_take(&s->janitor.queue)) != NULL;)
        rl_tasks_put(&all, t);
    for (rl_task *t; (t = rl_tasks_take(&all)) != NULL;)
        rl_chore_free((rl_chore *)(void *)t);
}

void rl_log_unload(rl_log *s)
{
    if (s == NULL)
        return;
    if (s->workers) {
        rl_worker_stop(&s->commit);
        rl_worker_stop(&s->reader);
        rl_worker_stop(&s->janitor);
        drop_tasks(s);
        rl_worker_free(&s->commit);
        rl_worker_free(&s->reader);
        rl_worker_free(&s->janitor);
    }
    if (s->snap.file >= 0)
        s->fs->close(s->fs->ctx, s->snap.file);
    for (uint32_t i = 0; s->segments != NULL && i < s->cfg.max_segments; i++)
        if (s->segments[i].file >= 0)
            s->fs->close(s->fs->ctx, s->segments[i].file);
    if (s->keys >= 0)
        s->fs->close(s->fs->ctx, s->keys);
    if (s->lock >= 0)
        s->fs->close(s->fs->ctx, s->lock);
    if (s->segments != NULL)
        pn_free_wiped(s->segments, s->cfg.max_segments * sizeof *s->segments);
    rl_index_free(&s->index);
    rl_shelf_clear(&s->shelf);
    pn_free_wiped(s->wire, RL_BATCH_MAX + RL_PAGE);
    pn_free_wiped(s, sizeof *s);
}

/* With the threads ended, commit and write the last snapshot by hand. */
static void log_close(rl_store *base)
{
    rl_log *s = rl_log_of(base);
    rl_log_hand_over(s, false);
    rl_worker_stop(&s->commit);
    rl_worker_stop(&s->reader);
    rl_worker_stop(&s->janitor);
    s->cfg.threads = false;
    chores_done(s);
    (void)rl_log_commit_drain(s, ignore, NULL);
    (void)rl_log_read_drain(s, ignore, NULL);
    s->snap.wanted = true;
    s->snap.again_ms = 0;
    while (!s->failed) {
        rl_log_snap_step(s);
        if (s->snap.phase == RL_SNAP_IDLE)
            break;
        rl_log_hand_over(s, false);
        rl_worker_pump(&s->commit);
        (void)rl_log_commit_drain(s, ignore, NULL);
        if (!s->snap.busy && s->snap.phase != RL_SNAP_ENDING)
            break; /* no memory: the log alone will do */
        chores_done(s);
        if (s->snap.phase == RL_SNAP_IDLE)
            break;
    }
    rl_log_unload(s);
}

static const rl_store_vt log_vt = {
    .submit = rl_log_submit,
    .flush = log_flush,
    .drain = log_drain,
    .stats = log_stats,
    .close = log_close,
};

static void each_part(void *arg, const char *name)
{
    bool *any = arg;
    if (strcmp(name, "keys") == 0 || strncmp(name, "seg-", 4) == 0 ||
        strncmp(name, "snap-", 5) == 0)
        *any = true;
}

static pn_err check_config(const rl_log_config *c)
{
    return c->segment_bytes >= SEGMENT_LEAST &&
                   c->segment_bytes % RL_PAGE == 0 &&
                   c->segment_bytes <= (uint64_t)64 << 30 &&
                   c->max_segments > 0 && c->max_segments <= UINT16_MAX &&
                   c->spare_segments >= 2 && c->max_queues > 0 &&
                   c->max_messages > 0 && c->clean_rate > 0
               ? PN_OK
               : PN_E_ARG;
}

static pn_err enter(rl_log *s)
{
    bool any = false;
    if (s->cfg.mode == RL_LOG_CREATE) {
        PN_TRY(s->fs->list(s->fs->ctx, each_part, &any));
        if (any)
            return PN_E_EXISTS;
        s->made = true;
        PN_TRY(s->fs->open(s->fs->ctx, lock_name, RL_FS_CREATE, &s->lock));
    } else {
        PN_TRY(s->fs->open(s->fs->ctx, lock_name, RL_FS_READ, &s->lock));
    }
    PN_TRY(s->fs->lock(s->fs->ctx, s->lock));
    PN_TRY(rl_keys_open(s, s->cfg.mode == RL_LOG_CREATE));
    if (s->cfg.mode != RL_LOG_CREATE)
        return rl_log_recover(s);
    s->next_frame = 1;
    return PN_OK;
}

/* A store that could not be made whole is none: the next attempt begins anew.
 */
static pn_err give_up(rl_log *s, pn_err err)
{
    const rl_fs *fs = s->fs;
    const bool made = s->made;
    rl_log_unload(s);
    if (made)
        rl_log_leave_nothing(fs);
    return err;
}

pn_err rl_log_load(rl_log **out, const rl_fs *fs, const pn_env *env,
                   const rl_log_config *config)
{
    rl_log *s;
    pn_err err = check_config(config);
    *out = NULL;
    if (err != PN_OK)
        return err;
    s = pn_alloc(1, sizeof *s);
    if (s == NULL)
        return PN_E_NOMEM;
    s->base.vt = &log_vt;
    s->cfg = *config;
    s->fs = fs;
    s->env = env;
    s->keys = s->lock = s->snap.file = -1;
    s->tail = s->cleaning = s->sweep = s->durable_segment = RL_NONE;
    rl_tasks_init(&s->batches);
    rl_tasks_init(&s->readings);
    err = rl_index_init(&s->index, env, config->max_queues,
                        config->max_messages, config->max_segments);
    s->segments = pn_alloc(config->max_segments, sizeof *s->segments);
    s->wire = pn_alloc(1, RL_BATCH_MAX + RL_PAGE);
    if (s->segments == NULL || s->wire == NULL)
        err = PN_E_NOMEM;
    for (uint32_t i = 0; s->segments != NULL && i < config->max_segments; i++)
        s->segments[i].file = -1;
    if (err == PN_OK)
        err = enter(s);
    if (err == PN_OK && s->damaged && config->mode == RL_LOG_STRICT)
        err = PN_E_CORRUPT;
    if (err != PN_OK)
        return give_up(s, err);
    *out = s;
    return PN_OK;
}

/* Spares to begin with, and the first frame of this run in a segment of its
 * own: whatever a crash left behind the last good frame stays unread. */
static pn_err begin(rl_log *s)
{
    rl_task *all;
    s->hurry = s->cfg.mode != RL_LOG_CREATE;
    PN_TRY(rl_log_renew(s));
    for (int i = 0; i < 2 * SPARES_AT_OPEN; i++) {
        if (rl_log_spares(s) >= SPARES_AT_OPEN)
            break;
        rl_log_tend(s);
        chores_done(s);
    }
    s->hurry = false;
    if (rl_log_spares(s) == 0)
        return s->cfg.mode == RL_LOG_CREATE ? PN_E_FULL : PN_OK;
    rl_log_hand_over(s, true);
    all = s->commit.queue.first;
    if (all == NULL)
        return PN_E_NOMEM;
    rl_worker_pump(&s->commit);
    (void)rl_log_commit_drain(s, ignore, NULL);
    if (s->cfg.mode == RL_LOG_CREATE)
        PN_TRY(s->fs->sync_dir(s->fs->ctx));
    return s->failed ? PN_E_IO : PN_OK;
}

static pn_err start_workers(rl_log *s, bool threads)
{
    PN_TRY(rl_worker_start(&s->commit, threads, rl_log_commit_run, wake, s));
    if (rl_worker_start(&s->reader, threads, rl_log_read_run, wake, s) !=
        PN_OK) {
        rl_worker_free(&s->commit);
        return PN_E_NOMEM;
    }
    rl_worker_singly(&s->reader);
    if (rl_worker_start(&s->janitor, threads, run_chores, wake, s) != PN_OK) {
        rl_worker_free(&s->commit);
        rl_worker_free(&s->reader);
        return PN_E_NOMEM;
    }
    s->workers = true;
    return PN_OK;
}

static void stop_workers(rl_log *s)
{
    rl_worker_free(&s->commit);
    rl_worker_free(&s->reader);
    rl_worker_free(&s->janitor);
    s->workers = false;
}

pn_err rl_store_log_open(rl_store **out, const rl_fs *fs, const pn_env *env,
                         const rl_log_config *config)
{
    rl_log *s = NULL;
    const bool threads = config->threads;
    rl_store_notify_fn *notify = config->notify;
    pn_err err;
    *out = NULL;
    err = rl_log_load(&s, fs, env, config);
    if (err != PN_OK)
        return err;
    if (config->mode != RL_LOG_READ) {
        s->cfg.threads = false;
        s->cfg.notify = NULL;
        err = start_workers(s, false);
        if (err == PN_OK) {
            err = begin(s);
            if (err == PN_OK)
                stop_workers(s);
        }
        s->cfg.threads = threads;
        s->cfg.notify = notify;
    } else {
        s->failed = true; /* nothing may be written */
    }
    if (err == PN_OK)
        err = start_workers(s, threads);
    if (err != PN_OK)
        return give_up(s, err);
    *out = &s->base;
    return PN_OK;
}

void rl_store_log_snapshot(rl_store *s)
{
    rl_log_of(s)->snap.wanted = true;
}

void rl_store_log_abandon(rl_store **s)
{
    if (s == NULL || *s == NULL)
        return;
    rl_log_unload(rl_log_of(*s));
    *s = NULL;
}
