/* Two people and several relays, one thing at a time: what the schedules of
 * test_relays_schedules do at random. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/relaysim.h"

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS };
static const uint64_t day_ms = (uint64_t)24 * HOUR_MS;

static cl_contact *contact_of(const relaysim *w, size_t who)
{
    return w->people[who].engine->contacts[0];
}

static unsigned take_all(relaysim *w, size_t who, cl_event_kind kind)
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

/* Two friends who know `known` of `relays`, with nothing left to tell. */
static relaysim *friends(uint64_t seed, size_t relays, size_t known)
{
    relaysim *w = malloc(sizeof *w);
    assert_non_null(w);
    relaysim_init(w, seed, relays, known);
    relaysim_meet(w,
                  seed % 2 == 0 ? CL_INVITATION_LINK : CL_INVITATION_OFFLINE);
    relaysim_run(w, 20 * MINUTE_MS);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(take_all(w, i, CL_EVENT_CONTACT_ADDED), 1);
        assert_true(contact_of(w, i)->list_known);
    }
    return w;
}

static void end(relaysim *w)
{
    relaysim_free(w);
    free(w);
}

static void say(relaysim *w, size_t from, const char *text,
                uint8_t id[CL_ID_BYTES])
{
    const cl_send what = { .text = { (const uint8_t *)text, strlen(text) },
                           .priority = PN_PRIORITY_NORMAL };
    assert_int_equal(cl_outbox_send(w->people[from].engine, "peer", &what, id),
                     PN_OK);
}

static cl_item_view *item_of(relaysim *w, size_t who)
{
    static cl_item_view view;
    assert_int_equal(cl_item_at(w->people[who].engine, 0, &view), PN_OK);
    return &view;
}

/* The contact writes to exactly the queues that are to be written to, each of
 * which lies at a relay of its own. */
static void assert_agreed(const relaysim *w, size_t who, size_t count)
{
    const cl_contact *c = contact_of(w, who), *d = contact_of(w, 1 - who);
    cl_queue_ref refs[CL_QUEUES_MAX];
    const size_t listed = cl_list_of(c, refs);
    assert_true(c->list_known);
    assert_int_equal(listed, count);
    assert_int_equal(d->route_count, count);
    for (size_t i = 0; i < listed; i++) {
        size_t found = 0;
        for (size_t k = 0; k < CL_QUEUES_MAX; k++)
            found +=
                d->routes[k].relay != NULL &&
                        memcmp(d->routes[k].send_id, refs[i].send_id, 32) == 0
                    ? 1
                    : 0;
        assert_int_equal(found, 1);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(refs[i].relay.port, refs[k].relay.port);
    }
}

static bool lies_at(const relaysim *w, size_t who, size_t relay)
{
    cl_queue_ref refs[CL_QUEUES_MAX];
    const size_t listed = cl_list_of(contact_of(w, who), refs);
    for (size_t i = 0; i < listed; i++) {
        if (refs[i].relay.port == w->relay[relay].address.port)
            return true;
    }
    return false;
}

