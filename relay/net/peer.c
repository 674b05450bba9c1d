#include "relay/net/peer.h"

#include <string.h>

#include "proto/base/buf.h"
#include "proto/base/mem.h"

typedef struct rl_peer {
    rl_server *server;
    pn_uvlink *link;
    rl_link *core;
    pn_node node;       /* in server->paused, or in no list */
    uint64_t resume_ms; /* while paused */
    /* Answers that found the output full, each after its u32 length; nothing
     * more is read until they are gone. Empty almost always. */
    pn_buf held;
    uint8_t *dialled; /* owned: the relay key we dialled; NULL: it called us */
    bool busy;        /* the core's wish */
} rl_peer;

/* --- pauses --------------------------------------------------------------- */

static void on_resume(uv_timer_t *timer);

/* See to it that on_resume() comes at `at` or before. */
static void arm(rl_server *s, uint64_t at)
{
    const uint64_t now = pn_mono_ms(s->env);
    if (uv_is_active((const uv_handle_t *)&s->resume) && s->resume_ms <= at)
        return;
    s->resume_ms = at;
    (void)uv_timer_start(&s->resume, on_resume, at > now ? at - now : 1, 0);
}

static void set_busy(rl_peer *p)
{
    const bool paused = !pn_list_is_empty(&p->node);
    pn_uvlink_set_busy(p->link, paused || p->busy || pn_buf_len(&p->held) > 0);
}

static void pause(rl_peer *p, uint64_t resume_ms)
{
    p->server->pauses++;
    p->resume_ms = resume_ms;
    pn_list_remove(&p->node);
    pn_list_push_back(&p->server->paused, &p->node);
    arm(p->server, resume_ms);
    set_busy(p);
}

/* Pauses differ in length: look at all. They are few, and short. */
static void on_resume(uv_timer_t *timer)
{
    rl_server *s = timer->data;
    const uint64_t now = pn_mono_ms(s->env);
    pn_node *at = s->paused.next;
    while (at != &s->paused) {
        rl_peer *p = PN_ENTRY(at, rl_peer, node);
        at = at->next;
        if (p->resume_ms > now) {
            arm(s, p->resume_ms);
            continue;
        }
        pn_list_remove(&p->node);
        set_busy(p);
    }
}

/* --- effects of the core -------------------------------------------------- */

/* Keep a frame that did not fit until the peer has taken some output. */
static pn_err hold(rl_peer *p, pn_bytes frame)
{
    uint8_t raw[4];
    pn_out len = pn_out_over(raw, sizeof raw);
    pn_put_u32(&len, (uint32_t)frame.len);
    PN_TRY(pn_buf_append(&p->held, pn_out_view(&len)));
    PN_TRY(pn_buf_append(&p->held, frame));
    set_busy(p);
    pn_uvlink_owe_besides(p->link, pn_buf_len(&p->held));
    return PN_OK;
}

static pn_err encode(rl_server *s, const pn_msg *msg, pn_bytes *frame)
{
    pn_out out = pn_out_over(s->frame, PN_MSG_MAX);
    PN_TRY(pn_msg_encode(&out, msg));
    *frame = pn_out_view(&out);
    return PN_OK;
}

/* The core keeps these until there is room, or does without. */
static bool can_wait(const pn_msg *msg)
{
    return msg->kind == PN_MSG_DELIVER || msg->kind == PN_MSG_PARCEL ||
           msg->kind == PN_MSG_FORWARD_REPLY;
}

static pn_err send_frame(rl_peer *p, const pn_msg *msg)
{
    const bool may_wait = can_wait(msg);
    pn_bytes frame;
    pn_err err = PN_E_FULL;
    if (pn_buf_len(&p->held) > 0 && may_wait)
        return PN_E_FULL; /* on_writable() comes when all is gone */
    PN_TRY(encode(p->server, msg, &frame));
    if (pn_buf_len(&p->held) == 0)
        err = pn_uvlink_send(p->link, frame);
    return err == PN_E_FULL && !may_wait ? hold(p, frame) : err;
}

static pn_err sink_send(void *ctx, void *peer, const pn_msg *msg)
{
    rl_peer *p = peer;
    const pn_err err = send_frame(p, msg);
    (void)ctx;
    /* More is owed to it than it may be: it does not read. */
    if (err == PN_E_FULL && !can_wait(msg))
        pn_uvlink_close(p->link, PN_CLOSE_SLOW);
    else if (err != PN_OK && err != PN_E_FULL)
        pn_uvlink_close(p->link,
                        err == PN_E_NOMEM ? PN_CLOSE_NOMEM : PN_CLOSE_IO);
    return err;
}

