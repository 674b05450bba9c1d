/* What a crash leaves behind is nothing for ever: no frame that recovery
 * dropped comes back with a later opening, none hides what came after it, no
 * page is sealed twice under one key, and what recovery took up outlives a
 * loss of power. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay/store/crc32c.h"
#include "relay/store/format.h"
#include "tests/store/bed.h"
#include "tests/support/cmocka.h"

enum { MESSAGES = 512, BODY = 2000, PAGES = 64, LIFE = 6000 };

typedef struct world {
    bed *b;
    unsigned waiting; /* operations without a result */
    bool stored[MESSAGES];
    bool here[MESSAGES];
    rl_cursor cursor;
    bool more;
} world;

static const uint8_t recv_id[32] = { 1 }, send_id[32] = { 2 };

static void on_result(void *ctx, const rl_result *r)
{
    world *w = ctx;
    w->waiting--;
    if (r->kind == RL_OP_DEPOSIT && r->status == RL_STATUS_OK)
        w->stored[r->token] = true;
    if (r->kind != RL_OP_FETCH)
        return;
    assert_int_equal(r->status, RL_STATUS_OK);
    w->more = r->u.fetch.more;
    for (uint32_t i = 0; i < r->u.fetch.count; i++) {
        const rl_envelope *e = &r->u.fetch.envelopes[i];
        uint32_t n;
        memcpy(&n, e->id, sizeof n);
        assert_true(n < MESSAGES && !w->here[n] && !e->damaged);
        w->here[n] = true;
        w->cursor.after[e->class] = e->seq;
    }
}

/* Submit, and give it a frame of its own. */
static void submit(world *w, const rl_op *op)
{
    assert_int_equal(rl_store_submit(w->b->store, op), PN_OK);
    w->waiting++;
    rl_store_flush(w->b->store);
}

static void settle(world *w)
{
    for (int i = 0; i < 50 && w->waiting > 0; i++)
        (void)rl_store_drain(w->b->store, on_result, w);
    assert_int_equal(w->waiting, 0);
}

static void create(world *w)
{
    rl_op op = { .kind = RL_OP_CREATE, .day = 9, .id = recv_id };
    op.u.create = (rl_create){ .send_id = send_id,
                               .owner = recv_id,
                               .cap_hash = recv_id,
                               .max_count = 100000,
                               .max_bytes = UINT32_MAX,
                               .ttl_days = 20 };
    submit(w, &op);
    settle(w);
}

static void deposit(world *w, uint32_t n)
{
    static const uint8_t body[BODY];
    uint8_t id[16] = { 0 };
    rl_op op = { .kind = RL_OP_DEPOSIT, .day = 9, .token = n, .id = send_id };
    memcpy(id, &n, sizeof n);
    op.u.deposit = (rl_deposit){ .cap_hash = recv_id,
                                 .message_id = id,
                                 .class = RL_URGENT,
                                 .body = { body, BODY } };
    submit(w, &op);
}

static void look(world *w)
{
    memset(w->here, 0, sizeof w->here);
    memset(&w->cursor, 0, sizeof w->cursor);
    do {
        rl_op op = { .kind = RL_OP_FETCH, .id = recv_id };
        op.u.fetch = (rl_fetch){ w->cursor, RL_FETCH_MAX, UINT32_MAX };
        submit(w, &op);
        settle(w);
    } while (w->more);
}

static void reopen(world *w, bool power)
{
    rl_store_log_abandon(&w->b->store);
    if (power)
        simfs_crash(&w->b->disk);
    else
        simfs_kill(&w->b->disk);
    if (bed_open(w->b, RL_LOG_STRICT) != PN_OK)
        fail_msg("not opened: %s", w->b->last_found);
}

static void expect_stored(world *w, uint32_t count)
{
    look(w);
    for (uint32_t n = 0; n < count; n++)
        if (w->stored[n] && !w->here[n])
            fail_msg("message %u was stored and is lost", (unsigned)n);
}

/* A group of three frames is torn, at every place of a segment and where one
 * begins; then the log goes on, past the numbers of what was dropped. */
static void dropped_frames_stay_dropped(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) {
        for (uint32_t rounds = 55; rounds < 70; rounds++) {
            static bed b;
            world w = { .b = &b };
            uint32_t n = 0;
            bed_init(&b, seed * 1000 + rounds);
            b.cfg.snapshot_every = (uint64_t)1 << 30;
            assert_int_equal(bed_open(&b, RL_LOG_CREATE), PN_OK);
            create(&w);
            for (; n < rounds; n++) {
                deposit(&w, n);
                settle(&w);
            }
            simfs_arm(&b.disk, SIMFS_SYNC, 1, false, PN_E_IO);
            for (int i = 0; i < 3; i++)
                deposit(&w, n++);
            settle(&w);
            assert_false(w.stored[n - 1]);
            reopen(&w, true);
            for (int i = 0; i < 8; i++) {
                deposit(&w, n++);
                settle(&w);
                assert_true(w.stored[n - 1]);
            }
            reopen(&w, true);
            expect_stored(&w, n);
            bed_free(&b);
        }
    }
}

