/* Thousands of seeded schedules: links come and go, take queues from each
 * other, deposit, fetch, acknowledge, in bursts; commits and results come late
 * and out of order; the relay dies and comes back. What must always hold is
 * checked at every message the core sends.
 */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/coresim.h"
#include "tests/support/faults.h"
#include "tests/support/seeds.h"

enum {
    MESSAGES = 4096,
    QUEUES = 3,
    LINKS = 5,
    STEPS = 400,
    HANDLES = 512,
    COMMANDS = 16 * STEPS
};

/* One message, as the world outside knows it. */
typedef struct fate {
    uint8_t queue;
    uint8_t priority;
    bool promised; /* `stored` or `duplicate` was said */
    bool acking;   /* an Ack was sent */
    bool acked;    /* an Acked came back */
    bool given;    /* delivered at least once */
    uint64_t last; /* by which opening, last */
    uint8_t delivered_in_drain;
} fate;

typedef struct side {
    uint8_t queue_of[HANDLES]; /* by handle; 0xff where none */
    uint64_t last[HANDLES][PN_PRIORITY_BULK + 1];
    uint64_t unacked[256]; /* messages given on this link */
    uint32_t unacked_handle[256];
    size_t unacked_count;
    uint64_t ack_first[COMMANDS]; /* by command id: what it was about */
    uint32_t ack_count[COMMANDS];
    uint64_t acked_ids[COMMANDS][16];
    uint8_t opening[COMMANDS]; /* queue of an open command */
    uint32_t asked[COMMANDS];  /* its window */
    uint32_t window[HANDLES];
    uint32_t in_window[HANDLES]; /* pushed and not yet acknowledged */
    bool foreign[HANDLES];       /* acknowledged what an earlier opening gave */
    uint64_t serial[HANDLES];    /* of the opening */
} side;

typedef struct run {
    coresim w;
    fate fates[MESSAGES];
    uint64_t next_message;
    uint64_t next_id;
    uint64_t openings;
    side sides[LINKS];
    bool draining;
    bool starved; /* allocations fail */
} run;

static run *r;

static void learn_opened(side *s, const pn_msg *msg)
{
    const pn_opened_queue *q = &msg->u.queue_opened.queues[0];
    if (!q->known)
        return;
    assert_true(q->handle < HANDLES);
    s->queue_of[q->handle] = s->opening[msg->id];
    s->window[q->handle] = s->asked[msg->id];
    s->serial[q->handle] = ++r->openings;
    s->foreign[q->handle] = false;
    s->in_window[q->handle] = 0;
    memset(s->last[q->handle], 0, sizeof s->last[q->handle]);
}

/* What was promised before m, and is not being acknowledged, this opening was
 * given already. */
static void nothing_is_left_out(const side *s, uint32_t handle, uint64_t m)
{
    const fate *f = &r->fates[m];
    for (uint64_t k = s->last[handle][f->priority] + 1; k < m; k++) {
        const fate *g = &r->fates[k];
        if (g->queue == f->queue && g->priority == f->priority && g->promised)
            assert_true(g->acking || g->last == s->serial[handle]);
    }
}

static void learn_deliver(side *s, const pn_msg *msg)
{
    const pn_msg_deliver *d = &msg->u.deliver;
    const uint64_t m = coresim_message_of(d->message_id.p);
    fate *f = &r->fates[m];
    assert_true(m < r->next_message);
    assert_true(d->handle < HANDLES && s->queue_of[d->handle] == f->queue);
    assert_int_equal(d->priority, f->priority);
    /* Nothing after its Acked. */
    assert_false(f->acked);
    /* The order of deposit within queue and class; numbers rise with it. */
    assert_true(m > s->last[d->handle][d->priority]);
    nothing_is_left_out(s, d->handle, m);
    s->last[d->handle][d->priority] = m;
    /* Once on each opening. */
    assert_true(f->last != s->serial[d->handle]);
    f->last = s->serial[d->handle];
    f->given = true;
    if (r->draining)
        f->delivered_in_drain++;
    if (msg->id == 0) {
        s->in_window[d->handle]++;
        assert_true(s->foreign[d->handle] ||
                    s->in_window[d->handle] <= s->window[d->handle]);
    }
    if (s->unacked_count < 256) {
        s->unacked[s->unacked_count] = m;
        s->unacked_handle[s->unacked_count++] = d->handle;
    }
}

static void learn_acked(side *s, const pn_msg *msg)
{
    for (uint32_t i = 0; i < s->ack_count[msg->id]; i++)
        r->fates[s->acked_ids[msg->id][i]].acked = true;
}

