/* The store in a relay's directory, as the configuration wants it. */
#ifndef POSTERN_RELAY_CMD_STORE_H
#define POSTERN_RELAY_CMD_STORE_H

#include "relay/store/store_log.h"
#include "relay/sys/config.h"

/* What must outlive an opened store. Zero-initialise it. */
typedef struct rl_opened_store {
    rl_fs fs;
    bool has_fs;
    const pn_env *env;
} rl_opened_store;

/* Bounds and sizes from the configuration; the rest as by default. */
void rl_store_config(rl_log_config *out, const rl_config *config);
/* Open DIR/store, making it where there is none yet. Errors as
 * rl_store_log_open(); what was found wrong is logged to `env`. */
PN_MUST_USE pn_err rl_store_open_dir(rl_opened_store *s, const char *dir,
                                     const rl_config *config, const pn_env *env,
                                     rl_store_notify_fn *notify,
                                     void *notify_ctx, rl_store **out);
/* After the store was closed. */
void rl_opened_store_free(rl_opened_store *s);

#endif