static void sink_busy(void *ctx, void *peer, bool busy)
{
    rl_peer *p = peer;
    (void)ctx;
    p->busy = busy;
    set_busy(p);
}

static void sink_pause(void *ctx, void *peer, uint64_t resume_ms)
{
    (void)ctx;
    pause(peer, resume_ms);
}

static void sink_close(void *ctx, void *peer, pn_bye_reason why)
{
    const rl_peer *p = peer;
    (void)ctx;
    /* A peer that said Bye wants an end, not an answer. */
    if (why == PN_BYE_DONE)
        pn_uvlink_close(p->link, PN_CLOSE_PEER);
    else
        pn_uvlink_bye(p->link, why);
}

static pn_err sink_submit(void *ctx, const rl_op *op)
{
    rl_server *s = ctx;
    return rl_storeio_submit(&s->io, op);
}

static void sink_operated(void *ctx, uint64_t ticket, const rl_result *result)
{
    const rl_server *s = ctx;
    if (s->on_operated != NULL)
        s->on_operated(s->on_operated_ctx, ticket, result);
}

static void sink_described(void *ctx, const uint8_t *key, pn_bytes descriptor)
{
    const rl_server *s = ctx;
    if (rl_self_keep(s->self.dir, key, descriptor) != PN_OK)
        pn_log(s->env, PN_LOG_WARN,
               "a descriptor could not be kept in " RL_DIR_KNOWN);
}

static pn_err dial(rl_server *s, const pn_address *address);

static pn_err sink_dial(void *ctx, const uint8_t *key)
{
    rl_server *s = ctx;
    const rl_peer_entry *entry = rl_peers_find(&s->peers, key);
    if (entry == NULL || !entry->has_endpoint || s->hub == NULL)
        return PN_E_NOT_FOUND;
    return dial(s, &entry->address);
}

rl_sink rl_peer_sink(rl_server *s)
{
    return (rl_sink){ .ctx = s,
                      .send = sink_send,
                      .busy = sink_busy,
                      .pause = sink_pause,
                      .close = sink_close,
                      .operated = sink_operated,
                      .dial = sink_dial,
                      .described = sink_described,
                      .submit = sink_submit };
}

/* --- events of the link --------------------------------------------------- */

/* A peer without a link yet; `key` is whom we dial, or NULL. */
static rl_peer *make_peer(rl_server *s, const uint8_t *key)
{
    rl_peer *p = pn_alloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    if (key != NULL) {
        p->dialled = pn_alloc(1, PN_ADDRESS_KEY_BYTES);
        if (p->dialled == NULL) {
            pn_free(p);
            return NULL;
        }
        memcpy(p->dialled, key, PN_ADDRESS_KEY_BYTES);
    }
    p->server = s;
    pn_node_init(&p->node);
    pn_buf_init(&p->held, RL_OWED_MAX);
    return p;
}

static void free_peer(rl_peer *p)
{
    pn_buf_clear(&p->held);
    pn_free(p->dialled);
    pn_free(p);
}

/* Tell the core, which may send at once. */
static pn_err open_core(rl_peer *p)
{
    rl_server *s = p->server;
    const pn_link *l = pn_uvlink_link(p->link);
    const uint64_t features = pn_link_get_terms(l)->features;
    const rl_grants grants = {
        .queues = (features & PN_LINK_FEATURE_QUEUES) != 0,
        .parcels = (features & PN_LINK_FEATURE_PARCELS) != 0,
    };
    if (pn_link_get_role(l) == PN_LINK_RELAY) {
        PN_TRY(rl_core_open_relay(s->core, p, p->dialled,
                                  pn_link_peer_static(l), pn_link_binding(l),
                                  &p->core));
        rl_core_announced(p->core, p->dialled != NULL
                                       ? pn_link_get_terms(l)->descriptor_hash
                                       : NULL);
        return PN_OK;
    }
    return rl_core_open(s->core, p, grants, pn_uvlink_tag(p->link),
                        pn_link_binding(l), &p->core);
}

static pn_close_reason reason_of(pn_err err)
{
    return err == PN_E_REFUSED ? PN_CLOSE_REFUSED : PN_CLOSE_NOMEM;
}

