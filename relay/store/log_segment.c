/* The key file, and the life of a segment: prepared, filled, closed, and when
 * nothing in it is alive recycled under a new key, the old one overwritten. */
#include <stdio.h>
#include <string.h>

#include "proto/base/mem.h"
#include "relay/store/log_segment.h"

enum { ZEROS = 1024 * 1024 };

static const char keys_name[] = "keys";

void rl_segment_name(char out[RL_FS_NAME_MAX], uint32_t segment)
{
    (void)snprintf(out, RL_FS_NAME_MAX, "seg-%05u", (unsigned)segment);
}

pn_err rl_keys_open(rl_log *s, bool create)
{
    const rl_fs_mode mode = create                       ? RL_FS_CREATE
                            : s->cfg.mode == RL_LOG_READ ? RL_FS_READ
                                                         : RL_FS_WRITE;
    return s->fs->open(s->fs->ctx, keys_name, mode, &s->keys);
}

/* Each copy has a page of its own: a torn write cannot reach the other. */
pn_err rl_keys_write(const rl_log *s, uint32_t index, const rl_key_slot *k)
{
    uint8_t page[RL_PAGE] = { 0 };
    pn_err err = PN_OK;
    if (k != NULL)
        rl_key_slot_put(page, index, k);
    for (uint64_t copy = 0; copy < 2 && err == PN_OK; copy++)
        err = s->fs->write(s->fs->ctx, s->keys, page, sizeof page,
                           (2 * (uint64_t)index + copy) * RL_PAGE);
    pn_wipe(page, sizeof page);
    return err == PN_OK ? s->fs->sync(s->fs->ctx, s->keys) : err;
}

pn_err rl_keys_read(rl_log *s, uint32_t index, rl_key_slot *out)
{
    rl_key_slot k[2];
    pn_err err[2];
    int best;
    for (uint64_t copy = 0; copy < 2; copy++) {
        uint8_t slot[RL_KEY_SLOT_BYTES];
        err[copy] = rl_fs_read_all(s->fs, s->keys, slot, sizeof slot,
                                   (2 * (uint64_t)index + copy) * RL_PAGE);
        if (err[copy] == PN_OK)
            err[copy] = rl_key_slot_take(slot, index, &k[copy]);
        else if (err[copy] == PN_E_SHORT)
            err[copy] = PN_E_NOT_FOUND;
        pn_wipe(slot, sizeof slot);
        if (err[copy] == PN_E_VERSION || err[copy] == PN_E_IO)
            return err[copy];
    }
    if (err[0] != PN_OK && err[1] != PN_OK)
        return err[0] == PN_E_NOT_FOUND ? err[1] : err[0];
    best = err[0] == PN_OK ? 0 : 1;
    *out = k[best];
    if (err[1 - best] == PN_OK && k[0].epoch == k[1].epoch &&
        k[0].first == k[1].first &&
        memcmp(k[0].key, k[1].key, sizeof k[0].key) == 0)
        return PN_OK;
    rl_log_found(s, err[1 - best] == PN_E_CORRUPT ? RL_REPAIRED : RL_NOTE,
                 "key slot %u: one of its two copies is not good",
                 (unsigned)index);
    return s->cfg.mode == RL_LOG_READ ? PN_OK : rl_keys_write(s, index, out);
}

pn_err rl_key_draw(const rl_log *s, rl_key_slot *out)
{
    uint8_t epoch[8];
    *out = (rl_key_slot){ .first = 0 };
    PN_TRY(pn_random(s->env, epoch, sizeof epoch));
    out->epoch = rl_get64(epoch) | 1;
    return pn_random(s->env, out->key, sizeof out->key);
}

static void set_spares(rl_log *s, uint32_t spares)
{
    s->spares = spares;
    atomic_store(&s->rush, spares < 2);
}

void rl_log_count_spares(rl_log *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->segment_count; i++)
        n += s->segments[i].state == RL_SEG_SPARE;
    set_spares(s, n);
}

pn_err rl_log_next_segment(rl_log *s)
{
    for (uint32_t i = 0; i < s->segment_count; i++) {
        rl_segment *g = &s->segments[i];
        if (g->state != RL_SEG_SPARE)
            continue;
        if (s->tail != RL_NONE) {
            s->segments[s->tail].state = RL_SEG_CLOSED;
            s->segments[s->tail].closed = s->newest;
        }
        g->state = RL_SEG_ACTIVE;
        set_spares(s, s->spares - 1);
        g->first = g->last = g->used = g->dead_at = 0;
        s->tail = i;
        s->tail_at = 0;
        return PN_OK;
    }
    return PN_E_FULL;
}

