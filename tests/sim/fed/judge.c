/* How a run has to end: faults are over but for what is gone for ever, people
 * look at their mail twice a day, and after a bounded time everything unexpired
 * is delivered and confirmed, or its sender knows that it is not.
 */
#include <string.h>

#include "tests/sim/fed/shadow.h"
#include "tests/sim/fed/world.h"

enum { AWAKE_MS = 25 * FED_MINUTE, ROUND_MS = 12 * FED_HOUR, ROUNDS_MAX = 60 };

void fed_world_mend(fed_world *w)
{
    const size_t all = w->config.relays + w->config.people;
    pn_node *n;
    while ((n = pn_list_first(&w->laters)) != NULL) {
        fed_later *l = PN_ENTRY(n, fed_later, in_world);
        fed_timer_set(&w->clock, &l->timer, w->clock.now_ms);
        pn_list_remove(n);
    } /* what was to end later ends now */
    fed_world_until(w, w->clock.now_ms);
    for (size_t i = 0; i < all; i++) {
        for (size_t j = 0; j < all; j++) {
            if (w->net.blocked_until[i][j] > w->clock.now_ms)
                fed_net_block(&w->net, i, j, w->clock.now_ms);
        }
    }
    for (size_t i = 0; i < w->config.relays; i++) {
        fed_relay *r = &w->relays[i];
        r->slow_until = 0;
        r->node.dies_in = r->node.alloc_in = r->node.alloc_more = 0;
        r->node.own.wall_off = 0;
        if (!r->is_up && !r->is_gone)
            fed_timer_set(&w->clock, &r->starts, w->clock.now_ms);
    }
    for (size_t i = 0; i < w->config.people; i++) {
        fed_person *p = &w->people[i];
        p->node.dies_in = p->node.alloc_in = p->node.alloc_more = 0;
        p->node.own.wall_off = 0;
        p->disk.fails_in = 0;
        p->disk.full_until = 0;
        if (p->engine != NULL) /* what the application had is given again */
            fed_person_kill(p);
    }
}

static fed_pair *pair_of(fed_world *w, const fed_mail *m)
{
    for (size_t i = 0; i < w->pair_count; i++) {
        fed_pair *p = &w->pairs[i];
        if ((p->a == m->from && p->b == m->to) ||
            (p->b == m->from && p->a == m->to))
            return p;
    }
    return NULL;
}

/* Two who could not meet cannot write: their mail is none. */
static void void_mail(fed_world *w)
{
    for (size_t i = 0; i < w->mail_count; i++) {
        fed_mail *m = &w->mail[i];
        const fed_pair *p = pair_of(w, m);
        m->is_void = p == NULL || p->stage == FED_STAGE_FAILED;
    }
}

static size_t left(const fed_world *w)
{
    for (size_t i = 0; i < w->mail_count; i++) {
        if (!fed_mail_is_done(&w->mail[i]))
            return i;
    }
    return w->mail_count;
}

static bool outboxes_are_empty(const fed_world *w)
{
    for (size_t i = 0; i < w->config.people; i++) {
        cl_engine_counts counts;
        if (w->people[i].engine == NULL)
            return false;
        cl_engine_count(w->people[i].engine, &counts);
        if (counts.outbox > 0)
            return false;
    }
    return true;
}

static bool all_met(const fed_world *w)
{
    for (size_t i = 0; i < w->pair_count; i++) {
        if (w->pairs[i].stage < FED_STAGE_MET)
            return false;
    }
    return true;
}

static bool one_round(fed_world *w)
{
    const uint64_t began = w->clock.now_ms;
    bool done = false;
    for (size_t i = 0; i < w->config.people; i++)
        fed_person_wake(&w->people[i], began + AWAKE_MS);
    for (int part = 0; part < 6 && !done; part++) {
        fed_world_until(w, began + (uint64_t)(part + 1) * (AWAKE_MS / 6) -
                               FED_SECOND);
        void_mail(w);
        done = left(w) == w->mail_count && all_met(w) && outboxes_are_empty(w);
    }
    if (!done)
        fed_world_until(w, began + ROUND_MS);
    return done;
}

static void say_what_is_left(fed_world *w)
{
    const size_t i = left(w);
    const fed_mail *m = &w->mail[i];
    const fed_pair *two = pair_of(w, m);
    if (i < w->mail_count)
        fed_fail("when faults stop, everything is delivered",
                 "message %zu from %u to %u: sent %d, given %u, taken %d, "
                 "told %d, they are at stage %d",
                 i, m->from, m->to, m->is_sent, m->given, m->taken,
                 (int)m->told, two != NULL ? (int)two->stage : -1);
    for (size_t k = 0; k < w->pair_count; k++)
        FED_CHECK(w->pairs[k].stage >= FED_STAGE_MET,
                  "when faults stop, people meet", "%u and %u: stage %d",
                  w->pairs[k].a, w->pairs[k].b, (int)w->pairs[k].stage);
    fed_fail("when faults stop, outboxes empty", "after %d rounds", ROUNDS_MAX);
}

/* A sender is told that it failed only where that can be. */
static void check_told(const fed_world *w)
{
    for (size_t i = 0; i < w->mail_count; i++) {
        const fed_mail *m = &w->mail[i];
        if (m->told != FED_TOLD_FAILED)
            continue;
        FED_CHECK(w->config.may_expire || m->expires_in_ms > 0 ||
                      (m->is_frail && w->has_lost),
                  "nothing fails without a reason",
                  "message %zu from %u to %u: failure %d, given %u", i, m->from,
                  m->to, (int)m->failure, m->given);
        FED_CHECK(m->failure == CL_FAILURE_EXPIRED,
                  "who cannot deliver says why", "message %zu: failure %d", i,
                  (int)m->failure);
    }
    for (size_t i = 0; i < w->pair_count; i++)
        FED_CHECK(w->pairs[i].stage == FED_STAGE_MET || w->has_lost ||
                      w->config.may_expire,
                  "two who want to meet do", "%u and %u: failure %d",
                  w->pairs[i].a, w->pairs[i].b, (int)w->pairs[i].failure);
}

void fed_world_judge(fed_world *w)
{
    const fed_action look = { .kind = FED_AUDIT };
    int round;
    fed_world_mend(w);
    w->calm_ms = w->clock.now_ms;
    fed_world_until(w, w->clock.now_ms + 3 * FED_MINUTE);
    fed_world_do(w, &look);
    for (round = 0; round < ROUNDS_MAX; round++) {
        if (one_round(w))
            break;
    }
    if (round == ROUNDS_MAX)
        say_what_is_left(w);
    fed_world_do(w, &look);
    fed_world_until(w, w->clock.now_ms + FED_MINUTE);
    check_told(w);
    fed_trace(w, "all is well after %d rounds", round);
}
