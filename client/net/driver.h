/* Drives an engine over the network: one libuv loop, one link for each relay
 * the engine dials, the engine pumped before every wait.
 *
 * The loop runs on a thread of its own, or whenever the caller dispatches. The
 * engine and its store are behind one lock: callers hold it between
 * cl_driver_lock() and cl_driver_unlock(), the loop while it feeds or pumps.
 * Nobody waits for the network with the lock held.
 * Thread rule: any thread, but cl_driver_free(), which must be the last.
 */
#ifndef POSTERN_CLIENT_NET_DRIVER_H
#define POSTERN_CLIENT_NET_DRIVER_H

#include "client/core/engine.h"

typedef enum cl_drive {
    CL_DRIVE_THREAD, /* a thread of ours */
    CL_DRIVE_POLL,   /* cl_driver_dispatch() */
} cl_drive;

typedef struct cl_driver cl_driver;

/* Open the engine on `store` and start to drive it. `env` is borrowed for the
 * driver's life, `store` copied. Errors of cl_engine_open(); PN_E_IO when the
 * system gives no loop or thread, PN_E_NOMEM. */
PN_MUST_USE pn_err cl_driver_new(cl_driver **out, const pn_env *env,
                                 const cl_store *store, cl_drive drive,
                                 bool offline);
/* Watch the directory of the store, once: when something changes in it and
 * has_gone() says that the store is no more, the engine loses what it has in
 * memory, and waits end with PN_E_CLOSED. has_gone() is called with the lock
 * held. PN_E_NOMEM. */
PN_MUST_USE pn_err cl_driver_watch(cl_driver *d, const char *dir,
                                   bool (*has_gone)(void *ctx), void *ctx);
/* Whether that has happened; looks. Not with the lock held. */
bool cl_driver_is_gone(cl_driver *d);
/* Leave the relays (a second at most), free the engine. NULL is fine. */
void cl_driver_free(cl_driver **d);

/* The engine, locked. Its sink is never called between lock and unlock by the
 * caller's own commands; the loop is told to pump at unlock. */
cl_engine *cl_driver_lock(cl_driver *d);
void cl_driver_unlock(cl_driver *d);

/* Without a thread: the descriptor, the time to the next dispatch (-1 never),
 * and one turn of the loop. With one: -1, -1, PN_E_STATE. */
int cl_driver_fd(cl_driver *d);
int cl_driver_timeout(cl_driver *d);
PN_MUST_USE pn_err cl_driver_dispatch(cl_driver *d);

/* Call `check` under the lock until it says something else than PN_MORE, at
 * most timeout_ms; runs the loop itself if there is no thread. PN_E_TIMEOUT,
 * also after cl_driver_interrupt(); PN_E_CLOSED if the store is gone; else what
 * `check` said. */
PN_MUST_USE pn_err cl_driver_wait(cl_driver *d, uint32_t timeout_ms,
                                  pn_err (*check)(void *ctx, cl_engine *e),
                                  void *ctx);
/* End the present wait, or the next. Also from a signal handler. */
void cl_driver_interrupt(cl_driver *d);

#endif