static void on_msg(void *ctx, size_t link, const pn_msg *msg)
{
    side *s = &r->sides[link];
    (void)ctx;
    if (msg->kind == PN_MSG_DEPOSIT_RESULT) {
        if (msg->u.deposit_result.status <= PN_DEPOSIT_DUPLICATE)
            r->fates[s->ack_first[msg->id]].promised = true;
    } else if (msg->kind == PN_MSG_QUEUE_OPENED) {
        learn_opened(s, msg);
    } else if (msg->kind == PN_MSG_QUEUE_CLOSED) {
        assert_true(s->queue_of[msg->u.queue_closed.handle] != 0xff);
        s->queue_of[msg->u.queue_closed.handle] = 0xff;
    } else if (msg->kind == PN_MSG_DELIVER) {
        learn_deliver(s, msg);
    } else if (msg->kind == PN_MSG_ACKED) {
        learn_acked(s, msg);
    }
}

static uint64_t pick(uint64_t bound)
{
    return simenv_next(&r->w.sim) % bound;
}

static void forget_side(size_t i)
{
    memset(&r->sides[i], 0, sizeof r->sides[i]);
    memset(r->sides[i].queue_of, 0xff, sizeof r->sides[i].queue_of);
}

static void send(size_t i, const pn_msg *m)
{
    const pn_err err = coresim_take(&r->w, i, m);
    if (r->starved && err == PN_E_NOMEM) {
        forget_side(i); /* the link is closed */
        return;
    }
    assert_int_equal(err, PN_OK);
}

static void step_deposit(size_t i)
{
    side *s = &r->sides[i];
    const uint64_t id = r->next_id++;
    const bool again = r->next_message > 1 && pick(8) == 0;
    uint64_t m = again ? 1 + pick(r->next_message - 1) : r->next_message;
    fate *f;
    pn_msg msg;
    if (m >= MESSAGES)
        return;
    f = &r->fates[m];
    /* Sending anew what was not promised would put it at another place in the
     * order: repeat only what is settled. */
    if (again && !f->promised)
        return;
    if (!again) {
        r->next_message++;
        f->queue = (uint8_t)pick(QUEUES);
        f->priority = (uint8_t)(1 + pick(3));
    }
    msg = coresim_deposit(&r->w, f->queue, id, (pn_priority)f->priority, m);
    s->ack_first[id] = m;
    send(i, &msg);
}

static void step_open(size_t i)
{
    side *s = &r->sides[i];
    const uint64_t id = r->next_id++;
    const size_t q = pick(QUEUES);
    const uint32_t window = (uint32_t)(pick(3) * 4);
    const pn_msg m = coresim_open_queue(&r->w, i, q, id, window);
    s->opening[id] = (uint8_t)q;
    s->asked[id] = window;
    send(i, &m);
}

static uint32_t some_handle(const side *s)
{
    for (int tries = 0; tries < 16; tries++) {
        const uint32_t h = (uint32_t)pick(64);
        if (s->queue_of[h] != 0xff)
            return h;
    }
    return 0;
}

static void step_fetch(size_t i)
{
    const uint32_t h = some_handle(&r->sides[i]);
    const pn_msg m = { .id = r->next_id++,
                       .kind = PN_MSG_FETCH,
                       .u.fetch = { h, 1 + (uint32_t)pick(8) } };
    if (h != 0)
        send(i, &m);
}

static void send_ack(size_t i, uint32_t h, const uint64_t *messages, uint32_t n)
{
    side *s = &r->sides[i];
    const uint64_t id = r->next_id++;
    uint8_t ids[16 * PN_MESSAGE_ID_BYTES];
    const pn_msg m = { .id = id,
                       .kind = PN_MSG_ACK,
                       .u.ack = {
                           h, { ids, n * PN_MESSAGE_ID_BYTES }, false } };
    s->ack_count[id] = n;
    for (uint32_t k = 0; k < n; k++) {
        s->acked_ids[id][k] = messages[k];
        r->fates[messages[k]].acking = true;
        coresim_message_id(ids + k * PN_MESSAGE_ID_BYTES, messages[k]);
    }
    s->in_window[h] -= n < s->in_window[h] ? n : s->in_window[h];
    send(i, &m);
}

/* Acknowledge some of what one opening gave. */
static void step_ack(size_t i, unsigned leave)
{
    side *s = &r->sides[i];
    uint64_t messages[16];
    uint32_t n = 0, h;
    size_t kept = 0;
    if (s->unacked_count == 0)
        return;
    h = s->unacked_handle[pick(s->unacked_count)];
    for (size_t k = 0; k < s->unacked_count; k++) {
        if (n < 16 && s->unacked_handle[k] == h &&
            (leave == 0 || pick(leave) != 0)) {
            messages[n++] = s->unacked[k];
        } else {
            s->unacked[kept] = s->unacked[k];
            s->unacked_handle[kept++] = s->unacked_handle[k];
        }
    }
    s->unacked_count = kept;
    send_ack(i, h, messages, n);
}

