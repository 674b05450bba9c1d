/* Which way mail leaves: past the operator of where it goes, and not by who
 * tells two stories. What is right must be so whichever entry the draw prefers:
 * so each test about one entry and another is made with both in either part. */
#include "tests/support/cmocka.h"

#include <string.h>

#include "tests/support/waysim.h"

static waysim *w;

/* --- operators ------------------------------------------------------------ */

/* The relay of another operator is blocked: mail waits for it, says so, and
 * goes by the destination's own operator only when the time of its priority is
 * over. */
static void a_blocked_entry_is_waited_for(void **state)
{
    static const struct {
        pn_priority priority;
        uint64_t ms;
    } bounds[] = { { PN_PRIORITY_URGENT, 2 * MINUTE_MS },
                   { PN_PRIORITY_NORMAL, 15 * MINUTE_MS },
                   { PN_PRIORITY_BULK, HOUR_MS } };
    (void)state;
    for (size_t together = 1; together <= 2; together++) {
        for (size_t b = 0; b < 3; b++) {
            w = waysim_new_known(together);
            waysim_block(w, 3 - together, true);
            waysim_say(w, bounds[b].priority);
            waysim_run(w, bounds[b].ms - 10 * SECOND_MS);
            assert_int_equal(w->count, 0);
            assert_int_equal(waysim_item(w)->state, CL_ITEM_QUEUED);
            assert_int_equal(
                strncmp(waysim_item(w)->reason, "relay unreachable: ", 19), 0);
            assert_non_null(strstr(waysim_item(w)->reason, "; in 1 min"));
            assert_string_equal(waysim_item(w)->reason,
                                waysim_item(w)->copies[0].reason);
            waysim_run(w, 15 * SECOND_MS);
            assert_int_equal(waysim_by(w, together), 1);
            /* What follows need not wait again. */
            waysim_say(w, bounds[b].priority);
            waysim_run(w, SECOND_MS);
            assert_int_equal(waysim_by(w, together), 2);
            waysim_free(w);
        }
    }
}

/* It comes back in time. */
static void a_way_that_comes_back_is_taken(void **state)
{
    (void)state;
    for (size_t together = 1; together <= 2; together++) {
        w = waysim_new_known(together);
        waysim_block(w, 3 - together, true);
        waysim_say(w, PN_PRIORITY_NORMAL);
        waysim_run(w, 5 * MINUTE_MS);
        waysim_block(w, 3 - together, false);
        waysim_run(w, 6 * MINUTE_MS);
        assert_int_equal(waysim_by(w, 3 - together), 1);
        assert_int_equal(waysim_by(w, together), 0);
        waysim_free(w);
    }
}

/* A program that is started anew waits no longer than one that was not. */
static void the_wait_survives_a_restart(void **state)
{
    (void)state;
    for (size_t together = 1; together <= 2; together++) {
        w = waysim_new_known(together);
        waysim_block(w, 3 - together, true);
        waysim_say(w, PN_PRIORITY_NORMAL);
        waysim_run(w, 10 * MINUTE_MS);
        waysim_restart(w);
        waysim_run(w, 3 * MINUTE_MS);
        assert_int_equal(w->count, 0);
        waysim_run(w, 4 * MINUTE_MS);
        assert_int_equal(waysim_by(w, together), 1);
        waysim_free(w);
    }
}

/* A clock that was ahead when the relay began to fail makes nobody wait until
 * that date. */
static void a_clock_set_back_does_not_hold_it(void **state)
{
    (void)state;
    w = waysim_new_known(1);
    w->world.people[WAYSIM_SENDER].sim.wall_ms += 30 * (uint64_t)DAY_MS;
    waysim_run(w, SECOND_MS);
    waysim_block(w, 2, true);
    waysim_run(w, MINUTE_MS);
    waysim_say(w, PN_PRIORITY_NORMAL);
    w->world.people[WAYSIM_SENDER].sim.wall_ms -= 30 * (uint64_t)DAY_MS;
    waysim_run(w, 13 * MINUTE_MS);
    assert_int_equal(waysim_item(w)->state, CL_ITEM_QUEUED);
    waysim_run(w, 4 * MINUTE_MS);
    assert_int_equal(waysim_item(w)->state, CL_ITEM_RELAYED);
    assert_true(waysim_by(w, 1) > 0);
    waysim_free(w);
}

/* Nor where the message came after that, and the program was started anew: the
 * relay began to fail at a time that has yet to come. */