/* Write zeros over all of it: a little at a time, so that no commit queues
 * behind it all, and past the cache, which has better things to hold. When the
 * spares run out meanwhile, the rest stays unwritten: better a slower commit
 * than deposits put off. */
static pn_err fill(const rl_log *s, int file)
{
    const rl_fs *const fs = s->fs;
    const uint64_t size = s->cfg.segment_bytes;
    uint8_t *const buf = pn_alloc(1, ZEROS + RL_PAGE);
    const uint8_t *zeros;
    bool direct = fs->direct != NULL;
    pn_err err = PN_OK;
    if (buf == NULL)
        return PN_OK; /* the slower for it, and no more */
    zeros = buf + (RL_PAGE - (uintptr_t)buf % RL_PAGE);
    if (direct)
        fs->direct(fs->ctx, file, true);
    for (uint64_t at = 0; err == PN_OK && at < size; at += ZEROS) {
        const size_t n =
            size - at < ZEROS ? (size_t)(size - at) : (size_t)ZEROS;
        if (s->cfg.threads && atomic_load(&s->rush))
            break;
        err = fs->write(fs->ctx, file, zeros, n, at);
        if (err == PN_E_IO && direct && at == 0) {
            /* Not every file system that says so can. */
            fs->direct(fs->ctx, file, direct = false);
            err = fs->write(fs->ctx, file, zeros, n, at);
        }
        if (err == PN_OK)
            err = fs->sync(fs->ctx, file);
    }
    if (direct)
        fs->direct(fs->ctx, file, false);
    pn_free(buf);
    return err;
}

/* A new file of its full size, written once so that later commits find their
 * blocks in place. */
static pn_err make_file(const rl_log *s, rl_chore *c)
{
    char name[RL_FS_NAME_MAX];
    pn_err err;
    rl_segment_name(name, c->segment);
    c->file = -1;
    err = s->fs->open(s->fs->ctx, name, RL_FS_CREATE, &c->file);
    if (err == PN_OK)
        err = s->fs->reserve(s->fs->ctx, c->file, s->cfg.segment_bytes);
    if (err == PN_OK && !c->hurry)
        err = fill(s, c->file);
    if (err == PN_OK)
        err = s->fs->sync(s->fs->ctx, c->file);
    if (err == PN_OK)
        err = s->fs->sync_dir(s->fs->ctx);
    return err;
}

static void unmake_file(const rl_log *s, rl_chore *c)
{
    char name[RL_FS_NAME_MAX];
    if (c->file < 0)
        return;
    rl_segment_name(name, c->segment);
    s->fs->close(s->fs->ctx, c->file);
    c->file = -1;
    (void)s->fs->remove(s->fs->ctx, name);
}

/* A key on disk says that the file is there, and one whose writing failed may
 * be on disk all the same: the file only goes when surely no key is. The slot
 * is blanked first of all, where that costs nothing but this attempt. */
static pn_err make_fresh(const rl_log *s, rl_chore *c)
{
    const uint32_t slot = RL_SNAP_KEYS + c->segment;
    pn_err err;
    c->file = -1;
    PN_TRY(rl_keys_write(s, slot, NULL));
    err = make_file(s, c);
    if (err == PN_OK) {
        err = rl_keys_write(s, slot, &c->key);
        if (err == PN_OK || rl_keys_write(s, slot, NULL) != PN_OK)
            return err;
    }
    unmake_file(s, c);
    return err;
}

/* The janitor's part. Writing the new key is what destroys the old. */
void rl_chore_segment(rl_log *s, rl_chore *c)
{
    char name[RL_FS_NAME_MAX];
    if (c->kind == RL_CHORE_PREPARE) {
        c->err = c->fresh
                     ? make_fresh(s, c)
                     : rl_keys_write(s, RL_SNAP_KEYS + c->segment, &c->key);
        return;
    }
    c->err = rl_keys_write(s, RL_SNAP_KEYS + c->segment, NULL);
    rl_segment_name(name, c->segment);
    if (c->err == PN_OK)
        c->err = s->fs->remove(s->fs->ctx, name);
    if (c->err == PN_OK)
        c->err = s->fs->sync_dir(s->fs->ctx);
}

/* Of a spare nobody knows whether a commit that a crash cut short wrote to it:
 * under its old key the same pages would be sealed twice. */
pn_err rl_log_renew(rl_log *s)
{
    for (uint32_t i = 0; i < s->segment_count; i++) {
        rl_segment *g = &s->segments[i];
        rl_key_slot key;
        pn_err err;
        if (g->state != RL_SEG_SPARE)
            continue;
        PN_TRY(rl_key_draw(s, &key));
        err = rl_keys_write(s, RL_SNAP_KEYS + i, &key);
        if (err == PN_OK)
            g->key = key;
        pn_wipe(&key, sizeof key);
        PN_TRY(err);
    }
    return PN_OK;
}

