/* Two people and a relay, step by step: what the schedules of
 * test_engine_schedules do at random, here one thing at a time. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/enginesim.h"

enum { MINUTE_MS = 60 * 1000 };

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

static void say(enginesim *w, size_t from, size_t to, const char *text,
                uint8_t id[CL_ID_BYTES])
{
    const cl_send what = { .text = { (const uint8_t *)text, strlen(text) },
                           .priority = PN_PRIORITY_NORMAL };
    char name[16] = "peer 0";
    name[5] = (char)('0' + to);
    assert_int_equal(cl_outbox_send(w->people[from].engine, name, &what, id),
                     PN_OK);
}

/* The next event, of this kind. */
static cl_event expect(enginesim *w, size_t who, cl_event_kind kind)
{
    cl_event event;
    assert_int_equal(cl_event_next(w->people[who].engine, &event), PN_OK);
    assert_int_equal(event.kind, kind);
    return event;
}

static void expect_text(enginesim *w, size_t who, const char *text)
{
    const cl_event event = expect(w, who, CL_EVENT_MESSAGE);
    pn_buf body;
    pn_buf_init(&body, 70000);
    assert_int_equal(
        cl_message_body(w->people[who].engine, event.message, &body), PN_OK);
    assert_int_equal(pn_buf_len(&body), strlen(text));
    assert_memory_equal(pn_buf_view(&body).p, text, strlen(text));
    pn_buf_clear(&body);
    assert_int_equal(cl_event_ack(w->people[who].engine, event.sequence),
                     PN_OK);
}

static void expect_nothing(enginesim *w, size_t who)
{
    cl_event event;
    assert_int_equal(cl_event_next(w->people[who].engine, &event),
                     PN_E_NOT_FOUND);
}

static void take_contact(enginesim *w)
{
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(
            cl_event_ack(w->people[i].engine,
                         expect(w, i, CL_EVENT_CONTACT_ADDED).sequence),
            PN_OK);
}

static void talk(cl_invitation_form form)
{
    enginesim *w = world(1);
    uint8_t a[CL_ID_BYTES], b[CL_ID_BYTES];
    enginesim_meet(w, 0, 1, form);
    take_contact(w);
    say(w, 0, 1, "hello", a);
    say(w, 1, 0, "good day", b);
    enginesim_run(w, 1000);
    expect_text(w, 1, "hello");
    expect_text(w, 0, "good day");
    expect_nothing(w, 0);
    enginesim_run(w, 15 * MINUTE_MS); /* receipts are late */
    assert_memory_equal(expect(w, 0, CL_EVENT_DELIVERED).message, a, 16);
    assert_memory_equal(expect(w, 1, CL_EVENT_DELIVERED).message, b, 16);
    end(w);
}

/* Two people meet by a link and talk both ways. */
static void meet_by_link(void **state)
{
    (void)state;
    talk(CL_INVITATION_LINK);
}

static void meet_offline(void **state)
{
    (void)state;
    talk(CL_INVITATION_OFFLINE);
}

/* Person 0's events until there is none; counts those of one kind. */
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

/* A store that went back in time begins its sessions anew; what was on its way
 * arrives, once, and people are told. */
static void a_restored_store_begins_anew(void **state)
{
    enginesim *w = world(2);
    memstore backup;
    uint8_t id[CL_ID_BYTES];
    (void)state;
    enginesim_meet(w, 0, 1, CL_INVITATION_LINK);
    enginesim_run(w, 15 * MINUTE_MS);
    memstore_copy(&backup, &w->people[0].store);
    say(w, 0, 1, "before", id);
    say(w, 1, 0, "to the old one", id);
    enginesim_run(w, 1000);
    (void)take_all(w, 0, CL_EVENT_MESSAGE);
    assert_int_equal(take_all(w, 1, CL_EVENT_MESSAGE), 1);
    enginesim_run(w, 1000); /* the relay forgets it; its receipt is late */
    enginesim_kill(w, 0);
    memstore_free(&w->people[0].store);
    w->people[0].store = backup;
    enginesim_start(w, 0);
    assert_int_equal(cl_engine_restored(w->people[0].engine), PN_OK);
    assert_int_equal(cl_engine_commit(w->people[0].engine), PN_OK);
    say(w, 0, 1, "after", id);
    enginesim_run(w, 30 * MINUTE_MS);
    assert_true(take_all(w, 1, CL_EVENT_MESSAGE) == 1);
    say(w, 1, 0, "again", id);
    enginesim_run(w, 30 * MINUTE_MS);
    /* What it had had comes again too, though the relay remembers it. */
    assert_int_equal(take_all(w, 0, CL_EVENT_MESSAGE), 2);
    end(w);
}

