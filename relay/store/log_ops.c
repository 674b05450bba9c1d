/* The operations: checked against the index, changed there, staged as
 * records. A record is staged only after the index took the change, and the
 * change only after the log had room, so neither is ever without the other. */
#include <string.h>

#include "proto/base/mem.h"
#include "relay/store/log_segment.h"
#include "relay/store/quota.h"

enum { SWEEP_FIRST = 8192, PENDING_MAX = 1 << 18 };

static rl_day day_of(const rl_log *s, const rl_op *op)
{
    return op->day > s->today ? op->day : s->today;
}

/* Stage a record without body. */
static bool note(rl_log *s, const rl_record *r)
{
    uint16_t segment;
    uint32_t block;
    uint8_t *p = rl_log_stage(s, RL_BLOCK, &segment, &block);
    if (p == NULL)
        return false;
    rl_record_put(p, r);
    return true;
}

/* Stage the row as it now is. */
static bool note_row(rl_log *s, uint32_t row)
{
    const rl_row *r = rl_index_row(&s->index, row);
    const rl_record rec = { .type = RL_REC_QUEUE,
                            .len = RL_ROW_BYTES,
                            .row = row,
                            .serial = r->serial };
    uint16_t segment;
    uint32_t block;
    uint8_t *p = rl_log_stage(s, (size_t)rl_record_bytes(RL_ROW_BYTES),
                              &segment, &block);
    if (p == NULL)
        return false;
    rl_row_put(p + RL_BLOCK, r, rl_index_old_cap(&s->index, row));
    rl_record_put(p, &rec);
    return true;
}

/* Whether records of `bytes` in all can surely be staged: the two calls that
 * follow must not fail halfway. Some spare segments are kept back from deposits
 * and creations (rl_log_kept), so that acknowledging always goes on; what is
 * left of the tail is theirs too. */
static bool has_room(const rl_log *s, bool adds)
{
    const uint32_t spares = rl_log_spares(s), kept = adds ? rl_log_kept(s) : 0;
    if (adds && (s->low || spares < kept))
        return false;
    return spares > kept ||
           (s->tail != RL_NONE &&
            s->tail_at + 2 * (uint64_t)RL_BATCH_MAX < s->cfg.segment_bytes);
}

static uint32_t find_any(const rl_log *s, const uint8_t *id)
{
    const uint32_t row = rl_index_by_recv(&s->index, id);
    return row != RL_NONE ? row : rl_index_by_send(&s->index, id);
}

static rl_status do_create(rl_log *s, const rl_op *op)
{
    const rl_create *c = &op->u.create;
    rl_row row = { .serial = s->index.next_serial,
                   .max_count = c->max_count,
                   .max_bytes = c->max_bytes,
                   .created = op->day,
                   .ttl_days = c->ttl_days };
    uint32_t at;
    if (find_any(s, op->id) != RL_NONE || find_any(s, c->send_id) != RL_NONE)
        return RL_STATUS_EXISTS;
    if (!has_room(s, true))
        return RL_STATUS_BUSY;
    memcpy(row.recv_id, op->id, RL_QUEUE_ID_BYTES);
    memcpy(row.send_id, c->send_id, RL_QUEUE_ID_BYTES);
    memcpy(row.owner, c->owner, RL_OWNER_KEY_BYTES);
    memcpy(row.cap, c->cap_hash, RL_CAP_HASH_BYTES);
    if (rl_index_row_add(&s->index, &row, RL_NONE, &at) != PN_OK)
        return RL_STATUS_BUSY;
    if (!note_row(s, at)) {
        rl_index_row_remove(&s->index, at);
        return RL_STATUS_BUSY;
    }
    return RL_STATUS_OK;
}

static bool may_deposit(const rl_log *s, uint32_t row, const uint8_t *cap,
                        rl_day day)
{
    static const rl_old_cap nothing = { 0 };
    const rl_old_cap *old = rl_index_old_cap(&s->index, row);
    const rl_old_cap *o = old != NULL ? old : &nothing;
    const bool now = pn_secret_equal(rl_index_row(&s->index, row)->cap, cap,
                                     RL_CAP_HASH_BYTES);
    const bool was = pn_secret_equal(o->cap, cap, RL_CAP_HASH_BYTES);
    return now || (was && day <= o->until);
}

