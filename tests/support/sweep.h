/* One thing of an engine, again and again from the same moment, with something
 * failing at another place each time: the n-th allocation, the n-th operation
 * of the store in two ways, the n-th random draw.
 *
 * Asserted at each: what fails has not happened, to the last byte of the store;
 * what is tried again succeeds; the engine keeps its invariants and goes on.
 */
#ifndef POSTERN_TESTS_SUPPORT_SWEEP_H
#define POSTERN_TESTS_SUPPORT_SWEEP_H

#include "tests/support/lonely.h"

enum { SWEEP_FAULTS = 4 };

typedef struct sweep_plan {
    const char *name;
    lonely_moment moment;
    /* Before anything fails; may be NULL. */
    void (*prepare)(lonely *l);
    pn_err (*run)(lonely *l);
    /* It may succeed though an allocation failed, and put off some of it. */
    bool is_lenient;
} sweep_plan;

/* Every place, until nothing is left to fail. Within cmocka. */
void sweep_all(const sweep_plan *plans, size_t count);
/* The n-th thing of this kind fails, 1 is the next; and whether it did. */
void sweep_arm(lonely *l, int fault, unsigned n);
bool sweep_disarm(lonely *l);

#endif