static void nor_does_one_that_was_set_back_before(void **state)
{
    (void)state;
    w = waysim_new_known(1);
    w->world.people[WAYSIM_SENDER].sim.wall_ms += 30 * (uint64_t)DAY_MS;
    waysim_run(w, SECOND_MS);
    waysim_block(w, 2, true);
    waysim_say(w, PN_PRIORITY_NORMAL);
    waysim_run(w, MINUTE_MS);
    w->world.people[WAYSIM_SENDER].sim.wall_ms -= 30 * (uint64_t)DAY_MS;
    waysim_restart(w);
    assert_true(cl_engine_ok(waysim_engine(w)));
    waysim_run(w, 3 * MINUTE_MS);
    assert_true(cl_engine_ok(waysim_engine(w)));
    waysim_run(w, 14 * MINUTE_MS);
    assert_true(cl_engine_ok(waysim_engine(w)));
    assert_int_equal(waysim_item(w)->state, CL_ITEM_RELAYED);
    waysim_free(w);
}

/* A relay of ours where it is to lie is no better: straight there it goes when
 * the time is over. But with two in all it can guess that anyway: the other's
 * death stops nothing. */
static void straight_is_waited_with_too(void **state)
{
    (void)state;
    for (size_t others = 1; others <= 2; others++) {
        const bool waits = others == 2;
        uint64_t straight;
        w = waysim_new(1, others);
        relaysim_know(&w->world, WAYSIM_SENDER, 0);
        waysim_run(w, MINUTE_MS);
        waysim_say(w, PN_PRIORITY_URGENT);
        waysim_run(w, 2 * DAY_MS); /* where its mailboxes are is told, too */
        assert_true(w->count > 0);
        waysim_forget(w);
        straight = w->world.relay[0].deposits;
        for (size_t r = 1; r <= others; r++)
            waysim_block(w, r, true);
        waysim_say(w, PN_PRIORITY_URGENT);
        waysim_run(w, 110 * SECOND_MS);
        assert_int_equal(waysim_item(w)->held, waits ? 0 : 1);
        assert_true(w->world.relay[0].deposits == straight + (waits ? 0 : 1));
        waysim_run(w, 30 * SECOND_MS);
        assert_true(w->world.relay[0].deposits == straight + 1);
        assert_int_equal(w->count, 0);
        waysim_free(w);
    }
}

/* By choice it waits for ever, over a restart too, and says what to do. */
static void apart_or_not_at_all(void **state)
{
    (void)state;
    for (size_t together = 1; together <= 2; together++) {
        const size_t good = 3 - together;
        w = waysim_new_known(together);
        waysim_route(w, CL_ROUTING_APART);
        waysim_block(w, good, true);
        waysim_say(w, PN_PRIORITY_URGENT);
        waysim_run(w, HOUR_MS);
        waysim_restart(w);
        assert_int_equal(cl_engine_routing(waysim_engine(w)), CL_ROUTING_APART);
        waysim_run(w, DAY_MS / 2);
        assert_int_equal(w->count, 0);
        assert_non_null(
            strstr(waysim_item(w)->reason, "by any other way of ours"));
        assert_int_equal(
            cl_relay_remove(waysim_engine(w), &w->world.relay[good].address),
            PN_OK);
        waysim_run(w, MINUTE_MS);
        assert_int_equal(w->count, 0);
        assert_non_null(strstr(waysim_item(w)->reason, "of another operator"));
        assert_non_null(strstr(waysim_item(w)->reason, "--route auto"));
        waysim_block(w, good, false);
        relaysim_know(&w->world, WAYSIM_SENDER, good);
        waysim_run(w, 10 * MINUTE_MS);
        assert_true(waysim_by(w, good) > 0);
        assert_int_equal(waysim_by(w, together), 0);
        waysim_free(w);
    }
}

/* Where none is of another operator nothing is waited for: there is nothing. */
static void without_another_operator_it_goes(void **state)
{
    (void)state;
    w = waysim_new(1, 2);
    w->operators[1] = w->operators[2] = w->operators[0];
    waysim_say(w, PN_PRIORITY_NORMAL);
    waysim_run(w, 10 * SECOND_MS);
    assert_int_equal(w->count, 1);
    waysim_free(w);
}

/* Who has no relay any more has no way: a relay that is not ours never sees us
 * for want of one. */
