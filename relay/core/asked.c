/* Who waits for which reply: in memory only, and only while the link of the
 * client who asked stands. */
#include <assert.h>
#include <string.h>

#include "proto/base/mem.h"
#include "relay/core/dest.h"

static uint64_t begin_ms(const rl_asked *a)
{
    return a->until_ms - RL_ASKED_MS;
}

/* When something may next be said of it: after a whole number of RL_HOLD_MS, so
 * that who watches the client's line does not learn how far away, and thereby
 * which, the destination is. */
static uint64_t next_ms(const rl_asked *a, uint64_t now)
{
    return now + RL_HOLD_MS - (now - begin_ms(a)) % RL_HOLD_MS;
}

/* Say what was held back, if it was. */
static void say_held(rl_asked *a)
{
    if (!a->is_held)
        return;
    a->is_held = false;
    rl_forward_answer(a->link, a->id, PN_FORWARD_ACCEPTED, 0);
}

static void say_reply(const rl_asked *a, pn_parcel_outcome outcome,
                      pn_bytes key_id, pn_bytes reply)
{
    const pn_msg msg = { .id = a->id,
                         .kind = PN_MSG_FORWARD_REPLY,
                         .u.forward_reply = { .outcome = outcome,
                                              .key_id = key_id,
                                              .reply = reply } };
    rl_link *link = a->link;
    rl_core *core = link->core;
    pn_err err = PN_E_CLOSED;
    if (rl_link_is_open(link)) {
        err = core->sink.send(core->sink.ctx, link->peer, &msg);
        /* Who takes no answers now may ask again: the destination gives the
         * same one to the same parcel. */
        if (err != PN_OK && err != PN_E_FULL)
            link->session.state = RL_SESSION_CLOSED; /* it is being closed */
    }
    if (err == PN_OK)
        core->forwards.replies++;
    else
        core->forwards.unclaimed++;
}

/* Likewise, and the reply if it is here; true if it was. */
static bool say(rl_asked *a)
{
    say_held(a);
    if (!a->is_answered)
        return false;
    say_reply(a, a->outcome, (pn_bytes){ a->key_id, a->key_id_len },
              (pn_bytes){ a->reply, a->reply_len });
    return true;
}

/* It waits for one more, or one less: its place among the others follows. */
static void count(rl_link *link, uint32_t asked)
{
    assert(asked <= RL_ASKED_PER_LINK);
    link->asked_count = asked;
    pn_list_remove(&link->in_asking);
    if (asked > 0)
        pn_list_push_back(&link->core->asking[asked], &link->in_asking);
}

static void forget(rl_core *core, rl_asked *a)
{
    (void)pn_map_take(&core->asked, a->tag);
    pn_list_remove(&a->in_link);
    pn_list_remove(&a->in_core);
    pn_heap_remove(&core->due, &a->due);
    count(a->link, a->link->asked_count - 1);
    pn_free(a->reply);
    pn_free_wiped(a, sizeof *a);
}

static void drop(rl_core *core, rl_asked *a)
{
    (void)say(a);
    forget(core, a);
}

/* All places are taken. The link that has most of them gives up its oldest,
 * the one that asks before any other: who floods the table floods out his own,
 * and who waits for one reply keeps it. */
static void make_room(rl_link *link)
{
    rl_core *core = link->core;
    size_t most = RL_ASKED_PER_LINK;
    while (most > 0 && pn_list_is_empty(&core->asking[most]))
        most--;
    if (link->asked_count < most)
        link = PN_FRONT(&core->asking[most], rl_link, in_asking);
    drop(core, PN_FRONT(&link->asked, rl_asked, in_link));
}

