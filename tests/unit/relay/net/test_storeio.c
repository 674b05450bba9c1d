/* The store on the loop: results come, and a store that is left alone does
 * what is left to do. */
#include "relay/net/storeio.h"

#include <stdio.h>
#include <stdlib.h>

#include "relay/store/log.h"
#include "tests/support/cmocka.h"
#include "tests/support/simenv.h"

typedef struct world {
    uv_loop_t loop;
    rl_storeio io;
    uv_timer_t end;
    unsigned results;
} world;

static void on_result(void *ctx, const rl_result *r)
{
    world *w = ctx;
    assert_int_equal(r->status, RL_STATUS_OK);
    w->results++;
}

static uint64_t mono(void *ctx)
{
    (void)ctx;
    return uv_hrtime() / 1000000;
}

static void on_end(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static void run_for(world *w, uint64_t ms)
{
    assert_int_equal(uv_timer_start(&w->end, on_end, ms, 0), 0);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
}

static void on_closed(void *ctx)
{
    world *w = ctx;
    uv_close((uv_handle_t *)&w->end, NULL);
}

/* The last commit before a silence: another frame says that it was durable,
 * so that its loss would be seen. */
static void the_last_commit_is_proven(void **state)
{
    static const uint8_t recv_id[32] = { 1 }, send_id[32] = { 2 };
    static world w;
    char path[] = "/tmp/postern-storeio-XXXXXX", command[64];
    rl_log_config c;
    rl_store *store;
    rl_fs fs;
    simenv sim;
    pn_env env;
    rl_op op = { .kind = RL_OP_CREATE, .day = 9, .id = recv_id };
    (void)state;
    assert_non_null(mkdtemp(path));
    assert_int_equal(rl_fs_posix(&fs, path), PN_OK);
    simenv_init(&sim, 1);
    env = simenv_env(&sim);
    env.mono_ms = mono;
    assert_int_equal(uv_loop_init(&w.loop), 0);
    assert_int_equal(uv_timer_init(&w.loop, &w.end), 0);
    assert_int_equal(rl_storeio_init(&w.io, &w.loop, on_result, &w), PN_OK);
    rl_log_config_default(&c);
    c.mode = RL_LOG_CREATE;
    c.segment_bytes = 256 * 1024;
    c.min_free = 0;
    c.notify = rl_storeio_notify;
    c.notify_ctx = &w.io;
    assert_int_equal(rl_store_log_open(&store, &fs, &env, &c), PN_OK);
    rl_storeio_attach(&w.io, store);
    run_for(&w, 300);
    op.u.create = (rl_create){ .send_id = send_id,
                               .owner = recv_id,
                               .cap_hash = recv_id,
                               .max_count = 9,
                               .max_bytes = 9000,
                               .ttl_days = 9 };
    assert_int_equal(rl_storeio_submit(&w.io, &op), PN_OK);
    run_for(&w, 600);
    assert_int_equal(w.results, 1);
    assert_true(rl_log_of(store)->last_data > 0);
    assert_true(rl_log_of(store)->proven >= rl_log_of(store)->last_data);
    rl_storeio_stop(&w.io, on_closed);
    (void)uv_run(&w.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w.loop), 0);
    rl_fs_posix_free(&fs);
    (void)snprintf(command, sizeof command, "rm -r '%s'", path);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_commit_is_proven),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
