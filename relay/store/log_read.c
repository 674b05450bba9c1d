/* Fetches: resolved against the index at once, read by the reader's thread
 * once all they show is durable. */
#include <string.h>

#include "proto/base/mem.h"
#include "relay/store/log.h"

/* Choose what the fetch gives; `out` NULL only counts. */
static uint32_t choose(const rl_log *s, uint32_t row, const rl_fetch *f,
                       rl_reading *out, size_t *buf_len, bool *more)
{
    const rl_box *b = rl_index_box(&s->index, row);
    uint32_t n = 0;
    uint64_t bytes = 0;
    *buf_len = 0;
    *more = false;
    for (size_t c = 0; b != NULL && c < RL_CLASSES; c++) {
        uint32_t at =
            rl_index_after(&s->index, &b->waiting[c], f->cursor.after[c]);
        for (; at != RL_NONE; at = rl_index_message(&s->index, at)->next) {
            const rl_message *m = rl_index_message(&s->index, at);
            if (m->expires <= s->today)
                continue;
            if (s->failed && !rl_log_is_durable(s, m->segment, m->at))
                continue;
            if (n == f->max_count || (n > 0 && bytes + m->len > f->max_bytes)) {
                *more = true;
                return n;
            }
            if (out != NULL) {
                rl_envelope *e = &out->envelopes[n];
                out->where[n] = (rl_body){ m->segment, m->at };
                e->seq = m->seq;
                e->class = (rl_class)m->class;
                e->expires = m->expires;
                e->body.len = m->len;
                memcpy(e->id, m->id, RL_MESSAGE_ID_BYTES);
            }
            n++;
            bytes += m->len;
            *buf_len += (size_t)rl_record_bytes(m->len);
        }
    }
    return n;
}

/* What a read may write: strides are unsealed whole. */
static size_t room_of(const rl_reading *r)
{
    return r->buf_len + RL_SEAL_STRIDE;
}

static void reading_free(rl_reading *r)
{
    rl_shelf_give(&r->log->shelf, r->buf, room_of(r));
    pn_free(r);
}

pn_err rl_log_fetch(rl_log *s, const rl_op *op)
{
    const uint32_t row = rl_index_by_recv(&s->index, op->id);
    uint32_t n = 0;
    size_t buf_len = 0;
    bool more = false;
    rl_reading *r;
    if (row != RL_NONE)
        n = choose(s, row, &op->u.fetch, NULL, &buf_len, &more);
    r = pn_alloc(1, sizeof *r + n * (sizeof(rl_envelope) + sizeof(rl_body)));
    if (r == NULL)
        return PN_E_NOMEM;
    r->log = s;
    r->envelopes = (rl_envelope *)(void *)(r + 1);
    r->where = (rl_body *)(void *)(r->envelopes + n);
    r->count = n;
    r->buf_len = buf_len;
    r->result = (rl_result){ .token = op->token,
                             .kind = RL_OP_FETCH,
                             .status = row == RL_NONE ? RL_STATUS_UNKNOWN
                                                      : RL_STATUS_OK };
    if (row != RL_NONE) {
        (void)choose(s, row, &op->u.fetch, r, &buf_len, &more);
        r->result.u.fetch.envelopes = r->envelopes;
        r->result.u.fetch.count = n;
        r->result.u.fetch.more = more;
        r->result.u.fetch.refused = rl_index_row(&s->index, row)->refused;
    }
    for (uint32_t i = 0; i < n; i++) {
        s->segments[r->where[i].segment].pins++;
        if (!rl_log_is_durable(s, r->where[i].segment, r->where[i].block))
            r->need = s->last_frame;
    }
    s->pending++;
    s->staged += buf_len;
    if (r->need > s->durable)
        rl_tasks_put(&s->readings, &r->task);
    else
        rl_worker_put(&s->reader, &r->task);
    return PN_OK;
}

/* Check the unsealed record at buf. */
static pn_err check_record(const uint8_t *id, size_t len, const uint8_t *buf)
{
    rl_record r;
    PN_TRY(rl_record_take(buf, &r));
    return (r.type == RL_REC_PUT || r.type == RL_REC_MOVE) && r.len == len &&
                   memcmp(r.id, id, RL_MESSAGE_ID_BYTES) == 0 &&
                   rl_record_body_ok(buf, &r)
               ? PN_OK
               : PN_E_CORRUPT;
}

pn_err rl_log_read_body(const rl_log *s, rl_body where, const uint8_t *id,
                        size_t len, uint8_t *buf)
{
    const rl_segment *g = &s->segments[where.segment];
    const uint64_t at = (uint64_t)where.block * RL_BLOCK;
    const size_t bytes = (size_t)rl_record_bytes(len);
    if (g->broken || g->file < 0)
        return PN_E_CORRUPT;
    PN_TRY(rl_fs_read_all(s->fs, g->file, buf, bytes, at));
    PN_TRY(rl_seal(buf, buf, bytes, at, g->key.key));
    return check_record(id, len, buf);
}

