/* A damaged store: every flipped byte and every cut is either reported or
 * harmless; nothing crashes, starts empty in silence, or hands out bytes that
 * are not what was stored. And: what a backup holds, a restore gives back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/bed.h"
#include "tests/support/cmocka.h"

/* A small store with a history: snapshots, acknowledged mail, old segments;
 * crashed rather than closed, the last frame proven. */
static void furnish(bed *b, schedule *s, uint64_t seed, unsigned steps,
                    bool close)
{
    bed_init(b, seed);
    schedule_init(s, seed);
    assert_int_equal(bed_open(b, RL_LOG_CREATE), PN_OK);
    s->store = b->store;
    for (unsigned i = 0; i < steps; i++) {
        (void)schedule_step(s);
        if (i % 16 == 0)
            assert_true(schedule_settle(s));
    }
    assert_true(schedule_settle(s));
    for (int i = 0; i < 3; i++) {
        simenv_advance(&b->sim, 60); /* time to prove the last frame */
        assert_true(schedule_drain(s));
    }
    if (close)
        rl_store_close(&b->store);
    else
        rl_store_log_abandon(&b->store);
    simfs_crash(&b->disk);
}

/* Open whatever is there and compare with the model as far as it goes: every
 * envelope handed out must be one that was stored, with its very bytes. */
static bool is_honest(bed *b, const schedule *s, bool *complete)
{
    schedule probe = *s;
    const unsigned damage = b->found[RL_DAMAGE];
    probe.base = malloc(sizeof *probe.base);
    probe.now = malloc(sizeof *probe.now);
    probe.ops = calloc(SCHEDULE_OPEN, sizeof *probe.ops);
    if (probe.base == NULL || probe.now == NULL || probe.ops == NULL)
        abort();
    *probe.base = *probe.now = *s->now;
    probe.store = b->store;
    probe.count = probe.answered = 0;
    *complete = schedule_inspect(&probe);
    schedule_free(&probe);
    /* What differs from the model must have been reported, now or before. */
    return *complete || b->found[RL_DAMAGE] > 0 || damage > 0;
}

static void check_damaged(bed *b, const schedule *s, const char *what,
                          size_t at)
{
    rl_verify_report report;
    bool complete = false;
    pn_err err = rl_store_log_verify(&b->fs, &b->env, &b->cfg, &report);
    const bool seen = err != PN_OK || report.findings[RL_DAMAGE] > 0 ||
                      report.findings[RL_REPAIRED] > 0 || report.damaged > 0;
    err = bed_open(b, RL_LOG_PRESERVE);
    if (err != PN_OK) {
        assert_true(seen);
        return;
    }
    if (!is_honest(b, s, &complete))
        fail_msg("%s at %zu: wrong, and not reported (%s)", what, at,
                 b->last_found);
    if (!complete && !seen)
        fail_msg("%s at %zu: not seen by verify", what, at);
    rl_store_log_abandon(&b->store);
}

/* The disk as it was, for every trial again. */
typedef struct image {
    char name[RL_FS_NAME_MAX];
    size_t len;
} image;

static image images[SIMFS_FILES];
static size_t image_count;
static simfs good;

static void each_file(void *arg, const char *name)
{
    bed *b = arg;
    image *i = &images[image_count++];
    (void)simfs_bytes(&b->disk, name, &i->len);
    (void)snprintf(i->name, sizeof i->name, "%s", name);
}

static void take_images(bed *b)
{
    image_count = 0;
    assert_int_equal(b->fs.list(b->fs.ctx, each_file, b), PN_OK);
    simfs_copy(&good, &b->disk);
}

static void put_images(bed *b)
{
    simfs_copy(&b->disk, &good);
}

static void drop_images(void)
{
    image_count = 0;
    simfs_free(&good);
}

