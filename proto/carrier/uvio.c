/* Bytes between the stream and the pn_link: reading, delivering, writing, and
 * the deadlines of all three.
 */
#include <string.h>
#include <sys/socket.h>

#include "proto/base/mem.h"
#include "proto/carrier/uv_internal.h"

/* --- output --------------------------------------------------------------- */

static void on_written(uv_write_t *req, int status)
{
    pn_uvlink *link = req->data;
    const size_t len = link->write->len;
    pn_free(link->write);
    link->write = NULL;
    pn_list_remove(&link->in_waiting);
    if (link->state == PN_UV_CLOSING)
        return;
    if (status < 0) {
        pn_uvlink_close(link, PN_CLOSE_IO);
        return;
    }
    link->hub->stats.bytes_out += len;
    link->moved_ms = pn_mono_ms(link->hub->env);
    pn_uvlink_pump(link);
}

/* The socket takes no more: hand the next piece to libuv, which writes it when
 * there is room. A copy, because the pn_link lends its output only until the
 * next call on it. */
static void write_later(pn_uvlink *link, pn_bytes out)
{
    uv_buf_t buf;
    link->write = pn_alloc_raw(sizeof *link->write);
    if (link->write == NULL) {
        pn_uvlink_fail(link, PN_E_NOMEM);
        return;
    }
    link->write->len =
        out.len < PN_UV_WRITE_BYTES ? out.len : (size_t)PN_UV_WRITE_BYTES;
    memcpy(link->write->bytes, out.p, link->write->len);
    link->write->req.data = link;
    link->write_left = link->write->len;
    link->moved_ms = pn_mono_ms(link->hub->env);
    buf = uv_buf_init((char *)link->write->bytes, (unsigned)link->write->len);
    if (uv_write(&link->write->req, &link->io.stream, &buf, 1, on_written) !=
        0) {
        pn_free(link->write);
        link->write = NULL;
        pn_uvlink_close(link, PN_CLOSE_IO);
        return;
    }
    pn_link_sent(link->link, link->write->len);
    pn_list_push_back(&link->hub->waiting, &link->in_waiting);
}

/* libuv's buffers are not const, but writing only reads them. */
static uv_buf_t lend(pn_bytes out)
{
    const size_t most = 1U << 30;
    return uv_buf_init((char *)(uintptr_t)out.p,
                       (unsigned)(out.len < most ? out.len : most));
}

static void write_out(pn_uvlink *link)
{
    if (link->unflushed && link->state != PN_UV_CLOSING) {
        const pn_err err = pn_link_flush(link->link);
        link->unflushed = false;
        if (err != PN_OK) {
            pn_uvlink_fail(link, err);
            return;
        }
    }
    while (link->write == NULL && link->state != PN_UV_CLOSING) {
        const pn_bytes out = pn_link_output(link->link);
        const uv_buf_t buf = lend(out);
        int n;
        if (out.len == 0)
            return;
        n = uv_try_write(&link->io.stream, &buf, 1);
        if (n == UV_EAGAIN || n == 0) {
            write_later(link, out);
        } else if (n < 0) {
            pn_uvlink_close(link, PN_CLOSE_IO);
        } else {
            pn_link_sent(link->link, (size_t)n);
            link->hub->stats.bytes_out += (uint64_t)n;
        }
    }
}

/* After Bye: when all is written, end our side and wait for the peer's end.
 * Closing at once could, by the unread input, turn into a reset that takes the
 * Bye away from the peer. */
static void end_when_drained(pn_uvlink *link)
{
    uv_os_fd_t fd;
    if (link->state != PN_UV_DRAINING || link->write != NULL ||
        pn_link_output(link->link).len > 0)
        return;
    link->state = PN_UV_ENDED;
    if (uv_fileno(&link->io.handle, &fd) != 0 || shutdown(fd, SHUT_WR) != 0)
        pn_uvlink_close(link, PN_CLOSE_SHUTDOWN);
}

/* --- input ---------------------------------------------------------------- */

static bool takes_frames(const pn_uvlink *link)
{
    return link->state == PN_UV_RUNNING && !link->busy && !link->clogged;
}

