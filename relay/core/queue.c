#include <string.h>

#include "proto/base/mem.h"
#include "relay/core/state.h"

/* With its entry in the map (40 bytes over a load of 3/8 to 3/4) an open queue
 * stays near 200 bytes. */
_Static_assert(sizeof(rl_queue) <= 144, "an open queue is small");

enum { FIRST_HANDLES = 4 };

rl_queue *rl_queue_of(const rl_link *link, uint32_t handle)
{
    return handle >= 1 && handle <= link->handles ? link->queues[handle - 1]
                                                  : NULL;
}

static pn_err reserve_handle(rl_link *link)
{
    uint32_t cap = link->queues_cap;
    rl_queue **grown;
    if (link->handles == PN_HANDLE_MAX)
        return PN_E_FULL;
    if (link->handles < cap)
        return PN_OK;
    cap = cap == 0 ? FIRST_HANDLES : 2 * cap;
    grown = pn_realloc(link->queues, cap, sizeof *grown);
    if (grown == NULL)
        return PN_E_NOMEM;
    link->queues = grown;
    link->queues_cap = cap;
    return PN_OK;
}

pn_err rl_queue_take(rl_link *link, const uint8_t *recv_id, uint32_t window,
                     rl_queue **out)
{
    rl_core *core = link->core;
    rl_queue *old = pn_map_get(&core->queues, recv_id);
    rl_queue *q;
    pn_err err = reserve_handle(link);
    if (err != PN_OK)
        return err;
    q = pn_alloc(1, sizeof *q);
    if (q == NULL)
        return PN_E_NOMEM;
    if (old != NULL) {
        core->stats.takeovers++;
        rl_queue_release(core, old, PN_CLOSED_TAKEN);
    }
    err = core->queues.count < core->config.open_max
              ? pn_map_put(&core->queues, recv_id, q)
              : PN_E_FULL;
    if (err != PN_OK) {
        pn_free(q);
        return err;
    }
    memcpy(q->recv_id, recv_id, RL_QUEUE_ID_BYTES);
    pn_node_init(&q->stalled);
    pn_node_init(&q->held);
    q->link = link;
    q->window = window;
    q->behind = RL_ALL_CLASSES;
    link->queues[link->handles++] = q;
    q->handle = link->handles;
    *out = q;
    return PN_OK;
}

void rl_queue_release(rl_core *core, rl_queue *q, int why)
{
    rl_link *link = q->link;
    const pn_msg closed = { .kind = PN_MSG_QUEUE_CLOSED,
                            .u.queue_closed = { q->handle,
                                                (pn_closed_reason)why } };
    (void)pn_map_take(&core->queues, q->recv_id);
    link->queues[q->handle - 1] = NULL;
    pn_list_remove(&q->stalled);
    rl_mail_abandon(core, q);
    pn_free(q);
    if (why != RL_SILENTLY)
        rl_answer(link, &closed);
}
