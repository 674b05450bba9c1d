#include "tests/support/cmocka.h"

#include <sodium.h>
#include <string.h>

#include "tests/support/coresim.h"

static coresim *w;

static int setup(void **state)
{
    static coresim world;
    (void)state;
    w = &world;
    coresim_init(w, 1);
    coresim_open(w, 0);
    coresim_open(w, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_true(rl_core_ok(w->core));
    coresim_free(w);
    return 0;
}

static void take(size_t i, pn_msg m)
{
    assert_int_equal(coresim_take(w, i, &m), PN_OK);
}

static const coresim_event *expect(size_t from, size_t i, pn_msg_kind kind,
                                   uint64_t id)
{
    const coresim_event *e = coresim_find(w, from, i, kind, id);
    assert_non_null(e);
    return e;
}

static pn_msg simple(uint64_t id, pn_msg_kind kind, uint32_t handle)
{
    pn_msg m = { .id = id, .kind = kind };
    m.u.queue_handle.handle = handle; /* every command has it first */
    return m;
}

static pn_msg fetch(uint64_t id, uint32_t handle, uint32_t max)
{
    return (
        pn_msg){ .id = id, .kind = PN_MSG_FETCH, .u.fetch = { handle, max } };
}

static pn_msg ack(uint64_t id, uint32_t handle, uint64_t first, size_t count)
{
    static uint8_t ids[PN_ACK_MAX * PN_MESSAGE_ID_BYTES];
    for (size_t i = 0; i < count; i++)
        coresim_message_id(ids + i * PN_MESSAGE_ID_BYTES, first + i);
    return (pn_msg){
        .id = id,
        .kind = PN_MSG_ACK,
        .u.ack = { handle, { ids, count * PN_MESSAGE_ID_BYTES }, false }
    };
}

static size_t count_of(size_t from, size_t link, pn_msg_kind kind)
{
    size_t n = 0;
    for (size_t k = from; k < w->event_count; k++)
        n += w->events[k].link == link && w->events[k].msg.kind == kind;
    return n;
}

/* A deposit is `stored` after the commit and not before, and reaches the open
 * queue at once. */
static void stored_comes_after_the_commit(void **state)
{
    const uint32_t h = coresim_make(w, 0, 0, 8);
    const size_t from = w->event_count;
    const coresim_event *e;
    (void)state;
    take(1, coresim_deposit(w, 0, 5, PN_PRIORITY_NORMAL, 77));
    coresim_advance(w, 1000);
    assert_false(coresim_result(w));
    assert_int_equal(w->event_count, from);
    coresim_settle(w);
    e = expect(from, 1, PN_MSG_DEPOSIT_RESULT, 5);
    assert_int_equal(e->msg.u.deposit_result.status, PN_DEPOSIT_STORED);
    e = expect(from, 0, PN_MSG_DELIVER, 0);
    assert_int_equal(e->msg.u.deliver.handle, h);
    assert_int_equal(coresim_message_of(e->bytes), 77);
    assert_int_equal(e->envelope_len, 896);
}

/* The same message id again is told so, and is not delivered twice. */
static void duplicates_are_idempotent(void **state)
{
    size_t from;
    const uint32_t h = coresim_make(w, 0, 0, 8);
    (void)state;
    take(1, coresim_deposit(w, 0, 1, PN_PRIORITY_NORMAL, 7));
    coresim_settle(w);
    from = w->event_count;
    take(1, coresim_deposit(w, 0, 2, PN_PRIORITY_NORMAL, 7));
    take(0, ack(3, h, 7, 1));
    coresim_settle(w);
    take(1, coresim_deposit(w, 0, 4, PN_PRIORITY_NORMAL, 7));
    coresim_settle(w);
    for (uint64_t id = 2; id <= 4; id += 2)
        assert_int_equal(expect(from, 1, PN_MSG_DEPOSIT_RESULT, id)
                             ->msg.u.deposit_result.status,
                         PN_DEPOSIT_DUPLICATE);
    assert_int_equal(expect(from, 0, PN_MSG_ACKED, 3)->msg.u.acked.forgotten,
                     1);
    assert_int_equal(count_of(from, 0, PN_MSG_DELIVER), 0);
}

/* What comes first is urgent, then normal, then bulk; within each the order
 * of deposit. A Fetch gives up to its number and says whether there is more. */
static void fetch_goes_by_priority(void **state)
{
    static const uint64_t want[] = { 3, 6, 2, 5, 1, 4 };
    const uint32_t h = coresim_make(w, 0, 0, 0);
    size_t from, n = 0;
    (void)state;
    for (uint64_t m = 1; m <= 6; m++)
        take(1, coresim_deposit(w, 0, m, (pn_priority)(3 - (m - 1) % 3), m));
    coresim_settle(w);
    from = w->event_count;
    take(0, fetch(1, h, 4));
    coresim_settle(w);
    assert_true(expect(from, 0, PN_MSG_FETCH_END, 1)->msg.u.fetch_end.more);
    take(0, fetch(2, h, 4));
    coresim_settle(w);
    assert_false(expect(from, 0, PN_MSG_FETCH_END, 2)->msg.u.fetch_end.more);
    for (size_t k = from; k < w->event_count; k++)
        if (w->events[k].msg.kind == PN_MSG_DELIVER)
            assert_int_equal(coresim_message_of(w->events[k].bytes), want[n++]);
    assert_int_equal(n, 6);
}

/* A window of 8 keeps four places that bulk never gets and one that normal
 * never gets: an urgent message is pushed however much bulk is unread. */
static void bulk_never_starves_urgent(void **state)
{
    const uint32_t h = coresim_make(w, 0, 0, 8);
    size_t from = w->event_count;
    (void)state;
    for (uint64_t m = 1; m <= 20; m++)
        take(1, coresim_deposit(w, 0, m, PN_PRIORITY_BULK, m));
    coresim_settle(w);
    assert_int_equal(count_of(from, 0, PN_MSG_DELIVER), 4);
    for (uint64_t m = 21; m <= 30; m++)
        take(1, coresim_deposit(w, 0, m, PN_PRIORITY_NORMAL, m));
    coresim_settle(w);
    assert_int_equal(count_of(from, 0, PN_MSG_DELIVER), 7);
    take(1, coresim_deposit(w, 0, 31, PN_PRIORITY_URGENT, 31));
    from = w->event_count;
    coresim_settle(w);
    assert_int_equal(
        coresim_message_of(expect(from, 0, PN_MSG_DELIVER, 0)->bytes), 31);
    /* Acknowledging makes room, for what is more urgent first. */
    take(0, ack(9, h, 1, 4));
    from = w->event_count;
    coresim_settle(w);
    assert_int_equal(
        coresim_message_of(expect(from, 0, PN_MSG_DELIVER, 0)->bytes), 24);
    assert_int_equal(count_of(from, 0, PN_MSG_DELIVER), 3);
}

/* Bulk meets its quota while urgent mail still gets in; the recipient sees
 * that somebody was refused until he says that he has. */
static void quota_keeps_headroom_and_marks(void **state)
{
    const uint32_t h = coresim_make(w, 0, 0, 0);
    size_t from = w->event_count, refused = 0;
    const coresim_event *e;
    pn_msg m;
    (void)state;
    for (uint64_t i = 1; i <= 40; i++)
        take(1, coresim_deposit(w, 0, i, PN_PRIORITY_BULK, i));
    coresim_settle(w);
    for (uint64_t i = 1; i <= 40; i++) {
        e = expect(from, 1, PN_MSG_DEPOSIT_RESULT, i);
        refused += e->msg.u.deposit_result.status == PN_DEPOSIT_QUOTA;
    }
    assert_int_equal(refused, 8);
    for (uint64_t i = 41; i <= 72; i++)
        take(1, coresim_deposit(w, 0, i, PN_PRIORITY_URGENT, i));
    coresim_settle(w);
    for (uint64_t i = 41; i <= 72; i++)
        assert_int_equal(expect(from, 1, PN_MSG_DEPOSIT_RESULT, i)
                             ->msg.u.deposit_result.status,
                         PN_DEPOSIT_STORED);
    take(0, fetch(1, h, 1));
    coresim_settle(w);
    assert_int_equal(
        expect(from, 0, PN_MSG_FETCH_END, 1)->msg.u.fetch_end.refused, 4);
    m = ack(2, h, 0, 0);
    m.u.ack.refused_seen = true;
    take(0, m);
    take(0, fetch(3, h, 1));
    coresim_settle(w);
    assert_int_equal(
        expect(from, 0, PN_MSG_FETCH_END, 3)->msg.u.fetch_end.refused, 0);
}

/* A second link takes the queue over and gets unacknowledged mail from the
 * start; the first is told and its handle is closed. */
static void takeover_moves_the_leases(void **state)
{
    const uint32_t h = coresim_make(w, 0, 0, 8);
    size_t from;
    const coresim_event *e;
    (void)state;
    for (uint64_t m = 1; m <= 3; m++)
        take(1, coresim_deposit(w, 0, m, PN_PRIORITY_NORMAL, m));
    coresim_settle(w);
    take(0, ack(1, h, 1, 1));
    coresim_settle(w);
    from = w->event_count;
    take(1, coresim_open_queue(w, 1, 0, 50, 8));
    coresim_settle(w);
    e = expect(from, 0, PN_MSG_QUEUE_CLOSED, 0);
    assert_int_equal(e->msg.u.queue_closed.reason, PN_CLOSED_TAKEN);
    assert_int_equal(e->msg.u.queue_closed.handle, h);
    e = expect(from, 1, PN_MSG_QUEUE_OPENED, 50);
    assert_true(e->opened[0].known);
    assert_int_equal(e->opened[0].waiting, 2);
    assert_int_equal(count_of(from, 1, PN_MSG_DELIVER), 2);
    take(0, ack(2, h, 2, 1));
    take(0, fetch(3, h, 1));
    take(0, simple(4, PN_MSG_QUEUE_SUSPEND, h));
    coresim_settle(w);
    for (uint64_t id = 2; id <= 4; id++)
        assert_int_equal(
            expect(from, 0, PN_MSG_QUEUE_DONE, id)->msg.u.queue_done.status,
            PN_QUEUE_UNKNOWN);
}

/* A link that went away leaves its mail for the next. */
static void disconnect_ends_leases(void **state)
{
    size_t from;
    (void)state;
    (void)coresim_make(w, 0, 0, 8);
    take(1, coresim_deposit(w, 0, 1, PN_PRIORITY_NORMAL, 1));
    coresim_settle(w);
    coresim_close(w, 0);
    assert_true(rl_core_ok(w->core));
    coresim_open(w, 0);
    from = w->event_count;
    take(0, coresim_open_queue(w, 0, 0, 2, 8));
    coresim_settle(w);
    assert_int_equal(
        coresim_message_of(expect(from, 0, PN_MSG_DELIVER, 0)->bytes), 1);
}

/* Where the answer to a message is, byte for byte, and when it came. */
static uint64_t answer_bytes(size_t from, size_t i, pn_msg_kind kind,
                             uint64_t id, uint8_t out[64], size_t *len)
{
    const coresim_event *e = expect(from, i, kind, id);
    pn_out o = pn_out_over(out, 64);
    pn_msg m = e->msg;
    m.id = 1;
    assert_int_equal(pn_msg_encode(&o, &m), PN_OK);
    *len = o.len;
    return e->at_ms;
}

/* A queue that is not there and a wrong capability get the same bytes in the
 * same tick, whenever within it they came; and not before the floor. */
static void unknown_and_wrong_cannot_be_told_apart(void **state)
{
    (void)state;
    (void)coresim_make(w, 0, 0, 0);
    for (uint64_t offset = 0; offset < 20; offset++) {
        const size_t from = w->event_count;
        uint8_t a[64], b[64], nothing[32] = { 1 };
        size_t a_len, b_len;
        pn_msg wrong = coresim_deposit(w, 0, 10, PN_PRIORITY_NORMAL, 1);
        pn_msg unknown = coresim_deposit(w, 0, 11, PN_PRIORITY_NORMAL, 1);
        uint64_t start, a_ms, b_ms;
        wrong.u.deposit.capability.p = nothing;
        unknown.u.deposit.send_id.p = nothing;
        coresim_advance(w, 1);
        start = w->sim.mono_ms;
        take(1, wrong);
        take(1, unknown);
        coresim_settle(w);
        a_ms = answer_bytes(from, 1, PN_MSG_DEPOSIT_RESULT, 10, a, &a_len);
        b_ms = answer_bytes(from, 1, PN_MSG_DEPOSIT_RESULT, 11, b, &b_len);
        assert_int_equal(a_len, b_len);
        assert_memory_equal(a, b, a_len);
        assert_int_equal(a_ms, b_ms);
        assert_true(a_ms >= start + RL_FLOOR_MS);
        assert_int_equal(a_ms % RL_FLOOR_MS, 0);
    }
}

/* So it is for opening: no queue, and somebody else's. */
static void unknown_and_foreign_open_alike(void **state)
{
    size_t from, a_len, b_len;
    uint8_t a[64], b[64];
    uint64_t a_ms, b_ms;
    pn_msg m;
    (void)state;
    (void)coresim_make(w, 0, 0, 0);
    from = w->event_count;
    m = coresim_open_queue(w, 1, 0, 20, 0);
    ((uint8_t *)(uintptr_t)m.u.queue_open.proofs.p)[40] ^= 1;
    take(1, m);
    m = coresim_open_queue(w, 1, 1, 21, 0); /* never created */
    take(1, m);
    coresim_settle(w);
    a_ms = answer_bytes(from, 1, PN_MSG_QUEUE_OPENED, 20, a, &a_len);
    b_ms = answer_bytes(from, 1, PN_MSG_QUEUE_OPENED, 21, b, &b_len);
    assert_int_equal(a_len, b_len);
    assert_memory_equal(a, b, a_len);
    assert_int_equal(a_ms, b_ms);
    /* A proof for one link is none on another. */
    m = coresim_open_queue(w, 0, 0, 22, 0);
    take(1, m);
    coresim_settle(w);
    assert_false(expect(from, 1, PN_MSG_QUEUE_OPENED, 22)->opened[0].known);
}

/* A link that fails too often is closed, and gets no more answers. */
static void failures_have_a_budget(void **state)
{
    (void)state;
    w->config.failures_per_link = 20;
    coresim_restart(w, 0);
    coresim_open(w, 0);
    for (uint64_t i = 1; i <= 20; i++) {
        take(0, coresim_deposit(w, 0, i, PN_PRIORITY_NORMAL, i));
        coresim_settle(w);
        assert_false(w->links[0].closing);
        assert_non_null(coresim_find(w, 0, 0, PN_MSG_DEPOSIT_RESULT, i));
    }
    take(0, coresim_deposit(w, 0, 21, PN_PRIORITY_NORMAL, 21));
    coresim_settle(w);
    assert_true(w->links[0].closing);
    assert_int_equal(w->links[0].why, PN_BYE_LIMIT);
    assert_null(coresim_find(w, 0, 0, PN_MSG_DEPOSIT_RESULT, 21));
    /* Nothing is possible any more. */
    {
        const pn_msg m = coresim_deposit(w, 0, 22, PN_PRIORITY_NORMAL, 22);
        assert_int_equal(coresim_take(w, 0, &m), PN_E_PROTO);
    }
}

static pn_queue_status create_status(size_t i, uint64_t id, const char *secret)
{
    const size_t from = w->event_count;
    pn_msg m = coresim_create(w, i, 0, id, 0);
    m.u.queue_create.access_secret =
        (pn_bytes){ (const uint8_t *)secret, strlen(secret) };
    take(i, m);
    coresim_settle(w);
    if (coresim_find(w, from, i, PN_MSG_QUEUE_CREATED, id) != NULL)
        return PN_QUEUE_OK;
    return expect(from, i, PN_MSG_QUEUE_DONE, id)->msg.u.queue_done.status;
}

/* Who may create queues is the operator's choice. */
static void access_is_the_operators(void **state)
{
    (void)state;
    w->config.access = RL_ACCESS_SECRET;
    (void)crypto_generichash(w->config.secret_hash, 32,
                             (const uint8_t *)"open sesame", 11, NULL, 0);
    rl_core_configure(w->core, &w->config, &w->relay);
    assert_int_equal(create_status(0, 1, ""), PN_QUEUE_NOT_ALLOWED);
    assert_int_equal(create_status(0, 2, "open sesam"), PN_QUEUE_NOT_ALLOWED);
    assert_int_equal(create_status(0, 3, "open sesame"), PN_QUEUE_OK);
    w->config.access = RL_ACCESS_CLOSED;
    rl_core_configure(w->core, &w->config, &w->relay);
    assert_int_equal(create_status(0, 4, "open sesame"), PN_QUEUE_NOT_ALLOWED);
    w->config.access = RL_ACCESS_OPEN;
    rl_core_configure(w->core, &w->config, &w->relay);
    assert_int_equal(create_status(0, 5, ""), PN_QUEUE_OK);
}

/* So many queues a minute on a link, and an hour from one place. */
static void creation_is_limited(void **state)
{
    size_t made = 0;
    (void)state;
    w->config.creates_per_link = 4;
    w->config.creates_per_origin = 10;
    rl_core_configure(w->core, &w->config, &w->relay);
    for (uint64_t i = 1; i <= 6; i++)
        made += create_status(0, i, "") == PN_QUEUE_OK;
    assert_int_equal(made, 4);
    for (uint64_t i = 7; i <= 12; i++)
        made += create_status(1, i, "") == PN_QUEUE_OK;
    assert_int_equal(made, 8);
    coresim_advance(w, 60000);
    for (uint64_t i = 13; i <= 18; i++)
        made += create_status(0, i, "") == PN_QUEUE_OK;
    assert_int_equal(made, 10);
}

/* The new capability works at once and the old one still does. */
static void rotation_keeps_the_old_capability(void **state)
{
    static const uint8_t fresh[32] = { 9 };
    uint8_t hash[32];
    const uint32_t h = coresim_make(w, 0, 0, 0);
    const size_t from = w->event_count;
    pn_msg m = { .id = 1,
                 .kind = PN_MSG_QUEUE_ROTATE,
                 .u.queue_rotate = { h, { hash, 32 } } };
    (void)state;
    (void)crypto_generichash(hash, 32, fresh, 32, NULL, 0);
    take(0, m);
    take(1, coresim_deposit(w, 0, 2, PN_PRIORITY_NORMAL, 2));
    memcpy(w->queues[0].cap, fresh, 32);
    take(1, coresim_deposit(w, 0, 3, PN_PRIORITY_NORMAL, 3));
    coresim_settle(w);
    assert_int_equal(
        expect(from, 0, PN_MSG_QUEUE_DONE, 1)->msg.u.queue_done.status,
        PN_QUEUE_OK);
    for (uint64_t id = 2; id <= 3; id++)
        assert_int_equal(expect(from, 1, PN_MSG_DEPOSIT_RESULT, id)
                             ->msg.u.deposit_result.status,
                         PN_DEPOSIT_STORED);
}

/* Suspended refuses, resumed takes, deleted is unknown. */
static void recipients_manage_their_queue(void **state)
{
    static const pn_msg_kind kinds[] = { PN_MSG_QUEUE_SUSPEND,
                                         PN_MSG_QUEUE_RESUME,
                                         PN_MSG_QUEUE_DELETE };
    static const pn_deposit_status want[] = { PN_DEPOSIT_SUSPENDED,
                                              PN_DEPOSIT_STORED,
                                              PN_DEPOSIT_UNKNOWN };
    const uint32_t h = coresim_make(w, 0, 0, 4);
    const size_t from = w->event_count;
    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        take(0, simple(10 + i, kinds[i], h));
        take(1, coresim_deposit(w, 0, 20 + i, PN_PRIORITY_NORMAL, i));
        coresim_settle(w);
        assert_int_equal(
            expect(from, 0, PN_MSG_QUEUE_DONE, 10 + i)->msg.u.queue_done.status,
            PN_QUEUE_OK);
        assert_int_equal(expect(from, 1, PN_MSG_DEPOSIT_RESULT, 20 + i)
                             ->msg.u.deposit_result.status,
                         want[i]);
    }
    take(0, fetch(30, h, 1));
    coresim_settle(w);
    assert_int_equal(
        expect(from, 0, PN_MSG_QUEUE_DONE, 30)->msg.u.queue_done.status,
        PN_QUEUE_UNKNOWN);
    assert_int_equal(count_of(from, 0, PN_MSG_QUEUE_CLOSED), 0);
}

