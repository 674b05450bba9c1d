/* Two ends of links in one loop: what every loop test begins and ends with.
 * `relay` plays the accepting side of every link, `client` the dialling one;
 * each records what its events said.
 */
#ifndef POSTERN_TESTS_UNIT_CARRIER_PAIR_H
#define POSTERN_TESTS_UNIT_CARRIER_PAIR_H

#include "proto/carrier/uvlisten.h"

typedef struct pair pair;

typedef struct pair_end {
    pair *pair;
    pn_uvlink *link; /* the last one heard of; NULL after on_closed */
    unsigned opened; /* events of each kind */
    unsigned frames;
    unsigned writable;
    unsigned closed;
    pn_close_reason why; /* of the last on_closed */
    pn_err fault;
    size_t bytes;        /* of frames */
    uint64_t sum;        /* of their bytes, in order: a checksum */
    bool echo;           /* send each frame back */
    bool busy_at_frame;  /* become busy at each frame */
    bool close_at_open;  /* close from inside on_open */
    bool close_at_frame; /* close from inside on_frame */
    pn_err answer;       /* what on_frame returns */
} pair_end;

struct pair {
    uv_loop_t loop;
    pn_env env;
    pn_uvhub *hub;
    pn_link_identity id;
    pn_gate *gate;
    pn_link_offer offer;
    pair_end relay, client;
    bool stopped;
};

extern const pn_uvlink_events pair_events;

/* Options short enough for tests. */
pn_uvhub_options pair_options(void);
/* A loop, a hub and a relay identity. PN_E_NOMEM and such for fault tests,
 * with nothing left behind but what pair_down() releases. */
PN_MUST_USE pn_err pair_up(pair *p, const pn_uvhub_options *options);
/* Stop what runs, run the loop dry, and want it to close clean. */
void pair_down(pair *p);
/* Both ends on a socketpair. */
PN_MUST_USE pn_err pair_connect(pair *p);
/* Only the relay's end; the peer is the returned socket, the caller's. */
int pair_stranger(pair *p);
/* Run the loop until *what reaches `want`; fails the test after 20 s. */
void pair_run_until(pair *p, const unsigned *what, unsigned want);
/* Run the loop for so many ms. */
void pair_run_for(pair *p, uint64_t ms);

#endif