/* A message is held by both relays, and shown once. */
static void mail_lies_on_two_relays(void **state)
{
    relaysim *w = friends(2, 3, 3);
    uint8_t id[CL_ID_BYTES];
    uint64_t before[2];
    (void)state;
    assert_agreed(w, 0, 2);
    assert_agreed(w, 1, 2);
    relaysim_kill(w, 1);
    before[0] = w->relay[0].deposits;
    before[1] = w->relay[1].deposits;
    say(w, 0, "hello", id);
    relaysim_run(w, 1000);
    assert_int_equal(w->relay[0].deposits - before[0], 1);
    assert_int_equal(w->relay[1].deposits - before[1], 1);
    assert_int_equal(item_of(w, 0)->state, CL_ITEM_RELAYED);
    assert_int_equal(item_of(w, 0)->held, 2);
    assert_int_equal(item_of(w, 0)->attempts, 1); /* sealed once */
    assert_string_equal(item_of(w, 0)->reason, "held by 2 of 2 relays");
    relaysim_start(w, 1);
    relaysim_run(w, MINUTE_MS);
    assert_int_equal(take_all(w, 1, CL_EVENT_MESSAGE), 1);
    relaysim_run(w, 15 * MINUTE_MS);
    assert_int_equal(take_all(w, 0, CL_EVENT_DELIVERED), 1);
    assert_int_equal(take_all(w, 1, CL_EVENT_MESSAGE), 0);
    /* Both copies were acknowledged, for nothing comes again. */
    relaysim_kill(w, 1);
    relaysim_start(w, 1);
    relaysim_run(w, MINUTE_MS);
    assert_int_equal(take_all(w, 1, CL_EVENT_MESSAGE), 0);
    end(w);
}

/* One relay is away: the other does it, one sees why the copy waits, and it
 * goes there when the relay is back. */
static void one_relay_is_enough(void **state)
{
    relaysim *w = friends(4, 2, 2);
    const cl_item_view *view;
    uint8_t id[CL_ID_BYTES];
    (void)state;
    relaysim_relay_stop(w, 1, SIZE_MAX);
    relaysim_kill(w, 1);
    say(w, 0, "hello", id);
    relaysim_run(w, MINUTE_MS);
    view = item_of(w, 0);
    assert_int_equal(view->state, CL_ITEM_RELAYED);
    assert_int_equal(view->held, 1);
    assert_int_equal(view->copy_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const bool is_up = view->copies[i].relay.port == 443;
        assert_true(view->copies[i].held == is_up);
        assert_string_equal(view->copies[i].reason,
                            is_up ? "held by the relay"
                                  : "relay unreachable: cut");
    }
    /* A restart forgets neither. */
    relaysim_kill(w, 0);
    relaysim_start(w, 0);
    relaysim_run(w, MINUTE_MS);
    assert_int_equal(item_of(w, 0)->held, 1);
    assert_int_equal(item_of(w, 0)->attempts, 1);
    relaysim_relay_start(w, 1);
    relaysim_run(w, 10 * MINUTE_MS);
    assert_int_equal(item_of(w, 0)->held, 2);
    relaysim_start(w, 1);
    relaysim_run(w, MINUTE_MS);
    assert_int_equal(take_all(w, 1, CL_EVENT_MESSAGE), 1);
    end(w);
}

/* It dies between one relay's answer and the other's, at every step. */
static void a_death_in_the_middle_costs_nothing(void **state)
{
    (void)state;
    for (unsigned deaths = 0; deaths < 12; deaths++) {
        relaysim *w = friends(6 + deaths * 2, 2, 2);
        uint8_t id[CL_ID_BYTES];
        say(w, 0, "hello", id);
        for (unsigned i = 0; i < deaths; i++) {
            const size_t r = i / 3 % 2;
            relaysim_pump(w, 0);
            (void)relaysim_up(w, 0, r);
            if (i % 3 >= 1)
                relaysim_relay_work(w, r);
            if (i % 3 >= 2)
                (void)relaysim_down(w, 0, r);
        }
        relaysim_kill(w, 0);
        relaysim_start(w, 0);
        relaysim_run(w, MINUTE_MS);
        assert_int_equal(take_all(w, 1, CL_EVENT_MESSAGE), 1);
        relaysim_run(w, 15 * MINUTE_MS);
        assert_int_equal(take_all(w, 0, CL_EVENT_DELIVERED), 1);
        assert_int_equal(take_all(w, 1, CL_EVENT_MESSAGE), 0);
        end(w);
    }
}