/* An Acked is not told before the mail of a fetch that may have seen what was
 * acknowledged. */
static void nothing_follows_its_acked(void **state)
{
    uint32_t h;
    size_t from;
    (void)state;
    (void)coresim_make(w, 0, 0, 8);
    take(1, coresim_deposit(w, 0, 1, PN_PRIORITY_NORMAL, 1));
    coresim_settle(w);
    take(0, coresim_open_queue(w, 0, 0, 60, 0)); /* the same link, anew */
    coresim_settle(w);
    h = 2;
    from = w->event_count;
    w->reverse = true;
    take(0, fetch(61, h, 8));
    take(0, ack(62, h, 1, 1));
    coresim_commit(w, SIZE_MAX);
    assert_true(coresim_result(w));
    assert_int_equal(w->event_count, from); /* the Acked is held */
    assert_true(coresim_result(w));
    assert_int_equal(w->event_count, from + 3);
    assert_int_equal(w->events[from].msg.kind, PN_MSG_DELIVER);
    assert_int_equal(w->events[from + 1].msg.kind, PN_MSG_FETCH_END);
    assert_int_equal(w->events[from + 2].msg.kind, PN_MSG_ACKED);
}

/* At the bound of commands under way the link is not read from, and is again
 * once half of them are answered. */
