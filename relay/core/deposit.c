/* A sender puts one message into a queue. What it may is for the store to say,
 * in one atomic step; here it is only carried there and its answer back.
 */
#include <sodium.h>

#include "relay/core/state.h"

_Static_assert((int)PN_PRIORITY_URGENT - 1 == (int)RL_URGENT &&
                   (int)PN_PRIORITY_NORMAL - 1 == (int)RL_NORMAL &&
                   (int)PN_PRIORITY_BULK - 1 == (int)RL_BULK,
               "a class is its priority less one");

rl_op rl_deposit_op(const pn_msg_deposit *d, uint8_t hash[RL_CAP_HASH_BYTES])
{
    (void)crypto_generichash(hash, RL_CAP_HASH_BYTES, d->capability.p,
                             d->capability.len, NULL, 0);
    return (rl_op){ .kind = RL_OP_DEPOSIT,
                    .id = d->send_id.p,
                    .u.deposit = { .cap_hash = hash,
                                   .message_id = d->message_id.p,
                                   .class = (rl_class)(d->priority - 1),
                                   .ttl_days = (uint8_t)d->ttl_days,
                                   .body = d->envelope } };
}

pn_err rl_deposit_take(rl_link *link, const pn_msg *msg)
{
    const pn_msg_deposit *d = &msg->u.deposit;
    rl_core *core = link->core;
    uint8_t hash[RL_CAP_HASH_BYTES];
    rl_op op = rl_deposit_op(d, hash);
    rl_pending *p = rl_pending_new(core, link, sizeof *p, PN_MSG_DEPOSIT,
                                   msg->id, d->envelope.len);
    if (p != NULL && rl_submit(core, p, &op) == PN_OK)
        return PN_OK;
    if (p != NULL)
        rl_pending_free(core, p);
    rl_answer_deposit(link, msg->id, PN_DEPOSIT_BUSY, RL_BUSY_MS);
    return PN_OK;
}

void rl_deposit_result(rl_core *core, rl_pending *p, const rl_result *r)
{
    rl_link *link = p->link;
    const uint64_t id = p->id;
    pn_deposit_status status = PN_DEPOSIT_BUSY;
    switch (r->status) {
    case RL_STATUS_OK:
        status = PN_DEPOSIT_STORED;
        break;
    case RL_STATUS_DUPLICATE:
        status = PN_DEPOSIT_DUPLICATE;
        break;
    case RL_STATUS_QUOTA:
        status = PN_DEPOSIT_QUOTA;
        break;
    case RL_STATUS_SUSPENDED:
    case RL_STATUS_BLOCKED:
        status = PN_DEPOSIT_SUSPENDED;
        break;
    case RL_STATUS_UNKNOWN:
        rl_pending_late(core, p, 1);
        return;
    case RL_STATUS_EXISTS: /* never of a deposit: promise nothing */
    case RL_STATUS_BUSY:
    case RL_STATUS_FAILED:
        break;
    }
    rl_pending_free(core, p);
    if (link != NULL)
        rl_answer_deposit(link, id, status,
                          status == PN_DEPOSIT_BUSY ? rl_retry_ms(r) : 0);
    if (status == PN_DEPOSIT_STORED)
        rl_mail_deposited(core, r);
}
