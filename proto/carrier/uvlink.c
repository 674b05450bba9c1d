/* The life of a link and what the application may ask of it. */
#include "proto/carrier/uvlink.h"

#include <sys/socket.h>

#include "proto/base/mem.h"
#include "proto/carrier/uv_internal.h"

/* --- making --------------------------------------------------------------- */

pn_err pn_uvlink_make(pn_uvlink **out, pn_uvhub *hub, bool tcp,
                      const pn_uvlink_events *events, void *ctx)
{
    pn_uvlink *link;
    *out = NULL;
    if (hub->stopping)
        return PN_E_STATE;
    link = pn_alloc(1, sizeof *link);
    if (link == NULL)
        return PN_E_NOMEM;
    if (tcp)
        (void)uv_tcp_init(hub->loop, &link->io.tcp); /* opens nothing yet, */
    else
        (void)uv_pipe_init(hub->loop, &link->io.pipe, 0); /* cannot fail */
    link->io.handle.data = link;
    link->hub = hub;
    link->events = events;
    link->ctx = ctx;
    link->state = PN_UV_RUNNING;
    link->announced = true;
    pn_buf_init(&link->held, PN_UV_READ_BYTES);
    pn_node_init(&link->in_awake);
    pn_node_init(&link->in_half_open);
    pn_node_init(&link->in_waiting);
    pn_wheel_entry_init(&link->timer);
    pn_list_push_back(&hub->links, &link->in_hub);
    hub->stats.links++;
    pn_uvhub_hold(hub);
    *out = link;
    return PN_OK;
}

static bool is_ip_socket(int fd)
{
    struct sockaddr_storage a = { .ss_family = AF_UNSPEC };
    socklen_t len = sizeof a;
    return getsockname(fd, (struct sockaddr *)&a, &len) == 0 &&
           (a.ss_family == AF_INET || a.ss_family == AF_INET6);
}

/* Its listener counts it no more. */
static void leave_listener(pn_uvlink *link)
{
    pn_uvlisten *listener = link->listener;
    link->listener = NULL;
    if (listener != NULL)
        pn_uvlisten_on_gone(listener, link->open, link->tag);
}

/* Close the handle, whose callback frees the link. */
static void shut(pn_uvlink *link)
{
    pn_uvhub *hub = link->hub;
    link->state = PN_UV_CLOSING;
    pn_wheel_remove(&hub->wheel, &link->timer);
    pn_list_remove(&link->in_awake);
    pn_list_remove(&link->in_half_open);
    pn_list_remove(&link->in_waiting);
    pn_uvlink_count(link);
    /* Between two attempts of a dial the handle is closing already. */
    if (!uv_is_closing(&link->io.handle))
        uv_close(&link->io.handle, pn_uvlink_on_handle_closed);
    /* The descriptor is gone. Nobody was told of a stranger, so nobody waits
     * for its end: its place is free at once. */
    if (!link->open)
        leave_listener(link);
}

/* Give a new link its socket and its pn_link, and set it going. On failure
 * nobody hears of the link, and it is not counted as one that closed: its
 * handle closes, and it is freed. */
static pn_err begin(pn_uvlink *link, int fd, pn_link **core, bool tcp)
{
    const int rc =
        tcp ? uv_tcp_open(&link->io.tcp, fd) : uv_pipe_open(&link->io.pipe, fd);
    if (rc != 0) {
        link->announced = false;
        shut(link);
        return PN_E_IO;
    }
    link->link = *core;
    *core = NULL;
    pn_uvlink_start(link);
    return PN_OK;
}

static pn_err adopt(pn_uvlink **out, pn_uvhub *hub, int fd, pn_link **core,
                    const pn_uvlink_events *events, void *ctx)
{
    const bool tcp = is_ip_socket(fd);
    PN_TRY(pn_uvlink_make(out, hub, tcp, events, ctx));
    return begin(*out, fd, core, tcp);
}

pn_err pn_uvlink_dial_fd(pn_uvlink **out, pn_uvhub *hub, int fd,
                         const uint8_t relay_key[PN_LINK_KEY_BYTES],
                         const pn_link_offer *offer,
                         const pn_link_identity *self,
                         const pn_uvlink_events *events, void *ctx)
{
    pn_link *core = NULL;
    pn_err err = pn_link_dial(&core, hub->env, relay_key, offer, self);
    if (err == PN_OK)
        err = adopt(out, hub, fd, &core, events, ctx);
    pn_link_free(&core);
    return err;
}

pn_err pn_uvlink_accept_fd(pn_uvlink **out, pn_uvhub *hub, int fd,
                           pn_gate *gate, const pn_uvlink_events *events,
                           void *ctx)
{
    pn_link *core = NULL;
    pn_err err = pn_link_accept(&core, gate, (pn_bytes){ NULL, 0 });
    if (err == PN_OK)
        err = adopt(out, hub, fd, &core, events, ctx);
    if (err == PN_OK)
        (*out)->accepted = true;
    pn_link_free(&core);
    return err;
}

pn_err pn_uvlink_take_in(pn_uvlink **out, pn_uvhub *hub, int fd, pn_gate *gate,
                         pn_bytes origin, pn_uvlisten *listener, uint64_t tag,
                         const pn_uvlink_events *events, void *ctx)
{
    pn_link *core = NULL;
    pn_uvlink *link;
    pn_err err = pn_link_accept(&core, gate, origin);
    if (err == PN_OK)
        err = adopt(&link, hub, fd, &core, events, ctx);
    pn_link_free(&core);
    if (err != PN_OK)
        return err;
    link->accepted = true;
    link->announced = false;
    link->listener = listener;
    link->tag = tag;
    pn_list_push_back(&hub->half_open, &link->in_half_open);
    *out = link;
    return PN_OK;
}