static void pending_commands_are_bounded(void **state)
{
    uint64_t id = 1;
    rl_core_stats stats;
    (void)state;
    (void)coresim_make(w, 0, 0, 0);
    while (!w->links[1].busy) {
        take(1, coresim_deposit(w, 0, id, PN_PRIORITY_NORMAL, id));
        id++;
        assert_true(id <= RL_PENDING_MAX + 1);
    }
    assert_int_equal(id, RL_PENDING_MAX + 1);
    rl_core_stats_get(w->core, &stats);
    assert_int_equal(stats.pending, RL_PENDING_MAX);
    coresim_settle(w);
    assert_false(w->links[1].busy);
}

/* Bytes count too: large envelopes reach their bound before their number
 * does. */
static void pending_bytes_are_bounded(void **state)
{
    uint64_t id = 1;
    (void)state;
    (void)coresim_make(w, 0, 0, 0);
    while (!w->links[1].busy) {
        pn_msg m = coresim_deposit(w, 0, id, PN_PRIORITY_NORMAL, id);
        m.u.deposit.envelope.len = 65088;
        take(1, m);
        id++;
    }
    assert_true(id - 1 <= RL_PENDING_BYTES_MAX / 65088 + 1);
    coresim_settle(w);
    assert_false(w->links[1].busy);
}

