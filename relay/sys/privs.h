/* What the process gives up before it talks to anybody. */
#ifndef POSTERN_RELAY_SYS_PRIVS_H
#define POSTERN_RELAY_SYS_PRIVS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/err.h"

/* First thing in the program: give standard streams that were closed by whoever
 * started it to /dev/null, or the next file opened, an identity or a peer's
 * socket, would take their number and our messages. PN_E_IO with errno. */
PN_MUST_USE pn_err rl_privs_open_streams(void);
/* First thing in any command that handles the identity: umask 077, no core
 * dump, not attachable by other processes of the same user, no new privileges
 * by exec. PN_E_IO with errno. */
PN_MUST_USE pn_err rl_privs_drop(void);
/* Raise the limit on open files to what is allowed, and say what it is. */
uint64_t rl_privs_open_files(void);
/* Last thing before serving: allow only the system calls a relay needs, every
 * other one fails with EPERM. *on says whether a filter is in place: not in
 * builds without libseccomp or with a sanitizer, nor under valgrind. PN_E_IO if
 * the kernel refuses the filter. */
PN_MUST_USE pn_err rl_sandbox_enter(bool *on);

#endif
