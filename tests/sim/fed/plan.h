/* The schedule of a run, as data: who there is, and what happens when. Drawn
 * from the seed before anything runs, so that a run is a function of the
 * configuration and the list, and the list can be made smaller.
 */
#ifndef POSTERN_TESTS_SIM_FED_PLAN_H
#define POSTERN_TESTS_SIM_FED_PLAN_H

#include "tests/sim/fed/net.h"

typedef enum fed_shape {
    FED_SHAPE_SMALL,
    FED_SHAPE_MIDDLE,
    FED_SHAPE_LARGE,
    FED_SHAPE_YEAR,
    FED_SHAPES,
} fed_shape;

typedef struct fed_person_config {
    bool is_direct; /* deposits where mail is to lie; else by an entry relay */
    bool is_thin;
    uint8_t wanted; /* relays for each contact's mail */
    uint8_t knows;  /* relays, as bits */
} fed_person_config;

typedef struct fed_config {
    fed_shape shape;
    size_t relays, people;
    uint64_t span_ms;          /* of the schedule; then all is mended */
    bool keeps_links;          /* relays hold links to each other */
    uint32_t forward_delay_ms; /* parcels wait at random */
    bool may_expire;           /* a sender may be told so in this run */
    fed_person_config person[FED_PEOPLE_MAX];
} fed_config;

typedef enum fed_kind {
    FED_MEET,  /* a invites b; n: 1 for the offline form */
    FED_WAKE,  /* person a, for n ms */
    FED_WRITE, /* a to b, n bytes, m: priority | lifetime in minutes << 8 */
    /* People: */
    FED_KILL,       /* a, at its n-th effect from now */
    FED_DISK_FAILS, /* a's n-th commit */
    FED_DISK_FULL,  /* a, for n ms */
    FED_NO_MEMORY,  /* node a, its n-th allocation and m after it */
    FED_CLOCK,      /* node a's clock of the day, by n ms, set right after m */
    /* The network: */
    FED_CUT,       /* a stream between nodes a and b ends in the middle */
    FED_STALL,     /* it stands still for n ms */
    FED_TAMPER,    /* somebody changes what b sends a, in way n */
    FED_BLOCK,     /* nothing from node a to node b for n ms */
    FED_PARTITION, /* nodes in group n (by bits of their number) from the rest,
                      for m ms */
    /* Relays: */
    FED_RELAY_KILL,   /* a, at its n-th effect from now */
    FED_RELAY_STOP,   /* a, at once, for m ms; n operations survive */
    FED_RELAY_SLOW,   /* its disk, for n ms */
    FED_RELAY_FULL,   /* its disk, for n ms */
    FED_RELAY_SYNC,   /* its disk fails; it stops after n ms, is back after m */
    FED_RELAY_DIES,   /* a, for ever */
    FED_RELAY_WIPE,   /* a loses its disk */
    FED_RELAY_PUZZLE, /* it asks for puzzles of m bits for n ms */
    FED_RELAY_HOSTILE, /* a means harm from now on: FED_HARM_* in n */
    FED_AUDIT,         /* ask all relays what they have */
    FED_KINDS,
} fed_kind;

typedef struct fed_action {
    uint64_t at_ms;
    fed_kind kind;
    uint16_t a, b;
    uint64_t n, m;
} fed_action;

typedef struct fed_plan {
    uint64_t seed;
    fed_config config;
    fed_action *actions; /* owned, by time */
    size_t count, cap;
} fed_plan;

/* The shape a seed has, unless another is asked for. */
fed_shape fed_shape_of(uint64_t seed);
/* "small" and so on; false for another word. */
bool fed_shape_read(const char *word, fed_shape *out);
const char *fed_shape_name(fed_shape shape);

void fed_plan_draw(fed_plan *p, uint64_t seed, fed_shape shape);
void fed_plan_add(fed_plan *p, fed_action a);
void fed_plan_sort(fed_plan *p);
void fed_plan_free(fed_plan *p);
/* One line without its end. */
void fed_action_text(const fed_config *c, const fed_action *a, char *out,
                     size_t cap);

#endif
