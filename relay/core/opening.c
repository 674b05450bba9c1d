#include "relay/core/opening.h"

#include <string.h>

#include "proto/base/mem.h"

/* One link's parcels come one after the other: what is opened is read before
 * the next one is, but for the commands whose owner has to be looked up. */
static rl_opening *make(rl_link *link, const pn_msg *msg,
                        const pn_parcel_face *face)
{
    const bool small = face->class == PN_ENVELOPE_XS;
    rl_opening *o = (rl_opening *)(void *)rl_pending_new(
        link->core, link, sizeof *o + (small ? RL_OPENING_PLAIN : 0), msg->kind,
        msg->id, msg->u.parcel.parcel.len);
    if (o == NULL)
        return NULL;
    o->pending.value = small;
    memcpy(o->tag_id, face->tag, sizeof o->tag_id);
    memcpy(o->key_id, face->key_id, sizeof o->key_id);
    return o;
}

void rl_opening_wipe(rl_pending *p)
{
    rl_opening *o = (rl_opening *)(void *)p;
    const size_t plain = p->value != 0 ? RL_OPENING_PLAIN : 0;
    pn_wipe(&o->opened, sizeof o->opened);
    pn_wipe(o->plain, plain);
}

/* Opening costs the relay what it costs a stranger to make a parcel: all
 * clients together may ask for so much. 0, or when to come back. */
static uint32_t wait_for_turn(rl_link *link)
{
    rl_core *core = link->core;
    const uint32_t most = core->config.parcels.per_second;
    if (link->is_relay)
        return 0; /* it is known, and has its rate */
    return rl_bucket_take(&core->strangers, (rl_rate){ most, most },
                          pn_mono_ms(core->env));
}

static void refuse(rl_core *core, rl_opening *o)
{
    rl_link *link = o->pending.link;
    const uint64_t id = o->pending.id;
    if (!link->is_relay) {
        rl_parcel_late(core, o, RL_REFUSED_LATE);
        return;
    }
    rl_pending_free(core, &o->pending);
    rl_parcel_say_refused(link, id, NULL);
}

/* A command that waits for its owner has to stay; only small ones do. */
static bool has_its_size(const rl_opening *o)
{
    return o->pending.value != 0 || o->opened.command.kind == PN_PARCEL_DEPOSIT;
}

static void open_new(rl_link *link, const pn_msg *msg,
                     const pn_parcel_face *face, const rl_onion *key)
{
    rl_core *core = link->core;
    rl_opening *o = make(link, msg, face);
    const bool small = o != NULL && o->pending.value != 0;
    pn_err err;
    if (o == NULL) {
        rl_parcel_say_busy(link, msg->id, RL_BUSY_MS);
        return;
    }
    err = pn_parcel_open(&o->opened, msg->u.parcel.parcel,
                         core->config.forward.self, &key->key,
                         small ? o->plain : core->plain,
                         small ? RL_OPENING_PLAIN : PN_PARCEL_PLAIN_MAX);
    if (err != PN_OK || !has_its_size(o)) {
        refuse(core, o);
        return;
    }
    /* Its answer may be larger than it was. */
    rl_pending_grow(&o->pending, pn_parcel_reply_size(&o->opened.reply));
    rl_parcel_begin(core, o);
    pn_wipe(core->plain, PN_PARCEL_HEADER_BYTES);
}

/* --- met before ----------------------------------------------------------- */

static void recall(rl_link *link, const pn_msg *msg, const pn_parcel_face *face,
                   const rl_tag *tag)
{
    rl_core *core = link->core;
    const pn_bytes parcel = msg->u.parcel.parcel;
    rl_opening *o;
    if (parcel.len != RL_OPENING_PLAIN) {
        /* Nobody who made one parcel makes a larger one with its tag. */
        rl_parcel_say_refused(link, msg->id, NULL);
        return;
    }
    o = tag->seq != 0 ? make(link, msg, face) : NULL;
    if (o != NULL) {
        pn_out copy = pn_out_over(o->plain, RL_OPENING_PLAIN);
        pn_put(&copy, parcel);
        o->step = RL_STEP_RECALL;
        core->opened.repeated++;
        if (rl_tags_recall(core, &o->pending, tag) == PN_OK)
            return;
        rl_pending_free(core, &o->pending);
    }
    rl_parcel_say_busy(link, msg->id, RL_BUSY_MS);
}

/* The answer is lost to the disk: say so, sealed for whoever made the parcel.
 */
static void say_repeated(rl_core *core, rl_opening *o)
{
    const rl_onion *key = rl_onions_find(core->onions, o->key_id);
    const pn_bytes parcel = { o->plain, RL_OPENING_PLAIN };
    if (key == NULL || o->pending.link == NULL ||
        pn_parcel_open(&o->opened, parcel, core->config.forward.self, &key->key,
                       core->plain, PN_PARCEL_PLAIN_MAX) != PN_OK)
        rl_parcel_late(core, o, RL_REFUSED_LATE);
    else
        rl_parcel_status(core, o, PN_PARCEL_REPEATED);
    pn_wipe(core->plain, PN_PARCEL_HEADER_BYTES + PN_PARCEL_BODY_BYTES);
}

void rl_parcel_recalled(rl_core *core, rl_opening *o, const rl_result *r)
{
    rl_link *link = o->pending.link;
    const uint64_t id = o->pending.id;
    pn_bytes reply;
    if (r->status != RL_STATUS_OK) {
        rl_parcel_busy(core, o, rl_retry_ms(r));
    } else if (r->u.fetch.count == 1 &&
               rl_tags_read(&r->u.fetch.envelopes[0], o->tag_id, &reply)) {
        rl_pending_free(core, &o->pending);
        rl_parcel_say_done(link, id, reply);
    } else {
        say_repeated(core, o);
    }
}

/* --- arrival -------------------------------------------------------------- */

pn_err rl_parcel_take(rl_link *link, const pn_msg *msg)
{
    rl_core *core = link->core;
    pn_parcel_face face;
    const rl_onion *key;
    const rl_tag *tag;
    uint32_t wait;
    if (pn_parcel_look(&face, msg->u.parcel.parcel) != PN_OK) {
        rl_parcel_say_refused(link, msg->id, NULL);
        return PN_OK;
    }
    key = rl_onions_find(core->onions, face.key_id);
    if (key == NULL) {
        rl_parcel_say_refused(
            link, msg->id,
            rl_onions_current(core->onions, pn_wall_ms(core->env)));
        return PN_OK;
    }
    tag = rl_tags_find(core, face.tag);
    if (tag != NULL) {
        recall(link, msg, &face, tag);
        return PN_OK;
    }
    wait = wait_for_turn(link);
    if (wait > 0)
        rl_parcel_say_busy(link, msg->id, wait);
    else
        open_new(link, msg, &face, key);
    return PN_OK;
}
