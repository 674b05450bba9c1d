#include "tests/sim/fed/plug.h"

#include <string.h>

#include "proto/base/mem.h"
#include "tests/sim/fed/fail.h"

/* --- life ----------------------------------------------------------------- */

void fed_plug_wake(fed_plug *p)
{
    fed_timer_set(p->clock, &p->timer, p->clock->now_ms);
}

void fed_plug_close(fed_plug *p, fed_why why)
{
    if (p->state == FED_PLUG_CLOSING)
        return;
    p->state = FED_PLUG_CLOSING;
    p->why = why;
    if (p->conn != NULL) {
        p->was_changed = fed_conn_taint(p->conn, p->side) != UINT64_MAX;
        fed_conn_close(p->conn, p->side);
    }
    p->conn = NULL;
    fed_plug_wake(
        p); /* its owner is told from the clock, not from inside a call */
}

static void free_plug(fed_plug *p)
{
    fed_timer_set(p->clock, &p->timer, UINT64_MAX);
    if (p->conn != NULL)
        fed_conn_close(p->conn, p->side);
    pn_link_free(&p->link);
    pn_buf_clear(&p->held);
    pn_free(p);
}

void fed_plug_kill(fed_plug **pp)
{
    fed_plug *p = *pp;
    *pp = NULL;
    if (p != NULL)
        free_plug(p);
}

void fed_plug_fail(fed_plug *p, pn_err fault)
{
    if (p->state == FED_PLUG_CLOSING)
        return;
    p->fault = fault;
    if (fault == PN_E_NOMEM)
        fed_plug_close(p, FED_WHY_NOMEM);
    else if (fault == PN_E_TIMEOUT)
        fed_plug_close(p, FED_WHY_TIMEOUT);
    else if (fault == PN_E_RANDOM || fault == PN_E_IO)
        fed_plug_close(p, FED_WHY_IO);
    else
        fed_plug_close(p, FED_WHY_PROTO);
}

void fed_plug_bye(fed_plug *p, pn_bye_reason why)
{
    const pn_msg bye = { .kind = PN_MSG_BYE, .u.bye.reason = why };
    uint8_t raw[PN_MSG_SMALL_MAX];
    pn_out out = pn_out_over(raw, sizeof raw);
    if (p->state == FED_PLUG_CLOSING || p->state == FED_PLUG_DRAINING)
        return;
    if (!p->open) {
        fed_plug_close(p, FED_WHY_DONE);
        return;
    }
    if (pn_msg_encode(&out, &bye) == PN_OK)
        (void)!fed_plug_send(p, pn_out_view(&out));
    if (p->state == FED_PLUG_CLOSING)
        return;
    p->state = FED_PLUG_DRAINING;
    p->cut_ms = pn_mono_ms(p->env) + FED_DRAIN_MS;
    fed_plug_wake(p);
}

static void on_time(void *ctx)
{
    fed_plug *p = ctx;
    fed_node *before = fed_node_enter(p->node);
    if (p->state != FED_PLUG_CLOSING) {
        fed_plug_pump(p);
    } else {
        p->events->on_closed(p->owner, p, p->why);
        free_plug(p);
    }
    fed_node_leave(before);
}

void fed_plug_set_busy(fed_plug *p, bool busy)
{
    if (p->busy == busy)
        return;
    p->busy = busy;
    if (!busy)
        p->heard_ms = pn_mono_ms(p->env);
    fed_plug_wake(p);
}

void fed_plug_pause(fed_plug *p, uint64_t resume_ms)
{
    p->resume_ms = resume_ms;
    p->heard_ms = resume_ms;
    fed_plug_wake(p);
}

/* --- asking -------------------------------------------------------------- */

pn_err fed_plug_send(fed_plug *p, pn_bytes frame)
{
    pn_err err;
    if (!p->open || p->state != FED_PLUG_RUNNING)
        return PN_E_STATE;
    err = pn_link_send(p->link, frame);
    p->starved = p->starved || err == PN_E_FULL;
    p->unflushed = p->unflushed || err == PN_OK;
    if (pn_link_get_state(p->link) == PN_LINK_DEAD)
        fed_plug_fail(p, err);
    else
        fed_plug_wake(p);
    return err;
}