static rl_status refuse_for_quota(rl_log *s, uint32_t row, rl_class class)
{
    rl_row *r = rl_index_row(&s->index, row);
    const uint8_t before = r->refused;
    r->refused |= (uint8_t)(1U << class);
    /* Written once, until the recipient has seen it: refusals are free. */
    if (r->refused != before && !(has_room(s, false) && note_row(s, row)))
        r->refused = before;
    return RL_STATUS_QUOTA;
}

static rl_status put_message(rl_log *s, const rl_op *op, uint32_t row,
                             rl_answer *a)
{
    const rl_deposit *d = &op->u.deposit;
    const rl_row *r = rl_index_row(&s->index, row);
    const uint8_t ttl = d->ttl_days > 0 && d->ttl_days < r->ttl_days
                            ? d->ttl_days
                            : r->ttl_days;
    rl_message m = { .seq = s->index.next_seq,
                     .row = row,
                     .len = (uint32_t)d->body.len & 0xffffff,
                     .class = (unsigned)d->class & 3U,
                     .expires = rl_day_after(day_of(s, op), ttl) };
    rl_record rec = { .type = RL_REC_PUT,
                      .class = d->class,
                      .day = m.expires,
                      .len = m.len,
                      .row = row,
                      .serial = r->serial,
                      .seq = m.seq };
    rl_envelope *e = &a->result.u.deposit.envelope;
    uint32_t at;
    uint8_t *p;
    memcpy(m.id, d->message_id, RL_MESSAGE_ID_BYTES);
    memcpy(rec.id, d->message_id, RL_MESSAGE_ID_BYTES);
    /* The index first, at no place yet: if it has no memory, no record. */
    if (rl_index_add(&s->index, &m, &at) != PN_OK)
        return RL_STATUS_BUSY;
    {
        uint16_t segment;
        uint32_t block;
        p = rl_log_stage(s, (size_t)rl_record_bytes(m.len), &segment, &block);
        if (p == NULL) {
            rl_index_forget(&s->index, at);
            return RL_STATUS_BUSY;
        }
        rl_index_move(&s->index, at, segment, block);
    }
    memcpy(p + RL_BLOCK, d->body.p, d->body.len);
    rl_record_put(p, &rec);
    e->seq = m.seq;
    e->class = d->class;
    e->expires = m.expires;
    e->body.len = d->body.len;
    memcpy(e->id, m.id, RL_MESSAGE_ID_BYTES);
    return RL_STATUS_OK;
}

static rl_status do_deposit(rl_log *s, const rl_op *op, rl_answer *a)
{
    const rl_deposit *d = &op->u.deposit;
    const uint32_t row = rl_index_by_send(&s->index, op->id);
    const rl_row *r;
    const rl_box *b;
    uint32_t known;
    static const rl_box empty = { 0 };
    if (row == RL_NONE || !may_deposit(s, row, d->cap_hash, day_of(s, op)))
        return RL_STATUS_UNKNOWN;
    r = rl_index_row(&s->index, row);
    memcpy(a->result.u.deposit.recv_id, r->recv_id, RL_QUEUE_ID_BYTES);
    known = rl_index_find(&s->index, row, d->message_id);
    if (known != RL_NONE &&
        rl_index_message(&s->index, known)->expires <= s->today) {
        rl_index_forget(&s->index, known); /* the sweep has yet to come by */
        known = RL_NONE;
    }
    if (known != RL_NONE)
        return RL_STATUS_DUPLICATE;
    if (r->flags & RL_ROW_BLOCKED)
        return RL_STATUS_BLOCKED;
    if (r->flags & RL_ROW_SUSPENDED)
        return RL_STATUS_SUSPENDED;
    b = rl_index_box(&s->index, row);
    if (b == NULL)
        b = &empty;
    if (!rl_quota_admits(r->max_count, r->max_bytes, b->count, b->bytes,
                         d->class, d->body.len))
        return refuse_for_quota(s, row, d->class);
    if (!has_room(s, true))
        return RL_STATUS_BUSY;
    return put_message(s, op, row, a);
}

