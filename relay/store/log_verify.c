/* Verify and backup read a store that is loaded but writes nothing; restore
 * makes a new one. A backup is a run of records as the log has them, unsealed,
 * between a first and a last block of its own (FORMAT.md, "Backup"). */
#include <stdio.h>
#include <string.h>

#include "proto/base/mem.h"
#include "relay/store/crc32c.h"
#include "relay/store/log_segment.h"

enum {
    BACKUP_MAGIC = 0x31424e50, /* "PNB1" */
    BACKUP_END = 0x45424e50,   /* "PNBE" */
    RECORD_MAX = RL_BODY_MAX + RL_BLOCK,
};

static pn_err load_to_read(rl_log **out, const rl_fs *fs, const pn_env *env,
                           const rl_log_config *config)
{
    rl_log_config c = *config;
    c.mode = RL_LOG_READ;
    c.threads = false;
    c.notify = NULL;
    return rl_log_load(out, fs, env, &c);
}

/* Read one waiting message's record into buf. */
static pn_err read_message(rl_log *s, const rl_message *m, uint8_t *buf)
{
    const rl_body where = { m->segment, m->at };
    const pn_err err = rl_log_read_body(s, where, m->id, m->len, buf);
    if (err != PN_OK)
        rl_log_found(s, RL_DAMAGE, "a message in segment %u at byte %llu: %s",
                     (unsigned)where.segment,
                     (unsigned long long)where.block * RL_BLOCK,
                     pn_strerror(err));
    return err;
}

pn_err rl_store_log_verify(const rl_fs *fs, const pn_env *env,
                           const rl_log_config *config, rl_verify_report *out)
{
    rl_log *s;
    uint8_t *buf = pn_alloc(1, RECORD_MAX);
    pn_err err;
    *out = (rl_verify_report){ 0 };
    if (buf == NULL)
        return PN_E_NOMEM;
    err = load_to_read(&s, fs, env, config);
    if (err == PN_OK) {
        for (uint32_t i = 0; i < s->index.messages.high; i++) {
            const rl_message *m = rl_index_message(&s->index, i);
            if (!m->used || m->acked)
                continue;
            if (read_message(s, m, buf) == PN_OK)
                s->report.messages++;
            else
                s->report.damaged++;
        }
        *out = s->report;
        out->queues = s->index.rows.count;
        out->remembered = s->index.remembered;
        rl_log_unload(s);
    }
    pn_free_wiped(buf, RECORD_MAX);
    return err;
}

static void mark(uint8_t out[RL_BLOCK], uint32_t magic, uint64_t a, uint64_t b)
{
    memset(out, 0, RL_BLOCK);
    rl_put32(out, magic);
    rl_put32(out + 8, RL_FORMAT_VERSION);
    rl_put64(out + 16, a);
    rl_put64(out + 24, b);
    rl_put32(out + 4, rl_crc32c(0, out + 8, RL_BLOCK - 8));
}

static bool is_mark(const uint8_t in[RL_BLOCK], uint32_t magic)
{
    return rl_get32(in) == magic &&
           rl_get32(in + 4) == rl_crc32c(0, in + 8, RL_BLOCK - 8);
}

typedef struct saving {
    rl_log *log;
    rl_backup_put_fn *put;
    void *ctx;
    uint8_t *buf; /* owned */
    uint64_t records;
    bool damaged;
} saving;

static pn_err save(saving *b, const rl_record *r)
{
    rl_record_put(b->buf, r);
    rl_record_seal(b->buf);
    b->records++;
    return b->put(b->ctx,
                  (pn_bytes){ b->buf, (size_t)rl_record_bytes(r->len) });
}

static pn_err save_rows(saving *b)
{
    const rl_index *ix = &b->log->index;
    for (uint32_t i = 0; i < ix->rows.high; i++) {
        const rl_row *row = rl_index_row(ix, i);
        const rl_record r = { .type = RL_REC_QUEUE,
                              .len = RL_ROW_BYTES,
                              .row = i,
                              .serial = row->serial };
        if (row->serial == 0)
            continue;
        rl_row_put(b->buf + RL_BLOCK, row, rl_index_old_cap(ix, i));
        PN_TRY(save(b, &r));
    }
    return PN_OK;
}

static pn_err save_message(saving *b, uint32_t at)
{
    const rl_index *ix = &b->log->index;
    const rl_message *m = rl_index_message(ix, at);
    rl_record r = { .type = m->acked ? RL_REC_ACK : RL_REC_PUT,
                    .class = (rl_class)m->class,
                    .day = m->expires,
                    .len = m->acked ? 0 : m->len,
                    .row = m->row,
                    .serial = rl_index_row(ix, m->row)->serial,
                    .seq = m->seq };
    memcpy(r.id, m->id, sizeof r.id);
    if (!m->acked && read_message(b->log, m, b->buf) != PN_OK) {
        b->damaged = true;
        return PN_OK;
    }
    return save(b, &r);
}

