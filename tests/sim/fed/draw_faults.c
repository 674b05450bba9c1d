/* What goes wrong. Most of it while somebody is there to be hurt by it. */
#include "tests/sim/fed/adversary.h"
#include "tests/sim/fed/draw.h"

typedef struct moment {
    uint64_t at_ms;
    size_t relay, other, person; /* nodes; `person` is awake */
} moment;

static moment some_moment(fed_draft *t)
{
    const fed_config *c = &t->p->config;
    const size_t i = fed_roll(&t->d, t->busy_count);
    moment m = { .at_ms = t->busy[i] + fed_roll(&t->d, fed_chance(&t->d, 500)
                                                           ? 20 * FED_SECOND
                                                           : 8 * FED_MINUTE),
                 .relay = fed_roll(&t->d, c->relays),
                 .other = fed_roll(&t->d, c->relays),
                 .person = c->relays + t->busy_with[i] };
    return m;
}

static fed_action at(const moment *m, fed_kind kind, size_t a)
{
    return (fed_action){ .at_ms = m->at_ms, .kind = kind, .a = (uint16_t)a };
}

static void hurt_person(fed_draft *t, const moment *m)
{
    const size_t i = m->person - t->p->config.relays;
    fed_action a = at(m, FED_KILL, i);
    switch (fed_roll(&t->d, 6)) {
    case 0:
    case 1:
    case 2:
        a.n = 1 + fed_roll(&t->d, 60);
        break;
    case 3:
        a.kind = FED_DISK_FAILS;
        a.n = 1 + fed_roll(&t->d, 6);
        break;
    case 4:
        a.kind = FED_DISK_FULL;
        a.n = fed_between(&t->d, FED_SECOND, 20 * FED_MINUTE);
        break;
    default:
        a = at(m, FED_NO_MEMORY, m->person);
        a.n = 1 + fed_roll(&t->d, 400);
        a.m = fed_roll(&t->d, 4);
        break;
    }
    fed_plan_add(t->p, a);
}

static void hurt_net(fed_draft *t, const moment *m)
{
    const bool is_between_relays =
        fed_chance(&t->d, 300) && m->relay != m->other;
    const size_t peer = is_between_relays ? m->other : m->person;
    const bool turned = fed_chance(&t->d, 500);
    fed_action a = at(m, FED_CUT, turned ? peer : m->relay);
    a.b = (uint16_t)(turned ? m->relay : peer);
    switch (fed_roll(&t->d, 8)) {
    case 0:
    case 1:
        break;
    case 2:
        a.kind = FED_STALL;
        a.n = fed_between(&t->d, FED_SECOND, 5 * FED_MINUTE);
        break;
    case 3:
    case 4:
        a.kind = FED_TAMPER;
        a.n = fed_roll(&t->d, FED_TAMPERS);
        break;
    case 5:
    case 6:
        a.kind = FED_BLOCK;
        a.n = fed_between(&t->d, 10 * FED_SECOND, 12 * (uint64_t)FED_HOUR);
        break;
    default:
        a.kind = FED_PARTITION;
        a.n = fed_next(&t->d) & fed_next(&t->d);
        a.m = fed_between(&t->d, 10 * FED_SECOND, 18 * (uint64_t)FED_HOUR);
        break;
    }
    fed_plan_add(t->p, a);
}

