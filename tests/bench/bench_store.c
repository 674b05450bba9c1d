/* The log store under load, on a directory of the machine's own disk:
 *   bench_store DIRECTORY [QUEUES]
 * One thread plays the relay's loop: it keeps WINDOW deposits under way,
 * drains, and submits again. Prints messages per second, processor time per
 * 100 000 messages (all threads), time from submit to answer, and what the
 * disk was given per message.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "relay/store/store_log.h"
#include "tests/bench/bench.h"
#include "tests/support/simenv.h"

enum { LATENCIES = 1 << 20, FETCH = 32, CLEAN_S = 5 };

typedef struct load {
    simenv sim;
    pn_env env;
    rl_fs fs;
    rl_log_config cfg;
    rl_store *store;
    int wake;
    uint32_t queues;
    rl_day today; /* so that a real relay may open the store after */
    uint64_t under_way, answers, stored, busy, fetched, acked;
    uint64_t next_message;
    double *latency;
    uint64_t *begun; /* by token */
    size_t latencies;
    uint8_t (*ids)[RL_MESSAGE_ID_BYTES]; /* to acknowledge */
    uint32_t *id_queue;
    size_t id_count;
    bool thinning; /* every third message stays */
    double worst_drain_ms;
    double worst_drain_cpu_ms; /* without what others took of the processor */
} load;

static uint8_t body[RL_BODY_MAX];

static double seconds(void)
{
    const uint64_t ns = bench_now_ns();
    return (double)ns / 1e9;
}

