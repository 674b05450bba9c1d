/* What each action of a plan does to the world. */
#include <stdlib.h>

#include "tests/sim/fed/shadow.h"
#include "tests/sim/fed/world.h"

/* --- what ends by itself -------------------------------------------------- */

static void on_later(void *ctx)
{
    fed_later *l = ctx;
    l->then(l);
    pn_list_remove(&l->in_world);
    free(l);
}

static void later(fed_world *w, uint64_t in_ms, void (*then)(fed_later *l),
                  size_t a, int64_t n)
{
    fed_later *l = calloc(1, sizeof *l);
    FED_CHECK(l != NULL, "the simulator has memory", "later");
    l->world = w;
    l->then = then;
    l->a = a;
    l->n = n;
    fed_timer_init(&l->timer, on_later, l);
    pn_list_push_back(&w->laters, &l->in_world);
    fed_timer_set(&w->clock, &l->timer, w->clock.now_ms + in_ms);
}

/* --- people --------------------------------------------------------------- */

static void add_pair(fed_world *w, const fed_action *a)
{
    fed_pair *pair = &w->pairs[w->pair_count++];
    pair->a = a->a;
    pair->b = a->b;
    pair->form = a->n == 1 ? CL_INVITATION_OFFLINE : CL_INVITATION_LINK;
    pair->wanted_ms = w->clock.now_ms;
}

static void add_mail(fed_world *w, const fed_action *a)
{
    fed_mail *m = &w->mail[w->mail_count];
    uint8_t body[FED_BODY_MAX];
    m->from = a->a;
    m->to = a->b;
    m->size = (uint32_t)a->n;
    m->priority = (uint8_t)(a->m & 0xff);
    m->expires_in_ms = (a->m >> 8) * FED_MINUTE;
    m->wanted_ms = w->clock.now_ms;
    fed_mail_body(w, w->mail_count++, body);
    fed_secrets_add(&w->oracle.secrets, body, FED_MARKER_BYTES, "a text");
}

/* So that somebody looks at what there is to do. */
static void nudge(fed_world *w, size_t person)
{
    fed_person *p = &w->people[person];
    if (p->engine != NULL)
        fed_timer_set(&w->clock, &p->app, w->clock.now_ms + 1);
}

static fed_node *node_of(fed_world *w, size_t number)
{
    return number < w->config.relays
               ? &w->relays[number].node
               : &w->people[number - w->config.relays].node;
}

static void clock_back(fed_later *l)
{
    node_of(l->world, l->a)->own.wall_off -= l->n;
}

static void set_clock(fed_world *w, const fed_action *a)
{
    node_of(w, a->a)->own.wall_off += (int64_t)a->n;
    later(w, a->m, clock_back, a->a, (int64_t)a->n);
}

/* --- the network ---------------------------------------------------------- */

static void do_conn(fed_world *w, const fed_action *a)
{
    fed_conn *c = fed_net_find(&w->net, a->a, a->b);
    if (c == NULL)
        return;
    if (a->kind == FED_CUT)
        fed_conn_cut(c);
    else if (a->kind == FED_STALL)
        fed_conn_stall(c, w->clock.now_ms + a->n);
    else
        fed_conn_tamper(c, c->node[0] == a->a ? FED_DIALLER : FED_ACCEPTER,
                        (fed_tamper)(a->n % FED_TAMPERS));
}

static void part(fed_world *w, const fed_action *a)
{
    const size_t all = w->config.relays + w->config.people;
    const uint64_t until = w->clock.now_ms + a->m;
    for (size_t i = 0; i < all; i++) {
        for (size_t j = 0; j < all; j++) {
            if ((a->n >> i % 64 & 1) != (a->n >> j % 64 & 1))
                fed_net_block(&w->net, i, j, until);
        }
    }
}

/* --- relays --------------------------------------------------------------- */

static void full_over(fed_later *l)
{
    rl_store_mem_disk_low(l->world->relays[l->a].store, false);
}

static void sync_over(fed_later *l)
{
    fed_relay *r = &l->world->relays[l->a];
    fed_relay_stop(r, 0, l->world->clock.now_ms + (uint64_t)l->n);
}

static void puzzle_over(fed_later *l)
{
    fed_relay *r = &l->world->relays[l->a];
    if (r->gate != NULL)
        pn_gate_set_difficulty(r->gate, 0);
}

