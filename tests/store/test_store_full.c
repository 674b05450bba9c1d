/* A store that was full and is not needed full any more takes mail again by
 * itself: nobody has to write to it first, and no restart is wanted. */
#include <string.h>

#include "relay/store/log.h"
#include "tests/store/single.h"
#include "tests/support/cmocka.h"

enum { FULL_MAX = 4096, QUIET = 400 };

static uint8_t ids[RL_ACK_MAX][16];

/* Until it is full of mail, and cleaning up makes no more room. */
static uint32_t fill(uint32_t from)
{
    uint32_t n = from, before;
    do {
        before = n;
        while (n - from < FULL_MAX &&
               single_deposit(n, SINGLE_BODY) == RL_STATUS_OK)
            n++;
        assert_int_equal(w.status, RL_STATUS_BUSY);
        single_drain(QUIET);
    } while (n > before);
    assert_int_equal(w.retry_s, RL_RETRY_S);
    return n;
}

/* Acknowledge [from, to) with `each` at a time, and so many drains between. */
static void acknowledge(uint32_t from, uint32_t to, uint32_t each, int drains)
{
    while (from < to) {
        const uint32_t count = to - from < each ? to - from : each;
        rl_op op = { .kind = RL_OP_ACK, .id = single_recv_id };
        memset(ids, 0, sizeof ids);
        for (uint32_t i = 0; i < count; i++, from++)
            memcpy(ids[i], &from, sizeof from);
        op.u.ack = (rl_ack){ .ids = ids[0], .count = count };
        assert_int_equal(single_run(&op), RL_STATUS_OK);
        single_drain(drains);
    }
}

/* Nothing is left in it. It is left alone for a while, then written to. */
static void expect_room(uint32_t n)
{
    single_drain(QUIET);
    assert_int_equal(single_deposit(n, SINGLE_BODY), RL_STATUS_OK);
    acknowledge(n, n + 1, 1, 0);
    assert_int_equal(w.b.found[RL_DAMAGE], 0);
}

static void rounds(void)
{
    uint32_t n = 0;
    w.b.cfg.max_messages = 100000; /* what was acknowledged is remembered */
    assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_OK);
    single_create();
    for (uint32_t each = 1; each <= RL_ACK_MAX; each *= 32)
        for (int drains = 0; drains < 60; drains = 9 * drains + 4) {
            const uint32_t last = fill(n);
            assert_true(last - n > 100);
            acknowledge(n, last, each, drains);
            expect_room(last);
            n = last + 1;
        }
}

/* The default: no snapshot for the bytes' sake within this test. */
static void at_its_bound(void **state)
{
    (void)state;
    w.b.cfg.max_segments = 12;
    w.b.cfg.snapshot_every = (uint64_t)512 << 20;
    rounds();
}

static void where_the_disk_is_full(void **state)
{
    (void)state;
    w.b.disk.space = 6 << 20;
    w.b.cfg.min_free = 1 << 20;
    w.b.cfg.snapshot_every = (uint64_t)512 << 20;
    rounds();
}

/* The cleaner moves what is alive between what is not, fills segments with it,
 * and soon cleans those in turn: also when the last of their frames has yet to
 * be written. It must not take what it does not find there for damaged. */
static void what_is_half_dead_is_moved(void **state)
{
    enum { MANY = 400, STRIDES = 6 };
    uint32_t n = 0;
    (void)state;
    w.b.cfg.max_segments = 12;
    w.b.cfg.max_messages = 100000;
    assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_OK);
    single_create();
    for (uint32_t stride = 2; stride < 2 + STRIDES; stride++) {
        const uint32_t first = n;
        while (n < first + MANY &&
               single_deposit(n, SINGLE_BODY) == RL_STATUS_OK)
            n++;
        for (uint32_t i = first; i < n; i++)
            if (i % stride != 0)
                acknowledge(i, i + 1, 1, 0);
        for (uint32_t i = first; i < n; i++)
            if (i % stride == 0)
                acknowledge(i, i + 1, 1, 1);
        expect_room(n++);
    }
}

/* Time goes by without a command. */
static void idle(int drains)
{
    for (int i = 0; i < drains; i++) {
        w.b.sim.mono_ms += 100;
        single_drain(1);
    }
}

/* A page of the log, with which nothing changes in the end. */
static void write_a_page(bool again)
{
    const rl_op op = { .kind = again ? RL_OP_RESUME : RL_OP_SUSPEND,
                       .id = single_recv_id };
    assert_int_equal(single_run(&op), RL_STATUS_OK);
}

/* One message at a time, each acknowledged before the next, and a pause in
 * between in which the store notes that the last commit was durable: three
 * pages. Which of them is the first in one of the last segments depends on
 * what was written before; the store must not say busy for longer than it
 * takes to clean up. */
static void with_nothing_under_way(void **state)
{
    enum { EACH = 3, ONE_BY_ONE = 1000 };
    (void)state;
    for (size_t shift = 0; shift < EACH; shift++) {
        bed_free(&w.b);
        bed_init(&w.b, shift);
        w.b.cfg.max_segments = 12;
        w.b.cfg.snapshot_every = (uint64_t)512 << 20;
        assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_OK);
        single_create();
        for (size_t i = 0; i < 2 * shift; i++)
            write_a_page(i % 2 != 0);
        for (uint32_t n = 0; n < ONE_BY_ONE; n++) {
            if (single_deposit(n, SINGLE_BODY) != RL_STATUS_OK) {
                assert_int_equal(w.status, RL_STATUS_BUSY);
                assert_int_equal(w.retry_s, RL_SOON_S);
                idle(QUIET);
                assert_int_equal(single_deposit(n, SINGLE_BODY), RL_STATUS_OK);
            }
            acknowledge(n, n + 1, 1, 0);
            idle(EACH);
        }
    }
}

/* What would free space fails itself: it is tried again, but not as fast as the
 * store can fail. */
static void where_no_snapshot_can_be_written(void **state)
{
    enum { FIRST = 8, TRIES = 4, SECONDS = 60, A_SECOND = 10 };
    (void)state;
    for (uint32_t n = 1; n <= FIRST; n++) {
        uint32_t last;
        uint64_t before;
        bed_free(&w.b);
        bed_init(&w.b, n);
        w.b.cfg.max_segments = 12;
        w.b.cfg.snapshot_every = (uint64_t)512 << 20;
        assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_OK);
        single_create();
        last = fill(0);
        simfs_arm(&w.b.disk, SIMFS_OPEN, n, true, PN_E_FULL);
        before = w.b.disk.calls[SIMFS_OPEN];
        acknowledge(0, last, RL_ACK_MAX, 0);
        single_drain(QUIET);
        assert_in_range(w.b.disk.calls[SIMFS_OPEN] - before, 0, n + TRIES);
        idle(SECONDS * A_SECOND);
        assert_in_range(w.b.disk.calls[SIMFS_OPEN] - before, 0, n + SECONDS);
        simfs_arm(&w.b.disk, SIMFS_ANY, 0, false, PN_OK);
        idle(QUIET);
        assert_int_equal(single_deposit(last, SINGLE_BODY), RL_STATUS_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(at_its_bound, single_setup,
                                        single_teardown),
        cmocka_unit_test_setup_teardown(where_the_disk_is_full, single_setup,
                                        single_teardown),
        cmocka_unit_test_setup_teardown(what_is_half_dead_is_moved,
                                        single_setup, single_teardown),
        cmocka_unit_test_setup_teardown(with_nothing_under_way, single_setup,
                                        single_teardown),
        cmocka_unit_test_setup_teardown(where_no_snapshot_can_be_written,
                                        single_setup, single_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