/* Acknowledge through the opening of now what any earlier one gave. */
static void step_ack_foreign(size_t i)
{
    side *s = &r->sides[i];
    const uint32_t h = some_handle(s);
    uint64_t messages[16];
    uint32_t n = 0;
    if (h == 0)
        return;
    for (uint64_t m = 1; m < r->next_message && n < 16; m++) {
        const fate *f = &r->fates[m];
        if (f->queue == s->queue_of[h] && f->given && !f->acking &&
            pick(3) == 0)
            messages[n++] = m;
    }
    s->foreign[h] = true;
    send_ack(i, h, messages, n);
}

static void step_crash(void)
{
    coresim_restart(&r->w, pick(8));
    for (size_t i = 0; i < LINKS; i++)
        forget_side(i);
}

static void step_link(size_t i)
{
    if (r->w.links[i].link != NULL && pick(10) == 0) {
        coresim_close(&r->w, i);
        forget_side(i);
        return;
    }
    if (r->w.links[i].link == NULL) {
        coresim_open(&r->w, i);
        forget_side(i);
        return;
    }
    if (r->w.links[i].room == 0 || pick(6) == 0) {
        r->w.links[i].room = pick(3) == 0 ? pick(4) : SIZE_MAX;
        if (r->w.links[i].room > 0)
            rl_core_writable(r->w.links[i].link);
    }
    if (r->w.links[i].busy)
        return;
    switch (pick(8)) {
    case 0:
        step_open(i);
        break;
    case 1:
        step_fetch(i);
        break;
    case 2:
        step_ack(i, 4);
        break;
    case 3:
        step_ack_foreign(i);
        break;
    default:
        for (uint64_t n = pick(4) + 1; n > 0 && !r->w.links[i].busy; n--)
            step_deposit(i);
        break;
    }
}

/* Quotas: no queue holds more than its share, by class and in all. */
static void quotas_hold(const rl_result *result)
{
    const rl_queue_info *q = &result->u.queue;
    const uint32_t all = q->count[0] + q->count[1] + q->count[2];
    assert_true(all <= 64);
    assert_true(q->count[RL_NORMAL] + q->count[RL_BULK] <= 56);
    assert_true(q->count[RL_BULK] <= 32);
}

static void check_lookup(void *ctx, const rl_result *result)
{
    (void)ctx;
    assert_int_equal(result->status, RL_STATUS_OK);
    quotas_hold(result);
}

static void check_quotas(void)
{
    for (size_t q = 0; q < QUEUES; q++) {
        const rl_op op = { .kind = RL_OP_LOOKUP,
                           .token = 1,
                           .id = r->w.queues[q].recv_id };
        assert_int_equal(rl_store_submit(r->w.store, &op), PN_OK);
    }
    rl_store_mem_commit(r->w.store, SIZE_MAX);
    assert_int_equal(rl_store_drain(r->w.store, check_lookup, NULL), QUEUES);
}

/* Links that read and acknowledge get, on the opening they have, everything
 * that is promised: nothing is left behind. */
static void catch_up(void)
{
    for (int round = 0; round < 200; round++) {
        const uint64_t id = r->next_id;
        coresim_settle(&r->w);
        for (size_t i = 0; i < LINKS; i++) {
            side *s = &r->sides[i];
            if (r->w.links[i].link == NULL)
                continue;
            r->w.links[i].room = SIZE_MAX;
            rl_core_writable(r->w.links[i].link);
            coresim_settle(&r->w);
            for (uint32_t h = 1; h < HANDLES; h++) {
                const pn_msg m = { .id = r->next_id,
                                   .kind = PN_MSG_FETCH,
                                   .u.fetch = { h, 8 } };
                if (s->queue_of[h] == 0xff || s->window[h] != 0 || round > 20)
                    continue;
                r->next_id++;
                send(i, &m);
                coresim_settle(&r->w);
            }
            for (int n = 0; n < 8 && s->unacked_count > 0; n++)
                step_ack(i, 0);
        }
        if (round > 20 && r->next_id == id)
            break;
    }
    coresim_settle(&r->w);
    for (uint64_t m = 1; m < r->next_message; m++) {
        const fate *f = &r->fates[m];
        for (size_t i = 0; i < LINKS; i++) {
            const side *s = &r->sides[i];
            for (uint32_t h = 1; h < HANDLES; h++)
                if (s->queue_of[h] == f->queue && f->promised && !f->acking)
                    assert_true(f->last == s->serial[h]);
        }
    }
}

