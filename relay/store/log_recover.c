/* From files to index: which segments there are, what their frames prove, and
 * the replay of all since the snapshot. The one question that matters here:
 * is what is missing the torn end of the last commit, which nobody was ever
 * told of, or damage? Every frame says which were durable before it; what is
 * missing up to the highest such claim was promised, hence damage. */
#include <stdlib.h>
#include <string.h>

#include "proto/base/mem.h"
#include "relay/store/log_segment.h"

enum { FIRST_SCAN = 4 * 1024 * 1024 };

typedef struct place {
    rl_frame frame;
    uint64_t at;
    uint32_t segment;
} place;

typedef struct places {
    place *p; /* owned */
    size_t count, cap;
} places;

static pn_err add_place(places *l, const place *p)
{
    if (l->count == l->cap) {
        const size_t cap = l->cap == 0 ? 256 : l->cap * 2;
        place *more = pn_realloc(l->p, cap, sizeof *more);
        if (more == NULL)
            return PN_E_NOMEM;
        l->p = more;
        l->cap = cap;
    }
    l->p[l->count++] = *p;
    return PN_OK;
}

/* The next whole header in g from *at on, before `end`. PN_E_NOT_FOUND. */
static pn_err next_frame(const rl_log *s, const rl_segment *g, uint64_t *at,
                         uint64_t end, rl_frame *out)
{
    for (; *at + RL_BLOCK <= end; *at += RL_PAGE) {
        uint8_t head[RL_BLOCK];
        size_t got;
        PN_TRY(s->fs->read(s->fs->ctx, g->file, head, sizeof head, *at, &got));
        if (got == sizeof head &&
            rl_frame_take(head, g->key.epoch, out) == PN_OK &&
            out->len <= RL_BATCH_MAX &&
            *at + RL_BLOCK + out->len <= s->cfg.segment_bytes)
            return PN_OK;
        if (got < sizeof head)
            break;
    }
    return PN_E_NOT_FOUND;
}

/* All frames of one segment with seq below `limit`, in rising order. */
static pn_err scan(const rl_log *s, uint32_t segment, uint64_t limit,
                   places *out)
{
    const rl_segment *g = &s->segments[segment];
    place p = { .segment = segment };
    uint64_t last = 0;
    for (;;) {
        const pn_err err =
            next_frame(s, g, &p.at, s->cfg.segment_bytes, &p.frame);
        if (err == PN_E_NOT_FOUND)
            return PN_OK;
        PN_TRY(err);
        if (p.frame.seq > last && p.frame.seq < limit) {
            PN_TRY(add_place(out, &p));
            last = p.frame.seq;
            p.at += rl_page_up(RL_BLOCK + (uint64_t)p.frame.len);
        } else {
            p.at += RL_PAGE;
        }
    }
}

static void lose(rl_log *s, uint32_t i, const char *why)
{
    s->segments[i].broken = true;
    s->segments[i].quarantined = true;
    s->segments[i].state = RL_SEG_CLOSED;
    rl_log_found(s, RL_DAMAGE, "segment %u: %s", (unsigned)i, why);
}

/* A file without a key: left by a crash while it was made or retired, or its
 * key was lost. Headers stand in clear and tell: the last frame in it goes to
 * g->last, and if the log needs that, it is damage. */
static pn_err look_at_orphan(rl_log *s, uint32_t i)
{
    rl_segment *g = &s->segments[i];
    char name[RL_FS_NAME_MAX];
    pn_err err;
    rl_segment_name(name, i);
    err = s->fs->open(s->fs->ctx, name, RL_FS_READ, &g->file);
    if (err != PN_OK) {
        g->file = -1;
        return err == PN_E_NOT_FOUND ? PN_OK : err;
    }
    for (uint64_t at = 0; at + RL_BLOCK <= s->cfg.segment_bytes;
         at += RL_PAGE) {
        uint8_t head[RL_BLOCK];
        rl_frame f;
        err = rl_fs_read_all(s->fs, g->file, head, sizeof head, at);
        if (err != PN_OK)
            break;
        if (rl_frame_take(head, rl_get64(head + 8), &f) == PN_OK &&
            f.seq > g->last)
            g->last = f.seq;
    }
    s->fs->close(s->fs->ctx, g->file);
    g->file = -1;
    return err == PN_E_SHORT ? PN_OK : err;
}

