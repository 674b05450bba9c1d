/* When onion keys are made and when they die, whatever the clock says. */
#include "tests/support/cmocka.h"

#include <string.h>

#include "relay/core/onions.h"

#define DAY_MS (UINT64_C(24) * 3600 * 1000)

enum { START = 20000 }; /* a day */

static rl_onions ring;
static uint64_t wall, mono;
static rl_day today;
static unsigned made, destroyed;

static int setup(void **state)
{
    (void)state;
    memset(&ring, 0, sizeof ring);
    wall = START * DAY_MS;
    mono = 7;
    today = START;
    made = destroyed = 0;
    return 0;
}

static pn_err add(unsigned seed, uint64_t from, uint64_t until, rl_day born)
{
    rl_onion_seed s = { .from_ms = from, .until_ms = until, .born = born };
    memcpy(s.sk, &seed, sizeof seed);
    return rl_onions_add(&ring, &s);
}

/* What the relay does each hour. */
static void look(void)
{
    const rl_onion *k;
    while ((k = rl_onions_dead(&ring, today, wall, mono)) != NULL) {
        uint8_t id[PN_ONION_ID_BYTES];
        memcpy(id, k->id, sizeof id);
        rl_onions_remove(&ring, id);
        destroyed++;
    }
    if (!rl_onions_wants(&ring, wall))
        return;
    k = rl_onions_surplus(&ring, wall);
    if (k != NULL) {
        uint8_t id[PN_ONION_ID_BYTES];
        memcpy(id, k->id, sizeof id);
        rl_onions_remove(&ring, id);
        destroyed++;
    }
    assert_int_equal(add(++made, wall, wall + 42 * DAY_MS, today), PN_OK);
}

/* Clock, calendar and time go on together. */
static void pass(unsigned days)
{
    for (unsigned h = 0; h < 24 * days; h++) {
        wall += DAY_MS / 24;
        mono += DAY_MS / 24;
        today = (rl_day)(START + mono / DAY_MS);
        look();
    }
}

/* A new one every week, six in the descriptor, each gone after six weeks. */
static void a_year(void **state)
{
    (void)state;
    look();
    pass(364);
    assert_int_equal(made, 53);
    assert_in_range(ring.count, 6, 7);
    for (size_t i = 0; i < ring.count; i++)
        assert_true(wall - ring.at[i].from_ms <= 43 * DAY_MS);
    assert_int_equal(destroyed + ring.count, made);
    assert_ptr_equal(rl_onions_current(&ring, wall), &ring.at[ring.count - 1]);
}

/* A clock a year ahead that is set right within a day costs no key. */
static void a_leap_that_is_mended(void **state)
{
    unsigned before;
    (void)state;
    look();
    pass(40);
    before = destroyed;
    wall += 365 * DAY_MS;
    look();
    pass(1);
    assert_int_equal(destroyed, before);
    wall -= 365 * DAY_MS;
    look();
    assert_int_equal(destroyed, before);
    assert_non_null(rl_onions_current(&ring, wall));
    /* The key of that future is there, and not sealed to. */
    assert_true(rl_onions_current(&ring, wall)->from_ms <= wall);
}

/* One that stays ahead: two days, then they die. */
static void a_leap_that_stays(void **state)
{
    (void)state;
    look();
    pass(30);
    wall += 365 * DAY_MS;
    pass(3);
    assert_int_equal(ring.count, 1);
    assert_non_null(rl_onions_current(&ring, wall));
}

/* A clock that stands still or goes back keeps no key alive: the calendar
 * ends it. */
static void a_clock_that_goes_back(void **state)
{
    (void)state;
    look();
    pass(1);
    wall -= 100 * DAY_MS;
    look();
    for (unsigned d = 0; d < 60; d++) {
        mono += DAY_MS;
        today = (rl_day)(START + mono / DAY_MS);
        look();
    }
    for (size_t i = 0; i < ring.count; i++)
        assert_true(today <= rl_onion_last_day(&ring.at[i]));
    assert_non_null(rl_onions_current(&ring, wall));
}

/* However the clock jumps about, there is always a key, and never too many. */
static void a_mad_clock(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 500; i++) {
        wall = (START + 1000 + (i * 7919) % 2000) * DAY_MS;
        mono += DAY_MS / 24;
        today = (rl_day)(START + mono / DAY_MS);
        look();
        assert_non_null(rl_onions_current(&ring, wall));
        assert_true(ring.count <= RL_ONIONS_MAX);
        for (size_t k = 1; k < ring.count; k++)
            assert_true(ring.at[k - 1].from_ms <= ring.at[k].from_ms);
    }
}

static void what_is_no_key(void **state)
{
    uint8_t id[PN_ONION_ID_BYTES];
    static const rl_onion nothing;
    (void)state;
    assert_int_equal(add(1, 5, 5, 1), PN_E_ARG);
    assert_int_equal(add(1, 5, 6 + 42 * DAY_MS, 1), PN_E_ARG);
    assert_int_equal(add(1, 5, 6, 1), PN_OK);
    assert_int_equal(add(1, 7, 8, 1), PN_E_EXISTS);
    for (unsigned i = 2; i <= RL_ONIONS_MAX; i++)
        assert_int_equal(add(i, 5, 6, 1), PN_OK);
    assert_int_equal(add(99, 5, 6, 1), PN_E_FULL);
    memcpy(id, ring.at[3].id, sizeof id);
    rl_onions_remove(&ring, id);
    assert_null(rl_onions_find(&ring, id));
    /* Nothing of the last place is left behind. */
    assert_memory_equal(&ring.at[RL_ONIONS_MAX - 1], &nothing, sizeof nothing);
    rl_onions_wipe(&ring);
    assert_memory_equal(&ring.at[0], &nothing, sizeof nothing);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_year, setup),
        cmocka_unit_test_setup(a_leap_that_is_mended, setup),
        cmocka_unit_test_setup(a_leap_that_stays, setup),
        cmocka_unit_test_setup(a_clock_that_goes_back, setup),
        cmocka_unit_test_setup(a_mad_clock, setup),
        cmocka_unit_test_setup(what_is_no_key, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
