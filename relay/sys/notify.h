/* Telling the service manager: the sd_notify(3) protocol, spoken by hand.
 * One datagram of NAME=VALUE lines to the Unix socket named by $NOTIFY_SOCKET.
 * Without that variable every call does nothing and succeeds.
 */
#ifndef POSTERN_RELAY_SYS_NOTIFY_H
#define POSTERN_RELAY_SYS_NOTIFY_H

#include "proto/base/err.h"

/* Send `state`, such as "READY=1" or "STOPPING=1". PN_E_ARG if the variable
 * names no usable socket, PN_E_IO with errno. */
PN_MUST_USE pn_err rl_notify(const char *state);
/* "RELOADING=1" with the clock the protocol wants beside it. */
PN_MUST_USE pn_err rl_notify_reloading(void);

#endif
