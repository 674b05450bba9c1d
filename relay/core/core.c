#include "relay/core/core.h"

#include <string.h>

#include "proto/base/mem.h"
#include "relay/core/state.h"

/* What a cell of the table does. The zero value is the absent cell. */
typedef enum action {
    IMPOSSIBLE = 0, /* closes the link */
    SESSION,        /* the link's own affair: session.c */
    REFUSE,         /* well-formed, and not for a client to send */
    DEPOSIT,
    FETCH,
    ACK,
    CREATE,
    OPEN,
    MANAGE,
    UNSUPPORTED, /* its feature is never granted */
} action;

enum { KINDS = PN_MSG_DESCRIPTOR + 1 };

/* Rows are states, columns message kinds. What only a relay says is refused
 * with an Error, but an Error is never answered with one: session.c. */
static const uint8_t table[RL_SESSION_STATES][KINDS] = {
    [RL_SESSION_OPEN] = {
        [PN_MSG_DEPOSIT] = DEPOSIT,
        [PN_MSG_DEPOSIT_RESULT] = REFUSE,
        [PN_MSG_FETCH] = FETCH,
        [PN_MSG_ACK] = ACK,
        [PN_MSG_ACKED] = REFUSE,
        [PN_MSG_FETCH_END] = REFUSE,
        [PN_MSG_PING] = SESSION,
        [PN_MSG_PONG] = SESSION,
        [PN_MSG_INFO_REQUEST] = SESSION,
        [PN_MSG_INFO] = SESSION,
        [PN_MSG_BYE] = SESSION,
        [PN_MSG_ERROR] = SESSION,
        [PN_MSG_QUEUE_CREATE] = CREATE,
        [PN_MSG_QUEUE_CREATED] = REFUSE,
        [PN_MSG_QUEUE_OPEN] = OPEN,
        [PN_MSG_QUEUE_OPENED] = REFUSE,
        [PN_MSG_QUEUE_ROTATE] = MANAGE,
        [PN_MSG_QUEUE_SUSPEND] = MANAGE,
        [PN_MSG_QUEUE_RESUME] = MANAGE,
        [PN_MSG_QUEUE_DELETE] = MANAGE,
        [PN_MSG_QUEUE_DONE] = REFUSE,
        [PN_MSG_FORWARD] = UNSUPPORTED,
        [PN_MSG_FORWARD_RESULT] = REFUSE,
        [PN_MSG_FORWARD_REPLY] = REFUSE,
        [PN_MSG_PARCEL] = UNSUPPORTED,
        [PN_MSG_PARCEL_RESULT] = REFUSE,
        [PN_MSG_DESCRIPTOR_REQUEST] = UNSUPPORTED,
        [PN_MSG_DESCRIPTOR] = REFUSE,
        /* Deliver and QueueClosed may carry id 0, which nothing can answer:
         * from a client they are impossible. */
    },
};

pn_err rl_core_new(rl_core **out, const pn_env *env, const rl_sink *sink,
                   const rl_core_config *config, const rl_relay *relay)
{
    rl_core *core = pn_alloc(1, sizeof *core);
    pn_err err;
    *out = NULL;
    if (core == NULL)
        return PN_E_NOMEM;
    core->env = env;
    core->sink = *sink;
    core->look_ms = pn_mono_ms(env);
    core->retry_ms = UINT64_MAX;
    pn_node_init(&core->links);
    pn_node_init(&core->orphans);
    pn_node_init(&core->late);
    rl_core_configure(core, config, relay);
    rl_core_set_expired(core, 0, 0);
    err = pn_map_init(&core->queues, env, RL_QUEUE_ID_BYTES, SIZE_MAX);
    if (err == PN_OK)
        err = rl_origins_init(&core->origins, env);
    if (err != PN_OK) {
        rl_core_free(&core);
        return err;
    }
    *out = core;
    return PN_OK;
}

static void free_ops(rl_core *core, pn_node *head)
{
    while (!pn_list_is_empty(head))
        rl_pending_free(core,
                        PN_ENTRY(pn_list_first(head), rl_pending, in_link));
}

void rl_core_free(rl_core **corep)
{
    rl_core *core = corep != NULL ? *corep : NULL;
    if (core == NULL)
        return;
    while (!pn_list_is_empty(&core->links))
        rl_core_closed(PN_ENTRY(pn_list_first(&core->links), rl_link, in_core));
    free_ops(core, &core->orphans);
    pn_map_free(&core->queues);
    rl_origins_free(&core->origins);
    pn_free_wiped(core, sizeof *core);
    *corep = NULL;
}

void rl_core_set_expired(rl_core *core, rl_day day, rl_day clock)
{
    core->expired = day;
    core->expired_clock = clock;
    rl_calendar_start(&core->calendar, day, clock, pn_wall_ms(core->env),
                      pn_mono_ms(core->env));
}

