/* HOST:PORT, as the configuration and the command line write it.
 * A listening endpoint is numeric (127.0.0.1:7717 or [::1]:7717): a relay must
 * not depend on a name service to start. An advertised one may be a name.
 */
#ifndef POSTERN_RELAY_SYS_ENDPOINT_H
#define POSTERN_RELAY_SYS_ENDPOINT_H

#include <stdbool.h>
#include <sys/socket.h>

#include "proto/base/err.h"

enum {
    RL_ENDPOINT_MAX = 272, /* bytes of "HOST:PORT", its NUL included */
    RL_PORT_DEFAULT = 7717
};

/* Whether `text` has the form HOST:PORT with a host name (RFC 1123 letters),
 * an IPv4 address or a bracketed IPv6 address, and a port 1..65535. */
bool rl_endpoint_ok(const char *text);
/* Read a numeric endpoint. Port 0 is understood ("any free one").
 * PN_E_PROTO if it is anything else. */
PN_MUST_USE pn_err rl_endpoint_parse(const char *text,
                                     struct sockaddr_storage *out);
/* Write the endpoint of `addr` to out, which holds RL_ENDPOINT_MAX. */
void rl_endpoint_format(const struct sockaddr_storage *addr, char *out);
/* Whether it stands for every address of the machine (0.0.0.0, [::]), which no
 * client can dial. */
bool rl_endpoint_is_any(const struct sockaddr_storage *addr);

#endif
