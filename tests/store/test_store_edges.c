/* Narrow edges: a preparation that fails halfway, a segment whose headers are
 * all gone, records of lives that are over. */
#include <string.h>

#include "relay/store/log_segment.h"
#include "tests/store/single.h"
#include "tests/support/cmocka.h"

static unsigned open_files(void)
{
    unsigned n = 0;
    for (size_t i = 0; i < SIMFS_HANDLES; i++)
        n += w.b.disk.handles[i] != 0;
    return n;
}

/* Every call that makes a fresh segment fails once, among them the writing of
 * its key: the file is closed and removed, and can be made again. */
static void failed_preparations_leave_no_file(void **state)
{
    static const simfs_call kinds[] = { SIMFS_OPEN, SIMFS_RESERVE, SIMFS_WRITE,
                                        SIMFS_SYNC, SIMFS_SYNC_DIR };
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (uint64_t n = 1; n < 8; n++) {
            const rl_log *s;
            rl_chore c = { .kind = RL_CHORE_PREPARE, .fresh = true };
            unsigned before;
            size_t len;
            char name[RL_FS_NAME_MAX];
            (void)single_setup(NULL);
            assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_OK);
            s = rl_log_of(w.b.store);
            c.segment = s->segment_count;
            rl_segment_name(name, c.segment);
            before = open_files();
            simfs_arm(&w.b.disk, kinds[k], n, false, PN_E_IO);
            rl_chore_segment(rl_log_of(w.b.store), &c);
            if (w.b.disk.fault_hit) {
                assert_int_equal(c.err, PN_E_IO);
                assert_int_equal(c.file, -1);
                assert_null(simfs_bytes(&w.b.disk, name, &len));
                assert_int_equal(open_files(), before);
            } else {
                assert_int_equal(c.err, PN_OK);
                assert_int_equal(open_files(), before + 1);
            }
            (void)single_teardown(NULL);
        }
    }
    (void)single_setup(NULL);
}

/* Whatever a failed preparation left on disk, and the power fails then: no key
 * without its file, which would be taken for damage. */
static void failed_preparations_are_no_damage(void **state)
{
    static const simfs_call kinds[] = { SIMFS_WRITE, SIMFS_SYNC };
    (void)state;
    for (unsigned i = 0; i < 2 * 8 * 2 * 12; i++) {
        rl_chore c = { .kind = RL_CHORE_PREPARE, .fresh = true };
        rl_log *s;
        (void)single_teardown(NULL);
        (void)single_setup(NULL);
        assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_OK);
        s = rl_log_of(w.b.store);
        c.segment = s->segment_count++;
        s->segments[c.segment].file = -1;
        s->preparing++;
        assert_int_equal(rl_key_draw(s, &c.key), PN_OK);
        simfs_arm(&w.b.disk, kinds[i % 2], 1 + i / 2 % 8, i / 16 % 2 == 0,
                  PN_E_IO);
        simenv_init(&w.b.disk.rng, i / 32); /* what of it is durable */
        rl_chore_segment(s, &c);
        assert_int_equal(c.err, w.b.disk.fault_hit ? PN_E_IO : PN_OK);
        rl_log_tended(s, &c);
        rl_store_log_abandon(&w.b.store);
        simfs_crash(&w.b.disk);
        assert_int_equal(bed_open(&w.b, RL_LOG_STRICT), PN_OK);
    }
}

/* A new key is of a segment without frames, whatever lay where it is drawn:
 * the number of a first frame would be a promise of frames. */
static void a_new_key_promises_no_frame(void **state)
{
    rl_key_slot key;
    (void)state;
    memset(&key, 0xff, sizeof key);
    assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_OK);
    assert_int_equal(rl_key_draw(rl_log_of(w.b.store), &key), PN_OK);
    assert_true(key.first == 0);
}

