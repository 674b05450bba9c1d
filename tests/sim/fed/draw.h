/* What the files that draw a plan share. */
#ifndef POSTERN_TESTS_SIM_FED_DRAW_H
#define POSTERN_TESTS_SIM_FED_DRAW_H

#include "tests/sim/fed/plan.h"

enum {
    FED_FIRST_MEETS = 14 * FED_MINUTE,
    FED_CALM_START = 20 * FED_MINUTE, /* no fault before */
};

/* From, to. */
typedef struct fed_sizes {
    unsigned relays[2], people[2], days[2];
    unsigned talks[2], faults[2];
} fed_sizes;

typedef struct fed_draft {
    fed_plan *p;
    fed_dice d;
    const fed_sizes *s;
    size_t (*couples)[2]; /* owned */
    size_t couple_count;
    uint64_t *busy;    /* owned: times at which something is going on */
    size_t *busy_with; /* owned: and who is there */
    size_t busy_count;
    bool is_alone; /* somebody's mail may lie on one relay only */
} fed_draft;

void fed_draw_faults(fed_draft *t);

#endif
