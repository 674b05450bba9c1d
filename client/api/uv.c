/* A client on a loop of the caller's: its own loop's descriptor is watched
 * there, and its deadline is a timer there. */
#include <stdlib.h>

#include "client/api/client.h"
#include "client/include/postern/uv.h"
#include "proto/base/mem.h"

typedef struct attachment {
    postern_client *client;
    uv_poll_t poll;
    uv_timer_t timer;
    uv_prepare_t prepare;
    unsigned handles; /* still to close */
    void (*on_ready)(void *ctx);
    void *ctx;
    void (*on_detached)(void *ctx);
    void *detached_ctx;
} attachment;

static void work(attachment *a)
{
    (void)!postern_dispatch(a->client);
    if (a->on_ready != NULL)
        a->on_ready(a->ctx);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    work(poll->data);
}

static void on_timer(uv_timer_t *timer)
{
    work(timer->data);
}

/* Before each wait: the deadline may have moved by any call. */
static void on_prepare(uv_prepare_t *prepare)
{
    attachment *a = prepare->data;
    const int timeout = postern_timeout(a->client);
    if (timeout < 0)
        (void)uv_timer_stop(&a->timer);
    else
        (void)uv_timer_start(&a->timer, on_timer, (uint64_t)timeout, 0);
}

int postern_uv_attach(postern_client *client, uv_loop_t *loop,
                      void (*on_ready)(void *ctx), void *ctx)
{
    attachment *a;
    if (client == NULL || loop == NULL)
        return POSTERN_E_ARG;
    if (client->loop != NULL || postern_fd(client) < 0)
        return cl_fail(client, POSTERN_E_STATE,
                       "the client has a thread or a loop already: open it "
                       "with POSTERN_DRIVE_POLL");
    a = pn_alloc(1, sizeof *a);
    if (a == NULL)
        return cl_done(client, PN_E_NOMEM, "attaching");
    if (uv_poll_init(loop, &a->poll, postern_fd(client)) != 0) {
        pn_free(a);
        return cl_done(client, PN_E_IO, "watching the client's descriptor");
    }
    (void)uv_timer_init(loop, &a->timer); /* these cannot fail */
    (void)uv_prepare_init(loop, &a->prepare);
    a->client = client;
    a->on_ready = on_ready;
    a->ctx = ctx;
    a->handles = 3;
    a->poll.data = a->timer.data = a->prepare.data = a;
    (void)uv_poll_start(&a->poll, UV_READABLE, on_poll);
    (void)uv_prepare_start(&a->prepare, on_prepare);
    (void)uv_timer_start(&a->timer, on_timer, 0, 0);
    client->loop = a;
    return POSTERN_OK;
}

static void on_closed(uv_handle_t *handle)
{
    attachment *a = handle->data;
    if (--a->handles > 0)
        return;
    if (a->on_detached != NULL)
        a->on_detached(a->detached_ctx);
    pn_free(a);
}

int postern_uv_detach(postern_client *client, void (*on_detached)(void *ctx),
                      void *ctx)
{
    attachment *a;
    if (client == NULL)
        return POSTERN_E_ARG;
    a = client->loop;
    if (a == NULL)
        return cl_fail(client, POSTERN_E_STATE, "the client is on no loop");
    client->loop = NULL;
    a->on_detached = on_detached;
    a->detached_ctx = ctx;
    uv_close((uv_handle_t *)&a->poll, on_closed);
    uv_close((uv_handle_t *)&a->timer, on_closed);
    uv_close((uv_handle_t *)&a->prepare, on_closed);
    return POSTERN_OK;
}