static void flipped_bytes_are_seen(void **state)
{
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        static bed b;
        schedule s;
        simenv lot;
        furnish(&b, &s, 11 + (unsigned)closed, closed ? 700 : 150, closed != 0);
        take_images(&b);
        simenv_init(&lot, 5);
        for (size_t f = 0; f < image_count; f++) {
            /* Everything small, and of a segment what frames may be in. */
            const size_t step = images[f].len > 65536 ? 1501 : 61;
            for (size_t at = simenv_next(&lot) % step; at < images[f].len;
                 at += 1 + simenv_next(&lot) % (2 * step)) {
                put_images(&b);
                simfs_bytes(&b.disk, images[f].name, &(size_t){ 0 })[at] ^=
                    (uint8_t)(1U << at % 8);
                check_damaged(&b, &s, images[f].name, at);
            }
        }
        drop_images();
        schedule_free(&s);
        bed_free(&b);
    }
}

static void cuts_and_losses_are_seen(void **state)
{
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        static bed b;
        schedule s;
        furnish(&b, &s, 21 + (unsigned)closed, closed ? 500 : 120, closed != 0);
        take_images(&b);
        for (size_t f = 0; f < image_count; f++) {
            const size_t len = images[f].len;
            for (size_t at = 0; at < len; at += 1 + len / 37) {
                put_images(&b);
                simfs_cut(&b.disk, images[f].name, at);
                check_damaged(&b, &s, images[f].name, at);
            }
            put_images(&b);
            simfs_lose(&b.disk, images[f].name);
            check_damaged(&b, &s, images[f].name, 0);
        }
        drop_images();
        schedule_free(&s);
        bed_free(&b);
    }
}

/* Strict refuses where anything promised may be gone; nothing is ever created
 * over the remains of a store. */
static void damage_is_refused_in_strict(void **state)
{
    static bed b;
    schedule s;
    unsigned refused = 0;
    (void)state;
    furnish(&b, &s, 31, 100, false);
    take_images(&b);
    for (size_t at = 200; at < b.cfg.segment_bytes && refused == 0; at += 509) {
        pn_err err;
        for (size_t f = 0; f < image_count; f++) {
            put_images(&b);
            if (strncmp(images[f].name, "seg-", 4) != 0)
                continue;
            simfs_bytes(&b.disk, images[f].name, &(size_t){ 0 })[at] ^= 1;
            err = bed_open(&b, RL_LOG_STRICT);
            refused += err == PN_E_CORRUPT && b.found[RL_DAMAGE] > 0;
            assert_true(err == PN_OK || err == PN_E_CORRUPT);
            rl_store_log_abandon(&b.store);
        }
    }
    assert_true(refused > 0);
    drop_images();
    assert_int_equal(bed_open(&b, RL_LOG_CREATE), PN_E_EXISTS);
    simfs_lose(&b.disk, "keys");
    assert_int_equal(bed_open(&b, RL_LOG_STRICT), PN_E_NOT_FOUND);
    assert_int_equal(bed_open(&b, RL_LOG_CREATE), PN_E_EXISTS);
    schedule_free(&s);
    bed_free(&b);
}

static void newest(void *arg, const char *name)
{
    char *best = arg;
    if (strncmp(name, "snap-", 5) == 0 &&
        (best[0] == '\0' ||
         strtoul(name + 5, NULL, 10) > strtoul(best + 5, NULL, 10)))
        (void)snprintf(best, RL_FS_NAME_MAX, "%s", name);
}

/* With the newest snapshot damaged, the one before and all of the log since
 * then are still there, and give the same. */
