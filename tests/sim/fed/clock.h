/* The world's time, and what is to happen when. Times are virtual ms since the
 * beginning of the run. What is due at one time happens in an order that
 * follows from the order of the calls alone.
 */
#ifndef POSTERN_TESTS_SIM_FED_CLOCK_H
#define POSTERN_TESTS_SIM_FED_CLOCK_H

#include "proto/base/heap.h"

typedef struct fed_clock {
    uint64_t now_ms;
    pn_heap heap;
} fed_clock;

typedef struct fed_timer {
    pn_heap_node node;
    void (*fire)(void *ctx);
    void *ctx;
} fed_timer;

/* In *t's life; UINT64_MAX takes it out. */
static inline void fed_timer_set(fed_clock *c, fed_timer *t, uint64_t at_ms)
{
    pn_heap_set(&c->heap, &t->node, at_ms);
}

static inline void fed_timer_init(fed_timer *t, void (*fire)(void *ctx),
                                  void *ctx)
{
    *t = (fed_timer){ .fire = fire, .ctx = ctx };
}

#endif