/* Row by row, each chain in its order: restoring only ever appends. */
static pn_err save_messages(saving *b)
{
    const rl_index *ix = &b->log->index;
    for (uint32_t i = 0; i < ix->rows.high; i++) {
        const rl_box *box =
            rl_index_row(ix, i)->serial == 0 ? NULL : rl_index_box(ix, i);
        if (box == NULL)
            continue;
        for (size_t c = 0; c < RL_CLASSES; c++)
            for (uint32_t at = box->waiting[c].head; at != RL_NONE;
                 at = rl_index_message(ix, at)->next)
                PN_TRY(save_message(b, at));
        for (uint32_t at = box->acked.head; at != RL_NONE;
             at = rl_index_message(ix, at)->next)
            PN_TRY(save_message(b, at));
    }
    return PN_OK;
}

static pn_err save_all(saving *b)
{
    const rl_log *s = b->log;
    uint8_t block[RL_BLOCK];
    mark(block, BACKUP_MAGIC, s->today | (uint64_t)s->clock << 16,
         s->index.next_seq);
    PN_TRY(b->put(b->ctx, (pn_bytes){ block, sizeof block }));
    PN_TRY(save_rows(b));
    PN_TRY(save_messages(b));
    mark(block, BACKUP_END, b->records, s->index.next_serial);
    PN_TRY(b->put(b->ctx, (pn_bytes){ block, sizeof block }));
    return b->damaged ? PN_E_CORRUPT : PN_OK;
}

pn_err rl_store_log_backup(const rl_fs *fs, const pn_env *env,
                           const rl_log_config *config, rl_backup_put_fn *put,
                           void *ctx)
{
    saving b = { .put = put, .ctx = ctx };
    pn_err err;
    b.buf = pn_alloc(1, RECORD_MAX);
    if (b.buf == NULL)
        return PN_E_NOMEM;
    err = load_to_read(&b.log, fs, env, config);
    if (err == PN_OK) {
        b.damaged = b.log->damaged;
        err = save_all(&b);
        rl_log_unload(b.log);
    }
    pn_free_wiped(b.buf, RECORD_MAX);
    return err;
}

typedef struct restoring {
    rl_log *log;
    rl_store *store;
    rl_backup_get_fn *get;
    void *ctx;
    uint8_t *buf; /* owned */
} restoring;

static pn_err get_all(const restoring *b, uint8_t *p, size_t len)
{
    while (len > 0) {
        size_t got = 0;
        PN_TRY(b->get(b->ctx, p, len, &got));
        if (got == 0 || got > len)
            return PN_E_CORRUPT; /* it ends early */
        p += got;
        len -= got;
    }
    return PN_OK;
}

static void ignore(void *ctx, const rl_result *r)
{
    (void)ctx;
    (void)r;
}

/* Let the log catch up until it has segments ready again. */
static pn_err make_room(const restoring *b)
{
    for (int i = 0; i < 16; i++) {
        (void)rl_store_drain(b->store, ignore, NULL);
        if (b->log->failed)
            return PN_E_IO;
        if (rl_log_spares(b->log) >= 2)
            return PN_OK;
    }
    return PN_E_FULL;
}

static pn_err restore_put(const restoring *b, const rl_record *r)
{
    const size_t bytes = (size_t)rl_record_bytes(r->len);
    uint16_t segment;
    uint32_t block;
    uint8_t *p;
    if (rl_log_spares(b->log) < 2 || b->log->staged > RL_BATCH_MAX)
        PN_TRY(make_room(b));
    p = rl_log_stage(b->log, bytes, &segment, &block);
    if (p == NULL)
        return PN_E_FULL;
    memcpy(p, b->buf, bytes);
    return rl_log_replay(b->log, r, b->buf + RL_BLOCK, segment, block);
}

static pn_err restore_remembered(const restoring *b, const rl_record *r)
{
    rl_index *ix = &b->log->index;
    rl_message m = { .seq = r->seq,
                     .row = r->row,
                     .class = (unsigned)r->class & 3U,
                     .len = 1,
                     .acked = 1,
                     .expires = r->day };
    uint32_t at;
    if (r->row >= ix->rows.high ||
        rl_index_row(ix, r->row)->serial != r->serial ||
        rl_index_find(ix, r->row, r->id) != RL_NONE)
        return PN_E_CORRUPT;
    {
        const rl_box *box = rl_index_box(ix, r->row);
        m.at = box == NULL ? 0 : box->turn;
    }
    memcpy(m.id, r->id, sizeof m.id);
    return rl_index_add(ix, &m, &at);
}

