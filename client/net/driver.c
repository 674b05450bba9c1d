#include "client/net/driver.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "client/net/sigpipe.h"
#include "proto/base/list.h"
#include "proto/base/mem.h"
#include "proto/carrier/uvlink.h"

enum { LEAVE_MS = 1000, TICK_MS = 20, RETRY_MS = 1000 };

/* One link, from the dial to its end. It is its own until on_closed. */
typedef struct wire {
    pn_node in_driver;
    cl_driver *driver;
    uint32_t relay; /* 0: nobody's any more */
    pn_uvlink *link;
} wire;

struct cl_driver {
    uv_loop_t loop;
    uv_async_t wake;
    uv_prepare_t prepare;
    uv_timer_t deadline;
    uv_timer_t limit; /* of a wait that runs the loop itself */
    uv_fs_event_t watch;
    pn_uvhub *hub;
    const pn_env *env;
    cl_engine *engine;
    cl_drive drive;
    pthread_t thread;
    bool has_thread;
    bool loop_ready;
    bool stopping; /* the loop is coming to its end */
    pn_node wires;
    pthread_mutex_t lock;    /* engine, store, wires, what follows */
    pthread_mutex_t running; /* the loop, if there is no thread */
    pthread_cond_t changed;
    bool closing;
    char *home;                  /* owned; to be watched, or NULL */
    bool (*has_gone)(void *ctx); /* what was in it */
    void *has_gone_ctx;
    bool is_watching;
    bool is_gone;
    atomic_bool interrupted;
    pn_msg_scratch scratch;
    uint8_t frame[PN_MSG_MAX];
};

/* --- links: on the loop, locked where they touch the engine ------------- */

static void on_open(void *ctx, pn_uvlink *link)
{
    const wire *w = ctx;
    cl_driver *d = w->driver;
    (void)pthread_mutex_lock(&d->lock);
    if (w->relay != 0)
        cl_engine_link_open(d->engine, w->relay,
                            pn_link_binding(pn_uvlink_link(link)));
    (void)pthread_mutex_unlock(&d->lock);
}

static pn_err on_frame(void *ctx, pn_uvlink *link, pn_bytes frame)
{
    const wire *w = ctx;
    cl_driver *d = w->driver;
    pn_msg msg;
    pn_err err = pn_msg_decode(&msg, &d->scratch, frame);
    if (err == PN_OK && msg.kind == PN_MSG_BYE) {
        pn_uvlink_close(link, PN_CLOSE_PEER);
    } else if (err == PN_OK && w->relay != 0) {
        (void)pthread_mutex_lock(&d->lock);
        err = cl_engine_msg(d->engine, w->relay, &msg);
        (void)pthread_mutex_unlock(&d->lock);
    }
    pn_msg_scratch_release(&d->scratch);
    return err;
}

static void on_writable(void *ctx, pn_uvlink *link)
{
    const wire *w = ctx;
    (void)link;
    (void)pthread_mutex_lock(&w->driver->lock);
    if (w->relay != 0)
        cl_engine_writable(w->driver->engine, w->relay);
    (void)pthread_mutex_unlock(&w->driver->lock);
}

/* What a person is told. */
static const char *why_of(pn_close_reason reason, pn_err fault)
{
    switch (reason) {
    case PN_CLOSE_RESOLVE:
        return "its name has no address";
    case PN_CLOSE_CONNECT:
        return "it cannot be connected to";
    case PN_CLOSE_TIMEOUT:
    case PN_CLOSE_SLOW:
    case PN_CLOSE_IDLE:
        return "it does not answer";
    case PN_CLOSE_PROTO:
        if (fault == PN_E_VERSION)
            return "it speaks another version";
        return fault == PN_E_CRYPTO ? "it does not hold the relay's key"
                                    : "it breaks the protocol";
    case PN_CLOSE_PEER:
    case PN_CLOSE_IO:
        return "it ended the link";
    case PN_CLOSE_NOMEM:
        return "out of memory";
    case PN_CLOSE_SHUTDOWN:
    case PN_CLOSE_REFUSED:
    case PN_CLOSE_REASONS:
        break;
    }
    return "closed";
}