/* --- events of the stream ------------------------------------------------- */

static void start(fed_plug *p)
{
    p->state = FED_PLUG_RUNNING;
    p->heard_ms = p->moved_ms = pn_mono_ms(p->env);
    pn_link_set_output_max(p->link, FED_OUTPUT_MAX);
    fed_plug_wake(p);
}

static void on_connected(void *owner)
{
    fed_plug *p = owner;
    fed_node *before = fed_node_enter(p->node);
    const pn_err err =
        pn_link_dial(&p->link, p->env, p->relay_key, &p->offer, p->self);
    if (err != PN_OK)
        fed_plug_fail(p, err);
    else
        start(p);
    fed_node_leave(before);
}

static void on_bytes(void *owner, pn_bytes in)
{
    fed_plug *p = owner;
    fed_node *before;
    if (p->state != FED_PLUG_RUNNING)
        return;
    before = fed_node_enter(p->node);
    p->pumping = true;
    fed_plug_take(p, &in);
    if (p->state == FED_PLUG_RUNNING && in.len > 0 &&
        pn_buf_append(&p->held, in) != PN_OK)
        fed_plug_fail(p, PN_E_NOMEM);
    p->pumping = false;
    fed_plug_pump(p);
    fed_node_leave(before);
}

static void on_room(void *owner)
{
    fed_plug *p = owner;
    fed_node *before = fed_node_enter(p->node);
    fed_plug_pump(p);
    fed_node_leave(before);
}

static void on_end(void *owner, bool is_fault)
{
    fed_plug *p = owner;
    if (p->state == FED_PLUG_DIALLING)
        fed_plug_close(p, FED_WHY_CONNECT);
    else if (p->state == FED_PLUG_DRAINING)
        fed_plug_close(p, FED_WHY_DONE);
    else
        fed_plug_close(p, is_fault ? FED_WHY_IO : FED_WHY_PEER);
}

static const fed_conn_events stream_events = { on_connected, on_bytes, on_room,
                                               on_end };

/* --- making --------------------------------------------------------------- */

static fed_plug *make(fed_node *node, const fed_plug_events *events,
                      void *owner)
{
    fed_plug *p = pn_alloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->clock = node->clock;
    p->node = node;
    p->env = &node->env;
    p->events = events;
    p->owner = owner;
    pn_buf_init(&p->held, FED_PLUG_HELD);
    fed_timer_init(&p->timer, on_time, p);
    return p;
}

fed_plug *fed_plug_dial(fed_net *net, fed_node *node, size_t to,
                        const uint8_t relay_key[PN_LINK_KEY_BYTES],
                        const pn_link_offer *offer,
                        const pn_link_identity *self,
                        const fed_plug_events *events, void *owner)
{
    fed_plug *p = make(node, events, owner);
    if (p == NULL)
        return NULL;
    memcpy(p->relay_key, relay_key, sizeof p->relay_key);
    p->offer = *offer;
    p->self = self;
    p->side = FED_DIALLER;
    p->peer = to;
    p->conn = fed_net_dial(net, node->number, to, p, &stream_events);
    return p;
}

fed_plug *fed_plug_accept(fed_conn *conn, fed_node *node, pn_gate *gate,
                          const fed_plug_events *events, void *owner,
                          const fed_conn_events **conn_events)
{
    fed_plug *p = make(node, events, owner);
    /* Where the peer comes from, as the carrier would say it. */
    const uint8_t origin[] = { 198, 51, 100, (uint8_t)conn->node[FED_DIALLER] };
    if (p == NULL)
        return NULL;
    if (pn_link_accept(&p->link, gate, (pn_bytes){ origin, sizeof origin }) !=
        PN_OK) {
        free_plug(p);
        return NULL;
    }
    p->conn = conn;
    p->side = FED_ACCEPTER;
    p->peer = conn->node[FED_DIALLER];
    *conn_events = &stream_events;
    start(p);
    return p;
}
