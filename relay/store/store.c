#include "relay/store/store.h"

pn_err rl_op_check(const rl_op *op)
{
    if (op->id == NULL && op->kind != RL_OP_EXPIRE)
        return PN_E_ARG;
    switch (op->kind) {
    case RL_OP_CREATE: {
        const rl_create *c = &op->u.create;
        return c->send_id != NULL && c->owner != NULL && c->cap_hash != NULL &&
                       c->max_count > 0 && c->max_bytes > 0 &&
                       c->ttl_days > 0 && c->ttl_days <= RL_TTL_DAYS_MAX
                   ? PN_OK
                   : PN_E_ARG;
    }
    case RL_OP_DEPOSIT: {
        const rl_deposit *d = &op->u.deposit;
        return d->cap_hash != NULL && d->message_id != NULL &&
                       (unsigned)d->class < RL_CLASSES &&
                       d->ttl_days <= RL_TTL_DAYS_MAX && d->body.len > 0 &&
                       d->body.len <= RL_BODY_MAX
                   ? PN_OK
                   : PN_E_ARG;
    }
    case RL_OP_FETCH:
        return op->u.fetch.max_count > 0 &&
                       op->u.fetch.max_count <= RL_FETCH_MAX
                   ? PN_OK
                   : PN_E_ARG;
    case RL_OP_ACK:
        return op->u.ack.count <= RL_ACK_MAX &&
                       (op->u.ack.ids != NULL || op->u.ack.count == 0)
                   ? PN_OK
                   : PN_E_ARG;
    case RL_OP_ROTATE:
        return op->u.new_cap_hash != NULL ? PN_OK : PN_E_ARG;
    case RL_OP_LOOKUP:
    case RL_OP_SUSPEND:
    case RL_OP_RESUME:
    case RL_OP_DELETE:
    case RL_OP_BLOCK:
    case RL_OP_UNBLOCK:
    case RL_OP_PURGE:
    case RL_OP_EXPIRE:
        return PN_OK;
    }
    return PN_E_ARG;
}

uint32_t rl_remembered_max(uint32_t max_count)
{
    if (max_count == RL_SPOOL)
        return 0;
    return max_count > UINT32_MAX / 2 - 64 ? UINT32_MAX : 2 * max_count + 64;
}

pn_err rl_store_submit(rl_store *s, const rl_op *op)
{
    PN_TRY(rl_op_check(op));
    return s->vt->submit(s, op);
}

void rl_store_flush(rl_store *s)
{
    s->vt->flush(s);
}

size_t rl_store_drain(rl_store *s, rl_store_result_fn *fn, void *ctx)
{
    return s->vt->drain(s, fn, ctx);
}

void rl_store_stats_get(rl_store *s, rl_store_stats *out)
{
    s->vt->stats(s, out);
}

void rl_store_close(rl_store **s)
{
    if (s == NULL || *s == NULL)
        return;
    (*s)->vt->close(*s);
    *s = NULL;
}
