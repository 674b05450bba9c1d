/* Whether what a relay answers was committed before: every deposit it hands to
 * its store is remembered, first by its token, then, when the store has said
 * that it is durable, by what was deposited. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/fed/fail.h"
#include "tests/sim/fed/shadow_inside.h"

enum { TAIL = 64, FIRST_CAP = 256 };

/* A deposit without a result. */
typedef struct waiting {
    pn_node node;
    uint64_t token, name, body;
} waiting;

static uint64_t hash(uint64_t h, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * 0x100000001b3U;
    h ^= h >> 29;
    return h != 0 ? h : 1;
}

static uint64_t name_of(const uint8_t *send_id, const uint8_t *message_id)
{
    return hash(hash(1, send_id, PN_QUEUE_ID_BYTES), message_id,
                PN_MESSAGE_ID_BYTES);
}

/* A parcel's end is all its own; what a spool puts before it, is not. */
static uint64_t body_of(pn_bytes body)
{
    const size_t len = body.len < TAIL ? body.len : TAIL;
    return hash(2, body.p + body.len - len, len);
}

/* --- a set of hashes ------------------------------------------------------ */

static bool has(const fed_shadow *s, uint64_t h)
{
    size_t at = h & (s->durable_cap - 1);
    if (s->durable_cap == 0)
        return false;
    for (; s->durable[at] != 0; at = (at + 1) & (s->durable_cap - 1)) {
        if (s->durable[at] == h)
            return true;
    }
    return false;
}

static void put(fed_shadow *s, uint64_t h)
{
    size_t at;
    if (has(s, h))
        return;
    if (2 * (s->durable_count + 1) > s->durable_cap) {
        uint64_t *before = s->durable;
        const size_t cap = s->durable_cap;
        s->durable_cap = cap == 0 ? FIRST_CAP : 2 * cap;
        s->durable_count = 0;
        s->durable = calloc(s->durable_cap, sizeof *s->durable);
        FED_CHECK(s->durable != NULL, "the simulator has memory", "durable");
        for (size_t i = 0; i < cap; i++) {
            if (before[i] != 0)
                put(s, before[i]);
        }
        free(before);
    }
    at = h & (s->durable_cap - 1);
    while (s->durable[at] != 0)
        at = (at + 1) & (s->durable_cap - 1);
    s->durable[at] = h;
    s->durable_count++;
}

/* --- what the store says -------------------------------------------------- */

void fed_shadow_submitted(fed_shadow *s, const rl_op *op)
{
    waiting *w;
    if (op->kind != RL_OP_DEPOSIT || s->distrusted)
        return;
    w = calloc(1, sizeof *w);
    FED_CHECK(w != NULL, "the simulator has memory", "waiting");
    w->token = op->token;
    w->name = name_of(op->id, op->u.deposit.message_id);
    w->body = body_of(op->u.deposit.body);
    pn_list_push_back(&s->waiting, &w->node);
}

void fed_shadow_committed(fed_shadow *s, const rl_result *result)
{
    pn_node *n;
    if (result->kind != RL_OP_DEPOSIT)
        return;
    for (n = s->waiting.next; n != &s->waiting; n = n->next) {
        waiting *w = PN_ENTRY(n, waiting, node);
        if (w->token != result->token)
            continue;
        if (result->status == RL_STATUS_OK ||
            result->status == RL_STATUS_DUPLICATE) {
            put(s, w->name);
            put(s, w->body);
        }
        pn_list_remove(&w->node);
        free(w);
        return;
    }
}

void fed_shadow_forget_waiting(fed_shadow *s)
{
    pn_node *n;
    while ((n = pn_list_first(&s->waiting)) != NULL) {
        pn_list_remove(n);
        free(PN_ENTRY(n, waiting, node));
    }
}

/* --- what the relay says -------------------------------------------------- */

void fed_shadow_check_answer(const fed_shadow *s, const fed_question *asked,
                             const pn_msg *answer)
{
    if (asked->kind == PN_MSG_DEPOSIT &&
        answer->kind == PN_MSG_DEPOSIT_RESULT &&
        (answer->u.deposit_result.status == PN_DEPOSIT_STORED ||
         answer->u.deposit_result.status == PN_DEPOSIT_DUPLICATE))
        FED_CHECK(has(s, name_of(asked->queue_id, asked->message_id)),
                  "stored is said after the commit", "relay %zu", s->relay);
    if (asked->kind == PN_MSG_FORWARD && asked->ttl_days > 0 &&
        answer->kind == PN_MSG_FORWARD_RESULT &&
        (answer->u.forward_result.status == PN_FORWARD_ACCEPTED ||
         answer->u.forward_result.status == PN_FORWARD_DUPLICATE))
        FED_CHECK(has(s, asked->parcel), "accepted is said after the commit",
                  "relay %zu", s->relay);
}

void fed_shadow_heard_forward(fed_question *q, const pn_msg_forward *forward)
{
    q->ttl_days = forward->expires_days;
    q->parcel = body_of(forward->parcel);
}
