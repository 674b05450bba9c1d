/* Loading a snapshot: the newest that is whole. In a store that is opened to
 * preserve what is left, and only when none is whole, what the newest one
 * still holds. */
#include <stdlib.h>
#include <string.h>

#include "proto/base/mem.h"
#include "relay/store/crc32c.h"
#include "relay/store/log_segment.h"

enum { SNAPS_MAX = 16, BODY_MAX = RL_SNAP_CHUNK + RL_BLOCK };

typedef struct entry {
    rl_message message;
    uint64_t serial;
} entry;

typedef struct loading {
    rl_log *log;
    rl_key_slot key;
    int file;
    uint64_t size;
    bool lenient;
    rl_snap_head head;
    entry *entries; /* owned */
    size_t count, cap;
    uint64_t rows, messages; /* seen */
    bool ended;
    uint8_t *body; /* owned */
} loading;

/* By order of deposit, the acknowledged by theirs: then every chain can be
 * built by appending. */
static int by_order(const void *a, const void *b)
{
    const rl_message *x = &((const entry *)a)->message;
    const rl_message *y = &((const entry *)b)->message;
    const uint64_t p = x->acked ? x->at : x->seq;
    const uint64_t q = y->acked ? y->at : y->seq;
    if (x->acked != y->acked)
        return x->acked ? 1 : -1;
    return p < q ? -1 : p > q;
}

static pn_err take_rows(loading *l, const uint8_t *p, size_t len)
{
    const size_t each = 4 + RL_ROW_BYTES;
    rl_index *ix = &l->log->index;
    if (len % each != 0)
        return PN_E_CORRUPT;
    for (size_t i = 0; i < len; i += each) {
        rl_row row;
        rl_old_cap old;
        const uint32_t at = rl_get32(p + i);
        uint32_t got;
        PN_TRY(rl_row_take(p + i + 4, &row, &old));
        if ((at < ix->rows.high && rl_index_row(ix, at)->serial != 0) ||
            rl_index_by_recv(ix, row.recv_id) != RL_NONE ||
            rl_index_by_send(ix, row.send_id) != RL_NONE)
            return PN_E_CORRUPT;
        PN_TRY(rl_index_row_add(ix, &row, at, &got));
        PN_TRY(rl_index_set_old_cap(ix, at, old.cap, old.until));
        l->rows++;
    }
    return PN_OK;
}

static pn_err take_messages(loading *l, const uint8_t *p, size_t len)
{
    if (len % RL_SNAP_MESSAGE_BYTES != 0)
        return PN_E_CORRUPT;
    for (size_t i = 0; i < len; i += RL_SNAP_MESSAGE_BYTES) {
        entry e;
        PN_TRY(rl_snap_message_take(p + i, &e.message, &e.serial));
        if (!e.message.acked &&
            (e.message.segment >= l->log->cfg.max_segments ||
             (uint64_t)e.message.at * RL_BLOCK +
                     rl_record_bytes(e.message.len) >
                 l->head.segment_size))
            return PN_E_CORRUPT;
        if (l->count == l->cap) {
            const size_t cap = l->cap == 0 ? 4096 : l->cap * 2;
            entry *more = pn_realloc(l->entries, cap, sizeof *more);
            if (more == NULL)
                return PN_E_NOMEM;
            l->entries = more;
            l->cap = cap;
        }
        l->entries[l->count++] = e;
        l->messages++;
    }
    return PN_OK;
}

/* A message whose row was not captured, or only in a later life, came or went
 * while the snapshot was written: the log has it. */
static pn_err add_messages(loading *l)
{
    rl_index *ix = &l->log->index;
    if (l->count > 1)
        qsort(l->entries, l->count, sizeof *l->entries, by_order);
    for (size_t i = 0; i < l->count; i++) {
        const rl_message *m = &l->entries[i].message;
        uint32_t at;
        if (m->row >= ix->rows.high ||
            rl_index_row(ix, m->row)->serial != l->entries[i].serial)
            continue;
        if (rl_index_find(ix, m->row, m->id) != RL_NONE)
            return PN_E_CORRUPT;
        PN_TRY(rl_index_add(ix, m, &at));
    }
    return PN_OK;
}

