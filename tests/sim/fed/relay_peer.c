/* Between a plug and the core, as relay/net/peer.c. */
#include <string.h>

#include "proto/base/mem.h"
#include "tests/sim/fed/adversary.h"
#include "tests/sim/fed/shadow.h"
#include "tests/sim/fed/world.h"

/* --- effects of the core -------------------------------------------------- */

static bool can_wait(const pn_msg *msg)
{
    return msg->kind == PN_MSG_DELIVER || msg->kind == PN_MSG_PARCEL ||
           msg->kind == PN_MSG_FORWARD_REPLY;
}

static void set_busy(fed_peer *p)
{
    fed_plug_set_busy(p->plug, p->busy || pn_buf_len(&p->held) > 0);
}

static pn_err hold(fed_peer *p, pn_bytes frame)
{
    uint8_t raw[4];
    pn_out len = pn_out_over(raw, sizeof raw);
    pn_put_u32(&len, (uint32_t)frame.len);
    PN_TRY(pn_buf_append(&p->held, pn_out_view(&len)));
    PN_TRY(pn_buf_append(&p->held, frame));
    set_busy(p);
    return PN_OK;
}

pn_err fed_peer_send(fed_peer *p, const pn_msg *msg)
{
    fed_relay *r = p->relay;
    pn_out out = pn_out_over(r->frame, sizeof r->frame);
    pn_err err = PN_E_FULL;
    if (pn_buf_len(&p->held) > 0 && can_wait(msg))
        return PN_E_FULL;
    FED_CHECK(pn_msg_encode(&out, msg) == PN_OK,
              "a core says only what can be said", "relay %zu, kind %d",
              r->index, (int)msg->kind);
    if (pn_buf_len(&p->held) == 0)
        err = fed_plug_send(p->plug, pn_out_view(&out));
    return err == PN_E_FULL && !can_wait(msg) ? hold(p, pn_out_view(&out))
                                              : err;
}

static pn_err sink_send(void *ctx, void *peer, const pn_msg *msg)
{
    fed_relay *r = ctx;
    fed_peer *p = peer;
    pn_err err;
    if (!fed_node_may(&r->node))
        return PN_OK; /* nobody will ever know */
    if (fed_adversary_says(p, msg))
        return PN_OK;
    err = fed_peer_send(p, msg);
    if (err == PN_OK)
        fed_shadow_told(r->shadow, p->number, msg);
    else if (err == PN_E_FULL && !can_wait(msg))
        fed_plug_close(p->plug, FED_WHY_SLOW);
    else if (err != PN_E_FULL)
        fed_plug_close(p->plug, err == PN_E_NOMEM ? FED_WHY_NOMEM : FED_WHY_IO);
    return err;
}

static void sink_busy(void *ctx, void *peer, bool busy)
{
    fed_peer *p = peer;
    (void)ctx;
    p->busy = busy;
    set_busy(p);
}

static void sink_pause(void *ctx, void *peer, uint64_t resume_ms)
{
    const fed_peer *p = peer;
    (void)ctx;
    fed_plug_pause(p->plug, resume_ms);
}

static void sink_close(void *ctx, void *peer, pn_bye_reason why)
{
    fed_relay *r = ctx;
    const fed_peer *p = peer;
    if (!fed_node_may(&r->node))
        return;
    if (why == PN_BYE_DONE)
        fed_plug_close(p->plug, FED_WHY_PEER);
    else
        fed_plug_bye(p->plug, why);
}

static pn_err sink_submit(void *ctx, const rl_op *op)
{
    fed_relay *r = ctx;
    pn_err err;
    if (!fed_node_may(&r->node))
        return PN_OK;
    fed_oracle_submit(r->world, r->index, op);
    err = rl_store_submit(r->store, op);
    if (err == PN_OK)
        fed_shadow_submitted(r->shadow, op);
    if (err == PN_OK && !r->commits.node.is_in) {
        const uint64_t now = r->node.clock->now_ms;
        const uint64_t most = now < r->slow_until ? 20000 : 12;
        fed_timer_set(r->node.clock, &r->commits,
                      now + fed_between(&r->node.own.dice, 1, most));
    }
    return err;
}

static const fed_plug_events peer_events;

static fed_peer *make_peer(fed_relay *r)
{
    fed_peer *p = pn_alloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->relay = r;
    p->number = r->peers_made++;
    pn_buf_init(&p->held, RL_OWED_MAX);
    pn_list_push_back(&r->peers, &p->in_relay);
    return p;
}

static void free_peer(fed_peer *p)
{
    pn_list_remove(&p->in_relay);
    fed_shadow_gone(p->relay->shadow, p->number);
    pn_buf_clear(&p->held);
    pn_free(p);
}

static pn_err sink_dial(void *ctx, const uint8_t *key)
{
    static const pn_link_offer offer = { .version_min = 1,
                                         .version_max = PN_LINK_VERSION,
                                         .record_size = 4096,
                                         .features = PN_LINK_FEATURE_PARCELS };
    fed_relay *r = ctx;
    const size_t to = fed_relay_of(r->world, key);
    fed_peer *p;
    if (!fed_node_may(&r->node))
        return PN_OK;
    if (to == FED_RELAYS_MAX)
        return PN_E_NOT_FOUND;
    fed_watch_calls(r->world, r->node.number, to);
    p = make_peer(r);
    if (p == NULL)
        return PN_E_NOMEM;
    p->has_dialled = true;
    memcpy(p->dialled, key, sizeof p->dialled);
    p->plug = fed_plug_dial(&r->world->net, &r->node, to, key, &offer,
                            &r->identity, &peer_events, p);
    if (p->plug == NULL) {
        free_peer(p);
        return PN_E_NOMEM;
    }
    return PN_OK;
}

