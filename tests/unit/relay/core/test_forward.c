/* Custody, and the way to the destination: each promise of forward.h. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "proto/envelope/envelope.h"
#include "relay/core/dest.h"
#include "relay/core/gate.h"
#include "tests/support/coresim.h"
#include "tests/support/faults.h"

enum { XS = 2293, S = 5365, L = 66485, CLIENT = 0, OTHER = 1, R = 2, R2 = 3 };

static coresim *w;

static void list_all(void)
{
    coresim_list(w, 2, true, false);
    coresim_settle(w);
}

static int setup(void **state)
{
    static coresim world;
    (void)state;
    w = &world;
    coresim_init(w, 1);
    coresim_open(w, CLIENT);
    coresim_open(w, OTHER);
    list_all();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_true(rl_core_ok(w->core));
    coresim_free(w);
    return 0;
}

static size_t now(void)
{
    return w->event_count;
}

static void forward(size_t link, uint64_t id, uint64_t n)
{
    const pn_msg m = coresim_forward(w, 0, id, PN_PRIORITY_NORMAL, n, S);
    assert_int_equal(coresim_take(w, link, &m), PN_OK);
}

/* The status the Forward `id` got since `from`, 0 if none. */
static int status(size_t from, size_t link, uint64_t id)
{
    const coresim_event *e =
        coresim_find(w, from, link, PN_MSG_FORWARD_RESULT, id);
    return e == NULL ? 0 : (int)e->msg.u.forward_result.status;
}

/* The k-th parcel sent on a link since `from`, or NULL. */
static const coresim_event *find_parcel(size_t from, size_t link, size_t k)
{
    for (size_t i = from; i < w->event_count; i++) {
        const coresim_event *e = &w->events[i % CORESIM_EVENTS];
        if (e->link == link && e->msg.kind == PN_MSG_PARCEL && k-- == 0)
            return e;
    }
    return NULL;
}

/* The same, where there must be one. */
static const coresim_event *parcel(size_t from, size_t link, size_t k)
{
    static const coresim_event none;
    const coresim_event *e = find_parcel(from, link, k);
    assert_non_null(e);
    return e != NULL ? e : &none;
}

static pn_err answer(size_t link, uint64_t id, pn_parcel_outcome outcome,
                     uint32_t retry)
{
    static const uint8_t reply[PN_REPLY_STATUS_BYTES];
    const pn_msg m = { .id = id,
                       .kind = PN_MSG_PARCEL_RESULT,
                       .u.parcel_result = {
                           .outcome = outcome,
                           .retry_after_ms = retry,
                           .reply = { reply, outcome == PN_PARCEL_DONE
                                                 ? sizeof reply
                                                 : 0 } } };
    return coresim_take(w, link, &m);
}

/* Answer all that is sent on a link, from event `at` on, until nothing comes
 * any more; notes which parcels came. Returns how many. */
static size_t serve(size_t link, size_t at, uint8_t *seen, size_t max)
{
    size_t count = 0;
    for (;;) {
        for (; at < w->event_count; at++) {
            const coresim_event *e = &w->events[at % CORESIM_EVENTS];
            if (e->link != link || e->msg.kind != PN_MSG_PARCEL)
                continue;
            assert_true(coresim_parcel_of(e) < max);
            if (seen != NULL)
                seen[coresim_parcel_of(e)]++;
            count++;
            assert_int_equal(answer(link, e->msg.id, PN_PARCEL_DONE, 0), PN_OK);
        }
        coresim_settle(w);
        if (at == w->event_count)
            return count;
    }
}

static rl_destination_stats stats_of[CORESIM_RELAYS];

static void note(void *ctx, const rl_destination_stats *s)
{
    size_t *n = ctx;
    if (*n < CORESIM_RELAYS)
        stats_of[*n] = *s;
    ++*n;
}

static const rl_destination_stats *stats(size_t r)
{
    size_t n = 0;
    memset(stats_of, 0, sizeof stats_of);
    rl_core_each_destination(w->core, note, &n);
    for (size_t i = 0; i < n && i < CORESIM_RELAYS; i++)
        if (memcmp(stats_of[i].key, w->relays[r].key, 32) == 0)
            return &stats_of[i];
    fail();
    return NULL;
}

static void open_r(void)
{
    assert_int_equal(coresim_open_relay(w, R, 0, true), PN_OK);
}

/* --- custody -------------------------------------------------------------- */

/* Accepted is said after the commit and not before; the parcel goes out with
 * its bytes and priority, the answer comes back once, and the spool is empty.
 */
static void a_parcel_makes_its_way(void **state)
{
    const size_t from = now();
    const coresim_event *e;
    (void)state;
    forward(CLIENT, 7, 42);
    assert_int_equal(status(from, CLIENT, 7), 0);
    assert_int_equal(w->relays[0].dials, 0);
    coresim_settle(w);
    assert_int_equal(status(from, CLIENT, 7), PN_FORWARD_ACCEPTED);
    assert_int_equal(w->relays[0].dials, 1);
    assert_int_equal(stats(0)->waiting, 1);
    assert_int_equal(stats(0)->bytes, S + 4);
    open_r();
    coresim_settle(w);
    e = parcel(from, R, 0);
    assert_non_null(e);
    assert_int_equal(coresim_parcel_of(e), 42);
    assert_int_equal(e->envelope_len, S);
    assert_int_equal(e->msg.u.parcel.priority, PN_PRIORITY_NORMAL);
    assert_null(find_parcel(from, R, 1));
    assert_int_equal(answer(R, e->msg.id, PN_PARCEL_DONE, 0), PN_OK);
    coresim_advance(w, RL_HOLD_MS);
    e = coresim_find(w, from, CLIENT, PN_MSG_FORWARD_REPLY, 7);
    assert_non_null(e);
    assert_int_equal(e->envelope_len, PN_REPLY_STATUS_BYTES);
    assert_int_equal(e->msg.u.forward_reply.outcome, PN_PARCEL_DONE);
    coresim_settle(w);
    assert_int_equal(stats(0)->waiting, 0);
    assert_int_equal(stats(0)->bytes, 0);
    assert_int_equal(stats(0)->delivered, 1);
    /* An answer to it again is one to nothing. */
    assert_int_equal(answer(R, 1, PN_PARCEL_DONE, 0), PN_E_PROTO);
}

/* What was accepted survives the relay, what was not may be gone; nothing goes
 * twice once its answer is durable. */
