/* Copies of one message for two relays, and the entries they leave by. */
#include "tests/support/cmocka.h"

#include <string.h>

#include "tests/support/waysim.h"

static waysim *w;

/* Two ends, two entries: each sees one of the copies, and always the same. */
static void copies_leave_by_different_entries(void **state)
{
    size_t first;
    (void)state;
    w = waysim_new(2, 3);
    for (unsigned n = 0; n < 6; n++) {
        waysim_say(w, PN_PRIORITY_NORMAL);
        waysim_run(w, SECOND_MS * 3);
    }
    assert_int_equal(w->count, 12);
    first = w->log[0].to;
    for (size_t n = 0; n < w->count; n++)
        assert_int_equal(w->log[n].by == w->log[0].by, w->log[n].to == first);
    waysim_free(w);
}

/* By a single entry they leave at different times, and not always equally far
 * apart; what is urgent soon after. */
static void copies_by_one_entry_are_spread(void **state)
{
    static const struct {
        pn_priority priority;
        uint64_t ms;
    } bounds[] = { { PN_PRIORITY_URGENT, 500 },
                   { PN_PRIORITY_NORMAL, 1500 },
                   { PN_PRIORITY_BULK, 1500 } };
    uint64_t gap, least, most;
    (void)state;
    w = waysim_new(2, 2);
    waysim_say(w, PN_PRIORITY_NORMAL);
    waysim_run(w, MINUTE_MS);
    for (size_t b = 0; b < 3; b++) {
        least = UINT64_MAX;
        most = 0;
        for (unsigned n = 0; n < 10; n++) {
            waysim_forget(w);
            waysim_say(w, bounds[b].priority);
            waysim_run(w, 1);
            assert_int_equal(w->count, 1);
            waysim_run(w, bounds[b].ms + SECOND_MS);
            assert_int_equal(w->count, 2);
            assert_int_not_equal(w->log[0].to, w->log[1].to);
            gap = w->log[1].at_ms - w->log[0].at_ms;
            assert_in_range(gap, 1, bounds[b].ms);
            least = gap < least ? gap : least;
            most = gap > most ? gap : most;
        }
        assert_true(most - least > bounds[b].ms / 4);
    }
    waysim_free(w);
}

/* Where the other copy is to lie none leaves, as long as there are others: that
 * relay would see a message come for a mailbox as one leaves. */
static void an_end_is_no_entry(void **state)
{
    (void)state;
    w = waysim_new(2, 3);
    relaysim_know(&w->world, WAYSIM_SENDER, 0);
    relaysim_know(&w->world, WAYSIM_SENDER, 1);
    waysim_run(w, MINUTE_MS);
    for (unsigned n = 0; n < 4; n++) {
        waysim_say(w, PN_PRIORITY_NORMAL);
        waysim_run(w, MINUTE_MS);
    }
    assert_true(w->count >= 8);
    assert_int_equal(waysim_by(w, 2) + waysim_by(w, 3), w->count);
    assert_int_equal(waysim_by(w, 2), waysim_by(w, 3));
    waysim_free(w);
}

/* With mailboxes at two relays and one more both copies leave by that one,
 * apart: who sees that two destinations belong together knows less than who
 * sees a client of its own write to a mailbox of its own. */
static void the_one_that_is_no_end_takes_all(void **state)
{
    (void)state;
    w = waysim_new(2, 2);
    relaysim_know(&w->world, WAYSIM_SENDER, 0);
    relaysim_know(&w->world, WAYSIM_SENDER, 1);
    waysim_run(w, 2 * DAY_MS);
    waysim_forget(w);
    waysim_say(w, PN_PRIORITY_BULK);
    waysim_run(w, 3 * SECOND_MS);
    assert_int_equal(w->count, 2);
    assert_int_equal(waysim_by(w, 2), 2);
    waysim_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_leave_by_different_entries),
        cmocka_unit_test(copies_by_one_entry_are_spread),
        cmocka_unit_test(an_end_is_no_entry),
        cmocka_unit_test(the_one_that_is_no_end_takes_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