static void note_open(pn_uvlink *link)
{
    pn_uvhub *hub = link->hub;
    if (link->open || pn_link_get_state(link->link) != PN_LINK_OPEN)
        return;
    link->open = true;
    link->announced = true;
    link->heard_ms = pn_mono_ms(hub->env);
    hub->stats.open++;
    hub->stats.opened++;
    pn_list_remove(&link->in_half_open);
    if (link->listener != NULL)
        pn_uvlisten_on_opened(link->listener);
    if (link->events->on_open != NULL)
        link->events->on_open(link->ctx, link);
}

/* Give the application what frames there are, while it takes them. */
static void deliver(pn_uvlink *link)
{
    note_open(link);
    while (takes_frames(link)) {
        pn_bytes frame;
        pn_err err = pn_link_next(link->link, &frame);
        if (err == PN_MORE)
            return;
        if (err == PN_OK) {
            link->hub->stats.frames_in++;
            err = link->events->on_frame(link->ctx, link, frame);
        }
        if (err < PN_OK)
            pn_uvlink_fail(link, err);
    }
}

/* Feed and deliver in turn until *in is used up, or nobody takes more. The
 * clock is read once for all frames. */
static void take(pn_uvlink *link, pn_bytes *in)
{
    const uint64_t before = link->hub->stats.frames_in;
    deliver(link);
    while (in->len > 0 && takes_frames(link)) {
        const pn_err err = pn_link_feed(link->link, in);
        if (err != PN_OK) {
            pn_uvlink_fail(link, err);
            return;
        }
        deliver(link);
    }
    if (link->hub->stats.frames_in != before)
        link->heard_ms = pn_mono_ms(link->hub->env);
}

static void take_held(pn_uvlink *link)
{
    const pn_bytes all = pn_buf_view(&link->held);
    pn_bytes rest = all;
    take(link, &rest);
    if (all.len > 0)
        pn_buf_consume(&link->held, all.len - rest.len);
}

static void on_alloc(uv_handle_t *handle, size_t wish, uv_buf_t *buf)
{
    pn_uvlink *link = handle->data;
    (void)wish;
    *buf = uv_buf_init((char *)link->hub->read_buffer,
                       sizeof link->hub->read_buffer);
}

static void on_ended(pn_uvlink *link, ssize_t why)
{
    if (link->state == PN_UV_DRAINING || link->state == PN_UV_ENDED)
        pn_uvlink_close(link, PN_CLOSE_SHUTDOWN);
    else
        pn_uvlink_close(link, why == UV_EOF ? PN_CLOSE_PEER : PN_CLOSE_IO);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    pn_uvlink *link = stream->data;
    pn_bytes in = { (const uint8_t *)buf->base, n > 0 ? (size_t)n : 0 };
    if (link->state == PN_UV_CLOSING || n == 0)
        return;
    if (n < 0) {
        on_ended(link, n);
        return;
    }
    link->hub->stats.bytes_in += in.len;
    link->pumping = true;
    take(link, &in);
    /* Kept only while running: whoever drains has stopped listening. */
    if (link->state == PN_UV_RUNNING && in.len > 0 &&
        pn_buf_append(&link->held, in) != PN_OK)
        pn_uvlink_fail(link, PN_E_NOMEM);
    link->pumping = false;
    pn_uvlink_pump(link);
}

/* --- deciding ------------------------------------------------------------- */

/* Whether the peer leaves so much unread that it shall not ask for more. Only
 * an accepting end stops for this (see uvlink.h). */
static bool is_clogged(const pn_uvlink *link)
{
    const size_t waiting = pn_link_output(link->link).len;
    const size_t high = link->hub->options.output_max / 2;
    if (!link->accepted || link->write == NULL)
        return false;
    return waiting > (link->clogged ? high / 2 : high);
}

static void set_reading(pn_uvlink *link)
{
    const bool want = link->state == PN_UV_RUNNING
                          ? takes_frames(link) && pn_buf_len(&link->held) == 0
                          : link->state != PN_UV_CLOSING;
    if (link->state == PN_UV_CLOSING || want == link->reading)
        return;
    if (!want)
        (void)uv_read_stop(&link->io.stream); /* never fails */
    else if (uv_read_start(&link->io.stream, on_alloc, on_read) != 0)
        pn_uvlink_close(link, PN_CLOSE_IO);
    link->reading = want;
}

/* Tell who was refused that there is room again: when nothing waits, for then
 * a frame of any size is taken, and nobody asks in vain turn after turn. */
