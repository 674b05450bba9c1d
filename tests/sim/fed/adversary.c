#include "tests/sim/fed/adversary.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/fed/world.h"

enum { OFTEN = 350, KEPT_MAX = 24 };

/* Mail kept to be given again, or later. */
typedef struct kept {
    bool is_full;
    uint64_t peer; /* the link it belongs to */
    size_t len;
    uint8_t frame[PN_MSG_MAX];
} kept;

struct fed_hoard {
    kept at[KEPT_MAX];
};

static const char *const names[FED_HARMS] = { "drop",  "replay", "reorder",
                                              "lie",   "flood",  "garbage",
                                              "forge", "mute" };

const char *fed_harm_name(unsigned bit)
{
    return names[bit];
}

static bool does(fed_peer *p, uint32_t harm)
{
    return (p->relay->hostile & harm) != 0 &&
           fed_chance(&p->relay->malice, OFTEN);
}

static bool is_client(const fed_peer *p)
{
    return p->plug->peer >= p->relay->world->config.relays;
}

static void say(fed_peer *p, const pn_msg *msg)
{
    const pn_err err = fed_peer_send(p, msg);
    if (err != PN_OK && err != PN_E_FULL)
        fed_plug_close(p->plug, FED_WHY_NOMEM);
}

/* --- what it hears -------------------------------------------------------- */

static void say_stored(fed_peer *p, const pn_msg *msg)
{
    pn_msg m = { .id = msg->id, .kind = PN_MSG_DEPOSIT_RESULT };
    m.u.deposit_result.status = PN_DEPOSIT_STORED;
    if (msg->kind == PN_MSG_FORWARD) {
        m.kind = PN_MSG_FORWARD_RESULT;
        m.u.forward_result =
            (pn_msg_forward_result){ .status = PN_FORWARD_ACCEPTED };
    }
    say(p, &m);
}

static void say_a_lie(fed_peer *p, const pn_msg *msg)
{
    static const pn_deposit_status answers[] = { PN_DEPOSIT_UNKNOWN,
                                                 PN_DEPOSIT_QUOTA,
                                                 PN_DEPOSIT_SUSPENDED,
                                                 PN_DEPOSIT_BUSY };
    pn_msg m = { .id = msg->id, .kind = PN_MSG_DEPOSIT_RESULT };
    m.u.deposit_result.status = answers[fed_roll(&p->relay->malice, 4)];
    if (m.u.deposit_result.status == PN_DEPOSIT_BUSY)
        m.u.deposit_result.retry_after_ms = PN_RETRY_AFTER_MAX;
    if (msg->kind == PN_MSG_FORWARD) {
        m.kind = PN_MSG_FORWARD_RESULT;
        m.u.forward_result =
            (pn_msg_forward_result){ .status = PN_FORWARD_UNKNOWN };
    }
    say(p, &m);
}

bool fed_adversary_hears(fed_peer *p, const pn_msg *msg)
{
    const bool is_for_keeps =
        msg->kind == PN_MSG_DEPOSIT || msg->kind == PN_MSG_FORWARD;
    if (p->relay->hostile == 0)
        return false;
    if (is_for_keeps && is_client(p) && does(p, FED_HARM_DROP)) {
        say_stored(p, msg);
        return true;
    }
    if (is_for_keeps && is_client(p) && does(p, FED_HARM_LIE)) {
        say_a_lie(p, msg);
        return true;
    }
    return msg->kind != PN_MSG_BYE && does(p, FED_HARM_MUTE);
}

/* --- what it says --------------------------------------------------------- */

static void flood(fed_peer *p)
{
    uint8_t id[PN_MESSAGE_ID_BYTES] = { 0 };
    fed_dice *d = &p->relay->malice;
    for (unsigned n = 1 + fed_roll(d, 40); n > 0; n--) {
        pn_msg m = { .id = fed_roll(d, 3), .kind = PN_MSG_DELIVER };
        id[0] = (uint8_t)n;
        if (fed_chance(d, 500)) {
            m.id = 1 + fed_roll(d, 100);
            m.kind = PN_MSG_PING;
            m.u.ping.data = (pn_bytes){ id, sizeof id };
        } else {
            m.u.deliver = (pn_msg_deliver){ 1 + fed_roll(d, 9),
                                            { id, sizeof id },
                                            PN_PRIORITY_NORMAL,
                                            { NULL, 0 } };
        }
        if (fed_peer_send(p, &m) != PN_OK)
            return;
    }
}

static void garbage(fed_peer *p)
{
    uint8_t bytes[300];
    fed_dice *d = &p->relay->malice;
    const size_t len = 1 + fed_roll(d, sizeof bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)fed_next(d);
    (void)!fed_plug_send(p->plug, (pn_bytes){ bytes, len });
}

/* The same with a byte spoilt, where it is sealed. */
static bool forge(fed_peer *p, const pn_msg *msg)
{
    static uint8_t copy[PN_MSG_MAX];
    pn_msg m = *msg;
    pn_bytes *what = NULL;
    if (msg->kind == PN_MSG_DELIVER)
        what = &m.u.deliver.envelope;
    else if (msg->kind == PN_MSG_FORWARD_REPLY)
        what = &m.u.forward_reply.reply;
    else if (msg->kind == PN_MSG_PARCEL_RESULT)
        what = &m.u.parcel_result.reply;
    if (what == NULL || what->len == 0)
        return false;
    memcpy(copy, what->p, what->len);
    copy[fed_roll(&p->relay->malice, what->len)] ^= 1;
    what->p = copy;
    say(p, &m);
    return true;
}

/* Keep mail, and give what was kept: again, or late. */
static bool shuffle(fed_peer *p, const pn_msg *msg)
{
    fed_relay *r = p->relay;
    const size_t at = fed_roll(&r->malice, KEPT_MAX);
    pn_out out;
    kept *k;
    if (msg->kind != PN_MSG_DELIVER)
        return false;
    if (r->hoard == NULL)
        r->hoard = calloc(1, sizeof *r->hoard);
    FED_CHECK(r->hoard != NULL, "the simulator has memory", "hoard");
    k = &r->hoard->at[at];
    if (k->is_full && k->peer == p->number && fed_chance(&r->malice, 500)) {
        (void)!fed_plug_send(p->plug, (pn_bytes){ k->frame, k->len });
        k->is_full = false;
        return false;
    }
    out = pn_out_over(k->frame, sizeof k->frame);
    k->is_full = pn_msg_encode(&out, msg) == PN_OK;
    k->len = pn_out_view(&out).len;
    k->peer = p->number;
    return k->is_full && (r->hostile & FED_HARM_REORDER) != 0 &&
           fed_chance(&r->malice, 400);
}

void fed_hoard_free(fed_hoard **h)
{
    free(*h);
    *h = NULL;
}

bool fed_adversary_says(fed_peer *p, const pn_msg *msg)
{
    if (p->relay->hostile == 0)
        return false;
    if (does(p, FED_HARM_FLOOD))
        flood(p);
    if ((p->relay->hostile & FED_HARM_GARBAGE) != 0 &&
        fed_chance(&p->relay->malice, 60))
        garbage(p);
    if (does(p, FED_HARM_FORGE) && forge(p, msg))
        return true;
    if ((p->relay->hostile & (FED_HARM_REPLAY | FED_HARM_REORDER)) != 0 &&
        shuffle(p, msg))
        return true;
    return does(p, FED_HARM_MUTE) && msg->kind != PN_MSG_BYE;
}

void fed_adversary_opened(fed_peer *p)
{
    if (p->relay->hostile != 0 && does(p, FED_HARM_FLOOD))
        flood(p);
}
