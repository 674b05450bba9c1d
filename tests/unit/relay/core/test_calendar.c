/* The relay's own calendar: it follows a good clock exactly, and a bad one
 * never faster than time passes. */
#include "relay/core/calendar.h"
#include "tests/support/cmocka.h"
#include "tests/support/simenv.h"

static const uint64_t hour = (uint64_t)3600 * 1000, day = 24 * hour;

/* A good clock: the two are the same, whatever the hour it began at, through
 * starts within a day of the last. */
static void follows_a_good_clock(void **state)
{
    (void)state;
    for (uint64_t h = 0; h < 24; h++) {
        rl_calendar c;
        uint64_t wall = 20000 * day + h * hour, mono = 77;
        rl_calendar_start(&c, 0, 0, wall, mono);
        assert_int_equal(c.day, 20000);
        for (int minute = 0; minute < 10 * 24 * 60; minute++) {
            wall += hour / 60;
            mono += hour / 60;
            assert_int_equal(rl_calendar_look(&c, wall, mono), 0);
            assert_int_equal(c.day, wall / day);
        }
        mono = 5;
        wall += 3 * hour;
        rl_calendar_start(&c, (rl_day)(c.day - 1), c.clock, wall, mono);
        assert_int_equal(rl_calendar_look(&c, wall, mono), 0);
        assert_int_equal(c.day, wall / day);
    }
}

/* Asked only now and then it catches up with what has passed. */
static void catches_up(void **state)
{
    rl_calendar c;
    (void)state;
    rl_calendar_start(&c, 99, 100, 100 * day, 0);
    assert_int_equal(rl_calendar_look(&c, 105 * day, 5 * day), 0);
    assert_int_equal(c.day, 105);
    assert_int_equal(rl_calendar_look(&c, 105 * day, 5 * day), 0);
    assert_int_equal(c.day, 105);
}

/* Whatever the clock says and however often it changes its mind, ten days of
 * running make ten days and one for the start, at most; and none is undone. */
static void no_clock_makes_it_run(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 200; seed++) {
        rl_calendar c;
        simenv lot;
        rl_day last;
        simenv_init(&lot, seed);
        rl_calendar_start(&c, 499, 500, 500 * day, 0);
        last = c.day;
        for (uint64_t mono = 0; mono < 10 * day; mono += hour / 4) {
            const uint64_t wall = simenv_next(&lot) % 3 == 0
                                      ? simenv_next(&lot) % (65000 * day)
                                      : (500 * day) + mono + day;
            (void)rl_calendar_look(&c, wall, mono);
            assert_true(c.day >= last && c.day - last <= 1);
            last = c.day;
        }
        assert_true(c.day <= 511);
    }
}

/* Ahead or behind by a year the days go on one by one; those on which the clock
 * stood still count when it goes again. */
static void counts_on_beside_a_wrong_clock(void **state)
{
    static const int wrong[] = { 365, -365, -100000 };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        rl_calendar c;
        uint64_t mono = 0;
        const int64_t off = wrong[i] * (int64_t)day;
        rl_calendar_start(&c, 19999, 20000, 20000 * day, mono);
        for (; mono <= 60 * day; mono += hour) {
            const bool bad = mono > 10 * day && mono < 40 * day;
            const int64_t at = (int64_t)(20000 * day + mono) + (bad ? off : 0);
            const int leap =
                rl_calendar_look(&c, at < 0 ? 0 : (uint64_t)at, mono);
            if (mono == 10 * day + hour)
                assert_true(off > 0 ? leap > 300 : leap < -300);
        }
        assert_in_range(c.day, 20058, 20061);
    }
}

/* However long it was off, a start is one day; a clock that was set back in
 * between is none. */
static void a_start_is_one_day(void **state)
{
    rl_calendar c;
    (void)state;
    rl_calendar_start(&c, 499, 500, 530 * day, 7);
    assert_int_equal(rl_calendar_look(&c, 530 * day, 7), 29);
    assert_int_equal(c.day, 501);
    assert_int_equal(rl_calendar_look(&c, 531 * day, 7 + day), 0);
    assert_int_equal(c.day, 502);
    rl_calendar_start(&c, 501, 531, 400 * day, 7);
    assert_int_equal(rl_calendar_look(&c, 400 * day, 7), -131);
    assert_int_equal(c.day, 502);
}

/* A machine without a clock begins on a day that can be told from none, a
 * store of before the clock was kept goes on, and the last day is the last. */
static void has_a_beginning_and_an_end(void **state)
{
    rl_calendar c;
    (void)state;
    rl_calendar_start(&c, 0, 0, 0, 0);
    assert_int_equal(c.day, RL_CALENDAR_FIRST);
    assert_true(rl_calendar_look(&c, 20000 * day, hour) > 19000);
    assert_int_equal(c.day, RL_CALENDAR_FIRST + 1);
    rl_calendar_start(&c, 99, 0, 101 * day, 0);
    assert_int_equal(rl_calendar_look(&c, 101 * day, 0), 0);
    assert_int_equal(c.day, 101);
    rl_calendar_start(&c, UINT16_MAX, UINT16_MAX, UINT64_MAX, 0);
    (void)rl_calendar_look(&c, UINT64_MAX, UINT64_MAX);
    assert_int_equal(c.day, UINT16_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_a_good_clock),
        cmocka_unit_test(catches_up),
        cmocka_unit_test(no_clock_makes_it_run),
        cmocka_unit_test(counts_on_beside_a_wrong_clock),
        cmocka_unit_test(a_start_is_one_day),
        cmocka_unit_test(has_a_beginning_and_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