static void tear_headers(uint32_t segment, size_t from, size_t to)
{
    char name[RL_FS_NAME_MAX];
    size_t len, torn = 0;
    uint8_t *p;
    rl_segment_name(name, segment);
    p = simfs_bytes(&w.b.disk, name, &len);
    assert_non_null(p);
    for (size_t at = from; at + RL_BLOCK <= len && at < to; at += RL_PAGE)
        if (memcmp(p + at, "PNF1", 4) == 0) {
            p[at + 20] ^= 1;
            torn++;
        }
    assert_true(torn > 0);
}

/* The last segment, whose frames nothing later proves, has lost its headers,
 * all of them or those of its beginning: that is no spare. */
static void lost_headers_are_damage(void **state)
{
    static const size_t upto[] = { 4 << 20, SIZE_MAX };
    static const uint32_t counts[] = { 1, 1000, 1800 };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
            uint32_t tail;
            rl_verify_report report;
            (void)single_teardown(NULL);
            (void)single_setup(NULL);
            w.b.cfg.segment_bytes = 8 << 20;
            w.b.cfg.snapshot_every = 1 << 30;
            assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_OK);
            single_create();
            rl_store_close(&w.b.store);
            assert_int_equal(bed_open(&w.b, RL_LOG_STRICT), PN_OK);
            for (uint32_t n = 0; n < counts[k]; n++)
                assert_int_equal(single_deposit(n, SINGLE_BODY), RL_STATUS_OK);
            tail = rl_log_of(w.b.store)->tail;
            rl_store_log_abandon(&w.b.store);
            simfs_kill(&w.b.disk);
            tear_headers(tail, 0, upto[i]);
            assert_int_equal(
                rl_store_log_verify(&w.b.fs, &w.b.env, &w.b.cfg, &report),
                PN_OK);
            assert_true(report.findings[RL_DAMAGE] > 0);
            assert_int_equal(bed_open(&w.b, RL_LOG_STRICT), PN_E_CORRUPT);
            /* Kept as it is by whoever goes on without. */
            assert_int_equal(bed_open(&w.b, RL_LOG_PRESERVE), PN_OK);
            assert_true(rl_log_of(w.b.store)->segments[tail].quarantined);
            assert_int_not_equal(rl_log_of(w.b.store)->tail, tail);
        }
    }
}

/* A crash at any instant of a segment's beginning is no damage. */
static void a_begun_segment_is_no_damage(void **state)
{
    (void)state;
    for (uint64_t call = 1; call < 40; call++) {
        (void)single_teardown(NULL);
        (void)single_setup(NULL);
        assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_OK);
        single_create();
        rl_store_log_abandon(&w.b.store);
        simfs_kill(&w.b.disk);
        w.b.disk.die_at = w.b.disk.calls[SIMFS_ANY] + call;
        (void)bed_open(&w.b, RL_LOG_STRICT);
        rl_store_log_abandon(&w.b.store);
        simfs_crash(&w.b.disk);
        if (bed_open(&w.b, RL_LOG_STRICT) != PN_OK)
            fail_msg("call %u: %s", (unsigned)call, w.b.last_found);
        assert_int_equal(single_deposit(1, SINGLE_BODY), RL_STATUS_OK);
    }
}

static rl_record record(rl_record_type type, uint64_t serial, uint64_t seq)
{
    rl_record r = { .type = type,
                    .class = RL_URGENT,
                    .day = SINGLE_DAY + SINGLE_TTL,
                    .len = SINGLE_BODY,
                    .row = 0,
                    .serial = serial,
                    .seq = seq };
    r.id[0] = 5;
    return r;
}

/* A snapshot may show a message as acknowledged that the log then puts, or
 * moves, once more: it does not come back. */
