/* The real environment: the system's clocks and generator, and a log that goes
 * to a callback. Thread rule: any thread, if `log` may be called from any. */
#ifndef POSTERN_PROTO_CARRIER_SYSENV_H
#define POSTERN_PROTO_CARRIER_SYSENV_H

#include "proto/base/env.h"

/* CLOCK_MONOTONIC, CLOCK_REALTIME and getrandom(2). `log` may be NULL for
 * silence; it is called with `ctx`, both borrowed for the life of the
 * environment. */
pn_env pn_sysenv(void (*log)(void *ctx, pn_log_level level, const char *line),
                 void *ctx);

#endif
