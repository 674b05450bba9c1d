/* The injected environment: time, randomness and the log.
 * Sans-IO cores own no clock and no generator; they call what is handed in
 * here, so that the same seed and the same events give the same effects. The
 * real one is proto/carrier/sysenv.h, the simulated one tests/support/simenv.h.
 * Thread rule: an environment is used by one thread at a time unless its
 * maker says otherwise.
 */
#ifndef POSTERN_PROTO_BASE_ENV_H
#define POSTERN_PROTO_BASE_ENV_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

typedef enum pn_log_level {
    PN_LOG_DEBUG,
    PN_LOG_INFO,
    PN_LOG_WARN,
    PN_LOG_ERROR,
} pn_log_level;

typedef struct pn_env {
    void *ctx;
    /* Milliseconds on a clock that never goes back; its zero means nothing. */
    uint64_t (*mono_ms)(void *ctx);
    /* Milliseconds since 1970-01-01 UTC; may jump either way. */
    uint64_t (*wall_ms)(void *ctx);
    /* Fill out[0..len) from a cryptographic generator. PN_E_RANDOM if the
     * system gives none: the caller must then stop what it was doing. */
    PN_MUST_USE pn_err (*random)(void *ctx, uint8_t *out, size_t len);
    /* Take one line without newline. No secrets, no addresses, no ids. May be
     * NULL for silence. */
    void (*log)(void *ctx, pn_log_level level, const char *line);
} pn_env;

uint64_t pn_mono_ms(const pn_env *env);
uint64_t pn_wall_ms(const pn_env *env);
PN_MUST_USE pn_err pn_random(const pn_env *env, uint8_t *out, size_t len);
/* A uniform number in 0..bound-1, bound > 0. */
PN_MUST_USE pn_err pn_random_below(const pn_env *env, uint32_t bound,
                                   uint32_t *out);
/* Format one log line; cut at 512 bytes. */
void pn_log(const pn_env *env, pn_log_level level, const char *fmt, ...)
    PN_PRINTF(3, 4);

#endif
