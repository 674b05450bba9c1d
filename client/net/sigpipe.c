#include "client/net/sigpipe.h"

#include <stddef.h>
#include <time.h>

bool cl_sigpipe_hold(cl_sigpipe *s)
{
    sigset_t pipe, pending;
    (void)sigemptyset(&pipe);
    (void)sigaddset(&pipe, SIGPIPE);
    if (sigpending(&pending) != 0)
        return false;
    s->was_pending = sigismember(&pending, SIGPIPE) == 1;
    return pthread_sigmask(SIG_BLOCK, &pipe, &s->before) == 0;
}

void cl_sigpipe_release(const cl_sigpipe *s)
{
    const struct timespec now = { 0, 0 };
    sigset_t pipe;
    (void)sigemptyset(&pipe);
    (void)sigaddset(&pipe, SIGPIPE);
    if (!s->was_pending)
        while (sigtimedwait(&pipe, NULL, &now) == SIGPIPE)
            ;
    (void)pthread_sigmask(SIG_SETMASK, &s->before, NULL);
}
