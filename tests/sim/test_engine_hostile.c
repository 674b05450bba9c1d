/* One kind of harm at a time: relays that say nothing, or what is not true;
 * clocks that are wrong by years; identities that are not who they say; a
 * record that is damaged. Each ends in mail that goes on, or in something a
 * person is told. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "client/core/engine_state.h"
#include "tests/support/enginesim.h"

enum { SECOND_MS = 1000, MINUTE_MS = 60 * 1000 };
static const uint64_t day_ms = (uint64_t)24 * 60 * MINUTE_MS;

static enginesim *world(uint64_t seed, size_t people)
{
    enginesim *w = malloc(sizeof *w);
    assert_non_null(w);
    enginesim_init(w, seed, people);
    for (size_t i = 1; i < people; i++)
        enginesim_meet(w, 0, i, CL_INVITATION_LINK);
    enginesim_run(w, 15 * MINUTE_MS);
    return w;
}

static void end(enginesim *w)
{
    enginesim_free(w);
    free(w);
}

static const char *peer(size_t i)
{
    static const char *const names[] = { "peer 0", "peer 1", "peer 2" };
    return names[i];
}

static pn_err say(enginesim *w, size_t from, size_t to, const char *text)
{
    const cl_send what = { .text = { (const uint8_t *)text, strlen(text) },
                           .priority = PN_PRIORITY_NORMAL };
    uint8_t id[CL_ID_BYTES];
    return cl_outbox_send(w->people[from].engine, peer(to), &what, id);
}

/* Take and acknowledge all events; how many of one kind there were. */
static unsigned take_all(enginesim *w, size_t who, cl_event_kind kind)
{
    unsigned count = 0;
    cl_event event;
    while (cl_event_next(w->people[who].engine, &event) == PN_OK) {
        count += event.kind == kind ? 1 : 0;
        assert_int_equal(cl_event_ack(w->people[who].engine, event.sequence),
                         PN_OK);
    }
    return count;
}

static const char *reason_of_first(enginesim *w, size_t who)
{
    static cl_item_view view;
    assert_int_equal(cl_item_at(w->people[who].engine, 0, &view), PN_OK);
    return view.reason;
}

static size_t items_of_kind(const enginesim *w, size_t who, cl_item_kind kind)
{
    const cl_engine *e = w->people[who].engine;
    size_t count = 0;
    for (pn_node *n = e->items.next; n != &e->items; n = n->next)
        count += PN_ENTRY(n, cl_item, in_engine)->kind == kind ? 1 : 0;
    return count;
}

/* --- relays ------------------------------------------------------------- */

/* What the relay does with messages of one kind. */
typedef struct trick {
    enginesim *world;
    pn_msg_kind kind;
    bool answers; /* with `lie`, its id set; else not at all */
    pn_msg lie;
    unsigned long seen;
} trick;

static bool play(void *ctx, size_t i, const pn_msg *msg)
{
    trick *t = ctx;
    if (msg->kind != t->kind)
        return false;
    t->seen++;
    t->lie.id = msg->id;
    if (t->answers)
        enginesim_give(t->world, i, &t->lie);
    return true;
}

static void trick_up(enginesim *w, trick *t)
{
    t->world = w;
    w->on_up = play;
    w->lie_ctx = t;
    w->suspicious = true;
}

/* A relay that takes deposits and keeps quiet about them is left, a person can
 * read why, and what it was given goes again. */
static void silence_is_noticed(void **state)
{
    trick t = { .kind = PN_MSG_DEPOSIT };
    enginesim *w = world(1, 2);
    (void)state;
    trick_up(w, &t);
    assert_int_equal(say(w, 0, 1, "hello"), PN_OK);
    enginesim_run(w, SECOND_MS);
    assert_int_equal(t.seen, 1);
    assert_non_null(strstr(reason_of_first(w, 0), "waiting for the relay"));
    enginesim_run(w, 10 * MINUTE_MS);
    assert_true(t.seen >= 3);
    w->people[0].engine->offline = true; /* between two tries */
    enginesim_run(w, 10 * MINUTE_MS);
    assert_non_null(strstr(reason_of_first(w, 0), "it does not answer"));
    w->people[0].engine->offline = false;
    w->on_up = NULL;
    enginesim_run(w, 10 * MINUTE_MS);
    assert_int_equal(take_all(w, 1, CL_EVENT_MESSAGE), 1);
    end(w);
}

/* Pings that are answered do not make up for it. */
static void pongs_are_no_answers(void **state)
{
    trick t = { .kind = PN_MSG_QUEUE_OPEN };
    enginesim *w = world(2, 2);
    (void)state;
    trick_up(w, &t);
    enginesim_cut(w, 1);
    enginesim_run(w, 20 * MINUTE_MS);
    assert_true(t.seen >= 3);
    end(w);
}