void rl_core_configure(rl_core *core, const rl_core_config *config,
                       const rl_relay *relay)
{
    core->config = *config;
    core->relay = *relay;
}

pn_err rl_core_open(rl_core *core, void *peer, bool queues_granted,
                    uint64_t origin, const uint8_t binding[RL_BINDING_BYTES],
                    rl_link **out)
{
    rl_link *link = pn_alloc(1, sizeof *link);
    *out = link;
    if (link == NULL)
        return PN_E_NOMEM;
    link->core = core;
    link->peer = peer;
    link->queues_granted = queues_granted;
    link->origin = origin;
    memcpy(link->binding, binding, RL_BINDING_BYTES);
    rl_session_init(&link->session);
    pn_node_init(&link->ops);
    pn_node_init(&link->stalled);
    pn_list_push_back(&core->links, &link->in_core);
    core->stats.links++;
    return PN_OK;
}

static pn_err take_session(rl_link *link, const pn_msg *msg)
{
    rl_core *core = link->core;
    const rl_sink *sink = &core->sink;
    rl_effects effects;
    PN_TRY(rl_session_take(&link->session, &core->relay, msg,
                           pn_mono_ms(core->env), pn_wall_ms(core->env),
                           &effects));
    for (size_t i = 0; i < effects.count; i++) {
        const rl_effect *e = &effects.at[i];
        if (e->kind == RL_EFFECT_REPLY)
            rl_answer(link, &e->u.reply);
        else if (e->kind == RL_EFFECT_PAUSE)
            sink->pause(sink->ctx, link->peer, e->u.resume_ms);
        else
            sink->close(sink->ctx, link->peer, e->u.bye);
    }
    return PN_OK;
}

static void answer_error(rl_link *link, uint64_t id, pn_error_code code)
{
    const pn_msg msg = { .id = id,
                         .kind = PN_MSG_ERROR,
                         .u.error = { .code = code } };
    rl_answer(link, &msg);
}

static pn_err act(rl_link *link, action what, const pn_msg *msg)
{
    switch (what) {
    case DEPOSIT:
        return rl_deposit_take(link, msg);
    case FETCH:
        return rl_mail_fetch(link, msg);
    case ACK:
        return rl_mail_ack(link, msg);
    case CREATE:
        return rl_create_take(link, msg);
    case OPEN:
        return rl_open_take(link, msg);
    case MANAGE:
        return rl_manage_take(link, msg);
    case REFUSE:
        answer_error(link, msg->id, PN_ERROR_NOT_ALLOWED);
        return PN_OK;
    case UNSUPPORTED:
        answer_error(link, msg->id, PN_ERROR_UNSUPPORTED);
        return PN_OK;
    case SESSION:
    case IMPOSSIBLE:
        break;
    }
    return PN_E_PROTO;
}

/* Signatures cost what ten deposits do. */
static uint32_t tokens_of(const pn_msg *msg)
{
    if (msg->kind == PN_MSG_QUEUE_CREATE)
        return 4;
    if (msg->kind == PN_MSG_QUEUE_OPEN)
        return 1 + (uint32_t)(msg->u.queue_open.proofs.len /
                              PN_QUEUE_PROOF_BYTES / 8);
    return 1;
}

pn_err rl_core_take(rl_link *link, const pn_msg *msg)
{
    rl_core *core = link->core;
    const rl_sink *sink = &core->sink;
    const unsigned column = (unsigned)msg->kind;
    const uint64_t now = pn_mono_ms(core->env);
    action what;
    uint32_t wait;
    if (column >= KINDS)
        return PN_E_PROTO;
    what = (action)table[link->session.state][column];
    core->stats.commands++;
    if (what == SESSION)
        return take_session(link, msg);
    if (what != IMPOSSIBLE && what != REFUSE && !link->queues_granted)
        answer_error(link, msg->id, PN_ERROR_UNSUPPORTED);
    else
        PN_TRY(act(link, what, msg));
    wait = rl_session_charge(&link->session, &core->relay, tokens_of(msg), now);
    if (wait > 0 && rl_link_is_open(link))
        sink->pause(sink->ctx, link->peer, now + wait);
    return PN_OK;
}

void rl_core_writable(rl_link *link)
{
    link->full = false;
    rl_mail_resume(link);
}

/* The store still has it and will answer, or its look-ups will. */
static bool is_awaited(const rl_pending *p)
{
    return p->place == RL_IN_STORE || p->place == RL_BATCH;
}

