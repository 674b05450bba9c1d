#include "tests/support/cmocka.h"

#include "proto/carrier/wheel.h"

/* An entry comes out not before its time and at most one tick after it. */
static void comes_out_on_time(void **state)
{
    pn_wheel_entry e;
    (void)state;
    for (uint64_t due = 1001; due < 1300; due += 7) {
        pn_wheel w;
        uint64_t out = 0;
        pn_wheel_init(&w, 10, 1000);
        pn_wheel_entry_init(&e);
        pn_wheel_set(&w, &e, due);
        for (uint64_t now = 1000; out == 0; now++) {
            if (pn_wheel_pop(&w, now) == &e)
                out = now;
        }
        assert_true(out >= due && out <= due + 10);
        assert_int_equal(w.count, 0);
    }
}

/* Only an earlier time moves an entry. */
static void later_times_change_nothing(void **state)
{
    pn_wheel w;
    pn_wheel_entry e;
    (void)state;
    pn_wheel_init(&w, 10, 0);
    pn_wheel_entry_init(&e);
    pn_wheel_set(&w, &e, 200);
    pn_wheel_set(&w, &e, 900);
    pn_wheel_set(&w, &e, UINT64_MAX);
    assert_int_equal(pn_wheel_next(&w), 200);
    pn_wheel_set(&w, &e, 100);
    assert_int_equal(pn_wheel_next(&w), 100);
    assert_int_equal(w.count, 1);
    assert_null(pn_wheel_pop(&w, 99));
    assert_ptr_equal(pn_wheel_pop(&w, 100), &e);
}

/* What is beyond the wheel's reach comes out early, to be set again. */
static void far_times_come_out_once_a_turn(void **state)
{
    pn_wheel w;
    pn_wheel_entry e;
    unsigned turns = 0;
    (void)state;
    pn_wheel_init(&w, 10, 0);
    pn_wheel_entry_init(&e);
    pn_wheel_set(&w, &e, 100000);
    for (uint64_t now = 0; now < 100000; now += 5) {
        if (pn_wheel_pop(&w, now) == &e) {
            pn_wheel_set(&w, &e, 100000);
            turns++;
        }
    }
    assert_true(turns >= 100000 / (PN_WHEEL_SLOTS * 10));
    assert_true(turns <= 100000 / (PN_WHEEL_SLOTS * 10) + 2);
    assert_ptr_equal(pn_wheel_pop(&w, 100000), &e);
}

/* An entry set to the past while popping waits: no pop runs for ever. */
static void popping_ends(void **state)
{
    pn_wheel w;
    pn_wheel_entry e;
    unsigned pops = 0;
    (void)state;
    pn_wheel_init(&w, 10, 0);
    pn_wheel_entry_init(&e);
    pn_wheel_set(&w, &e, 0);
    while (pn_wheel_pop(&w, 1000) != NULL) {
        pn_wheel_set(&w, &e, 0);
        pops++;
    }
    assert_int_equal(pops, 100); /* once per tick that has come */
    assert_int_equal(w.count, 1);
}

/* After a long sleep everything that was due comes out, in one go. */
static void sleep_loses_nothing(void **state)
{
    enum { N = 1000 };
    static pn_wheel_entry e[N];
    pn_wheel w;
    unsigned out = 0;
    (void)state;
    pn_wheel_init(&w, 10, 50);
    for (unsigned i = 0; i < N; i++) {
        pn_wheel_entry_init(&e[i]);
        pn_wheel_set(&w, &e[i], 50 + i * 9U);
    }
    while (pn_wheel_pop(&w, 100000000) != NULL)
        out++;
    assert_int_equal(out, N);
    assert_int_equal(pn_wheel_next(&w), UINT64_MAX);
    pn_wheel_set(&w, &e[0], 100000100);
    assert_null(pn_wheel_pop(&w, 100000090));
    assert_ptr_equal(pn_wheel_pop(&w, 100000100), &e[0]);
}

/* A removed entry never comes out; removing twice is harmless. */
static void removed_stays_away(void **state)
{
    pn_wheel w;
    pn_wheel_entry e;
    (void)state;
    pn_wheel_init(&w, 1, 0);
    pn_wheel_entry_init(&e);
    pn_wheel_remove(&w, &e);
    pn_wheel_set(&w, &e, 5);
    pn_wheel_remove(&w, &e);
    pn_wheel_remove(&w, &e);
    assert_null(pn_wheel_pop(&w, 10000));
    assert_int_equal(w.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_out_on_time),
        cmocka_unit_test(later_times_change_nothing),
        cmocka_unit_test(far_times_come_out_once_a_turn),
        cmocka_unit_test(popping_ends),
        cmocka_unit_test(sleep_loses_nothing),
        cmocka_unit_test(removed_stays_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