static void custody_survives_a_crash(void **state)
{
    for (size_t survive = 0; survive <= 6; survive++) {
        uint8_t seen[6] = { 0 };
        size_t from;
        teardown(state);
        setup(state);
        for (uint64_t n = 0; n < 3; n++)
            forward(CLIENT, n + 1, n);
        coresim_commit(w, SIZE_MAX);
        for (uint64_t n = 3; n < 6; n++)
            forward(CLIENT, n + 1, n);
        coresim_restart(w, survive);
        from = now();
        list_all();
        assert_true(stats(0)->waiting >= 3);
        assert_int_equal(w->relays[0].dials, 1);
        open_r();
        coresim_settle(w);
        (void)serve(R, from, seen, 6);
        for (size_t n = 0; n < 6; n++)
            assert_int_equal(seen[n], n < 3 || n - 3 < survive);
        coresim_restart(w, 0);
        list_all();
        assert_int_equal(stats(0)->waiting, 0);
    }
}

/* A relay that dies between the answer and its own disk asks again: the
 * destination knows the tag. Nothing is lost. */
static void an_answer_not_yet_durable_is_asked_again(void **state)
{
    uint8_t seen[2] = { 0 };
    size_t from = now();
    (void)state;
    forward(CLIENT, 1, 1);
    coresim_settle(w);
    open_r();
    coresim_settle(w);
    assert_int_equal(answer(R, parcel(from, R, 0)->msg.id, PN_PARCEL_DONE, 0),
                     PN_OK);
    coresim_restart(w, 0); /* the store never did it */
    from = now();
    list_all();
    open_r();
    coresim_settle(w);
    assert_int_equal(serve(R, from, seen, 2), 1);
    assert_int_equal(seen[1], 1);
}

/* What is no parcel ends the link: its size is not that of its class. */
static void a_parcel_has_the_size_of_its_class(void **state)
{
    const pn_msg m = coresim_forward(w, 0, 1, PN_PRIORITY_NORMAL, 1, S);
    (void)state;
    w->parcel[0] = PN_ENVELOPE_M;
    assert_int_equal(coresim_take(w, CLIENT, &m), PN_E_PROTO);
}

/* The same parcel again while it waits is a duplicate, and who asked last gets
 * the reply; after the answer it goes again, for the destination to know. */
static void the_same_again(void **state)
{
    const size_t from = now();
    (void)state;
    forward(CLIENT, 1, 5);
    coresim_settle(w);
    forward(OTHER, 9, 5);
    coresim_settle(w);
    assert_int_equal(status(from, OTHER, 9), PN_FORWARD_DUPLICATE);
    open_r();
    coresim_settle(w);
    assert_int_equal(serve(R, from, NULL, 9), 1);
    coresim_advance(w, RL_HOLD_MS);
    assert_null(coresim_find(w, from, CLIENT, PN_MSG_FORWARD_REPLY, 1));
    assert_non_null(coresim_find(w, from, OTHER, PN_MSG_FORWARD_REPLY, 9));
    forward(CLIENT, 2, 5);
    coresim_settle(w);
    assert_non_null(find_parcel(from, R, 1));
    coresim_advance(w, RL_HOLD_MS);
    assert_int_equal(status(from, CLIENT, 2), PN_FORWARD_ACCEPTED);
}

/* Whoever saw a parcel (a courier, its destination) can make another that
 * begins like it and cannot be opened, or send the same elsewhere. Neither
 * takes the parcel's place, nor its reply. */
static void a_likeness_takes_nobodys_place(void **state)
{
    const size_t from = now();
    pn_msg m = coresim_forward(w, 0, 1, PN_PRIORITY_NORMAL, 5, S);
    (void)state;
    w->parcel[S - 1] = 1;
    assert_int_equal(coresim_take(w, OTHER, &m), PN_OK);
    coresim_settle(w);
    w->parcel[S - 1] = 0;
    forward(CLIENT, 2, 5);
    coresim_settle(w);
    assert_int_equal(status(from, CLIENT, 2), PN_FORWARD_ACCEPTED);
    m = coresim_forward(w, 1, 3, PN_PRIORITY_NORMAL, 5, S);
    assert_int_equal(coresim_take(w, OTHER, &m), PN_OK);
    coresim_settle(w);
    open_r();
    coresim_settle(w);
    assert_int_equal(serve(R, from, NULL, 9), 2);
    coresim_advance(w, RL_HOLD_MS);
    assert_non_null(coresim_find(w, from, CLIENT, PN_MSG_FORWARD_REPLY, 2));
}

/* The first parcel to R since `from` is answered after so many ms. */
static void answer_after(size_t from, uint64_t after)
{
    coresim_settle(w);
    coresim_advance(w, after);
    assert_int_equal(answer(R, parcel(from, R, 0)->msg.id, PN_PARCEL_DONE, 0),
                     PN_OK);
    coresim_settle(w);
}

/* A link to R that has answered. */
static void open_and_used(void)
{
    const size_t from = now();
    open_r();
    forward(OTHER, 99, 99);
    answer_after(from, 0);
    coresim_advance(w, RL_HOLD_MS);
    assert_string_equal(stats(0)->state, "open");
}

/* How many things were said to the client since `from`. */
static size_t said(size_t from)
{
    size_t count = 0;
    for (size_t i = from; i < now(); i++)
        count += w->events[i % CORESIM_EVENTS].link == CLIENT ? 1 : 0;
    return count;
}

/* Over a link that answers, accepted and reply come together and always after
 * the same time, so that who watches the client's line does not see how far
 * away the destination is. */
static void the_time_of_the_reply_tells_nothing(void **state)
{
    static const uint64_t after[] = { 0, 3, 250, RL_HOLD_MS - 1 };
    size_t from = now();
    (void)state;
    open_and_used();
    for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
        const uint64_t id = i + 1;
        from = now();
        forward(CLIENT, id, id);
        answer_after(from, after[i]);
        if (after[i] < RL_HOLD_MS - 1)
            coresim_advance(w, RL_HOLD_MS - 1 - after[i]);
        assert_int_equal(said(from), 0);
        from = now();
        coresim_advance(w, 1);
        assert_int_equal(said(from), 2);
        assert_int_equal(w->events[from].msg.kind, PN_MSG_FORWARD_RESULT);
        assert_int_equal(w->events[from + 1].msg.kind, PN_MSG_FORWARD_REPLY);
        assert_int_equal(w->events[from + 1].msg.id, id);
    }
    assert_true(rl_core_ok(w->core));
}

/* One that is late comes after a multiple of that time; accepted does not wait
 * for it. Nor does it wait where nothing is to be expected. */
static void a_late_reply_waits_for_its_turn(void **state)
{
    size_t from = now();
    (void)state;
    open_and_used();
    from = now();
    forward(CLIENT, 1, 1);
    coresim_settle(w);
    coresim_advance(w, RL_HOLD_MS);
    assert_int_equal(status(from, CLIENT, 1), PN_FORWARD_ACCEPTED);
    answer_after(from, 7);
    coresim_advance(w, RL_HOLD_MS - 8);
    assert_int_equal(said(from), 1);
    coresim_advance(w, 1);
    assert_int_equal(said(from), 2);
    assert_non_null(coresim_find(w, from, CLIENT, PN_MSG_FORWARD_REPLY, 1));
    coresim_close(w, R);
    forward(CLIENT, 2, 2);
    coresim_settle(w);
    assert_int_equal(status(from, CLIENT, 2), PN_FORWARD_ACCEPTED);
}

