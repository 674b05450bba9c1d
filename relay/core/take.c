/* Which command is possible for whom: every message of a peer comes through the
 * table here.
 */
#include "relay/core/dest.h"

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
    FORWARD,
    PARCEL, /* for this relay to open */
    WHO,    /* what is known of a relay */
    KNOWN,  /* another relay says who it is: we asked */
    RESULT, /* another relay's answer to a parcel of ours */
    FAULT,  /* its complaint about one */
    IGNORE, /* answers that nobody waits for */
} action;

enum { KINDS = PN_MSG_DESCRIPTOR + 1 };

enum { CLIENT, RELAY, ROWS };

/* Rows are who speaks on an open link, columns message kinds. What only a
 * relay says to its client is refused with an Error, but an Error is never
 * answered with one: session.c. Nothing may follow a Bye. */
static const uint8_t table[ROWS][KINDS] = {
    [CLIENT] = {
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
        [PN_MSG_FORWARD] = FORWARD,
        [PN_MSG_FORWARD_RESULT] = REFUSE,
        [PN_MSG_FORWARD_REPLY] = REFUSE,
        [PN_MSG_PARCEL] = PARCEL,
        [PN_MSG_PARCEL_RESULT] = REFUSE,
        [PN_MSG_DESCRIPTOR_REQUEST] = WHO,
        [PN_MSG_DESCRIPTOR] = REFUSE,
        /* Deliver and QueueClosed may carry id 0, which nothing can answer:
         * from a client they are impossible. */
    },
    /* A relay brings parcels that are for us, and takes ours. It has no queues
     * here, and what it wants forwarded it may bring itself. */
    [RELAY] = {
        [PN_MSG_DEPOSIT] = REFUSE,
        [PN_MSG_DEPOSIT_RESULT] = REFUSE,
        [PN_MSG_FETCH] = REFUSE,
        [PN_MSG_ACK] = REFUSE,
        [PN_MSG_ACKED] = REFUSE,
        [PN_MSG_FETCH_END] = REFUSE,
        [PN_MSG_PING] = SESSION,
        [PN_MSG_PONG] = IGNORE,
        [PN_MSG_INFO_REQUEST] = SESSION,
        [PN_MSG_INFO] = REFUSE,
        [PN_MSG_BYE] = SESSION,
        [PN_MSG_ERROR] = FAULT,
        [PN_MSG_QUEUE_CREATE] = REFUSE,
        [PN_MSG_QUEUE_CREATED] = REFUSE,
        [PN_MSG_QUEUE_OPEN] = REFUSE,
        [PN_MSG_QUEUE_OPENED] = REFUSE,
        [PN_MSG_QUEUE_ROTATE] = REFUSE,
        [PN_MSG_QUEUE_SUSPEND] = REFUSE,
        [PN_MSG_QUEUE_RESUME] = REFUSE,
        [PN_MSG_QUEUE_DELETE] = REFUSE,
        [PN_MSG_QUEUE_DONE] = REFUSE,
        [PN_MSG_FORWARD] = REFUSE,
        [PN_MSG_FORWARD_RESULT] = REFUSE,
        [PN_MSG_FORWARD_REPLY] = REFUSE,
        [PN_MSG_PARCEL] = PARCEL,
        [PN_MSG_PARCEL_RESULT] = RESULT,
        [PN_MSG_DESCRIPTOR_REQUEST] = WHO,
        [PN_MSG_DESCRIPTOR] = KNOWN,
    },
};

static pn_err take_session(rl_link *link, const pn_msg *msg)
{
    rl_core *core = link->core;
    const rl_sink *sink = &core->sink;
    rl_effects effects;
    const rl_relay *relay = link->is_relay ? &core->for_relays : &core->relay;
    PN_TRY(rl_session_take(&link->session, relay, msg, pn_mono_ms(core->env),
                           pn_wall_ms(core->env), &effects));
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
    const rl_core *core = link->core;
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
    case FORWARD:
        return rl_forward_take(link, msg);
    case PARCEL:
    case WHO:
        if (core->onions != NULL)
            return what == WHO ? rl_known_request(link, msg)
                               : rl_parcel_take(link, msg);
        answer_error(link, msg->id, PN_ERROR_UNSUPPORTED);
        return PN_OK;
    case KNOWN:
        return rl_known_take(link, msg);
    case RESULT:
        return rl_convey_result(link, msg);
    case FAULT:
        return rl_known_error(link, msg->id) ? PN_OK
                                             : rl_convey_error(link, msg);
    case IGNORE:
        return PN_OK;
    case SESSION:
    case IMPOSSIBLE:
        break;
    }
    return PN_E_PROTO;
}

/* Whether a feature that was not granted is in the way. */
static bool is_granted(const rl_link *link, action what)
{
    switch (what) {
    case DEPOSIT:
    case FETCH:
    case ACK:
    case CREATE:
    case OPEN:
    case MANAGE:
        return link->grants.queues;
    case FORWARD:
    case PARCEL:
    case WHO:
        return link->grants.parcels;
    case KNOWN:
    case RESULT:
    case FAULT:
    case IGNORE:
    case REFUSE:
    case SESSION:
    case IMPOSSIBLE:
        break;
    }
    return true;
}

/* Signatures and parcels cost what several deposits do; what we asked for,
 * nothing. */
static uint32_t tokens_of(const rl_link *link, const pn_msg *msg)
{
    if (msg->kind == PN_MSG_PARCEL_RESULT || msg->kind == PN_MSG_PONG ||
        msg->kind == PN_MSG_DESCRIPTOR)
        return 0;
    if (msg->kind == PN_MSG_QUEUE_CREATE ||
        (msg->kind == PN_MSG_PARCEL && !link->is_relay))
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
    const rl_relay *relay = link->is_relay ? &core->for_relays : &core->relay;
    const uint64_t now = pn_mono_ms(core->env);
    action what;
    uint32_t wait;
    if (column >= KINDS || !rl_link_is_open(link))
        return PN_E_PROTO;
    what = (action)table[link->is_relay ? RELAY : CLIENT][column];
    core->stats.commands++;
    if (what == SESSION)
        return take_session(link, msg);
    if (!is_granted(link, what))
        answer_error(link, msg->id, PN_ERROR_UNSUPPORTED);
    else
        PN_TRY(act(link, what, msg));
    wait = rl_session_charge(&link->session, relay, tokens_of(link, msg), now);
    if (wait > 0 && rl_link_is_open(link))
        sink->pause(sink->ctx, link->peer, now + wait);
    return PN_OK;
}