static bool add(rl_link *link, uint64_t id, const uint8_t *tag, bool hold)
{
    rl_core *core = link->core;
    rl_asked *a = pn_map_get(&core->asked, tag);
    if (a != NULL)
        drop(core, a); /* who asks again waits in place of who asked first */
    if (link->asked_count >= RL_ASKED_PER_LINK)
        drop(core, PN_FRONT(&link->asked, rl_asked, in_link));
    if (core->asked.count >= RL_ASKED_MAX)
        make_room(link);
    a = pn_alloc(1, sizeof *a);
    if (a == NULL)
        return false;
    memcpy(a->tag, tag, sizeof a->tag);
    if (pn_map_put(&core->asked, tag, a) != PN_OK) {
        pn_free(a);
        return false;
    }
    a->link = link;
    a->id = id;
    a->until_ms = pn_mono_ms(core->env) + RL_ASKED_MS;
    pn_list_push_back(&link->asked, &a->in_link);
    pn_list_push_back(&core->asked_list, &a->in_core);
    a->is_held = hold;
    if (hold)
        pn_heap_set(&core->due, &a->due, begin_ms(a) + RL_HOLD_MS);
    count(link, link->asked_count + 1);
    return true;
}

void rl_asked_add(rl_link *link, uint64_t id, const uint8_t *tag, bool hold)
{
    /* Without memory it gets no reply, and asks again. */
    if (!add(link, id, tag, hold) && hold)
        rl_forward_answer(link, id, PN_FORWARD_ACCEPTED, 0);
}

/* Keep it until it may be said; false without memory, or if it is long: those
 * are for a fetch, and tell by their size what they are. */
static bool keep(rl_asked *a, const pn_msg_parcel_result *result)
{
    const pn_bytes reply = result->reply, key_id = result->key_id;
    if (reply.len > PN_REPLY_STATUS_BYTES || key_id.len > sizeof a->key_id)
        return false;
    if (reply.len > 0) {
        a->reply = pn_alloc(reply.len, 1);
        if (a->reply == NULL)
            return false;
        memcpy(a->reply, reply.p, reply.len);
    }
    if (key_id.len > 0)
        memcpy(a->key_id, key_id.p, key_id.len);
    a->reply_len = reply.len;
    a->key_id_len = key_id.len;
    a->outcome = result->outcome;
    a->is_answered = true;
    return true;
}

void rl_asked_reply(rl_core *core, const uint8_t *tag,
                    const pn_msg_parcel_result *result)
{
    rl_asked *a = pn_map_get(&core->asked, tag);
    if (a == NULL) {
        core->forwards.unclaimed++;
    } else if (a->is_answered) {
        return; /* by a repetition of the parcel, a moment ago */
    } else if (keep(a, result)) {
        pn_heap_set(&core->due, &a->due, next_ms(a, pn_mono_ms(core->env)));
    } else {
        say_held(a);
        say_reply(a, result->outcome, result->key_id, result->reply);
        forget(core, a);
    }
}

void rl_asked_drop_link(rl_link *link)
{
    while (!pn_list_is_empty(&link->asked))
        drop(link->core, PN_FRONT(&link->asked, rl_asked, in_link));
}

void rl_asked_tick(rl_core *core)
{
    const uint64_t now = pn_mono_ms(core->env);
    pn_heap_node *due;
    pn_node *at;
    while ((due = pn_heap_due(&core->due, now)) != NULL) {
        rl_asked *a = PN_ENTRY(due, rl_asked, due);
        pn_heap_remove(&core->due, due);
        if (say(a))
            forget(core, a);
    }
    while ((at = pn_list_first(&core->asked_list)) != NULL) {
        rl_asked *a = PN_ENTRY(at, rl_asked, in_core);
        if (a->until_ms > now)
            break;
        drop(core, a);
    }
}

uint64_t rl_asked_deadline(const rl_core *core)
{
    pn_node *first = pn_list_first(&core->asked_list);
    const uint64_t due = pn_heap_first(&core->due);
    if (first == NULL || due < PN_ENTRY(first, rl_asked, in_core)->until_ms)
        return due;
    return PN_ENTRY(first, rl_asked, in_core)->until_ms;
}