/* A client that leaves while its reply waits gets none; one that asks again in
 * the meantime gets the first at once, and waits for another. */
static void a_reply_that_waits_may_be_overtaken(void **state)
{
    size_t from = now();
    (void)state;
    open_and_used();
    from = now();
    forward(CLIENT, 1, 1);
    answer_after(from, 5);
    forward(CLIENT, 2, 1);
    coresim_settle(w);
    assert_int_equal(status(from, CLIENT, 1), PN_FORWARD_ACCEPTED);
    assert_non_null(coresim_find(w, from, CLIENT, PN_MSG_FORWARD_REPLY, 1));
    assert_null(coresim_find(w, from, CLIENT, PN_MSG_FORWARD_REPLY, 2));
    from = now();
    forward(OTHER, 3, 3);
    answer_after(from, 5);
    coresim_close(w, OTHER);
    coresim_advance(w, 2 * RL_HOLD_MS);
    assert_null(coresim_find(w, from, OTHER, PN_MSG_FORWARD_REPLY, 3));
    assert_true(rl_core_ok(w->core));
}

/* Nobody reaches a spool from outside: not by its id and any signature, not by
 * any capability. */
static void a_spool_is_nobodys_queue(void **state)
{
    static const uint8_t nobody[32];
    static uint8_t recv_id[32], send_id[32];
    const size_t from = now();
    rl_store_stats stats_now;
    pn_msg m;
    (void)state;
    rl_store_stats_get(w->store, &stats_now);
    assert_int_equal(stats_now.queues, 2);
    /* The world knows the secret that the ids come from, clients do not. */
    coresim_spool_ids(w, 0, recv_id, send_id);
    memcpy(w->queues[0].recv_id, recv_id, 32);
    memcpy(w->queues[0].send_id, send_id, 32);
    m = coresim_open_queue(w, CLIENT, 0, 1, 8);
    assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
    memcpy(w->queues[0].cap, nobody, 32);
    m = coresim_deposit(w, 0, 2, PN_PRIORITY_NORMAL, 1);
    assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
    coresim_settle(w);
    assert_false(
        coresim_find(w, from, CLIENT, PN_MSG_QUEUE_OPENED, 1)->opened[0].known);
    assert_int_equal(coresim_find(w, from, CLIENT, PN_MSG_DEPOSIT_RESULT, 2)
                         ->msg.u.deposit_result.status,
                     PN_DEPOSIT_UNKNOWN);
}

/* Memory runs out at any one moment: what was accepted arrives nonetheless. */
static void no_memory_loses_nothing(void **state)
{
    bool hit = true;
    unsigned n;
    for (n = 1; hit; n++) {
        uint8_t seen[4] = { 0 };
        size_t from, ok = 0;
        teardown(state);
        setup(state);
        from = now();
        assert_true(faults_arm(n));
        for (uint64_t k = 0; k < 4; k++) {
            const pn_msg m =
                coresim_forward(w, 0, k + 1, PN_PRIORITY_NORMAL, k, XS);
            if (w->links[CLIENT].link != NULL)
                (void)!coresim_take(w, CLIENT, &m);
        }
        coresim_settle(w);
        (void)!coresim_open_relay(w, R, 0, true);
        (void)serve(R, from, seen, 4);
        hit = faults_hit();
        /* The link is made anew, and what waits for memory has its time. */
        coresim_close(w, R);
        coresim_advance(w, 2000);
        coresim_settle(w);
        from = now();
        open_r();
        coresim_settle(w);
        (void)serve(R, from, seen, 4);
        assert_true(rl_core_ok(w->core));
        for (uint64_t k = 0; k < 4; k++) {
            if (status(0, CLIENT, k + 1) != PN_FORWARD_ACCEPTED)
                continue;
            ok++;
            assert_int_equal(seen[k], 1);
        }
        assert_true(ok >= 3 || w->links[CLIENT].link == NULL);
        assert_int_equal(stats(0)->waiting, 0);
    }
    assert_true(n > 30);
}

/* --- refusals ------------------------------------------------------------- */

/* A relay that is not on the list is none, nor are we ourselves; who goes on
 * asking loses the link, and nobody is ever dialled for it. */
static void only_the_list_counts(void **state)
{
    pn_msg m = coresim_forward(w, 3, 1, PN_PRIORITY_NORMAL, 1, S);
    const size_t from = now();
    (void)state;
    w->config.failures_per_link = 5;
    rl_core_configure(w->core, &w->config, &w->relay);
    assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
    m.id = 2;
    m.u.forward.destination.p = w->config.forward.self;
    assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
    assert_int_equal(status(from, CLIENT, 1), 0); /* not at once */
    coresim_settle(w);
    assert_int_equal(status(from, CLIENT, 1), PN_FORWARD_UNKNOWN);
    assert_int_equal(status(from, CLIENT, 2), PN_FORWARD_UNKNOWN);
    for (uint64_t id = 3; id < 9 && !w->links[CLIENT].closing; id++) {
        m.id = id;
        assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
    }
    assert_true(w->links[CLIENT].closing);
    assert_int_equal(w->links[CLIENT].why, PN_BYE_LIMIT);
    for (size_t r = 0; r < CORESIM_RELAYS; r++)
        assert_int_equal(w->relays[r].dials, 0);
}

/* Ourselves on the list are left out of it. */
static void we_are_not_our_destination(void **state)
{
    size_t n = 0;
    (void)state;
    memcpy(w->config.forward.self, w->relays[1].key, 32);
    rl_core_configure(w->core, &w->config, &w->relay);
    list_all();
    rl_core_each_destination(w->core, note, &n);
    assert_int_equal(n, 1);
}

/* A full spool says so, by class; what it holds is not touched. */
static void a_full_spool_says_so(void **state)
{
    static const struct {
        pn_priority priority;
        unsigned fits;
    } cases[] = { { PN_PRIORITY_BULK, 40 },
                  { PN_PRIORITY_NORMAL, 30 },
                  { PN_PRIORITY_URGENT, 10 } };
    uint64_t n = 0;
    (void)state;
    w->config.forward.spool_count = 80;
    rl_core_configure(w->core, &w->config, &w->relay);
    for (size_t i = 0; i < 3; i++) {
        for (unsigned k = 0; k <= cases[i].fits; k++) {
            const size_t from = now();
            const pn_msg m =
                coresim_forward(w, 0, 1, cases[i].priority, ++n, XS);
            assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
            coresim_settle(w);
            assert_int_equal(status(from, CLIENT, 1), k < cases[i].fits
                                                          ? PN_FORWARD_ACCEPTED
                                                          : PN_FORWARD_QUOTA);
        }
    }
    assert_int_equal(stats(0)->waiting, 80);
    /* Bytes count likewise, and one destination's are no other's. */
    w->config.forward.spool_count = 1000;
    w->config.forward.spool_bytes = 80 * (XS + 4) + XS;
    rl_core_configure(w->core, &w->config, &w->relay);
    for (size_t r = 0; r < 2; r++) {
        const size_t from = now();
        const pn_msg m = coresim_forward(w, r, 1, PN_PRIORITY_URGENT, ++n, XS);
        assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
        coresim_settle(w);
        assert_int_equal(status(from, CLIENT, 1),
                         r == 0 ? PN_FORWARD_QUOTA : PN_FORWARD_ACCEPTED);
    }
}

