/* Who waits for which reply: in memory only, and only while the link of the
 * client who asked stands. */
#include <string.h>

#include "proto/base/mem.h"
#include "relay/core/dest.h"

static uint64_t hold_ms(const rl_asked *a)
{
    return a->until_ms - RL_ASKED_MS + RL_HOLD_MS;
}

/* Say what was held back, if it was. */
static void say_held(rl_asked *a)
{
    if (pn_list_is_empty(&a->in_held))
        return;
    pn_list_remove(&a->in_held);
    rl_forward_answer(a->link, a->id, PN_FORWARD_ACCEPTED, 0);
}

static void drop(rl_core *core, rl_asked *a)
{
    say_held(a);
    (void)pn_map_take(&core->asked, a->tag);
    pn_list_remove(&a->in_link);
    pn_list_remove(&a->in_core);
    a->link->asked_count--;
    pn_free_wiped(a, sizeof *a);
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
        drop(core, PN_FRONT(&core->asked_list, rl_asked, in_core));
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
    pn_node_init(&a->in_held);
    if (hold)
        pn_list_push_back(&core->held_list, &a->in_held);
    link->asked_count++;
    return true;
}

void rl_asked_add(rl_link *link, uint64_t id, const uint8_t *tag, bool hold)
{
    /* Without memory it gets no reply, and asks again. */
    if (!add(link, id, tag, hold) && hold)
        rl_forward_answer(link, id, PN_FORWARD_ACCEPTED, 0);
}

bool rl_asked_take(rl_core *core, const uint8_t *tag, rl_link **link,
                   uint64_t *id)
{
    rl_asked *a = pn_map_get(&core->asked, tag);
    if (a == NULL)
        return false;
    *link = a->link;
    *id = a->id;
    drop(core, a);
    return true;
}

void rl_asked_drop_link(rl_link *link)
{
    while (!pn_list_is_empty(&link->asked))
        drop(link->core, PN_FRONT(&link->asked, rl_asked, in_link));
}

void rl_asked_tick(rl_core *core)
{
    const uint64_t now = pn_mono_ms(core->env);
    pn_node *at;
    while ((at = pn_list_first(&core->held_list)) != NULL) {
        rl_asked *a = PN_ENTRY(at, rl_asked, in_held);
        if (hold_ms(a) > now)
            break;
        say_held(a);
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
    pn_node *held = pn_list_first(&core->held_list);
    pn_node *first = pn_list_first(&core->asked_list);
    if (held != NULL)
        return hold_ms(PN_ENTRY(held, rl_asked, in_held));
    return first != NULL ? PN_ENTRY(first, rl_asked, in_core)->until_ms
                         : UINT64_MAX;
}
