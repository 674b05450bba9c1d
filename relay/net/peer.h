/* One open link of the server: carries frames between its uvlink and its
 * session, and effects back. Exists from the end of the handshake to the end
 * of the link; a stranger has none.
 */
#ifndef POSTERN_RELAY_NET_PEER_H
#define POSTERN_RELAY_NET_PEER_H

#include "relay/net/server.h"

/* For listeners whose links get the server as their context. */
extern const pn_uvlink_events rl_peer_events;
/* How the core reaches its links and the store. */
rl_sink rl_peer_sink(rl_server *s);

#endif
