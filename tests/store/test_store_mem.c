/* The in-memory store does what the model says, through crashes. */
#include <stdio.h>

#include "relay/store/quota.h"
#include "relay/store/store_mem.h"
#include "tests/store/schedule.h"
#include "tests/support/cmocka.h"

enum { SEEDS = 600, STEPS = 400 };

static void notify(void *ctx)
{
    (*(unsigned *)ctx)++;
}

static void agrees_with_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        schedule s;
        simenv sim;
        pn_env env;
        rl_store *store = NULL;
        unsigned notified = 0;
        bool ok = true;
        simenv_init(&sim, seed);
        env = simenv_env(&sim);
        schedule_init(&s, seed);
        assert_int_equal(
            rl_store_mem_open(&store, &env, RL_MEM_MANUAL, notify, &notified),
            PN_OK);
        s.store = store;
        for (int i = 0; i < STEPS && ok; i++) {
            const uint64_t dice = simenv_next(&sim) % 100;
            if (dice < 80) {
                (void)schedule_step(&s);
            } else if (dice < 97) {
                rl_store_mem_commit(store, simenv_next(&sim) % 20);
                ok = schedule_drain(&s);
            } else if (dice < 99) {
                rl_store_mem_commit(store, SIZE_MAX);
                ok = schedule_settle(&s) && schedule_drain(&s);
            } else {
                rl_store *again = store;
                rl_store_mem_crash(store, simenv_next(&sim) % 20);
                rl_store_mem_auto(store, true);
                ok = schedule_recover(&s, again);
                rl_store_mem_auto(store, false);
            }
        }
        rl_store_mem_auto(store, true);
        ok = ok && schedule_settle(&s) && schedule_inspect(&s);
        if (!ok)
            fail_msg("%s", s.said);
        assert_true(s.results > 0 && notified > 0);
        schedule_free(&s);
        rl_store_close(&store);
        assert_null(store);
    }
}

/* Bulk stops at half, normal and bulk at seven eighths, urgent at all. */
static void shares_leave_headroom(void **state)
{
    uint32_t n[RL_CLASSES] = { 0 };
    uint64_t b[RL_CLASSES] = { 0 };
    (void)state;
    for (n[RL_BULK] = 0; rl_quota_admits(80, 1000, n, b, RL_BULK, 1);)
        n[RL_BULK]++;
    assert_int_equal(n[RL_BULK], 40);
    while (rl_quota_admits(80, 1000, n, b, RL_NORMAL, 1))
        n[RL_NORMAL]++;
    assert_int_equal(n[RL_NORMAL], 30);
    while (rl_quota_admits(80, 1000, n, b, RL_URGENT, 1))
        n[RL_URGENT]++;
    assert_int_equal(n[RL_URGENT], 10);
    assert_false(rl_quota_admits(80, 1000, n, b, RL_BULK, 1));
    n[RL_URGENT] = n[RL_NORMAL] = n[RL_BULK] = 0;
    assert_true(rl_quota_admits(80, 1000, n, b, RL_BULK, 500));
    assert_false(rl_quota_admits(80, 1000, n, b, RL_BULK, 501));
    assert_true(rl_quota_admits(80, 1000, n, b, RL_NORMAL, 875));
    assert_false(rl_quota_admits(80, 1000, n, b, RL_NORMAL, 876));
    assert_true(rl_quota_admits(80, 1000, n, b, RL_URGENT, 1000));
    assert_false(rl_quota_admits(80, 1000, n, b, RL_URGENT, 1001));
    assert_true(rl_quota_admits(1, 1, n, b, RL_BULK, 1));
}

/* An operation out of its bounds is refused before it is taken. */
static void bounds_are_checked(void **state)
{
    static const uint8_t id[32] = { 0 };
    uint8_t byte = 0;
    rl_op op = { .kind = RL_OP_DEPOSIT, .id = id };
    (void)state;
    op.u.deposit = (rl_deposit){
        .cap_hash = id, .message_id = id, .class = RL_BULK, .body = { &byte, 1 }
    };
    assert_int_equal(rl_op_check(&op), PN_OK);
    op.u.deposit.body.len = 0;
    assert_int_equal(rl_op_check(&op), PN_E_ARG);
    op.u.deposit.body.len = (size_t)RL_BODY_MAX + 1;
    assert_int_equal(rl_op_check(&op), PN_E_ARG);
    op.u.deposit.body.len = 1;
    op.u.deposit.ttl_days = RL_TTL_DAYS_MAX + 1;
    assert_int_equal(rl_op_check(&op), PN_E_ARG);
    op.u.deposit.ttl_days = 0;
    op.id = NULL;
    assert_int_equal(rl_op_check(&op), PN_E_ARG);
    op = (rl_op){ .kind = RL_OP_FETCH, .id = id };
    assert_int_equal(rl_op_check(&op), PN_E_ARG);
    op.u.fetch.max_count = RL_FETCH_MAX;
    assert_int_equal(rl_op_check(&op), PN_OK);
    op.u.fetch.max_count = RL_FETCH_MAX + 1;
    assert_int_equal(rl_op_check(&op), PN_E_ARG);
    op = (rl_op){ .kind = RL_OP_ACK, .id = id };
    assert_int_equal(rl_op_check(&op), PN_OK);
    op.u.ack.count = 1;
    assert_int_equal(rl_op_check(&op), PN_E_ARG);
    op = (rl_op){ .kind = RL_OP_EXPIRE };
    assert_int_equal(rl_op_check(&op), PN_OK);
    assert_int_equal(rl_remembered_max(UINT32_MAX - 1), UINT32_MAX);
    assert_int_equal(rl_remembered_max(RL_SPOOL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_checked),
        cmocka_unit_test(shares_leave_headroom),
        cmocka_unit_test(agrees_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
