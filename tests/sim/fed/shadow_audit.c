/* Asking a store whether it holds what its relay has promised. */
#include "tests/sim/fed/fail.h"
#include "tests/sim/fed/shadow_inside.h"

#include <string.h>

enum { TOKEN_MARK = 0x5ad0 };

void fed_shadow_audit(fed_shadow *s, rl_store *store)
{
    for (pn_node *n = s->queues.next; n != &s->queues; n = n->next) {
        fed_shadow_queue *q = PN_ENTRY(n, fed_shadow_queue, node);
        const rl_op op = { .kind = RL_OP_FETCH,
                           .token = (uint64_t)TOKEN_MARK << 48 | ++s->audits,
                           .id = q->recv_id,
                           .u.fetch = { .max_count = RL_FETCH_MAX,
                                        .max_bytes = UINT32_MAX } };
        if (s->distrusted || pn_list_is_empty(&q->promises) ||
            rl_store_submit(store, &op) != PN_OK)
            continue;
        q->asked_as = op.token;
        for (pn_node *m = q->promises.next; m != &q->promises; m = m->next)
            PN_ENTRY(m, fed_promise, node)->is_asked = true;
    }
}

/* Days of the relay's calendar that may have passed, at most. */
static bool may_be_expired(const fed_shadow *s, const fed_promise *p)
{
    const uint64_t day = UINT64_C(24) * 3600 * 1000;
    const uint64_t days =
        (*s->now_ms - p->since_ms) / day + 2 + s->restarts - p->restarts;
    return days >= p->ttl_days;
}

static bool holds(const rl_result *result, const uint8_t *message_id)
{
    for (uint32_t i = 0; i < result->u.fetch.count; i++) {
        if (memcmp(result->u.fetch.envelopes[i].id, message_id,
                   PN_MESSAGE_ID_BYTES) == 0)
            return true;
    }
    return false;
}

static void check_queue(fed_shadow *s, fed_shadow_queue *q,
                        const rl_result *result)
{
    pn_node *n = q->promises.next;
    while (n != &q->promises) {
        fed_promise *p = PN_ENTRY(n, fed_promise, node);
        n = n->next;
        if (!p->is_asked)
            continue;
        p->is_asked = false;
        if (result->status == RL_STATUS_OK && holds(result, p->message_id)) {
            s->found++;
            continue;
        }
        FED_CHECK(may_be_expired(s, p), "what was stored is there",
                  "relay %zu: promised at %llu ms, for %u days, status %d",
                  s->relay, (unsigned long long)p->since_ms, p->ttl_days,
                  (int)result->status);
        fed_promise_free(p);
    }
}

bool fed_shadow_result(fed_shadow *s, const rl_result *result)
{
    if (result->token >> 48 != TOKEN_MARK) {
        fed_shadow_committed(s, result);
        return false;
    }
    for (pn_node *n = s->queues.next; n != &s->queues; n = n->next) {
        fed_shadow_queue *q = PN_ENTRY(n, fed_shadow_queue, node);
        if (q->asked_as == result->token && result->status != RL_STATUS_BUSY)
            check_queue(s, q, result);
    }
    return true;
}

uint64_t fed_shadow_promised(const fed_shadow *s)
{
    return s->promised;
}

uint64_t fed_shadow_found(const fed_shadow *s)
{
    return s->found;
}