/* A store that is full, failed or slow is `busy`, never `accepted`. */
static void no_store_is_busy(void **state)
{
    size_t from = now();
    (void)state;
    w->refuse = true;
    forward(CLIENT, 1, 1);
    coresim_settle(w);
    assert_int_equal(status(from, CLIENT, 1), PN_FORWARD_BUSY);
    w->refuse = false;
    rl_store_mem_disk_low(w->store, true);
    forward(CLIENT, 2, 1);
    coresim_settle(w);
    assert_int_equal(status(from, CLIENT, 2), PN_FORWARD_BUSY);
    rl_store_mem_disk_low(w->store, false);
    rl_store_mem_fail(w->store);
    forward(CLIENT, 3, 1);
    coresim_settle(w);
    assert_int_equal(status(from, CLIENT, 3), PN_FORWARD_BUSY);
    assert_int_equal(w->relays[0].dials, 0);
}

/* A store that fails is asked again after a while, not as fast as it fails:
 * neither for parcels nor for their count. */
static void a_failing_store_is_left_alone(void **state)
{
    uint64_t before;
    (void)state;
    forward(CLIENT, 1, 1);
    coresim_settle(w);
    w->no_reads = true;
    before = w->submitted;
    open_r();
    rl_dests_recount(w->core);
    for (unsigned i = 0; i < 50; i++)
        (void)coresim_result(w);
    assert_true(w->submitted > before);
    assert_true(w->submitted - before < 10);
    w->no_reads = false;
    before = now();
    coresim_advance(w, 5000);
    coresim_settle(w);
    assert_int_equal(serve(R, (size_t)before, NULL, 9), 1);
}

/* What is on its way into the spool counts: many at once get no more in. */
static void the_bound_holds_for_many_at_once(void **state)
{
    const size_t from = now();
    unsigned accepted = 0;
    (void)state;
    w->config.forward.spool_count = 8;
    rl_core_configure(w->core, &w->config, &w->relay);
    for (uint64_t n = 1; n <= 16; n++) {
        const pn_msg m = coresim_forward(w, 0, n, PN_PRIORITY_URGENT, n, XS);
        assert_int_equal(coresim_take(w, n % 2 ? CLIENT : OTHER, &m), PN_OK);
    }
    coresim_settle(w);
    for (uint64_t n = 1; n <= 16; n++)
        accepted +=
            status(from, n % 2 ? CLIENT : OTHER, n) == PN_FORWARD_ACCEPTED;
    assert_int_equal(accepted, 8);
    assert_int_equal(stats(0)->waiting, 8);
}

/* Where the spool cannot be made yet nothing is taken, and it is made later. */
static void a_spool_is_made_when_it_can_be(void **state)
{
    size_t from;
    (void)state;
    rl_store_mem_disk_low(w->store, true);
    coresim_list(w, 3, true, false);
    coresim_settle(w);
    from = now();
    {
        const pn_msg m = coresim_forward(w, 2, 1, PN_PRIORITY_NORMAL, 1, S);
        assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
    }
    assert_int_equal(status(from, CLIENT, 1), PN_FORWARD_BUSY);
    rl_store_mem_disk_low(w->store, false);
    coresim_advance(w, 2000);
    coresim_settle(w);
    {
        const pn_msg m = coresim_forward(w, 2, 2, PN_PRIORITY_NORMAL, 1, S);
        assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
    }
    coresim_settle(w);
    assert_int_equal(status(from, CLIENT, 2), PN_FORWARD_ACCEPTED);
}

/* A client may forward so much a minute. */
static void forwards_have_a_rate(void **state)
{
    const size_t from = now();
    (void)state;
    w->config.forward.per_link = 3;
    rl_core_configure(w->core, &w->config, &w->relay);
    for (uint64_t id = 1; id <= 4; id++)
        forward(CLIENT, id, id);
    forward(OTHER, 1, 9);
    coresim_settle(w);
    assert_int_equal(status(from, CLIENT, 3), PN_FORWARD_ACCEPTED);
    assert_int_equal(status(from, CLIENT, 4), PN_FORWARD_BUSY);
    assert_int_equal(status(from, OTHER, 1), PN_FORWARD_ACCEPTED);
    coresim_advance(w, coresim_find(w, from, CLIENT, PN_MSG_FORWARD_RESULT, 4)
                           ->msg.u.forward_result.retry_after_ms);
    forward(CLIENT, 5, 4);
    coresim_settle(w);
    assert_int_equal(status(from, CLIENT, 5), PN_FORWARD_ACCEPTED);
}

/* And so much an hour from one place, over whatever links. */
static void places_have_a_rate(void **state)
{
    const size_t from = now();
    (void)state;
    w->config.forward.per_origin = 3;
    rl_core_configure(w->core, &w->config, &w->relay);
    forward(CLIENT, 1, 1);
    forward(OTHER, 2, 2);
    forward(CLIENT, 3, 3);
    forward(OTHER, 4, 4);
    coresim_settle(w);
    assert_int_equal(status(from, CLIENT, 3), PN_FORWARD_ACCEPTED);
    assert_int_equal(status(from, OTHER, 4), PN_FORWARD_BUSY);
    coresim_advance(w, 20 * 60 * 1000);
    forward(OTHER, 5, 4);
    coresim_settle(w);
    assert_int_equal(status(from, OTHER, 5), PN_FORWARD_ACCEPTED);
}

/* --- the way there -------------------------------------------------------- */

/* A link that opens gets one small parcel first; its answer lets the rest out,
 * more and more at a time. */
static void the_first_goes_alone(void **state)
{
    const size_t from = now();
    (void)state;
    for (uint64_t n = 0; n < 20; n++) {
        const pn_msg m =
            coresim_forward(w, 0, n + 1, PN_PRIORITY_NORMAL, n, n == 0 ? L : S);
        assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
    }
    {
        const pn_msg m = coresim_forward(w, 0, 99, PN_PRIORITY_BULK, 20, XS);
        assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
    }
    coresim_settle(w);
    open_r();
    coresim_settle(w);
    assert_int_equal(parcel(from, R, 0)->envelope_len, XS);
    assert_null(find_parcel(from, R, 1));
    assert_string_equal(stats(0)->state, "probing");
    assert_int_equal(answer(R, parcel(from, R, 0)->msg.id, PN_PARCEL_DONE, 0),
                     PN_OK);
    assert_string_equal(stats(0)->state, "open");
    assert_non_null(find_parcel(from, R, 2));
    assert_null(find_parcel(from, R, 3));
}

