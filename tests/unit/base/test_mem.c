#include "tests/support/cmocka.h"

#include <string.h>

#include "proto/base/list.h"
#include "proto/base/mem.h"

static void wipe_and_compare(void **state)
{
    uint8_t a[32], b[32] = { 0 };
    (void)state;
    memset(a, 0x5a, sizeof a);
    assert_false(pn_secret_equal(a, b, sizeof a));
    pn_wipe(a, sizeof a);
    assert_true(pn_secret_equal(a, b, sizeof a));
    b[31] = 1;
    assert_false(pn_secret_equal(a, b, sizeof a));
    assert_true(pn_secret_equal(a, b, 31));
    for (size_t len = 0; len <= sizeof a; len++) {
        memset(a, 0, sizeof a);
        memset(b, 0, sizeof b);
        for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
            a[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_int_equal(pn_secret_equal(a, b, len), bit / 8 >= len);
            a[bit / 8] = 0;
        }
    }
    pn_wipe(NULL, 0);
    pn_free_wiped(NULL, 10);
}

/* A product that overflows is refused, not wrapped. */
static void overflow_is_refused(void **state)
{
    volatile size_t huge = SIZE_MAX / 2;
    (void)state;
    assert_null(pn_alloc(huge, 3));
    assert_null(pn_realloc(NULL, huge, 3));
}

static bool refuse(void *ctx)
{
    (void)ctx;
    return true;
}

/* Tests can make any kind of allocation fail. */
static void every_kind_can_be_made_to_fail(void **state)
{
    uint8_t *p = pn_alloc_raw(3);
    (void)state;
    assert_non_null(p);
    memset(p, 1, 3);
    pn_alloc_set_fault(refuse, NULL);
    assert_null(pn_alloc(1, 1));
    assert_null(pn_alloc_raw(1));
    assert_null(pn_realloc(p, 1, 4));
    pn_alloc_set_fault(NULL, NULL);
    pn_free(p);
}

typedef struct item {
    int value;
    pn_node node;
} item;

static void list_keeps_order_and_removes_anywhere(void **state)
{
    pn_node head;
    item items[5];
    int want = 0;
    (void)state;
    pn_node_init(&head);
    assert_null(pn_list_first(&head));
    for (int i = 0; i < 5; i++) {
        items[i].value = i;
        pn_list_push_back(&head, &items[i].node);
    }
    pn_list_remove(&items[2].node);
    pn_list_remove(&items[2].node); /* twice is harmless */
    pn_list_push_front(&head, &items[2].node);
    pn_list_remove(&items[2].node);
    while (!pn_list_is_empty(&head)) {
        item *it = PN_FRONT(&head, item, node);
        if (want == 2)
            want++;
        assert_int_equal(it->value, want++);
        pn_list_remove(&it->node);
    }
    assert_int_equal(want, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wipe_and_compare),
        cmocka_unit_test(overflow_is_refused),
        cmocka_unit_test(every_kind_can_be_made_to_fail),
        cmocka_unit_test(list_keeps_order_and_removes_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
