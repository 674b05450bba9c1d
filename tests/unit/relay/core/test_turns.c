#include "tests/support/cmocka.h"

#include "relay/core/turns.h"

enum { XS = 2293, S = 5365, L = 66485, ROUNDS = 20000 };

/* Send from classes that always have something of these lengths; share[c] is
 * what class c got, in thousandths of the bytes. */
static void run(const size_t head[RL_CLASSES], unsigned share[RL_CLASSES])
{
    rl_turns t = { { 0 }, { 0 } };
    uint64_t bytes[RL_CLASSES] = { 0 }, sum = 0;
    for (int i = 0; i < ROUNDS; i++) {
        const rl_class c = rl_turns_next(&t, head);
        assert_true(c < RL_CLASSES && head[c] > 0);
        rl_turns_sent(&t, c, head);
        bytes[c] += head[c];
        sum += head[c];
    }
    for (int c = 0; c < RL_CLASSES; c++)
        share[c] = (unsigned)(bytes[c] * 1000 / sum);
}

/* Small urgent parcels take all but the floors of the others. */
static void small_urgent_goes_first(void **state)
{
    static const size_t head[] = { XS, S, L };
    unsigned share[RL_CLASSES];
    (void)state;
    run(head, share);
    assert_in_range(share[RL_NORMAL], 95, 110);
    assert_in_range(share[RL_BULK], 49, 60);
    assert_true(share[RL_URGENT] > 800);
}

/* Larger ones share by weight, and bulk is never below its floor. */
static void the_rest_share_by_weight(void **state)
{
    static const size_t head[] = { L, L, L };
    unsigned share[RL_CLASSES];
    (void)state;
    run(head, share);
    assert_in_range(share[RL_URGENT], 590, 640);
    assert_in_range(share[RL_NORMAL], 290, 325);
    assert_in_range(share[RL_BULK], 70, 85);
}

static void bulk_never_starves(void **state)
{
    static const size_t lens[] = { 0, XS, S, L };
    (void)state;
    for (int u = 0; u < 4; u++) {
        for (int n = 0; n < 4; n++) {
            for (int b = 1; b < 4; b++) {
                const size_t head[] = { lens[u], lens[n], lens[b] };
                unsigned share[RL_CLASSES];
                run(head, share);
                assert_true(share[RL_BULK] >= 49);
                if (head[RL_NORMAL] > 0)
                    assert_true(share[RL_NORMAL] >= 99);
            }
        }
    }
}

/* What was idle has saved nothing up: it does not hold the line when it comes
 * back, nor is it held back. */
static void nothing_is_saved_up(void **state)
{
    static const size_t alone[] = { 0, S, 0 }, both[] = { L, S, 0 };
    rl_turns t = { { 0 }, { 0 } };
    unsigned run_of_urgent = 0;
    (void)state;
    for (int i = 0; i < ROUNDS; i++)
        rl_turns_sent(&t, rl_turns_next(&t, alone), alone);
    for (int i = 0; i < 100; i++) {
        const rl_class c = rl_turns_next(&t, both);
        run_of_urgent = c == RL_URGENT ? run_of_urgent + 1 : 0;
        assert_true(run_of_urgent <= 2);
        rl_turns_sent(&t, c, both);
    }
}

/* An urgent word waits for one other parcel at most. */
static void a_word_waits_for_one_at_most(void **state)
{
    rl_turns t = { { 0 }, { 0 } };
    static const size_t others[] = { 0, L, L }, all[] = { XS, L, L };
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        const rl_class c = rl_turns_next(&t, others);
        rl_turns_sent(&t, c, others);
    }
    for (int i = 0; i < 3; i++) {
        const rl_class c = rl_turns_next(&t, all);
        rl_turns_sent(&t, c, all);
        if (c == RL_URGENT)
            return;
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_urgent_goes_first),
        cmocka_unit_test(the_rest_share_by_weight),
        cmocka_unit_test(bulk_never_starves),
        cmocka_unit_test(nothing_is_saved_up),
        cmocka_unit_test(a_word_waits_for_one_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