static pn_err open_segment(rl_log *s, uint32_t i)
{
    rl_segment *g = &s->segments[i];
    const rl_fs_mode mode =
        s->cfg.mode == RL_LOG_READ ? RL_FS_READ : RL_FS_WRITE;
    char name[RL_FS_NAME_MAX];
    rl_frame f;
    uint64_t size = 0, at = 0;
    pn_err err = rl_keys_read(s, RL_SNAP_KEYS + i, &g->key);
    if (err == PN_E_NOT_FOUND)
        return look_at_orphan(s, i);
    if (err == PN_E_CORRUPT) {
        lose(s, i, "both copies of its key are damaged");
        return PN_OK;
    }
    PN_TRY(err);
    rl_segment_name(name, i);
    err = s->fs->open(s->fs->ctx, name, mode, &g->file);
    if (err == PN_E_NOT_FOUND) {
        g->file = -1;
        lose(s, i, "its file is missing");
        return PN_OK;
    }
    PN_TRY(err);
    PN_TRY(s->fs->size(s->fs->ctx, g->file, &size));
    err = next_frame(s, g, &at, FIRST_SCAN, &f);
    if (err == PN_OK || (err == PN_E_NOT_FOUND && g->key.first != 0)) {
        g->first = g->key.first != 0 ? g->key.first : f.seq;
        /* Early rather than late: it ages by this. */
        g->closed = err == PN_OK ? f.day : 0;
        g->state = RL_SEG_CLOSED;
        g->used = s->cfg.segment_bytes;
    } else if (err == PN_E_NOT_FOUND) {
        g->state = RL_SEG_SPARE;
    } else {
        return err;
    }
    if (size < s->cfg.segment_bytes) {
        g->quarantined = true;
        g->state = RL_SEG_CLOSED;
        rl_log_found(s, RL_DAMAGE, "segment %u: its file was cut short",
                     (unsigned)i);
    }
    return PN_OK;
}