static pn_err restore_records(restoring *b)
{
    rl_log *s = b->log;
    PN_TRY(get_all(b, b->buf, RL_BLOCK));
    if (!is_mark(b->buf, BACKUP_MAGIC))
        return PN_E_CORRUPT;
    if (rl_get32(b->buf + 8) != RL_FORMAT_VERSION)
        return PN_E_VERSION;
    s->today = s->newest = (rl_day)rl_get64(b->buf + 16);
    s->clock = (rl_day)(rl_get64(b->buf + 16) >> 16);
    s->index.next_seq = rl_get64(b->buf + 24);
    for (uint64_t n = 0;; n++) {
        rl_record r;
        PN_TRY(get_all(b, b->buf, RL_BLOCK));
        if (is_mark(b->buf, BACKUP_END)) {
            if (rl_get64(b->buf + 24) > s->index.next_serial)
                s->index.next_serial = rl_get64(b->buf + 24);
            return rl_get64(b->buf + 16) == n ? PN_OK : PN_E_CORRUPT;
        }
        PN_TRY(rl_record_take(b->buf, &r));
        PN_TRY(get_all(b, b->buf + RL_BLOCK,
                       (size_t)rl_record_bytes(r.len) - RL_BLOCK));
        if (!rl_record_body_ok(b->buf, &r))
            return PN_E_CORRUPT;
        if (r.type == RL_REC_QUEUE)
            PN_TRY(rl_log_replay(s, &r, b->buf + RL_BLOCK, 0, 0));
        else if (r.type == RL_REC_PUT)
            PN_TRY(restore_put(b, &r));
        else if (r.type == RL_REC_ACK)
            PN_TRY(restore_remembered(b, &r));
        else
            return PN_E_CORRUPT;
    }
}

/* The rows and what is remembered are only in the snapshot: without one there
 * is no restored store. */
static pn_err seal_restored(const restoring *b)
{
    const uint64_t before = b->log->snap.last;
    rl_index_relink(&b->log->index);
    b->log->snap.wanted = true;
    for (uint64_t i = 0; i < UINT32_MAX && b->log->snap.last == before; i++) {
        (void)rl_store_drain(b->store, ignore, NULL);
        if (b->log->failed ||
            (b->log->snap.phase == RL_SNAP_IDLE && !b->log->snap.wanted &&
             b->log->snap.last == before))
            return PN_E_IO;
    }
    return PN_OK;
}

typedef struct parts {
    char names[64][RL_FS_NAME_MAX];
    size_t count;
} parts;

static void each_part(void *arg, const char *name)
{
    parts *p = arg;
    if ((strcmp(name, "keys") == 0 || strcmp(name, "lock") == 0 ||
         strncmp(name, "seg-", 4) == 0 || strncmp(name, "snap", 4) == 0) &&
        strlen(name) < RL_FS_NAME_MAX && p->count < 64)
        (void)snprintf(p->names[p->count++], RL_FS_NAME_MAX, "%s", name);
}

void rl_log_leave_nothing(const rl_fs *fs)
{
    parts *p = pn_alloc(1, sizeof *p);
    if (p == NULL)
        return;
    do {
        p->count = 0;
        if (fs->list(fs->ctx, each_part, p) != PN_OK)
            break;
        for (size_t i = 0; i < p->count; i++)
            if (fs->remove(fs->ctx, p->names[i]) != PN_OK)
                p->count = 0; /* it cannot be helped */
    } while (p->count > 0);
    pn_free(p);
}

pn_err rl_store_log_restore(const rl_fs *fs, const pn_env *env,
                            const rl_log_config *config, rl_backup_get_fn *get,
                            void *ctx)
{
    rl_log_config c = *config;
    restoring b = { .get = get, .ctx = ctx };
    pn_err err;
    c.mode = RL_LOG_CREATE;
    c.threads = false;
    c.notify = NULL;
    b.buf = pn_alloc(1, RECORD_MAX);
    if (b.buf == NULL)
        return PN_E_NOMEM;
    err = rl_store_log_open(&b.store, fs, env, &c);
    if (err == PN_OK) {
        b.log = (rl_log *)(void *)b.store;
        err = restore_records(&b);
        if (err == PN_OK)
            err = seal_restored(&b);
        if (err == PN_OK)
            rl_store_close(&b.store);
        else
            rl_store_log_abandon(&b.store);
        if (err != PN_OK)
            rl_log_leave_nothing(fs);
    }
    pn_free_wiped(b.buf, RECORD_MAX);
    return err;
}
