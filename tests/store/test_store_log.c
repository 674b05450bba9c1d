/* The log does what the model says: on a good disk, through power loss at any
 * step of its I/O, and on a disk that fails. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/store/bed.h"
#include "tests/support/cmocka.h"

static unsigned seeds(unsigned usual)
{
    const char *more = getenv("POSTERN_STORE_SEEDS");
    return more != NULL ? (unsigned)strtoul(more, NULL, 10) : usual;
}

#define CHECK(ok, s, b)                                               \
    do {                                                              \
        if (!(ok))                                                    \
            fail_msg("%s (seed %llu; last finding: %s)", (s)->said,   \
                     (unsigned long long)(s)->seed, (b)->last_found); \
    } while (0)

static void advance(bed *b, schedule *s, uint64_t dice)
{
    (void)b;
    if (dice < 75)
        (void)schedule_step(s);
    else if (dice < 85)
        rl_store_flush(s->store);
    else
        (void)schedule_drain(s);
}

static void agrees_on_a_good_disk(void **state)
{
    const unsigned n = seeds(150);
    (void)state;
    for (uint64_t seed = 1; seed <= n; seed++) {
        static bed b;
        schedule s;
        bed_init(&b, seed);
        schedule_init(&s, seed);
        assert_int_equal(bed_open(&b, RL_LOG_CREATE), PN_OK);
        s.store = b.store;
        for (int i = 0; i < 1500 && s.wrong == NULL; i++) {
            const uint64_t dice = simenv_next(&b.sim) % 1000;
            if (dice < 990) {
                advance(&b, &s, dice % 100);
            } else if (dice < 995) {
                simenv_advance(&b.sim, 60);
                (void)schedule_settle(&s);
            } else if (schedule_settle(&s)) {
                rl_store_close(&b.store);
                assert_int_equal(bed_open(&b, RL_LOG_STRICT), PN_OK);
                assert_int_equal(b.found[RL_NOTE] + b.found[RL_REPAIRED] +
                                     b.found[RL_DAMAGE],
                                 0);
                s.store = b.store;
                (void)schedule_inspect(&s);
            }
        }
        CHECK(s.wrong == NULL && schedule_settle(&s) && schedule_inspect(&s),
              &s, &b);
        assert_true(s.results > 0);
        schedule_free(&s);
        bed_free(&b);
    }
}

/* Open again after a loss of power, or after a kill that leaves to a later
 * loss of power what was not synced; it may happen again meanwhile. */
static bool reopen(bed *b, schedule *s)
{
    for (;;) {
        pn_err err;
        rl_store_log_abandon(&b->store);
        if (simenv_next(&b->sim) % 3 == 0)
            simfs_kill(&b->disk);
        else
            simfs_crash(&b->disk);
        if (simenv_next(&b->sim) % 3 == 0)
            b->disk.die_at =
                b->disk.calls[SIMFS_ANY] + 1 + simenv_next(&b->sim) % 300;
        err = bed_open(b, RL_LOG_STRICT);
        if (b->disk.dead)
            continue;
        b->disk.die_at = 0;
        if (err != PN_OK) {
            (void)snprintf(s->said, sizeof s->said, "open: %s",
                           pn_strerror(err));
            return false;
        }
        return schedule_recover(s, b->store);
    }
}