static void submit(rl_log *s, rl_chore_kind kind, uint32_t segment, bool fresh)
{
    rl_segment *g = &s->segments[segment];
    rl_chore *c = rl_chore_new(kind, 0);
    if (c == NULL)
        return; /* with the next drain */
    c->segment = segment;
    c->fresh = fresh;
    c->file = g->file;
    c->hurry = s->hurry || (rl_log_spares(s) < 2 && s->cfg.threads);
    if (rl_key_draw(s, &c->key) != PN_OK) {
        rl_chore_free(c);
        return;
    }
    g->state = RL_SEG_PREPARING;
    s->preparing++;
    rl_worker_put(&s->janitor, &c->task);
}

void rl_log_tended(rl_log *s, const rl_chore *c)
{
    rl_segment *g = &s->segments[c->segment];
    s->preparing--;
    if (c->err != PN_OK) {
        pn_log(s->env, PN_LOG_ERROR, "store: segment %u: %s",
               (unsigned)c->segment, pn_strerror(c->err));
        if (c->kind == RL_CHORE_PREPARE && c->fresh) {
            /* Do not try again at once; something must change first. */
            s->low = true;
            s->free_checked = s->logged;
            s->prepare_failed = true;
        }
        g->file = c->file;
        g->quarantined = c->file >= 0;
        g->state = c->file >= 0 ? RL_SEG_CLOSED : RL_SEG_NONE;
        return;
    }
    if (c->kind == RL_CHORE_RETIRE) {
        s->fs->close(s->fs->ctx, g->file);
        *g = (rl_segment){ .state = RL_SEG_NONE, .file = -1 };
        return;
    }
    *g = (rl_segment){ .state = RL_SEG_SPARE, .file = c->file, .key = c->key };
    set_spares(s, s->spares + 1);
}

/* Nothing alive in it, nothing of it needed to recover, and both durable. */
static bool is_dead(const rl_log *s, uint32_t i)
{
    rl_segment *g = &s->segments[i];
    if (g->state != RL_SEG_CLOSED || g->quarantined || g->pins > 0)
        return false;
    if (s->index.segment_bytes[i] > 0) {
        g->dead_at = 0;
        return false;
    }
    if (g->dead_at == 0)
        g->dead_at = s->last_frame;
    return s->durable >= g->dead_at && g->last < s->snap.before_start;
}

static void look_at_space(rl_log *s)
{
    const uint64_t want = s->cfg.min_free + 2 * s->snap.last_bytes;
    const bool was = s->low;
    if (s->fs->space(s->fs->ctx, &s->bytes_free) != PN_OK)
        s->bytes_free = 0;
    s->low = s->bytes_free < want;
    if (s->low != was)
        pn_log(s->env, s->low ? PN_LOG_WARN : PN_LOG_INFO,
               s->low ? "store: disk low, deposits are put off"
                      : "store: disk space again, deposits are taken");
}

static uint32_t unused_number(const rl_log *s)
{
    for (uint32_t i = 0; i < s->segment_count; i++)
        if (s->segments[i].state == RL_SEG_NONE)
            return i;
    return s->segment_count < s->cfg.max_segments ? s->segment_count : RL_NONE;
}

void rl_log_tend(rl_log *s)
{
    const uint32_t spares = rl_log_spares(s);
    uint64_t keep;
    uint32_t number;
    look_at_space(s);
    number = unused_number(s);
    s->crowded = number == RL_NONE;
    if (s->preparing > 0)
        return;
    for (uint32_t i = 0; i < s->segment_count; i++) {
        if (!is_dead(s, i))
            continue;
        /* Where the disk is full, no more of it than is needed. */
        keep = s->low ? s->cfg.spare_segments : 2 * s->cfg.spare_segments;
        submit(s, spares < keep ? RL_CHORE_PREPARE : RL_CHORE_RETIRE, i, false);
        return;
    }
    if (s->prepare_failed && s->logged == s->free_checked)
        return;
    s->prepare_failed = false;
    /* The last spares are for acknowledging: they may use the reserve. */
    keep = spares < 2 ? 0 : s->cfg.min_free;
    if (spares >= s->cfg.spare_segments || number == RL_NONE ||
        s->bytes_free < keep + s->cfg.segment_bytes)
        return;
    if (number == s->segment_count)
        s->segments[s->segment_count++].file = -1;
    submit(s, RL_CHORE_PREPARE, number, true);
}
