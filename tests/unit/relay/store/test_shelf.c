/* The shelf of read buffers: what is on it, and that no two have the same. */
#include "tests/support/cmocka.h"

#include <pthread.h>
#include <string.h>

#include "proto/base/mem.h"
#include "relay/store/shelf.h"
#include "tests/support/faults.h"

enum { TURNS = 20000, THREADS = 3 };

static void test_comes_back(void **state)
{
    rl_shelf s = { .slot = { NULL } };
    uint8_t *first = rl_shelf_take(&s, RL_SHELF_MIN);
    uint8_t *again;
    (void)state;
    assert_non_null(first);
    first[RL_SHELF_BYTES - 1] = 1; /* all are of one size */
    rl_shelf_give(&s, first, RL_SHELF_MIN);
    again = rl_shelf_take(&s, RL_SHELF_BYTES);
    assert_ptr_equal(again, first);
    rl_shelf_give(&s, again, RL_SHELF_BYTES);
    rl_shelf_clear(&s);
}

static void test_small_and_huge_are_not_kept(void **state)
{
    static const size_t sizes[] = { 1, RL_SHELF_MIN - 1, RL_SHELF_BYTES + 1 };
    rl_shelf s = { .slot = { NULL } };
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *buf = rl_shelf_take(&s, sizes[i]);
        assert_non_null(buf);
        memset(buf, 1, sizes[i]);
        rl_shelf_give(&s, buf, sizes[i]);
        for (size_t k = 0; k < RL_SHELF_SLOTS; k++)
            assert_null(s.slot[k]);
    }
    rl_shelf_give(&s, NULL, RL_SHELF_MIN);
    rl_shelf_clear(&s);
}

static void test_full_shelf_frees(void **state)
{
    rl_shelf s = { .slot = { NULL } };
    uint8_t *buf[RL_SHELF_SLOTS + 2];
    (void)state;
    for (size_t i = 0; i < RL_SHELF_SLOTS + 2; i++)
        buf[i] = rl_shelf_take(&s, RL_SHELF_MIN);
    for (size_t i = 0; i < RL_SHELF_SLOTS + 2; i++)
        rl_shelf_give(&s, buf[i], RL_SHELF_MIN);
    for (size_t i = 0; i < RL_SHELF_SLOTS; i++)
        assert_ptr_equal(s.slot[i], buf[i]);
    rl_shelf_clear(&s); /* and the leak checker has nothing to say */
}

static void test_no_memory(void **state)
{
    rl_shelf s = { .slot = { NULL } };
    (void)state;
    assert_true(faults_arm(1));
    assert_null(rl_shelf_take(&s, RL_SHELF_MIN));
    assert_true(faults_hit());
    assert_true(faults_arm(1));
    assert_null(rl_shelf_take(&s, 10));
    assert_true(faults_hit());
}

typedef struct user {
    rl_shelf *shelf;
    uint8_t mark;
    const char *wrong;
} user;

/* Each holder writes its mark and must find it so. */
static void *use(void *arg)
{
    rl_shelf *s = ((user *)arg)->shelf;
    const uint8_t mark = ((user *)arg)->mark;
    for (unsigned i = 0; i < TURNS; i++) {
        uint8_t *buf = rl_shelf_take(s, RL_SHELF_MIN);
        if (buf == NULL) {
            ((user *)arg)->wrong = "no memory";
            break;
        }
        memset(buf, mark, 64);
        for (size_t k = 0; k < 64; k++) {
            if (((volatile uint8_t *)buf)[k] != mark)
                ((user *)arg)->wrong = "two have the same buffer";
        }
        rl_shelf_give(s, buf, RL_SHELF_MIN);
    }
    return NULL;
}

static void test_threads(void **state)
{
    rl_shelf s = { .slot = { NULL } };
    pthread_t threads[THREADS];
    user users[THREADS];
    (void)state;
    for (size_t i = 0; i < THREADS; i++) {
        users[i] = (user){ &s, (uint8_t)(i + 1), NULL };
        assert_int_equal(pthread_create(&threads[i], NULL, use, &users[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_null(users[i].wrong);
    }
    rl_shelf_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_back),
        cmocka_unit_test(test_small_and_huge_are_not_kept),
        cmocka_unit_test(test_full_shelf_frees),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