static void without_a_relay_nothing_goes_straight(void **state)
{
    uint64_t straight;
    (void)state;
    w = waysim_new(1, 1);
    straight = w->world.relay[0].deposits;
    assert_int_equal(
        cl_relay_remove(waysim_engine(w), &w->world.relay[1].address), PN_OK);
    waysim_say(w, PN_PRIORITY_URGENT);
    waysim_run(w, 2 * HOUR_MS);
    assert_true(w->world.relay[0].deposits == straight);
    assert_int_equal(waysim_item(w)->state, CL_ITEM_QUEUED);
    assert_non_null(strstr(waysim_item(w)->reason, "no relay of ours"));
    relaysim_know(&w->world, WAYSIM_SENDER, 1);
    waysim_run(w, 2 * MINUTE_MS);
    assert_int_equal(waysim_by(w, 1), 1);
    assert_true(w->world.relay[0].deposits == straight);
    waysim_free(w);
}

/* --- entries that bring nothing ------------------------------------------- */

/* An entry says that it has the message, and no answer ever comes: after the
 * second time another of the same worth is tried. */
static void who_brings_nothing_is_not_the_only_one(void **state)
{
    (void)state;
    w = waysim_new(1, 2);
    waysim_say(w, PN_PRIORITY_NORMAL);
    waysim_run(w, 2 * HOUR_MS);
    assert_int_equal(w->count, 2);
    assert_true(w->log[0].by == w->log[1].by);
    waysim_run(w, 8 * HOUR_MS);
    assert_int_equal(w->count, 4);
    assert_true(w->log[2].by != w->log[1].by);
    assert_true(w->log[3].by != w->log[2].by);
    waysim_free(w);
}

/* But none that is worth less: who keeps answers back does not choose. */
static void silence_does_not_choose_the_operator(void **state)
{
    (void)state;
    for (size_t together = 1; together <= 2; together++) {
        w = waysim_new_known(together);
        waysim_say(w, PN_PRIORITY_NORMAL);
        waysim_run(w, 10 * DAY_MS);
        assert_true(waysim_by(w, 3 - together) > 4);
        assert_int_equal(waysim_by(w, together), 0);
        waysim_free(w);
    }
}

/* The destination spoils what it answers to the relay of another operator: its
 * own gets nothing by that before the time of the priority is over. */
static void forgery_does_not_choose_the_operator(void **state)
{
    (void)state;
    for (size_t together = 1; together <= 2; together++) {
        w = waysim_new_known(together);
        w->is_forging = true;
        waysim_say(w, PN_PRIORITY_NORMAL);
        waysim_run(w, 14 * MINUTE_MS);
        assert_true(waysim_by(w, 3 - together) > 0);
        assert_int_equal(waysim_by(w, together), 0);
        assert_int_equal(waysim_item(w)->state, CL_ITEM_QUEUED);
        waysim_run(w, 10 * MINUTE_MS);
        assert_true(waysim_by(w, together) > 0);
        waysim_free(w);
    }
}

/* --- what is not known ---------------------------------------------------- */

/* One that does not say whose it is may be anybody's. */
static void silence_is_not_another_operator(void **state)
{
    (void)state;
    for (size_t silent = 1; silent <= 2; silent++) {
        w = waysim_new(1, 2);
        w->is_silent[silent] = true;
        for (unsigned n = 0; n < 4; n++) {
            waysim_say(w, PN_PRIORITY_NORMAL);
            waysim_run(w, MINUTE_MS);
        }
        assert_int_equal(waysim_by(w, silent), 0);
        assert_int_equal(waysim_by(w, 3 - silent), 4);
        waysim_forget(w);
        waysim_block(w, 3 - silent, true);
        waysim_say(w, PN_PRIORITY_NORMAL);
        waysim_run(w, 14 * MINUTE_MS);
        assert_int_equal(w->count, 0);
        waysim_run(w, 2 * MINUTE_MS);
        assert_int_equal(waysim_by(w, silent), 1); /* better than none, then */
        waysim_free(w);
    }
}

/* Before anything was told nothing leaves: the first message goes right. */
static void the_first_goes_the_right_way(void **state)
{
    (void)state;
    for (size_t together = 1; together <= 2; together++) {
        w = waysim_new_known(together); /* asserts it */
        waysim_free(w);
    }
}