/* A relay that stays away is replaced, on both sides, by nobody's doing. */
static void a_dead_relay_is_replaced(void **state)
{
    relaysim *w = friends(40, 3, 3);
    uint8_t id[CL_ID_BYTES];
    (void)state;
    assert_true(lies_at(w, 0, 0) && lies_at(w, 1, 0));
    relaysim_relay_stop(w, 0, 0);
    relaysim_run(w, day_ms / 2);
    assert_true(lies_at(w, 0, 0)); /* not yet */
    relaysim_run(w, day_ms);
    assert_agreed(w, 0, 2);
    assert_agreed(w, 1, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(!lies_at(w, i, 0) && lies_at(w, i, 1) && lies_at(w, i, 2));
    say(w, 0, "hello", id);
    relaysim_run(w, MINUTE_MS);
    assert_int_equal(item_of(w, 0)->held, 2);
    assert_int_equal(take_all(w, 1, CL_EVENT_MESSAGE), 1);
    /* And the next one dies; what is left carries on alone. */
    relaysim_relay_stop(w, 1, 0);
    relaysim_run(w, 2 * day_ms);
    (void)take_all(w, 0, CL_EVENT_MESSAGE);
    say(w, 1, "still here", id);
    relaysim_run(w, MINUTE_MS);
    assert_int_equal(take_all(w, 0, CL_EVENT_MESSAGE), 1);
    end(w);
}

/* The mail that only the dead relay had comes by the one in its place. */
static void what_only_the_dead_relay_had_arrives(void **state)
{
    relaysim *w = friends(42, 3, 3);
    uint8_t id[CL_ID_BYTES];
    (void)state;
    relaysim_kill(w, 1);
    relaysim_relay_stop(w, 1, SIZE_MAX);
    say(w, 0, "hello", id);
    relaysim_run(w, MINUTE_MS);
    assert_int_equal(item_of(w, 0)->held, 1);
    relaysim_relay_stop(w, 0, 0); /* with the only copy, for ever */
    relaysim_relay_start(w, 1);
    relaysim_start(w, 1);
    relaysim_run(w, 10 * MINUTE_MS);
    assert_int_equal(take_all(w, 1, CL_EVENT_MESSAGE), 1);
    end(w);
}

/* Nothing answers: that is our network, not the death of every relay. */
static void no_network_is_not_death(void **state)
{
    relaysim *w = friends(44, 3, 3);
    uint64_t list = contact_of(w, 0)->list_ms;
    (void)state;
    for (size_t r = 0; r < 3; r++) {
        w->people[0].line[r].cut = true;
        relaysim_cut(w, 0, r);
    }
    relaysim_run(w, 5 * day_ms);
    for (size_t r = 0; r < 3; r++)
        w->people[0].line[r].cut = false;
    relaysim_run(w, day_ms / 2);
    assert_true(contact_of(w, 0)->list_ms == list);
    assert_agreed(w, 0, 2);
    end(w);
}

/* All relays of one side die: what it says still goes, what it is sent stays
 * with the sender, who sees why; with a relay that lives all arrives. */
static void all_own_relays_die(void **state)
{
    relaysim *w = friends(46, 4, 2);
    uint8_t id[CL_ID_BYTES];
    (void)state;
    relaysim_know(w, 0, 2);
    relaysim_know(w, 0, 3);
    assert_int_equal(cl_relay_remove(w->people[0].engine, &w->relay[0].address),
                     PN_OK);
    assert_int_equal(cl_relay_remove(w->people[0].engine, &w->relay[1].address),
                     PN_OK);
    relaysim_run(w, day_ms); /* now the two have no relay in common */
    assert_agreed(w, 0, 2);
    assert_true(lies_at(w, 0, 2) && lies_at(w, 0, 3));
    relaysim_relay_stop(w, 2, 0);
    relaysim_relay_stop(w, 3, 0);
    say(w, 1, "to you", id);
    relaysim_run(w, 3 * day_ms);
    assert_int_equal(item_of(w, 1)->state, CL_ITEM_QUEUED);
    assert_true(strncmp(item_of(w, 1)->reason, "relay unreachable", 17) == 0);
    say(w, 0, "from me", id);
    relaysim_run(w, MINUTE_MS);
    assert_int_equal(take_all(w, 1, CL_EVENT_MESSAGE), 1);
    relaysim_know(w, 0, 0);
    relaysim_run(w, day_ms);
    assert_int_equal(take_all(w, 0, CL_EVENT_MESSAGE), 1);
    assert_true(lies_at(w, 0, 0));
    end(w);
}

/* It has lost all it had: the mailbox is made again, and what it held goes
 * there again. */
static void a_relay_that_forgot_is_filled_again(void **state)
{
    relaysim *w = friends(48, 2, 2);
    uint8_t id[CL_ID_BYTES];
    (void)state;
    relaysim_kill(w, 1);
    say(w, 0, "hello", id);
    relaysim_run(w, MINUTE_MS);
    relaysim_relay_wipe(w, 0);
    relaysim_relay_stop(w, 1, SIZE_MAX);
    relaysim_start(w, 1);
    relaysim_run(w, HOUR_MS);
    relaysim_relay_start(w, 1);
    relaysim_run(w, HOUR_MS);
    assert_int_equal(take_all(w, 1, CL_EVENT_MESSAGE), 1);
    assert_agreed(w, 0, 2);
    assert_agreed(w, 1, 2);
    end(w);
}

/* No mailbox serves for ever, and the old one is deleted at its relay. */
static void queues_are_rotated(void **state)
{
    relaysim *w = friends(50, 2, 2);
    uint8_t first[2][32], id[CL_ID_BYTES];
    (void)state;
    for (size_t i = 0; i < 2; i++)
        memcpy(first[i], contact_of(w, 0)->queues[i]->send_id, 32);
    for (unsigned day = 0; day < 40; day++) {
        say(w, 1, "day", id);
        relaysim_run(w, day_ms);
        assert_int_equal(take_all(w, 0, CL_EVENT_MESSAGE), 1);
        (void)take_all(w, 1, CL_EVENT_MESSAGE);
    }
    assert_agreed(w, 0, 2);
    assert_agreed(w, 1, 2);
    assert_int_equal(contact_of(w, 0)->queue_count, 2);
    assert_true(pn_list_is_empty(&w->people[0].engine->doomed));
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < 2; k++)
            assert_memory_not_equal(first[i],
                                    contact_of(w, 0)->queues[k]->send_id, 32);
    }
    end(w);
}