static void on_open(void *ctx, pn_uvlink *link)
{
    rl_server *s = ctx;
    rl_peer *p = make_peer(s, NULL);
    pn_err err = PN_E_NOMEM;
    pn_uvlink_set_ctx(link, p);
    if (p != NULL) {
        p->link = link;
        err = open_core(p);
    }
    if (err != PN_OK) {
        if (p != NULL)
            free_peer(p);
        pn_uvlink_set_ctx(link, NULL);
        pn_uvlink_close(link, reason_of(err));
        return;
    }
    rl_limits_opened(&s->limits, pn_uvlink_tag(link));
    rl_server_set_puzzle(s);
    rl_server_set_clock(s);
}

static void on_dialled_open(void *ctx, pn_uvlink *link)
{
    rl_peer *p = ctx;
    const pn_err err = open_core(p);
    if (err != PN_OK)
        pn_uvlink_close(link, reason_of(err));
    rl_server_set_clock(p->server);
}

static pn_err on_frame(void *ctx, pn_uvlink *link, pn_bytes frame)
{
    rl_peer *p = ctx;
    rl_server *s = p->server;
    pn_msg msg;
    pn_err err = pn_msg_decode(&msg, &s->scratch, frame);
    (void)link;
    if (err == PN_OK)
        err = rl_core_take(p->core, &msg);
    pn_msg_scratch_release(&s->scratch);
    rl_server_set_clock(s);
    return err;
}

/* Send what was held, whole frames of it; PN_E_FULL when some is left. */
static pn_err send_held(rl_peer *p)
{
    while (pn_buf_len(&p->held) > 0) {
        pn_bytes rest = pn_buf_view(&p->held), frame;
        uint32_t len;
        PN_TRY(pn_take_u32(&rest, &len));
        PN_TRY(pn_take(&rest, len, &frame));
        PN_TRY(pn_uvlink_send(p->link, frame));
        pn_buf_consume(&p->held, sizeof len + len);
        pn_uvlink_owe_besides(p->link, pn_buf_len(&p->held));
    }
    return PN_OK;
}

static void on_writable(void *ctx, pn_uvlink *link)
{
    rl_peer *p = ctx;
    const pn_err err = send_held(p);
    if (err == PN_E_FULL)
        return;
    if (err != PN_OK) {
        pn_uvlink_close(link, err == PN_E_NOMEM ? PN_CLOSE_NOMEM : PN_CLOSE_IO);
        return;
    }
    set_busy(p);
    rl_core_writable(p->core);
}

static void on_closed(void *ctx, pn_uvlink *link, pn_close_reason reason)
{
    rl_peer *p = ctx;
    (void)reason; /* counted by the hub */
    if (p == NULL)
        return;
    rl_core_closed(p->core);
    pn_list_remove(&p->node);
    rl_limits_closed(&p->server->limits, pn_uvlink_tag(link));
    rl_server_set_clock(p->server);
    free_peer(p);
}

static void on_dialled_closed(void *ctx, pn_uvlink *link,
                              pn_close_reason reason)
{
    rl_peer *p = ctx;
    rl_server *s = p->server;
    (void)link;
    (void)reason;
    if (p->core != NULL)
        rl_core_closed(p->core);
    else
        rl_core_dial_failed(s->core, p->dialled);
    pn_list_remove(&p->node);
    rl_server_set_clock(s);
    free_peer(p);
}

static const pn_uvlink_events dialled_events = { .on_open = on_dialled_open,
                                                 .on_frame = on_frame,
                                                 .on_writable = on_writable,
                                                 .on_closed =
                                                     on_dialled_closed };

static pn_err dial(rl_server *s, const pn_address *address)
{
    static const pn_link_offer offer = { .version_min = 1,
                                         .version_max = PN_LINK_VERSION,
                                         .record_size = 4096,
                                         .features = PN_LINK_FEATURE_PARCELS };
    rl_peer *p = make_peer(s, address->relay_key);
    pn_err err;
    if (p == NULL)
        return PN_E_NOMEM;
    err = pn_uvlink_dial(&p->link, s->hub, address, &offer, &s->identity,
                         &dialled_events, p);
    if (err != PN_OK)
        free_peer(p);
    return err;
}

const pn_uvlink_events rl_peer_events = { .on_open = on_open,
                                          .on_frame = on_frame,
                                          .on_writable = on_writable,
                                          .on_closed = on_closed };