static void hurt_relay(fed_draft *t, const moment *m)
{
    fed_action a = at(m, FED_RELAY_KILL, m->relay);
    switch (fed_roll(&t->d, 9)) {
    case 0:
    case 1:
    case 2:
        a.n = 1 + fed_roll(&t->d, 80);
        break;
    case 3:
        a.kind = FED_RELAY_STOP;
        a.n = fed_roll(&t->d, 8);
        a.m = fed_between(&t->d, FED_SECOND, 6 * (uint64_t)FED_HOUR);
        break;
    case 4:
        a.kind = FED_RELAY_SLOW;
        a.n = fed_between(&t->d, FED_SECOND, 10 * FED_MINUTE);
        break;
    case 5:
        a.kind = FED_RELAY_FULL;
        a.n = fed_between(&t->d, FED_SECOND, 3 * (uint64_t)FED_HOUR);
        break;
    case 6:
        a.kind = FED_RELAY_SYNC;
        a.n = fed_between(&t->d, FED_SECOND, 3 * FED_MINUTE);
        a.m = fed_between(&t->d, FED_SECOND, 20 * FED_MINUTE);
        break;
    case 7:
        a.kind = FED_NO_MEMORY;
        a.n = 1 + fed_roll(&t->d, 600);
        a.m = fed_roll(&t->d, 4);
        break;
    default:
        a.kind = FED_RELAY_PUZZLE;
        a.n = fed_between(&t->d, FED_MINUTE, 2 * (uint64_t)FED_HOUR);
        a.m = 1 + fed_roll(&t->d, 8);
        break;
    }
    fed_plan_add(t->p, a);
}

static void hurt_clock(fed_draft *t, const moment *m)
{
    const bool is_person = fed_chance(&t->d, 350);
    fed_action a = at(m, FED_CLOCK, is_person ? m->person : m->relay);
    const uint64_t most[] = { 2 * (uint64_t)FED_HOUR, 30 * (uint64_t)FED_DAY,
                              3650 * (uint64_t)FED_DAY };
    const uint64_t by =
        fed_between(&t->d, FED_MINUTE, most[fed_roll(&t->d, 3)]);
    /* Not before 1970: a machine without a clock is another matter. */
    a.n = fed_chance(&t->d, 500) ? 0 - by : by;
    a.m = fed_between(&t->d, FED_MINUTE, 36 * (uint64_t)FED_HOUR);
    t->p->config.may_expire = t->p->config.may_expire || is_person;
    fed_plan_add(t->p, a);
}

/* One relay of the federation has a fate; whose mail lies on one only is
 * spared. */
static void draw_fate(fed_draft *t)
{
    const fed_config *c = &t->p->config;
    const uint32_t what = fed_roll(&t->d, 100);
    const uint64_t when =
        fed_between(&t->d, FED_CALM_START, c->span_ms * 3 / 4);
    fed_action a = { .at_ms = when, .a = (uint16_t)fed_roll(&t->d, c->relays) };
    if (what < 12 && !t->is_alone) {
        a.kind = FED_RELAY_DIES;
    } else if (what < 25) {
        a.kind = FED_RELAY_STOP;
        a.n = fed_roll(&t->d, 8);
        a.m = fed_between(&t->d, FED_HOUR, 6 * (uint64_t)FED_DAY);
    } else if (what < 35 && !t->is_alone) {
        a.kind = FED_RELAY_WIPE;
    } else if (what < 65 && !t->is_alone) {
        a.kind = FED_RELAY_HOSTILE;
        for (unsigned k = 1 + fed_roll(&t->d, 3); k > 0; k--)
            a.n |= UINT64_C(1) << fed_roll(&t->d, FED_HARMS);
    } else {
        return;
    }
    fed_plan_add(t->p, a);
}

void fed_draw_faults(fed_draft *t)
{
    uint64_t count = fed_between(&t->d, t->s->faults[0], t->s->faults[1]);
    for (; count > 0; count--) {
        const moment m = some_moment(t);
        const uint32_t what = fed_roll(&t->d, 100);
        if (m.at_ms >= t->p->config.span_ms)
            continue;
        if (what < 30)
            hurt_person(t, &m);
        else if (what < 60)
            hurt_net(t, &m);
        else if (what < 92)
            hurt_relay(t, &m);
        else
            hurt_clock(t, &m);
        if (fed_chance(&t->d, 150))
            fed_plan_add(t->p, (fed_action){ .at_ms = m.at_ms + FED_MINUTE,
                                             .kind = FED_AUDIT });
    }
    draw_fate(t);
}