void rl_core_closed(rl_link *link)
{
    rl_core *core = link->core;
    pn_node *at;
    link->session.state = RL_SESSION_CLOSED; /* no effects from here on */
    for (uint32_t i = 0; i < link->handles; i++)
        if (link->queues[i] != NULL)
            rl_queue_release(core, link->queues[i], RL_SILENTLY);
    while ((at = pn_list_first(&link->ops)) != NULL) {
        rl_pending *p = PN_ENTRY(at, rl_pending, in_link);
        if (is_awaited(p)) {
            pn_list_remove(at);
            pn_list_push_back(&core->orphans, at);
            p->link = NULL;
        } else {
            p->link = NULL; /* not counted any more */
            rl_pending_free(core, p);
        }
    }
    pn_list_remove(&link->in_core);
    core->stats.links--;
    pn_free(link->queues);
    pn_free_wiped(link, sizeof *link);
}

pn_err rl_core_operate(rl_core *core, rl_op_kind kind,
                       const uint8_t id[RL_QUEUE_ID_BYTES], uint64_t ticket)
{
    rl_op op = { .kind = kind, .id = id };
    rl_pending *p;
    pn_err err;
    if (kind != RL_OP_BLOCK && kind != RL_OP_UNBLOCK && kind != RL_OP_PURGE)
        return PN_E_ARG;
    p = rl_pending_new(core, NULL, sizeof *p, (pn_msg_kind)RL_OPERATOR, ticket,
                       0);
    if (p == NULL)
        return PN_E_NOMEM;
    err = rl_submit(core, p, &op);
    if (err != PN_OK)
        rl_pending_free(core, p);
    return err;
}

/* By the command that asked, not by the operation: a fetch is a fetch,
 * whether pushed or not. */
static void route(rl_core *core, rl_pending *p, const rl_result *r)
{
    switch (p->kind) {
    case PN_MSG_DEPOSIT:
        rl_deposit_result(core, p, r);
        break;
    case PN_MSG_FETCH:
        rl_mail_fetched(core, p, r);
        break;
    case PN_MSG_ACK:
        rl_mail_acked(core, p, r);
        break;
    case PN_MSG_QUEUE_CREATE:
        rl_create_result(core, p, r);
        break;
    case PN_MSG_QUEUE_OPEN:
        rl_open_result(core, p, r);
        break;
    case PN_MSG_QUEUE_ROTATE:
    case PN_MSG_QUEUE_SUSPEND:
    case PN_MSG_QUEUE_RESUME:
    case PN_MSG_QUEUE_DELETE:
        rl_manage_result(core, p, r);
        break;
    case RL_OPERATOR:
        if (core->sink.operated != NULL)
            core->sink.operated(core->sink.ctx, p->id, r);
        rl_pending_free(core, p);
        break;
    case RL_EXPIRY:
        rl_expire_result(core, p, r);
        break;
    default: /* nobody waits for it */
        rl_pending_free(core, p);
        break;
    }
}

void rl_core_result(rl_core *core, const rl_result *result)
{
    rl_pending *p = (rl_pending *)(uintptr_t)result->token;
    rl_link *link = p->link;
    route(core, p, result);
    if (link != NULL)
        rl_mail_resume(link);
}

/* The failure of a command, at its time. */
static void say_late(rl_core *core, rl_pending *p)
{
    rl_link *link = p->link;
    const uint64_t id = p->id;
    if (p->kind == PN_MSG_QUEUE_OPEN) {
        rl_open_answer(core, p);
        return;
    }
    if (p->kind == PN_MSG_DEPOSIT)
        rl_answer_deposit(link, id, PN_DEPOSIT_UNKNOWN, 0);
    else
        rl_answer_done(link, id, PN_QUEUE_NOT_ALLOWED, 0);
    rl_pending_free(core, p);
}

void rl_core_tick(rl_core *core)
{
    const uint64_t now = pn_mono_ms(core->env);
    pn_node *at;
    while ((at = pn_list_first(&core->late)) != NULL) {
        rl_pending *p = PN_ENTRY(at, rl_pending, in_wait);
        if (p->due_ms > now)
            break;
        say_late(core, p);
    }
    if (core->retry_ms <= now) {
        core->retry_ms = UINT64_MAX;
        for (at = core->links.next; at != &core->links; at = at->next)
            rl_mail_resume(PN_ENTRY(at, rl_link, in_core));
    }
    rl_expire_tick(core, now);
}

uint64_t rl_core_deadline(const rl_core *core)
{
    pn_node *late = pn_list_first(&core->late);
    uint64_t at =
        core->look_ms < core->retry_ms ? core->look_ms : core->retry_ms;
    if (late != NULL) {
        const uint64_t due = PN_ENTRY(late, rl_pending, in_wait)->due_ms;
        at = due < at ? due : at;
    }
    return at;
}

void rl_core_stats_get(const rl_core *core, rl_core_stats *out)
{
    *out = core->stats;
    out->open_queues = core->queues.count;
}
