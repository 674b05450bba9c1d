#include "tests/sim/fed/node.h"

#include "proto/base/mem.h"

static fed_node *present;

static bool alloc_fails(void *ctx)
{
    fed_node *n = present;
    (void)ctx;
    if (n == NULL || n->alloc_in == 0 || --n->alloc_in > 0)
        return false;
    if (n->alloc_more > 0) {
        n->alloc_more--;
        n->alloc_in = 1;
    }
    return true;
}

void fed_node_arm(void)
{
    pn_alloc_set_fault(alloc_fails, NULL);
}

fed_node *fed_node_enter(fed_node *n)
{
    fed_node *before = present;
    present = n;
    return before;
}

void fed_node_leave(fed_node *before)
{
    present = before;
}

bool fed_node_may(fed_node *n)
{
    if (n->is_dying)
        return false;
    if (n->dies_in == 0 || --n->dies_in > 0)
        return true;
    n->is_dying = true;
    fed_timer_set(n->clock, &n->death, n->clock->now_ms);
    return false;
}

void fed_node_init(fed_node *n, fed_clock *clock, size_t number, uint64_t seed,
                   void (*die)(void *ctx), void *ctx)
{
    *n = (fed_node){ .clock = clock, .number = number };
    fed_env_init(&n->own, &clock->now_ms, seed, 100 + number);
    n->env = fed_env_port(&n->own);
    fed_timer_init(&n->death, die, ctx);
}