static void on_closed(void *ctx, pn_uvlink *link, pn_close_reason reason)
{
    wire *w = ctx;
    cl_driver *d = w->driver;
    (void)pthread_mutex_lock(&d->lock);
    if (w->relay != 0)
        cl_engine_link_closed(d->engine, w->relay,
                              why_of(reason, pn_uvlink_fault(link)));
    pn_list_remove(&w->in_driver);
    (void)pthread_mutex_unlock(&d->lock);
    pn_free(w);
}

static const pn_uvlink_events link_events = { .on_open = on_open,
                                              .on_frame = on_frame,
                                              .on_writable = on_writable,
                                              .on_closed = on_closed };

/* --- the engine's sink: on the loop, locked ----------------------------- */

static wire *find(cl_driver *d, uint32_t relay)
{
    for (pn_node *n = d->wires.next; n != &d->wires; n = n->next) {
        wire *w = PN_ENTRY(n, wire, in_driver);
        if (w->relay == relay)
            return w;
    }
    return NULL;
}

static void dial(void *ctx, uint32_t relay, const pn_address *address)
{
    cl_driver *d = ctx;
    const pn_link_offer offer = {
        .version_min = PN_LINK_VERSION,
        .version_max = PN_LINK_VERSION,
        .record_size = cl_engine_record_size(d->engine),
        .features = PN_LINK_FEATURE_QUEUES | PN_LINK_FEATURE_PARCELS
    };
    wire *w = pn_alloc(1, sizeof *w);
    pn_err err = PN_E_NOMEM;
    if (w != NULL) {
        w->driver = d;
        w->relay = relay;
        err = pn_uvlink_dial(&w->link, d->hub, address, &offer, NULL,
                             &link_events, w);
    }
    if (err == PN_OK) {
        pn_list_push_back(&d->wires, &w->in_driver);
        return;
    }
    pn_free(w);
    cl_engine_link_closed(d->engine, relay, pn_strerror(err));
}

static void hangup(void *ctx, uint32_t relay)
{
    cl_driver *d = ctx;
    for (pn_node *n = d->wires.next; n != &d->wires; n = n->next) {
        wire *w = PN_ENTRY(n, wire, in_driver);
        if (w->relay == 0 || (relay != 0 && w->relay != relay))
            continue;
        w->relay = 0;
        pn_uvlink_bye(w->link, PN_BYE_DONE);
    }
}

static pn_err send_msg(void *ctx, uint32_t relay, const pn_msg *msg)
{
    cl_driver *d = ctx;
    const wire *w = find(d, relay);
    pn_out out = pn_out_over(d->frame, sizeof d->frame);
    pn_err err = w == NULL ? PN_E_STATE : pn_msg_encode(&out, msg);
    if (err == PN_OK)
        err = pn_uvlink_send(w->link, pn_out_view(&out));
    if (err != PN_OK && err != PN_E_FULL && w != NULL)
        pn_uvlink_close(w->link, PN_CLOSE_NOMEM);
    return err;
}

static void tell(void *ctx)
{
    cl_driver *d = ctx;
    (void)pthread_cond_broadcast(&d->changed);
}

/* --- the loop
 * ------------------------------------------------------------------ */

static void on_deadline(uv_timer_t *timer)
{
    (void)timer; /* the wait is over; on_prepare() pumps */
}