/* When the store takes no more, everything is answered busy with a time. */
static void full_store_is_busy(void **state)
{
    const uint32_t h = coresim_make(w, 0, 0, 0);
    const size_t from = w->event_count;
    const coresim_event *e;
    (void)state;
    w->refuse = true;
    take(1, coresim_deposit(w, 0, 1, PN_PRIORITY_NORMAL, 1));
    take(0, fetch(2, h, 1));
    take(0, ack(3, h, 1, 1));
    take(0, simple(4, PN_MSG_QUEUE_SUSPEND, h));
    take(0, coresim_open_queue(w, 0, 0, 5, 0));
    take(0, coresim_create(w, 0, 1, 6, 0));
    coresim_settle(w);
    e = expect(from, 1, PN_MSG_DEPOSIT_RESULT, 1);
    assert_int_equal(e->msg.u.deposit_result.status, PN_DEPOSIT_BUSY);
    assert_true(e->msg.u.deposit_result.retry_after_ms > 0);
    for (uint64_t id = 2; id <= 6; id++) {
        e = expect(from, 0, PN_MSG_QUEUE_DONE, id);
        assert_int_equal(e->msg.u.queue_done.status, PN_QUEUE_BUSY);
        assert_true(e->msg.u.queue_done.retry_after_ms > 0);
    }
    w->refuse = false;
    take(1, coresim_deposit(w, 0, 7, PN_PRIORITY_NORMAL, 7));
    coresim_settle(w);
    assert_int_equal(
        expect(from, 1, PN_MSG_DEPOSIT_RESULT, 7)->msg.u.deposit_result.status,
        PN_DEPOSIT_STORED);
}