static pn_err take_chunk(loading *l, const rl_chunk *c, uint32_t want)
{
    const uint8_t *p = l->body;
    if (!l->lenient && c->index != want)
        return PN_E_CORRUPT;
    switch (c->type) {
    case RL_CHUNK_HEAD:
        if (c->len != RL_SNAP_HEAD_BYTES || c->index != 0)
            return PN_E_CORRUPT;
        rl_snap_head_take(p, &l->head);
        return l->head.segment_size == l->log->cfg.segment_bytes ? PN_OK
                                                                 : PN_E_ARG;
    case RL_CHUNK_ROWS:
        return take_rows(l, p, c->len);
    case RL_CHUNK_MESSAGES:
        return take_messages(l, p, c->len);
    case RL_CHUNK_QUARANTINE:
        for (size_t i = 0; i + 4 <= c->len; i += 4)
            if (rl_get32(p + i) < l->log->cfg.max_segments)
                l->log->segments[rl_get32(p + i)].quarantined = true;
        return PN_OK;
    case RL_CHUNK_END:
        l->ended = true;
        return l->lenient || (c->len == 16 && rl_get64(p) == l->rows &&
                              rl_get64(p + 8) == l->messages)
                   ? PN_OK
                   : PN_E_CORRUPT;
    }
    return PN_E_CORRUPT;
}

/* The body behind the chunk header at `at`, checked and unsealed. */
static pn_err read_body(loading *l, const rl_chunk *c, uint64_t at)
{
    const size_t whole = (size_t)(rl_record_bytes(c->len) - RL_BLOCK);
    const rl_log *s = l->log;
    if (c->len > RL_SNAP_CHUNK)
        return PN_E_CORRUPT;
    PN_TRY(rl_fs_read_all(s->fs, l->file, l->body, whole, at + RL_BLOCK));
    if (rl_crc32c(0, l->body, whole) != c->crc)
        return PN_E_CORRUPT;
    return rl_seal(l->body, l->body, whole, at + RL_BLOCK, l->key.key);
}

static pn_err read_chunks(loading *l)
{
    const rl_log *s = l->log;
    uint32_t want = 0;
    bool lost = false;
    for (uint64_t at = 0; at + RL_BLOCK <= l->size && !l->ended;) {
        uint8_t head[RL_BLOCK];
        rl_chunk c = { .type = RL_CHUNK_HEAD };
        pn_err err;
        PN_TRY(rl_fs_read_all(s->fs, l->file, head, sizeof head, at));
        err = rl_chunk_take(head, l->key.epoch, &c);
        if (err != PN_OK) {
            if (!l->lenient)
                return err;
            lost = true;
            at += RL_BLOCK; /* look for the next whole chunk */
            continue;
        }
        err = read_body(l, &c, at);
        if (err == PN_OK)
            err = take_chunk(l, &c, want);
        if (err != PN_OK && (!l->lenient || err == PN_E_NOMEM))
            return err == PN_E_SHORT ? PN_E_CORRUPT : err;
        lost = lost || err != PN_OK || c.index != want;
        want = c.index + 1;
        at += err == PN_OK ? rl_record_bytes(c.len) : (uint64_t)RL_BLOCK;
    }
    if (!l->ended)
        lost = true;
    if (lost && l->lenient)
        rl_log_found(l->log, RL_DAMAGE,
                     "parts of the snapshot are lost, and queues with them");
    return lost && !l->lenient ? PN_E_CORRUPT : PN_OK;
}

static pn_err load_one(rl_log *s, uint64_t number, bool lenient,
                       rl_snap_head *out)
{
    loading l = { .log = s, .file = -1, .lenient = lenient };
    char name[RL_FS_NAME_MAX];
    pn_err err = rl_keys_read(s, (uint32_t)(number % RL_SNAP_KEYS), &l.key);
    if (err != PN_OK)
        return err == PN_E_NOT_FOUND ? PN_E_CORRUPT : err;
    rl_snapshot_name(name, number);
    err = s->fs->open(s->fs->ctx, name, RL_FS_READ, &l.file);
    if (err != PN_OK)
        return err;
    l.body = pn_alloc(1, BODY_MAX);
    if (l.body == NULL)
        err = PN_E_NOMEM;
    if (err == PN_OK)
        err = s->fs->size(s->fs->ctx, l.file, &l.size);
    if (err == PN_OK)
        err = read_chunks(&l);
    if (err == PN_OK && (l.head.number != number || l.head.start == 0))
        err = PN_E_CORRUPT; /* its head is lost, or it is another's */
    if (err == PN_OK)
        err = add_messages(&l);
    if (err == PN_OK) {
        *out = l.head;
        s->snap.last_bytes = l.size;
        if (l.head.next_seq > s->index.next_seq)
            s->index.next_seq = l.head.next_seq;
        if (l.head.next_serial > s->index.next_serial)
            s->index.next_serial = l.head.next_serial;
    }
    s->fs->close(s->fs->ctx, l.file);
    pn_free(l.entries);
    pn_free_wiped(l.body, BODY_MAX);
    pn_wipe(&l.key, sizeof l.key);
    return err;
}

