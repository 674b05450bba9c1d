/* What a recipient does to a queue it holds: rotate, suspend, resume, delete.
 */
#include "relay/core/state.h"

static uint32_t handle_of(const pn_msg *msg)
{
    return msg->kind == PN_MSG_QUEUE_ROTATE ? msg->u.queue_rotate.handle
                                            : msg->u.queue_handle.handle;
}

static rl_op_kind op_of(pn_msg_kind kind)
{
    if (kind == PN_MSG_QUEUE_ROTATE)
        return RL_OP_ROTATE;
    if (kind == PN_MSG_QUEUE_SUSPEND)
        return RL_OP_SUSPEND;
    return kind == PN_MSG_QUEUE_RESUME ? RL_OP_RESUME : RL_OP_DELETE;
}

pn_err rl_manage_take(rl_link *link, const pn_msg *msg)
{
    rl_core *core = link->core;
    const uint32_t handle = handle_of(msg);
    const rl_queue *q = rl_queue_of(link, handle);
    rl_op op = { .kind = op_of(msg->kind) };
    rl_pending *p;
    if (handle > link->handles)
        return PN_E_PROTO;
    if (q == NULL) {
        rl_answer_done(link, msg->id, PN_QUEUE_UNKNOWN, 0);
        return PN_OK;
    }
    op.id = q->recv_id;
    if (msg->kind == PN_MSG_QUEUE_ROTATE)
        op.u.new_cap_hash = msg->u.queue_rotate.deposit_hash.p;
    p = rl_pending_new(core, link, sizeof *p, msg->kind, msg->id, 0);
    if (p != NULL) {
        p->handle = handle;
        if (rl_submit(core, p, &op) == PN_OK)
            return PN_OK;
        rl_pending_free(core, p);
    }
    rl_answer_done(link, msg->id, PN_QUEUE_BUSY, RL_BUSY_MS);
    return PN_OK;
}

void rl_manage_result(rl_core *core, rl_pending *p, const rl_result *r)
{
    rl_link *link = p->link;
    const uint64_t id = p->id;
    rl_queue *q = link != NULL ? rl_queue_of(link, p->handle) : NULL;
    const bool gone = r->status == RL_STATUS_UNKNOWN;
    const bool deleted = r->kind == RL_OP_DELETE && r->status == RL_STATUS_OK;
    rl_pending_free(core, p);
    if (link == NULL)
        return;
    if (r->status == RL_STATUS_OK)
        rl_answer_done(link, id, PN_QUEUE_OK, 0);
    else if (gone)
        rl_answer_done(link, id, PN_QUEUE_UNKNOWN, 0);
    else
        rl_answer_done(link, id, PN_QUEUE_BUSY, rl_retry_ms(r));
    /* Who deleted it needs no word that it is closed. */
    if (q != NULL && (gone || deleted))
        rl_queue_release(core, q, gone ? PN_CLOSED_GONE : RL_SILENTLY);
}
