/* A relay that means harm. Its core is the real one; what it says and hears is
 * changed on the way. Which harms it does is a set, drawn for the run.
 */
#ifndef POSTERN_TESTS_SIM_FED_ADVERSARY_H
#define POSTERN_TESTS_SIM_FED_ADVERSARY_H

#include "tests/sim/fed/relay.h"

enum {
    FED_HARM_DROP = 1 << 0,    /* says stored, or accepted, and keeps nothing */
    FED_HARM_REPLAY = 1 << 1,  /* gives old mail again */
    FED_HARM_REORDER = 1 << 2, /* keeps mail back, and gives it later */
    FED_HARM_LIE = 1 << 3,     /* unknown, quota, suspended, busy */
    FED_HARM_FLOOD = 1 << 4,   /* frames nobody asked for */
    FED_HARM_GARBAGE = 1 << 5, /* frames that are none */
    FED_HARM_FORGE = 1 << 6,   /* spoils envelopes and onion replies */
    FED_HARM_MUTE = 1 << 7,    /* answers nothing for a while */
    FED_HARMS = 8,
};

/* True: it is dealt with, and goes no further. */
bool fed_adversary_hears(fed_peer *p, const pn_msg *msg);
bool fed_adversary_says(fed_peer *p, const pn_msg *msg);
void fed_adversary_opened(fed_peer *p);
void fed_hoard_free(fed_hoard **h);
const char *fed_harm_name(unsigned bit);

#endif
