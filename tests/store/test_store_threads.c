/* The store with its threads, and a disk that can be made to take its time: a
 * frame handed over is not yet a frame written. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/store/single.h"
#include "tests/support/cmocka.h"

enum { PATIENCE_MS = 10000, SEGMENT_MESSAGES = 64 };

/* The simulated disk, for one thread at a time; writes of frames wait while
 * the gate is shut. */
static struct {
    rl_fs real;
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool shut;
    unsigned waiting; /* frames before the gate */
} gate = { .lock = PTHREAD_MUTEX_INITIALIZER,
           .opened = PTHREAD_COND_INITIALIZER };

static void pause_ms(long ms)
{
    const struct timespec t = { .tv_nsec = ms * 1000000 };
    (void)nanosleep(&t, NULL);
}

static pn_err slow_write(void *ctx, int file, const void *p, size_t len,
                         uint64_t at)
{
    pn_err err;
    (void)pthread_mutex_lock(&gate.lock);
    if (len >= 4 && memcmp(p, "PNF1", 4) == 0) {
        gate.waiting++;
        while (gate.shut)
            (void)pthread_cond_wait(&gate.opened, &gate.lock);
        gate.waiting--;
    }
    err = gate.real.write(ctx, file, p, len, at);
    (void)pthread_mutex_unlock(&gate.lock);
    return err;
}

#define ALONE(expression)                   \
    pn_err err;                             \
    (void)pthread_mutex_lock(&gate.lock);   \
    err = (expression);                     \
    (void)pthread_mutex_unlock(&gate.lock); \
    return err

static pn_err alone_open(void *ctx, const char *name, rl_fs_mode mode, int *out)
{
    ALONE(gate.real.open(ctx, name, mode, out));
}

static void alone_close(void *ctx, int file)
{
    (void)pthread_mutex_lock(&gate.lock);
    gate.real.close(ctx, file);
    (void)pthread_mutex_unlock(&gate.lock);
}

static pn_err alone_read(void *ctx, int file, void *p, size_t len, uint64_t at,
                         size_t *got)
{
    ALONE(gate.real.read(ctx, file, p, len, at, got));
}

static pn_err alone_sync(void *ctx, int file)
{
    ALONE(gate.real.sync(ctx, file));
}

static pn_err alone_reserve(void *ctx, int file, uint64_t len)
{
    ALONE(gate.real.reserve(ctx, file, len));
}

static pn_err alone_size(void *ctx, int file, uint64_t *out)
{
    ALONE(gate.real.size(ctx, file, out));
}

static pn_err alone_rename(void *ctx, const char *from, const char *to)
{
    ALONE(gate.real.rename(ctx, from, to));
}

static pn_err alone_remove(void *ctx, const char *name)
{
    ALONE(gate.real.remove(ctx, name));
}

static pn_err alone_sync_dir(void *ctx)
{
    ALONE(gate.real.sync_dir(ctx));
}

static pn_err alone_space(void *ctx, uint64_t *out)
{
    ALONE(gate.real.space(ctx, out));
}

static int setup(void **state)
{
    (void)single_setup(state);
    gate.real = w.b.fs;
    gate.shut = false;
    w.b.fs.open = alone_open;
    w.b.fs.close = alone_close;
    w.b.fs.read = alone_read;
    w.b.fs.write = slow_write;
    w.b.fs.sync = alone_sync;
    w.b.fs.reserve = alone_reserve;
    w.b.fs.size = alone_size;
    w.b.fs.rename = alone_rename;
    w.b.fs.remove = alone_remove;
    w.b.fs.sync_dir = alone_sync_dir;
    w.b.fs.space = alone_space;
    w.b.fs.direct = NULL;
    w.b.cfg.threads = true;
    w.b.cfg.snapshot_every = (uint64_t)1 << 40;
    return 0;
}

static void shut_gate(bool shut)
{
    (void)pthread_mutex_lock(&gate.lock);
    gate.shut = shut;
    (void)pthread_cond_broadcast(&gate.opened);
    (void)pthread_mutex_unlock(&gate.lock);
}

static bool is_somebody_waiting(void)
{
    bool waiting;
    (void)pthread_mutex_lock(&gate.lock);
    waiting = gate.waiting > 0;
    (void)pthread_mutex_unlock(&gate.lock);
    return waiting;
}

static uint64_t pending(void)
{
    rl_store_stats stats;
    rl_store_stats_get(w.b.store, &stats);
    return stats.pending;
}

/* Until all that was asked for is answered. */
static void finish(void)
{
    for (int i = 0; i < PATIENCE_MS && pending() > 0; i++) {
        single_drain(1);
        pause_ms(1);
    }
    assert_int_equal(pending(), 0);
}

static void run_for(int ms)
{
    for (int i = 0; i < ms; i++) {
        single_drain(1);
        pause_ms(1);
    }
}

static void ack(uint32_t first, uint32_t last)
{
    for (uint32_t n = first; n < last; n++) {
        uint8_t id[16] = { 0 };
        rl_op op = { .kind = RL_OP_ACK, .id = single_recv_id };
        op.u.ack = (rl_ack){ .ids = id, .count = 1 };
        memcpy(id, &n, sizeof n);
        assert_int_equal(rl_store_submit(w.b.store, &op), PN_OK);
        finish();
        assert_int_equal(w.status, RL_STATUS_OK);
    }
}

/* How many messages are there. */
static uint32_t fetched(void)
{
    rl_op op = { .kind = RL_OP_FETCH, .id = single_recv_id };
    op.u.fetch =
        (rl_fetch){ .max_count = RL_FETCH_MAX, .max_bytes = UINT32_MAX };
    assert_int_equal(rl_store_submit(w.b.store, &op), PN_OK);
    finish();
    return w.count;
}

/* A segment may be full, and nearly all in it dead, while its last frames are
 * still on their way to the disk. What is not there yet is not damage. */
static void cleaning_waits_for_what_is_written(void **state)
{
    uint32_t n = 0;
    (void)state;
    assert_int_equal(bed_open(&w.b, RL_LOG_CREATE), PN_OK);
    rl_op op = { .kind = RL_OP_CREATE,
                 .day = SINGLE_DAY,
                 .id = single_recv_id };
    op.u.create = (rl_create){ .send_id = single_send_id,
                               .owner = single_recv_id,
                               .cap_hash = single_recv_id,
                               .max_count = 100000,
                               .max_bytes = UINT32_MAX,
                               .ttl_days = SINGLE_TTL };
    assert_int_equal(rl_store_submit(w.b.store, &op), PN_OK);
    finish();
    for (; n < SEGMENT_MESSAGES / 4; n++) {
        single_put(n, SINGLE_BODY);
        finish();
    }
    ack(0, n);
    run_for(50); /* spare segments are made */
    shut_gate(true);
    for (const uint32_t end = n + SEGMENT_MESSAGES; n < end; n++) {
        single_put(n, SINGLE_BODY);
        run_for(2);
    }
    assert_true(is_somebody_waiting());
    run_for(200);
    shut_gate(false);
    finish();
    run_for(200);
    assert_int_equal(w.b.found[RL_DAMAGE], 0);
    assert_int_equal(fetched(), SEGMENT_MESSAGES);
    rl_store_close(&w.b.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cleaning_waits_for_what_is_written,
                                        setup, single_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