/* A disk that is low or has failed is never a `stored`. */
static void failed_store_promises_nothing(void **state)
{
    size_t from = w->event_count;
    const coresim_event *e;
    (void)state;
    (void)coresim_make(w, 0, 0, 0);
    rl_store_mem_disk_low(w->store, true);
    take(1, coresim_deposit(w, 0, 1, PN_PRIORITY_NORMAL, 1));
    coresim_settle(w);
    e = expect(from, 1, PN_MSG_DEPOSIT_RESULT, 1);
    assert_int_equal(e->msg.u.deposit_result.status, PN_DEPOSIT_BUSY);
    rl_store_mem_fail(w->store);
    take(1, coresim_deposit(w, 0, 2, PN_PRIORITY_NORMAL, 2));
    coresim_settle(w);
    e = expect(from, 1, PN_MSG_DEPOSIT_RESULT, 2);
    assert_int_equal(e->msg.u.deposit_result.status, PN_DEPOSIT_BUSY);
    assert_true(e->msg.u.deposit_result.retry_after_ms > 0);
}

/* A slow link is not pushed to, and goes on where it was. */
static void slow_links_wait(void **state)
{
    size_t from;
    uint64_t seen = 0;
    (void)state;
    (void)coresim_make(w, 0, 0, 32);
    w->links[0].room = 3;
    from = w->event_count;
    for (uint64_t m = 1; m <= 10; m++)
        take(1, coresim_deposit(w, 0, m, PN_PRIORITY_NORMAL, m));
    coresim_settle(w);
    assert_int_equal(count_of(from, 0, PN_MSG_DELIVER), 3);
    w->links[0].room = SIZE_MAX;
    rl_core_writable(w->links[0].link);
    coresim_settle(w);
    for (size_t k = from; k < w->event_count; k++)
        if (w->events[k].msg.kind == PN_MSG_DELIVER)
            assert_int_equal(coresim_message_of(w->events[k].bytes), ++seen);
    assert_int_equal(seen, 10);
}

