#include "client/net/probe.h"

#include <string.h>

#include "client/net/sigpipe.h"
#include "proto/carrier/uvlink.h"

enum { QUESTION_ID = 1, LEAVE_MS = 1000 };

typedef struct probe {
    uv_loop_t loop;
    uv_timer_t timer;
    pn_uvhub *hub;
    pn_uvlink *link; /* NULL once it has ended */
    const pn_env *env;
    uint64_t started_ns;
    uint64_t asked_ns;
    uint64_t asked_wall_ms;
    bool answered;
    bool timed_out;
    cl_probe_end end; /* what the link's end said, unless answered */
    cl_probe_result result;
} probe;

/* Begin the end; harmless more than once. What is left says Bye first. */
static void leave(probe *p)
{
    if (!uv_is_closing((uv_handle_t *)&p->timer))
        uv_close((uv_handle_t *)&p->timer, NULL);
    pn_uvhub_stop(p->hub, p->answered ? PN_BYE_DONE : PN_BYE_NONE, NULL, NULL);
}

static void on_timer(uv_timer_t *timer)
{
    probe *p = timer->data;
    p->timed_out = !p->answered;
    leave(p);
}

static void on_open(void *ctx, pn_uvlink *link)
{
    const pn_msg question = { .id = QUESTION_ID, .kind = PN_MSG_INFO_REQUEST };
    probe *p = ctx;
    p->result.terms = *pn_link_get_terms(pn_uvlink_link(link));
    p->asked_ns = uv_hrtime();
    p->asked_wall_ms = pn_wall_ms(p->env);
    p->result.handshake_us = (p->asked_ns - p->started_ns) / 1000;
    if (pn_uvlink_send_msg(link, &question) != PN_OK)
        pn_uvlink_close(link, PN_CLOSE_NOMEM);
}

static void copy_text(char out[PN_SOFTWARE_MAX + 1], pn_bytes text)
{
    /* Decoding bounds it to PN_SOFTWARE_MAX graphic ASCII bytes. */
    memcpy(out, text.p, text.len);
    out[text.len] = 0;
}

static void take_info(probe *p, const pn_msg_info *info)
{
    const uint64_t now = uv_hrtime();
    const uint64_t wall = pn_wall_ms(p->env);
    p->result.roundtrip_us = (now - p->asked_ns) / 1000;
    p->result.protocol = info->protocol;
    p->result.frame_max = info->frame_max;
    /* Against the middle of our waiting, as clocks are compared. */
    p->result.clock_difference_ms =
        (int64_t)(info->wall_ms -
                  (p->asked_wall_ms + (wall - p->asked_wall_ms) / 2));
    copy_text(p->result.software, info->software);
    copy_text(p->result.version, info->version);
    p->answered = true;
    leave(p);
}

static pn_err on_frame(void *ctx, pn_uvlink *link, pn_bytes frame)
{
    probe *p = ctx;
    pn_msg_scratch scratch;
    pn_msg msg;
    pn_err err;
    pn_msg_scratch_init(&scratch);
    err = pn_msg_decode(&msg, &scratch, frame);
    if (err == PN_OK && msg.kind == PN_MSG_BYE)
        pn_uvlink_close(link, PN_CLOSE_PEER);
    else if (err == PN_OK && (msg.kind != PN_MSG_INFO || msg.id != QUESTION_ID))
        err = PN_E_PROTO;
    else if (err == PN_OK)
        take_info(p, &msg.u.info);
    pn_msg_scratch_release(&scratch);
    return err;
}

static cl_probe_end end_of(pn_close_reason reason, pn_err fault)
{
    switch (reason) {
    case PN_CLOSE_RESOLVE:
        return CL_PROBE_RESOLVE;
    case PN_CLOSE_CONNECT:
        return CL_PROBE_CONNECT;
    case PN_CLOSE_NOMEM:
        return CL_PROBE_NOMEM;
    case PN_CLOSE_PROTO:
        if (fault == PN_E_VERSION)
            return CL_PROBE_VERSION;
        return fault == PN_E_CRYPTO ? CL_PROBE_AUTH : CL_PROBE_PROTOCOL;
    case PN_CLOSE_TIMEOUT:
    case PN_CLOSE_SLOW:
    case PN_CLOSE_IDLE:
        return CL_PROBE_TIMEOUT;
    case PN_CLOSE_PEER:
    case PN_CLOSE_IO:
        return CL_PROBE_CLOSED;
    case PN_CLOSE_SHUTDOWN:
    case PN_CLOSE_REFUSED:
    case PN_CLOSE_REASONS:
        break;
    }
    return CL_PROBE_SYSTEM;
}

static void on_closed(void *ctx, pn_uvlink *link, pn_close_reason reason)
{
    probe *p = ctx;
    p->end = end_of(reason, pn_uvlink_fault(link));
    p->link = NULL;
    leave(p);
}

static const pn_uvlink_events events = { .on_open = on_open,
                                         .on_frame = on_frame,
                                         .on_closed = on_closed };

static cl_probe_end start_failure(pn_err err)
{
    switch ((int)err) {
    case PN_E_NOMEM:
        return CL_PROBE_NOMEM;
    case PN_E_CRYPTO:
        return CL_PROBE_AUTH; /* a key with which nobody can prove himself */
    default:
        return CL_PROBE_SYSTEM;
    }
}

static cl_probe_end run(probe *p, const pn_address *address,
                        uint32_t timeout_ms)
{
    const pn_link_offer offer = { .version_min = PN_LINK_VERSION,
                                  .version_max = PN_LINK_VERSION,
                                  .record_size = 4096,
                                  .features = PN_LINK_FEATURE_QUEUES };
    pn_uvhub_options options = PN_UVHUB_OPTIONS_INIT;
    pn_err err;
    options.drain_ms = LEAVE_MS;
    options.tick_ms = 20;
    options.dial_ms = timeout_ms;
    err = pn_uvhub_new(&p->hub, &p->loop, p->env, &options);
    if (err != PN_OK)
        return start_failure(err);
    (void)uv_timer_init(&p->loop, &p->timer); /* cannot fail */
    p->timer.data = p;
    p->started_ns = uv_hrtime();
    err = pn_uvlink_dial(&p->link, p->hub, address, &offer, NULL, &events, p);
    if (err == PN_OK)
        (void)uv_timer_start(&p->timer, on_timer, timeout_ms, 0);
    else
        leave(p);
    (void)uv_run(&p->loop, UV_RUN_DEFAULT);
    if (p->answered)
        return CL_PROBE_DONE;
    if (err != PN_OK)
        return start_failure(err);
    return p->timed_out ? CL_PROBE_TIMEOUT : p->end;
}

cl_probe_end cl_probe(const pn_env *env, const pn_address *address,
                      uint32_t timeout_ms, cl_probe_result *out)
{
    probe p = { .env = env, .end = CL_PROBE_SYSTEM };
    cl_sigpipe sigpipe;
    cl_probe_end end;
    if (!cl_sigpipe_hold(&sigpipe))
        return CL_PROBE_SYSTEM;
    if (uv_loop_init(&p.loop) != 0) {
        cl_sigpipe_release(&sigpipe);
        return CL_PROBE_SYSTEM;
    }
    end = run(&p, address, timeout_ms);
    if (uv_loop_close(&p.loop) != 0)
        end = CL_PROBE_SYSTEM; /* something leaked: do not call it success */
    cl_sigpipe_release(&sigpipe);
    if (end == CL_PROBE_DONE)
        *out = p.result;
    return end;
}
