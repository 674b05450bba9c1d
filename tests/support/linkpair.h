/* Two ends of a link joined by memory, under one simulated environment.
 * Nothing here asserts: it returns what the link returned.
 */
#ifndef POSTERN_TESTS_SUPPORT_LINKPAIR_H
#define POSTERN_TESTS_SUPPORT_LINKPAIR_H

#include "proto/link/link.h"
#include "tests/support/simenv.h"

/* Called for each frame that arrives at `to`. */
typedef void linkpair_frame_fn(void *ctx, pn_link *to, pn_bytes frame);

typedef struct linkpair {
    simenv sim;
    pn_env env;
    pn_link_identity relay; /* the responder */
    pn_link_identity other; /* the initiator when it is a relay */
    pn_gate *gate;
    pn_link *dialled;
    pn_link *accepted;
    linkpair_frame_fn *on_frame; /* may be NULL */
    void *ctx;
    size_t chunk; /* largest piece handed over at once; 0 for no bound */
} linkpair;

/* Make the identities and the gate. */
pn_err linkpair_init(linkpair *p, uint64_t seed);
/* Dial and accept, nothing handed over yet. */
pn_err linkpair_connect(linkpair *p, pn_link_role role, uint16_t record_size);
/* Hand all output of `from` to `to`, draining frames; the first fault of `to`
 * ends it. */
pn_err linkpair_carry(linkpair *p, pn_link *from, pn_link *to);
/* Feed bytes to `to` and drain its frames. */
pn_err linkpair_give(linkpair *p, pn_link *to, pn_bytes bytes);
/* Carry both ways and tick until both ends are quiet. */
pn_err linkpair_pump(linkpair *p);
/* Init, connect and pump until both ends are open. */
pn_err linkpair_open(linkpair *p, uint64_t seed, pn_link_role role,
                     uint16_t record_size);
/* Free both links (and keep the gate), or everything. */
void linkpair_disconnect(linkpair *p);
void linkpair_free(linkpair *p);

#endif