/* At most a window is under way, however much waits; memory holds little more,
 * and all of it arrives once. */
static void a_window_is_under_way_at_most(void **state)
{
    enum { COUNT = 600 };
    uint8_t seen[COUNT] = { 0 };
    size_t at = now(), done = 0, under_way = 0;
    (void)state;
    for (uint64_t n = 0; n < COUNT; n++) {
        forward(CLIENT, n + 1, n);
        if (n % 50 == 0)
            coresim_settle(w);
    }
    coresim_settle(w);
    at = now();
    open_r();
    coresim_settle(w);
    while (done < COUNT) {
        uint64_t ids[COUNT];
        size_t count = 0;
        for (; at < w->event_count; at++) {
            const coresim_event *e = &w->events[at % CORESIM_EVENTS];
            if (e->link != R || e->msg.kind != PN_MSG_PARCEL)
                continue;
            ids[count++] = e->msg.id;
            seen[coresim_parcel_of(e)]++;
        }
        under_way += count;
        assert_in_range(under_way, 1, RL_WINDOW_MAX);
        assert_true(rl_core_ok(w->core));
        for (size_t i = 0; i < count; i++)
            assert_int_equal(answer(R, ids[i], PN_PARCEL_DONE, 0), PN_OK);
        done += count;
        under_way -= count;
        coresim_settle(w);
    }
    for (size_t n = 0; n < COUNT; n++)
        assert_int_equal(seen[n], 1);
    assert_int_equal(stats(0)->waiting, 0);
}

/* A line that takes no more is waited for. */
static void a_full_line_is_waited_for(void **state)
{
    uint8_t seen[30] = { 0 };
    const size_t from = now();
    (void)state;
    for (uint64_t n = 0; n < 30; n++)
        forward(CLIENT, n + 1, n);
    coresim_settle(w);
    open_r();
    w->links[R].room = 3;
    coresim_settle(w);
    assert_int_equal(serve(R, from, seen, 30), 3);
    w->links[R].room = SIZE_MAX;
    {
        const size_t again = now();
        rl_core_writable(w->links[R].link);
        assert_int_equal(serve(R, again, seen, 30), 27);
    }
    for (size_t n = 0; n < 30; n++)
        assert_int_equal(seen[n], 1);
}

/* A busy destination is left alone for as long as it asks, keeps its mail, and
 * gets all of it afterwards. */
static void busy_puts_off(void **state)
{
    uint8_t seen[5] = { 0 };
    size_t from = now();
    (void)state;
    for (uint64_t n = 0; n < 5; n++)
        forward(CLIENT, n + 1, n);
    coresim_settle(w);
    open_r();
    coresim_settle(w);
    assert_int_equal(
        answer(R, parcel(from, R, 0)->msg.id, PN_PARCEL_BUSY, 30000), PN_OK);
    coresim_settle(w);
    assert_string_equal(stats(0)->state, "resting");
    from = now();
    coresim_advance(w, 29000);
    coresim_settle(w);
    assert_null(find_parcel(from, R, 0));
    coresim_advance(w, 1000);
    coresim_settle(w);
    assert_non_null(find_parcel(from, R, 0));
    assert_int_equal(serve(R, from, seen, 5), 5);
    for (size_t n = 0; n < 5; n++)
        assert_int_equal(seen[n], 1);
    assert_int_equal(stats(0)->busy, 1);
}

/* One that has no such command yet says Error: its mail waits too. */
static void an_error_is_no_refusal(void **state)
{
    const size_t from = now();
    pn_msg m = { .kind = PN_MSG_ERROR,
                 .u.error = { .code = PN_ERROR_UNSUPPORTED } };
    (void)state;
    forward(CLIENT, 1, 1);
    coresim_settle(w);
    open_r();
    coresim_settle(w);
    m.id = parcel(from, R, 0)->msg.id;
    assert_int_equal(coresim_take(w, R, &m), PN_OK);
    coresim_settle(w);
    assert_string_equal(stats(0)->state, "resting");
    assert_int_equal(stats(0)->waiting, 1);
    m.id = 77;
    assert_int_equal(coresim_take(w, R, &m), PN_E_PROTO);
}

/* What cannot be opened is dropped, counted, and its sender told. */
static void refused_is_told(void **state)
{
    static const uint8_t key_id[PN_KEY_ID_BYTES] = { 1, 2, 3, 4 };
    const size_t from = now();
    pn_msg m = { .kind = PN_MSG_PARCEL_RESULT,
                 .u.parcel_result = { .outcome = PN_PARCEL_REFUSED,
                                      .key_id = { key_id, 4 } } };
    const coresim_event *e;
    (void)state;
    forward(CLIENT, 1, 1);
    forward(CLIENT, 2, 2);
    coresim_settle(w);
    open_r();
    coresim_settle(w);
    m.id = parcel(from, R, 0)->msg.id;
    assert_int_equal(coresim_take(w, R, &m), PN_OK);
    coresim_settle(w);
    assert_int_equal(
        answer(R, parcel(from, R, 1)->msg.id, PN_PARCEL_REFUSED, 0), PN_OK);
    coresim_settle(w);
    coresim_advance(w, RL_HOLD_MS);
    e = coresim_find(w, from, CLIENT, PN_MSG_FORWARD_REPLY, 1);
    assert_non_null(e);
    assert_int_equal(e->msg.u.forward_reply.outcome, PN_PARCEL_REFUSED);
    assert_int_equal(e->msg.u.forward_reply.key_id.len, 4);
    assert_non_null(coresim_find(w, from, CLIENT, PN_MSG_FORWARD_REPLY, 2));
    assert_int_equal(stats(0)->refused_key, 1);
    assert_int_equal(stats(0)->refused_other, 1);
    assert_int_equal(stats(0)->waiting, 0);
}

/* A destination that takes and never answers loses its link after a time, is
 * left alone for a while, and keeps its mail. */
static void silence_ends_the_link(void **state)
{
    const size_t from = now();
    (void)state;
    forward(CLIENT, 1, 1);
    coresim_settle(w);
    open_r();
    coresim_settle(w);
    coresim_advance(w, w->config.forward.patience_ms - 1);
    assert_false(w->links[R].closing);
    coresim_advance(w, 1);
    assert_true(w->links[R].closing);
    assert_string_equal(stats(0)->state, "waiting");
    assert_true(stats(0)->next_ms <= RL_GATE_LAST_MS);
    /* Late words on that link are nobody's. */
    assert_int_equal(answer(R, parcel(from, R, 0)->msg.id, PN_PARCEL_DONE, 0),
                     PN_E_PROTO);
    assert_int_equal(stats(0)->waiting, 1);
    coresim_advance(w, stats(0)->next_ms);
    assert_int_equal(w->relays[0].dials, 2);
}

