#include "relay/core/session.h"

/* What a cell of the table does. The zero value is the absent cell. */
typedef enum action {
    IMPOSSIBLE = 0, /* closes the link */
    ANSWER_PING,
    ANSWER_INFO,
    REFUSE, /* well-formed, and not for a client to send */
    LEAVE,
} action;

enum { KINDS = PN_MSG_ERROR - PN_MSG_PING + 1 };

/* Rows are states, columns message kinds. A relay asks its clients nothing:
 * Pong and Info answer no question and are refused. An Error is never answered
 * with an Error, or two ends could go on for ever: it closes. */
static const uint8_t table[RL_SESSION_STATES][KINDS] = {
    [RL_SESSION_OPEN] = {
        [PN_MSG_PING - PN_MSG_PING] = ANSWER_PING,
        [PN_MSG_PONG - PN_MSG_PING] = REFUSE,
        [PN_MSG_INFO_REQUEST - PN_MSG_PING] = ANSWER_INFO,
        [PN_MSG_INFO - PN_MSG_PING] = REFUSE,
        [PN_MSG_BYE - PN_MSG_PING] = LEAVE,
    },
};

void rl_session_init(rl_session *s)
{
    *s = (rl_session){ .state = RL_SESSION_OPEN };
}

bool rl_session_ok(const rl_session *s)
{
    return s->state < RL_SESSION_STATES;
}

static rl_effect *add(rl_effects *out, rl_effect_kind kind)
{
    rl_effect *e = &out->at[out->count++];
    *e = (rl_effect){ .kind = kind };
    return e;
}

static pn_msg *add_reply(rl_effects *out, const pn_msg *to, pn_msg_kind kind)
{
    pn_msg *reply = &add(out, RL_EFFECT_REPLY)->u.reply;
    reply->id = to->id;
    reply->kind = kind;
    return reply;
}

static void answer_info(const rl_relay *relay, const pn_msg *msg,
                        uint64_t wall_ms, rl_effects *out)
{
    add_reply(out, msg, PN_MSG_INFO)->u.info = (pn_msg_info){
        .software = relay->software,
        .version = relay->version,
        .protocol = 1,
        .wall_ms = wall_ms,
        .frame_max = relay->frame_max,
        .features = relay->features,
    };
}

uint32_t rl_session_charge(rl_session *s, const rl_relay *relay,
                           uint32_t tokens, uint64_t mono_ms)
{
    uint32_t wait = 0;
    for (uint32_t i = 0; i < tokens; i++) {
        const uint32_t more =
            rl_bucket_take(&s->commands, relay->commands, mono_ms);
        if (more > 0) {
            s->commands.full_at_us += 1000000 / relay->commands.per_second;
            wait = more;
        }
    }
    return wait;
}

static void meter(rl_session *s, const rl_relay *relay, uint64_t mono_ms,
                  rl_effects *out)
{
    const uint32_t wait = rl_session_charge(s, relay, 1, mono_ms);
    if (wait > 0)
        add(out, RL_EFFECT_PAUSE)->u.resume_ms = mono_ms + wait;
}

pn_err rl_session_take(rl_session *s, const rl_relay *relay, const pn_msg *msg,
                       uint64_t mono_ms, uint64_t wall_ms, rl_effects *out)
{
    const unsigned column = (unsigned)msg->kind - PN_MSG_PING;
    out->count = 0;
    if (column >= KINDS)
        return PN_E_PROTO;
    switch ((action)table[s->state][column]) {
    case ANSWER_PING:
        add_reply(out, msg, PN_MSG_PONG)->u.ping = msg->u.ping;
        break;
    case ANSWER_INFO:
        answer_info(relay, msg, wall_ms, out);
        break;
    case REFUSE:
        add_reply(out, msg, PN_MSG_ERROR)->u.error =
            (pn_msg_error){ .code = PN_ERROR_NOT_ALLOWED };
        break;
    case LEAVE:
        s->state = RL_SESSION_CLOSED;
        add(out, RL_EFFECT_CLOSE)->u.bye = PN_BYE_DONE;
        return PN_OK;
    case IMPOSSIBLE:
        return PN_E_PROTO;
    }
    meter(s, relay, mono_ms, out);
    return PN_OK;
}