/* Whatever a relay asks for, a message is tried again in hours. */
static void a_week_is_too_long(void **state)
{
    trick t = { .kind = PN_MSG_DEPOSIT, .answers = true };
    enginesim *w = world(3, 2);
    (void)state;
    t.lie.kind = PN_MSG_DEPOSIT_RESULT;
    t.lie.u.deposit_result.status = PN_DEPOSIT_BUSY;
    t.lie.u.deposit_result.retry_after_ms = PN_RETRY_AFTER_MAX;
    trick_up(w, &t);
    assert_int_equal(say(w, 0, 1, "hello"), PN_OK);
    enginesim_run(w, day_ms);
    assert_true(t.seen >= 4);
    assert_non_null(strstr(reason_of_first(w, 0), "overloaded"));
    w->on_up = NULL;
    enginesim_run(w, day_ms);
    assert_int_equal(take_all(w, 1, CL_EVENT_MESSAGE), 1);
    end(w);
}

/* Queues that are there and are said not to be, again and again: the contact
 * is told of the new one, and the outbox does not fill up with that. */
static void lost_queues_do_not_flood(void **state)
{
    trick t = { .kind = PN_MSG_QUEUE_OPEN, .answers = true };
    pn_opened_queue none = { .known = false };
    enginesim *w = world(4, 2);
    (void)state;
    t.lie.kind = PN_MSG_QUEUE_OPENED;
    t.lie.u.queue_opened.count = 1;
    t.lie.u.queue_opened.queues = &none;
    trick_up(w, &t);
    for (unsigned n = 0; n < 50; n++) {
        enginesim_cut(w, 1);
        enginesim_run(w, MINUTE_MS);
    }
    assert_true(t.seen >= 40);
    assert_true(items_of_kind(w, 1, CL_ITEM_HELLO) <= 1);
    w->on_up = NULL;
    assert_int_equal(say(w, 0, 1, "where are you?"), PN_OK);
    enginesim_run(w, day_ms);
    assert_int_equal(take_all(w, 1, CL_EVENT_MESSAGE), 1);
    end(w);
}

static bool spoil(void *ctx, size_t i, const pn_msg *msg)
{
    static uint8_t bytes[PN_MSG_MAX];
    trick *t = ctx;
    pn_msg bad = *msg;
    if (i != 1 || msg->kind != PN_MSG_DELIVER)
        return false;
    t->seen++;
    memcpy(bytes, msg->u.deliver.envelope.p, msg->u.deliver.envelope.len);
    bytes[100] ^= 1;
    bad.u.deliver.envelope.p = bytes;
    enginesim_give(t->world, i, &bad);
    return true;
}

/* The text of a new invitation of person 0's. */
static char *invite(enginesim *w)
{
    cl_invite_view *view = calloc(1, sizeof *view);
    uint8_t id[CL_ID_BYTES];
    char *text;
    assert_non_null(view);
    assert_int_equal(
        cl_invite_create(w->people[0].engine, CL_INVITATION_LINK, "", 0, id),
        PN_OK);
    enginesim_run(w, MINUTE_MS);
    assert_int_equal(cl_invite_get(w->people[0].engine, id, view), PN_OK);
    assert_int_equal(view->state, CL_INVITE_OPEN);
    text = strdup(view->text);
    assert_non_null(text);
    free(view);
    return text;
}

static void accept_text(enginesim *w, size_t who, const char *text,
                        uint8_t id[CL_ID_BYTES])
{
    assert_int_equal(
        cl_invite_accept(w->people[who].engine,
                         (pn_bytes){ (const uint8_t *)text, strlen(text) }, "",
                         id),
        PN_OK);
}

/* Another bundle in the invitation's place: nothing is made of it, and the
 * person is told that somebody meant harm. */
static void a_swapped_bundle_is_told(void **state)
{
    enginesim *w = malloc(sizeof *w);
    trick t = { .seen = 0 };
    uint8_t id[CL_ID_BYTES], contact[CL_ID_BYTES];
    char reason[CL_REASON_MAX + 1], *text;
    cl_failure failure;
    (void)state;
    assert_non_null(w);
    enginesim_init(w, 5, 2);
    text = invite(w);
    t.world = w;
    w->on_down = spoil;
    w->lie_ctx = &t;
    accept_text(w, 1, text, id);
    enginesim_run(w, MINUTE_MS);
    assert_int_equal(t.seen, 1);
    assert_int_equal(
        cl_accept_state(w->people[1].engine, id, contact, &failure, reason),
        PN_E_REFUSED);
    assert_int_equal(failure, CL_FAILURE_HOSTILE);
    assert_int_equal(take_all(w, 1, CL_EVENT_FAILED), 1);
    assert_int_equal(w->people[1].engine->contact_count, 0);
    free(text);
    end(w);
}

