/* What an engine does beside talking: the thin profile, another capability for
 * the queue an invitation named, and the store's idle moments. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "client/core/engine_state.h"
#include "tests/support/enginesim.h"

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS, TEXT = 500 };

static enginesim *world(uint64_t seed)
{
    enginesim *w = malloc(sizeof *w);
    assert_non_null(w);
    enginesim_init(w, seed, 2);
    return w;
}

static void end(enginesim *w)
{
    enginesim_free(w);
    free(w);
}

static void take_all(enginesim *w, size_t who)
{
    cl_event event;
    while (cl_event_next(w->people[who].engine, &event) == PN_OK)
        assert_int_equal(cl_event_ack(w->people[who].engine, event.sequence),
                         PN_OK);
}

/* Until receipts have gone, too. */
static void rest(enginesim *w)
{
    for (size_t i = 0; i < 4; i++) {
        enginesim_run(w, 10 * MINUTE_MS);
        take_all(w, i % 2);
    }
}

static const char *name_of(size_t who)
{
    static const char *const names[] = { "peer 0", "peer 1" };
    return names[who];
}

/* The envelope of a text of 500 characters. */
static size_t said(enginesim *w, size_t from)
{
    static char text[TEXT];
    const cl_send what = { .text = { (const uint8_t *)text, sizeof text },
                           .priority = PN_PRIORITY_NORMAL };
    uint8_t id[CL_ID_BYTES];
    memset(text, 'x', sizeof text);
    assert_int_equal(
        cl_outbox_send(w->people[from].engine, name_of(1 - from), &what, id),
        PN_OK);
    w->envelope = 0;
    enginesim_run(w, 1000);
    take_all(w, 1 - from);
    return w->envelope;
}

static bool is_thin(enginesim *w, size_t who)
{
    cl_contact_view view;
    assert_int_equal(
        cl_contact_get(w->people[who].engine, name_of(1 - who), false, &view),
        PN_OK);
    return view.thin;
}

/* Who has a thin link writes small, and is written to small by a contact that
 * has made no choice of its own. */
static void a_wish_is_followed(void **state)
{
    enginesim *w = world(11);
    (void)state;
    assert_int_equal(
        cl_engine_set_profile(w->people[0].engine, CL_PROFILE_THIN), PN_OK);
    assert_int_equal(cl_engine_record_size(w->people[0].engine), 1024);
    assert_int_equal(cl_engine_record_size(w->people[1].engine), 4096);
    enginesim_meet(w, 0, 1, CL_INVITATION_LINK);
    rest(w);
    assert_int_equal(said(w, 0), pn_envelope_size(PN_ENVELOPE_XS));
    rest(w);
    assert_true(is_thin(w, 0) && is_thin(w, 1));
    assert_int_equal(said(w, 1), pn_envelope_size(PN_ENVELOPE_XS));
    enginesim_kill(w, 0); /* both choices are kept */
    enginesim_kill(w, 1);
    enginesim_start(w, 0);
    enginesim_start(w, 1);
    assert_true(is_thin(w, 0) && is_thin(w, 1));
    assert_int_equal(
        cl_engine_set_profile(w->people[0].engine, CL_PROFILE_NORMAL), PN_OK);
    assert_int_equal(said(w, 0), pn_envelope_size(PN_ENVELOPE_S));
    assert_false(is_thin(w, 1)); /* it does not wish it any more */
    assert_int_equal(said(w, 1), pn_envelope_size(PN_ENVELOPE_S));
    end(w);
}

/* A choice of one's own stands against any wish. */
static void a_choice_stands(void **state)
{
    enginesim *w = world(12);
    (void)state;
    enginesim_meet(w, 0, 1, CL_INVITATION_LINK);
    rest(w);
    assert_int_equal(
        cl_contact_choose(w->people[1].engine, "nobody", CL_CHOICE_THIN),
        PN_E_NOT_FOUND);
    assert_int_equal(
        cl_contact_choose(w->people[0].engine, name_of(1), CL_CHOICE_THIN),
        PN_OK);
    assert_int_equal(
        cl_contact_choose(w->people[1].engine, name_of(0), CL_CHOICE_NORMAL),
        PN_OK);
    assert_int_equal(said(w, 0), pn_envelope_size(PN_ENVELOPE_XS));
    assert_int_equal(said(w, 1), pn_envelope_size(PN_ENVELOPE_S));
    enginesim_kill(w, 1);
    enginesim_start(w, 1);
    assert_false(is_thin(w, 1));
    assert_int_equal(
        cl_contact_choose(w->people[1].engine, name_of(0), CL_CHOICE_AUTO),
        PN_OK);
    assert_true(is_thin(w, 1)); /* the wish was not forgotten */
    end(w);
}

/* So many texts from one to the other, who has read them. */
static void burst(enginesim *w, size_t from, size_t count)
{
    static const uint8_t text[] = "yes";
    const cl_send what = { .text = { text, sizeof text - 1 },
                           .priority = PN_PRIORITY_NORMAL };
    uint8_t id[CL_ID_BYTES];
    for (size_t n = 0; n < count; n++) {
        memset(id, 0, sizeof id); /* a new one */
        assert_int_equal(cl_outbox_send(w->people[from].engine,
                                        name_of(1 - from), &what, id),
                         PN_OK);
    }
    enginesim_run(w, 3000);
    take_all(w, 1 - from);
}

