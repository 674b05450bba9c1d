/* A process that deposits, fetches and acknowledges on the real file system
 * is killed with SIGKILL at a random moment, again and again: each time every
 * message it was told is stored is there, once, with its bytes, and every one
 * it was told is acknowledged is gone.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "relay/store/store_log.h"
#include "tests/store/model.h"
#include "tests/support/cmocka.h"
#include "tests/support/simenv.h"

enum { QUEUES = 8, MESSAGES = 1 << 20, WINDOW = 64, BODY = 2000 };

/* What the child says, one by one, through a pipe. */
typedef enum event { TRIED = 1, STORED, ACK_TRIED, ACKED } event;
typedef struct said {
    uint32_t message;
    uint32_t event;
} said;

static uint8_t known[MESSAGES]; /* the highest event of each */

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static uint64_t mono(void *ctx)
{
    (void)ctx;
    return now_ns() / 1000000;
}

static void queue_name(uint8_t out[32], uint8_t what, uint8_t n)
{
    memset(out, what, 32);
    out[0] = (uint8_t)(n * 37 + what);
    out[1] = n;
}

static void message_name(uint8_t out[16], uint32_t n)
{
    memset(out, 0xa5, 16);
    memcpy(out, &n, sizeof n);
}

typedef struct user {
    rl_store *store;
    int out;     /* the pipe, in the child */
    int wake[2]; /* notify to loop */
    unsigned under_way;
    uint32_t next;
    uint32_t acks[4096][4]; /* by token: messages, 0 ends */
    uint32_t ack_next;
    bool checking;
    unsigned seen;
} user;

static void say(const user *u, uint32_t message, event e)
{
    const said s = { message, (uint32_t)e };
    if (write(u->out, &s, sizeof s) != (ssize_t)sizeof s)
        _exit(3);
}

static void notify(void *ctx)
{
    const user *u = ctx;
    (void)!write(u->wake[1], "", 1);
}

static void check_body(const rl_envelope *e, uint32_t *out)
{
    uint8_t body[BODY];
    memcpy(out, e->id, sizeof *out);
    if (e->damaged || e->body.len > BODY || *out >= MESSAGES)
        fail_msg("a damaged message");
    model_body(e->id, body, e->body.len);
    assert_memory_equal(body, e->body.p, e->body.len);
}

static void submit(user *u, const rl_op *op)
{
    if (rl_store_submit(u->store, op) == PN_OK)
        u->under_way++;
}

static void acknowledge(user *u, const rl_result *r)
{
    uint8_t recv[32], ids[3 * 16];
    const uint32_t token = u->ack_next++ % 4096;
    uint32_t n = 0;
    rl_op op = { .kind = RL_OP_ACK, .token = token, .id = recv };
    queue_name(recv, 1, (uint8_t)r->token);
    for (; n < r->u.fetch.count && n < 3; n++) {
        uint32_t m;
        check_body(&r->u.fetch.envelopes[n], &m);
        memcpy(ids + (size_t)n * 16, r->u.fetch.envelopes[n].id, 16);
        u->acks[token][n] = m;
        say(u, m, ACK_TRIED);
    }
    u->acks[token][n] = 0;
    op.u.ack.ids = ids;
    op.u.ack.count = n;
    if (n > 0)
        submit(u, &op);
}

static void on_result(void *ctx, const rl_result *r)
{
    user *u = ctx;
    u->under_way--;
    if (r->kind == RL_OP_DEPOSIT && r->status == RL_STATUS_OK)
        say(u, (uint32_t)r->token, STORED);
    if (r->kind == RL_OP_ACK && r->status == RL_STATUS_OK)
        for (uint32_t i = 0; u->acks[r->token][i] != 0; i++)
            say(u, u->acks[r->token][i], ACKED);
    if (r->kind == RL_OP_FETCH && r->status == RL_STATUS_OK && !u->checking)
        acknowledge(u, r);
}

static void deposit(user *u, uint64_t lot)
{
    uint8_t send[32], cap[32], id[16], body[BODY];
    const uint32_t n = u->next++;
    rl_op op = { .kind = RL_OP_DEPOSIT, .day = 100, .token = n, .id = send };
    queue_name(send, 2, (uint8_t)(lot % QUEUES));
    queue_name(cap, 3, (uint8_t)(lot % QUEUES));
    message_name(id, n);
    model_body(id, body, BODY);
    op.u.deposit = (rl_deposit){ .cap_hash = cap,
                                 .message_id = id,
                                 .class = RL_NORMAL,
                                 .body = { body, 1 + lot / 8 % BODY } };
    say(u, n, TRIED);
    submit(u, &op);
}

