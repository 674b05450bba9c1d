/* Preloaded: the wall clock is off by POSTERN_CLOCK_SHIFT seconds. */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

static bool is_wall(clockid_t id)
{
#ifdef CLOCK_REALTIME_COARSE
    if (id == CLOCK_REALTIME_COARSE)
        return true;
#endif
    return id == CLOCK_REALTIME;
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t id,
                                                         struct timespec *out)
{
    typedef int get_fn(clockid_t, struct timespec *);
    static get_fn *real;
    const char *shift = getenv("POSTERN_CLOCK_SHIFT");
    int result;
    if (real == NULL)
        /* POSIX lets a function be found so; C does not know how. */
        *(void **)(void *)&real = dlsym(RTLD_NEXT, "clock_gettime");
    result = real(id, out);
    if (result == 0 && is_wall(id) && shift != NULL)
        out->tv_sec += strtol(shift, NULL, 10);
    return result;
}