/* After a thousand messages, too. */
static void a_busy_queue_is_rotated(void **state)
{
    relaysim *w = friends(52, 2, 2);
    uint8_t first[32], id[CL_ID_BYTES];
    (void)state;
    memcpy(first, contact_of(w, 0)->queues[0]->send_id, 32);
    contact_of(w, 0)->queues[0]->messages = CL_QUEUE_MESSAGES - 1;
    say(w, 1, "the thousandth", id);
    relaysim_run(w, 3 * day_ms);
    assert_agreed(w, 0, 2);
    for (size_t k = 0; k < contact_of(w, 0)->queue_count; k++)
        assert_memory_not_equal(first, contact_of(w, 0)->queues[k]->send_id,
                                32);
    assert_int_equal(take_all(w, 0, CL_EVENT_MESSAGE), 1);
    end(w);
}

/* One relay was known; with a second the mail lies on both, and with a wish
 * for three on three. */
static void more_relays_are_used_when_known(void **state)
{
    relaysim *w = friends(54, 3, 1);
    (void)state;
    assert_agreed(w, 0, 1);
    relaysim_know(w, 0, 1);
    relaysim_run(w, HOUR_MS);
    assert_agreed(w, 0, 2);
    assert_agreed(w, 1, 1);
    relaysim_know(w, 0, 2);
    assert_int_equal(cl_relays_set(w->people[0].engine, 3, day_ms), PN_OK);
    assert_int_equal(cl_relays_set(w->people[0].engine, 0, day_ms), PN_E_ARG);
    assert_int_equal(cl_relays_set(w->people[0].engine, 4, day_ms), PN_E_ARG);
    assert_int_equal(cl_relays_set(w->people[0].engine, 2, 0), PN_E_ARG);
    relaysim_run(w, HOUR_MS);
    assert_agreed(w, 0, 3);
    assert_int_equal(cl_relays_set(w->people[0].engine, 1, day_ms), PN_OK);
    relaysim_run(w, day_ms);
    assert_agreed(w, 0, 1);
    relaysim_kill(w, 0); /* the wish is kept */
    relaysim_start(w, 0);
    relaysim_run(w, HOUR_MS);
    assert_agreed(w, 0, 1);
    end(w);
}