static void lookup(const rl_log *s, uint32_t row, rl_queue_info *out)
{
    const rl_row *r = rl_index_row(&s->index, row);
    const rl_box *b = rl_index_box(&s->index, row);
    memcpy(out->recv_id, r->recv_id, RL_QUEUE_ID_BYTES);
    memcpy(out->send_id, r->send_id, RL_QUEUE_ID_BYTES);
    memcpy(out->owner, r->owner, RL_OWNER_KEY_BYTES);
    out->max_count = r->max_count;
    out->max_bytes = r->max_bytes;
    for (size_t c = 0; b != NULL && c < RL_CLASSES; c++) {
        out->count[c] = b->count[c];
        out->bytes[c] = b->bytes[c];
    }
    out->ttl_days = r->ttl_days;
    out->refused = r->refused;
    out->suspended = (r->flags & RL_ROW_SUSPENDED) != 0;
    out->blocked = (r->flags & RL_ROW_BLOCKED) != 0;
    out->created = r->created;
}

/* Acknowledge up to RL_ACK_MAX messages of one row with one record. */
static rl_status ack_entries(rl_log *s, uint32_t row, const uint32_t *entries,
                             uint32_t count)
{
    const rl_record rec = { .type = RL_REC_ACK,
                            .len = count * RL_ACK_BYTES,
                            .row = row,
                            .serial = rl_index_row(&s->index, row)->serial };
    uint16_t segment;
    uint32_t block;
    uint8_t *p;
    if (count == 0)
        return RL_STATUS_OK;
    p = rl_log_stage(s, (size_t)rl_record_bytes(rec.len), &segment, &block);
    if (p == NULL)
        return RL_STATUS_BUSY;
    for (uint32_t i = 0; i < count; i++) {
        const rl_message *m = rl_index_message(&s->index, entries[i]);
        uint8_t *at = p + RL_BLOCK + (size_t)i * RL_ACK_BYTES;
        rl_put64(at, m->seq);
        memcpy(at + 8, m->id, RL_MESSAGE_ID_BYTES);
    }
    rl_record_put(p, &rec);
    for (uint32_t i = 0; i < count; i++)
        rl_index_ack(&s->index, entries[i]);
    return RL_STATUS_OK;
}

static rl_status do_ack(rl_log *s, const rl_op *op, uint32_t row, rl_answer *a)
{
    uint32_t entries[RL_ACK_MAX];
    uint32_t n = 0;
    rl_row *r = rl_index_row(&s->index, row);
    const uint8_t refused = r->refused;
    rl_status status;
    if (!has_room(s, false))
        return RL_STATUS_BUSY;
    for (uint32_t i = 0; i < op->u.ack.count; i++) {
        const uint32_t at = rl_index_find(
            &s->index, row, op->u.ack.ids + (size_t)i * RL_MESSAGE_ID_BYTES);
        rl_message *m;
        if (at == RL_NONE)
            continue;
        m = rl_index_message(&s->index, at);
        if (m->acked || m->expires <= s->today)
            continue;
        entries[n++] = at;
        m->acked = 1; /* only until here, to see an id that comes twice */
    }
    for (uint32_t i = 0; i < n; i++)
        rl_index_message(&s->index, entries[i])->acked = 0;
    status = ack_entries(s, row, entries, n);
    if (status != RL_STATUS_OK)
        return status;
    a->result.u.forgotten = n;
    if (op->u.ack.clear_marks && refused != 0) {
        r->refused = 0;
        if (!note_row(s, row))
            r->refused = refused; /* they will be seen once more */
    }
    return RL_STATUS_OK;
}