/* Retry belongs to the destination: a thousand parcels for a dead relay cost
 * one attempt at a time. */
static void a_dead_relay_costs_one_attempt(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 100; n++) {
        forward(CLIENT, n + 1, n);
        coresim_settle(w);
    }
    assert_int_equal(w->relays[0].dials, 1);
    rl_core_dial_failed(w->core, w->relays[0].key);
    for (int i = 0; i < 10; i++) {
        coresim_advance(w, stats(0)->next_ms);
        assert_int_equal(w->relays[0].dials, (unsigned)i + 2);
        rl_core_dial_failed(w->core, w->relays[0].key);
    }
    assert_int_equal(stats(0)->failures, 11);
    assert_int_equal(stats(0)->waiting, 100);
    /* And another is not touched by it. */
    assert_string_equal(stats(1)->state, "idle");
    /* One that cannot even be tried counts as one that failed. */
    w->no_dial = true;
    coresim_advance(w, stats(0)->next_ms);
    assert_string_equal(stats(0)->state, "waiting");
}

/* A link that is lost with parcels under way loses none of them. */
static void a_lost_link_loses_nothing(void **state)
{
    uint8_t seen[40] = { 0 };
    size_t from = now();
    (void)state;
    for (uint64_t n = 0; n < 40; n++)
        forward(CLIENT, n + 1, n);
    coresim_settle(w);
    open_r();
    coresim_settle(w);
    for (size_t k = 0; k < 6; k++) {
        const coresim_event *e = parcel(from, R, k);
        seen[coresim_parcel_of(e)]++;
        assert_int_equal(answer(R, e->msg.id, PN_PARCEL_DONE, 0), PN_OK);
        coresim_settle(w);
    }
    coresim_close(w, R);
    coresim_settle(w);
    assert_int_equal(stats(0)->waiting, 34);
    assert_string_equal(stats(0)->state, "waiting");
    from = now();
    assert_int_equal(coresim_open_relay(w, R, 0, false), PN_OK); /* it calls */
    coresim_settle(w);
    assert_int_equal(serve(R, from, seen, 40), 34);
    for (size_t n = 0; n < 40; n++)
        assert_int_equal(seen[n], 1);
}

/* A relay that only dials us gets its mail over the link it dialled. */
static void mail_waits_to_be_called(void **state)
{
    uint8_t seen[1] = { 0 };
    size_t from;
    (void)state;
    coresim_list(w, 2, false, false);
    forward(CLIENT, 1, 0);
    coresim_settle(w);
    coresim_advance(w, 100 * RL_GATE_LAST_MS);
    assert_int_equal(w->relays[0].dials, 0);
    assert_string_equal(stats(0)->state, "waiting");
    assert_true(stats(0)->next_ms == UINT64_MAX);
    from = now();
    assert_int_equal(coresim_open_relay(w, R, 0, false), PN_OK);
    coresim_settle(w);
    assert_int_equal(serve(R, from, seen, 1), 1);
}

/* One that cannot be dialled by others keeps its link, and says so much. */
static void a_link_is_kept(void **state)
{
    size_t from;
    pn_msg pong = { .kind = PN_MSG_PONG };
    (void)state;
    coresim_list(w, 1, true, true);
    coresim_settle(w);
    assert_int_equal(w->relays[0].dials, 1);
    open_r();
    from = now();
    coresim_advance(w, w->config.forward.keep_ms);
    for (size_t i = from; i < now(); i++)
        if (w->events[i].link == R && w->events[i].msg.kind == PN_MSG_PING)
            pong.id = w->events[i].msg.id;
    assert_true(pong.id > 0);
    assert_int_equal(coresim_take(w, R, &pong), PN_OK);
    coresim_close(w, R);
    coresim_advance(w, stats(0)->next_ms);
    assert_int_equal(w->relays[0].dials, 2);
}

/* A word that is urgent overtakes what is large and what is bulk. */
static void urgent_overtakes(void **state)
{
    size_t from = now();
    (void)state;
    for (uint64_t n = 0; n < 30; n++) {
        const pn_msg m = coresim_forward(w, 0, n + 1, PN_PRIORITY_BULK, n, S);
        assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
    }
    coresim_settle(w);
    open_r();
    coresim_settle(w);
    {
        const pn_msg m = coresim_forward(w, 0, 99, PN_PRIORITY_URGENT, 99, XS);
        assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
        coresim_settle(w);
    }
    assert_int_equal(answer(R, parcel(from, R, 0)->msg.id, PN_PARCEL_DONE, 0),
                     PN_OK);
    assert_true(coresim_parcel_of(parcel(from, R, 1)) == 99 ||
                coresim_parcel_of(parcel(from, R, 2)) == 99);
}

/* What is past its days is not sent, and not counted for long. */
static void days_end(void **state)
{
    size_t from;
    pn_msg m = coresim_forward(w, 0, 1, PN_PRIORITY_NORMAL, 1, S);
    (void)state;
    coresim_advance(w, 60 * 1000); /* the calendar is looked at first */
    m.u.forward.expires_days = 2;
    assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
    forward(CLIENT, 2, 2);
    coresim_settle(w);
    for (int day = 0; day < 4; day++) {
        coresim_advance(w, UINT64_C(24) * 3600 * 1000);
        coresim_settle(w);
    }
    assert_int_equal(stats(0)->waiting, 1);
    from = now();
    open_r();
    coresim_settle(w);
    assert_int_equal(coresim_parcel_of(parcel(from, R, 0)), 2);
    assert_int_equal(serve(R, from, NULL, 9), 1);
}

/* Now or never: it goes if a link stands, and leaves no trace on disk. */
static void now_or_never(void **state)
{
    size_t from = now();
    uint64_t commits = w->submitted;
    pn_msg m = coresim_forward(w, 0, 1, PN_PRIORITY_NORMAL, 1, S);
    (void)state;
    m.u.forward.expires_days = 0;
    assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
    assert_int_equal(status(from, CLIENT, 1), PN_FORWARD_BUSY);
    assert_int_equal(w->relays[0].dials, 1); /* so that the next may go */
    open_r();
    coresim_settle(w);
    commits = w->submitted;
    m.id = 2;
    assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
    assert_int_equal(answer(R, parcel(from, R, 0)->msg.id, PN_PARCEL_DONE, 0),
                     PN_OK);
    assert_int_equal(w->submitted, commits);
    coresim_advance(w, RL_HOLD_MS);
    assert_int_equal(status(from, CLIENT, 2), PN_FORWARD_ACCEPTED);
    assert_non_null(coresim_find(w, from, CLIENT, PN_MSG_FORWARD_REPLY, 2));
    /* Lost with its link. */
    m.id = 3;
    assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
    coresim_close(w, R);
    from = now();
    open_r();
    coresim_settle(w);
    assert_null(find_parcel(from, R, 0));
}

