#include "tests/support/cmocka.h"

#include <string.h>

#include "proto/base/heap.h"
#include "tests/support/simenv.h"

enum { NODES = 300 };

static pn_heap_node nodes[NODES];
static uint64_t model[NODES]; /* PN_HEAP_NEVER: not in */

static uint64_t earliest(void)
{
    uint64_t at = PN_HEAP_NEVER;
    for (size_t i = 0; i < NODES; i++)
        at = model[i] < at ? model[i] : at;
    return at;
}

/* Any sequence of sets and removals agrees with a plain array. */
static void agrees_with_a_plain_model(void **state)
{
    pn_heap h = { NULL };
    simenv sim;
    (void)state;
    simenv_init(&sim, 5);
    memset(nodes, 0, sizeof nodes);
    for (size_t i = 0; i < NODES; i++)
        model[i] = PN_HEAP_NEVER;
    for (int round = 0; round < 100000; round++) {
        const size_t i = simenv_next(&sim) % NODES;
        const uint64_t dice = simenv_next(&sim) % 8;
        if (dice == 0) {
            pn_heap_remove(&h, &nodes[i]);
            model[i] = PN_HEAP_NEVER;
        } else if (dice == 1) {
            pn_heap_set(&h, &nodes[i], PN_HEAP_NEVER);
            model[i] = PN_HEAP_NEVER;
        } else if (dice == 2 && h.root != NULL) {
            model[h.root - nodes] = PN_HEAP_NEVER;
            pn_heap_remove(&h, h.root);
        } else {
            model[i] = simenv_next(&sim) % 1000;
            pn_heap_set(&h, &nodes[i], model[i]);
        }
        assert_int_equal(nodes[i].is_in, model[i] != PN_HEAP_NEVER);
        assert_int_equal(pn_heap_first(&h), earliest());
    }
}

/* Taken one by one, they come in order, however they went in. */
static void comes_out_in_order(void **state)
{
    pn_heap h = { NULL };
    simenv sim;
    uint64_t last = 0;
    (void)state;
    simenv_init(&sim, 6);
    memset(nodes, 0, sizeof nodes);
    for (size_t i = 0; i < NODES; i++)
        pn_heap_set(&h, &nodes[i], simenv_next(&sim) % 100);
    for (size_t i = 0; i < NODES; i++) {
        pn_heap_node *n = pn_heap_due(&h, UINT64_MAX);
        assert_non_null(n);
        assert_true(n->at >= last);
        last = n->at;
        pn_heap_remove(&h, n);
    }
    assert_null(h.root);
    assert_int_equal(pn_heap_first(&h), PN_HEAP_NEVER);
}

static void due_is_not_before_its_time(void **state)
{
    pn_heap h = { NULL };
    pn_heap_node one = { 0 }, other = { 0 };
    (void)state;
    assert_null(pn_heap_due(&h, UINT64_MAX));
    pn_heap_remove(&h, &one); /* in none: nothing happens */
    pn_heap_set(&h, &one, 10);
    pn_heap_set(&h, &other, 7);
    assert_null(pn_heap_due(&h, 6));
    assert_ptr_equal(pn_heap_due(&h, 7), &other);
    pn_heap_set(&h, &other, 20);
    assert_ptr_equal(pn_heap_due(&h, 30), &one);
    pn_heap_set(&h, &one, PN_HEAP_NEVER);
    pn_heap_remove(&h, &other);
    assert_null(h.root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_plain_model),
        cmocka_unit_test(comes_out_in_order),
        cmocka_unit_test(due_is_not_before_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
