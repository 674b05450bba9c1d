/* Writing snapshots: the index in pieces, while it goes on changing. What
 * changes meanwhile is in the log from the head's `start` on, and replaying
 * that over any mixture of old and new gives the new (FORMAT.md). */
#include <stdio.h>
#include <string.h>

#include "proto/base/mem.h"
#include "relay/store/crc32c.h"
#include "relay/store/log_segment.h"

static const char snap_tmp[] = "snap.tmp";

enum { AGAIN_MS = 5000 }; /* after one that failed */

void rl_snapshot_name(char out[RL_FS_NAME_MAX], uint64_t number)
{
    (void)snprintf(out, RL_FS_NAME_MAX, "snap-%llu",
                   (unsigned long long)number);
}

static uint32_t key_slot(uint64_t number)
{
    return (uint32_t)(number % RL_SNAP_KEYS);
}

/* A number whose key slot neither of the two on disk uses. */
static uint64_t next_number(const rl_snapper *n)
{
    uint64_t number = n->highest + 1;
    while ((n->last != 0 && key_slot(number) == key_slot(n->last)) ||
           (n->before != 0 && key_slot(number) == key_slot(n->before)))
        number++;
    return number;
}

static void hand(rl_log *s, rl_chore *c)
{
    s->snap.busy = true;
    rl_worker_put(&s->janitor, &c->task);
}

static void begin(rl_log *s)
{
    rl_snapper *n = &s->snap;
    const bool placed = s->filling != NULL && s->filling->len > 0;
    rl_chore *c = rl_chore_new(RL_CHORE_SNAP_BEGIN, RL_SNAP_HEAD_BYTES);
    if (c == NULL)
        return;
    if (rl_key_draw(s, &c->key) != PN_OK) {
        rl_chore_free(c);
        return;
    }
    n->head = (rl_snap_head){ .number = next_number(n),
                              .start = placed ? s->filling->seq : s->next_frame,
                              .next_seq = s->index.next_seq,
                              .next_serial = s->index.next_serial,
                              .segment_size = s->cfg.segment_bytes,
                              .today = s->today,
                              .clock = s->clock };
    n->highest = n->head.number;
    n->at = 0;
    n->rows = n->messages = 0;
    n->phase = RL_SNAP_ROWS;
    n->wanted = false;
    n->again_ms = 0;
    n->written_then = s->logged;
    n->day = s->newest;
    rl_snap_head_put(c->buf + RL_BLOCK, &n->head);
    c->len = RL_SNAP_HEAD_BYTES;
    c->type = RL_CHUNK_HEAD;
    hand(s, c);
}

static void put_rows(rl_log *s, rl_chore *c)
{
    rl_snapper *n = &s->snap;
    const size_t each = 4 + RL_ROW_BYTES;
    c->type = RL_CHUNK_ROWS;
    for (; n->at < s->index.rows.high && c->len + each <= RL_SNAP_CHUNK;
         n->at++) {
        uint8_t *p = c->buf + RL_BLOCK + c->len;
        const rl_row *r = rl_index_row(&s->index, n->at);
        if (r->serial == 0)
            continue;
        rl_put32(p, n->at);
        rl_row_put(p + 4, r, rl_index_old_cap(&s->index, n->at));
        c->len += each;
        n->rows++;
    }
    if (n->at >= s->index.rows.high) {
        n->phase = RL_SNAP_MESSAGES;
        n->at = 0;
    }
}

static void put_messages(rl_log *s, rl_chore *c)
{
    rl_snapper *n = &s->snap;
    c->type = RL_CHUNK_MESSAGES;
    for (; n->at < s->index.messages.high &&
           c->len + RL_SNAP_MESSAGE_BYTES <= RL_SNAP_CHUNK;
         n->at++) {
        const rl_message *m = rl_index_message(&s->index, n->at);
        if (!m->used)
            continue;
        rl_snap_message_put(c->buf + RL_BLOCK + c->len, m,
                            rl_index_row(&s->index, m->row)->serial);
        c->len += RL_SNAP_MESSAGE_BYTES;
        n->messages++;
    }
    if (n->at >= s->index.messages.high) {
        n->phase = RL_SNAP_ENDING;
        /* What was captured must be durable before the snapshot counts. */
        n->need = s->last_frame;
    }
}

