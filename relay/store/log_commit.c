/* From staged records to durable frames. The owner fills one batch while the
 * commit thread seals, writes and syncs all that were handed over before. */
#include <string.h>
#include <time.h>

#include "proto/base/mem.h"
#include "relay/store/log_segment.h"

enum {
    FRAME_FIRST = 16 * 1024,
    POOL_MAX = 8,
    MISSES_MAX = 6,
    PATIENCE_MAX_NS = 2000000,
};

void rl_batch_free(rl_batch *b)
{
    if (b == NULL)
        return;
    pn_free(b->frame);
    pn_free(b->answers);
    pn_free(b);
}

static pn_err answer_room(rl_batch *b)
{
    const size_t cap = b->answer_cap == 0 ? 32 : b->answer_cap * 2;
    rl_answer *more;
    if (b->answer_count < b->answer_cap)
        return PN_OK;
    more = pn_realloc(b->answers, cap, sizeof *more);
    if (more == NULL)
        return PN_E_NOMEM;
    b->answers = more;
    b->answer_cap = cap;
    return PN_OK;
}

/* The batch being filled; a new one has room for an answer from the start, so
 * that an operation that changed batches midway still finds it. */
static rl_batch *filling(rl_log *s)
{
    rl_task *t;
    rl_batch *b;
    if (s->filling != NULL)
        return s->filling;
    t = rl_tasks_take(&s->batches);
    b = t != NULL ? (rl_batch *)(void *)t : pn_alloc(1, sizeof *b);
    if (b != NULL && answer_room(b) != PN_OK) {
        rl_batch_free(b);
        b = NULL;
    }
    s->filling = b;
    return b;
}

pn_err rl_log_answer_room(rl_log *s)
{
    rl_batch *b = filling(s);
    return b == NULL ? PN_E_NOMEM : answer_room(b);
}

static pn_err reach(rl_batch *b, size_t len)
{
    size_t cap = b->cap == 0 ? (size_t)FRAME_FIRST : b->cap;
    uint8_t *more;
    while (cap < len)
        cap *= 2;
    if (cap == b->cap)
        return PN_OK;
    more = pn_realloc(b->frame, cap, 1);
    if (more == NULL)
        return PN_E_NOMEM;
    b->frame = more;
    b->cap = cap;
    return PN_OK;
}

/* Give the batch its place at the tail of the log. */
static pn_err place(rl_log *s, rl_batch *b, size_t bytes)
{
    const uint64_t want = (uint64_t)RL_BLOCK + bytes;
    if (s->tail == RL_NONE || s->tail_at + want > s->cfg.segment_bytes)
        PN_TRY(rl_log_next_segment(s));
    PN_TRY(reach(b, (size_t)want));
    b->segment = s->tail;
    b->at = s->tail_at;
    b->previous = s->last_frame;
    b->seq = s->last_frame = s->next_frame++;
    b->day = s->newest;
    b->len = RL_BLOCK;
    b->records = 0;
    if (s->segments[b->segment].first == 0)
        s->segments[b->segment].first = b->seq;
    s->segments[b->segment].last = b->seq;
    return PN_OK;
}

static bool fits(const rl_log *s, const rl_batch *b, size_t bytes)
{
    return b->len + bytes <= RL_BATCH_MAX &&
           b->at + b->len + bytes <= s->cfg.segment_bytes;
}

uint8_t *rl_log_stage(rl_log *s, size_t bytes, uint16_t *segment,
                      uint32_t *block)
{
    rl_batch *b = filling(s);
    uint8_t *p;
    if (b == NULL)
        return NULL;
    if (b->len > 0 && !fits(s, b, bytes)) {
        rl_log_hand_over(s, false);
        b = filling(s);
        if (b == NULL)
            return NULL;
    }
    if (b->len == 0 && place(s, b, bytes) != PN_OK)
        return NULL;
    if (reach(b, b->len + bytes) != PN_OK)
        return NULL;
    p = b->frame + b->len;
    *segment = (uint16_t)b->segment;
    *block = (uint32_t)((b->at + b->len) / RL_BLOCK);
    b->len += bytes;
    b->records++;
    return p;
}

