/* Drive a client from a loop of the program's own. An addition to postern.h for
 * programs that use libuv; the library needs no other header for it.
 * Thread rule: both functions on the loop's thread.
 */
#ifndef POSTERN_UV_H
#define POSTERN_UV_H

#include <postern/postern.h>
#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Let `loop` do the client's work from now on. The client was opened with
 * POSTERN_DRIVE_POLL; its handles keep the loop alive until they are detached.
 * on_ready (may be NULL) is called on the loop when something happened and
 * postern_next_event(client, 0, ...) may have events; it may call any function
 * but postern_uv_detach() and postern_close(). STATE if the client has a
 * thread or a loop already; SYSTEM, NOMEM. */
POSTERN_API POSTERN_MUST_USE int postern_uv_attach(postern_client *client,
                                                   uv_loop_t *loop,
                                                   void (*on_ready)(void *ctx),
                                                   void *ctx);
/* Take the client off its loop. on_detached (may be NULL) is called on the loop
 * when its handles are gone; only then may the client be closed. STATE if it is
 * on none. */
POSTERN_API POSTERN_MUST_USE int
postern_uv_detach(postern_client *client, void (*on_detached)(void *ctx),
                  void *ctx);

#ifdef __cplusplus
}
#endif

#endif