static void put_end(rl_log *s, rl_chore *c)
{
    uint8_t *p = c->buf + RL_BLOCK;
    for (uint32_t i = 0; i < s->segment_count; i++) {
        if (!s->segments[i].quarantined ||
            c->len + 4 > RL_SNAP_CHUNK - 2 * RL_BLOCK)
            continue;
        rl_put32(p + c->len, i);
        c->len += 4;
    }
    c->type = RL_CHUNK_QUARANTINE;
}

/* Bytes in which nothing is alive any more, which only wait until neither
 * snapshot needs their frames, and which end before frame `until`. */
static uint64_t held_back(const rl_log *s, uint64_t until)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < s->segment_count; i++)
        n += s->segments[i].state == RL_SEG_CLOSED &&
             !s->segments[i].quarantined && s->index.segment_bytes[i] == 0 &&
             s->segments[i].last >= s->snap.before_start &&
             s->segments[i].last < until;
    return n * s->cfg.segment_bytes;
}

/* Where space is short, snapshots give it back; but not for less than they
 * take. One more frees what ended before the last one began, also when nothing
 * was written since: perhaps nothing can be. Two free all of it. */
static bool would_free(const rl_log *s, uint64_t since)
{
    const uint64_t each = s->snap.last_bytes;
    return rl_log_is_short(s) &&
           (held_back(s, s->snap.last_start) > each ||
            (since > 0 && held_back(s, UINT64_MAX) > 2 * each));
}

uint32_t rl_log_retry_s(const rl_log *s)
{
    const bool is_made = s->preparing > 0 || s->cleaning != RL_NONE ||
                         s->snap.phase != RL_SNAP_IDLE ||
                         held_back(s, UINT64_MAX) > 2 * s->snap.last_bytes;
    return rl_log_is_short(s) && is_made ? RL_SOON_S : RL_RETRY_S;
}

static bool is_due(const rl_log *s)
{
    const uint64_t since = s->logged - s->snap.written_then;
    /* A large index is not worth writing for a little log. */
    const uint64_t least = s->cfg.snapshot_every > 4 * s->snap.last_bytes
                               ? s->cfg.snapshot_every
                               : 4 * s->snap.last_bytes;
    if (s->snap.again_ms != 0)
        return pn_mono_ms(s->env) >= s->snap.again_ms;
    return s->snap.wanted || since >= least ||
           (since > 0 && s->newest > s->snap.day) || would_free(s, since);
}

void rl_log_snap_step(rl_log *s)
{
    rl_snapper *n = &s->snap;
    rl_chore *c;
    if (n->busy || s->failed || s->tail == RL_NONE)
        return;
    if (n->phase == RL_SNAP_IDLE) {
        if (is_due(s))
            begin(s);
        return;
    }
    if (n->phase == RL_SNAP_ENDING && s->durable < n->need) {
        rl_log_hand_over(s, false);
        return;
    }
    c = rl_chore_new(n->phase == RL_SNAP_ENDING ? RL_CHORE_SNAP_END
                                                : RL_CHORE_SNAP_CHUNK,
                     RL_SNAP_CHUNK);
    if (c == NULL)
        return;
    if (n->phase == RL_SNAP_ROWS)
        put_rows(s, c);
    else if (n->phase == RL_SNAP_MESSAGES)
        put_messages(s, c);
    else
        put_end(s, c);
    hand(s, c);
}

/* Seal and write one chunk at the end of the file. The janitor's. */
static pn_err write_chunk(rl_log *s, rl_chunk_type type, uint8_t *buf,
                          size_t len)
{
    rl_snapper *n = &s->snap;
    const size_t whole = (size_t)rl_record_bytes(len);
    rl_chunk c = { .type = type, .index = n->chunk++, .len = (uint32_t)len };
    pn_err err;
    memset(buf + RL_BLOCK + len, 0, whole - RL_BLOCK - len);
    PN_TRY(rl_seal(buf + RL_BLOCK, buf + RL_BLOCK, whole - RL_BLOCK,
                   n->file_at + RL_BLOCK, n->key));
    c.crc = rl_crc32c(0, buf + RL_BLOCK, whole - RL_BLOCK);
    rl_chunk_put(buf, n->epoch, &c);
    err = s->fs->write(s->fs->ctx, n->file, buf, whole, n->file_at);
    n->file_at += whole;
    return err;
}