static void what_is_acked_stays_so_on_replay(void **state)
{
    static const rl_record_type again[] = { RL_REC_PUT, RL_REC_MOVE };
    rl_log *s;
    rl_record r;
    rl_op op = { .kind = RL_OP_ACK, .id = single_recv_id };
    uint8_t id[16] = { 5 };
    uint64_t serial, alive;
    rl_message was;
    uint32_t at;
    (void)state;
    assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_OK);
    single_create();
    s = rl_log_of(w.b.store);
    serial = rl_index_row(&s->index, 0)->serial;
    assert_int_equal(single_deposit(5, SINGLE_BODY), RL_STATUS_OK);
    op.u.ack = (rl_ack){ .ids = id, .count = 1 };
    assert_int_equal(single_run(&op), RL_STATUS_OK);
    assert_int_equal(w.forgotten, 1);
    at = rl_index_find(&s->index, 0, id);
    was = *rl_index_message(&s->index, at);
    alive = s->index.segment_bytes[0];
    for (size_t i = 0; i < 2; i++) {
        r = record(again[i], serial, s->index.next_seq - 1);
        assert_int_equal(rl_log_replay(s, &r, single_body, 0, 1), PN_OK);
        assert_int_equal(s->index.waiting, 0);
        assert_int_equal(s->index.remembered, 1);
        assert_memory_equal(rl_index_message(&s->index, at), &was, sizeof was);
        assert_int_equal(s->index.segment_bytes[0], alive);
        assert_int_equal(single_fetch(), 0);
    }
}

/* The number of a deleted queue is given again: the deletion, replayed, is of
 * the queue that was. */
static void a_deletion_is_of_one_life(void **state)
{
    rl_log *s;
    rl_record r;
    rl_op op = { .kind = RL_OP_DELETE, .id = single_recv_id };
    uint64_t serial;
    (void)state;
    assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_OK);
    single_create();
    s = rl_log_of(w.b.store);
    serial = rl_index_row(&s->index, 0)->serial;
    assert_int_equal(single_run(&op), RL_STATUS_OK);
    single_create();
    assert_int_equal(single_deposit(1, SINGLE_BODY), RL_STATUS_OK);
    r = record(RL_REC_DELETE, serial, 0);
    r.len = 0;
    assert_int_equal(rl_log_replay(s, &r, NULL, 0, 1), PN_OK);
    assert_int_equal(single_fetch(), 1);
    r.serial = rl_index_row(&s->index, 0)->serial;
    assert_true(r.serial > serial);
    assert_int_equal(rl_log_replay(s, &r, NULL, 0, 1), PN_OK);
    assert_int_equal(s->index.rows.count, 0);
}

/* After a failed sync queues can still be opened and read: what is durable is
 * given. */
static void a_failed_store_still_gives(void **state)
{
    rl_op look = { .kind = RL_OP_LOOKUP, .id = single_recv_id };
    (void)state;
    assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_OK);
    single_create();
    assert_int_equal(single_deposit(1, SINGLE_BODY), RL_STATUS_OK);
    simfs_arm(&w.b.disk, SIMFS_SYNC, 1, false, PN_E_IO);
    assert_int_equal(single_deposit(2, SINGLE_BODY), RL_STATUS_FAILED);
    assert_int_equal(single_run(&look), RL_STATUS_OK);
    assert_int_equal(single_fetch(), 1);
    look.kind = RL_OP_SUSPEND;
    assert_int_equal(single_run(&look), RL_STATUS_FAILED);
}

static void count_file(void *arg, const char *name)
{
    (void)name;
    ++*(unsigned *)arg;
}

/* A first opening that fails, for want of space or at any call, leaves nothing,
 * so that the next one makes a store as if nothing had been; but what somebody
 * else's is stays. */
