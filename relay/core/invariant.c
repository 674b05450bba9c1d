/* What must always hold in the core, for tests and fuzzers to ask. */
#include "relay/core/dest.h"

static bool link_ok(const rl_core *core, const rl_link *link, uint64_t *queues,
                    uint64_t *pending)
{
    size_t ops = 0, bytes = 0;
    for (pn_node *at = link->ops.next; at != &link->ops; at = at->next) {
        const rl_pending *p = PN_ENTRY(at, rl_pending, in_link);
        ops++;
        bytes += p->bytes;
        if (p->link != link)
            return false;
    }
    for (uint32_t i = 0; i < link->handles; i++) {
        const rl_queue *q = link->queues[i];
        if (q == NULL)
            continue;
        ++*queues;
        if (q->link != link || q->handle != i + 1 ||
            pn_map_get(&core->queues, q->recv_id) != q ||
            (!q->fetching && !pn_list_is_empty(&q->held)) ||
            (!q->fetching && q->next_fetch != NULL))
            return false;
    }
    *pending += ops;
    return ops == link->pending && bytes == link->pending_bytes &&
           link->pending <= RL_PENDING_MAX + PN_OPEN_MAX + 8 &&
           rl_session_ok(&link->session);
}

bool rl_core_ok(const rl_core *core)
{
    uint64_t links = 0, queues = 0, pending = 0, due = 0;
    pn_node *at;
    for (at = core->links.next; at != &core->links; at = at->next) {
        links++;
        if (!link_ok(core, PN_ENTRY(at, rl_link, in_core), &queues, &pending))
            return false;
    }
    for (at = core->orphans.next; at != &core->orphans; at = at->next)
        pending++;
    for (at = core->late.next; at != &core->late; at = at->next) {
        const rl_pending *p = PN_ENTRY(at, rl_pending, in_wait);
        if (p->due_ms < due || p->link == NULL)
            return false;
        due = p->due_ms;
    }
    for (at = core->dest_list.next; at != &core->dest_list; at = at->next)
        if (!rl_dest_ok(PN_ENTRY(at, rl_dest, in_core)))
            return false;
    return links == core->stats.links && queues == core->queues.count &&
           pending == core->stats.pending;
}