rl_answer *rl_log_answer(rl_log *s)
{
    rl_answer *a;
    if (rl_log_answer_room(s) != PN_OK)
        return NULL;
    a = &s->filling->answers[s->filling->answer_count++];
    memset(a, 0, sizeof *a);
    return a;
}

void rl_log_hand_over(rl_log *s, bool force)
{
    rl_batch *b = force ? filling(s) : s->filling;
    if (b == NULL || (b->len == 0 && b->answer_count == 0 && !force))
        return;
    if (force && b->len == 0 && place(s, b, 0) != PN_OK)
        return;
    if (b->len > 0) {
        s->tail_at = b->at + rl_page_up(b->len);
        s->segments[b->segment].used = s->tail_at;
        s->staged += b->len;
        s->logged += rl_page_up(b->len);
    }
    s->filling = NULL;
    b->handed_ms = pn_mono_ms(s->env);
    b->task.weight = (uint32_t)b->answer_count;
    rl_worker_put(&s->commit, &b->task);
}

/* Checksum and seal the frame into s->wire, then write it. */
static pn_err write_frame(rl_log *s, rl_batch *b)
{
    const rl_segment *g = &s->segments[b->segment];
    const size_t whole = (size_t)rl_page_up(b->len);
    const rl_frame f = { .epoch = g->key.epoch,
                         .seq = b->seq,
                         .previous = b->previous,
                         .durable = s->synced,
                         .len = (uint32_t)(b->len - RL_BLOCK),
                         .records = b->records,
                         .day = b->day };
    for (size_t at = RL_BLOCK; at < b->len;) {
        rl_record_seal(b->frame + at);
        at += (size_t)rl_record_bytes(rl_get32(b->frame + at + 8));
    }
    b->claims = s->synced;
    rl_frame_put(s->wire, &f);
    PN_TRY(rl_seal(s->wire + RL_BLOCK, b->frame + RL_BLOCK, b->len - RL_BLOCK,
                   b->at + RL_BLOCK, g->key.key));
    memset(s->wire + b->len, 0, whole - b->len);
    return s->fs->write(s->fs->ctx, g->file, s->wire, whole, b->at);
}

/* A segment's first frame is durable: note that with its key, so that losing
 * what lies at its beginning never makes it look unused. */
static pn_err note_begun(const rl_log *s, const rl_batch *b)
{
    rl_key_slot k = s->segments[b->segment].key;
    pn_err err;
    k.first = b->seq;
    err = rl_keys_write(s, RL_SNAP_KEYS + b->segment, &k);
    pn_wipe(&k, sizeof k);
    return err;
}

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* When to begin the next commit. At once is best where a sync is cheap. Where
 * it is dear, clients that wait for their answers fall into two camps, each
 * paying for the other's commit: half the throughput of all in one. So let
 * those just answered come back, for half the time of a commit at most, and
 * for less each time they did not. */
static void set_pace(rl_log *s, uint64_t taken, uint64_t took_ns)
{
    rl_pace *p = &s->pace;
    uint64_t patience;
    if (taken >= p->wanted)
        p->misses = 0;
    else if (p->misses < MISSES_MAX)
        p->misses++;
    p->cost_ns = p->cost_ns == 0 ? took_ns : (7 * p->cost_ns + took_ns) / 8;
    p->wanted = taken + rl_worker_weight(&s->commit);
    patience = (p->cost_ns / 2) >> p->misses;
    rl_worker_linger(&s->commit, p->wanted,
                     patience < PATIENCE_MAX_NS ? patience : PATIENCE_MAX_NS);
}

