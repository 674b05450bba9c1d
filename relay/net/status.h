/* What the running relay tells its operator: numbers, no names.
 */
#ifndef POSTERN_RELAY_NET_STATUS_H
#define POSTERN_RELAY_NET_STATUS_H

#include "proto/base/json.h"
#include "relay/net/server.h"

/* Add the members of a status answer to *j. */
void rl_status_write(pn_json *j, const rl_server *s, const char *address,
                     const char *operator_name);

/* The same of a stats answer: what was counted since the start, of all clients
 * together, and how long commits took. */
void rl_stats_write(pn_json *j, const rl_server *s);

#endif