static double cpu_seconds(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double thread_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static uint64_t mono(void *ctx)
{
    (void)ctx;
    return bench_now_ns() / 1000000;
}

static void notify(void *ctx)
{
    const load *l = ctx;
    const uint64_t one = 1;
    if (write(l->wake, &one, sizeof one) < 0)
        abort();
}

static void name(uint8_t out[32], uint64_t what, uint64_t n)
{
    simenv x;
    simenv_init(&x, what << 40 | n);
    for (size_t i = 0; i < 32; i += 8) {
        const uint64_t v = simenv_next(&x);
        memcpy(out + i, &v, 8);
    }
}

static void on_result(void *ctx, const rl_result *r)
{
    load *l = ctx;
    l->under_way--;
    l->answers++;
    if (r->kind == RL_OP_DEPOSIT) {
        l->stored += r->status == RL_STATUS_OK;
        l->busy += r->status == RL_STATUS_BUSY;
        if (l->latencies < LATENCIES)
            l->latency[l->latencies++] =
                (double)(bench_now_ns() - l->begun[r->token % LATENCIES]) / 1e6;
    } else if (r->kind == RL_OP_FETCH) {
        for (uint32_t i = 0; i < r->u.fetch.count; i++) {
            const rl_envelope *e = &r->u.fetch.envelopes[i];
            if (e->damaged)
                abort();
            if (l->thinning && e->id[0] % 3 == 0)
                continue;
            memcpy(l->ids[l->id_count], e->id, RL_MESSAGE_ID_BYTES);
            l->id_queue[l->id_count++] = (uint32_t)r->token;
        }
        l->fetched += r->u.fetch.count;
    } else if (r->kind == RL_OP_ACK) {
        l->acked += r->u.forgotten;
    } else if (r->status != RL_STATUS_OK) {
        (void)fprintf(stderr, "operation %d: status %d\n", (int)r->kind,
                      (int)r->status);
        abort();
    }
}

/* One turn of the loop: sleep until something is done, then drain. */
static void turn(load *l)
{
    struct pollfd p = { .fd = l->wake, .events = POLLIN };
    uint64_t n;
    double begun, cpu;
    rl_store_flush(l->store);
    if (poll(&p, 1, 1000) > 0 && read(l->wake, &n, sizeof n) < 0)
        abort();
    begun = seconds();
    cpu = thread_ms();
    (void)rl_store_drain(l->store, on_result, l);
    cpu = thread_ms() - cpu;
    begun = (seconds() - begun) * 1e3;
    if (cpu > l->worst_drain_cpu_ms)
        l->worst_drain_cpu_ms = cpu;
    if (begun > l->worst_drain_ms)
        l->worst_drain_ms = begun;
}

static bool submit(load *l, const rl_op *op)
{
    const pn_err err = rl_store_submit(l->store, op);
    if (err != PN_OK && err != PN_E_FULL)
        abort();
    l->under_way += err == PN_OK;
    return err == PN_OK;
}

static void make_queues(load *l, uint32_t count)
{
    for (uint32_t i = 0; i < count;) {
        uint8_t recv[32], send[32], cap[32];
        rl_op op = { .kind = RL_OP_CREATE, .day = l->today, .id = recv };
        name(recv, 1, i);
        name(send, 2, i);
        name(cap, 3, i);
        op.u.create = (rl_create){ .send_id = send,
                                   .owner = recv,
                                   .cap_hash = cap,
                                   .max_count = 100000,
                                   .max_bytes = UINT32_MAX,
                                   .ttl_days = 21 };
        if (l->under_way > 4096 || !submit(l, &op))
            turn(l);
        else
            i++;
    }
    while (l->under_way > 0)
        turn(l);
}

static void deposit_one(load *l, size_t len)
{
    const uint64_t n = l->next_message;
    uint8_t send[32], cap[32], id[32];
    rl_op op = {
        .kind = RL_OP_DEPOSIT, .day = l->today, .token = n, .id = send
    };
    const uint64_t q = n * 2654435761U % l->queues;
    name(send, 2, q);
    name(cap, 3, q);
    name(id, 4, n);
    op.u.deposit = (rl_deposit){ .cap_hash = cap,
                                 .message_id = id,
                                 .class = RL_NORMAL,
                                 .body = { body, len } };
    l->begun[n % LATENCIES] = bench_now_ns();
    if (submit(l, &op))
        l->next_message++;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void deposits(load *l, size_t len, uint64_t window, double for_s)
{
    rl_store_stats before, after;
    const double begun = seconds(), cpu = cpu_seconds();
    const uint64_t stored = l->stored, busy = l->busy;
    double took, used, n;
    l->latencies = 0;
    rl_store_stats_get(l->store, &before);
    while (seconds() - begun < for_s) {
        while (l->under_way < window)
            deposit_one(l, len);
        turn(l);
    }
    while (l->under_way > 0)
        turn(l);
    took = seconds() - begun;
    used = cpu_seconds() - cpu;
    n = (double)(l->stored - stored);
    rl_store_stats_get(l->store, &after);
    qsort(l->latency, l->latencies, sizeof *l->latency, by_value);
    (void)printf("deposit %5zu B, window %5llu: %8.0f /s  cpu %.2f s/100k  "
                 "%6.0f B/message  p50 %.2f p99 %.2f max %.1f ms  "
                 "%.0f per commit  busy %llu\n",
                 len, (unsigned long long)window, n / took, used / n * 1e5,
                 (double)(after.bytes_written - before.bytes_written) / n,
                 l->latency[l->latencies / 2],
                 l->latency[l->latencies * 99 / 100],
                 l->latency[l->latencies - 1],
                 n / (double)(after.commits - before.commits),
                 (unsigned long long)(l->busy - busy));
    (void)fflush(stdout);
}

static void fetch_one(load *l, uint32_t q, bool *taken)
{
    uint8_t recv[32];
    rl_op op = { .kind = RL_OP_FETCH, .token = q, .id = recv };
    name(recv, 1, q);
    op.u.fetch.max_count = FETCH;
    op.u.fetch.max_bytes = 1 << 20;
    *taken = submit(l, &op);
}

/* Acknowledge what was fetched, queue by queue. */
static void ack_fetched(load *l)
{
    for (size_t i = 0; i < l->id_count;) {
        uint8_t recv[32];
        rl_op op = { .kind = RL_OP_ACK, .id = recv };
        size_t end = i;
        while (end < l->id_count && l->id_queue[end] == l->id_queue[i])
            end++;
        name(recv, 1, l->id_queue[i]);
        op.u.ack.ids = l->ids[i];
        op.u.ack.count = (uint32_t)(end - i);
        while (!submit(l, &op)) {
            const size_t kept = l->id_count;
            turn(l);
            if (l->id_count != kept)
                break;
        }
        i = end;
    }
    l->id_count = 0;
}

/* Fetch from every queue in turn and acknowledge what comes, until all is
 * gone. */
static void drain_all(load *l)
{
    const double begun = seconds(), cpu = cpu_seconds();
    const uint64_t fetched = l->fetched, acked = l->acked;
    rl_store_stats st;
    double took, used, n;
    uint32_t q = 0;
    rl_store_stats_get(l->store, &st);
    while (st.messages > 0 || l->under_way > 0) {
        for (; l->under_way < 512 && q < l->queues; q++) {
            bool taken;
            fetch_one(l, q, &taken);
            if (!taken)
                break;
        }
        turn(l);
        ack_fetched(l);
        rl_store_stats_get(l->store, &st);
        if (q == l->queues)
            q = 0;
    }
    took = seconds() - begun;
    used = cpu_seconds() - cpu;
    n = (double)(l->acked - acked);
    (void)printf("fetch %llu and ack %.0f: %8.0f /s  cpu %.2f s/100k\n",
                 (unsigned long long)(l->fetched - fetched), n, n / took,
                 used / n * 1e5);
    (void)fflush(stdout);
}

/* The cleaner at work: of mail of `len` bytes every third message stays, so
 * that every segment is worth cleaning, and a few deposits come meanwhile. */
static void clean(load *l, size_t len, uint64_t messages)
{
    const uint64_t target = l->next_message + messages;
    rl_store_stats before, st;
    double begun;
    while (l->next_message < target) {
        deposit_one(l, len);
        if (l->under_way >= 2048)
            turn(l);
    }
    l->thinning = true;
    for (uint32_t q = 0; q < l->queues || l->under_way > 0;) {
        for (; l->under_way < 512 && q < l->queues; q++) {
            bool taken;
            fetch_one(l, q, &taken);
            if (!taken)
                break;
        }
        turn(l);
        ack_fetched(l);
    }
    l->thinning = false;
    l->worst_drain_ms = l->worst_drain_cpu_ms = 0;
    rl_store_stats_get(l->store, &before);
    begun = seconds();
    while (seconds() - begun < CLEAN_S) {
        if (l->under_way == 0)
            deposit_one(l, 64);
        turn(l);
    }
    rl_store_stats_get(l->store, &st);
    while (l->under_way > 0)
        turn(l);
    (void)printf("cleaning, %5zu B: %4.0f MiB written; the loop was held up "
                 "%.1f ms at most (%.1f of processor)\n",
                 len,
                 (double)(st.bytes_written - before.bytes_written) / 1048576,
                 l->worst_drain_ms, l->worst_drain_cpu_ms);
    (void)fflush(stdout);
}

static void open_store(load *l, rl_log_open mode)
{
    pn_err err;
    l->cfg.mode = mode;
    err = rl_store_log_open(&l->store, &l->fs, &l->env, &l->cfg);
    if (err != PN_OK) {
        (void)fprintf(stderr, "open: %s\n", pn_strerror(err));
        exit(1);
    }
}

static void start_up(load *l)
{
    rl_store_stats st;
    double begun;
    rl_store_stats_get(l->store, &st);
    (void)printf("index: %.1f bytes for each of %llu queues and %llu messages "
                 "together %.1f MiB\n",
                 (double)st.index_bytes / (double)st.queues,
                 (unsigned long long)st.queues,
                 (unsigned long long)(st.messages + st.remembered),
                 (double)st.index_bytes / 1048576.0);
    begun = seconds();
    rl_store_close(&l->store);
    (void)printf("orderly close: %.2f s\n", seconds() - begun);
    begun = seconds();
    open_store(l, RL_LOG_STRICT);
    (void)printf("start-up: %.2f s\n", seconds() - begun);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    static const size_t lens[] = { 896, 3968, 16256 };
    static const uint64_t windows[] = { 1, 32, 256, 2048 };
    load l = { .queues = 100000, .today = (rl_day)(time(NULL) / 86400) };
    const char *quick = getenv("BENCH_SECONDS");
    const double for_s = quick != NULL ? strtod(quick, NULL) : 2.0;
    if (argc < 2 || (mkdir(argv[1], 0700) != 0 && access(argv[1], W_OK) != 0))
        return 2;
    if (argc > 2)
        l.queues = (uint32_t)strtoul(argv[2], NULL, 10);
    simenv_init(&l.sim, 1);
    l.env = simenv_env(&l.sim);
    l.env.mono_ms = mono;
    l.sim.loud = true;
    l.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    l.latency = calloc(LATENCIES, sizeof *l.latency);
    l.begun = calloc(LATENCIES, sizeof *l.begun);
    l.ids = calloc((size_t)1024 * FETCH, sizeof *l.ids);
    l.id_queue = calloc((size_t)1024 * FETCH, sizeof *l.id_queue);
    if (l.latency == NULL || l.begun == NULL || l.ids == NULL ||
        l.id_queue == NULL || rl_fs_posix(&l.fs, argv[1]) != PN_OK)
        return 1;
    rl_log_config_default(&l.cfg);
    l.cfg.notify = notify;
    l.cfg.notify_ctx = &l;
    open_store(&l, RL_LOG_CREATE);
    make_queues(&l, l.queues);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        for (size_t w = 0; w < sizeof windows / sizeof windows[0]; w++)
            deposits(&l, lens[i], windows[w], for_s);
        drain_all(&l);
    }
    (void)printf("longest drain: %.1f ms (%.1f of processor)\n",
                 l.worst_drain_ms, l.worst_drain_cpu_ms);
    clean(&l, 896, 300000);
    clean(&l, 64, 1000000);
    for (uint64_t n = 0; n < 100000;) {
        const uint64_t before = l.next_message;
        deposit_one(&l, 896);
        n += l.next_message - before;
        if (l.next_message == before || l.under_way >= 2048)
            turn(&l);
    }
    while (l.under_way > 0)
        turn(&l);
    start_up(&l);
    rl_store_close(&l.store);
    rl_fs_posix_free(&l.fs);
    (void)close(l.wake);
    free(l.latency);
    free(l.begun);
    free(l.ids);
    free(l.id_queue);
    return 0;
}
