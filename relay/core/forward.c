/* The client's side of forwarding: a parcel comes in, is made durable, and its
 * answer goes back if somebody still waits for it.
 */
#include "relay/core/forward.h"

#include <sodium.h>
#include <string.h>

#include "proto/parcel/parcel.h"
#include "relay/core/dest.h"

enum { MINUTE_US = 60 * 1000 * 1000 };

/* The name of a parcel in custody: of all its bytes, and of where it goes. Its
 * tag would not do: whoever saw a parcel can make another one of the same tag,
 * which nobody can open, and we cannot tell them apart. */
static void name(uint8_t out[RL_MESSAGE_ID_BYTES], const rl_dest *dest,
                 pn_bytes parcel)
{
    crypto_generichash_state s;
    (void)crypto_generichash_init(&s, NULL, 0, RL_MESSAGE_ID_BYTES);
    (void)crypto_generichash_update(&s, dest->key, sizeof dest->key);
    (void)crypto_generichash_update(&s, parcel.p, parcel.len);
    (void)crypto_generichash_final(&s, out, RL_MESSAGE_ID_BYTES);
}

void rl_forward_answer(rl_link *link, uint64_t id, pn_forward_status status,
                       uint32_t retry_after_ms)
{
    const pn_msg msg = { .id = id,
                         .kind = PN_MSG_FORWARD_RESULT,
                         .u.forward_result = { status, retry_after_ms } };
    link->core->forwards.results[status]++;
    rl_answer(link, &msg);
}

/* Now or never: nothing is written down. It goes if a link stands, and is gone
 * if that is lost. */
static void pass_on(rl_link *link, const pn_msg *msg, rl_dest *dest,
                    const uint8_t *tag)
{
    const pn_msg_forward *f = &msg->u.forward;
    const rl_lane *lane = &dest->lanes[f->priority - 1];
    rl_item item = { .class = (uint8_t)(f->priority - 1),
                     .len = (uint32_t)f->parcel.len };
    memcpy(item.tag, tag, sizeof item.tag);
    if (!rl_gate_is_up(&dest->gate) || lane->ready_count >= RL_LANE_COUNT ||
        (lane->ready_count > 0 &&
         lane->ready_bytes + f->parcel.len > RL_LANE_BYTES) ||
        !rl_convey_add(dest, &item, f->parcel)) {
        dest->knocked = !rl_gate_is_up(&dest->gate);
        rl_dest_event(dest, RL_GATE_WANTED, 0);
        rl_forward_answer(link, msg->id, PN_FORWARD_BUSY, RL_BUSY_MS);
        return;
    }
    rl_asked_add(link, msg->id, item.tag, true);
    rl_convey_pump(dest);
}

static void keep(rl_link *link, const pn_msg *msg, rl_dest *dest,
                 const uint8_t *tag)
{
    const pn_msg_forward *f = &msg->u.forward;
    rl_core *core = link->core;
    rl_forwarding *p;
    if (!rl_spool_admits(dest, (rl_class)(f->priority - 1), f->parcel.len)) {
        rl_forward_answer(link, msg->id, PN_FORWARD_QUOTA, RL_FORWARD_RETRY_MS);
        return;
    }
    p = (rl_forwarding *)(void *)rl_pending_new(
        core, link, sizeof *p, msg->kind, msg->id, f->parcel.len);
    if (p != NULL) {
        p->dest = dest;
        p->class = (uint8_t)(f->priority - 1);
        memcpy(p->tag, tag, sizeof p->tag);
        if (dest->spool == RL_SPOOL_THERE && rl_spool_put(dest, p, f) == PN_OK)
            return;
        rl_pending_free(core, &p->pending);
    }
    rl_forward_answer(link, msg->id, PN_FORWARD_BUSY, RL_BUSY_MS);
}

pn_err rl_forward_take(rl_link *link, const pn_msg *msg)
{
    const pn_msg_forward *f = &msg->u.forward;
    rl_core *core = link->core;
    const uint64_t now = pn_mono_ms(core->env);
    const rl_forward_config *c = &core->config.forward;
    rl_dest *dest = rl_dest_find(core, f->destination.p);
    uint8_t tag[RL_MESSAGE_ID_BYTES];
    pn_parcel_face face;
    rl_pending *p;
    uint32_t wait;
    PN_TRY(pn_parcel_look(&face, f->parcel));
    if (dest == NULL) {
        p = rl_pending_new(core, link, sizeof *p, msg->kind, msg->id, 0);
        if (p == NULL)
            return PN_E_NOMEM;
        rl_pending_late(core, p, 1);
        return PN_OK;
    }
    wait = rl_bucket_take_every(&link->forwards, MINUTE_US / c->per_link,
                                c->per_link, now);
    if (wait == 0 &&
        !rl_origins_take(&core->forwarders, link->origin, c->per_origin, now))
        wait = MINUTE_US / 1000;
    if (wait > 0) {
        rl_forward_answer(link, msg->id, PN_FORWARD_BUSY, wait);
        return PN_OK;
    }
    name(tag, dest, f->parcel);
    if (f->expires_days == 0)
        pass_on(link, msg, dest, tag);
    else
        keep(link, msg, dest, tag);
    return PN_OK;
}

static void answer_result(rl_link *link, const rl_forwarding *f,
                          const rl_result *r)
{
    const uint64_t id = f->pending.id;
    switch (r->status) {
    case RL_STATUS_OK:
        /* Where the answer may be a moment away, both fit one record. */
        if (f->dest->gate.state == RL_GATE_OPEN) {
            rl_asked_add(link, id, f->tag, true);
            break;
        }
        rl_asked_add(link, id, f->tag, false);
        rl_forward_answer(link, id, PN_FORWARD_ACCEPTED, 0);
        break;
    case RL_STATUS_DUPLICATE:
        rl_asked_add(link, id, f->tag, false);
        rl_forward_answer(link, id, PN_FORWARD_DUPLICATE, 0);
        break;
    case RL_STATUS_BUSY:
    case RL_STATUS_FAILED:
        rl_forward_answer(link, id, PN_FORWARD_BUSY, rl_retry_ms(r));
        break;
    case RL_STATUS_UNKNOWN: /* no spool: it is made again */
    case RL_STATUS_QUOTA:   /* and these are never said of a spool */
    case RL_STATUS_SUSPENDED:
    case RL_STATUS_BLOCKED:
    case RL_STATUS_EXISTS:
        rl_forward_answer(link, id, PN_FORWARD_BUSY, RL_BUSY_MS);
        break;
    }
}

void rl_forward_result(rl_core *core, rl_pending *p, const rl_result *r)
{
    const rl_forwarding f = *(const rl_forwarding *)(const void *)p;
    rl_dest *dest = f.dest;
    rl_pending_free(core, p);
    dest->lanes[f.class].coming_count--;
    dest->lanes[f.class].coming_bytes -= f.len;
    if (f.pending.link != NULL)
        answer_result(f.pending.link, &f, r);
    if (r->status == RL_STATUS_OK) {
        dest->stats.accepted++;
        rl_spool_stored(dest, &r->u.deposit.envelope);
    } else if (r->status == RL_STATUS_UNKNOWN) {
        dest->spool = RL_SPOOL_ABSENT;
        rl_spool_open(dest);
    }
    rl_dest_settle(dest);
}