typedef struct stale {
    const rl_log *log;
    char names[16][RL_FS_NAME_MAX];
    size_t count;
} stale;

static void each_stale(void *arg, const char *name)
{
    stale *t = arg;
    char keep[2][RL_FS_NAME_MAX];
    if (strncmp(name, "snap-", 5) != 0 || strlen(name) >= RL_FS_NAME_MAX ||
        t->count == sizeof t->names / sizeof t->names[0])
        return;
    rl_snapshot_name(keep[0], t->log->snap.head.number);
    rl_snapshot_name(keep[1], t->log->snap.last);
    if (strcmp(name, keep[0]) != 0 && strcmp(name, keep[1]) != 0)
        (void)snprintf(t->names[t->count++], RL_FS_NAME_MAX, "%s", name);
}

/* Of what is superseded, first the key is destroyed, then the file. */
static void drop_stale(rl_log *s)
{
    stale t = { .log = s };
    pn_err err = PN_OK;
    if (s->snap.before != 0)
        err = rl_keys_write(s, key_slot(s->snap.before), NULL);
    if (err == PN_OK)
        err = s->fs->list(s->fs->ctx, each_stale, &t);
    for (size_t i = 0; err == PN_OK && i < t.count; i++)
        err = s->fs->remove(s->fs->ctx, t.names[i]);
    s->snap.stale = err; /* the owner will say so: the log is not ours */
}

static pn_err finish(rl_log *s)
{
    rl_snapper *n = &s->snap;
    uint8_t buf[2 * RL_BLOCK] = { 0 };
    char name[RL_FS_NAME_MAX];
    rl_put64(buf + RL_BLOCK, n->rows);
    rl_put64(buf + RL_BLOCK + 8, n->messages);
    PN_TRY(write_chunk(s, RL_CHUNK_END, buf, 16));
    PN_TRY(s->fs->sync(s->fs->ctx, n->file));
    s->fs->close(s->fs->ctx, n->file);
    n->file = -1;
    rl_snapshot_name(name, n->head.number);
    PN_TRY(s->fs->rename(s->fs->ctx, snap_tmp, name));
    PN_TRY(s->fs->sync_dir(s->fs->ctx));
    drop_stale(s);
    return PN_OK;
}

void rl_chore_snap(rl_log *s, rl_chore *c)
{
    rl_snapper *n = &s->snap;
    if (c->kind == RL_CHORE_SNAP_BEGIN) {
        n->file_at = 0;
        n->chunk = 0;
        n->epoch = c->key.epoch;
        memcpy(n->key, c->key.key, sizeof n->key);
        c->err = rl_keys_write(s, key_slot(n->head.number), &c->key);
        if (c->err == PN_OK)
            c->err = s->fs->open(s->fs->ctx, snap_tmp, RL_FS_CREATE, &n->file);
    }
    if (c->err == PN_OK && c->len > 0)
        c->err = write_chunk(s, c->type, c->buf, c->len);
    if (c->err == PN_OK && c->kind == RL_CHORE_SNAP_END)
        c->err = finish(s);
    if (c->err != PN_OK && n->file >= 0) {
        s->fs->close(s->fs->ctx, n->file);
        n->file = -1;
        (void)s->fs->remove(s->fs->ctx, snap_tmp);
    }
}

void rl_log_snapped(rl_log *s, rl_chore *c)
{
    rl_snapper *n = &s->snap;
    n->busy = false;
    if (c->err != PN_OK) {
        n->phase = RL_SNAP_IDLE;
        n->again_ms = pn_mono_ms(s->env) + AGAIN_MS;
        pn_log(s->env, PN_LOG_ERROR, "store: no snapshot: %s",
               pn_strerror(c->err));
        return;
    }
    if (c->kind != RL_CHORE_SNAP_END)
        return;
    if (n->stale != PN_OK)
        pn_log(s->env, PN_LOG_WARN, "store: an old snapshot stays: %s",
               pn_strerror(n->stale));
    n->phase = RL_SNAP_IDLE;
    n->before = n->last;
    n->before_start = n->last_start;
    n->last = n->head.number;
    n->last_start = n->head.start;
    n->last_bytes = n->file_at;
}
