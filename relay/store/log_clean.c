/* Cleaning: what is alive in a mostly dead segment is copied to the tail, a
 * piece at a time, and the segment is then as dead as any. The janitor reads
 * and unseals, slowly; the owner looks each message up and stages its copy. */
#include <string.h>
#include <time.h>

#include "relay/store/log_segment.h"

enum { PIECE = 2 * RL_BATCH_MAX };

static bool is_worth_it(const rl_log *s, uint32_t i)
{
    const rl_segment *g = &s->segments[i];
    const uint64_t alive = s->index.segment_bytes[i];
    if (g->state != RL_SEG_CLOSED || g->quarantined || alive == 0 ||
        g->last > s->durable) /* the janitor reads what is on the disk */
        return false;
    return alive * 2 < g->used ||
           s->newest >= (uint32_t)g->closed + s->cfg.clean_days;
}

static uint32_t choose(const rl_log *s)
{
    uint32_t best = RL_NONE;
    for (uint32_t i = 0; i < s->segment_count; i++)
        if (is_worth_it(s, i) &&
            (best == RL_NONE ||
             s->index.segment_bytes[i] < s->index.segment_bytes[best]))
            best = i;
    return best;
}

void rl_log_clean_step(rl_log *s)
{
    rl_chore *c;
    if (s->clean_busy || s->failed || rl_log_spares(s) < 2 ||
        s->staged > s->cfg.max_pending / 2)
        return;
    if (s->cleaning == RL_NONE) {
        s->cleaning = choose(s);
        s->clean_at = 0;
    }
    if (s->cleaning == RL_NONE)
        return;
    c = rl_chore_new(RL_CHORE_CLEAN, PIECE);
    if (c == NULL)
        return;
    c->segment = s->cleaning;
    c->at = s->clean_at;
    s->segments[c->segment].pins++;
    s->clean_busy = true;
    rl_worker_put(&s->janitor, &c->task);
}

static void slow_down(const rl_log *s, size_t bytes)
{
    const uint64_t ns = bytes * (uint64_t)1000000000 / s->cfg.clean_rate;
    const struct timespec t = { .tv_nsec =
                                    ns < 50000000 ? (long)ns : 50000000 };
    if (s->cfg.threads)
        (void)nanosleep(&t, NULL);
}

/* Unseal every whole frame of the piece; c->len is where the last one ends. */
void rl_chore_clean(rl_log *s, rl_chore *c)
{
    const rl_segment *g = &s->segments[c->segment];
    size_t got = 0, at = 0;
    c->err = s->fs->read(s->fs->ctx, g->file, c->buf, PIECE, c->at, &got);
    while (c->err == PN_OK && at + RL_BLOCK <= got) {
        rl_frame f;
        if (rl_frame_take(c->buf + at, g->key.epoch, &f) != PN_OK ||
            f.len > RL_BATCH_MAX) {
            at += RL_PAGE;
            continue;
        }
        if (at + RL_BLOCK + f.len > got)
            break;
        c->err = rl_seal(c->buf + at + RL_BLOCK, c->buf + at + RL_BLOCK, f.len,
                         c->at + at + RL_BLOCK, g->key.key);
        at += (size_t)rl_page_up(RL_BLOCK + (uint64_t)f.len);
    }
    c->len = at < got ? at : got;
    slow_down(s, c->len);
}

/* The message this record is the body of, or RL_NONE. */
static uint32_t owner_of(const rl_log *s, const rl_record *r, uint32_t segment,
                         uint32_t block)
{
    const rl_message *m;
    uint32_t at;
    if ((r->type != RL_REC_PUT && r->type != RL_REC_MOVE) ||
        r->row >= s->index.rows.high ||
        rl_index_row(&s->index, r->row)->serial != r->serial)
        return RL_NONE;
    at = rl_index_find(&s->index, r->row, r->id);
    if (at == RL_NONE)
        return RL_NONE;
    m = rl_index_message(&s->index, at);
    return !m->acked && m->segment == segment && m->at == block &&
                   m->len == r->len
               ? at
               : RL_NONE;
}

static bool move(rl_log *s, uint32_t at, const rl_record *r,
                 const uint8_t *body)
{
    rl_record copy = *r;
    uint16_t segment;
    uint32_t block;
    uint8_t *p =
        rl_log_stage(s, (size_t)rl_record_bytes(r->len), &segment, &block);
    if (p == NULL)
        return false;
    copy.type = RL_REC_MOVE;
    memcpy(p + RL_BLOCK, body, r->len);
    rl_record_put(p, &copy);
    rl_index_move(&s->index, at, segment, block);
    return true;
}

/* False when the log has no room: the piece is to be done again. */
static bool move_frame(rl_log *s, const rl_chore *c, size_t at,
                       const rl_frame *f)
{
    for (size_t i = at + RL_BLOCK; i < at + RL_BLOCK + f->len;) {
        const uint32_t block = (uint32_t)((c->at + i) / RL_BLOCK);
        rl_record r;
        uint32_t m;
        if (rl_record_take(c->buf + i, &r) != PN_OK ||
            rl_record_bytes(r.len) > at + RL_BLOCK + f->len - i ||
            !rl_record_body_ok(c->buf + i, &r)) {
            i += RL_BLOCK;
            continue;
        }
        m = owner_of(s, &r, c->segment, block);
        if (m != RL_NONE && !move(s, m, &r, c->buf + i + RL_BLOCK))
            return false;
        i += (size_t)rl_record_bytes(r.len);
    }
    return true;
}

static void give_up(rl_log *s, const char *why)
{
    s->segments[s->cleaning].quarantined = true;
    rl_log_found(s, RL_DAMAGE, "cleaning segment %u: %s", (unsigned)s->cleaning,
                 why);
    s->cleaning = RL_NONE;
}

void rl_log_cleaned(rl_log *s, rl_chore *c)
{
    s->clean_busy = false;
    s->segments[c->segment].pins--;
    if (c->err != PN_OK) {
        give_up(s, pn_strerror(c->err));
        return;
    }
    for (size_t at = 0; at + RL_BLOCK <= c->len;) {
        rl_frame f;
        if (rl_frame_take(c->buf + at, s->segments[c->segment].key.epoch, &f) !=
            PN_OK) {
            at += RL_PAGE;
            continue;
        }
        if (!move_frame(s, c, at, &f))
            return;
        at += (size_t)rl_page_up(RL_BLOCK + (uint64_t)f.len);
    }
    s->clean_at += c->len;
    if (s->index.segment_bytes[s->cleaning] == 0)
        s->cleaning = RL_NONE;
    else if (c->len < RL_BLOCK || s->clean_at >= s->segments[s->cleaning].used)
        give_up(s, "some of its messages are damaged");
}
