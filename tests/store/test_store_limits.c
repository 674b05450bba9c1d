/* At the bounds: no memory, no disk. What was answered OK is there, what was
 * not is not, and acknowledging frees what is full. */
#include <stdio.h>
#include <string.h>

#include "relay/store/log_segment.h"
#include "tests/store/bed.h"
#include "tests/support/cmocka.h"
#include "tests/support/faults.h"

enum { MESSAGES = 4096, BODY = 3000 };

typedef struct world {
    bed *b;
    rl_status status;
    uint32_t count;
    uint8_t ids[RL_FETCH_MAX][16];
    bool answered;
    bool here[MESSAGES];
    rl_cursor cursor;
    bool more;
} world;

static uint8_t body[BODY];

static void on_result(void *ctx, const rl_result *r)
{
    world *w = ctx;
    w->status = r->status;
    w->answered = true;
    if (r->kind != RL_OP_FETCH || r->status != RL_STATUS_OK)
        return;
    w->count = r->u.fetch.count;
    w->more = r->u.fetch.more;
    for (uint32_t i = 0; i < w->count; i++) {
        const rl_envelope *e = &r->u.fetch.envelopes[i];
        uint32_t n;
        memcpy(w->ids[i], e->id, 16);
        memcpy(&n, e->id, sizeof n);
        assert_true(n < MESSAGES && !w->here[n] && !e->damaged);
        w->here[n] = true;
        w->cursor.after[e->class] = e->seq;
    }
}

/* Submit one operation and wait for its answer; FAILED if it is not taken. */
static rl_status run(world *w, const rl_op *op)
{
    w->answered = false;
    if (rl_store_submit(w->b->store, op) != PN_OK)
        return RL_STATUS_FAILED;
    for (int i = 0; i < 50 && !w->answered; i++) {
        rl_store_flush(w->b->store);
        (void)rl_store_drain(w->b->store, on_result, w);
    }
    assert_true(w->answered);
    return w->status;
}

static const uint8_t recv_id[32] = { 1 }, send_id[32] = { 2 };

static rl_status create(world *w)
{
    rl_op op = { .kind = RL_OP_CREATE, .day = 9, .id = recv_id };
    op.u.create = (rl_create){ .send_id = send_id,
                               .owner = recv_id,
                               .cap_hash = recv_id,
                               .max_count = 100000,
                               .max_bytes = UINT32_MAX,
                               .ttl_days = 20 };
    return run(w, &op);
}

static rl_status deposit(world *w, uint32_t n)
{
    uint8_t id[16] = { 0 };
    rl_op op = { .kind = RL_OP_DEPOSIT, .day = 9, .id = send_id };
    memcpy(id, &n, sizeof n);
    op.u.deposit = (rl_deposit){ .cap_hash = recv_id,
                                 .message_id = id,
                                 .class = RL_URGENT,
                                 .body = { body, BODY } };
    return run(w, &op);
}

static rl_status fetch(world *w, bool from_start)
{
    rl_op op = { .kind = RL_OP_FETCH, .id = recv_id };
    if (from_start) {
        memset(&w->cursor, 0, sizeof w->cursor);
        memset(w->here, 0, sizeof w->here);
    }
    op.u.fetch = (rl_fetch){ w->cursor, RL_FETCH_MAX, UINT32_MAX };
    return run(w, &op);
}

static void look(world *w)
{
    assert_int_equal(fetch(w, true), RL_STATUS_OK);
    while (w->more)
        assert_int_equal(fetch(w, false), RL_STATUS_OK);
}

/* Every allocation of a short life fails once, one after the other. */
static void no_memory_loses_nothing(void **state)
{
    bool hit = true;
    (void)state;
    for (unsigned n = 1; hit; n++) {
        static bed b;
        world w = { .b = &b };
        bool stored[24] = { false };
        bool created;
        pn_err err;
        bed_init(&b, n);
        b.cfg.snapshot_every = 20000;
        (void)faults_arm(n);
        err = bed_open(&b, RL_LOG_CREATE);
        if (err != PN_OK) {
            assert_true(err == PN_E_NOMEM || err == PN_E_FULL);
            hit = faults_hit();
            assert_true(hit);
            bed_free(&b);
            continue;
        }
        created = create(&w) == RL_STATUS_OK;
        for (uint32_t m = 0; m < 24; m++)
            stored[m] = deposit(&w, m) == RL_STATUS_OK;
        hit = faults_hit();
        for (int i = 0; i < 10; i++)
            (void)rl_store_drain(b.store, on_result, &w);
        rl_store_log_abandon(&b.store);
        simfs_crash(&b.disk);
        (void)faults_arm(n / 2 + 1); /* and once more, opening */
        err = bed_open(&b, RL_LOG_STRICT);
        if (faults_hit() && err != PN_OK) {
            assert_int_equal(err, PN_E_NOMEM);
            simfs_crash(&b.disk);
            err = bed_open(&b, RL_LOG_STRICT);
        }
        assert_int_equal(err, PN_OK);
        if (created) {
            look(&w);
            for (uint32_t m = 0; m < 24; m++)
                assert_int_equal(w.here[m], stored[m]);
        }
        bed_free(&b);
    }
}