/* A relay that takes each link and drops it at once is not dialled for each
 * parcel that is for now or never. */
static void now_or_never_backs_off(void **state)
{
    pn_msg m = coresim_forward(w, 0, 1, PN_PRIORITY_NORMAL, 1, S);
    unsigned dials = 0;
    (void)state;
    m.u.forward.expires_days = 0;
    for (unsigned n = 0; n < 60; n++) {
        m.id = n + 1;
        assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
        coresim_advance(w, 2000);
        if (w->relays[0].dials == dials)
            continue;
        dials = w->relays[0].dials;
        open_r();
        coresim_close(w, R);
    }
    /* Two minutes: at once, and after about 5, 10, 20 and 40 seconds more. */
    assert_in_range(dials, 3, 6);
}

/* With a delay parcels leave later, each at its own time, in another order. */
static void delay_shuffles(void **state)
{
    enum { COUNT = 30 };
    size_t from, in_order = 0;
    uint64_t last = 0;
    uint8_t seen[COUNT + 1] = { 0 };
    (void)state;
    w->config.forward.delay_max_ms = 10000;
    rl_core_configure(w->core, &w->config, &w->relay);
    open_r();
    from = now();
    for (uint64_t n = 1; n <= COUNT; n++) {
        const pn_msg m = coresim_forward(w, 0, n, PN_PRIORITY_NORMAL, n, XS);
        assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
    }
    coresim_settle(w);
    for (int i = 0; i < 12000; i++) {
        coresim_advance(w, 1);
        (void)serve(R, from, seen, COUNT + 1);
        for (; from < now(); from++) {
            const coresim_event *e = &w->events[from % CORESIM_EVENTS];
            if (e->link != R || e->msg.kind != PN_MSG_PARCEL)
                continue;
            in_order += coresim_parcel_of(e) > last;
            last = coresim_parcel_of(e);
        }
    }
    for (size_t n = 1; n <= COUNT; n++)
        assert_int_equal(seen[n], 1);
    assert_in_range(in_order, COUNT / 5, COUNT * 4 / 5);
}

/* --- links ---------------------------------------------------------------- */

/* Who is not on the list gets no link, whatever key it proves. */
static void strangers_get_no_link(void **state)
{
    (void)state;
    assert_int_equal(coresim_open_relay(w, R, 3, false), PN_E_REFUSED);
    assert_int_equal(coresim_open_relay(w, R, 3, true), PN_E_REFUSED);
}

/* A relay forwards nothing through us and has no queues here: one hop. */
static void a_relay_is_no_client(void **state)
{
    size_t from = now();
    pn_msg m = coresim_forward(w, 1, 1, PN_PRIORITY_NORMAL, 1, S);
    (void)state;
    open_r();
    assert_int_equal(coresim_take(w, R, &m), PN_OK);
    m = coresim_deposit(w, 0, 2, PN_PRIORITY_NORMAL, 1);
    assert_int_equal(coresim_take(w, R, &m), PN_OK);
    for (uint64_t id = 1; id <= 2; id++)
        assert_int_equal(
            coresim_find(w, from, R, PN_MSG_ERROR, id)->msg.u.error.code,
            PN_ERROR_NOT_ALLOWED);
    assert_int_equal(stats(1)->waiting, 0);
}

/* Without onion keys nothing can be opened here. */
static void without_keys_nothing_is_opened(void **state)
{
    size_t from = now();
    const pn_msg m = { .id = 3,
                       .kind = PN_MSG_PARCEL,
                       .u.parcel = { PN_PRIORITY_NORMAL, { w->parcel, S } } };
    (void)state;
    open_r();
    assert_int_equal(coresim_take(w, R, &m), PN_OK);
    assert_int_equal(
        coresim_find(w, from, R, PN_MSG_ERROR, 3)->msg.u.error.code,
        PN_ERROR_UNSUPPORTED);
}

/* Both ends may dial at once: the newer link is used, answers on the older one
 * still count, and a third closes the oldest. */
static void two_links_are_fine(void **state)
{
    size_t from = now();
    (void)state;
    forward(CLIENT, 1, 1);
    coresim_settle(w);
    open_r();
    coresim_settle(w);
    assert_non_null(find_parcel(from, R, 0));
    assert_int_equal(coresim_open_relay(w, R2, 0, false), PN_OK);
    assert_int_equal(answer(R, parcel(from, R, 0)->msg.id, PN_PARCEL_DONE, 0),
                     PN_OK);
    forward(CLIENT, 2, 2);
    coresim_settle(w);
    assert_non_null(find_parcel(from, R2, 0));
    /* Answered on the wrong link: to that one it was not given. */
    assert_int_equal(answer(R, parcel(from, R2, 0)->msg.id, PN_PARCEL_DONE, 0),
                     PN_E_PROTO);
    assert_int_equal(coresim_open_relay(w, R, 0, false), PN_OK);
    assert_int_equal(coresim_open_relay(w, 4, 0, false), PN_OK);
    assert_true(w->links[R2].closing);
    assert_int_equal(w->links[R2].why, PN_BYE_REPLACED);
    coresim_settle(w);
    /* What it had not answered goes to the others. */
    assert_non_null(find_parcel(from, 4, 0));
}

/* Off the list: the links close, the mail stays, and comes out when the relay
 * is listed again. */
static void off_the_list_and_back(void **state)
{
    uint8_t seen[3] = { 0 };
    size_t from = now(), n = 0;
    pn_msg m;
    (void)state;
    forward(CLIENT, 1, 1);
    forward(CLIENT, 2, 2);
    coresim_settle(w);
    open_r();
    coresim_settle(w);
    m = coresim_forward(w, 0, 3, PN_PRIORITY_NORMAL, 0, S);
    assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK); /* under way */
    coresim_list(w, 0, true, false);
    assert_true(w->links[R].closing);
    coresim_settle(w);
    assert_int_equal(status(from, CLIENT, 3), PN_FORWARD_ACCEPTED);
    rl_core_each_destination(w->core, note, &n);
    assert_int_equal(n, 0);
    m.id = 4;
    assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK);
    coresim_settle(w);
    assert_int_equal(status(from, CLIENT, 4), PN_FORWARD_UNKNOWN);
    coresim_close(w, R);
    list_all();
    assert_int_equal(stats(0)->waiting, 3);
    from = now();
    open_r();
    coresim_settle(w);
    assert_int_equal(serve(R, from, seen, 3), 3);
}