static size_t unconfirmed(enginesim *w, size_t who)
{
    size_t count = 0;
    pn_node *items = &w->people[who].engine->items;
    for (pn_node *n = items->next; n != items; n = n->next)
        count++;
    return count;
}

/* The size of an envelope does not tell how many receipts came along: as many
 * as have room beside the text, the rest in their time. */
static void text_beside_receipts(cl_profile profile, size_t count)
{
    enginesim *w = world(17);
    const size_t size = pn_envelope_size(
        profile == CL_PROFILE_THIN ? PN_ENVELOPE_XS : PN_ENVELOPE_S);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(cl_engine_set_profile(w->people[i].engine, profile),
                         PN_OK);
    enginesim_meet(w, 0, 1, CL_INVITATION_LINK);
    rest(w);
    assert_int_equal(said(w, 0), size);
    burst(w, 1, count);
    assert_true(unconfirmed(w, 1) >= count);
    assert_int_equal(said(w, 0), size);
    if (count <= 8) /* there was room for all */
        assert_int_equal(unconfirmed(w, 1), 0);
    rest(w);
    assert_int_equal(unconfirmed(w, 1), 0);
    end(w);
}

static void receipts_make_no_text_larger(void **state)
{
    static const size_t counts[] = { 1, 8, 12, 13, 14, 15, 16, 40 };
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        text_beside_receipts(CL_PROFILE_THIN, counts[i]);
    for (size_t count = 55; count <= 64; count++)
        text_beside_receipts(CL_PROFILE_NORMAL, count);
}

/* In a day of turns, a KEM step comes once in 50 messages: that one does not
 * fit into the smallest class. */
static void a_thin_talk_is_renewed_now_and_then(void **state)
{
    enginesim *w = world(13);
    unsigned large = 0;
    (void)state;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(
            cl_engine_set_profile(w->people[i].engine, CL_PROFILE_THIN), PN_OK);
    enginesim_meet(w, 0, 1, CL_INVITATION_LINK);
    rest(w);
    for (size_t i = 0; i < 200; i++)
        large += said(w, i % 2) > pn_envelope_size(PN_ENVELOPE_XS) ? 1 : 0;
    assert_in_range(large, 2, 8);
    enginesim_run(w, 25 * (uint64_t)HOUR_MS);
    large = 0;
    for (size_t i = 0; i < 4; i++)
        large += said(w, i % 2) > pn_envelope_size(PN_ENVELOPE_XS) ? 1 : 0;
    assert_in_range(large, 1, 2);
    end(w);
}

static const cl_queue *queue_of(const enginesim *w, size_t who)
{
    return w->people[who].engine->contacts[0]->queues[0];
}

static bool knows_the_way(const enginesim *w, size_t who)
{
    const cl_route *route = &w->people[who].engine->contacts[0]->routes[0];
    const cl_queue *q = queue_of(w, 1 - who);
    return memcmp(route->send_id, q->send_id, 32) == 0 &&
           memcmp(route->capability, q->capability, 32) == 0;
}

/* Who read the invitation knows the reply queue's capability; the contact gets
 * another one, for itself alone, over any number of deaths. */
static void the_reply_queue_gets_another_capability(void **state)
{
    uint8_t told[32], id[CL_ID_BYTES];
    (void)state;
    for (unsigned deaths = 0; deaths < 6; deaths++) {
        enginesim *w = world(14 + deaths);
        cl_invite_view *view = calloc(1, sizeof *view);
        assert_non_null(view);
        assert_int_equal(cl_invite_create(w->people[0].engine,
                                          CL_INVITATION_OFFLINE, "peer 1", 0,
                                          id),
                         PN_OK);
        enginesim_run(w, MINUTE_MS);
        assert_int_equal(cl_invite_get(w->people[0].engine, id, view), PN_OK);
        memcpy(told,
               PN_ENTRY(w->people[0].engine->invites.next, cl_invite, in_engine)
                   ->reply[0]
                   ->capability,
               32);
        assert_int_equal(cl_invite_accept(w->people[1].engine,
                                          (pn_bytes){ (uint8_t *)view->text,
                                                      strlen(view->text) },
                                          "peer 0", id),
                         PN_OK);
        for (unsigned i = 0; i < deaths * 3; i++) {
            enginesim_pump(w, i % 2);
            (void)enginesim_up(w, i % 2);
            coresim_settle(&w->core);
            (void)enginesim_down(w, i % 2);
            if (i % 3 == 0) {
                enginesim_kill(w, 0);
                enginesim_start(w, 0);
            }
        }
        rest(w);
        assert_false(queue_of(w, 0)->rotating);
        assert_memory_not_equal(queue_of(w, 0)->capability, told, 32);
        assert_true(knows_the_way(w, 0) && knows_the_way(w, 1));
        assert_int_equal(said(w, 1), pn_envelope_size(PN_ENVELOPE_S));
        free(view);
        end(w);
    }
}