static rl_status do_purge(rl_log *s, uint32_t row, rl_answer *a)
{
    uint32_t entries[RL_ACK_MAX];
    for (;;) {
        const rl_box *b = rl_index_box(&s->index, row);
        uint32_t n = 0;
        rl_status status;
        for (size_t c = 0; b != NULL && c < RL_CLASSES; c++)
            for (uint32_t at = b->waiting[c].head;
                 at != RL_NONE && n < RL_ACK_MAX;
                 at = rl_index_message(&s->index, at)->next)
                entries[n++] = at;
        if (n == 0)
            return RL_STATUS_OK;
        if (!has_room(s, false))
            return RL_STATUS_BUSY;
        status = ack_entries(s, row, entries, n);
        if (status != RL_STATUS_OK)
            return status;
        a->result.u.forgotten += n;
    }
}

static rl_status do_rotate(rl_log *s, const rl_op *op, uint32_t row)
{
    rl_row *r = rl_index_row(&s->index, row);
    rl_old_cap before = { 0 };
    const rl_old_cap *old = rl_index_old_cap(&s->index, row);
    uint8_t cap[RL_CAP_HASH_BYTES];
    if (pn_secret_equal(r->cap, op->u.new_cap_hash, RL_CAP_HASH_BYTES))
        return RL_STATUS_OK; /* the same rotation again */
    if (old != NULL &&
        pn_secret_equal(old->cap, op->u.new_cap_hash, RL_CAP_HASH_BYTES))
        return RL_STATUS_OK; /* an older one again: what replaced it stays */
    if (old != NULL)
        before = *old;
    if (!has_room(s, false) ||
        rl_index_set_old_cap(&s->index, row, r->cap,
                             (uint32_t)day_of(s, op) + RL_OLD_CAP_DAYS) !=
            PN_OK)
        return RL_STATUS_BUSY;
    memcpy(cap, r->cap, sizeof cap);
    memcpy(r->cap, op->u.new_cap_hash, sizeof r->cap);
    if (note_row(s, row))
        return RL_STATUS_OK;
    memcpy(r->cap, cap, sizeof cap);
    if (before.until == 0 ||
        rl_index_set_old_cap(&s->index, row, before.cap, before.until) != PN_OK)
        rl_index_drop_old_cap(&s->index, row);
    return RL_STATUS_BUSY;
}

static rl_status do_flag(rl_log *s, uint32_t row, uint8_t flag, bool on)
{
    rl_row *r = rl_index_row(&s->index, row);
    const uint8_t before = r->flags;
    r->flags = (uint8_t)(on ? before | flag : before & ~flag);
    if (r->flags == before || (has_room(s, false) && note_row(s, row)))
        return RL_STATUS_OK;
    r->flags = before;
    return RL_STATUS_BUSY;
}

static rl_status do_delete(rl_log *s, uint32_t row)
{
    const rl_record rec = { .type = RL_REC_DELETE,
                            .row = row,
                            .serial = rl_index_row(&s->index, row)->serial };
    if (!has_room(s, false) || !note(s, &rec))
        return RL_STATUS_BUSY;
    rl_index_row_remove(&s->index, row);
    return RL_STATUS_OK;
}

static rl_status execute(rl_log *s, const rl_op *op, rl_answer *a)
{
    uint32_t row;
    if (s->failed && op->kind != RL_OP_LOOKUP)
        return RL_STATUS_FAILED;
    if (op->kind == RL_OP_CREATE)
        return do_create(s, op);
    if (op->kind == RL_OP_DEPOSIT)
        return do_deposit(s, op, a);
    row = op->kind == RL_OP_BLOCK || op->kind == RL_OP_UNBLOCK ||
                  op->kind == RL_OP_PURGE
              ? find_any(s, op->id)
              : rl_index_by_recv(&s->index, op->id);
    if (row == RL_NONE)
        return RL_STATUS_UNKNOWN;
    switch (op->kind) {
    case RL_OP_LOOKUP:
        lookup(s, row, &a->result.u.queue);
        return RL_STATUS_OK;
    case RL_OP_ACK:
        return do_ack(s, op, row, a);
    case RL_OP_ROTATE:
        return do_rotate(s, op, row);
    case RL_OP_SUSPEND:
    case RL_OP_RESUME:
        return do_flag(s, row, RL_ROW_SUSPENDED, op->kind == RL_OP_SUSPEND);
    case RL_OP_BLOCK:
    case RL_OP_UNBLOCK:
        return do_flag(s, row, RL_ROW_BLOCKED, op->kind == RL_OP_BLOCK);
    case RL_OP_PURGE:
        return do_purge(s, row, a);
    case RL_OP_DELETE:
        return do_delete(s, row);
    case RL_OP_CREATE:
    case RL_OP_DEPOSIT:
    case RL_OP_FETCH:
    case RL_OP_EXPIRE:
        break; /* not here */
    }
    return RL_STATUS_FAILED;
}

