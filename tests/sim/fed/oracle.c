#include "tests/sim/fed/oracle.h"

#include <string.h>

#include "tests/sim/fed/world.h"

uint64_t fed_oracle_origin(size_t node)
{
    fed_dice d = fed_dice_of(0x6f726967696e, node);
    return fed_next(&d);
}

/* --- people --------------------------------------------------------------- */

static void check_given_up(const fed_person *p, const pn_node *events,
                           const uint8_t *id)
{
    for (const pn_node *n = events->next; n != events; n = n->next) {
        const cl_event_entry *e =
            PN_ENTRY((pn_node *)(uintptr_t)n, cl_event_entry, in_engine);
        bool is_held =
            e->has_source && memcmp(e->source_id, id, PN_MESSAGE_ID_BYTES) == 0;
        for (size_t i = 0; e->has_source && i < e->also_count; i++)
            is_held =
                is_held || memcmp(e->also[i].id, id, PN_MESSAGE_ID_BYTES) == 0;
        FED_CHECK(!is_held, "no relay forgets before the application has it",
                  "person %zu", p->index);
    }
}

void fed_oracle_sends(fed_world *w, fed_person *p, const pn_msg *msg)
{
    w->oracle.frames++;
    FED_CHECK(fed_disk_is_clean(&p->disk),
              "nothing leaves before its state is durable",
              "person %zu, kind %d", p->index, (int)msg->kind);
    if (msg->kind != PN_MSG_ACK)
        return;
    for (size_t at = 0; at < msg->u.ack.message_ids.len;
         at += PN_MESSAGE_ID_BYTES) {
        check_given_up(p, &p->engine->events, msg->u.ack.message_ids.p + at);
        check_given_up(p, &p->engine->given, msg->u.ack.message_ids.p + at);
    }
}

void fed_oracle_rests(fed_world *w, fed_person *p)
{
    (void)w;
    if (p->node.is_dying || p->engine->broken || p->engine->dirty ||
        cl_engine_deadline(p->engine) <= cl_mono(p->engine))
        return; /* between two pumps: not the time to ask */
    FED_CHECK(cl_engine_ok(p->engine), "an engine's invariants hold",
              "person %zu", p->index);
}

/* --- relays --------------------------------------------------------------- */

void fed_oracle_submit(fed_world *w, size_t relay, const rl_op *op)
{
    if (op->kind != RL_OP_DEPOSIT)
        return;
    fed_secrets_stored(&w->oracle.secrets, relay, op->u.deposit.body);
    fed_watch_stores(w, relay, &op->u.deposit);
}

/* --- links ---------------------------------------------------------------- */

void fed_oracle_closed(fed_world *w, const fed_plug *p, fed_why why)
{
    w->oracle.closed[why]++;
    if (why != FED_WHY_PROTO || p->was_changed)
        return;
    /* Between two who mean no harm nobody breaks the protocol. */
    FED_CHECK(p->peer == w->hostile || p->node->number == w->hostile,
              "honest ends do not break the protocol", "%zu says so of %zu: %s",
              p->node->number, p->peer, pn_strerror(p->fault));
}

/* --- the application ------------------------------------------------------ */

void fed_oracle_sent(fed_world *w, size_t number)
{
    const uint64_t head[] = { 1, number, w->clock.now_ms };
    fed_net_note(&w->net, head, sizeof head);
    w->oracle.sent++;
}

void fed_oracle_given(fed_world *w, size_t number, bool again)
{
    fed_mail *m = &w->mail[number];
    const uint64_t head[] = { 2, number, again, w->clock.now_ms };
    fed_net_note(&w->net, head, sizeof head);
    FED_CHECK(!m->taken, "nothing comes again after its acknowledgement",
              "message %zu to %u", number, m->to);
    FED_CHECK(m->given == 0 || again, "what comes again says so",
              "message %zu to %u", number, m->to);
    w->oracle.given_again += m->given > 0 ? 1 : 0;
    m->given++;
}

void fed_oracle_taken(fed_world *w, size_t number)
{
    const uint64_t head[] = { 3, number, w->clock.now_ms };
    fed_net_note(&w->net, head, sizeof head);
    w->mail[number].taken = true;
    w->mail[number].taken_ms = w->clock.now_ms;
}

void fed_oracle_told(fed_world *w, size_t number, bool failed,
                     cl_failure failure)
{
    const uint64_t head[] = { 4, number, failed, w->clock.now_ms };
    fed_mail *m;
    fed_net_note(&w->net, head, sizeof head);
    m = &w->mail[number];
    FED_CHECK(m->told == FED_TOLD_NOTHING ||
                  m->told == (failed ? FED_TOLD_FAILED : FED_TOLD_DELIVERED),
              "a sender is told one thing", "message %zu", number);
    FED_CHECK(failed || m->taken, "delivered is said of what was",
              "message %zu from %u to %u", number, m->from, m->to);
    if (m->told == FED_TOLD_NOTHING && failed)
        w->oracle.failed++;
    if (m->told == FED_TOLD_NOTHING && !failed)
        w->oracle.delivered++;
    m->told = failed ? FED_TOLD_FAILED : FED_TOLD_DELIVERED;
    m->failure = failure;
    while (w->mail_first < w->mail_count &&
           fed_mail_is_done(&w->mail[w->mail_first]))
        w->mail_first++;
}