static void survives_power_loss(void **state)
{
    const unsigned n = seeds(400);
    uint64_t crashes = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= n; seed++) {
        static bed b;
        schedule s;
        bool ok = true;
        bed_init(&b, seed);
        schedule_init(&s, seed);
        assert_int_equal(bed_open(&b, RL_LOG_CREATE), PN_OK);
        s.store = b.store;
        s.dead = &b.disk.dead;
        for (int round = 0; round < 8 && ok; round++) {
            b.disk.die_at = b.disk.calls[SIMFS_ANY] + 1 +
                            simenv_next(&b.sim) % (20U << round % 5);
            for (int i = 0; i < 2000 && !b.disk.dead && s.wrong == NULL; i++) {
                const uint64_t dice = simenv_next(&b.sim) % 1000;
                if (dice < 990)
                    advance(&b, &s, dice % 100);
                else
                    simenv_advance(&b.sim, 60);
            }
            ok = s.wrong == NULL && reopen(&b, &s);
            crashes++;
        }
        CHECK(ok, &s, &b);
        CHECK(schedule_settle(&s) && schedule_inspect(&s), &s, &b);
        assert_int_equal(b.found[RL_DAMAGE], 0);
        schedule_free(&s);
        bed_free(&b);
    }
    assert_true(crashes >= n);
}

/* Power lost at every single step of one schedule, one after the other. */
static void survives_power_loss_at_every_step(void **state)
{
    bool reached = true;
    (void)state;
    for (uint64_t step = 1; reached; step += 1 + step / 40) {
        static bed b;
        schedule s;
        bool ok;
        bed_init(&b, 7);
        schedule_init(&s, 7);
        assert_int_equal(bed_open(&b, RL_LOG_CREATE), PN_OK);
        s.store = b.store;
        s.dead = &b.disk.dead;
        b.disk.die_at = b.disk.calls[SIMFS_ANY] + step;
        for (int i = 0; i < 1200 && !b.disk.dead && s.wrong == NULL; i++)
            advance(&b, &s, simenv_next(&b.sim) % 100);
        reached = b.disk.dead;
        ok = s.wrong == NULL && reopen(&b, &s);
        CHECK(ok && schedule_settle(&s) && schedule_inspect(&s), &s, &b);
        schedule_free(&s);
        bed_free(&b);
    }
}

/* One call of the disk fails: nothing that had an answer is lost, and what
 * failed is never answered with OK. */
static void survives_failing_calls(void **state)
{
    static const simfs_call calls[] = { SIMFS_WRITE,    SIMFS_SYNC,
                                        SIMFS_RESERVE,  SIMFS_RENAME,
                                        SIMFS_SYNC_DIR, SIMFS_OPEN };
    const unsigned n = seeds(60);
    (void)state;
    for (uint64_t seed = 1; seed <= n; seed++) {
        for (size_t c = 0; c < sizeof calls / sizeof calls[0]; c++) {
            static bed b;
            schedule s;
            rl_store_stats stats;
            unsigned after = 0;
            bool ok = true;
            bed_init(&b, seed);
            schedule_init(&s, seed);
            assert_int_equal(bed_open(&b, RL_LOG_CREATE), PN_OK);
            s.store = b.store;
            simfs_arm(&b.disk, calls[c], 1 + simenv_next(&b.sim) % 40,
                      simenv_next(&b.sim) % 2 == 0,
                      simenv_next(&b.sim) % 2 == 0 ? PN_E_FULL : PN_E_IO);
            /* Not so long after the fault that it runs out of segments. */
            for (int i = 0; i < 800 && s.wrong == NULL; i++) {
                if (b.disk.fault_hit && after++ > 40)
                    break;
                advance(&b, &s, simenv_next(&b.sim) % 100);
                rl_store_stats_get(b.store, &stats);
                if (stats.failed)
                    break;
            }
            ok = s.wrong == NULL;
            if (ok) {
                rl_store_log_abandon(&b.store);
                simfs_crash(&b.disk);
                ok = bed_open(&b, RL_LOG_STRICT) == PN_OK &&
                     schedule_recover(&s, b.store);
            }
            CHECK(ok, &s, &b);
            CHECK(schedule_settle(&s) && schedule_inspect(&s), &s, &b);
            schedule_free(&s);
            bed_free(&b);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_on_a_good_disk),
        cmocka_unit_test(survives_power_loss),
        cmocka_unit_test(survives_power_loss_at_every_step),
        cmocka_unit_test(survives_failing_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
