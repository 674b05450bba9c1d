/* Two people and four relays in virtual time, for tests of the way mail takes.
 * The first one or two relays are the ends, where person 0 has mailboxes;
 * person 1, who writes, has others. Mailboxes are those of the real core; who
 * forwards is played: it tells whose it is, or not, or two stories, and notes
 * which parcels it is given.
 */
#ifndef POSTERN_TESTS_SUPPORT_WAYSIM_H
#define POSTERN_TESTS_SUPPORT_WAYSIM_H

#include "proto/crypto/xwing.h"
#include "tests/support/relaysim.h"

enum {
    WAYSIM_RELAYS = 4,
    WAYSIM_SENDER = 1,
    WAYSIM_LOG_MAX = 64,
    SECOND_MS = 1000,
    MINUTE_MS = 60 * SECOND_MS,
    HOUR_MS = 60 * MINUTE_MS,
    DAY_MS = 24 * HOUR_MS,
};

/* A parcel that was given to relay `by` for relay `to`. */
typedef struct waysim_left {
    size_t by, to;
    uint64_t at_ms;
} waysim_left;

typedef struct waysim {
    relaysim world;
    waysim_left log[WAYSIM_LOG_MAX];
    size_t count;                     /* of it */
    uint8_t operators[WAYSIM_RELAYS]; /* whose it is; 0: it does not say */
    bool is_silent[WAYSIM_RELAYS];    /* it tells nothing of itself */
    bool is_lying[WAYSIM_RELAYS];     /* another story, under one number */
    bool is_forging;    /* the first end gives replies that do not open */
    pn_xwing_key onion; /* everybody's */
    uint64_t from_ms;   /* of all descriptors */
} waysim;

/* Relays 0 to ends-1 are the ends; the sender uses the others up to `last`.
 * Each is of an operator of its own. */
waysim *waysim_new(size_t ends, size_t last);
/* One end. Relay `together`, 1 or 2, has its operator, the other not, and the
 * sender knows all that. */
waysim *waysim_new_known(size_t together);
void waysim_free(waysim *w);
cl_engine *waysim_engine(waysim *w);
void waysim_route(waysim *w, cl_routing routing);
void waysim_run(waysim *w, uint64_t ms);
/* The sender's program ends, and begins again. */
void waysim_restart(waysim *w);
/* Somebody sees to it that the sender does not reach relay r. */
void waysim_block(waysim *w, size_t r, bool is_blocked);
void waysim_say(waysim *w, pn_priority priority);
/* The oldest that is under way; valid until the next call. */
const cl_item_view *waysim_item(waysim *w);
/* Let go of all that was said, and of what became of it. */
void waysim_forget(waysim *w);
/* How many parcels left by relay r. */
size_t waysim_by(const waysim *w, size_t r);

#endif
