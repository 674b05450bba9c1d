/* The relay's log: one line each to stderr, from the level the operator chose.
 * Under journald (which sets $JOURNAL_STREAM) a line begins with its priority,
 * elsewhere with the time in UTC. No caller passes an address or an id.
 * Thread rule: any thread once set up.
 */
#ifndef POSTERN_RELAY_SYS_LOG_H
#define POSTERN_RELAY_SYS_LOG_H

#include <stdbool.h>

#include "proto/base/env.h"

typedef struct rl_log {
    pn_log_level level; /* lines below it are dropped */
    bool json;          /* one object per line */
    bool journal;       /* journald reads stderr */
    bool muted;         /* for a moment: a command explains itself */
} rl_log;

/* A log that looks at the environment for journald. */
rl_log rl_log_init(pn_log_level level, bool json);
/* The sink for pn_sysenv(); ctx is the rl_log. */
void rl_log_line(void *ctx, pn_log_level level, const char *line);

#endif