static void one_snapshot_may_be_lost(void **state)
{
    unsigned repaired = 0;
    (void)state;
    for (uint64_t seed = 71; seed < 81; seed++) {
        static bed b;
        schedule s;
        char name[RL_FS_NAME_MAX] = "";
        size_t len;
        uint8_t *p;
        bed_init(&b, seed);
        schedule_init(&s, seed);
        b.cfg.snapshot_every = 700000; /* several segments between two */
        assert_int_equal(bed_open(&b, RL_LOG_CREATE), PN_OK);
        s.store = b.store;
        for (unsigned i = 0; i < 4000; i++) {
            (void)schedule_step(&s);
            if (i % 4 == 0)
                assert_true(schedule_settle(&s));
        }
        assert_true(schedule_settle(&s));
        rl_store_log_abandon(&b.store);
        simfs_crash(&b.disk);
        assert_int_equal(b.fs.list(b.fs.ctx, newest, name), PN_OK);
        p = simfs_bytes(&b.disk, name, &len);
        assert_non_null(p);
        p[len / 2] ^= 4;
        if (bed_open(&b, RL_LOG_STRICT) != PN_OK)
            fail_msg("seed %u: %s", (unsigned)seed, b.last_found);
        repaired += b.found[RL_REPAIRED];
        s.store = b.store;
        if (!schedule_inspect(&s))
            fail_msg("%s", s.said);
        schedule_free(&s);
        bed_free(&b);
    }
    assert_true(repaired > 0);
}

typedef struct file {
    uint8_t *p;
    size_t len, cap, at;
} file;

static pn_err put(void *ctx, pn_bytes bytes)
{
    file *f = ctx;
    if (f->len + bytes.len > f->cap) {
        f->cap = 2 * (f->len + bytes.len);
        f->p = realloc(f->p, f->cap);
        if (f->p == NULL)
            abort();
    }
    memcpy(f->p + f->len, bytes.p, bytes.len);
    f->len += bytes.len;
    return PN_OK;
}

static pn_err get(void *ctx, uint8_t *out, size_t len, size_t *got)
{
    file *f = ctx;
    *got = f->len - f->at < len ? f->len - f->at : len;
    if (*got > 100)
        *got = 100; /* files come in pieces */
    if (*got > 0)
        memcpy(out, f->p + f->at, *got);
    f->at += *got;
    return PN_OK;
}

static void a_backup_restores(void **state)
{
    (void)state;
    for (uint64_t seed = 41; seed < 61; seed++) {
        static bed b, c;
        schedule s;
        file f = { 0 };
        furnish(&b, &s, seed, 400, seed % 2 == 0);
        assert_int_equal(rl_store_log_backup(&b.fs, &b.env, &b.cfg, put, &f),
                         PN_OK);
        bed_init(&c, seed);
        assert_int_equal(rl_store_log_restore(&c.fs, &c.env, &c.cfg, get, &f),
                         PN_OK);
        assert_int_equal(bed_open(&c, RL_LOG_STRICT), PN_OK);
        s.store = c.store;
        assert_true(schedule_inspect(&s));
        for (int i = 0; i < 400; i++) {
            (void)schedule_step(&s);
            if (i % 16 == 0 && !schedule_settle(&s))
                fail_msg("%s", s.said);
        }
        assert_true(schedule_settle(&s) && schedule_inspect(&s));
        bed_free(&c);
        /* Cut or damaged, it is refused, and nothing is left behind. */
        for (size_t at = 0; at < f.len; at += 1 + f.len / 50) {
            file cut = { f.p, at, 0, 0 };
            file bad = { f.p, f.len, 0, 0 };
            rl_store *none = NULL;
            bed_init(&c, seed);
            assert_int_not_equal(
                rl_store_log_restore(&c.fs, &c.env, &c.cfg, get, &cut), PN_OK);
            f.p[at] ^= 0x10;
            assert_int_not_equal(
                rl_store_log_restore(&c.fs, &c.env, &c.cfg, get, &bad), PN_OK);
            f.p[at] ^= 0x10;
            assert_int_equal(rl_store_log_open(&none, &c.fs, &c.env, &c.cfg),
                             PN_E_NOT_FOUND);
            bed_free(&c);
        }
        free(f.p);
        schedule_free(&s);
        bed_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_is_refused_in_strict),
        cmocka_unit_test(flipped_bytes_are_seen),
        cmocka_unit_test(cuts_and_losses_are_seen),
        cmocka_unit_test(one_snapshot_may_be_lost),
        cmocka_unit_test(a_backup_restores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
