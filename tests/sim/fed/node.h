/* What relays and people have in common: a place in the network, an
 * environment, allocations that can fail, and death at any effect.
 *
 * Death: an effect is a frame that leaves, an operation of the store, a result.
 * When the count of them runs out the node is dying: from then on nothing it
 * does reaches anybody, and as soon as its call has returned, the clock ends
 * it. So it dies between two effects, wherever these are in the code.
 */
#ifndef POSTERN_TESTS_SIM_FED_NODE_H
#define POSTERN_TESTS_SIM_FED_NODE_H

#include "tests/sim/fed/net.h"

typedef struct fed_node {
    fed_clock *clock;
    size_t number;
    fed_env own;
    pn_env env;
    uint32_t dies_in;    /* effects; 0: it does not */
    uint32_t alloc_in;   /* allocations until one fails; 0: none does */
    uint32_t alloc_more; /* that fail after it */
    bool is_dying;
    fed_timer death;
} fed_node;

void fed_node_init(fed_node *n, fed_clock *clock, size_t number, uint64_t seed,
                   void (*die)(void *ctx), void *ctx);
/* One more effect is about to happen. False: it does not, the node has died
 * before it. */
bool fed_node_may(fed_node *n);
/* Its allocations are counted from here to fed_node_leave(), which takes what
 * this returned. */
fed_node *fed_node_enter(fed_node *n);
void fed_node_leave(fed_node *before);
/* Install the failing allocator, for the process. */
void fed_node_arm(void);

#endif