static void config(rl_log_config *c)
{
    rl_log_config_default(c);
    c->segment_bytes = 512 * 1024;
    c->max_segments = 256;
    c->min_free = 0;
    c->snapshot_every = 1024 * 1024;
    c->max_queues = 64;
    c->max_messages = 1 << 20;
}

/* The child: until it is killed. */
static void work(const rl_fs *fs, uint32_t next, int out, uint64_t seed)
{
    static user u;
    simenv sim;
    pn_env env;
    rl_log_config c;
    simenv_init(&sim, seed);
    env = simenv_env(&sim);
    env.mono_ms = mono;
    u.out = out;
    u.next = next;
    if (pipe(u.wake) != 0)
        _exit(4);
    config(&c);
    c.mode = RL_LOG_STRICT;
    c.notify = notify;
    c.notify_ctx = &u;
    if (rl_store_log_open(&u.store, fs, &env, &c) != PN_OK)
        _exit(5);
    for (;;) {
        uint8_t recv[32];
        char bytes[64];
        struct pollfd p = { .fd = u.wake[0], .events = POLLIN };
        const uint64_t lot = simenv_next(&sim);
        if (u.under_way < WINDOW && lot % 3 == 0) {
            rl_op op = { .kind = RL_OP_FETCH,
                         .token = lot / 8 % QUEUES,
                         .id = recv };
            queue_name(recv, 1, (uint8_t)(lot / 8 % QUEUES));
            op.u.fetch.max_count = 3;
            op.u.fetch.max_bytes = 100000;
            submit(&u, &op);
        } else if (u.under_way < WINDOW) {
            deposit(&u, lot / 3);
        }
        if (lot % 7 == 0 || u.under_way >= WINDOW) {
            rl_store_flush(u.store);
            if (poll(&p, 1, u.under_way >= WINDOW ? 100 : 0) > 0)
                (void)!read(u.wake[0], bytes, sizeof bytes);
            (void)rl_store_drain(u.store, on_result, &u);
        }
    }
}

typedef struct finding_count {
    unsigned damage;
} finding_count;

static void on_finding(void *ctx, rl_severity severity, const char *text)
{
    if (severity != RL_DAMAGE)
        return;
    ((finding_count *)ctx)->damage++;
    (void)fprintf(stderr, "%s\n", text);
}

static uint8_t here[MESSAGES];

typedef struct look {
    rl_cursor cursor;
    bool more, done;
} look;

static void on_look(void *ctx, const rl_result *r)
{
    look *l = ctx;
    assert_int_equal(r->status, RL_STATUS_OK);
    for (uint32_t i = 0; i < r->u.fetch.count; i++) {
        const rl_envelope *e = &r->u.fetch.envelopes[i];
        uint32_t m;
        check_body(e, &m);
        if (here[m]++ != 0)
            fail_msg("message %u is there twice", (unsigned)m);
        l->cursor.after[e->class] = e->seq;
    }
    l->more = r->u.fetch.more;
    l->done = true;
}

/* Look at everything, as the parent, without threads. */
static void inspect(const rl_fs *fs, uint64_t seed, bool close)
{
    simenv sim;
    pn_env env;
    rl_log_config c;
    rl_store *store;
    finding_count found = { 0 };
    simenv_init(&sim, seed);
    env = simenv_env(&sim);
    config(&c);
    c.mode = RL_LOG_STRICT;
    c.threads = false;
    c.finding = on_finding;
    c.finding_ctx = &found;
    assert_int_equal(rl_store_log_open(&store, fs, &env, &c), PN_OK);
    assert_int_equal(found.damage, 0);
    memset(here, 0, sizeof here);
    for (uint8_t q = 0; q < QUEUES; q++) {
        look l = { .more = true };
        while (l.more) {
            uint8_t recv[32];
            rl_op op = { .kind = RL_OP_FETCH, .id = recv };
            queue_name(recv, 1, q);
            op.u.fetch = (rl_fetch){ l.cursor, RL_FETCH_MAX, UINT32_MAX };
            assert_int_equal(rl_store_submit(store, &op), PN_OK);
            for (l.done = false; !l.done;) {
                rl_store_flush(store);
                (void)rl_store_drain(store, on_look, &l);
            }
        }
    }
    if (close)
        rl_store_close(&store);
    else
        rl_store_log_abandon(&store);
}