/* A relay of three does not answer the inviter, nor the one who accepts. */
static void people_meet_past_a_dead_relay(void **state)
{
    (void)state;
    for (size_t dead = 0; dead < 3; dead++) {
        relaysim *w = malloc(sizeof *w);
        assert_non_null(w);
        relaysim_init(w, 60 + dead * 2, 3, 3);
        assert_int_equal(cl_relays_set(w->people[0].engine, 3, day_ms), PN_OK);
        relaysim_relay_stop(w, dead, 0);
        relaysim_meet(w, CL_INVITATION_LINK);
        end(w);
    }
}

/* The relay that has the bundle is the one that still answers. */
static void a_link_leads_past_a_dead_relay(void **state)
{
    (void)state;
    for (size_t dead = 0; dead < 2; dead++) {
        relaysim *w = malloc(sizeof *w);
        cl_invite_view *view = calloc(1, sizeof *view);
        uint8_t id[CL_ID_BYTES], accept[CL_ID_BYTES], contact[CL_ID_BYTES];
        char reason[CL_REASON_MAX + 1];
        cl_failure failure;
        assert_true(w != NULL && view != NULL);
        relaysim_init(w, 70 + dead, 3, 2);
        relaysim_know(w, 1, 2);
        assert_int_equal(cl_invite_create(w->people[0].engine,
                                          CL_INVITATION_LINK, "peer", 0, id),
                         PN_OK);
        relaysim_run(w, MINUTE_MS);
        assert_int_equal(cl_invite_get(w->people[0].engine, id, view), PN_OK);
        relaysim_relay_stop(w, dead, 0);
        assert_int_equal(cl_invite_accept(w->people[1].engine,
                                          (pn_bytes){ (uint8_t *)view->text,
                                                      strlen(view->text) },
                                          "peer", accept),
                         PN_OK);
        relaysim_run(w, MINUTE_MS);
        assert_int_equal(cl_accept_state(w->people[1].engine, accept, contact,
                                         &failure, reason),
                         PN_OK);
        say(w, 1, "hello", id);
        relaysim_run(w, MINUTE_MS);
        assert_int_equal(take_all(w, 0, CL_EVENT_MESSAGE), 1);
        free(view);
        end(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_lies_on_two_relays),
        cmocka_unit_test(one_relay_is_enough),
        cmocka_unit_test(a_death_in_the_middle_costs_nothing),
        cmocka_unit_test(a_dead_relay_is_replaced),
        cmocka_unit_test(what_only_the_dead_relay_had_arrives),
        cmocka_unit_test(no_network_is_not_death),
        cmocka_unit_test(all_own_relays_die),
        cmocka_unit_test(a_relay_that_forgot_is_filled_again),
        cmocka_unit_test(queues_are_rotated),
        cmocka_unit_test(a_busy_queue_is_rotated),
        cmocka_unit_test(more_relays_are_used_when_known),
        cmocka_unit_test(people_meet_past_a_dead_relay),
        cmocka_unit_test(a_link_leads_past_a_dead_relay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
