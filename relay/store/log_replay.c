/* From records to index. Replay runs over an index that may already hold some
 * of what the records say, captured while it happened; every rule here makes
 * the outcome that of the last record (FORMAT.md, "Replay"). */
#include <string.h>

#include "relay/store/log.h"

static rl_row *row_of(const rl_log *s, uint32_t at, uint64_t serial)
{
    rl_row *r;
    if (at >= s->index.rows.high)
        return NULL;
    r = rl_index_row(&s->index, at);
    return r->serial == serial && serial != 0 ? r : NULL;
}

/* Make way at `other` for a row of `serial`: false if a later life holds the
 * place, and the record is of the past. */
static bool make_way(rl_log *s, uint32_t other, uint64_t serial)
{
    if (other == RL_NONE || other >= s->index.rows.high ||
        rl_index_row(&s->index, other)->serial == 0)
        return true;
    if (rl_index_row(&s->index, other)->serial > serial)
        return false;
    rl_index_row_remove(&s->index, other);
    return true;
}

static pn_err replay_queue(rl_log *s, const rl_record *r, const uint8_t *body)
{
    rl_row row;
    rl_old_cap old;
    rl_row *have = row_of(s, r->row, r->serial);
    uint32_t at = r->row;
    if (r->len != RL_ROW_BYTES)
        return PN_E_CORRUPT;
    PN_TRY(rl_row_take(body, &row, &old));
    if (row.serial != r->serial || r->row == RL_NONE)
        return PN_E_CORRUPT;
    if (have != NULL) {
        memcpy(have->cap, row.cap, sizeof have->cap);
        have->refused = row.refused;
        have->flags = row.flags;
    } else {
        if (!make_way(s, r->row, r->serial) ||
            !make_way(s, rl_index_by_recv(&s->index, row.recv_id), r->serial) ||
            !make_way(s, rl_index_by_send(&s->index, row.send_id), r->serial))
            return PN_OK;
        /* Removing may have linked the number as free; recovery relinks. */
        PN_TRY(rl_index_row_add(&s->index, &row, r->row, &at));
    }
    return rl_index_set_old_cap(&s->index, at, old.cap, old.until);
}

static pn_err replay_put(rl_log *s, const rl_record *r, uint32_t segment,
                         uint32_t block)
{
    rl_message m = { .seq = r->seq,
                     .row = r->row,
                     .at = block,
                     .len = r->len & 0xffffff,
                     .class = (unsigned)r->class & 3U,
                     .segment = (uint16_t)segment,
                     .expires = r->day };
    uint32_t at;
    if (row_of(s, r->row, r->serial) == NULL)
        return PN_OK;
    if (r->len == 0)
        return PN_E_CORRUPT;
    at = rl_index_find(&s->index, r->row, r->id);
    if (at != RL_NONE) {
        const rl_message *have = rl_index_message(&s->index, at);
        if (have->seq > r->seq || (have->seq == r->seq && have->acked))
            return PN_OK;
        if (have->seq == r->seq) {
            if (have->len != r->len)
                return PN_E_CORRUPT;
            rl_index_move(&s->index, at, m.segment, block);
            return PN_OK;
        }
        rl_index_forget(&s->index, at);
    }
    memcpy(m.id, r->id, sizeof m.id);
    return rl_index_add(&s->index, &m, &at);
}

static pn_err replay_ack(rl_log *s, const rl_record *r, const uint8_t *body)
{
    if (r->len % RL_ACK_BYTES != 0)
        return PN_E_CORRUPT;
    if (row_of(s, r->row, r->serial) == NULL)
        return PN_OK;
    for (size_t i = 0; i < r->len; i += RL_ACK_BYTES) {
        const uint32_t at = rl_index_find(&s->index, r->row, body + i + 8);
        const rl_message *m;
        if (at == RL_NONE)
            continue;
        m = rl_index_message(&s->index, at);
        if (!m->acked && m->seq == rl_get64(body + i))
            rl_index_ack(&s->index, at);
    }
    return PN_OK;
}

pn_err rl_log_replay(rl_log *s, const rl_record *r, const uint8_t *body,
                     uint32_t segment, uint32_t block)
{
    uint32_t cursor = 0;
    switch (r->type) {
    case RL_REC_QUEUE:
        return replay_queue(s, r, body);
    case RL_REC_PUT:
    case RL_REC_MOVE:
        return replay_put(s, r, segment, block);
    case RL_REC_ACK:
        return replay_ack(s, r, body);
    case RL_REC_DELETE:
        if (row_of(s, r->row, r->serial) != NULL)
            rl_index_row_remove(&s->index, r->row);
        return PN_OK;
    case RL_REC_EXPIRE:
        if (r->day > s->today)
            s->today = r->day;
        if (r->seq != 0 && r->seq <= UINT16_MAX)
            s->clock = (rl_day)r->seq;
        while (cursor != RL_NONE)
            (void)rl_index_expire(&s->index, &cursor, UINT32_MAX, s->today);
        return PN_OK;
    }
    return PN_E_CORRUPT;
}

pn_err rl_log_walk(rl_log *s, const uint8_t *records, size_t len,
                   uint32_t segment, uint64_t at, bool apply, uint32_t *whole)
{
    *whole = 0;
    for (size_t i = 0; i + RL_BLOCK <= len;) {
        rl_record r;
        size_t bytes;
        pn_err err = rl_record_take(records + i, &r);
        bytes = err == PN_OK ? (size_t)rl_record_bytes(r.len) : 0;
        if (err != PN_OK || bytes > len - i ||
            !rl_record_body_ok(records + i, &r)) {
            i += RL_BLOCK; /* look for the next whole one */
            continue;
        }
        if (apply)
            err = rl_log_replay(s, &r, records + i + RL_BLOCK, segment,
                                (uint32_t)((at + i) / RL_BLOCK));
        if (err == PN_E_NOMEM || err == PN_E_FULL)
            return err;
        *whole += err == PN_OK;
        i += bytes;
    }
    return PN_OK;
}
