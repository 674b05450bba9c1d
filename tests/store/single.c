#include "tests/store/single.h"

#include <string.h>

#include "tests/support/cmocka.h"

const uint8_t single_recv_id[32] = { 1 };
const uint8_t single_body[SINGLE_BODY];
single w;

const uint8_t single_send_id[32] = { 2 };

static void on_result(void *ctx, const rl_result *r)
{
    (void)ctx;
    w.status = r->status;
    w.retry_s = r->retry_s;
    w.answered = true;
    if (r->kind == RL_OP_FETCH)
        w.count = r->u.fetch.count;
    if (r->kind == RL_OP_ACK)
        w.forgotten = r->u.forgotten;
}

void single_drain(int times)
{
    for (int i = 0; i < times; i++) {
        rl_store_flush(w.b.store);
        (void)rl_store_drain(w.b.store, on_result, NULL);
    }
}

rl_status single_run(const rl_op *op)
{
    w.answered = false;
    assert_int_equal(rl_store_submit(w.b.store, op), PN_OK);
    for (int i = 0; i < 50 && !w.answered; i++)
        single_drain(1);
    assert_true(w.answered);
    return w.status;
}

void single_create(void)
{
    rl_op op = { .kind = RL_OP_CREATE,
                 .day = SINGLE_DAY,
                 .id = single_recv_id };
    op.u.create = (rl_create){ .send_id = single_send_id,
                               .owner = single_recv_id,
                               .cap_hash = single_recv_id,
                               .max_count = 100000,
                               .max_bytes = UINT32_MAX,
                               .ttl_days = SINGLE_TTL };
    assert_int_equal(single_run(&op), RL_STATUS_OK);
}

/* Submit a deposit, and leave it at that. */
void single_put(uint32_t n, size_t len)
{
    uint8_t id[16] = { 0 };
    rl_op op = { .kind = RL_OP_DEPOSIT,
                 .day = SINGLE_DAY,
                 .id = single_send_id };
    memcpy(id, &n, sizeof n);
    op.u.deposit = (rl_deposit){ .cap_hash = single_recv_id,
                                 .message_id = id,
                                 .class = RL_URGENT,
                                 .body = { single_body, len } };
    assert_int_equal(rl_store_submit(w.b.store, &op), PN_OK);
}

rl_status single_deposit(uint32_t n, size_t len)
{
    w.answered = false;
    single_put(n, len);
    for (int i = 0; i < 50 && !w.answered; i++)
        single_drain(1);
    assert_true(w.answered);
    return w.status;
}

uint32_t single_fetch(void)
{
    rl_op op = { .kind = RL_OP_FETCH, .id = single_recv_id };
    op.u.fetch =
        (rl_fetch){ .max_count = RL_FETCH_MAX, .max_bytes = UINT32_MAX };
    assert_int_equal(single_run(&op), RL_STATUS_OK);
    return w.count;
}

int single_setup(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    bed_init(&w.b, 7);
    return 0;
}

int single_teardown(void **state)
{
    (void)state;
    bed_free(&w.b);
    return 0;
}