/* Everything that gathered shares one sync, or three where a segment ends. */
void rl_log_commit_run(void *ctx, rl_task *all)
{
    rl_log *s = ctx;
    pn_err err = s->broken;
    int file = -1;
    const uint64_t start = now_ns();
    uint64_t last = s->synced;
    uint64_t taken = 0;
    for (rl_task *t = all; t != NULL && err == PN_OK; t = t->next) {
        rl_batch *b = (rl_batch *)(void *)t;
        if (b->len == 0)
            continue;
        if (file >= 0 && file != s->segments[b->segment].file)
            err = s->fs->sync(s->fs->ctx, file);
        file = s->segments[b->segment].file;
        if (err == PN_OK)
            err = write_frame(s, b);
        last = b->seq;
    }
    if (err == PN_OK && file >= 0)
        err = s->fs->sync(s->fs->ctx, file);
    for (const rl_task *t = all; t != NULL && err == PN_OK; t = t->next) {
        const rl_batch *b = (const rl_batch *)(const void *)t;
        if (b->len > 0 && b->at == 0)
            err = note_begun(s, b);
    }
    /* One failure is for good: the kernel may have dropped what it could not
     * write, and a second sync that succeeds says nothing about the first. */
    s->broken = err;
    if (err == PN_OK)
        s->synced = last;
    for (rl_task *t = all; t != NULL; t = t->next) {
        ((rl_batch *)(void *)t)->err = err;
        taken += t->weight;
    }
    if (s->commit.threaded)
        set_pace(s, taken, now_ns() - start);
}

bool rl_log_is_durable(const rl_log *s, uint32_t segment, uint32_t block)
{
    const rl_segment *g = &s->segments[segment];
    if (g->first > s->durable)
        return false;
    return segment != s->durable_segment ||
           (uint64_t)block * RL_BLOCK < s->durable_at;
}

static void count_time(rl_log *s, uint64_t ms)
{
    size_t i = 0;
    while (i + 1 < RL_COMMIT_BUCKETS && ms >= (uint64_t)1 << i)
        i++;
    s->commit_ms[i]++;
}

static void settle(rl_log *s, const rl_batch *b)
{
    if (b->err != PN_OK) {
        if (!s->failed)
            pn_log(s->env, PN_LOG_ERROR,
                   "store: a commit failed (%s); nothing more is taken in",
                   pn_strerror(b->err));
        s->failed = true;
        return;
    }
    if (b->len == 0)
        return;
    s->proven = b->claims;
    if (b->records > 0)
        s->last_data = b->seq;
    s->durable = b->seq;
    s->durable_segment = b->segment;
    s->durable_at = b->at + rl_page_up(b->len);
    s->settle_ms = pn_mono_ms(s->env);
    s->commits++;
    count_time(s, s->settle_ms - b->handed_ms);
}

static void recycle(rl_log *s, rl_batch *b)
{
    size_t n = 0;
    for (const rl_task *t = s->batches.first; t != NULL; t = t->next)
        n++;
    b->len = 0;
    b->answer_count = 0;
    b->err = PN_OK;
    if (n < POOL_MAX)
        rl_tasks_put(&s->batches, &b->task);
    else
        rl_batch_free(b);
}

size_t rl_log_commit_drain(rl_log *s, rl_store_result_fn *fn, void *ctx)
{
    rl_tasks done;
    size_t n = 0;
    rl_tasks_init(&done);
    rl_worker_done(&s->commit, &done);
    for (rl_task *t; (t = rl_tasks_take(&done)) != NULL;) {
        rl_batch *b = (rl_batch *)(void *)t;
        settle(s, b);
        if (b->len > 0)
            s->staged -= b->len;
        for (size_t i = 0; i < b->answer_count; i++) {
            rl_answer *a = &b->answers[i];
            /* What a queue is can still be told, for fetching goes on. */
            if (b->err != PN_OK && a->result.kind != RL_OP_LOOKUP)
                a->result.status = RL_STATUS_FAILED;
            if (a->body_at > 0)
                a->result.u.deposit.envelope.body.p = b->frame + a->body_at;
            s->pending--;
            fn(ctx, &a->result);
            n++;
        }
        recycle(s, b);
    }
    return n;
}
