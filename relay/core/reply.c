/* What comes back of a parcel. */
#include "relay/core/opening.h"

static void say(rl_link *link, uint64_t id, const pn_msg_parcel_result *result)
{
    const pn_msg msg = { .id = id,
                         .kind = PN_MSG_PARCEL_RESULT,
                         .u.parcel_result = *result };
    if (link == NULL)
        return;
    link->core->opened.outcomes[result->outcome]++;
    rl_answer(link, &msg);
}

void rl_parcel_say_busy(rl_link *link, uint64_t id, uint32_t retry_after_ms)
{
    say(link, id,
        &(pn_msg_parcel_result){ .outcome = PN_PARCEL_BUSY,
                                 .retry_after_ms = retry_after_ms });
}

void rl_parcel_say_refused(rl_link *link, uint64_t id, const rl_onion *use)
{
    pn_msg_parcel_result result = { .outcome = PN_PARCEL_REFUSED };
    if (use != NULL)
        result.key_id = (pn_bytes){ use->id, sizeof use->id };
    say(link, id, &result);
}

void rl_parcel_say_done(rl_link *link, uint64_t id, pn_bytes reply)
{
    say(link, id,
        &(pn_msg_parcel_result){ .outcome = PN_PARCEL_DONE, .reply = reply });
}

/* Seal an answer into the core's room for it. */
static pn_err seal(rl_core *core, const rl_opening *o,
                   const pn_parcel_answer *answer, pn_bytes *reply)
{
    size_t len = 0;
    PN_TRY(pn_parcel_reply_seal(core->env, &o->opened.reply, answer,
                                core->reply, PN_REPLY_MAX, &len));
    *reply = (pn_bytes){ core->reply, len };
    return PN_OK;
}

void rl_parcel_busy(rl_core *core, rl_opening *o, uint32_t retry_after_ms)
{
    rl_link *link = o->pending.link;
    const uint64_t id = o->pending.id;
    if (o->tag != NULL)
        rl_tags_drop(core, o->tag);
    rl_pending_free(core, &o->pending);
    rl_parcel_say_busy(link, id, retry_after_ms);
}

void rl_parcel_answer(rl_core *core, rl_opening *o,
                      const pn_parcel_answer *answer)
{
    rl_link *link = o->pending.link;
    const uint64_t id = o->pending.id;
    pn_bytes reply;
    if (link != NULL && seal(core, o, answer, &reply) != PN_OK) {
        rl_parcel_busy(core, o, RL_FAILED_MS);
        return;
    }
    if (o->tag != NULL)
        rl_tags_drop(core, o->tag);
    rl_pending_free(core, &o->pending);
    if (link != NULL)
        rl_parcel_say_done(link, id, reply);
}

void rl_parcel_status(rl_core *core, rl_opening *o, pn_parcel_status status)
{
    const pn_parcel_answer answer = { .status = status };
    rl_parcel_answer(core, o, &answer);
}

/* A relay brings what it cannot read: its failures are its clients', and no
 * reason to close its link. */
void rl_parcel_late(rl_core *core, rl_opening *o, uint8_t status)
{
    const rl_link *link = o->pending.link;
    const bool charge = link != NULL && !link->is_relay;
    if (o->tag != NULL)
        rl_tags_drop(core, o->tag);
    o->tag = NULL;
    o->status = status;
    if (!charge)
        core->stats.failures++;
    rl_pending_late(core, &o->pending, charge ? 1 : 0);
}

void rl_parcel_say_late(rl_core *core, rl_opening *o)
{
    rl_link *link = o->pending.link;
    const uint64_t id = o->pending.id;
    if (o->status != RL_REFUSED_LATE) {
        rl_parcel_status(core, o, (pn_parcel_status)o->status);
        return;
    }
    rl_pending_free(core, &o->pending);
    rl_parcel_say_refused(link, id, NULL);
}

void rl_parcel_remember(rl_core *core, rl_opening *o,
                        const pn_parcel_answer *answer)
{
    pn_bytes reply;
    o->step = RL_STEP_TAG;
    if (seal(core, o, answer, &reply) != PN_OK ||
        rl_tags_keep(core, &o->pending, o->tag, reply.p) != PN_OK)
        rl_parcel_busy(core, o, RL_BUSY_MS);
}

void rl_parcel_remembered(rl_core *core, rl_opening *o, const rl_result *r)
{
    const rl_envelope *e = &r->u.deposit.envelope;
    rl_link *link = o->pending.link;
    const uint64_t id = o->pending.id;
    pn_bytes reply;
    if (r->status == RL_STATUS_DUPLICATE) {
        rl_parcel_status(core, o, PN_PARCEL_REPEATED);
        return;
    }
    if (r->status != RL_STATUS_OK || !rl_tags_read(e, o->tag->tag, &reply)) {
        rl_parcel_busy(
            core, o, r->status == RL_STATUS_OK ? RL_FAILED_MS : rl_retry_ms(r));
        return;
    }
    o->tag->seq = e->seq;
    rl_pending_free(core, &o->pending);
    rl_parcel_say_done(link, id, reply);
}