/* Killed between a write and its sync: what the next opening takes up, and
 * what it answers of it, is there after a loss of power too. */
static void what_is_taken_up_is_durable(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 40; seed++) {
        static bed b;
        world w = { .b = &b };
        bed_init(&b, seed);
        assert_int_equal(bed_open(&b, RL_LOG_CREATE), PN_OK);
        create(&w);
        deposit(&w, 0);
        settle(&w);
        deposit(&w, 1);
        /* One call is the write, the next the sync. */
        b.disk.die_at = b.disk.calls[SIMFS_ANY] + 2;
        (void)rl_store_drain(b.store, on_result, &w);
        assert_true(b.disk.dead);
        w.waiting = 0;
        w.stored[1] = false;
        reopen(&w, false);
        look(&w);
        assert_true(w.here[1]);
        memcpy(w.stored, w.here, sizeof w.stored);
        reopen(&w, true);
        expect_stored(&w, 2);
        bed_free(&b);
    }
}

/* What was written under which key: a page of a segment, without the header
 * of a frame, which stands in clear. */
typedef struct sealed {
    uint8_t key[RL_SEAL_KEY_BYTES];
    uint32_t crc;
} sealed;

static sealed seen[PAGES][PAGES];
static rl_fs under;
static unsigned pages_seen;

static bool is_zero(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] != 0)
            return false;
    return true;
}

static void look_at_page(simfs *f, unsigned segment, uint64_t page,
                         const uint8_t *p, size_t clear)
{
    size_t len;
    const uint8_t *keys = simfs_bytes(f, "keys", &len);
    const size_t slot = (size_t)(3 + segment) * 2 * RL_PAGE + 24;
    sealed now = { .crc = rl_crc32c(0, p + clear, RL_PAGE - clear) };
    sealed *was = &seen[segment][page];
    if (is_zero(p + clear, RL_PAGE - clear) || slot + 32 > len)
        return;
    memcpy(now.key, keys + slot, sizeof now.key);
    if (memcmp(now.key, was->key, sizeof now.key) == 0 && now.crc != was->crc)
        fail_msg("segment %u, page %u: sealed twice under one key", segment,
                 (unsigned)page);
    *was = now;
    pages_seen++;
}

static pn_err watched_write(void *ctx, int file, const void *p, size_t len,
                            uint64_t at)
{
    simfs *f = ctx;
    for (int i = 0; i < SIMFS_FILES; i++) {
        const simfs_name *n = &f->names[i];
        if (n->node + 1 != f->handles[file] || strncmp(n->name, "seg-", 4) != 0)
            continue;
        for (size_t done = 0; done < len; done += RL_PAGE)
            look_at_page(f, (unsigned)strtoul(n->name + 4, NULL, 10),
                         (at + done) / RL_PAGE, (const uint8_t *)p + done,
                         done == 0 ? (size_t)RL_BLOCK : 0);
    }
    return under.write(ctx, file, p, len, at);
}

static void no_page_is_sealed_twice(void **state)
{
    const char *more = getenv("POSTERN_STORE_SEEDS");
    const uint64_t seeds = more != NULL ? strtoul(more, NULL, 10) : 60;
    (void)state;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        static bed b;
        schedule s;
        memset(seen, 0, sizeof seen);
        bed_init(&b, seed);
        schedule_init(&s, seed);
        under = b.fs;
        b.fs.write = watched_write;
        assert_int_equal(bed_open(&b, RL_LOG_CREATE), PN_OK);
        s.store = b.store;
        s.dead = &b.disk.dead;
        for (int round = 0; round < 12; round++) {
            b.disk.die_at =
                b.disk.calls[SIMFS_ANY] + 1 + simenv_next(&b.sim) % 300;
            for (int i = 0; i < LIFE && !b.disk.dead; i++) {
                if (!schedule_step(&s) || i % 3 == 0)
                    rl_store_flush(s.store);
                if (i % 7 == 0)
                    (void)schedule_drain(&s);
            }
            rl_store_log_abandon(&b.store);
            simfs_crash(&b.disk);
            assert_int_equal(bed_open(&b, RL_LOG_STRICT), PN_OK);
            assert_true(schedule_recover(&s, b.store));
        }
        schedule_free(&s);
        bed_free(&b);
    }
    assert_true(pages_seen > seeds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropped_frames_stay_dropped),
        cmocka_unit_test(what_is_taken_up_is_durable),
        cmocka_unit_test(no_page_is_sealed_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