static void create(const rl_fs *fs)
{
    simenv sim;
    pn_env env;
    rl_log_config c;
    rl_store *store;
    user u = { .checking = true };
    simenv_init(&sim, 1);
    env = simenv_env(&sim);
    config(&c);
    c.mode = RL_LOG_CREATE;
    c.threads = false;
    assert_int_equal(rl_store_log_open(&store, fs, &env, &c), PN_OK);
    u.store = store;
    for (uint8_t q = 0; q < QUEUES; q++) {
        uint8_t recv[32], send[32], cap[32];
        rl_op op = { .kind = RL_OP_CREATE, .day = 100, .id = recv };
        queue_name(recv, 1, q);
        queue_name(send, 2, q);
        queue_name(cap, 3, q);
        op.u.create = (rl_create){ .send_id = send,
                                   .owner = recv,
                                   .cap_hash = cap,
                                   .max_count = 500,
                                   .max_bytes = 1 << 20,
                                   .ttl_days = 21 };
        submit(&u, &op);
    }
    while (u.under_way > 0) {
        rl_store_flush(store);
        (void)rl_store_drain(store, on_result, &u);
    }
    rl_store_close(&store);
}

static void killed_at_any_moment(void **state)
{
    char path[] = "/tmp/postern-kill-XXXXXX";
    const char *more = getenv("POSTERN_KILL_ROUNDS");
    const unsigned rounds =
        more != NULL ? (unsigned)strtoul(more, NULL, 10) : 150;
    uint32_t next = 1;
    uint64_t stored = 0, acked = 0;
    char command[128];
    rl_fs fs;
    simenv lot;
    (void)state;
    assert_non_null(mkdtemp(path));
    assert_int_equal(rl_fs_posix(&fs, path), PN_OK);
    create(&fs);
    simenv_init(&lot, now_ns());
    for (unsigned round = 0; round < rounds; round++) {
        const struct timespec pause = {
            .tv_nsec = (long)(1000000 + simenv_next(&lot) % 120000000)
        };
        int pipes[2];
        said s;
        pid_t child;
        int status;
        assert_int_equal(pipe(pipes), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            (void)close(pipes[0]);
            work(&fs, next, pipes[1], simenv_next(&lot));
        }
        (void)close(pipes[1]);
        {
            /* Read while it works, or the pipe would stop it. */
            const uint64_t end = now_ns() + (uint64_t)pause.tv_nsec;
            bool alive = true;
            for (;;) {
                struct pollfd p = { .fd = pipes[0], .events = POLLIN };
                const uint64_t t = now_ns();
                if (alive && t >= end) {
                    (void)kill(child, SIGKILL);
                    alive = false;
                }
                if (poll(&p, 1, alive ? 1 : 1000) <= 0)
                    continue;
                if (read(pipes[0], &s, sizeof s) != (ssize_t)sizeof s)
                    break;
                assert_true(s.message < MESSAGES);
                if (known[s.message] < s.event)
                    known[s.message] = (uint8_t)s.event;
                if (s.message >= next)
                    next = s.message + 1;
            }
        }
        (void)close(pipes[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        inspect(&fs, round, round % 3 == 0);
        for (uint32_t m = 1; m < next; m++) {
            if (known[m] == STORED && here[m] == 0)
                fail_msg("round %u: stored message %u is lost", round,
                         (unsigned)m);
            if (known[m] == ACKED && here[m] != 0)
                fail_msg("round %u: acknowledged message %u is back", round,
                         (unsigned)m);
            /* What had no answer is now one or the other. */
            if (known[m] == TRIED && here[m] != 0)
                known[m] = STORED;
            if (known[m] == ACK_TRIED)
                known[m] = here[m] != 0 ? STORED : ACKED;
        }
        for (uint32_t m = next; m < MESSAGES; m++)
            assert_int_equal(here[m], 0);
    }
    for (uint32_t m = 1; m < next; m++) {
        stored += known[m] >= STORED;
        acked += known[m] == ACKED;
    }
    (void)printf("%u kills, %llu stored, %llu of them acknowledged\n", rounds,
                 (unsigned long long)stored, (unsigned long long)acked);
    assert_true(stored > rounds && acked > 0);
    rl_fs_posix_free(&fs);
    (void)snprintf(command, sizeof command, "rm -r '%s'", path);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