/* An attempt that ends while its relay is off the list has ended also for when
 * it is back. */
static void an_attempt_ends_off_the_list(void **state)
{
    pn_msg m;
    (void)state;
    forward(CLIENT, 1, 1);
    coresim_settle(w);
    assert_string_equal(stats(0)->state, "dialling");
    m = coresim_forward(w, 0, 2, PN_PRIORITY_NORMAL, 2, S);
    assert_int_equal(coresim_take(w, CLIENT, &m), PN_OK); /* under way */
    coresim_list(w, 0, true, false);
    rl_core_dial_failed(w->core, w->relays[0].key);
    coresim_list(w, 2, true, false);
    coresim_settle(w);
    coresim_advance(w, 2 * RL_GATE_FIRST_MS);
    assert_int_equal(w->relays[0].dials, 2);
}

/* --- replies -------------------------------------------------------------- */

/* Nobody is told who is not there, and nothing is kept for him. */
static void a_reply_needs_a_listener(void **state)
{
    rl_forward_stats s;
    size_t from = now();
    (void)state;
    forward(CLIENT, 1, 1);
    coresim_settle(w);
    coresim_close(w, CLIENT);
    coresim_open(w, CLIENT);
    open_r();
    coresim_settle(w);
    assert_int_equal(serve(R, from, NULL, 9), 1);
    assert_null(coresim_find(w, from, SIZE_MAX, PN_MSG_FORWARD_REPLY, 1));
    rl_core_forward_stats(w->core, &s);
    assert_int_equal(s.unclaimed, 1);
    assert_int_equal(s.replies, 0);
}

/* Nor is one who waits too long, or for too many: the first are let go. */
static void waiting_has_bounds(void **state)
{
    size_t from = now(), got = 0;
    (void)state;
    forward(OTHER, 1, 9999);
    coresim_settle(w);
    coresim_advance(w, RL_ASKED_MS);
    for (uint64_t n = 0; n < RL_ASKED_PER_LINK + 5; n++) {
        forward(CLIENT, n + 1, n);
        if (n % 50 == 0)
            coresim_settle(w);
    }
    coresim_settle(w);
    from = now();
    open_r();
    coresim_settle(w);
    assert_int_equal(serve(R, from, NULL, 10000), RL_ASKED_PER_LINK + 6);
    coresim_advance(w, RL_HOLD_MS);
    for (size_t i = from; i < now(); i++) {
        const coresim_event *e = &w->events[i % CORESIM_EVENTS];
        if (e->msg.kind != PN_MSG_FORWARD_REPLY)
            continue;
        assert_int_equal(e->link, CLIENT);
        assert_true(e->msg.id > 5);
        got++;
    }
    assert_int_equal(got, RL_ASKED_PER_LINK);
}

/* When all the places are taken, by links that fill them, it is these that lose
 * their oldest: a client that waits for one reply keeps its place. */
static void who_floods_loses_first(void **state)
{
    enum { LINKS = RL_ASKED_MAX / RL_ASKED_PER_LINK };
    static const pn_msg_parcel_result refused = { .outcome =
                                                      PN_PARCEL_REFUSED };
    rl_link *flood = calloc(LINKS, sizeof *flood);
    const size_t from = now();
    uint8_t mine[RL_MESSAGE_ID_BYTES] = { 1 }, tag[RL_MESSAGE_ID_BYTES] = { 2 };
    (void)state;
    assert_non_null(flood);
    rl_asked_add(w->links[CLIENT].link, 7, mine, false);
    for (uint32_t n = 0; n < RL_ASKED_MAX; n++) {
        rl_link *link = &flood[n % LINKS];
        if (n < LINKS) {
            link->core = w->core;
            pn_node_init(&link->asked);
            pn_node_init(&link->in_asking);
        }
        memcpy(&tag[1], &n, sizeof n);
        rl_asked_add(link, n, tag, false);
    }
    assert_int_equal(w->core->asked.count, RL_ASKED_MAX);
    assert_int_equal(w->links[CLIENT].link->asked_count, 1);
    /* Another that comes then finds a place, and keeps it, too. */
    mine[1] = 1;
    rl_asked_add(w->links[OTHER].link, 8, mine, false);
    assert_int_equal(w->core->asked.count, RL_ASKED_MAX);
    assert_true(rl_core_ok(w->core));
    rl_asked_reply(w->core, mine, &refused);
    mine[1] = 0;
    rl_asked_reply(w->core, mine, &refused);
    coresim_advance(w, RL_HOLD_MS);
    assert_non_null(coresim_find(w, from, OTHER, PN_MSG_FORWARD_REPLY, 8));
    assert_non_null(coresim_find(w, from, CLIENT, PN_MSG_FORWARD_REPLY, 7));
    for (size_t i = 0; i < LINKS; i++)
        rl_asked_drop_link(&flood[i]);
    assert_int_equal(w->core->asked.count, 0);
    free(flood);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_parcel_makes_its_way),
        TEST(custody_survives_a_crash),
        TEST(an_answer_not_yet_durable_is_asked_again),
        TEST(a_parcel_has_the_size_of_its_class),
        TEST(the_same_again),
        TEST(a_likeness_takes_nobodys_place),
        TEST(the_time_of_the_reply_tells_nothing),
        TEST(a_late_reply_waits_for_its_turn),
        TEST(a_reply_that_waits_may_be_overtaken),
        TEST(a_spool_is_nobodys_queue),
        TEST(no_memory_loses_nothing),
        TEST(only_the_list_counts),
        TEST(we_are_not_our_destination),
        TEST(a_full_spool_says_so),
        TEST(no_store_is_busy),
        TEST(a_failing_store_is_left_alone),
        TEST(the_bound_holds_for_many_at_once),
        TEST(a_spool_is_made_when_it_can_be),
        TEST(forwards_have_a_rate),
        TEST(places_have_a_rate),
        TEST(the_first_goes_alone),
        TEST(a_window_is_under_way_at_most),
        TEST(a_full_line_is_waited_for),
        TEST(busy_puts_off),
        TEST(an_error_is_no_refusal),
        TEST(refused_is_told),
        TEST(silence_ends_the_link),
        TEST(a_dead_relay_costs_one_attempt),
        TEST(a_lost_link_loses_nothing),
        TEST(mail_waits_to_be_called),
        TEST(a_link_is_kept),
        TEST(urgent_overtakes),
        TEST(days_end),
        TEST(now_or_never),
        TEST(now_or_never_backs_off),
        TEST(delay_shuffles),
        TEST(strangers_get_no_link),
        TEST(a_relay_is_no_client),
        TEST(without_keys_nothing_is_opened),
        TEST(two_links_are_fine),
        TEST(off_the_list_and_back),
        TEST(an_attempt_ends_off_the_list),
        TEST(a_reply_needs_a_listener),
        TEST(waiting_has_bounds),
        TEST(who_floods_loses_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
