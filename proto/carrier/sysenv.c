#include "proto/carrier/sysenv.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

/* Of the calendar some milliseconds are enough, and that clock is cheap. */
#ifdef CLOCK_REALTIME_COARSE
#define WALL CLOCK_REALTIME_COARSE
#else
#define WALL CLOCK_REALTIME
#endif

static uint64_t read_clock(clockid_t id)
{
    struct timespec t = { 0 };
    (void)clock_gettime(id, &t); /* cannot fail for these two clocks */
    return (uint64_t)t.tv_sec * 1000U + (uint64_t)t.tv_nsec / 1000000U;
}

static uint64_t sys_mono(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_MONOTONIC);
}

static uint64_t sys_wall(void *ctx)
{
    (void)ctx;
    return read_clock(WALL);
}

static pn_err sys_random(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    while (len > 0) {
        const ssize_t n = getrandom(out, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return PN_E_RANDOM;
        out += n;
        len -= (size_t)n;
    }
    return PN_OK;
}

pn_env pn_sysenv(void (*log)(void *ctx, pn_log_level level, const char *line),
                 void *ctx)
{
    return (pn_env){ .ctx = ctx,
                     .mono_ms = sys_mono,
                     .wall_ms = sys_wall,
                     .random = sys_random,
                     .log = log };
}