/* An expiry is one record and then a sweep through the index, a piece at a
 * time; what is due counts as gone from the first moment. */
static pn_err start_sweep(rl_log *s, const rl_op *op)
{
    const rl_record rec = { .type = RL_REC_EXPIRE,
                            .day = day_of(s, op),
                            .seq = op->u.clock };
    rl_status status = RL_STATUS_OK;
    if (s->failed)
        status = RL_STATUS_FAILED;
    else if (!has_room(s, false) ||
             s->sweep_count ==
                 sizeof s->sweep_tokens / sizeof s->sweep_tokens[0] ||
             !note(s, &rec))
        status = RL_STATUS_BUSY;
    if (status != RL_STATUS_OK) {
        rl_answer *a = rl_log_answer(s);
        if (a == NULL)
            return PN_E_NOMEM;
        a->result = (rl_result){ .token = op->token,
                                 .kind = op->kind,
                                 .status = status,
                                 .retry_s = RL_RETRY_S };
    } else {
        s->today = rec.day;
        if (op->u.clock != 0)
            s->clock = op->u.clock;
        s->sweep = 0;
        s->sweep_tokens[s->sweep_count++] = op->token;
    }
    s->pending++;
    if (status == RL_STATUS_OK)
        rl_log_sweep(s, SWEEP_FIRST);
    return PN_OK;
}

void rl_log_sweep(rl_log *s, uint32_t entries)
{
    if (s->sweep != RL_NONE)
        s->sweep_gone +=
            rl_index_expire(&s->index, &s->sweep, entries, s->today);
    while (s->sweep == RL_NONE && s->sweep_count > 0) {
        rl_answer *a = rl_log_answer(s);
        if (a == NULL)
            return; /* again with the next step */
        a->result = (rl_result){ .token = s->sweep_tokens[--s->sweep_count],
                                 .kind = RL_OP_EXPIRE,
                                 .u.forgotten = s->sweep_gone };
        s->sweep_gone = 0;
    }
}

pn_err rl_log_submit(rl_store *base, const rl_op *op)
{
    rl_log *s = rl_log_of(base);
    rl_answer *a;
    size_t body_at;
    const rl_batch *b;
    if (s->pending >= PENDING_MAX ||
        s->staged + (s->filling != NULL ? s->filling->len : 0) >
            s->cfg.max_pending)
        return PN_E_FULL;
    if (op->day > s->newest)
        s->newest = op->day;
    if (op->kind == RL_OP_FETCH)
        return rl_log_fetch(s, op);
    PN_TRY(rl_log_answer_room(s));
    if (op->kind == RL_OP_EXPIRE)
        return start_sweep(s, op);
    /* The answer goes into the batch that the records go into, which may be
     * a later one than is filling now: executed first, placed after. */
    {
        rl_answer out = { .result = { .token = op->token, .kind = op->kind } };
        out.result.status = execute(s, op, &out);
        if (out.result.status == RL_STATUS_BUSY)
            out.result.retry_s = rl_log_retry_s(s);
        a = rl_log_answer(s);
        if (a == NULL)
            return PN_E_NOMEM;
        b = s->filling;
        body_at =
            op->kind == RL_OP_DEPOSIT && out.result.status == RL_STATUS_OK
                ? b->len - (size_t)(rl_record_bytes(op->u.deposit.body.len) -
                                    RL_BLOCK)
                : 0;
        *a = out;
        a->body_at = body_at;
    }
    s->pending++;
    return PN_OK;
}
