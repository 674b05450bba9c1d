/* The days of the relay's core: when mail is forgotten, and that no clock makes
 * it so early. */
#include "tests/support/cmocka.h"
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

/* Expiry is asked for the day that is over. */
static void days_are_lived_in_full(void **state)
{
    rl_store_stats stats;
    (void)state;
    (void)coresim_make(w, 0, 0, 0);
    {
        pn_msg m = coresim_deposit(w, 0, 1, PN_PRIORITY_NORMAL, 1);
        m.u.deposit.ttl_days = 2;
        take(1, m);
    }
    coresim_settle(w);
    coresim_advance(w, 48 * 3600 * 1000U);
    coresim_settle(w);
    rl_store_stats_get(w->store, &stats);
    assert_int_equal(stats.messages, 1);
    coresim_advance(w, 24 * 3600 * 1000U);
    coresim_settle(w);
    rl_store_stats_get(w->store, &stats);
    assert_int_equal(stats.messages, 0);
}

static uint64_t waiting(void)
{
    rl_store_stats stats;
    rl_store_stats_get(w->store, &stats);
    return stats.messages;
}

enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS };

/* Let days pass, an hour at a time as a relay that is used would. */
static void live(unsigned days)
{
    for (unsigned i = 0; i < 24 * days; i++) {
        coresim_advance(w, HOUR_MS);
        coresim_settle(w);
    }
}

static void restart(void)
{
    coresim_restart(w, 0);
    coresim_open(w, 0);
    coresim_open(w, 1);
}

static void deposit_for(uint64_t id, uint32_t days)
{
    pn_msg m = coresim_deposit(w, 0, id, PN_PRIORITY_NORMAL, id);
    m.u.deposit.ttl_days = days;
    take(1, m);
    coresim_settle(w);
}

/* The clock leaps and is set right, back and forth, in one run and between
 * two: what was deposited before, meanwhile and after lives its days, and is
 * forgotten then. */
static void a_wrong_clock_shortens_no_life(void **state)
{
    static const int64_t wrong[] = { 365, -365, -20000 };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof wrong / sizeof wrong[0]; i++) {
        const bool again = i % 2 != 0;
        uint64_t off = (uint64_t)(wrong[i / 2] * (int64_t)DAY_MS);
        unsigned lines;
        (void)teardown(NULL);
        (void)setup(NULL);
        w->sim.wall_ms = (uint64_t)20300 * DAY_MS;
        restart();
        (void)coresim_make(w, 0, 0, 0);
        live(1);
        deposit_for(1, 10);
        lines = w->sim.log_lines;
        w->sim.wall_ms += off;
        if (again)
            restart();
        deposit_for(2, 10);
        live(4);
        deposit_for(3, 10);
        assert_int_equal(waiting(), 3);
        assert_true(w->sim.log_lines > lines);
        w->sim.wall_ms -= off;
        if (again)
            restart();
        deposit_for(4, 10);
        live(5);
        assert_int_equal(waiting(), 4);
        live(4);
        assert_true(waiting() >= 2);
        live(9);
        assert_int_equal(waiting(), 0);
    }
}

/* A relay whose machine has no clock at first. */
static void a_late_clock_forgets_nothing(void **state)
{
    (void)state;
    w->sim.wall_ms = HOUR_MS; /* 1970 */
    restart();
    (void)coresim_make(w, 0, 0, 0);
    deposit_for(1, 10);
    w->sim.wall_ms = (uint64_t)20300 * DAY_MS;
    live(5);
    restart();
    live(3);
    assert_int_equal(waiting(), 1);
    live(6);
    assert_int_equal(waiting(), 0);
}

/* A store too busy to expire is asked again within minutes. */
static void a_busy_expiry_is_asked_again(void **state)
{
    (void)state;
    w->sim.wall_ms = (uint64_t)20300 * DAY_MS;
    restart();
    (void)coresim_make(w, 0, 0, 0);
    deposit_for(1, 2);
    live(2);
    assert_int_equal(waiting(), 1);
    w->no_expiry = true;
    live(2);
    assert_int_equal(waiting(), 1);
    w->no_expiry = false;
    for (int minute = 0; minute < 3; minute++) {
        coresim_advance(w, 60 * 1000);
        coresim_settle(w);
    }
    assert_int_equal(waiting(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(days_are_lived_in_full),
        TEST(a_wrong_clock_shortens_no_life),
        TEST(a_late_clock_forgets_nothing),
        TEST(a_busy_expiry_is_asked_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