/* After the last commit the store may tidy up: once, and not at once. */
static void an_idle_store_is_tidied(void **state)
{
    enginesim *w = world(30);
    const memstore *m = &w->people[0].store;
    unsigned before;
    (void)state;
    enginesim_meet(w, 0, 1, CL_INVITATION_LINK);
    rest(w);
    enginesim_run(w, HOUR_MS);
    before = m->syncs;
    assert_true(before > 0);
    assert_int_equal(cl_contact_block(w->people[0].engine, name_of(1), true),
                     PN_OK);
    enginesim_run(w, CL_IDLE_MS - 1);
    assert_int_equal(m->syncs, before);
    enginesim_run(w, 2);
    assert_int_equal(m->syncs, before + 1);
    enginesim_run(w, HOUR_MS);
    assert_int_equal(m->syncs, before + 1);
    end(w);
}

static size_t seen(const memstore *m)
{
    size_t count = 0;
    for (size_t i = 0; i < m->count; i++)
        count += m->records[i].live && m->records[i].table == CL_TABLE_SEEN;
    return count;
}

/* A program that never runs for a whole day forgets what is too old, too. */
static void the_daily_round_is_remembered(void **state)
{
    enginesim *w = world(31);
    (void)state;
    enginesim_meet(w, 0, 1, CL_INVITATION_LINK);
    rest(w);
    (void)said(w, 1);
    rest(w);
    assert_true(seen(&w->people[0].store) > 0);
    enginesim_kill(w, 1);
    for (int day = 0; day <= CL_SEEN_DAYS + 1; day++) {
        enginesim_kill(w, 0);
        enginesim_advance(w, (uint64_t)24 * HOUR_MS);
        enginesim_start(w, 0);
        enginesim_run(w, MINUTE_MS);
    }
    assert_int_equal(seen(&w->people[0].store), 0);
    end(w);
}

/* Receipts of person 1 are lost by the relay, which says it has them. */
static bool lose_receipts(void *ctx, size_t i, const pn_msg *msg)
{
    enginesim *w = ctx;
    pn_msg lie = { .id = msg->id, .kind = PN_MSG_DEPOSIT_RESULT };
    if (msg->kind != PN_MSG_DEPOSIT || i != 1)
        return false;
    lie.u.deposit_result.status = PN_DEPOSIT_STORED;
    enginesim_give(w, i, &lie);
    return true;
}

/* A relay loses a text that took receipts along, after it said that it has it:
 * the text takes them along again when it is sealed anew. */
static void receipts_go_with_their_text_again(void **state)
{
    enginesim *w = world(33);
    (void)state;
    enginesim_meet(w, 0, 1, CL_INVITATION_LINK);
    rest(w);
    burst(w, 0, 3);
    w->on_up = lose_receipts;
    w->lie_ctx = w;
    w->suspicious = true;
    burst(w, 1, 1);
    w->on_up = NULL;
    assert_int_equal(unconfirmed(w, 0), 3);
    (void)said(w, 1); /* confirmed later: the one before must be lost */
    enginesim_run(w, 20 * MINUTE_MS);
    assert_int_equal(unconfirmed(w, 0), 3);
    enginesim_run(w, HOUR_MS);
    take_all(w, 0);
    assert_int_equal(unconfirmed(w, 0), 0);
    end(w);
}

/* A message came while the clock was wrong by `years`, and comes again, sealed
 * anew, days after it was set right: it is given once. */
static void is_given_once(int years)
{
    const uint64_t off =
        (uint64_t)((int64_t)years * 365 * 24 * (int64_t)HOUR_MS);
    enginesim *w = world(32);
    uint64_t sent;
    cl_event event;
    enginesim_meet(w, 0, 1, CL_INVITATION_LINK);
    rest(w);
    w->on_up = lose_receipts;
    w->lie_ctx = w;
    w->suspicious = true;
    w->people[1].sim.wall_ms += off;
    enginesim_run(w, MINUTE_MS); /* the clock is looked at */
    (void)said(w, 0);
    rest(w);
    enginesim_run(w, (uint64_t)30 * HOUR_MS); /* and a round is done */
    w->people[1].sim.wall_ms -= off;
    sent = w->deposits;
    enginesim_run(w, (uint64_t)5 * 24 * HOUR_MS);
    assert_true(w->deposits > sent);
    assert_int_equal(cl_event_next(w->people[1].engine, &event),
                     PN_E_NOT_FOUND);
    end(w);
}

static void no_clock_makes_forget_what_came(void **state)
{
    (void)state;
    is_given_once(-6);
    is_given_once(6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wish_is_followed),
        cmocka_unit_test(a_choice_stands),
        cmocka_unit_test(receipts_make_no_text_larger),
        cmocka_unit_test(receipts_go_with_their_text_again),
        cmocka_unit_test(a_thin_talk_is_renewed_now_and_then),
        cmocka_unit_test(the_reply_queue_gets_another_capability),
        cmocka_unit_test(an_idle_store_is_tidied),
        cmocka_unit_test(the_daily_round_is_remembered),
        cmocka_unit_test(no_clock_makes_forget_what_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
