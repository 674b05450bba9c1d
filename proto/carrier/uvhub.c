#include "proto/carrier/uvhub.h"

#include "proto/base/mem.h"
#include "proto/carrier/uv_internal.h"

const char *pn_close_reason_name(pn_close_reason reason)
{
    static const char *const names[PN_CLOSE_REASONS] = {
        [PN_CLOSE_PEER] = "peer",       [PN_CLOSE_PROTO] = "proto",
        [PN_CLOSE_TIMEOUT] = "timeout", [PN_CLOSE_SLOW] = "slow",
        [PN_CLOSE_IDLE] = "idle",       [PN_CLOSE_SHUTDOWN] = "shutdown",
        [PN_CLOSE_IO] = "io",           [PN_CLOSE_NOMEM] = "nomem",
        [PN_CLOSE_REFUSED] = "refused", [PN_CLOSE_RESOLVE] = "resolve",
        [PN_CLOSE_CONNECT] = "connect",
    };
    const unsigned n = (unsigned)reason;
    return n < PN_CLOSE_REASONS ? names[n] : "unknown";
}

/* --- the clock of all links ----------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void arm_timer(pn_uvhub *hub, uint64_t when)
{
    const uint64_t now = pn_mono_ms(hub->env);
    if (when >= hub->armed || hub->handles == 0)
        return;
    hub->armed = when;
    (void)uv_timer_start(&hub->timer, on_timer, when > now ? when - now : 1,
                         0); /* fails only without a callback */
}

static void on_timer(uv_timer_t *timer)
{
    pn_uvhub *hub = timer->data;
    const uint64_t now = pn_mono_ms(hub->env);
    pn_wheel_entry *e;
    hub->armed = UINT64_MAX;
    while ((e = pn_wheel_pop(&hub->wheel, now)) != NULL)
        pn_uvlink_on_due(PN_ENTRY(e, pn_uvlink, timer));
    arm_timer(hub, pn_wheel_next(&hub->wheel));
}

void pn_uvhub_arm(pn_uvhub *hub, pn_wheel_entry *e, uint64_t due_ms)
{
    pn_wheel_set(&hub->wheel, e, due_ms);
    if (e->tick != UINT64_MAX)
        arm_timer(hub, e->tick * hub->wheel.tick_ms);
}

/* --- waking --------------------------------------------------------------- */

/* Only those that were awake at its start: a link that wakes itself again
 * waits for the next turn, so that none keeps the loop. */
static void on_wake(uv_idle_t *waker)
{
    pn_uvhub *hub = waker->data;
    pn_node end, *n;
    pn_node_init(&end);
    pn_list_push_back(&hub->awake, &end);
    while ((n = hub->awake.next) != &end) {
        pn_list_remove(n);
        pn_uvlink_pump(PN_ENTRY(n, pn_uvlink, in_awake));
    }
    pn_list_remove(&end);
    if (pn_list_is_empty(&hub->awake))
        (void)uv_idle_stop(waker); /* never fails */
}

void pn_uvlink_wake(pn_uvlink *link)
{
    pn_uvhub *hub = link->hub;
    if (link->state == PN_UV_CLOSING || hub->handles == 0 ||
        !pn_list_is_empty(&link->in_awake))
        return;
    pn_list_push_back(&hub->awake, &link->in_awake);
    (void)uv_idle_start(&hub->waker, on_wake); /* harmless when active */
}

/* --- life ----------------------------------------------------------------- */

static bool options_ok(const pn_uvhub_options *o)
{
    return o->connect_ms > 0 && o->dial_ms > 0 && o->slow_ms > 0 &&
           o->idle_ms > 0 && o->drain_ms > 0 && o->tick_ms > 0 &&
           o->output_max > 0 && o->output_total > 0;
}

pn_err pn_uvhub_new(pn_uvhub **out, uv_loop_t *loop, const pn_env *env,
                    const pn_uvhub_options *options)
{
    const pn_uvhub_options defaults = PN_UVHUB_OPTIONS_INIT;
    pn_uvhub *hub;
    *out = NULL;
    if (options == NULL)
        options = &defaults;
    if (!options_ok(options))
        return PN_E_ARG;
    hub = pn_alloc(1, sizeof *hub);
    if (hub == NULL)
        return PN_E_NOMEM;
    hub->loop = loop;
    hub->env = env;
    hub->options = *options;
    hub->armed = UINT64_MAX;
    pn_wheel_init(&hub->wheel, options->tick_ms, pn_mono_ms(env));
    pn_node_init(&hub->links);
    pn_node_init(&hub->listeners);
    pn_node_init(&hub->half_open);
    pn_node_init(&hub->awake);
    pn_node_init(&hub->waiting);
    (void)uv_timer_init(loop, &hub->timer); /* these two cannot fail */
    (void)uv_idle_init(loop, &hub->waker);
    hub->timer.data = hub;
    hub->waker.data = hub;
    hub->handles = 2;
    *out = hub;
    return PN_OK;
}

static void on_handle_closed(uv_handle_t *handle)
{
    pn_uvhub *hub = handle->data;
    if (--hub->handles > 0)
        return;
    if (hub->on_stopped != NULL)
        hub->on_stopped(hub->stopped_ctx);
    pn_free(hub);
}

static void end_if_empty(pn_uvhub *hub)
{
    if (!hub->stopping || hub->objects > 0 ||
        uv_is_closing((uv_handle_t *)&hub->timer))
        return;
    uv_close((uv_handle_t *)&hub->timer, on_handle_closed);
    uv_close((uv_handle_t *)&hub->waker, on_handle_closed);
}

void pn_uvhub_hold(pn_uvhub *hub)
{
    hub->objects++;
}

void pn_uvhub_drop(pn_uvhub *hub)
{
    hub->objects--;
    end_if_empty(hub);
}

void pn_uvhub_stop(pn_uvhub *hub, pn_bye_reason why,
                   void (*on_stopped)(void *ctx), void *ctx)
{
    const bool at_once = why == PN_BYE_NONE;
    if (!hub->stopping) {
        hub->stopping = true;
        hub->on_stopped = on_stopped;
        hub->stopped_ctx = ctx;
    } else if (!at_once) {
        return;
    }
    pn_uvlisten_shut_all(hub);
    /* Nothing is freed before the loop turns, so the list holds still. */
    for (pn_node *n = hub->links.next; n != &hub->links; n = n->next) {
        pn_uvlink *link = PN_ENTRY(n, pn_uvlink, in_hub);
        if (at_once)
            pn_uvlink_close(link, PN_CLOSE_SHUTDOWN);
        else
            pn_uvlink_bye(link, why);
    }
    end_if_empty(hub);
}

const pn_uvhub_stats *pn_uvhub_read_stats(const pn_uvhub *hub)
{
    return &hub->stats;
}

const pn_env *pn_uvhub_env(const pn_uvhub *hub)
{
    return hub->env;
}

uv_loop_t *pn_uvhub_loop(const pn_uvhub *hub)
{
    return hub->loop;
}
