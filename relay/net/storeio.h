/* Between the loop and the store: wakes the loop when results are ready, and
 * closes a batch once per turn of the loop, so that whatever came in together
 * is committed together.
 * Thread rule: the loop's thread, but for the notification, which may come from
 * any.
 */
#ifndef POSTERN_RELAY_NET_STOREIO_H
#define POSTERN_RELAY_NET_STOREIO_H

#include <uv.h>

#include "relay/store/store.h"

typedef struct rl_storeio {
    uv_async_t ready; /* the store has results */
    uv_check_t turn;  /* after the turn's input: flush */
    uv_idle_t nudge;  /* active while something waits for that */
    uv_timer_t rest;  /* runs when the store was last heard of */
    rl_store *store;  /* owned; NULL until rl_storeio_attach() */
    rl_store_result_fn *result;
    void *ctx;
    unsigned open_handles;
    void (*on_closed)(void *ctx);
} rl_storeio;

/* Results go to `result`. PN_E_IO. */
PN_MUST_USE pn_err rl_storeio_init(rl_storeio *io, uv_loop_t *loop,
                                   rl_store_result_fn *result, void *ctx);
/* What a store is to be opened with: rl_storeio_notify and the rl_storeio. */
void rl_storeio_notify(void *ctx);
/* Take the opened store. */
void rl_storeio_attach(rl_storeio *io, rl_store *store);
/* As rl_store_submit(); the batch is closed later in this turn. PN_E_STATE
 * without a store. */
PN_MUST_USE pn_err rl_storeio_submit(rl_storeio *io, const rl_op *op);
/* Commit what was submitted, close the store and the handles; `on_closed`
 * follows from the loop, with the ctx of init. No result comes any more. */
void rl_storeio_stop(rl_storeio *io, void (*on_closed)(void *ctx));

#endif