static void turn_hostile(fed_world *w, fed_relay *r, uint32_t harms)
{
    r->hostile = harms;
    w->hostile = r->index;
    fed_shadow_distrust(r->shadow);
}

static void do_relay(fed_world *w, const fed_action *a)
{
    fed_relay *r = &w->relays[a->a];
    const uint64_t now = w->clock.now_ms;
    w->has_lost = w->has_lost || a->kind == FED_RELAY_DIES ||
                  a->kind == FED_RELAY_WIPE || a->kind == FED_RELAY_HOSTILE;
    if (a->kind == FED_RELAY_KILL && r->is_up) {
        r->node.dies_in = (uint32_t)a->n;
    } else if (a->kind == FED_RELAY_STOP && !r->is_gone) {
        fed_relay_stop(r, a->n, now + a->m);
    } else if (a->kind == FED_RELAY_SLOW) {
        r->slow_until = now + a->n;
    } else if (a->kind == FED_RELAY_FULL) {
        rl_store_mem_disk_low(r->store, true);
        later(w, a->n, full_over, a->a, 0);
    } else if (a->kind == FED_RELAY_SYNC) {
        rl_store_mem_fail(r->store);
        later(w, a->n, sync_over, a->a, (int64_t)a->m);
    } else if (a->kind == FED_RELAY_DIES) {
        fed_relay_stop(r, 0, UINT64_MAX);
        r->is_gone = true;
    } else if (a->kind == FED_RELAY_WIPE) {
        fed_relay_wipe(r);
    } else if (a->kind == FED_RELAY_PUZZLE && r->gate != NULL) {
        pn_gate_set_difficulty(r->gate, (unsigned)a->m);
        later(w, a->n, puzzle_over, a->a, 0);
    } else if (a->kind == FED_RELAY_HOSTILE) {
        turn_hostile(w, r, (uint32_t)a->n);
    }
}

static void audit(fed_world *w)
{
    for (size_t i = 0; i < w->config.relays; i++) {
        fed_relay *r = &w->relays[i];
        if (!r->is_up || r->node.is_dying)
            continue;
        FED_CHECK(rl_core_ok(r->core), "a core's invariants hold", "relay %zu",
                  i);
        fed_shadow_audit(r->shadow, r->store);
        if (!r->commits.node.is_in)
            fed_timer_set(&w->clock, &r->commits, w->clock.now_ms + 1);
    }
}

void fed_world_do(fed_world *w, const fed_action *a)
{
    const uint64_t now = w->clock.now_ms;
    fed_node *n;
    switch (a->kind) {
    case FED_MEET:
        add_pair(w, a);
        nudge(w, a->a);
        break;
    case FED_WAKE:
        fed_person_wake(&w->people[a->a], now + a->n);
        break;
    case FED_WRITE:
        add_mail(w, a);
        nudge(w, a->a);
        break;
    case FED_KILL:
        w->people[a->a].node.dies_in =
            w->people[a->a].engine != NULL ? (uint32_t)a->n : 0;
        break;
    case FED_DISK_FAILS:
        w->people[a->a].disk.fails_in = (uint32_t)a->n;
        break;
    case FED_DISK_FULL:
        w->people[a->a].disk.full_until = now + a->n;
        break;
    case FED_NO_MEMORY:
        n = node_of(w, a->a);
        n->alloc_in = (uint32_t)a->n;
        n->alloc_more = (uint32_t)a->m;
        break;
    case FED_CLOCK:
        set_clock(w, a);
        break;
    case FED_CUT:
    case FED_STALL:
    case FED_TAMPER:
        do_conn(w, a);
        break;
    case FED_BLOCK:
        fed_net_block(&w->net, a->a, a->b, now + a->n);
        break;
    case FED_PARTITION:
        part(w, a);
        break;
    case FED_AUDIT:
        audit(w);
        break;
    case FED_RELAY_KILL:
    case FED_RELAY_STOP:
    case FED_RELAY_SLOW:
    case FED_RELAY_FULL:
    case FED_RELAY_SYNC:
    case FED_RELAY_DIES:
    case FED_RELAY_WIPE:
    case FED_RELAY_PUZZLE:
    case FED_RELAY_HOSTILE:
        do_relay(w, a);
        break;
    case FED_KINDS:
        break;
    }
}