/* Two people answer one invitation: one has a contact, the other is told, and
 * the one who invited has one contact only. */
static void an_invitation_is_for_one(void **state)
{
    enginesim *w = malloc(sizeof *w);
    uint8_t id[2][CL_ID_BYTES];
    unsigned met = 0, failed = 0;
    char *text;
    (void)state;
    assert_non_null(w);
    enginesim_init(w, 6, 3);
    text = invite(w);
    accept_text(w, 1, text, id[0]);
    accept_text(w, 2, text, id[1]);
    enginesim_run(w, day_ms);
    assert_int_equal(take_all(w, 0, CL_EVENT_CONTACT_ADDED), 1);
    assert_int_equal(w->people[0].engine->contact_count, 1);
    for (size_t i = 1; i < 3; i++) {
        cl_contact_view view;
        const bool has =
            cl_contact_at(w->people[i].engine, 0, &view) == PN_OK && view.ready;
        met += has ? 1 : 0;
        if (!has && w->people[i].engine->contact_count > 0)
            assert_int_equal(say(w, i, 0, "anybody there?"), PN_OK);
    }
    enginesim_run(w, 30 * day_ms);
    for (size_t i = 1; i < 3; i++)
        failed += take_all(w, i, CL_EVENT_FAILED);
    assert_int_equal(met, 1);
    assert_int_equal(failed, 1);
    free(text);
    end(w);
}

/* --- clocks ------------------------------------------------------------- */

static const uint64_t decade_ms = (uint64_t)3652 * 24 * 60 * MINUTE_MS;

/* The clock was ten years ahead when the receipt was drawn. */
static void receipts_survive_a_clock_set_back(void **state)
{
    enginesim *w = world(7, 2);
    (void)state;
    assert_int_equal(say(w, 0, 1, "hello"), PN_OK);
    enginesim_run(w, SECOND_MS);
    w->people[1].sim.wall_ms += decade_ms;
    assert_int_equal(take_all(w, 1, CL_EVENT_MESSAGE), 1);
    w->people[1].sim.wall_ms -= decade_ms;
    enginesim_run(w, day_ms);
    assert_int_equal(take_all(w, 0, CL_EVENT_DELIVERED), 1);
    end(w);
}

/* A message written ten years ahead, and lost by the relay, goes again in days
 * and not in ten years; or its sender is told. */
static void messages_survive_a_clock_set_back(void **state)
{
    trick t = { .kind = PN_MSG_DEPOSIT, .answers = true };
    enginesim *w = world(8, 2);
    (void)state;
    t.lie.kind = PN_MSG_DEPOSIT_RESULT;
    t.lie.u.deposit_result.status = PN_DEPOSIT_STORED;
    (void)take_all(w, 0, CL_EVENT_CONTACT_ADDED);
    w->people[0].sim.wall_ms += decade_ms;
    enginesim_run(w, SECOND_MS);
    trick_up(w, &t);
    assert_int_equal(say(w, 0, 1, "forgotten"), PN_OK);
    enginesim_run(w, SECOND_MS);
    assert_int_equal(t.seen, 1);
    w->on_up = NULL;
    w->people[0].sim.wall_ms -= decade_ms;
    enginesim_run(w, 5 * day_ms);
    assert_int_equal(take_all(w, 1, CL_EVENT_MESSAGE), 1);
    enginesim_run(w, day_ms);
    assert_int_equal(take_all(w, 0, CL_EVENT_DELIVERED), 1);
    end(w);
}

/* Ten years ahead or behind on one side: what is said meanwhile arrives, once,
 * and what counts as too old is told. */
static void people_with_wrong_clocks_talk(void **state)
{
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        for (size_t wrong = 0; wrong < 2; wrong++) {
            enginesim *w = world(9, 2);
            for (size_t i = 0; i < 2; i++)
                (void)take_all(w, i, CL_EVENT_CONTACT_ADDED);
            w->people[wrong].sim.wall_ms += (uint64_t)sign * decade_ms;
            enginesim_run(w, MINUTE_MS);
            assert_int_equal(say(w, 0, 1, "to"), PN_OK);
            assert_int_equal(say(w, 1, 0, "fro"), PN_OK);
            enginesim_run(w, MINUTE_MS);
            for (size_t i = 0; i < 2; i++)
                assert_int_equal(take_all(w, i, CL_EVENT_MESSAGE), 1);
            enginesim_run(w, 15 * MINUTE_MS);
            w->people[wrong].sim.wall_ms -= (uint64_t)sign * decade_ms;
            enginesim_run(w, 60 * day_ms);
            for (size_t i = 0; i < 2; i++)
                assert_int_equal(take_all(w, i, CL_EVENT_DELIVERED), 1);
            assert_int_equal(w->people[0].engine->item_count, 0);
            end(w);
        }
    }
}