/* One that is not reached could be of another operator, for all we know. */
static void an_unknown_entry_is_waited_for(void **state)
{
    (void)state;
    for (size_t unknown = 1; unknown <= 2; unknown++) {
        w = waysim_new(1, 2);
        w->operators[3 - unknown] = w->operators[0];
        waysim_block(w, unknown, true);
        waysim_run(w, MINUTE_MS);
        waysim_say(w, PN_PRIORITY_NORMAL);
        waysim_run(w, 13 * MINUTE_MS);
        assert_int_equal(w->count, 0);
        waysim_run(w, 2 * MINUTE_MS);
        assert_int_equal(waysim_by(w, 3 - unknown), 1);
        waysim_free(w);
    }
}

/* --- two stories ---------------------------------------------------------- */

static bool is_marked(size_t r)
{
    cl_relay_view view;
    for (size_t i = 0; cl_relay_at(waysim_engine(w), i, &view) == PN_OK; i++) {
        if (memcmp(view.address.relay_key, w->world.relay[r].address.relay_key,
                   32) == 0)
            return view.is_two_faced;
    }
    fail();
    return false;
}

static uint32_t marked_count(void)
{
    cl_engine_counts counts;
    cl_engine_count(waysim_engine(w), &counts);
    return counts.relays_two_faced;
}

/* It signs two descriptors under one number: that is kept and told, and nothing
 * leaves by it while another works, until it is taken away and added anew. */
static void who_tells_two_stories_is_left(void **state)
{
    size_t liar;
    (void)state;
    w = waysim_new(1, 2);
    waysim_say(w, PN_PRIORITY_NORMAL);
    waysim_run(w, MINUTE_MS);
    assert_int_equal(w->count, 1);
    liar = w->log[0].by;
    waysim_forget(w);
    waysim_route(w, CL_ROUTING_DIRECT);
    waysim_run(w, 9 * DAY_MS); /* what it said is to be asked for anew */
    assert_int_equal(marked_count(), 0);
    waysim_route(w, CL_ROUTING_AUTO);
    w->is_lying[liar] = true;
    waysim_say(w, PN_PRIORITY_NORMAL);
    waysim_run(w, MINUTE_MS);
    assert_true(is_marked(liar));
    assert_false(is_marked(3 - liar));
    waysim_forget(w);
    waysim_restart(w);
    assert_true(is_marked(liar));
    assert_int_equal(marked_count(), 1);
    for (unsigned n = 0; n < 3; n++) {
        waysim_say(w, PN_PRIORITY_NORMAL);
        waysim_run(w, MINUTE_MS);
    }
    assert_int_equal(waysim_by(w, liar), 0);
    assert_int_equal(waysim_by(w, 3 - liar), 3);
    waysim_forget(w);
    waysim_block(w, 3 - liar, true);
    waysim_say(w, PN_PRIORITY_NORMAL);
    waysim_run(w, 14 * MINUTE_MS);
    assert_int_equal(w->count, 0);
    waysim_run(w, 2 * MINUTE_MS);
    assert_int_equal(waysim_by(w, liar), 1);
    waysim_route(
        w, CL_ROUTING_APART); /* what it says of its operator does not count */
    waysim_forget(w);
    waysim_say(w, PN_PRIORITY_NORMAL);
    waysim_run(w, HOUR_MS);
    assert_int_equal(w->count, 0);
    assert_int_equal(
        cl_relay_remove(waysim_engine(w), &w->world.relay[liar].address),
        PN_OK);
    relaysim_know(&w->world, WAYSIM_SENDER, liar);
    assert_false(is_marked(liar));
    waysim_restart(w);
    assert_int_equal(marked_count(), 0);
    waysim_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blocked_entry_is_waited_for),
        cmocka_unit_test(a_way_that_comes_back_is_taken),
        cmocka_unit_test(the_wait_survives_a_restart),
        cmocka_unit_test(a_clock_set_back_does_not_hold_it),
        cmocka_unit_test(nor_does_one_that_was_set_back_before),
        cmocka_unit_test(straight_is_waited_with_too),
        cmocka_unit_test(apart_or_not_at_all),
        cmocka_unit_test(without_another_operator_it_goes),
        cmocka_unit_test(without_a_relay_nothing_goes_straight),
        cmocka_unit_test(who_brings_nothing_is_not_the_only_one),
        cmocka_unit_test(silence_does_not_choose_the_operator),
        cmocka_unit_test(forgery_does_not_choose_the_operator),
        cmocka_unit_test(silence_is_not_another_operator),
        cmocka_unit_test(the_first_goes_the_right_way),
        cmocka_unit_test(an_unknown_entry_is_waited_for),
        cmocka_unit_test(who_tells_two_stories_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
