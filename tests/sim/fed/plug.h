/* A link on a stream: what proto/carrier makes of a pn_link and a socket, made
 * of a pn_link and a simulated stream. The same order of things: what is
 * written is flushed once a turn, a busy owner is not read to, a peer that does
 * not take its output is not listened to and is closed in the end, a Bye is
 * waited for, silence is a reason to go.
 *
 * Checked at every byte: no frame is given that was made of bytes which the
 * other end did not send in this order.
 */
#ifndef POSTERN_TESTS_SIM_FED_PLUG_H
#define POSTERN_TESTS_SIM_FED_PLUG_H

#include "proto/base/buf.h"
#include "proto/link/link.h"
#include "proto/wire/msg.h"
#include "tests/sim/fed/node.h"

enum {
    FED_PLUG_HELD = 64 * 1024, /* read, and not yet given to the owner */
    FED_OUTPUT_MAX = 256 * 1024,
    FED_SLOW_MS = 30 * 1000,
    FED_IDLE_MS = 6 * 60 * 1000,
    FED_DRAIN_MS = 5 * 1000,
};

typedef enum fed_why { /* a link ended */
                       FED_WHY_PEER,
                       FED_WHY_PROTO,
                       FED_WHY_TIMEOUT,
                       FED_WHY_SLOW,
                       FED_WHY_IDLE,
                       FED_WHY_DONE, /* this end wanted it */
                       FED_WHY_IO,
                       FED_WHY_NOMEM,
                       FED_WHY_REFUSED,
                       FED_WHY_CONNECT,
                       FED_WHYS,
} fed_why;

typedef struct fed_plug fed_plug;

typedef struct fed_plug_events {
    void (*on_open)(void *owner, fed_plug *p);
    pn_err (*on_frame)(void *owner, fed_plug *p, pn_bytes frame);
    void (*on_writable)(void *owner, fed_plug *p);
    /* The last event; the plug is gone after it. */
    void (*on_closed)(void *owner, fed_plug *p, fed_why why);
} fed_plug_events;

typedef enum fed_plug_state {
    FED_PLUG_DIALLING,
    FED_PLUG_RUNNING,
    FED_PLUG_DRAINING, /* Bye was said */
    FED_PLUG_CLOSING,
} fed_plug_state;

struct fed_plug {
    fed_clock *clock;
    fed_node *node;
    const pn_env *env; /* the node's */
    fed_conn *conn;    /* NULL once closed */
    fed_side side;
    pn_link *link; /* NULL while dialling */
    fed_plug_state state;
    fed_timer timer;
    void *owner;
    const fed_plug_events *events;
    fed_why why;
    pn_err fault;
    bool was_changed; /* somebody on the way did something to the stream */
    bool open, unflushed, starved, busy, clogged, pumping;
    uint64_t resume_ms; /* mono: it is not read to before */
    uint64_t heard_ms, moved_ms, cut_ms;
    uint64_t fed; /* bytes of the peer's the link has taken */
    pn_buf held;
    /* Of a dial: */
    uint8_t relay_key[PN_LINK_KEY_BYTES];
    pn_link_offer offer;
    const pn_link_identity *self;
    size_t peer; /* the node at the other end */
};

/* `node` and `self` are borrowed for its life. NULL: no memory, for the node
 * that dials. */
fed_plug *fed_plug_dial(fed_net *net, fed_node *node, size_t to,
                        const uint8_t relay_key[PN_LINK_KEY_BYTES],
                        const pn_link_offer *offer,
                        const pn_link_identity *self,
                        const fed_plug_events *events, void *owner);
/* What answers a dial (fed_net.accept); NULL: no memory. */
fed_plug *fed_plug_accept(fed_conn *conn, fed_node *node, pn_gate *gate,
                          const fed_plug_events *events, void *owner,
                          const fed_conn_events **conn_events);
/* PN_E_FULL: on_writable() follows. Any other error ends it. */
pn_err fed_plug_send(fed_plug *p, pn_bytes frame);
void fed_plug_bye(fed_plug *p, pn_bye_reason why);
void fed_plug_close(fed_plug *p, fed_why why);
/* At once and without an event: its node has died. */
void fed_plug_kill(fed_plug **p);
void fed_plug_set_busy(fed_plug *p, bool busy);
void fed_plug_pause(fed_plug *p, uint64_t resume_ms);

/* --- between the files of a plug ------------------------------------------ */

void fed_plug_wake(fed_plug *p);
void fed_plug_fail(fed_plug *p, pn_err fault);
/* Give the owner what there is, feeding of `in` as much as it takes. */
void fed_plug_take(fed_plug *p, pn_bytes *in);
/* Do what is due. */
void fed_plug_pump(fed_plug *p);

#endif
