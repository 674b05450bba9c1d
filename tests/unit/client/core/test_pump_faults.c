/* What an engine does by itself as days go by, and what it makes of relays that
 * answer anything, with one thing failing at another place each time. What
 * fails has not happened, to the last byte of the store; the next pump does it.
 */
#include "tests/support/cmocka.h"

#include "tests/support/lonelyrelay.h"
#include "tests/support/sweep.h"

/* --- what happens by itself ------------------------------------------------
 */

static pn_err pump(lonely *l)
{
    return cl_engine_pump(l->engine);
}

static void a_day(lonely *l)
{
    simenv_advance(&l->sim, cl_day_ms);
}

static void two_months(lonely *l)
{
    simenv_advance(&l->sim, 60 * cl_day_ms);
}

/* The clock was right when it was looked at, and is so no more. */
static void a_year_back(lonely *l)
{
    assert_int_equal(cl_engine_pump(l->engine), PN_OK);
    l->sim.wall_ms -= 365 * cl_day_ms;
}

static void link_up(lonely *l)
{
    assert_int_equal(cl_engine_pump(l->engine), PN_OK);
    lonelyrelay_link(l);
}

static void ask_for_queues(lonely *l)
{
    link_up(l);
    assert_int_equal(cl_engine_pump(l->engine), PN_OK);
    assert_true(l->sent > 0);
}

/* --- what relays say ------------------------------------------------------ */

static unsigned way;

static pn_err be_answered(lonely *l)
{
    lonelyrelay_answer(l, way);
    return cl_engine_pump(l->engine);
}

/* All that was asked for is granted, and what follows from that is asked. */
static void be_granted_all(lonely *l)
{
    ask_for_queues(l);
    for (unsigned n = 0; n < 3; n++) {
        lonelyrelay_answer(l, 0);
        assert_int_equal(cl_engine_pump(l->engine), PN_OK);
    }
}

static pn_err be_replied_to(lonely *l)
{
    lonelyrelay_reply(l, way);
    return cl_engine_pump(l->engine);
}

static pn_err be_delivered_to(lonely *l)
{
    lonelyrelay_deliver(l, way == 1);
    return cl_engine_pump(l->engine);
}

static pn_err be_closed(lonely *l)
{
    lonelyrelay_close(l, way == 0 ? PN_CLOSED_GONE : PN_CLOSED_TAKEN);
    return cl_engine_pump(l->engine);
}

static const sweep_plan pumps[] = {
    { "inviting", LONELY_INVITING, NULL, pump, true },
    { "fetching", LONELY_FETCHING, NULL, pump, true },
    { "waiting", LONELY_WAITING, NULL, pump, true },
    { "waiting, a day", LONELY_WAITING, a_day, pump, true },
    { "waiting, two months", LONELY_WAITING, two_months, pump, true },
    { "holding, a day", LONELY_HOLDING, a_day, pump, true },
    { "holding, two months", LONELY_HOLDING, two_months, pump, true },
    { "inviting, two months", LONELY_INVITING, two_months, pump, true },
    { "met, two months", LONELY_MET, two_months, pump, true },
    { "answering, two months", LONELY_ANSWERING, two_months, pump, true },
    { "changed, a day", LONELY_CHANGED, a_day, pump, true },
    { "removed, two months", LONELY_REMOVED, two_months, pump, true },
    { "waiting, a year back", LONELY_WAITING, a_year_back, pump, true },
    { "holding, a year back", LONELY_HOLDING, a_year_back, pump, true },
    { "waiting, links", LONELY_WAITING, link_up, pump, true },
    { "inviting, links", LONELY_INVITING, link_up, pump, true },
    { "fetching, links", LONELY_FETCHING, link_up, pump, true },
    { "met, links", LONELY_MET, link_up, pump, true },
    { "holding, links", LONELY_HOLDING, link_up, pump, true },
    { "removed, links", LONELY_REMOVED, link_up, pump, true },
};

static void a_pump_happens_or_does_not(void **state)
{
    (void)state;
    sweep_all(pumps, sizeof pumps / sizeof pumps[0]);
}

/* Whatever a relay answers, at every moment. */
static void an_answer_is_taken_or_is_not(void **state)
{
    (void)state;
    for (size_t m = 0; m < LONELY_MOMENTS; m++) {
        for (way = 0; way < LONELYRELAY_WAYS; way++) {
            const sweep_plan plan = { "answer", (lonely_moment)m,
                                      m == LONELY_NEW ? link_up
                                                      : ask_for_queues,
                                      be_answered, true };
            sweep_all(&plan, 1);
        }
    }
}

/* And what comes unasked, when queues are open and parcels left. */
static void what_comes_is_taken_or_is_not(void **state)
{
    static const struct {
        pn_err (*run)(lonely *l);
        unsigned ways;
    } cases[] = { { be_answered, LONELYRELAY_WAYS },
                  { be_replied_to, 3 },
                  { be_delivered_to, 2 },
                  { be_closed, 2 } };
    (void)state;
    for (size_t m = LONELY_INVITING; m < LONELY_MOMENTS; m++) {
        for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
            for (way = 0; way < cases[k].ways; way++) {
                const sweep_plan plan = { "what comes", (lonely_moment)m,
                                          be_granted_all, cases[k].run, true };
                sweep_all(&plan, 1);
            }
        }
    }
}

/* The moments are what they say: else nothing would be proven above. */
static void nothing_fails_and_all_arrives(void **state)
{
    cl_event event;
    unsigned came = 0;
    lonely l;
    (void)state;
    lonely_live(&l, LONELY_EXPECTING);
    be_granted_all(&l);
    lonelyrelay_deliver(&l, false);
    lonelyrelay_deliver(&l, false);
    assert_int_equal(cl_engine_pump(l.engine), PN_OK);
    while (cl_event_next(l.engine, &event) == PN_OK)
        came += event.kind == CL_EVENT_MESSAGE || event.kind == CL_EVENT_FILE;
    assert_int_equal(came, 2); /* once, from two relays, each twice */
    lonely_end(&l);
    lonely_live(&l, LONELY_FETCHING);
    be_granted_all(&l);
    lonelyrelay_deliver(&l, false);
    assert_int_equal(cl_engine_pump(l.engine), PN_OK);
    assert_non_null(cl_contact_find(l.engine, "peer"));
    lonely_end(&l);
    lonely_live(&l, LONELY_SENDING);
    be_granted_all(&l);
    {
        cl_item_view view;
        assert_int_equal(cl_item_at(l.engine, 0, &view), PN_OK);
        assert_true(view.copies[0].in_custody);
    }
    lonely_end(&l);
}

static int remember(void **state)
{
    (void)state;
    lonely_remember();
    return 0;
}

static int forget(void **state)
{
    (void)state;
    lonely_forget();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pump_happens_or_does_not),
        cmocka_unit_test(an_answer_is_taken_or_is_not),
        cmocka_unit_test(what_comes_is_taken_or_is_not),
        cmocka_unit_test(nothing_fails_and_all_arrives),
    };
    return cmocka_run_group_tests(tests, remember, forget);
}