static void close_handle(uv_handle_t *h)
{
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

static void begin_stop(cl_driver *d)
{
    if (d->stopping)
        return;
    d->stopping = true;
    for (pn_node *n = d->wires.next; n != &d->wires; n = n->next)
        PN_ENTRY(n, wire, in_driver)->relay = 0;
    pn_uvhub_stop(d->hub, PN_BYE_DONE, NULL, NULL);
    close_handle((uv_handle_t *)&d->wake);
    close_handle((uv_handle_t *)&d->prepare);
    close_handle((uv_handle_t *)&d->deadline);
    close_handle((uv_handle_t *)&d->limit);
    close_handle((uv_handle_t *)&d->watch);
}

/* --- the store's directory ----------------------------------------------- */

/* With the lock held. What a panic left in memory goes at once, and who waits
 * is told. */
static void look(cl_driver *d)
{
    if (d->is_gone || !d->has_gone(d->has_gone_ctx))
        return;
    d->is_gone = true;
    cl_engine_reload(d->engine);
    (void)pthread_cond_broadcast(&d->changed);
}

static void on_change(uv_fs_event_t *handle, const char *name, int events,
                      int status)
{
    cl_driver *d = handle->data;
    (void)name;
    (void)events;
    (void)status;
    (void)pthread_mutex_lock(&d->lock);
    look(d);
    (void)pthread_mutex_unlock(&d->lock);
}

/* With the lock held. Where nothing can be watched, the next transaction
 * finds out. */
static void start_watch(cl_driver *d)
{
    if (d->home == NULL || d->is_watching)
        return;
    d->is_watching = true;
    (void)uv_fs_event_start(&d->watch, on_change, d->home, 0);
    look(d);
}

/* The program may have seen already what came last. Where it cannot be kept,
 * the relay, which was not told, gives it again. */
static void keep_last(cl_driver *d)
{
    const pn_err kept = cl_engine_commit(d->engine);
    (void)kept;
}

/* Before every wait: let the engine do what is due, and wait no longer than
 * it may. */
static void on_prepare(uv_prepare_t *handle)
{
    cl_driver *d = handle->data;
    uint64_t at, now;
    (void)pthread_mutex_lock(&d->lock);
    if (d->closing) {
        keep_last(d);
        begin_stop(d);
        (void)pthread_mutex_unlock(&d->lock);
        return;
    }
    start_watch(d);
    if (cl_engine_pump(d->engine) == PN_OK)
        at = cl_engine_deadline(d->engine);
    else
        at = pn_mono_ms(d->env) + RETRY_MS; /* the store has trouble */
    now = pn_mono_ms(d->env);
    if (at == UINT64_MAX)
        (void)uv_timer_stop(&d->deadline);
    else
        (void)uv_timer_start(&d->deadline, on_deadline, at > now ? at - now : 0,
                             0);
    (void)pthread_mutex_unlock(&d->lock);
}

static void on_wake(uv_async_t *handle)
{
    cl_driver *d = handle->data;
    (void)pthread_mutex_lock(&d->lock);
    (void)pthread_cond_broadcast(&d->changed);
    (void)pthread_mutex_unlock(&d->lock);
}

static void *run(void *ctx)
{
    cl_driver *d = ctx;
    cl_sigpipe sigpipe; /* the thread is ours: it stays blocked */
    sigset_t all;
    (void)cl_sigpipe_hold(&sigpipe);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, NULL);
    (void)uv_run(&d->loop, UV_RUN_DEFAULT);
    return NULL;
}

/* --- life
 * ------------------------------------------------------------------------ */

static pn_err init_locks(cl_driver *d)
{
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0)
        return PN_E_IO;
    if (pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 ||
        pthread_cond_init(&d->changed, &attr) != 0) {
        (void)pthread_condattr_destroy(&attr);
        return PN_E_IO;
    }
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&d->lock, NULL); /* of this kind: cannot fail */
    (void)pthread_mutex_init(&d->running, NULL);
    return PN_OK;
}