/* Only the head of an older one: where its replay would begin. */
static uint64_t start_of(rl_log *s, uint64_t number)
{
    rl_key_slot key;
    char name[RL_FS_NAME_MAX];
    uint8_t buf[RL_BLOCK + RL_SNAP_HEAD_BYTES];
    rl_chunk c;
    rl_snap_head h = { 0 };
    int file;
    if (rl_keys_read(s, (uint32_t)(number % RL_SNAP_KEYS), &key) != PN_OK)
        return 0;
    rl_snapshot_name(name, number);
    if (s->fs->open(s->fs->ctx, name, RL_FS_READ, &file) != PN_OK)
        return 0;
    if (rl_fs_read_all(s->fs, file, buf, sizeof buf, 0) == PN_OK &&
        rl_chunk_take(buf, key.epoch, &c) == PN_OK &&
        rl_crc32c(0, buf + RL_BLOCK, RL_SNAP_HEAD_BYTES) == c.crc &&
        rl_seal(buf + RL_BLOCK, buf + RL_BLOCK, RL_SNAP_HEAD_BYTES, RL_BLOCK,
                key.key) == PN_OK)
        rl_snap_head_take(buf + RL_BLOCK, &h);
    s->fs->close(s->fs->ctx, file);
    return h.start;
}

typedef struct numbers {
    uint64_t n[SNAPS_MAX]; /* falling */
    size_t count;
} numbers;

static void each_name(void *arg, const char *name)
{
    numbers *l = arg;
    uint64_t v = 0;
    size_t at;
    if (strncmp(name, "snap-", 5) != 0 || name[5] == '\0' ||
        strlen(name) > 5 + 18)
        return;
    for (const char *p = name + 5; *p != '\0'; p++) {
        if (*p < '0' || *p > '9')
            return;
        v = v * 10 + (uint64_t)(*p - '0');
    }
    if (l->count == SNAPS_MAX)
        l->count--;
    for (at = l->count; at > 0 && l->n[at - 1] < v; at--)
        l->n[at] = l->n[at - 1];
    l->n[at] = v;
    l->count++;
}

static pn_err reset(rl_log *s)
{
    rl_index_free(&s->index);
    return rl_index_init(&s->index, s->env, s->cfg.max_queues,
                         s->cfg.max_messages, s->cfg.max_segments);
}

pn_err rl_log_snap_load(rl_log *s, bool whole_log, rl_snap_head *out)
{
    numbers l = { .count = 0 };
    size_t i = 0;
    *out = (rl_snap_head){ 0 };
    PN_TRY(s->fs->list(s->fs->ctx, each_name, &l));
    if (l.count == 0)
        return PN_OK;
    s->snap.highest = l.n[0];
    for (; i < l.count; i++) {
        const pn_err err = load_one(s, l.n[i], false, out);
        if (err == PN_OK)
            break;
        if (err == PN_E_NOMEM || err == PN_E_ARG || err == PN_E_VERSION ||
            err == PN_E_IO || err == PN_E_FULL)
            return err;
        PN_TRY(reset(s));
        rl_log_found(s, i + 1 < l.count || whole_log ? RL_REPAIRED : RL_DAMAGE,
                     "snapshot %llu is damaged", (unsigned long long)l.n[i]);
    }
    if (i == l.count) {
        if (s->cfg.mode == RL_LOG_STRICT || whole_log)
            return PN_OK;
        i = 0;
        if (load_one(s, l.n[0], true, out) != PN_OK) {
            *out = (rl_snap_head){ 0 };
            return reset(s);
        }
    }
    s->snap.last = l.n[i];
    s->snap.last_start = out->start;
    if (i + 1 < l.count) {
        s->snap.before = l.n[i + 1];
        s->snap.before_start = start_of(s, l.n[i + 1]);
    }
    return PN_OK;
}