/* A new link takes all queues and everything that is there. */
static void drain(void)
{
    side *s = &r->sides[0];
    for (size_t i = 0; i < LINKS; i++) {
        coresim_close(&r->w, i);
        forget_side(i);
    }
    coresim_settle(&r->w);
    check_quotas();
    r->draining = true;
    coresim_open(&r->w, 0);
    for (size_t q = 0; q < QUEUES; q++) {
        const uint64_t id = r->next_id++;
        const pn_msg m = coresim_open_queue(&r->w, 0, q, id, 0);
        s->opening[id] = (uint8_t)q;
        send(0, &m);
        coresim_settle(&r->w);
    }
    for (uint32_t h = 1; h <= QUEUES; h++) {
        const pn_msg m = { .id = r->next_id++,
                           .kind = PN_MSG_FETCH,
                           .u.fetch = { h, 256 } };
        assert_true(s->queue_of[h] != 0xff);
        send(0, &m);
        coresim_settle(&r->w);
    }
}

static void begin(uint64_t seed)
{
    memset(r, 0, sizeof *r);
    coresim_init(&r->w, seed);
    r->next_message = 1;
    r->next_id = 1;
    for (size_t i = 0; i < LINKS; i++)
        forget_side(i);
    coresim_open(&r->w, 0);
    for (size_t q = 0; q < QUEUES; q++)
        (void)coresim_make(&r->w, 0, q, 0);
    coresim_close(&r->w, 0);
    r->w.on_msg = on_msg;
    r->w.shuffle = true;
}

static void walk(int steps)
{
    for (int step = 0; step < steps; step++) {
        const uint64_t what = pick(100);
        if (what < 60)
            step_link(pick(LINKS));
        else if (what < 75)
            coresim_commit(&r->w, pick(12));
        else if (what < 97)
            (void)coresim_result(&r->w);
        else if (what < 99)
            coresim_advance(&r->w, pick(20));
        else if (pick(4) == 0 && !r->starved)
            step_crash();
        assert_true(rl_core_ok(r->w.core));
    }
}

static void check_fates(void)
{
    for (uint64_t m = 1; m < r->next_message; m++) {
        const fate *f = &r->fates[m];
        /* At least once: what was promised and never acknowledged is there,
         * once; what was acknowledged is not. */
        if (f->promised && !f->acking && f->delivered_in_drain == 0)
            fail_msg("message %u was promised and is gone", (unsigned)m);
        if (f->acked && f->delivered_in_drain > 0)
            fail_msg("message %u came after its ack", (unsigned)m);
        if (f->delivered_in_drain > 1)
            fail_msg("message %u came twice", (unsigned)m);
    }
}

static void one_schedule(uint64_t seed)
{
    begin(seed);
    walk(STEPS);
    if (pick(2) == 0)
        catch_up();
    drain();
    check_fates();
    coresim_free(&r->w);
}

static uint64_t first_seed = 1;
static uint64_t seeds = 2000;

static void schedules_keep_every_promise(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed; seed < first_seed + seeds; seed++) {
        if (getenv("POSTERN_SEED_LOUD") != NULL)
            print_message("seed %llu\n", (unsigned long long)seed);
        one_schedule(seed);
    }
}

/* Whichever allocation fails, of the core or of the store, no promise is
 * broken by it and nothing leaks. */
static void failing_allocations_break_no_promise(void **state)
{
    unsigned hits = 0;
    (void)state;
    for (unsigned n = 1; n <= 500; n++) {
        begin(n % 7);
        r->starved = true;
        assert_true(faults_arm(n));
        walk(300);
        hits += faults_hit() ? 1U : 0U;
        r->starved = false;
        drain();
        check_fates();
        coresim_free(&r->w);
    }
    assert_true(hits > 150);
}

/* The same seed gives the same run, to the number of messages and their
 * order. */
static void same_seed_same_run(void **state)
{
    size_t count[2];
    uint64_t next[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        begin(99);
        for (int step = 0; step < STEPS; step++) {
            step_link(pick(LINKS));
            coresim_commit(&r->w, pick(3));
            (void)coresim_result(&r->w);
        }
        count[i] = r->w.event_count;
        next[i] = simenv_next(&r->w.sim);
        coresim_free(&r->w);
    }
    assert_int_equal(count[0], count[1]);
    assert_true(next[0] == next[1]);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedules_keep_every_promise),
        cmocka_unit_test(failing_allocations_break_no_promise),
        cmocka_unit_test(same_seed_same_run),
    };
    int failed;
    r = calloc(1, sizeof *r);
    if (r == NULL)
        return 1;
    if (argc > 1)
        first_seed = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        seeds = strtoull(argv[2], NULL, 10);
    failed = seeds_asked(argc, argv)
                 ? seeds_run(argc, argv, one_schedule)
                 : cmocka_run_group_tests(tests, NULL, NULL);
    free(r);
    return failed;
}