/* A disk that fills: deposits are put off, fetching and acknowledging go on,
 * and what they free is used again. */
static void a_full_disk_drains(void **state)
{
    static bed b;
    world w = { .b = &b };
    bool stored[MESSAGES] = { false };
    uint32_t n = 0, first = 0;
    rl_store_stats st;
    (void)state;
    bed_init(&b, 77);
    b.disk.space = 6 << 20;
    b.cfg.min_free = 1 << 20;
    assert_int_equal(bed_open(&b, RL_LOG_CREATE), PN_OK);
    assert_int_equal(create(&w), RL_STATUS_OK);
    for (int round = 0; round < 4; round++) {
        rl_status status = RL_STATUS_OK;
        while (n < MESSAGES && (status = deposit(&w, n)) == RL_STATUS_OK)
            stored[n++] = true;
        assert_int_equal(status, RL_STATUS_BUSY);
        rl_store_stats_get(b.store, &st);
        assert_false(st.failed);
        assert_true(n > first + 100);
        first = n;
        /* Power fails while it is full. */
        rl_store_log_abandon(&b.store);
        simfs_crash(&b.disk);
        assert_int_equal(bed_open(&b, RL_LOG_STRICT), PN_OK);
        look(&w);
        for (uint32_t m = 0; m < n; m++)
            assert_int_equal(w.here[m], stored[m]);
        for (;;) {
            rl_op op = { .kind = RL_OP_ACK, .id = recv_id };
            assert_int_equal(fetch(&w, true), RL_STATUS_OK);
            if (w.count == 0)
                break;
            op.u.ack.ids = w.ids[0];
            op.u.ack.count = w.count;
            assert_int_equal(run(&w, &op), RL_STATUS_OK);
        }
        memset(stored, 0, sizeof stored);
        for (int i = 0; i < 3; i++) {
            rl_store_log_snapshot(b.store);
            for (int j = 0; j < 40; j++) {
                rl_store_flush(b.store);
                (void)rl_store_drain(b.store, on_result, &w);
            }
        }
    }
    bed_free(&b);
}

/* When no file system space is left at all, not even for a snapshot. */
static void no_space_at_all(void **state)
{
    static bed b;
    world w = { .b = &b };
    uint32_t n = 0;
    (void)state;
    bed_init(&b, 78);
    b.cfg.min_free = 0;
    assert_int_equal(bed_open(&b, RL_LOG_CREATE), PN_OK);
    assert_int_equal(create(&w), RL_STATUS_OK);
    b.disk.space = b.disk.used;
    while (n < MESSAGES && deposit(&w, n) == RL_STATUS_OK)
        n++;
    assert_true(n > 0 && n < MESSAGES);
    look(&w);
    for (uint32_t m = 0; m < n; m++)
        assert_true(w.here[m]);
    {
        /* Acknowledging goes on: one spare is kept for it. */
        rl_op op = { .kind = RL_OP_ACK, .id = recv_id };
        const uint32_t first = 0;
        uint8_t id[16] = { 0 };
        memcpy(id, &first, sizeof first);
        op.u.ack = (rl_ack){ .ids = id, .count = 1 };
        assert_int_equal(run(&w, &op), RL_STATUS_OK);
    }
    rl_store_close(&b.store);
    simfs_crash(&b.disk);
    assert_int_equal(bed_open(&b, RL_LOG_STRICT), PN_OK);
    look(&w);
    assert_false(w.here[0]);
    for (uint32_t m = 1; m < n; m++)
        assert_true(w.here[m]);
    bed_free(&b);
}

static uint32_t in_state(const rl_log *s, rl_segment_state state)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->segment_count; i++)
        n += s->segments[i].state == state;
    return n;
}

/* With one spare left, which is not for them, deposits still get what there is
 * of the tail, but for what commands under way may need. */
