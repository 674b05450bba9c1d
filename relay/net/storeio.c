#include "relay/net/storeio.h"

/* A store at rest has some housekeeping left, such as to note that the last
 * commit was durable: it is called once more when it has been quiet. */
enum {
    REST_MS = 100,
    LOW_MS = 5000 /* between two looks at a disk that is full */
};

static void drain(rl_storeio *io)
{
    if (io->store != NULL)
        (void)rl_store_drain(io->store, io->result, io->ctx);
}

/* Space that is there again is noticed without any mail, which clients put off
 * for as long as they are refused. */
static void on_rest(uv_timer_t *handle)
{
    rl_storeio *io = handle->data;
    rl_store_stats stats;
    drain(io);
    if (io->store == NULL)
        return;
    rl_store_stats_get(io->store, &stats);
    if (stats.disk_low)
        (void)uv_timer_start(handle, on_rest, LOW_MS, 0);
}

static void on_ready(uv_async_t *handle)
{
    rl_storeio *io = handle->data;
    drain(io);
    (void)uv_timer_start(&io->rest, on_rest, REST_MS, 0);
}

static void on_nudge(uv_idle_t *handle)
{
    (void)handle; /* only keeps the loop from sleeping before the flush */
}

static void on_turn(uv_check_t *handle)
{
    rl_storeio *io = handle->data;
    (void)uv_check_stop(&io->turn);
    (void)uv_idle_stop(&io->nudge);
    if (io->store != NULL)
        rl_store_flush(io->store);
}

pn_err rl_storeio_init(rl_storeio *io, uv_loop_t *loop,
                       rl_store_result_fn *result, void *ctx)
{
    *io = (rl_storeio){ .result = result, .ctx = ctx };
    if (uv_async_init(loop, &io->ready, on_ready) != 0)
        return PN_E_IO;
    /* These cannot fail. */
    (void)uv_timer_init(loop, &io->rest);
    (void)uv_check_init(loop, &io->turn);
    (void)uv_idle_init(loop, &io->nudge);
    io->rest.data = io;
    io->ready.data = io;
    io->turn.data = io;
    io->nudge.data = io;
    io->open_handles = 4;
    return PN_OK;
}

void rl_storeio_notify(void *ctx)
{
    rl_storeio *io = ctx;
    (void)uv_async_send(&io->ready);
}

void rl_storeio_attach(rl_storeio *io, rl_store *store)
{
    io->store = store;
}

pn_err rl_storeio_submit(rl_storeio *io, const rl_op *op)
{
    if (io->store == NULL)
        return PN_E_STATE;
    PN_TRY(rl_store_submit(io->store, op));
    if (!uv_is_active((const uv_handle_t *)&io->turn)) {
        (void)uv_check_start(&io->turn, on_turn);
        (void)uv_idle_start(&io->nudge, on_nudge);
    }
    return PN_OK;
}

static void on_handle_closed(uv_handle_t *handle)
{
    rl_storeio *io = handle->data;
    if (--io->open_handles == 0)
        io->on_closed(io->ctx);
}

void rl_storeio_stop(rl_storeio *io, void (*on_closed)(void *ctx))
{
    rl_store_close(&io->store); /* after this no notification comes */
    io->on_closed = on_closed;
    uv_close((uv_handle_t *)&io->rest, on_handle_closed);
    uv_close((uv_handle_t *)&io->ready, on_handle_closed);
    uv_close((uv_handle_t *)&io->turn, on_handle_closed);
    uv_close((uv_handle_t *)&io->nudge, on_handle_closed);
}
