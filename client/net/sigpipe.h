/* libuv writes with write(2), and a library must not change what SIGPIPE does
 * to its program: hold the signal back on this thread while the loop runs, and
 * take away the one we may have caused before letting others through again.
 * Thread rule: both calls on the same thread.
 */
#ifndef POSTERN_CLIENT_NET_SIGPIPE_H
#define POSTERN_CLIENT_NET_SIGPIPE_H

#include <signal.h>
#include <stdbool.h>

typedef struct cl_sigpipe {
    sigset_t before;
    bool was_pending;
} cl_sigpipe;

/* False if the system refuses. */
bool cl_sigpipe_hold(cl_sigpipe *s);
void cl_sigpipe_release(const cl_sigpipe *s);

#endif
