/* The days a store keeps: mail that is due is gone at once, and what the clock
 * said at the last expiry outlives whatever the store does. So does a rotated
 * capability, for its days. */
#include <string.h>

#include "relay/store/log.h"
#include "tests/store/single.h"
#include "tests/support/cmocka.h"

enum { MANY = 9000 };

/* What is due counts as gone from the first moment, though the sweep through
 * the index takes many steps. */
static void what_is_due_is_not_shown(void **state)
{
    rl_op op = { .kind = RL_OP_EXPIRE, .day = SINGLE_DAY + SINGLE_TTL };
    rl_op ack = { .kind = RL_OP_ACK, .id = single_recv_id };
    rl_op look = { .kind = RL_OP_FETCH, .id = single_recv_id };
    const uint32_t last = MANY - 1;
    uint8_t id[16] = { 0 };
    const rl_log *s;
    (void)state;
    w.b.cfg.snapshot_every = 1 << 30;
    assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_OK);
    single_create();
    for (uint32_t n = 0; n < MANY; n++) {
        single_put(n, 64);
        if (n % 100 == 0)
            single_drain(1);
    }
    single_drain(10);
    s = rl_log_of(w.b.store);
    assert_int_equal(s->index.waiting, MANY);
    assert_int_equal(rl_store_submit(w.b.store, &op), PN_OK);
    assert_true(s->sweep != RL_NONE && s->index.waiting > 0);
    look.u.fetch =
        (rl_fetch){ .max_count = RL_FETCH_MAX, .max_bytes = UINT32_MAX };
    assert_int_equal(rl_store_submit(w.b.store, &look), PN_OK);
    memcpy(id, &last, sizeof last);
    ack.u.ack = (rl_ack){ .ids = id, .count = 1 };
    assert_int_equal(rl_store_submit(w.b.store, &ack), PN_OK);
    assert_true(s->sweep != RL_NONE && s->index.waiting > 0);
    w.count = w.forgotten = 1;
    single_drain(20);
    assert_int_equal(w.count, 0);
    assert_int_equal(w.forgotten, 0);
    assert_int_equal(s->index.waiting, 0);
    assert_int_equal(s->index.remembered, 0);
}

static void expect_days(rl_day expired, rl_day clock)
{
    rl_store_stats stats;
    assert_int_equal(bed_open(&w.b, RL_LOG_STRICT), PN_OK);
    rl_store_stats_get(w.b.store, &stats);
    assert_int_equal(stats.expired, expired);
    assert_int_equal(stats.clock, clock);
}

typedef struct file {
    uint8_t bytes[65536];
    size_t len, at;
} file;

static pn_err put_bytes(void *ctx, pn_bytes bytes)
{
    file *f = ctx;
    assert_true(f->len + bytes.len <= sizeof f->bytes);
    memcpy(f->bytes + f->len, bytes.p, bytes.len);
    f->len += bytes.len;
    return PN_OK;
}

static pn_err get_bytes(void *ctx, uint8_t *out, size_t len, size_t *got)
{
    file *f = ctx;
    *got = f->len - f->at < len ? f->len - f->at : len;
    memcpy(out, f->bytes + f->at, *got);
    f->at += *got;
    return PN_OK;
}

/* What the clock said at the last expiry outlives a crash, a snapshot and a
 * backup; who says nothing of it changes nothing. */
static void the_clock_is_kept(void **state)
{
    static file f;
    rl_op op = { .kind = RL_OP_EXPIRE, .day = 7, .u.clock = 900 };
    (void)state;
    f.len = f.at = 0;
    assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_OK);
    single_create();
    assert_int_equal(single_run(&op), RL_STATUS_OK);
    rl_store_log_abandon(&w.b.store);
    simfs_crash(&w.b.disk);
    expect_days(7, 900);
    op = (rl_op){ .kind = RL_OP_EXPIRE, .day = 8 };
    assert_int_equal(single_run(&op), RL_STATUS_OK);
    rl_store_close(&w.b.store); /* with a snapshot */
    expect_days(8, 900);
    op = (rl_op){ .kind = RL_OP_EXPIRE, .day = 8, .u.clock = 30 };
    assert_int_equal(single_run(&op), RL_STATUS_OK);
    rl_store_close(&w.b.store);
    expect_days(8, 30);
    rl_store_close(&w.b.store);
    assert_int_equal(
        rl_store_log_backup(&w.b.fs, &w.b.env, &w.b.cfg, put_bytes, &f), PN_OK);
    (void)single_teardown(NULL);
    (void)single_setup(NULL);
    assert_int_equal(
        rl_store_log_restore(&w.b.fs, &w.b.env, &w.b.cfg, get_bytes, &f),
        PN_OK);
    expect_days(8, 30);
}

static rl_status deposit_by(const uint8_t *cap, uint8_t number, rl_day day)
{
    const uint8_t id[RL_MESSAGE_ID_BYTES] = { number };
    rl_op op = { .kind = RL_OP_DEPOSIT, .day = day, .id = single_send_id };
    op.u.deposit = (rl_deposit){ .cap_hash = cap,
                                 .message_id = id,
                                 .body = { single_body, 100 } };
    return single_run(&op);
}

/* Whoever carries a rotation can bring it once more after the next one: the
 * later capability must not begin to die by it. */
static void an_older_rotation_undoes_nothing(void **state)
{
    static const uint8_t newer[RL_CAP_HASH_BYTES] = { 7 };
    const rl_day late = SINGLE_DAY + RL_OLD_CAP_DAYS + 1;
    rl_op op = { .kind = RL_OP_ROTATE, .day = SINGLE_DAY };
    (void)state;
    assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_OK);
    single_create();
    op.id = single_recv_id;
    op.u.new_cap_hash = newer;
    assert_int_equal(single_run(&op), RL_STATUS_OK);
    op.u.new_cap_hash = single_recv_id; /* what the queue had before */
    assert_int_equal(single_run(&op), RL_STATUS_OK);
    assert_int_equal(deposit_by(single_recv_id, 1, SINGLE_DAY), RL_STATUS_OK);
    assert_int_equal(deposit_by(newer, 2, late), RL_STATUS_OK);
    assert_int_equal(deposit_by(single_recv_id, 3, late), RL_STATUS_UNKNOWN);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, single_setup, single_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_due_is_not_shown),
        TEST(the_clock_is_kept),
        TEST(an_older_rotation_undoes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
