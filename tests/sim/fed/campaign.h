/* Many seeds, one after the other or in several processes, and what is said of
 * them. Each batch runs in a child, so that a seed that crashes, or that a
 * sanitizer ends, is a finding like another.
 */
#ifndef POSTERN_TESTS_SIM_FED_CAMPAIGN_H
#define POSTERN_TESTS_SIM_FED_CAMPAIGN_H

#include "tests/sim/fed/fail.h"
#include "tests/sim/fed/plan.h"

typedef struct fed_campaign {
    uint64_t first, last;
    unsigned jobs;
    bool has_shape;
    fed_shape shape;
    bool traces, digests, minimises;
    bool stops;       /* at the first seed that is broken */
    const char *only; /* numbers of the actions to keep; NULL: all */
} fed_campaign;

/* Exit code: 0, or 1 if a promise was broken. */
int fed_campaign_run(const fed_campaign *c);

/* Run one plan in a child. True: all was well; else *note says what was
 * not. */
bool fed_plan_holds(const fed_plan *plan, fed_note *note);

#endif