/* --- identities --------------------------------------------------------- */

/* Person 2 writes where person 0 writes to person 1, as who has stolen a
 * telephone could. */
static void steal_route(enginesim *w)
{
    cl_engine *thief = w->people[2].engine;
    const cl_contact *of = cl_contact_find(w->people[1].engine, "peer 0");
    cl_contact *c = cl_contact_find(thief, "peer 0");
    cl_queue_ref ref;
    cl_queue_ref_of(&ref, of->queues[0]);
    assert_int_equal(cl_contact_set_routes(thief, c, &ref, 1, 0), PN_OK);
    assert_int_equal(cl_save_contact(thief, c), PN_OK);
}

/* A person who says no to a changed identity is asked once, and not again for
 * every envelope of it. */
static void a_no_is_final(void **state)
{
    enginesim *w = world(10, 3);
    (void)state;
    for (size_t i = 0; i < 3; i++)
        (void)take_all(w, i, CL_EVENT_CONTACT_ADDED);
    steal_route(w);
    assert_int_equal(cl_engine_restored(w->people[2].engine), PN_OK);
    assert_int_equal(cl_engine_commit(w->people[2].engine), PN_OK);
    enginesim_run(w, MINUTE_MS);
    assert_int_equal(take_all(w, 1, CL_EVENT_IDENTITY_CHANGED), 1);
    assert_int_equal(say(w, 1, 0, "is it you?"), PN_OK);
    enginesim_run(w, day_ms);
    assert_int_equal(take_all(w, 0, CL_EVENT_MESSAGE), 0);
    assert_non_null(strstr(reason_of_first(w, 1), "identity changed"));
    assert_int_equal(
        cl_contact_decide(w->people[1].engine, "peer 0", NULL, false), PN_OK);
    enginesim_run(w, 3 * day_ms); /* the thief asks every day */
    assert_int_equal(take_all(w, 1, CL_EVENT_IDENTITY_CHANGED), 0);
    assert_int_equal(take_all(w, 0, CL_EVENT_MESSAGE), 1);
    assert_int_equal(say(w, 0, 1, "it is me"), PN_OK);
    enginesim_run(w, MINUTE_MS);
    assert_int_equal(take_all(w, 1, CL_EVENT_MESSAGE), 1);
    end(w);
}

/* --- damage ------------------------------------------------------------- */

/* A session's record that is no record any more stops one contact's mail, and
 * nobody else's. */
static void damage_stops_one_contact_only(void **state)
{
    static const uint8_t rubbish[] = { 1, 2, 3 };
    enginesim *w = world(11, 3);
    const cl_store store = memstore_port(&w->people[0].store);
    const cl_contact *c = cl_contact_find(w->people[0].engine, "peer 1");
    (void)state;
    for (size_t i = 0; i < 3; i++)
        (void)take_all(w, i, CL_EVENT_CONTACT_ADDED);
    assert_int_equal(store.put(store.ctx, CL_TABLE_SESSION, CL_VIEW(c->id),
                               CL_VIEW(rubbish)),
                     PN_OK);
    assert_int_equal(store.commit(store.ctx), PN_OK);
    assert_int_equal(say(w, 0, 1, "lost"), PN_OK);
    assert_int_equal(say(w, 1, 0, "kept back"), PN_OK);
    assert_int_equal(say(w, 0, 2, "hello"), PN_OK);
    assert_int_equal(say(w, 2, 0, "good day"), PN_OK);
    enginesim_run(w, 3 * day_ms);
    assert_int_equal(take_all(w, 2, CL_EVENT_MESSAGE), 1);
    assert_int_equal(w->people[0].engine->event_count, 2);
    assert_int_equal(take_all(w, 0, CL_EVENT_FAILED), 1); /* and a message */
    assert_int_equal(cl_engine_restored(w->people[0].engine), PN_OK);
    end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_is_noticed),
        cmocka_unit_test(pongs_are_no_answers),
        cmocka_unit_test(a_week_is_too_long),
        cmocka_unit_test(lost_queues_do_not_flood),
        cmocka_unit_test(a_swapped_bundle_is_told),
        cmocka_unit_test(an_invitation_is_for_one),
        cmocka_unit_test(receipts_survive_a_clock_set_back),
        cmocka_unit_test(messages_survive_a_clock_set_back),
        cmocka_unit_test(people_with_wrong_clocks_talk),
        cmocka_unit_test(a_no_is_final),
        cmocka_unit_test(damage_stops_one_contact_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