/* A revoked link leads nowhere, and says so. */
static void a_revoked_link_is_used_up(void **state)
{
    enginesim *w = world(3);
    cl_invite_view *view = calloc(1, sizeof *view);
    uint8_t id[CL_ID_BYTES], accept[CL_ID_BYTES], contact[CL_ID_BYTES];
    char reason[CL_REASON_MAX + 1];
    cl_failure failure;
    (void)state;
    assert_non_null(view);
    assert_int_equal(
        cl_invite_create(w->people[0].engine, CL_INVITATION_LINK, "", 0, id),
        PN_OK);
    enginesim_run(w, 1000);
    assert_int_equal(cl_invite_get(w->people[0].engine, id, view), PN_OK);
    assert_int_equal(view->state, CL_INVITE_OPEN);
    assert_int_equal(cl_invite_revoke(w->people[0].engine, id), PN_OK);
    enginesim_run(w, MINUTE_MS);
    assert_int_equal(cl_invite_accept(w->people[1].engine,
                                      (pn_bytes){ (uint8_t *)view->text,
                                                  strlen(view->text) },
                                      "", accept),
                     PN_OK);
    enginesim_run(w, MINUTE_MS);
    assert_int_equal(
        cl_accept_state(w->people[1].engine, accept, contact, &failure, reason),
        PN_E_REFUSED);
    assert_int_equal(failure, CL_FAILURE_USED);
    assert_int_equal(take_all(w, 1, CL_EVENT_FAILED), 1);
    free(view);
    end(w);
}

/* Nobody is there to take it: its time passes, and the sender is told. */
static void a_message_expires(void **state)
{
    const cl_send what = { .text = PN_BYTES_LIT("too late"),
                           .priority = PN_PRIORITY_NORMAL,
                           .expires_in_ms = 10 * MINUTE_MS };
    enginesim *w = world(4);
    uint8_t id[CL_ID_BYTES];
    (void)state;
    enginesim_meet(w, 0, 1, CL_INVITATION_LINK);
    enginesim_run(w, 15 * MINUTE_MS);
    (void)take_all(w, 0, CL_EVENT_MESSAGE);
    enginesim_kill(w, 1);
    assert_int_equal(cl_outbox_send(w->people[0].engine, "peer 1", &what, id),
                     PN_OK);
    enginesim_run(w, 11 * MINUTE_MS);
    assert_int_equal(take_all(w, 0, CL_EVENT_FAILED), 1);
    end(w);
}

/* Both have met, and person 0 has said "hello", which person 1 has not taken
 * yet; *sequence is its event. */
static enginesim *said_hello(uint64_t seed, uint64_t *sequence)
{
    enginesim *w = world(seed);
    uint8_t id[CL_ID_BYTES];
    enginesim_meet(w, 0, 1, CL_INVITATION_LINK);
    take_contact(w);
    enginesim_run(w, 15 * MINUTE_MS);
    say(w, 0, 1, "hello", id);
    enginesim_run(w, 1000);
    *sequence = expect(w, 1, CL_EVENT_MESSAGE).sequence;
    return w;
}

/* A message that was on its way when its sender died is sealed again under the
 * id that the relay may have already: the relay keeps what came first, so what
 * was not in that must not be put in now. */
static void a_receipt_is_not_told_in_a_repetition(void **state)
{
    uint64_t sequence;
    enginesim *w = said_hello(5, &sequence);
    uint8_t id[CL_ID_BYTES];
    (void)state;
    say(w, 1, 0, "and you?", id);
    enginesim_pump(w, 1);
    while (enginesim_up(w, 1))
        enginesim_pump(w, 1);
    enginesim_kill(w, 1); /* with the relay's answer unread */
    enginesim_start(w, 1);
    assert_int_equal(cl_event_ack(w->people[1].engine, sequence), PN_OK);
    enginesim_run(w, 1000);
    expect_text(w, 0, "and you?");
    enginesim_run(w, 15 * MINUTE_MS);
    assert_int_equal(take_all(w, 0, CL_EVENT_DELIVERED), 1);
    assert_int_equal(take_all(w, 1, CL_EVENT_DELIVERED), 1);
    end(w);
}

/* Nor does it end with the message that was to take it along. */
static void a_receipt_outlives_what_carries_it(void **state)
{
    uint64_t sequence;
    enginesim *w = said_hello(6, &sequence);
    uint8_t id[CL_ID_BYTES];
    (void)state;
    assert_int_equal(cl_event_ack(w->people[1].engine, sequence), PN_OK);
    enginesim_pump(w, 1);
    say(w, 1, 0, "never mind", id);
    enginesim_pump(w, 1);
    enginesim_cut(w, 1); /* sealed, and lost on the way */
    assert_int_equal(cl_outbox_cancel(w->people[1].engine, id), PN_OK);
    enginesim_run(w, 15 * MINUTE_MS);
    expect(w, 0, CL_EVENT_DELIVERED);
    end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meet_by_link),
        cmocka_unit_test(meet_offline),
        cmocka_unit_test(a_restored_store_begins_anew),
        cmocka_unit_test(a_revoked_link_is_used_up),
        cmocka_unit_test(a_message_expires),
        cmocka_unit_test(a_receipt_is_not_told_in_a_repetition),
        cmocka_unit_test(a_receipt_outlives_what_carries_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
