/* The relay's directory: where it is, what is in it, and who holds it.
 *   relay.conf     configuration (config.h)
 *   identity.key   the relay's secret (identity.h)
 *   peers          relays of the federation (peers.h)
 *   onion/         onion keys (onion_files.h)
 *   descriptor     what the relay says of itself (net/self.h)
 *   known/         what other relays say of themselves
 *   lock           held while a daemon, or an init, works here
 *   store/         queues and mail (store/store_log.h)
 *   control.sock   the running daemon's control socket (net/control.h)
 */
#ifndef POSTERN_RELAY_SYS_DIR_H
#define POSTERN_RELAY_SYS_DIR_H

#include <stddef.h>

#include "proto/base/err.h"

#define RL_FILE_CONFIG "relay.conf"
#define RL_FILE_IDENTITY "identity.key"
#define RL_FILE_PEERS "peers"
#define RL_FILE_LOCK "lock"
#define RL_DIR_STORE "store"
#define RL_FILE_CONTROL "control.sock"

enum { RL_PATH_MAX = 1024 };

/* `chosen` if not NULL, else the first of $STATE_DIRECTORY (which systemd
 * sets), else /var/lib/postern. PN_E_ARG if it is empty or too long. */
PN_MUST_USE pn_err rl_dir_find(const char *chosen, char out[RL_PATH_MAX]);
/* dir/name. PN_E_ARG if it does not fit. */
PN_MUST_USE pn_err rl_dir_path(const char *dir, const char *name, char *out,
                               size_t cap);
/* Make the directory (mode 0700) and its missing parents; an existing one is
 * fine. PN_E_IO with errno. */
PN_MUST_USE pn_err rl_dir_make(const char *dir);
/* Take the lock, held until the process ends or closes *fd. PN_E_EXISTS if
 * another process holds it, PN_E_IO with errno. */
PN_MUST_USE pn_err rl_dir_lock(const char *dir, int *fd);

#endif