static void deposits_use_the_tail_up(void **state)
{
    enum { SEGMENT = 4 << 20, FRAME = RL_PAGE };
    static bed b;
    world w = { .b = &b };
    uint32_t n = 0;
    rl_log *s;
    (void)state;
    bed_init(&b, 82);
    b.cfg.min_free = 0;
    b.cfg.segment_bytes = SEGMENT;
    assert_int_equal(bed_open(&b, RL_LOG_CREATE), PN_OK);
    s = rl_log_of(b.store);
    assert_int_equal(create(&w), RL_STATUS_OK);
    b.disk.space = b.disk.used; /* no further segment can be made */
    assert_int_equal(rl_log_spares(s), 2);
    while (n < MESSAGES && deposit(&w, n) == RL_STATUS_OK) {
        n++;
        assert_int_equal(rl_log_spares(s), in_state(s, RL_SEG_SPARE));
    }
    assert_int_equal(rl_log_spares(s), 1);
    assert_true(n > (2 * SEGMENT - 2 * RL_BATCH_MAX) / FRAME - 50);
    assert_true(n < (2 * SEGMENT - 2 * RL_BATCH_MAX) / FRAME + 50);
    {
        rl_op op = { .kind = RL_OP_PURGE, .id = recv_id };
        assert_int_equal(run(&w, &op), RL_STATUS_OK);
    }
    rl_store_log_abandon(&b.store);
    simfs_crash(&b.disk);
    assert_int_equal(bed_open(&b, RL_LOG_STRICT), PN_OK);
    s = rl_log_of(b.store);
    assert_int_equal(rl_log_spares(s), in_state(s, RL_SEG_SPARE));
    look(&w);
    assert_int_equal(w.count, 0);
    bed_free(&b);
}

/* After a failed sync nothing is answered OK any more, though every later
 * call of the disk succeeds; fetching what is durable goes on. */
static void a_failed_sync_is_final(void **state)
{
    static bed b;
    world w = { .b = &b };
    rl_store_stats st;
    (void)state;
    bed_init(&b, 79);
    assert_int_equal(bed_open(&b, RL_LOG_CREATE), PN_OK);
    assert_int_equal(create(&w), RL_STATUS_OK);
    assert_int_equal(deposit(&w, 0), RL_STATUS_OK);
    for (int i = 0; i < 20; i++)
        (void)rl_store_drain(b.store, on_result, &w);
    simfs_arm(&b.disk, SIMFS_SYNC, 1, false, PN_E_IO);
    assert_int_equal(deposit(&w, 1), RL_STATUS_FAILED);
    assert_int_equal(deposit(&w, 2), RL_STATUS_FAILED);
    rl_store_stats_get(b.store, &st);
    assert_true(st.failed);
    look(&w);
    assert_true(w.here[0] && !w.here[1] && !w.here[2]);
    rl_store_close(&b.store);
    simfs_crash(&b.disk);
    assert_int_equal(bed_open(&b, RL_LOG_STRICT), PN_OK);
    look(&w);
    assert_true(w.here[0] && !w.here[2]);
    bed_free(&b);
}

/* What was handed over before anybody knew of the failure is not answered OK
 * either, though its own sync succeeds. */
static void a_failed_sync_fails_what_follows(void **state)
{
    static bed b;
    world w = { .b = &b };
    rl_log *s;
    uint8_t id[16] = { 9 };
    rl_op op = { .kind = RL_OP_DEPOSIT, .day = 9, .id = send_id };
    (void)state;
    bed_init(&b, 80);
    assert_int_equal(bed_open(&b, RL_LOG_CREATE), PN_OK);
    s = rl_log_of(b.store);
    assert_int_equal(create(&w), RL_STATUS_OK);
    op.u.deposit = (rl_deposit){ .cap_hash = recv_id,
                                 .message_id = id,
                                 .class = RL_URGENT,
                                 .body = { body, BODY } };
    simfs_arm(&b.disk, SIMFS_SYNC, 1, false, PN_E_IO);
    for (uint8_t i = 0; i < 2; i++) {
        id[0] = i;
        assert_int_equal(rl_store_submit(b.store, &op), PN_OK);
        rl_store_flush(b.store);
        rl_worker_pump(&s->commit);
    }
    w.status = RL_STATUS_OK;
    (void)rl_store_drain(b.store, on_result, &w);
    assert_int_equal(w.status, RL_STATUS_FAILED);
    bed_free(&b);
}

static unsigned in_preparation(const rl_log *s)
{
    return in_state(s, RL_SEG_PREPARING);
}

/* A segment whose last message was just acknowledged keeps its key until that
 * is durable, as a crash before would bring the message back, and until nobody
 * reads there any more. */