static void a_failed_creation_leaves_nothing(void **state)
{
    static const simfs_call kinds[] = { SIMFS_OPEN, SIMFS_RESERVE, SIMFS_WRITE,
                                        SIMFS_SYNC, SIMFS_SYNC_DIR };
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        bool hit = true;
        for (uint64_t n = 1; hit; n++) {
            unsigned files = 0;
            (void)single_teardown(NULL);
            (void)single_setup(NULL);
            simfs_arm(&w.b.disk, kinds[k], n, true, PN_E_FULL);
            if (bed_open(&w.b, RL_LOG_CREATE) != PN_OK) {
                assert_true(w.b.disk.fault_hit);
                assert_int_equal(w.b.fs.list(w.b.fs.ctx, count_file, &files),
                                 PN_OK);
                assert_int_equal(files, 0);
                simfs_arm(&w.b.disk, SIMFS_ANY, 0, false, PN_OK);
                assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_OK);
            } else {
                hit = w.b.disk.fault_hit;
            }
        }
    }
    simfs_arm(&w.b.disk, SIMFS_ANY, 0, false, PN_OK);
    rl_store_close(&w.b.store);
    assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_E_EXISTS);
    assert_int_equal(bed_open(&w.b, RL_LOG_STRICT), PN_OK);
}

static uint32_t fill_up(uint32_t n)
{
    while (single_deposit(n, SINGLE_BODY) == RL_STATUS_OK)
        n++;
    assert_int_equal(w.status, RL_STATUS_BUSY);
    return n;
}

static void forget(uint32_t first, uint32_t last, uint32_t but_every)
{
    for (uint32_t n = first; n < last; n++) {
        uint8_t id[16] = { 0 };
        rl_op op = { .kind = RL_OP_ACK, .id = single_recv_id };
        op.u.ack = (rl_ack){ .ids = id, .count = 1 };
        if (but_every != 0 && n % but_every == 0)
            continue;
        memcpy(id, &n, sizeof n);
        /* While a segment is made ready it may be put off, but not for long. */
        for (int i = 0; i < 4 && single_run(&op) == RL_STATUS_BUSY; i++)
            single_drain(5);
        assert_int_equal(w.status, RL_STATUS_OK);
    }
}

/* Full, by the disk or by its own bound, a store takes mail again soon after
 * what it holds was acknowledged, though that makes next to no log and the next
 * snapshot would be far away. */
static void a_full_store_frees_itself(void **state)
{
    (void)state;
    for (int own = 0; own < 2; own++) {
        uint32_t first = 0;
        (void)single_teardown(NULL);
        (void)single_setup(NULL);
        w.b.cfg.snapshot_every = (uint64_t)1 << 40;
        if (own)
            w.b.cfg.max_segments = 16;
        else
            w.b.disk.space = 6 << 20;
        assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_OK);
        single_create();
        for (int round = 0; round < 3; round++) {
            const uint32_t last = fill_up(first);
            assert_true(last - first > 100);
            forget(first, last, 0);
            single_drain(60);
            first = last;
        }
    }
}

/* The same where what stays is scattered over all segments, so that only
 * cleaning gives any back. */
static void a_full_store_cleans_itself(void **state)
{
    (void)state;
    for (int own = 0; own < 2; own++) {
        uint32_t last, more;
        (void)single_teardown(NULL);
        (void)single_setup(NULL);
        w.b.cfg.snapshot_every = (uint64_t)1 << 40;
        if (own)
            w.b.cfg.max_segments = 24;
        else
            w.b.disk.space = 8 << 20;
        assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_OK);
        single_create();
        last = fill_up(0);
        forget(0, last, 8);
        single_drain(400);
        more = fill_up(last);
        single_drain(400);
        assert_true(fill_up(more) - last > 64);
    }
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, single_setup, single_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(failed_preparations_leave_no_file),
        TEST(failed_preparations_are_no_damage),
        TEST(a_new_key_promises_no_frame),
        TEST(lost_headers_are_damage),
        TEST(a_begun_segment_is_no_damage),
        TEST(what_is_acked_stays_so_on_replay),
        TEST(a_deletion_is_of_one_life),
        TEST(a_failed_store_still_gives),
        TEST(a_failed_creation_leaves_nothing),
        TEST(a_full_store_frees_itself),
        TEST(a_full_store_cleans_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
