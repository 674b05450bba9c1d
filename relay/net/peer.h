/* One open link of the server: carries frames between its uvlink and its
 * session, and effects back. Exists from the end of the handshake to the end
 * of the link; a stranger has none.
 *
 * A first handshake message can be recorded and sent again by anybody, and it
 * is the only one a client sends: an open link proves nothing yet. So until
 * its first frame, which nobody can forge, a peer counts as still shaking
 * hands, and it has the time of a handshake to send one.
 */
#ifndef POSTERN_RELAY_NET_PEER_H
#define POSTERN_RELAY_NET_PEER_H

#include "relay/net/server.h"

/* For listeners whose links get the server as their context. */
extern const pn_uvlink_events rl_peer_events;

#endif