static void sink_described(void *ctx, const uint8_t *key, pn_bytes descriptor)
{
    fed_relay *r = ctx;
    const size_t of = fed_relay_of(r->world, key);
    if (!fed_node_may(&r->node) || of == FED_RELAYS_MAX)
        return;
    memcpy(r->known[of].bytes, descriptor.p, descriptor.len);
    r->known[of].len = descriptor.len;
}

rl_sink fed_relay_sink(fed_relay *r)
{
    return (rl_sink){ .ctx = r,
                      .send = sink_send,
                      .busy = sink_busy,
                      .pause = sink_pause,
                      .close = sink_close,
                      .dial = sink_dial,
                      .described = sink_described,
                      .submit = sink_submit };
}

/* --- events of the plug --------------------------------------------------- */

static pn_err open_core(fed_peer *p)
{
    fed_relay *r = p->relay;
    const pn_link *l = p->plug->link;
    const uint64_t features = pn_link_get_terms(l)->features;
    const rl_grants grants = {
        .queues = (features & PN_LINK_FEATURE_QUEUES) != 0,
        .parcels = (features & PN_LINK_FEATURE_PARCELS) != 0,
    };
    if (pn_link_get_role(l) == PN_LINK_RELAY) {
        PN_TRY(rl_core_open_relay(
            r->core, p, p->has_dialled ? p->dialled : NULL,
            pn_link_peer_static(l), pn_link_binding(l), &p->core));
        rl_core_announced(p->core, p->has_dialled
                                       ? pn_link_get_terms(l)->descriptor_hash
                                       : NULL);
        return PN_OK;
    }
    return rl_core_open(r->core, p, grants, fed_oracle_origin(p->plug->peer),
                        pn_link_binding(l), &p->core);
}

static void on_open(void *owner, fed_plug *plug)
{
    fed_peer *p = owner;
    const pn_err err = open_core(p);
    fed_watch_linked(p->relay->world, p->relay->node.number, plug->peer);
    if (err != PN_OK)
        fed_plug_close(plug,
                       err == PN_E_REFUSED ? FED_WHY_REFUSED : FED_WHY_NOMEM);
    else
        fed_adversary_opened(p);
    fed_relay_touched(p->relay);
}

static pn_err on_frame(void *owner, fed_plug *plug, pn_bytes frame)
{
    fed_peer *p = owner;
    fed_relay *r = p->relay;
    pn_msg msg;
    pn_err err = pn_msg_decode(&msg, &r->scratch, frame);
    (void)plug;
    if (err == PN_OK && fed_node_may(&r->node) &&
        !fed_adversary_hears(p, &msg)) {
        fed_shadow_heard(r->shadow, p->number, &msg);
        err = rl_core_take(p->core, &msg);
    }
    pn_msg_scratch_release(&r->scratch);
    fed_relay_touched(r);
    return err;
}

static pn_err send_held(fed_peer *p)
{
    while (pn_buf_len(&p->held) > 0) {
        pn_bytes rest = pn_buf_view(&p->held), frame;
        uint32_t len;
        PN_TRY(pn_take_u32(&rest, &len));
        PN_TRY(pn_take(&rest, len, &frame));
        PN_TRY(fed_plug_send(p->plug, frame));
        pn_buf_consume(&p->held, sizeof len + len);
    }
    return PN_OK;
}

static void on_writable(void *owner, fed_plug *plug)
{
    fed_peer *p = owner;
    const pn_err err = send_held(p);
    if (err == PN_E_FULL)
        return;
    if (err != PN_OK) {
        fed_plug_close(plug, err == PN_E_NOMEM ? FED_WHY_NOMEM : FED_WHY_IO);
        return;
    }
    set_busy(p);
    if (p->core != NULL)
        rl_core_writable(p->core);
    fed_relay_touched(p->relay);
}

static void on_closed(void *owner, fed_plug *plug, fed_why why)
{
    fed_peer *p = owner;
    fed_relay *r = p->relay;
    fed_oracle_closed(r->world, plug, why);
    if (p->core != NULL)
        rl_core_closed(p->core);
    else if (p->has_dialled)
        rl_core_dial_failed(r->core, p->dialled);
    free_peer(p);
    fed_relay_touched(r);
}

static const fed_plug_events peer_events = { on_open, on_frame, on_writable,
                                             on_closed };

void *fed_relay_accept(fed_relay *r, fed_conn *conn,
                       const fed_conn_events **events)
{
    fed_node *before;
    fed_peer *p;
    fed_plug *plug = NULL;
    if (!r->is_up || r->node.is_dying)
        return NULL;
    before = fed_node_enter(&r->node);
    p = make_peer(r);
    if (p != NULL) {
        plug =
            fed_plug_accept(conn, &r->node, r->gate, &peer_events, p, events);
        p->plug = plug;
        if (plug == NULL)
            free_peer(p);
    }
    fed_node_leave(before);
    return plug;
}

/* The process has ended: no event, no effect. */
void fed_peers_kill(fed_relay *r)
{
    pn_node *n;
    while ((n = pn_list_first(&r->peers)) != NULL) {
        fed_peer *p = PN_ENTRY(n, fed_peer, in_relay);
        fed_plug_kill(&p->plug);
        free_peer(p);
    }
}