static pn_err init_loop(cl_driver *d)
{
    pn_uvhub_options options = PN_UVHUB_OPTIONS_INIT;
    pn_err err;
    if (uv_loop_init(&d->loop) != 0)
        return PN_E_IO;
    options.drain_ms = LEAVE_MS;
    options.tick_ms = TICK_MS;
    err = pn_uvhub_new(&d->hub, &d->loop, d->env, &options);
    if (err == PN_OK && uv_async_init(&d->loop, &d->wake, on_wake) != 0) {
        pn_uvhub_stop(d->hub, PN_BYE_NONE, NULL, NULL);
        err = PN_E_IO;
    }
    if (err != PN_OK) {
        (void)uv_run(&d->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&d->loop);
        return err;
    }
    (void)uv_prepare_init(&d->loop, &d->prepare); /* these cannot fail */
    (void)uv_timer_init(&d->loop, &d->deadline);
    (void)uv_timer_init(&d->loop, &d->limit);
    (void)uv_fs_event_init(&d->loop, &d->watch);
    d->wake.data = d->prepare.data = d->deadline.data = d->limit.data = d;
    d->watch.data = d;
    (void)uv_prepare_start(&d->prepare, on_prepare);
    d->loop_ready = true;
    return PN_OK;
}

static void stop_loop(cl_driver *d)
{
    cl_sigpipe sigpipe;
    bool held;
    (void)pthread_mutex_lock(&d->lock);
    d->closing = true;
    (void)pthread_mutex_unlock(&d->lock);
    (void)uv_async_send(&d->wake);
    if (d->has_thread) {
        (void)pthread_join(d->thread, NULL);
    } else {
        held = cl_sigpipe_hold(&sigpipe);
        (void)uv_run(&d->loop, UV_RUN_DEFAULT);
        if (held)
            cl_sigpipe_release(&sigpipe);
    }
    (void)uv_loop_close(&d->loop);
}

void cl_driver_free(cl_driver **dp)
{
    cl_driver *d;
    if (dp == NULL || *dp == NULL)
        return;
    d = *dp;
    if (d->loop_ready)
        stop_loop(d);
    cl_engine_free(&d->engine);
    (void)pthread_cond_destroy(&d->changed);
    (void)pthread_mutex_destroy(&d->lock);
    (void)pthread_mutex_destroy(&d->running);
    pn_msg_scratch_release(&d->scratch);
    pn_free(d->home);
    pn_free_wiped(d, sizeof *d);
    *dp = NULL;
}

pn_err cl_driver_new(cl_driver **out, const pn_env *env, const cl_store *store,
                     cl_drive drive, bool offline)
{
    cl_driver *d = pn_alloc(1, sizeof *d);
    const cl_sink sink = { .ctx = d,
                           .dial = dial,
                           .hangup = hangup,
                           .send = send_msg,
                           .changed = tell };
    pn_err err;
    *out = NULL;
    if (d == NULL)
        return PN_E_NOMEM;
    d->env = env;
    d->drive = drive;
    pn_node_init(&d->wires);
    pn_msg_scratch_init(&d->scratch);
    err = init_locks(d);
    if (err != PN_OK) {
        pn_free(d);
        return err;
    }
    err = cl_engine_open(&d->engine, env, store, &sink);
    if (err == PN_OK) {
        cl_engine_set_offline(d->engine, offline);
        err = init_loop(d);
    }
    if (err == PN_OK && drive == CL_DRIVE_THREAD) {
        d->has_thread = pthread_create(&d->thread, NULL, run, d) == 0;
        err = d->has_thread ? PN_OK : PN_E_IO;
    }
    if (err != PN_OK) {
        cl_driver_free(&d);
        return err;
    }
    *out = d;
    return PN_OK;
}

/* --- from outside
 * ------------------------------------------------------------------ */

