#include "tests/unit/carrier/pair.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/mem.h"
#include "proto/carrier/sysenv.h"
#include "tests/support/cmocka.h"

/* --- events --------------------------------------------------------------- */

static void on_open(void *ctx, pn_uvlink *link)
{
    pair_end *end = ctx;
    end->link = link;
    end->opened++;
    assert_true(pn_uvlink_is_open(link));
    if (end->close_at_open)
        pn_uvlink_close(link, PN_CLOSE_SHUTDOWN);
}

static pn_err on_frame(void *ctx, pn_uvlink *link, pn_bytes frame)
{
    pair_end *end = ctx;
    assert_true(frame.len > 0);
    assert_false(end->close_at_frame && end->frames > 0);
    end->frames++;
    end->bytes += frame.len;
    for (size_t i = 0; i < frame.len; i++)
        end->sum = end->sum * 31 + frame.p[i];
    if (end->busy_at_frame)
        pn_uvlink_set_busy(link, true);
    if (end->close_at_frame)
        pn_uvlink_close(link, PN_CLOSE_SHUTDOWN);
    if (end->echo)
        return pn_uvlink_send(link, frame);
    return end->answer;
}

static void on_writable(void *ctx, pn_uvlink *link)
{
    pair_end *end = ctx;
    (void)link;
    end->writable++;
}

static void on_closed(void *ctx, pn_uvlink *link, pn_close_reason reason)
{
    pair_end *end = ctx;
    end->closed++;
    end->why = reason;
    end->fault = pn_uvlink_fault(link);
    end->link = NULL;
}

const pn_uvlink_events pair_events = { .on_open = on_open,
                                       .on_frame = on_frame,
                                       .on_writable = on_writable,
                                       .on_closed = on_closed };

/* --- life ----------------------------------------------------------------- */

pn_uvhub_options pair_options(void)
{
    pn_uvhub_options o = PN_UVHUB_OPTIONS_INIT;
    o.tick_ms = 5;
    o.drain_ms = 500;
    return o;
}

pn_err pair_up(pair *p, const pn_uvhub_options *options)
{
    static const uint8_t seed[32] = { 7 };
    const pn_uvhub_options defaults = pair_options();
    memset(p, 0, sizeof *p);
    (void)signal(SIGPIPE, SIG_IGN);
    p->env = pn_sysenv(NULL, NULL);
    p->relay.pair = p;
    p->client.pair = p;
    p->offer = (pn_link_offer){ .version_min = PN_LINK_VERSION,
                                .version_max = PN_LINK_VERSION,
                                .record_size = 4096 };
    assert_int_equal(uv_loop_init(&p->loop), 0);
    PN_TRY(pn_link_identity_from_seed(&p->id, seed));
    PN_TRY(pn_gate_new(&p->gate, &p->env, &p->id));
    return pn_uvhub_new(&p->hub, &p->loop, &p->env,
                        options != NULL ? options : &defaults);
}

static void on_stopped(void *ctx)
{
    pair *p = ctx;
    p->stopped = true;
}

void pair_down(pair *p)
{
    if (p->hub != NULL) { /* a stop already under way becomes an abrupt one */
        pn_uvhub_stop(p->hub, PN_BYE_NONE, on_stopped, p);
        assert_int_equal(uv_run(&p->loop, UV_RUN_DEFAULT), 0);
        p->hub = NULL; /* it has freed itself */
    }
    assert_int_equal(uv_loop_close(&p->loop), 0);
    pn_gate_free(&p->gate);
    pn_wipe(&p->id, sizeof p->id);
}

pn_err pair_connect(pair *p)
{
    int fds[2];
    pn_err err;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    err = pn_uvlink_accept_fd(&p->relay.link, p->hub, fds[0], p->gate,
                              &pair_events, &p->relay);
    if (err != PN_OK) {
        (void)close(fds[0]);
        (void)close(fds[1]);
        return err;
    }
    err = pn_uvlink_dial_fd(&p->client.link, p->hub, fds[1], p->id.relay_key,
                            &p->offer, NULL, &pair_events, &p->client);
    if (err != PN_OK)
        (void)close(fds[1]);
    return err;
}

int pair_stranger(pair *p)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(pn_uvlink_accept_fd(&p->relay.link, p->hub, fds[0],
                                         p->gate, &pair_events, &p->relay),
                     PN_OK);
    return fds[1];
}

/* --- running -------------------------------------------------------------- */

static void on_bell(uv_timer_t *timer)
{
    bool *rung = timer->data;
    *rung = true;
}

/* Run until *what reaches `want`, or `ms` have passed. */
static bool run(pair *p, uint64_t ms, const unsigned *what, unsigned want)
{
    uv_timer_t bell;
    bool rung = false;
    assert_int_equal(uv_timer_init(&p->loop, &bell), 0);
    bell.data = &rung;
    uv_update_time(&p->loop);
    assert_int_equal(uv_timer_start(&bell, on_bell, ms, 0), 0);
    while (!rung && (what == NULL || *what < want))
        (void)uv_run(&p->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&bell, NULL);
    (void)uv_run(&p->loop, UV_RUN_NOWAIT);
    return !rung;
}

void pair_run_until(pair *p, const unsigned *what, unsigned want)
{
    assert_true(run(p, 20000, what, want));
}

void pair_run_for(pair *p, uint64_t ms)
{
    assert_false(run(p, ms, NULL, 0));
}
