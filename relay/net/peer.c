#include "relay/net/peer.h"

#include <string.h>

#include "proto/base/mem.h"

typedef struct rl_peer {
    rl_server *server;
    pn_uvlink *link;
    rl_session session;
    bool proven;     /* it has sent a frame */
    pn_node node;    /* in server->unproven or ->paused, or in no list */
    uint64_t due_ms; /* when it must have sent one, or may go on */
    /* A reply that found the output full; nothing more is read until it is
     * gone, so one message is the bound. NULL almost always. */
    uint8_t *held;
    size_t held_len;
} rl_peer;

/* --- deadlines ------------------------------------------------------------ */

static void on_due(uv_timer_t *timer);

/* See to it that on_due() comes at `at` or before. */
static void arm(rl_server *s, uint64_t at)
{
    const uint64_t now = pn_mono_ms(s->env);
    if (uv_is_active((const uv_handle_t *)&s->due) && s->due_ms <= at)
        return;
    s->due_ms = at;
    (void)uv_timer_start(&s->due, on_due, at > now ? at - now : 1, 0);
}

static void set_busy(rl_peer *p)
{
    const bool paused = p->proven && !pn_list_is_empty(&p->node);
    pn_uvlink_set_busy(p->link, paused || p->held != NULL);
}

/* Put the peer at the end of `list` until `due_ms`. */
static void enlist(rl_peer *p, pn_node *list, uint64_t due_ms)
{
    p->due_ms = due_ms;
    pn_list_remove(&p->node);
    pn_list_push_back(list, &p->node);
    arm(p->server, due_ms);
}

static void pause(rl_peer *p, uint64_t resume_ms)
{
    p->server->pauses++;
    enlist(p, &p->server->paused, resume_ms);
    set_busy(p);
}

/* Pauses differ in length: look at all. They are few, and short. */
static void resume_due(rl_server *s, uint64_t now)
{
    pn_node *at = s->paused.next;
    while (at != &s->paused) {
        rl_peer *p = PN_ENTRY(at, rl_peer, node);
        at = at->next;
        if (p->due_ms > now) {
            arm(s, p->due_ms);
            continue;
        }
        pn_list_remove(&p->node);
        set_busy(p);
    }
}

/* All have the same time, so the oldest is the first due. */
static void close_unproven(rl_server *s, uint64_t now)
{
    pn_node *first;
    while ((first = pn_list_first(&s->unproven)) != NULL) {
        rl_peer *p = PN_ENTRY(first, rl_peer, node);
        if (p->due_ms > now) {
            arm(s, p->due_ms);
            return;
        }
        pn_list_remove(&p->node);
        pn_uvlink_close(p->link, PN_CLOSE_TIMEOUT);
    }
}

static void on_due(uv_timer_t *timer)
{
    rl_server *s = timer->data;
    const uint64_t now = pn_mono_ms(s->env);
    resume_due(s, now);
    close_unproven(s, now);
}

/* --- frames --------------------------------------------------------------- */

/* Keep a frame that did not fit until the peer has taken some output. */
static pn_err hold(rl_peer *p, pn_bytes frame)
{
    uint8_t *held = pn_alloc(1, frame.len);
    if (held == NULL)
        return PN_E_NOMEM;
    memcpy(held, frame.p, frame.len);
    p->held = held;
    p->held_len = frame.len;
    set_busy(p);
    return PN_OK;
}

static pn_err reply(rl_peer *p, const pn_msg *msg)
{
    uint8_t frame[PN_MSG_SMALL_MAX];
    pn_out out = pn_out_over(frame, sizeof frame);
    pn_err err = pn_msg_encode(&out, msg);
    if (err == PN_OK)
        err = pn_uvlink_send(p->link, pn_out_view(&out));
    return err == PN_E_FULL ? hold(p, pn_out_view(&out)) : err;
}

/* Carry out effects in order; none may follow a close. */
static pn_err apply(rl_peer *p, const rl_effects *effects)
{
    for (size_t i = 0; i < effects->count; i++) {
        const rl_effect *e = &effects->at[i];
        switch (e->kind) {
        case RL_EFFECT_REPLY:
            PN_TRY(reply(p, &e->u.reply));
            break;
        case RL_EFFECT_PAUSE:
            pause(p, e->u.resume_ms);
            break;
        case RL_EFFECT_CLOSE:
            /* Bye came from the peer: what it wanted is an end, not an
             * answer. */
            pn_uvlink_close(p->link, PN_CLOSE_PEER);
            return PN_OK;
        }
    }
    return PN_OK;
}

static void on_open(void *ctx, pn_uvlink *link)
{
    rl_server *s = ctx;
    rl_peer *p = pn_alloc(1, sizeof *p);
    pn_uvlink_set_ctx(link, p);
    if (p == NULL) {
        pn_uvlink_close(link, PN_CLOSE_NOMEM);
        return;
    }
    p->server = s;
    p->link = link;
    pn_node_init(&p->node);
    rl_session_init(&p->session);
    enlist(p, &s->unproven, pn_mono_ms(s->env) + PN_LINK_HANDSHAKE_MS);
}

static void prove(rl_peer *p)
{
    p->proven = true;
    pn_list_remove(&p->node);
    rl_limits_opened(&p->server->limits, pn_uvlink_tag(p->link));
    rl_server_set_puzzle(p->server);
}

static pn_err on_frame(void *ctx, pn_uvlink *link, pn_bytes frame)
{
    rl_peer *p = ctx;
    rl_server *s = p->server;
    pn_msg msg;
    rl_effects effects;
    pn_err err;
    (void)link;
    if (!p->proven)
        prove(p);
    err = pn_msg_decode(&msg, &s->scratch, frame);
    if (err == PN_OK) {
        s->commands++;
        err = rl_session_take(&p->session, &s->relay, &msg, pn_mono_ms(s->env),
                              pn_wall_ms(s->env), &effects);
    }
    if (err == PN_OK)
        err = apply(p, &effects);
    pn_msg_scratch_release(&s->scratch);
    return err;
}

static void on_writable(void *ctx, pn_uvlink *link)
{
    rl_peer *p = ctx;
    pn_err err;
    if (p->held == NULL)
        return;
    err = pn_uvlink_send(link, (pn_bytes){ p->held, p->held_len });
    if (err == PN_E_FULL)
        return;
    pn_free(p->held);
    p->held = NULL;
    if (err == PN_OK)
        set_busy(p);
    else
        pn_uvlink_close(link, err == PN_E_NOMEM ? PN_CLOSE_NOMEM : PN_CLOSE_IO);
}

static void on_closed(void *ctx, pn_uvlink *link, pn_close_reason reason)
{
    rl_peer *p = ctx;
    (void)reason; /* counted by the hub */
    if (p == NULL)
        return;
    pn_list_remove(&p->node);
    if (p->proven)
        rl_limits_closed(&p->server->limits, pn_uvlink_tag(link));
    pn_free(p->held);
    pn_free(p);
}

const pn_uvlink_events rl_peer_events = { .on_open = on_open,
                                          .on_frame = on_frame,
                                          .on_writable = on_writable,
                                          .on_closed = on_closed };
