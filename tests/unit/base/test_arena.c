#include "tests/support/cmocka.h"

#include <stdalign.h>
#include <string.h>

#include "proto/base/arena.h"
#include "tests/support/faults.h"

/* Small requests come from the caller's block, aligned, without overlap. */
static void first_block_serves_small_requests(void **state)
{
    uint8_t first[256];
    pn_arena a;
    uint8_t *last = NULL;
    (void)state;
    pn_arena_init(&a, 1024, first + 1, sizeof first - 1);
    for (size_t len = 1; len < 9; len++) {
        uint8_t *p = pn_arena_alloc(&a, len);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
        assert_true(p >= first && p + len <= first + sizeof first);
        assert_true(last == NULL || p > last);
        memset(p, 0xff, len);
        last = p;
    }
    assert_null(a.blocks);
    pn_arena_reset(&a);
}

/* The cap holds for one large request and for many small ones. */
static void cap_holds(void **state)
{
    pn_arena a;
    size_t given = 0;
    (void)state;
    pn_arena_init(&a, 10000, NULL, 0);
    assert_null(pn_arena_alloc(&a, 10001));
    assert_null(pn_arena_alloc(&a, SIZE_MAX));
    assert_null(pn_arena_alloc(&a, SIZE_MAX - 4));
    while (pn_arena_alloc(&a, 100) != NULL)
        given += 100;
    assert_true(given <= 10000 && given >= 8000);
    pn_arena_reset(&a);
}

/* Running out of memory is NULL, not a crash, and reset still works. */
static void out_of_memory_is_null(void **state)
{
    pn_arena a;
    (void)state;
    pn_arena_init(&a, 100000, NULL, 0);
    assert_non_null(pn_arena_alloc(&a, 10));
    assert_true(faults_arm(1));
    assert_null(pn_arena_alloc(&a, 50000));
    assert_true(faults_hit());
    assert_non_null(pn_arena_alloc(&a, 50000));
    pn_arena_reset(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_block_serves_small_requests),
        cmocka_unit_test(cap_holds),
        cmocka_unit_test(out_of_memory_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