/* --- ending --------------------------------------------------------------- */

void pn_uvlink_close(pn_uvlink *link, pn_close_reason reason)
{
    pn_uvhub *hub = link->hub;
    if (link->state == PN_UV_CLOSING)
        return;
    if (link->open && link->state == PN_UV_RUNNING)
        hub->stats.open--;
    link->reason = (uint8_t)reason;
    hub->stats.closed[reason]++;
    shut(link);
}

void pn_uvlink_fail(pn_uvlink *link, pn_err fault)
{
    if (link->state == PN_UV_CLOSING)
        return;
    link->fault = fault;
    if (fault == PN_E_NOMEM)
        pn_uvlink_close(link, PN_CLOSE_NOMEM);
    else if (fault == PN_E_TIMEOUT)
        pn_uvlink_close(link, PN_CLOSE_TIMEOUT);
    else if (fault == PN_E_RANDOM || fault == PN_E_IO)
        pn_uvlink_close(link, PN_CLOSE_IO);
    else
        pn_uvlink_close(link, PN_CLOSE_PROTO);
}

/* The one place a link is freed. A write that was cut short came back before
 * this, so nothing of libuv's points here any more. */
static void release(pn_uvlink *link)
{
    pn_uvhub *hub = link->hub;
    leave_listener(link);
    if (link->announced && link->events->on_closed != NULL)
        link->events->on_closed(link->ctx, link, (pn_close_reason)link->reason);
    pn_uvdial_free(link);
    pn_link_free(&link->link);
    pn_buf_clear(&link->held);
    pn_list_remove(&link->in_hub);
    hub->stats.links--;
    pn_free(link);
    pn_uvhub_drop(hub);
}

void pn_uvlink_on_handle_closed(uv_handle_t *handle)
{
    pn_uvlink *link = handle->data;
    if (link->state == PN_UV_CLOSING)
        release(link);
    else
        pn_uvdial_next(link);
}

void pn_uvlink_bye(pn_uvlink *link, pn_bye_reason why)
{
    const pn_msg bye = { .kind = PN_MSG_BYE, .u.bye.reason = why };
    pn_err err;
    if (link->state == PN_UV_CLOSING || link->state == PN_UV_DRAINING ||
        link->state == PN_UV_ENDED)
        return;
    if (!link->open) {
        pn_uvlink_close(link, PN_CLOSE_SHUTDOWN);
        return;
    }
    /* Without room the queued answers matter more than the Bye. */
    err = pn_uvlink_send_msg(link, &bye);
    if (err != PN_OK && err != PN_E_FULL)
        pn_log(link->hub->env, PN_LOG_DEBUG, "bye not sent: %s",
               pn_strerror(err));
    if (link->state == PN_UV_CLOSING)
        return;
    link->hub->stats.open--;
    link->state = PN_UV_DRAINING;
    link->cut_ms = pn_mono_ms(link->hub->env) + link->hub->options.drain_ms;
    pn_uvlink_wake(link);
}

/* --- asking --------------------------------------------------------------- */

pn_err pn_uvlink_send(pn_uvlink *link, pn_bytes frame)
{
    pn_err err;
    if (!pn_uvlink_is_open(link))
        return PN_E_STATE;
    err = pn_uvlink_is_rationed(link) ? PN_E_FULL
                                      : pn_link_send(link->link, frame);
    if (err == PN_E_FULL)
        link->starved = true;
    if (err == PN_OK) {
        link->unflushed = true;
        link->hub->stats.frames_out++;
    }
    if (pn_link_get_state(link->link) == PN_LINK_DEAD)
        pn_uvlink_fail(link, err); /* final for the pn_link */
    else
        pn_uvlink_wake(link);
    pn_uvlink_count(link);
    return err;
}

pn_err pn_uvlink_send_msg(pn_uvlink *link, const pn_msg *msg)
{
    uint8_t raw[PN_MSG_SMALL_MAX];
    pn_out out = pn_out_over(raw, sizeof raw);
    PN_TRY(pn_msg_encode(&out, msg));
    return pn_uvlink_send(link, pn_out_view(&out));
}

void pn_uvlink_set_busy(pn_uvlink *link, bool busy)
{
    if (link->busy == busy)
        return;
    link->busy = busy;
    if (!busy)
        link->heard_ms = pn_mono_ms(link->hub->env); /* its turn begins now */
    pn_uvlink_wake(link);
}

void pn_uvlink_set_ctx(pn_uvlink *link, void *ctx)
{
    link->ctx = ctx;
}

void *pn_uvlink_ctx(const pn_uvlink *link)
{
    return link->ctx;
}

pn_uvhub *pn_uvlink_hub(const pn_uvlink *link)
{
    return link->hub;
}

const pn_link *pn_uvlink_link(const pn_uvlink *link)
{
    return link->link;
}

bool pn_uvlink_is_open(const pn_uvlink *link)
{
    return link->open && link->state == PN_UV_RUNNING;
}

pn_err pn_uvlink_fault(const pn_uvlink *link)
{
    return link->fault;
}

uint64_t pn_uvlink_tag(const pn_uvlink *link)
{
    return link->tag;
}
