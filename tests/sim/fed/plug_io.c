/* Bytes between a plug's stream and its link: reading, giving, writing, and the
 * deadlines of all three, as proto/carrier/uvio.c. */
#include "tests/sim/fed/fail.h"
#include "tests/sim/fed/plug.h"

/* --- output --------------------------------------------------------------- */

static void write_out(fed_plug *p)
{
    pn_bytes out;
    size_t n;
    if (p->unflushed) {
        const pn_err err = pn_link_flush(p->link);
        p->unflushed = false;
        if (err != PN_OK) {
            fed_plug_fail(p, err);
            return;
        }
    }
    out = pn_link_output(p->link);
    FED_CHECK(out.len <= FED_OUTPUT_MAX + 2 * PN_MSG_MAX,
              "queued output has a bound", "%zu bytes", out.len);
    if (out.len == 0)
        return;
    n = fed_conn_write(p->conn, p->side, out);
    if (n > 0) {
        pn_link_sent(p->link, n);
        p->moved_ms = pn_mono_ms(p->env);
    }
}

/* --- input ---------------------------------------------------------------- */

static bool takes_frames(const fed_plug *p)
{
    return p->state == FED_PLUG_RUNNING && !p->busy && !p->clogged &&
           pn_mono_ms(p->env) >= p->resume_ms;
}

/* A record that holds a foreign byte is never accepted, so whatever comes out
 * was in one before it. */
static void check_taint(const fed_plug *p, const char *what)
{
    const uint64_t taint = fed_conn_taint(p->conn, p->side);
    const uint64_t record =
        p->open ? pn_link_get_terms(p->link)->record_size : 0;
    FED_CHECK(taint == UINT64_MAX || p->fed <= taint + record,
              "a stream that was changed gives no frame",
              "%s between %zu and %zu", what, p->node->number, p->peer);
}

static void note_open(fed_plug *p)
{
    if (p->open || pn_link_get_state(p->link) != PN_LINK_OPEN)
        return;
    check_taint(p, "a handshake");
    p->open = true;
    p->heard_ms = pn_mono_ms(p->env);
    p->events->on_open(p->owner, p);
}

static void deliver(fed_plug *p)
{
    note_open(p);
    while (takes_frames(p)) {
        pn_bytes frame;
        pn_err err = pn_link_next(p->link, &frame);
        if (err == PN_MORE)
            return;
        if (err == PN_OK) {
            check_taint(p, "a frame");
            p->heard_ms = pn_mono_ms(p->env);
            err = p->events->on_frame(p->owner, p, frame);
        }
        if (err < PN_OK)
            fed_plug_fail(p, err);
    }
}

void fed_plug_take(fed_plug *p, pn_bytes *in)
{
    deliver(p);
    while (in->len > 0 && takes_frames(p)) {
        const size_t before = in->len;
        const pn_err err = pn_link_feed(p->link, in);
        p->fed += before - in->len;
        if (err != PN_OK) {
            fed_plug_fail(p, err);
            return;
        }
        deliver(p);
    }
}

static void take_held(fed_plug *p)
{
    const pn_bytes all = pn_buf_view(&p->held);
    pn_bytes rest = all;
    fed_plug_take(p, &rest);
    if (all.len > 0)
        pn_buf_consume(&p->held, all.len - rest.len);
}

/* --- deciding ------------------------------------------------------------- */

static void set_clogged(fed_plug *p)
{
    const size_t waiting = pn_link_output(p->link).len;
    const size_t high = FED_OUTPUT_MAX / 2;
    const bool was = p->clogged;
    p->clogged =
        p->side == FED_ACCEPTER && waiting > (p->clogged ? high / 2 : high);
    if (was && !p->clogged)
        p->heard_ms = pn_mono_ms(p->env);
}

static void check_time(fed_plug *p)
{
    const uint64_t now = pn_mono_ms(p->env);
    if (p->state == FED_PLUG_DRAINING) {
        if (now >= p->cut_ms)
            fed_plug_close(p, FED_WHY_DONE);
        return;
    }
    if (now >= pn_link_deadline(p->link)) {
        const pn_err err = pn_link_tick(p->link);
        if (err != PN_OK)
            fed_plug_fail(p, err);
    }
    if (p->state == FED_PLUG_RUNNING && pn_link_output(p->link).len > 0 &&
        now >= p->moved_ms + FED_SLOW_MS)
        fed_plug_close(p, FED_WHY_SLOW);
    if (p->state == FED_PLUG_RUNNING && p->open && takes_frames(p) &&
        now >= p->heard_ms + FED_IDLE_MS)
        fed_plug_close(p, FED_WHY_IDLE);
}

static void tell_writable(fed_plug *p)
{
    if (!p->starved || p->state != FED_PLUG_RUNNING ||
        pn_link_output(p->link).len > 0)
        return;
    p->starved = false;
    p->events->on_writable(p->owner, p);
}

static void end_when_drained(fed_plug *p)
{
    if (p->state == FED_PLUG_DRAINING && pn_link_output(p->link).len == 0)
        fed_conn_shut(p->conn, p->side);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void set_timer(fed_plug *p)
{
    uint64_t at = UINT64_MAX;
    if (p->state == FED_PLUG_DRAINING) {
        at = p->cut_ms;
    } else if (p->state == FED_PLUG_RUNNING) {
        at = pn_link_deadline(p->link);
        if (pn_link_output(p->link).len > 0)
            at = earlier(at, p->moved_ms + FED_SLOW_MS);
        if (p->open && takes_frames(p))
            at = earlier(at, p->heard_ms + FED_IDLE_MS);
        if (!p->busy && p->resume_ms > pn_mono_ms(p->env))
            at = earlier(at, p->resume_ms);
    }
    if (p->unflushed)
        at = pn_mono_ms(p->env);
    if (at <= pn_mono_ms(p->env))
        fed_plug_wake(p);
    else if (at == UINT64_MAX)
        fed_timer_set(p->clock, &p->timer, UINT64_MAX);
    else
        fed_timer_set(p->clock, &p->timer,
                      p->clock->now_ms + (at - pn_mono_ms(p->env)));
}

void fed_plug_pump(fed_plug *p)
{
    static void (*const steps[])(fed_plug *) = {
        check_time, write_out,   set_clogged,      take_held,
        write_out,  set_clogged, end_when_drained, tell_writable,
    };
    if (p->pumping || p->state == FED_PLUG_DIALLING)
        return;
    p->pumping = true;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (p->state != FED_PLUG_CLOSING)
            steps[i](p);
    }
    p->pumping = false;
    if (p->state == FED_PLUG_CLOSING)
        return;
    fed_conn_read(p->conn, p->side,
                  p->state == FED_PLUG_DRAINING ||
                      (takes_frames(p) && pn_buf_len(&p->held) == 0));
    set_timer(p);
}