pn_err cl_driver_watch(cl_driver *d, const char *dir,
                       bool (*has_gone)(void *ctx), void *ctx)
{
    const size_t size = strlen(dir) + 1;
    char *home = pn_alloc(1, size);
    if (home == NULL)
        return PN_E_NOMEM;
    memcpy(home, dir, size);
    (void)pthread_mutex_lock(&d->lock);
    d->home = home;
    d->has_gone = has_gone;
    d->has_gone_ctx = ctx;
    (void)pthread_mutex_unlock(&d->lock);
    (void)uv_async_send(&d->wake);
    return PN_OK;
}

bool cl_driver_is_gone(cl_driver *d)
{
    bool is_gone;
    (void)pthread_mutex_lock(&d->lock);
    if (d->has_gone != NULL)
        look(d);
    is_gone = d->is_gone;
    (void)pthread_mutex_unlock(&d->lock);
    return is_gone;
}

cl_engine *cl_driver_lock(cl_driver *d)
{
    (void)pthread_mutex_lock(&d->lock);
    return d->engine;
}

void cl_driver_unlock(cl_driver *d)
{
    (void)pthread_mutex_unlock(&d->lock);
    (void)uv_async_send(&d->wake);
}

int cl_driver_fd(cl_driver *d)
{
    return d->has_thread ? -1 : uv_backend_fd(&d->loop);
}

int cl_driver_timeout(cl_driver *d)
{
    return d->has_thread ? -1 : uv_backend_timeout(&d->loop);
}

/* Two turns: what the first one hears, the second one answers. */
pn_err cl_driver_dispatch(cl_driver *d)
{
    cl_sigpipe sigpipe;
    if (d->has_thread)
        return PN_E_STATE;
    if (!cl_sigpipe_hold(&sigpipe))
        return PN_E_IO;
    (void)pthread_mutex_lock(&d->running);
    (void)uv_run(&d->loop, UV_RUN_NOWAIT);
    (void)uv_run(&d->loop, UV_RUN_NOWAIT);
    (void)pthread_mutex_unlock(&d->running);
    cl_sigpipe_release(&sigpipe);
    return PN_OK;
}

static void run_for(cl_driver *d, uint64_t ms)
{
    cl_sigpipe sigpipe;
    const bool held = cl_sigpipe_hold(&sigpipe);
    (void)pthread_mutex_lock(&d->running);
    (void)uv_timer_start(&d->limit, on_deadline, ms, 0);
    (void)uv_run(&d->loop, UV_RUN_ONCE);
    (void)uv_run(&d->loop, UV_RUN_NOWAIT);
    (void)uv_timer_stop(&d->limit);
    (void)pthread_mutex_unlock(&d->running);
    if (held)
        cl_sigpipe_release(&sigpipe);
}

/* With the lock held: sleep until something changes, at most `ms`. */
static void sleep_for(cl_driver *d, uint64_t ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(&d->changed, &d->lock, &until);
}

pn_err cl_driver_wait(cl_driver *d, uint32_t timeout_ms,
                      pn_err (*check)(void *ctx, cl_engine *e), void *ctx)
{
    const uint64_t until = pn_mono_ms(d->env) + timeout_ms;
    pn_err err;
    (void)uv_async_send(&d->wake);
    (void)pthread_mutex_lock(&d->lock);
    for (;;) {
        const uint64_t now = pn_mono_ms(d->env);
        err = d->is_gone ? PN_E_CLOSED : check(ctx, d->engine);
        if (err != PN_MORE)
            break;
        err = PN_E_TIMEOUT;
        if (atomic_exchange(&d->interrupted, false) || now >= until)
            break;
        if (d->has_thread) {
            sleep_for(d, until - now);
        } else {
            (void)pthread_mutex_unlock(&d->lock);
            run_for(d, until - now);
            (void)pthread_mutex_lock(&d->lock);
        }
    }
    (void)pthread_mutex_unlock(&d->lock);
    (void)uv_async_send(&d->wake);
    return err;
}

void cl_driver_interrupt(cl_driver *d)
{
    atomic_store(&d->interrupted, true);
    (void)uv_async_send(&d->wake);
}