/* How many of the bodies from `from` on lie one behind the other. */
static uint32_t run_of(const rl_reading *r, uint32_t from, size_t *bytes)
{
    uint32_t n = 0;
    *bytes = 0;
    do {
        *bytes += (size_t)rl_record_bytes(r->envelopes[from + n].body.len);
        n++;
    } while (from + n < r->count &&
             r->where[from + n].segment == r->where[from].segment &&
             (uint64_t)r->where[from + n].block * RL_BLOCK ==
                 (uint64_t)r->where[from].block * RL_BLOCK + *bytes);
    return n;
}

/* Read and unseal `bytes` at once, in whole strides: what that spoils behind
 * them is either read later or nothing. */
static bool read_run(const rl_log *s, rl_body where, size_t bytes, uint8_t *buf)
{
    const rl_segment *g = &s->segments[where.segment];
    const uint64_t at = (uint64_t)where.block * RL_BLOCK;
    const size_t strides = (bytes + RL_SEAL_STRIDE - 1) / RL_SEAL_STRIDE;
    if (g->broken || g->file < 0 ||
        rl_fs_read_all(s->fs, g->file, buf, bytes, at) != PN_OK)
        return false;
    return rl_seal(buf, buf, strides * RL_SEAL_STRIDE, at, g->key.key) == PN_OK;
}

static void read_one(rl_reading *r)
{
    rl_log *s = r->log;
    uint8_t *p;
    if (r->count == 0)
        return;
    r->buf = rl_shelf_take(&s->shelf, room_of(r));
    if (r->buf == NULL) {
        r->result.status = RL_STATUS_BUSY;
        r->result.retry_s = RL_RETRY_S;
        return;
    }
    p = r->buf;
    for (uint32_t i = 0; i < r->count;) {
        size_t bytes;
        const uint32_t n = run_of(r, i, &bytes);
        const bool ok = read_run(s, r->where[i], bytes, p);
        for (const uint32_t end = i + n; i < end; i++) {
            rl_envelope *e = &r->envelopes[i];
            const size_t len = e->body.len;
            /* What could not be read in one piece may be readable in parts. */
            const pn_err err =
                ok ? check_record(e->id, len, p)
                   : rl_log_read_body(s, r->where[i], e->id, len, p);
            e->damaged = err != PN_OK;
            e->body = e->damaged ? (pn_bytes){ NULL, 0 }
                                 : (pn_bytes){ p + RL_BLOCK, len };
            p += rl_record_bytes(len);
        }
    }
}

void rl_log_read_run(void *ctx, rl_task *all)
{
    (void)ctx;
    for (rl_task *t = all; t != NULL; t = t->next)
        read_one((rl_reading *)(void *)t);
}

static void say_damage(rl_log *s, const rl_reading *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        rl_segment *g = &s->segments[r->where[i].segment];
        if (!r->envelopes[i].damaged)
            continue;
        g->quarantined = true;
        rl_log_found(s, RL_DAMAGE,
                     "a message in segment %u at byte %llu is damaged",
                     (unsigned)r->where[i].segment,
                     (unsigned long long)r->where[i].block * RL_BLOCK);
    }
}

size_t rl_log_read_drain(rl_log *s, rl_store_result_fn *fn, void *ctx)
{
    rl_tasks ready, later;
    size_t n = 0;
    rl_tasks_init(&ready);
    rl_tasks_init(&later);
    for (rl_task *t; (t = rl_tasks_take(&s->readings)) != NULL;) {
        rl_reading *r = (rl_reading *)(void *)t;
        if (s->failed && r->need > s->durable)
            r->result.status = RL_STATUS_FAILED;
        if (r->result.status == RL_STATUS_FAILED)
            rl_tasks_put(&ready, t);
        else if (r->need > s->durable)
            rl_tasks_put(&later, t);
        else
            rl_worker_put(&s->reader, t);
    }
    s->readings = later;
    if (later.first == NULL)
        rl_tasks_init(&s->readings);
    rl_worker_pump(&s->reader);
    rl_worker_done(&s->reader, &ready);
    for (rl_task *t; (t = rl_tasks_take(&ready)) != NULL;) {
        rl_reading *r = (rl_reading *)(void *)t;
        say_damage(s, r);
        for (uint32_t i = 0; i < r->count; i++)
            s->segments[r->where[i].segment].pins--;
        s->pending--;
        s->staged -= r->buf_len;
        fn(ctx, &r->result);
        reading_free(r);
        n++;
    }
    return n;
}
