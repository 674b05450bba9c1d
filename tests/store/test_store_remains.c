/* What a crash leaves behind is nothing for ever: no frame that recovery
 * dropped comes back with a later opening, none hides what came after it, no
 * page is sealed twice under one key, and what recovery took up outlives a
 * loss of power. What is over has no key any more, in either copy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay/store/crc32c.h"
#include "relay/store/format.h"
#include "tests/store/bed.h"
#include "tests/support/cmocka.h"

enum { MESSAGES = 1024, BODY = 2000, PAGES = 64, LIFE = 6000 };

typedef struct world {
    bed *b;
    unsigned waiting; /* operations without a result */
    bool stored[MESSAGES];
    bool here[MESSAGES];
    rl_cursor cursor;
    bool more;
} world;

static const uint8_t recv_id[32] = "the recipient's id, in all tests";
static const uint8_t send_id[32] = "the sender's own, in all of this";

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

static bool holds(const uint8_t *p, size_t len, const uint8_t *key)
{
    for (size_t i = 0; i + RL_SEAL_KEY_BYTES <= len; i++)
        if (memcmp(p + i, key, RL_SEAL_KEY_BYTES) == 0)
            return true;
    return false;
}

/* Recycled, removed or superseded: the key is not in the file of keys, nor is
 * what it sealed readable without. */
static void what_is_over_has_no_key(void **state)
{
    static bed b;
    static uint8_t ids[MESSAGES][16], keys[PAGES][RL_SEAL_KEY_BYTES];
    world w = { .b = &b };
    rl_op op = { .kind = RL_OP_ACK, .id = recv_id };
    unsigned snapshots = 0, count = 0;
    const uint8_t *p;
    size_t len;
    (void)state;
    bed_init(&b, 3);
    b.cfg.snapshot_every = (uint64_t)1 << 30;
    assert_int_equal(bed_open(&b, RL_LOG_CREATE), PN_OK);
    create(&w);
    for (uint32_t n = 0; n < MESSAGES; n++) {
        deposit(&w, n);
        settle(&w);
        memcpy(ids[n], &n, sizeof n);
    }
    p = simfs_bytes(&b.disk, "keys", &len);
    for (size_t at = 2 * 3 * RL_PAGE; at + 64 < len; at += 2 * RL_PAGE)
        if (!is_zero(p + at, 64))
            memcpy(keys[count++], p + at + 24, RL_SEAL_KEY_BYTES);
    assert_true(count > 12);
    op.u.ack = (rl_ack){ .ids = ids[0], .count = MESSAGES };
    submit(&w, &op);
    settle(&w);
    for (int i = 0; i < 4; i++) {
        rl_store_log_snapshot(b.store);
        for (int j = 0; j < 60; j++)
            (void)rl_store_drain(b.store, on_result, &w);
    }
    p = simfs_bytes(&b.disk, "keys", &len);
    /* Of those in use when it was full, the last is still being written and
     * spares are as they were. */
    for (unsigned i = 0; i < 12; i++)
        if (holds(p, len, keys[i]))
            fail_msg("the key of a segment that is over is still there");
    for (size_t slot = 0; slot < 3; slot++) {
        const uint8_t *copies = p + slot * 2 * RL_PAGE;
        assert_memory_equal(copies, copies + RL_PAGE, 64);
        snapshots += !is_zero(copies, 64);
    }
    assert_int_equal(snapshots, 2);
    bed_free(&b);
}

/* What an earlier life of a segment left there is not a frame of this one. */
static void a_frame_is_of_one_life(void **state)
{
    const rl_frame f = { .epoch = 5, .seq = 7, .previous = 6, .durable = 6 };
    uint8_t head[RL_BLOCK];
    rl_frame got;
    (void)state;
    rl_frame_put(head, &f);
    assert_int_equal(rl_frame_take(head, 5, &got), PN_OK);
    assert_int_equal(rl_frame_take(head, 7, &got), PN_E_CORRUPT);
}

/* Nothing that was put in stands on the disk as it came. */
static void nothing_stands_in_clear(void **state)
{
    static bed b;
    static uint8_t text[BODY];
    world w = { .b = &b };
    uint8_t id[16] = "message id, 16b";
    rl_op op = { .kind = RL_OP_DEPOSIT, .day = 9, .id = send_id };
    (void)state;
    bed_init(&b, 4);
    assert_int_equal(bed_open(&b, RL_LOG_CREATE), PN_OK);
    create(&w);
    for (size_t i = 0; i < BODY; i++)
        text[i] = (uint8_t)(i * 7 + i / 256);
    op.u.deposit = (rl_deposit){ .cap_hash = recv_id,
                                 .message_id = id,
                                 .body = { text, BODY } };
    submit(&w, &op);
    settle(&w);
    rl_store_close(&b.store);
    for (int i = 0; i < SIMFS_FILES; i++) {
        const simfs_node *n = &b.disk.nodes[i];
        if (n->cap == 0)
            continue;
        assert_false(holds(n->data, n->size, text + 100));
        assert_false(holds(n->data, n->size, recv_id));
        assert_false(holds(n->data, n->size, send_id));
        for (size_t at = 0; at + sizeof id <= n->size; at++)
            if (memcmp(n->data + at, id, sizeof id) == 0)
                fail_msg("a message id stands in clear");
    }
    bed_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropped_frames_stay_dropped),
        cmocka_unit_test(what_is_taken_up_is_durable),
        cmocka_unit_test(what_is_over_has_no_key),
        cmocka_unit_test(a_frame_is_of_one_life),
        cmocka_unit_test(nothing_stands_in_clear),
        cmocka_unit_test(no_page_is_sealed_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
