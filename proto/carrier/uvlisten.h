/* A listening TCP socket that turns connections into accepted links, within
 * bounds: a cap on its links, a cap on those still shaking hands, and a word
 * of the application about each peer address. At a cap a newcomer takes the
 * place of the half-open link that has proved least, so that strangers who
 * keep silent cannot keep out a client who speaks at once; when every link is
 * open it stops accepting, and the kernel's backlog waits. When accept(2) fails
 * for want of descriptors or memory it pauses, 100 ms at first, doubling to 1
 * s; it never spins. Thread rule: the loop's thread.
 */
#ifndef POSTERN_PROTO_CARRIER_UVLISTEN_H
#define POSTERN_PROTO_CARRIER_UVLISTEN_H

#include "proto/carrier/uvlink.h"

typedef struct pn_uvlisten pn_uvlisten;

typedef struct pn_uvlisten_options {
    unsigned backlog;       /* for listen(2) */
    unsigned links_max;     /* links of this listener alive at once */
    unsigned half_open_max; /* of them, not yet open */
    /* May this peer connect now? It may call pn_uvhub_make_room(). Gives a tag
     * (say, its address prefix) that release() gets back when the link has
     * ended. NULL admits all. */
    bool (*admit)(void *ctx, const struct sockaddr *peer, uint64_t *tag);
    /* Called once per admitted link, before its on_closed: at its end, or for
     * one that never opened as soon as it closes. May be NULL. */
    void (*release)(void *ctx, uint64_t tag);
    void *admit_ctx;
} pn_uvlisten_options;

#define PN_UVLISTEN_OPTIONS_INIT                                  \
    {                                                             \
        .backlog = 511, .links_max = 20000, .half_open_max = 2000 \
    }

/* Listen on `address`, a numeric IPv4 or IPv6 socket address; port 0 takes a
 * free one. An IPv6 socket takes IPv6 only, so that 0.0.0.0 and [::] can stand
 * side by side. Accepted links get `events` (borrowed) and `ctx`.
 * `gate` is borrowed until the hub has stopped. PN_E_IO with the reason logged,
 * PN_E_NOMEM, PN_E_ARG, PN_E_STATE when the hub is stopping. */
PN_MUST_USE pn_err pn_uvlisten_new(pn_uvlisten **out, pn_uvhub *hub,
                                   const struct sockaddr *address,
                                   pn_gate *gate,
                                   const pn_uvlisten_options *options,
                                   const pn_uvlink_events *events, void *ctx);
/* Stop listening; its links live on. Nulls *listener and accepts NULL. The
 * hub's stop does this for all that are left. */
void pn_uvlisten_close(pn_uvlisten **listener);
/* The port it listens on, host byte order. */
uint16_t pn_uvlisten_port(const pn_uvlisten *listener);
/* Close the half-open link of any listener that has proved least, the oldest
 * of those, with PN_CLOSE_REFUSED; with `tag`, one of that tag. It is released
 * before this returns. False if there is none that has had its chance: 5 ms for
 * a stranger, 250 ms to solve a puzzle, 2 s to open after an answer. Looks at
 * all of them at worst. */
bool pn_uvhub_make_room(pn_uvhub *hub, const uint64_t *tag);
/* Links alive, and of them those not yet open. */
unsigned pn_uvlisten_links(const pn_uvlisten *listener);
unsigned pn_uvlisten_half_open(const pn_uvlisten *listener);

#endif
