/* One link on one libuv stream: carries bytes between a socket and a pn_link,
 * keeps its deadlines, and closes once.
 *
 * Events come from the loop, never from inside a call on the link, and may
 * themselves call anything here. After pn_uvlink_close() the only event left
 * is on_closed, which comes exactly once; the link is freed when it returns.
 * A link a listener accepted that never finished its handshake is not
 * announced at all: a stranger costs the application nothing.
 *
 * Backpressure. Towards the peer: pn_uvlink_send() says PN_E_FULL at the
 * bound, its own or its share of the hub's; on_writable says when to go on.
 * From the peer: the link stops reading while the application is busy
 * (pn_uvlink_set_busy()); an accepted one also while its peer does not take our
 * answers. A dialled one goes on reading: if both ends stopped, they could wait
 * for each other. Thread rule: the loop's thread.
 */
#ifndef POSTERN_PROTO_CARRIER_UVLINK_H
#define POSTERN_PROTO_CARRIER_UVLINK_H

#include "proto/carrier/uvhub.h"
#include "proto/link/link.h"
#include "proto/wire/address.h"

typedef struct pn_uvlink pn_uvlink;

/* Any of them may be NULL but on_frame. The table is borrowed for the life of
 * the links that use it. `ctx` is what dial or the listener was given, or what
 * pn_uvlink_set_ctx() put in its place. */
typedef struct pn_uvlink_events {
    /* The handshake is done; frames may be sent. */
    void (*on_open)(void *ctx, pn_uvlink *link);
    /* One frame, borrowed for the call. A fault (negative) closes the link,
     * PN_E_NOMEM as PN_CLOSE_NOMEM, PN_E_PROTO and most as PN_CLOSE_PROTO. */
    pn_err (*on_frame)(void *ctx, pn_uvlink *link, pn_bytes frame);
    /* There is room again after pn_uvlink_send() said PN_E_FULL. */
    void (*on_writable)(void *ctx, pn_uvlink *link);
    /* The end; `link` is freed when this returns. */
    void (*on_closed)(void *ctx, pn_uvlink *link, pn_close_reason reason);
} pn_uvlink_events;

/* Start a link over TCP to `address` (copied): resolve its host, try all its
 * addresses in turn, shake hands. Whatever fails later ends in on_closed; a
 * bad offer or relay key shows there too, as PN_CLOSE_PROTO with its fault.
 * `offer` is copied. `self` is NULL for a client or this relay's identity,
 * borrowed until on_closed, for a rollover needs it again. PN_E_NOMEM;
 * PN_E_STATE when the hub is stopping. The link owns itself; *out is valid
 * until its on_closed. */
PN_MUST_USE pn_err pn_uvlink_dial(pn_uvlink **out, pn_uvhub *hub,
                                  const pn_address *address,
                                  const pn_link_offer *offer,
                                  const pn_link_identity *self,
                                  const pn_uvlink_events *events, void *ctx);
/* The same over a connected stream socket `fd` (any family; socketpair too),
 * taken only on success. Errors of pn_link_dial() besides, PN_E_IO if libuv
 * does not want the socket. */
PN_MUST_USE pn_err pn_uvlink_dial_fd(pn_uvlink **out, pn_uvhub *hub, int fd,
                                     const uint8_t relay_key[PN_LINK_KEY_BYTES],
                                     const pn_link_offer *offer,
                                     const pn_link_identity *self,
                                     const pn_uvlink_events *events, void *ctx);
/* Be the relay on a connected stream socket `fd`, taken only on success.
 * `gate` is borrowed for the life of the link. Errors as above. Unlike a
 * listener's, this link is announced in on_closed whatever becomes of it. */
PN_MUST_USE pn_err pn_uvlink_accept_fd(pn_uvlink **out, pn_uvhub *hub, int fd,
                                       pn_gate *gate,
                                       const pn_uvlink_events *events,
                                       void *ctx);

/* Queue one frame; copies it. Frames sent in one turn of the loop share
 * records. PN_E_FULL (nothing taken; on_writable follows), PN_E_STATE when not
 * open or closing, PN_E_ARG for a bad length, PN_E_NOMEM. */
PN_MUST_USE pn_err pn_uvlink_send(pn_uvlink *link, pn_bytes frame);
/* Encode and queue one message. Errors as above and of pn_msg_encode(); only
 * for messages that fit PN_MSG_SMALL_MAX. */
PN_MUST_USE pn_err pn_uvlink_send_msg(pn_uvlink *link, const pn_msg *msg);
/* The application keeps so many more bytes for this peer, which did not fit:
 * they count for the hub's output_total. */
void pn_uvlink_owe_besides(pn_uvlink *link, size_t bytes);
/* While busy no on_frame comes and nothing is read. Takes effect at once, also
 * from inside on_frame. */
void pn_uvlink_set_busy(pn_uvlink *link, bool busy);

/* Say Bye, give the peer drain_ms to take what is queued, then close with
 * PN_CLOSE_SHUTDOWN. No further on_frame. On a link that is not open this is
 * pn_uvlink_close(). Idempotent. */
void pn_uvlink_bye(pn_uvlink *link, pn_bye_reason why);
/* Close now; on_closed follows with the first reason given. Idempotent. */
void pn_uvlink_close(pn_uvlink *link, pn_close_reason reason);

void pn_uvlink_set_ctx(pn_uvlink *link, void *ctx);
void *pn_uvlink_ctx(const pn_uvlink *link);
pn_uvhub *pn_uvlink_hub(const pn_uvlink *link);
/* Terms, binding, role and the peer's static key are read from here; borrowed
 * until on_closed returns. NULL until a dialled link is connected. */
const pn_link *pn_uvlink_link(const pn_uvlink *link);
bool pn_uvlink_is_open(const pn_uvlink *link);
/* The fault behind PN_CLOSE_PROTO or PN_CLOSE_NOMEM, in on_closed: PN_E_PROTO,
 * PN_E_CRYPTO, PN_E_VERSION... PN_OK where the reason says all. */
pn_err pn_uvlink_fault(const pn_uvlink *link);
/* The tag the listener's admit() gave this link; 0 for others. */
uint64_t pn_uvlink_tag(const pn_uvlink *link);

#endif
