#include "tests/support/enginelies.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

static uint32_t roll(enginelies *l, uint32_t n)
{
    return (uint32_t)(simenv_next(&l->dice) % n);
}

static void note(enginelies *l, enginelies_kind kind)
{
    l->did[kind]++;
}

static void answer(enginelies *l, size_t i, const pn_msg *msg,
                   enginelies_kind kind)
{
    note(l, kind);
    enginesim_give(l->world, i, msg);
}

static pn_msg refusal(enginelies *l, uint64_t id)
{
    static const uint32_t waits[] = { 0, 1, PN_RETRY_AFTER_MAX };
    return (pn_msg){ .id = id,
                     .kind = PN_MSG_ERROR,
                     .u.error = {
                         .code = (pn_error_code)(PN_ERROR_BUSY + roll(l, 2)),
                         .retry_after_ms = waits[roll(l, 3)] } };
}

/* --- what people send --------------------------------------------------- */

static bool about_deposit(enginelies *l, size_t i, const pn_msg *msg)
{
    pn_msg lie = { .id = msg->id, .kind = PN_MSG_DEPOSIT_RESULT };
    pn_msg_deposit_result *r = &lie.u.deposit_result;
    switch (roll(l, 5)) {
    case 0:
        r->status = roll(l, 2) == 0 ? PN_DEPOSIT_STORED : PN_DEPOSIT_DUPLICATE;
        answer(l, i, &lie, ENGINELIES_FORGOT);
        return true;
    case 1:
        note(l, ENGINELIES_SILENT);
        return true;
    case 2:
        r->status = (pn_deposit_status)(PN_DEPOSIT_QUOTA + roll(l, 4));
        if (r->status == PN_DEPOSIT_BUSY)
            r->retry_after_ms = PN_RETRY_AFTER_MAX;
        answer(l, i, &lie, ENGINELIES_REFUSED);
        return true;
    case 3: /* and the true answer follows */
        r->status = PN_DEPOSIT_STORED;
        answer(l, i, &lie, ENGINELIES_TWICE);
        return false;
    default:
        lie = refusal(l, msg->id);
        answer(l, i, &lie, ENGINELIES_REFUSED);
        return true;
    }
}

static bool about_open(enginelies *l, size_t i, const pn_msg *msg)
{
    pn_opened_queue queues[PN_OPEN_MAX];
    pn_msg lie = { .id = msg->id, .kind = PN_MSG_QUEUE_OPENED };
    memset(queues, 0, sizeof queues);
    lie.u.queue_opened.count =
        msg->u.queue_open.proofs.len / PN_QUEUE_PROOF_BYTES;
    lie.u.queue_opened.queues = queues;
    switch (roll(l, 3)) {
    case 0:
        answer(l, i, &lie, ENGINELIES_UNKNOWN);
        return true;
    case 1:
        for (size_t n = 0; n < lie.u.queue_opened.count; n++) {
            queues[n].known = true;
            queues[n].handle = 1 + roll(l, roll(l, 2) == 0 ? 4 : PN_HANDLE_MAX);
        }
        answer(l, i, &lie, ENGINELIES_WRONG_HANDLE);
        return true;
    default:
        lie = refusal(l, msg->id);
        answer(l, i, &lie, ENGINELIES_REFUSED);
        return true;
    }
}

static bool on_up(void *ctx, size_t i, const pn_msg *msg)
{
    enginelies *l = ctx;
    const pn_msg unasked = { .id = msg->id + 1 + roll(l, 3),
                             .kind = PN_MSG_PONG };
    pn_msg lie;
    if (roll(l, 100) >= l->rate)
        return false;
    if (roll(l, 20) == 0) {
        answer(l, i, &unasked, ENGINELIES_UNASKED);
        return false;
    }
    if (msg->kind == PN_MSG_DEPOSIT)
        return about_deposit(l, i, msg);
    if (msg->kind == PN_MSG_QUEUE_OPEN)
        return about_open(l, i, msg);
    if (msg->kind == PN_MSG_PONG || roll(l, 2) == 0) {
        note(l, ENGINELIES_SILENT); /* to an Ack, Create, Delete, Ping */
        return true;
    }
    lie = refusal(l, msg->id);
    answer(l, i, &lie, ENGINELIES_REFUSED);
    return true;
}

/* --- what people are sent ----------------------------------------------- */

static uint8_t *encoded(const pn_msg *msg, size_t *len)
{
    uint8_t *p = malloc(PN_MSG_MAX);
    pn_out out = pn_out_over(p, PN_MSG_MAX);
    FUZZ_CHECK(p != NULL && pn_msg_encode(&out, msg) == PN_OK);
    *len = out.len;
    return p;
}