/* A queue whose creator left before he knew it is not kept. */
static void orphaned_creations_are_deleted(void **state)
{
    rl_store_stats stats;
    (void)state;
    take(0, coresim_create(w, 0, 0, 1, 0));
    coresim_close(w, 0);
    coresim_settle(w);
    rl_store_stats_get(w->store, &stats);
    assert_int_equal(stats.queues, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stored_comes_after_the_commit),
        TEST(duplicates_are_idempotent),
        TEST(fetch_goes_by_priority),
        TEST(bulk_never_starves_urgent),
        TEST(quota_keeps_headroom_and_marks),
        TEST(takeover_moves_the_leases),
        TEST(disconnect_ends_leases),
        TEST(unknown_and_wrong_cannot_be_told_apart),
        TEST(unknown_and_foreign_open_alike),
        TEST(failures_have_a_budget),
        TEST(access_is_the_operators),
        TEST(creation_is_limited),
        TEST(rotation_keeps_the_old_capability),
        TEST(recipients_manage_their_queue),
        TEST(nothing_follows_its_acked),
        TEST(pending_commands_are_bounded),
        TEST(pending_bytes_are_bounded),
        TEST(full_store_is_busy),
        TEST(failed_store_promises_nothing),
        TEST(slow_links_wait),
        TEST(orphaned_creations_are_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