static void recycle_late(bool reader)
{
    static bed b;
    static uint8_t ids[100][16];
    world w = { .b = &b };
    rl_log *s;
    rl_op op = { .kind = RL_OP_ACK, .id = recv_id };
    rl_op read = { .kind = RL_OP_FETCH, .id = recv_id };
    read.u.fetch = (rl_fetch){ .max_count = 100, .max_bytes = UINT32_MAX };
    bed_init(&b, 81);
    assert_int_equal(bed_open(&b, RL_LOG_CREATE), PN_OK);
    s = rl_log_of(b.store);
    assert_int_equal(create(&w), RL_STATUS_OK);
    for (uint32_t n = 0; n < 100; n++) {
        assert_int_equal(deposit(&w, n), RL_STATUS_OK);
        memcpy(ids[n], &n, sizeof n);
    }
    for (int i = 0; i < 3; i++) {
        rl_store_log_snapshot(b.store);
        for (int j = 0; j < 40; j++) {
            rl_store_flush(b.store);
            (void)rl_store_drain(b.store, on_result, &w);
        }
    }
    if (reader)
        assert_int_equal(rl_store_submit(b.store, &read), PN_OK);
    op.u.ack = (rl_ack){ .ids = ids[0], .count = 100 };
    assert_int_equal(rl_store_submit(b.store, &op), PN_OK);
    assert_int_equal(in_preparation(s), 0);
    rl_log_tend(s);
    assert_int_equal(in_preparation(s), 0);
    rl_store_flush(b.store);
    rl_worker_pump(&s->commit);
    (void)rl_log_commit_drain(s, on_result, &w);
    if (reader) {
        rl_log_tend(s);
        assert_int_equal(in_preparation(s), 0);
        (void)rl_log_read_drain(s, on_result, &w);
        assert_int_equal(w.count, 100);
    }
    rl_log_tend(s);
    assert_int_equal(in_preparation(s), 1);
    bed_free(&b);
}

static void nothing_is_recycled_on_hearsay(void **state)
{
    (void)state;
    recycle_late(false);
    recycle_late(true);
}

/* Only the snapshot goes on, and no commit does. */
static void step_snapshot(rl_log *s)
{
    rl_tasks done;
    rl_tasks_init(&done);
    rl_log_snap_step(s);
    rl_worker_pump(&s->janitor);
    rl_worker_done(&s->janitor, &done);
    for (rl_task *t; (t = rl_tasks_take(&done)) != NULL;) {
        rl_chore *c = (rl_chore *)(void *)t;
        rl_log_snapped(s, c);
        rl_chore_free(c);
    }
}

/* A snapshot shows what was staged while it was written: it must not count
 * before that is durable, or a crash would leave messages without bodies. */
static void a_snapshot_waits_for_what_it_shows(void **state)
{
    static bed b;
    world w = { .b = &b };
    rl_log *s;
    uint64_t before;
    uint8_t id[16] = { 1 };
    rl_op op = { .kind = RL_OP_DEPOSIT, .day = 9, .id = send_id };
    (void)state;
    op.u.deposit = (rl_deposit){ .cap_hash = recv_id,
                                 .message_id = id,
                                 .class = RL_URGENT,
                                 .body = { body, BODY } };
    bed_init(&b, 82);
    assert_int_equal(bed_open(&b, RL_LOG_CREATE), PN_OK);
    s = rl_log_of(b.store);
    assert_int_equal(create(&w), RL_STATUS_OK);
    for (int i = 0; i < 40; i++)
        (void)rl_store_drain(b.store, on_result, &w);
    before = s->snap.last;
    assert_int_equal(rl_store_submit(b.store, &op), PN_OK);
    s->snap.wanted = true;
    for (int i = 0; i < 40; i++)
        step_snapshot(s);
    assert_int_equal(s->snap.last, before);
    rl_worker_pump(&s->commit);
    (void)rl_log_commit_drain(s, on_result, &w);
    assert_int_equal(w.status, RL_STATUS_OK);
    for (int i = 0; i < 40; i++)
        step_snapshot(s);
    assert_int_not_equal(s->snap.last, before);
    bed_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_sync_is_final),
        cmocka_unit_test(a_failed_sync_fails_what_follows),
        cmocka_unit_test(nothing_is_recycled_on_hearsay),
        cmocka_unit_test(a_snapshot_waits_for_what_it_shows),
        cmocka_unit_test(no_memory_loses_nothing),
        cmocka_unit_test(a_full_disk_drains),
        cmocka_unit_test(no_space_at_all),
        cmocka_unit_test(deposits_use_the_tail_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