/* Segment numbers with frames, by their first. */
static size_t in_order(const rl_log *s, uint32_t *order)
{
    size_t n = 0;
    for (uint32_t i = 0; i < s->segment_count; i++) {
        size_t at;
        if (s->segments[i].first == 0)
            continue;
        for (at = n++;
             at > 0 && s->segments[order[at - 1]].first > s->segments[i].first;
             at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return n;
}

/* Nobody knows whether a frame that is not proven was ever synced: a process
 * that was killed leaves it in the kernel's memory, and so does a sync that
 * failed. It counts from now on, so the same bytes are written again, which
 * makes the kernel write them, and synced. */
static pn_err make_durable(const rl_log *s, const place *p, uint8_t *frame)
{
    const rl_segment *g = &s->segments[p->segment];
    const size_t len = RL_BLOCK + (size_t)p->frame.len;
    const size_t whole = (size_t)rl_page_up(len);
    if (s->cfg.mode == RL_LOG_READ)
        return PN_OK;
    rl_frame_put(frame, &p->frame);
    PN_TRY(rl_seal(frame + RL_BLOCK, frame + RL_BLOCK, p->frame.len,
                   p->at + RL_BLOCK, g->key.key));
    memset(frame + len, 0, whole - len);
    PN_TRY(s->fs->write(s->fs->ctx, g->file, frame, whole, p->at));
    return s->fs->sync(s->fs->ctx, g->file);
}

/* Read, unseal and apply one frame; `frame` is room for it. Only a frame that
 * is not proven may be refused for what it lacks: PN_E_CORRUPT. */
static pn_err replay_frame(rl_log *s, const place *p, uint8_t *frame,
                           bool proven)
{
    rl_segment *g = &s->segments[p->segment];
    const size_t len = p->frame.len;
    const uint64_t at = p->at + RL_BLOCK;
    uint8_t *buf = frame + RL_BLOCK;
    size_t got;
    uint32_t whole;
    PN_TRY(s->fs->read(s->fs->ctx, g->file, buf, len, at, &got));
    memset(buf + got, 0, len - got);
    PN_TRY(rl_seal(buf, buf, len, at, g->key.key));
    PN_TRY(rl_log_walk(s, buf, len, p->segment, at, false, &whole));
    if (whole != p->frame.records) {
        if (!proven)
            return PN_E_CORRUPT;
        g->quarantined = true;
        rl_log_found(s, RL_DAMAGE,
                     "segment %u, frame %llu at byte %llu: %u of %u records "
                     "are damaged",
                     (unsigned)p->segment, (unsigned long long)p->frame.seq,
                     (unsigned long long)p->at,
                     (unsigned)(p->frame.records - whole),
                     (unsigned)p->frame.records);
    }
    PN_TRY(rl_log_walk(s, buf, len, p->segment, at, true, &whole));
    return proven ? PN_OK : make_durable(s, p, frame);
}

static void missing(rl_log *s, uint64_t from, uint64_t to, uint32_t segment)
{
    if (segment != RL_NONE)
        s->segments[segment].quarantined = true;
    rl_log_found(s, RL_DAMAGE, "frames %llu to %llu are lost",
                 (unsigned long long)from, (unsigned long long)to);
}

/* Take out the frames that an earlier recovery dropped: a frame kept says
 * which was before it, and what lies between the two does not count. */
static void drop_void(places *l)
{
    uint64_t previous = UINT64_MAX;
    size_t kept = l->count;
    for (size_t i = l->count; i-- > 0;) {
        if (l->p[i].frame.seq > previous)
            continue;
        previous = l->p[i].frame.previous;
        l->p[--kept] = l->p[i];
    }
    l->count -= kept;
    if (kept > 0 && l->count > 0)
        memmove(l->p, l->p + kept, l->count * sizeof *l->p);
}

/* Replay what comes behind frame *last; *last is then the last that counts. */
static pn_err replay_all(rl_log *s, const places *l, uint64_t *last)
{
    uint64_t proven = 0;
    uint8_t *buf = pn_alloc(1, RL_BATCH_MAX + RL_PAGE);
    pn_err err = PN_OK;
    if (buf == NULL)
        return PN_E_NOMEM;
    for (size_t i = 0; i < l->count; i++)
        if (l->p[i].frame.durable > proven)
            proven = l->p[i].frame.durable;
    for (uint32_t i = 0; i < s->segment_count; i++)
        if (s->segments[i].key.first > proven)
            proven = s->segments[i].key.first;
    for (size_t i = 0; i < l->count && err == PN_OK; i++) {
        const place *p = &l->p[i];
        if (p->frame.seq <= *last)
            continue;
        if (p->frame.previous > *last) {
            if (proven <= *last)
                break; /* the end of the last commit, torn */
            missing(s, *last + 1, p->frame.previous, p->segment);
        }
        err = replay_frame(s, p, buf, p->frame.seq <= proven);
        if (err == PN_OK)
            *last = p->frame.seq;
    }
    if (err == PN_E_CORRUPT)
        err = PN_OK; /* a torn frame is where the log ends */
    if (err == PN_OK && *last < proven) {
        missing(s, *last + 1, proven, RL_NONE);
        *last = proven;
    }
    if (err == PN_OK && l->count > 0 && l->p[l->count - 1].frame.seq > *last)
        rl_log_found(s, RL_NOTE,
                     "frames behind %llu were not finished and are dropped",
                     (unsigned long long)*last);
    pn_free_wiped(buf, RL_BATCH_MAX + RL_PAGE);
    return err;
}

/* What the index counts on but no segment can give; and where something is
 * lost, nothing that merely looks unused may be used. */
static void check_segments(rl_log *s)
{
    for (uint32_t i = 0; i < s->segment_count; i++) {
        rl_segment *g = &s->segments[i];
        rl_frame f;
        uint64_t at = 0;
        const bool alive = s->index.segment_bytes[i] > 0;
        if (alive && (g->state == RL_SEG_NONE || g->broken)) {
            lose(s, i, "it cannot be read, and messages with it");
        } else if (g->state == RL_SEG_SPARE && (alive || s->damaged) &&
                   next_frame(s, g, &at, s->cfg.segment_bytes, &f) == PN_OK) {
            g->state = RL_SEG_CLOSED;
            g->quarantined = true;
        } else if (g->state == RL_SEG_CLOSED && s->damaged && !g->broken &&
                   next_frame(s, g, &at, s->cfg.segment_bytes, &f) != PN_OK) {
            g->quarantined = true; /* its headers are what was lost */
        } else if (g->state == RL_SEG_SPARE && g->quarantined) {
            g->state = RL_SEG_CLOSED; /* an earlier opening set it aside */
        } else if (g->state == RL_SEG_SPARE && alive) {
            lose(s, i, "its frames are gone, and messages with them");
        }
    }
    for (uint32_t i = s->segment_count; i < s->cfg.max_segments; i++) {
        if (s->index.segment_bytes[i] == 0)
            continue;
        s->segment_count = i + 1;
        lose(s, i, "it is missing, and messages with it");
    }
}

static void each_segment(void *arg, const char *name)
{
    uint64_t *count = arg;
    uint64_t number = 0;
    if (strncmp(name, "seg-", 4) != 0 || strlen(name) != 9)
        return;
    for (const char *p = name + 4; *p >= '0' && *p <= '9'; p++)
        number = number * 10 + (uint64_t)(*p - '0');
    if (number + 1 > *count)
        *count = number + 1;
}

static pn_err count_segments(rl_log *s)
{
    const uint64_t slot = (uint64_t)2 * RL_PAGE; /* a key, written twice */
    uint64_t size, count;
    PN_TRY(s->fs->size(s->fs->ctx, s->keys, &size));
    count = (size + slot - 1) / slot;
    count = count > RL_SNAP_KEYS ? count - RL_SNAP_KEYS : 0;
    PN_TRY(s->fs->list(s->fs->ctx, each_segment, &count));
    s->segment_count =
        count < s->cfg.max_segments ? (uint32_t)count : s->cfg.max_segments;
    for (uint32_t i = 0; i < s->segment_count; i++)
        PN_TRY(open_segment(s, i));
    return PN_OK;
}

/* The frame before a snapshot's first is durable before the snapshot is, and
 * its segment outlives it: without it, what came after is gone as well. */
static void check_reach(rl_log *s, const rl_snap_head *head, uint32_t last)
{
    const uint64_t reach = last == RL_NONE ? 0 : s->segments[last].last;
    if (head->start > 1 && reach < head->start - 1)
        missing(s, reach + 1, head->start - 1, RL_NONE);
    for (uint32_t i = 0; i < s->segment_count; i++) {
        const rl_segment *g = &s->segments[i];
        if (g->state == RL_SEG_NONE && g->last > 0 && g->last >= head->start)
            lose(s, i, "its key is lost");
    }
}

static pn_err recover(rl_log *s, uint32_t *order, places *l)
{
    rl_snap_head head;
    uint64_t last, highest = 0;
    size_t n;
    PN_TRY(count_segments(s));
    n = in_order(s, order);
    PN_TRY(
        rl_log_snap_load(s, n > 0 && s->segments[order[0]].first == 1, &head));
    s->today = head.today;
    s->clock = head.clock;
    last = head.start == 0 ? 0 : head.start - 1;
    if (head.start == 0 && (n == 0 || s->segments[order[0]].first != 1))
        rl_log_found(s, RL_DAMAGE, "the beginning of the log is lost");
    for (size_t i = 0; i < n; i++) {
        rl_segment *g = &s->segments[order[i]];
        const uint64_t limit =
            i + 1 < n ? s->segments[order[i + 1]].first : UINT64_MAX;
        g->last = limit == UINT64_MAX ? g->first : limit - 1;
        if (limit > last + 1)
            PN_TRY(scan(s, order[i], limit, l));
        if (l->count > 0 && l->p[l->count - 1].segment == order[i])
            g->last = l->p[l->count - 1].frame.seq;
    }
    for (uint32_t i = 0; i < s->segment_count; i++)
        if (s->segments[i].last > highest)
            highest = s->segments[i].last;
    check_reach(s, &head, n == 0 ? RL_NONE : order[n - 1]);
    drop_void(l);
    PN_TRY(replay_all(s, l, &last));
    rl_index_relink(&s->index);
    check_segments(s);
    rl_log_count_spares(s);
    s->last_frame = s->durable = s->proven = s->synced = last;
    /* A number that a dropped frame had is never given again. */
    s->next_frame = (last > highest ? last : highest) + 1;
    s->newest = s->today;
    s->snap.day = s->today;
    return PN_OK;
}

pn_err rl_log_recover(rl_log *s)
{
    places l = { .count = 0 };
    uint32_t *order = pn_alloc(s->cfg.max_segments, sizeof *order);
    const pn_err err = order == NULL ? PN_E_NOMEM : recover(s, order, &l);
    pn_free(order);
    pn_free(l.p);
    return err;
}