static void keep(enginelies *l, const pn_msg *msg)
{
    const size_t at = l->kept_count < ENGINELIES_KEPT
                          ? l->kept_count++
                          : roll(l, ENGINELIES_KEPT);
    free(l->kept[at].p);
    l->kept[at].p = encoded(msg, &l->kept[at].len);
}

static void replay(enginelies *l, size_t i)
{
    uint8_t id[PN_MESSAGE_ID_BYTES] = { 0 };
    const size_t at = roll(l, (uint32_t)l->kept_count);
    pn_msg old;
    FUZZ_CHECK(pn_msg_decode(&old, &l->scratch,
                             (pn_bytes){ l->kept[at].p, l->kept[at].len }) ==
               PN_OK);
    old.u.deliver.handle = 1 + roll(l, 4);
    id[0] = (uint8_t)roll(l, 256);
    if (roll(l, 2) == 0)
        old.u.deliver.message_id = (pn_bytes){ id, sizeof id };
    answer(l, i, &old, ENGINELIES_REPLAYED);
    pn_msg_scratch_release(&l->scratch);
}

static void spoil(enginelies *l, size_t i, const pn_msg *msg)
{
    pn_msg bad = *msg;
    uint8_t *p = malloc(msg->u.deliver.envelope.len + 1);
    FUZZ_CHECK(p != NULL);
    memcpy(p, msg->u.deliver.envelope.p, msg->u.deliver.envelope.len);
    p[roll(l, (uint32_t)msg->u.deliver.envelope.len)] ^=
        (uint8_t)(1 << roll(l, 8));
    bad.u.deliver.envelope.p = p;
    answer(l, i, &bad, ENGINELIES_SPOILED);
    free(p);
}

static void let_go(enginelies *l, size_t i)
{
    pn_msg late;
    if (l->held_len == 0 || l->held_for != i)
        return;
    FUZZ_CHECK(pn_msg_decode(&late, &l->scratch,
                             (pn_bytes){ l->held, l->held_len }) == PN_OK);
    answer(l, i, &late, ENGINELIES_LATE);
    pn_msg_scratch_release(&l->scratch);
    free(l->held);
    l->held = NULL;
    l->held_len = 0;
}

static bool about_deliver(enginelies *l, size_t i, const pn_msg *msg)
{
    pn_msg closed = { .kind = PN_MSG_QUEUE_CLOSED };
    switch (roll(l, 6)) {
    case 0:
        note(l, ENGINELIES_DROPPED);
        return true;
    case 1:
        answer(l, i, msg, ENGINELIES_REPEATED);
        return false;
    case 2:
        replay(l, i);
        return false;
    case 3:
        if (msg->u.deliver.envelope.len == 0)
            return false;
        spoil(l, i, msg);
        return true;
    case 4:
        if (l->held_len > 0)
            return false;
        l->held = encoded(msg, &l->held_len);
        l->held_for = i;
        return true;
    default:
        closed.u.queue_closed.handle = msg->u.deliver.handle;
        closed.u.queue_closed.reason =
            (pn_closed_reason)(PN_CLOSED_TAKEN + roll(l, 2));
        answer(l, i, &closed, ENGINELIES_TAKEN);
        return false;
    }
}

static bool on_down(void *ctx, size_t i, const pn_msg *msg)
{
    enginelies *l = ctx;
    bool done = false;
    if (msg->kind == PN_MSG_DELIVER) {
        keep(l, msg);
        if (roll(l, 100) < l->rate)
            done = about_deliver(l, i, msg);
    }
    if (!done && roll(l, 2) == 0)
        let_go(l, i);
    return done;
}

void enginelies_begin(enginelies *l, enginesim *w, uint64_t seed, unsigned rate)
{
    memset(l, 0, sizeof *l);
    l->world = w;
    l->rate = rate;
    simenv_init(&l->dice, seed);
    pn_msg_scratch_init(&l->scratch);
    w->on_up = on_up;
    w->on_down = on_down;
    w->lie_ctx = l;
    w->suspicious = true;
}

void enginelies_end(enginelies *l)
{
    l->world->on_up = l->world->on_down = NULL;
    for (size_t i = 0; i < l->kept_count; i++)
        free(l->kept[i].p);
    free(l->held);
    l->held = NULL;
    l->held_len = l->kept_count = 0;
    pn_msg_scratch_release(&l->scratch);
}