static void tell_writable(pn_uvlink *link)
{
    if (!link->starved || link->state != PN_UV_RUNNING ||
        pn_link_output(link->link).len > 0)
        return;
    link->starved = false;
    if (link->events->on_writable != NULL)
        link->events->on_writable(link->ctx, link);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t deadline(const pn_uvlink *link)
{
    const pn_uvhub_options *o = &link->hub->options;
    uint64_t at = UINT64_MAX;
    switch ((pn_uv_state)link->state) {
    case PN_UV_DIALLING:
        return pn_uvdial_deadline(link);
    case PN_UV_RUNNING:
        at = pn_link_deadline(link->link);
        if (link->write != NULL)
            at = earlier(at, link->moved_ms + o->slow_ms);
        if (link->open && takes_frames(link))
            at = earlier(at, link->heard_ms + o->idle_ms);
        return at;
    case PN_UV_DRAINING:
    case PN_UV_ENDED:
        return link->cut_ms;
    case PN_UV_CLOSING:
        break;
    }
    return UINT64_MAX;
}

/* A link whose deadline is already here wants the loop's next turn, not the
 * next tick: it works on a puzzle, piece by piece. */
static void set_timer(pn_uvlink *link)
{
    const uint64_t at = deadline(link);
    if (link->state == PN_UV_CLOSING)
        return;
    if (at <= pn_mono_ms(link->hub->env))
        pn_uvlink_wake(link);
    else
        pn_uvhub_arm(link->hub, &link->timer, at);
}

/* What libuv has not written yet says whether the peer takes anything. */
static void look_at_write(pn_uvlink *link, uint64_t now)
{
    const size_t left = uv_stream_get_write_queue_size(&link->io.stream);
    if (link->write == NULL ||
        now < link->moved_ms + link->hub->options.slow_ms)
        return;
    if (left == link->write_left) {
        pn_uvlink_close(link, PN_CLOSE_SLOW);
        return;
    }
    link->write_left = left;
    link->moved_ms = now;
}

static void check_time(pn_uvlink *link)
{
    const uint64_t now = pn_mono_ms(link->hub->env);
    if (link->state == PN_UV_DRAINING || link->state == PN_UV_ENDED) {
        if (now >= link->cut_ms)
            pn_uvlink_close(link, PN_CLOSE_SHUTDOWN);
        return;
    }
    if (now >= pn_link_deadline(link->link)) {
        const pn_err err = pn_link_tick(link->link);
        if (err != PN_OK)
            pn_uvlink_fail(link, err);
    }
    if (link->state == PN_UV_RUNNING)
        look_at_write(link, now);
    if (link->state == PN_UV_RUNNING && link->open && takes_frames(link) &&
        now >= link->heard_ms + link->hub->options.idle_ms)
        pn_uvlink_close(link, PN_CLOSE_IDLE);
}

/* Look again whether the peer may ask for more. */
static void set_clogged(pn_uvlink *link)
{
    const bool was = link->clogged;
    link->clogged = is_clogged(link);
    if (was && !link->clogged)
        link->heard_ms = pn_mono_ms(link->hub->env); /* it had no turn */
}

/* Each step may close the link; the steps after it then do nothing. */
void pn_uvlink_pump(pn_uvlink *link)
{
    static void (*const steps[])(pn_uvlink *) = {
        check_time, write_out,   set_clogged,      take_held,
        write_out,  set_clogged, end_when_drained, tell_writable,
    };
    if (link->pumping || link->state == PN_UV_DIALLING)
        return;
    link->pumping = true;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (link->state != PN_UV_CLOSING)
            steps[i](link);
    }
    pn_uvlink_count(link);
    set_reading(link);
    set_timer(link);
    link->pumping = false;
}

void pn_uvlink_on_due(pn_uvlink *link)
{
    if (link->state == PN_UV_DIALLING)
        pn_uvdial_on_due(link);
    else
        pn_uvlink_pump(link);
}

void pn_uvlink_start(pn_uvlink *link)
{
    const uint64_t now = pn_mono_ms(link->hub->env);
    link->state = PN_UV_RUNNING;
    link->heard_ms = now;
    link->moved_ms = now;
    pn_link_set_output_max(link->link, link->hub->options.output_max);
    if (link->io.handle.type == UV_TCP)
        (void)uv_tcp_nodelay(&link->io.tcp, 1); /* slower without, not wrong */
    /* Not a pump: no event may come from inside a call that makes a link. */
    pn_uvlink_wake(link);
}
