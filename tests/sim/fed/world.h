/* A federation: relays, people, the network between them, and who judges it.
 * One process, virtual time, no thread. A run is a function of its plan.
 */
#ifndef POSTERN_TESTS_SIM_FED_WORLD_H
#define POSTERN_TESTS_SIM_FED_WORLD_H

#include <stdio.h>

#include "tests/sim/fed/app.h"
#include "tests/sim/fed/fail.h"
#include "tests/sim/fed/oracle.h"
#include "tests/sim/fed/person.h"
#include "tests/sim/fed/plan.h"
#include "tests/sim/fed/relay.h"

/* Something that was begun and ends by itself. */
typedef struct fed_later {
    fed_timer timer;
    pn_node in_world;
    fed_world *world;
    void (*then)(struct fed_later *l);
    size_t a;
    int64_t n;
    uint64_t m;
} fed_later;

struct fed_world {
    uint64_t seed;
    fed_config config;
    fed_clock clock;
    fed_net net;
    fed_dice dice;
    fed_relay *relays;  /* owned array */
    fed_person *people; /* owned array */
    fed_pair *pairs;    /* owned array */
    size_t pair_count;
    fed_mail *mail; /* owned array */
    size_t mail_count;
    size_t mail_first; /* those before it are done */
    pn_node laters;
    fed_oracle oracle;
    size_t hostile; /* which relay; FED_RELAYS_MAX: none */
    bool has_lost;  /* a relay died, forgot or turned, for good */
    uint64_t deaths, steps, calm_ms;
    FILE *trace; /* NULL: none */
};

/* Run a plan to its end; fed_fail() where a promise is broken. */
void fed_world_run(fed_world *w, const fed_plan *plan, FILE *trace);
/* Afterwards. */
void fed_world_free(fed_world *w);

/* --- between the files of the world --------------------------------------- */

void fed_world_do(fed_world *w, const fed_action *a);
/* Until that time, or until nothing is to come. */
void fed_world_until(fed_world *w, uint64_t at_ms);
/* Everything works again that is not gone for ever. */
void fed_world_mend(fed_world *w);
/* Mend, and see that all ends well. */
void fed_world_judge(fed_world *w);
void fed_trace(fed_world *w, const char *fmt, ...) PN_PRINTF(2, 3);

#endif
