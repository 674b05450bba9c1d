/* Who there is, and what they want to do. */
#include "tests/sim/fed/draw.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/fed/fail.h"

static const fed_sizes sizes_of[FED_SHAPES] = {
    [FED_SHAPE_SMALL] = { { 3, 4 },
                          { 4, 8 },
                          { 2, 14 },
                          { 8, 16 },
                          { 12, 36 } },
    [FED_SHAPE_MIDDLE] = { { 3, 5 },
                           { 10, 20 },
                           { 4, 30 },
                           { 30, 50 },
                           { 20, 60 } },
    [FED_SHAPE_LARGE] = { { 7, 7 },
                          { 60, 200 },
                          { 5, 10 },
                          { 120, 250 },
                          { 60, 120 } },
    [FED_SHAPE_YEAR] = { { 4, 5 },
                         { 4, 8 },
                         { 365, 365 },
                         { 90, 130 },
                         { 60, 120 } },
};

/* --- who there is --------------------------------------------------------- */

/* Some of the relays, `count` of them. */
static uint8_t some_relays(fed_dice *d, size_t relays, unsigned count)
{
    uint8_t bits = 0;
    while (count > 0) {
        const uint8_t bit = (uint8_t)(1U << fed_roll(d, relays));
        count -= (bits & bit) == 0 ? 1 : 0;
        bits |= bit;
    }
    return bits;
}

static void draw_person(fed_dice *d, const fed_config *c, bool may_be_alone,
                        fed_person_config *out)
{
    const unsigned most = c->relays < 4 ? (unsigned)c->relays : 4;
    out->is_direct = fed_chance(d, 600);
    out->is_thin = fed_chance(d, 200);
    out->wanted = 2;
    if (may_be_alone && fed_chance(d, 300))
        out->wanted = 1;
    else if (fed_chance(d, 120))
        out->wanted = 3;
    /* One more than wanted, where there is one, to take a dead one's place. */
    out->knows = some_relays(d, c->relays,
                             out->wanted + 1U < most ? out->wanted + 1U : most);
}

/* --- what they do --------------------------------------------------------- */

static void wake(fed_draft *t, uint64_t at, size_t person, uint64_t ms)
{
    fed_plan_add(t->p, (fed_action){ .at_ms = at,
                                     .kind = FED_WAKE,
                                     .a = (uint16_t)person,
                                     .n = ms });
}

static bool is_couple(const fed_draft *t, size_t a, size_t b)
{
    for (size_t i = 0; i < t->couple_count; i++) {
        if ((t->couples[i][0] == a && t->couples[i][1] == b) ||
            (t->couples[i][0] == b && t->couples[i][1] == a))
            return true;
    }
    return false;
}

static void couple(fed_draft *t, size_t a, size_t b)
{
    const bool is_late = fed_chance(&t->d, 150);
    const uint64_t at =
        is_late ? fed_between(&t->d, FED_CALM_START, t->p->config.span_ms / 2)
                : fed_between(&t->d, FED_MINUTE, FED_FIRST_MEETS / 2);
    if (a == b || is_couple(t, a, b))
        return;
    t->couples[t->couple_count][0] = a;
    t->couples[t->couple_count++][1] = b;
    fed_plan_add(t->p, (fed_action){ .at_ms = at,
                                     .kind = FED_MEET,
                                     .a = (uint16_t)a,
                                     .b = (uint16_t)b,
                                     .n = fed_chance(&t->d, 250) ? 1 : 0 });
    if (is_late) {
        wake(t, at, a, 15 * FED_MINUTE);
        wake(t, at, b, 15 * FED_MINUTE);
    }
}

/* Pairs, and a small circle here and there. */
static void draw_couples(fed_draft *t)
{
    const size_t people = t->p->config.people;
    for (size_t i = 0; i + 1 < people; i += 2)
        couple(t, i, i + 1);
    if (people % 2 == 1)
        couple(t, people - 1, fed_roll(&t->d, people - 1));
    for (size_t i = 0; i < people / 4; i++)
        couple(t, fed_roll(&t->d, people), fed_roll(&t->d, people));
}

static uint32_t draw_size(fed_dice *d)
{
    const uint32_t what = fed_roll(d, 100);
    if (what < 75)
        return 60 + fed_roll(d, 400);
    if (what < 92)
        return 500 + fed_roll(d, 2500);
    return 3000 + fed_roll(d, what < 98 ? 10000 : 25000);
}

static void draw_mail(fed_draft *t, uint64_t at, size_t from, size_t to)
{
    static const uint8_t priorities[] = { 2, 2, 2, 1, 3 };
    fed_action a = { .at_ms = at,
                     .kind = FED_WRITE,
                     .a = (uint16_t)from,
                     .b = (uint16_t)to,
                     .n = draw_size(&t->d),
                     .m = priorities[fed_roll(&t->d, 5)] };
    if (fed_chance(&t->d, 40)) /* it may run out */
        a.m |= fed_between(&t->d, 60, 3 * 24 * 60) << 8;
    fed_plan_add(t->p, a);
}

/* Two write to each other, awake together or not. */
static void draw_talk(fed_draft *t)
{
    const uint64_t span = t->p->config.span_ms;
    const size_t *two = t->couples[fed_roll(&t->d, t->couple_count)];
    uint64_t at = fed_between(&t->d, FED_CALM_START, span - 1);
    const uint64_t length = fed_between(&t->d, 2, 12) * FED_MINUTE;
    const uint64_t apart = fed_chance(&t->d, 500)
                               ? fed_roll(&t->d, FED_MINUTE)
                               : fed_roll(&t->d, 10 * (uint64_t)FED_HOUR);
    unsigned count = 1 + fed_roll(&t->d, 6);
    wake(t, at, two[0], length);
    wake(t, at + apart, two[1], length);
    for (int i = 0; i < 2; i++) {
        t->busy[t->busy_count] = at + (i == 1 ? apart : 0);
        t->busy_with[t->busy_count++] = two[i];
    }
    for (; count > 0; count--) {
        const size_t who = fed_roll(&t->d, 4) == 0 ? 1 : 0;
        const uint64_t when =
            at + (who == 1 ? apart : 0) + fed_roll(&t->d, length * 3 / 4);
        draw_mail(t, when, two[who], two[1 - who]);
    }
}

/* Everybody looks now and then, or mail would run out. */
static void draw_habits(fed_draft *t)
{
    const fed_config *c = &t->p->config;
    const uint64_t every =
        (c->shape == FED_SHAPE_YEAR ? 5 : 4) * (uint64_t)FED_DAY;
    for (size_t i = 0; i < c->people; i++) {
        uint64_t at = FED_DAY + fed_roll(&t->d, every);
        for (; at < c->span_ms; at += every / 2 + fed_next(&t->d) % every)
            wake(t, at, i, fed_between(&t->d, 1, 7) * FED_MINUTE);
    }
}

static uint64_t draw_of(fed_draft *t, const unsigned range[2])
{
    return fed_between(&t->d, range[0], range[1]);
}

static void draw_config(fed_draft *t, fed_shape shape)
{
    fed_config *c = &t->p->config;
    c->shape = shape;
    c->relays = draw_of(t, t->s->relays);
    c->people = draw_of(t, t->s->people);
    c->span_ms = draw_of(t, t->s->days) * FED_DAY;
    c->keeps_links =
        c->span_ms < 4 * (uint64_t)FED_DAY && fed_chance(&t->d, 40);
    c->forward_delay_ms = fed_chance(&t->d, 200) ? 30 * FED_SECOND : 0;
    t->is_alone = fed_chance(&t->d, 250);
    for (size_t i = 0; i < c->people; i++)
        draw_person(&t->d, c, t->is_alone, &c->person[i]);
}

static void *some(size_t count, size_t size)
{
    void *p = calloc(count, size);
    FED_CHECK(p != NULL, "the simulator has memory", "draft");
    return p;
}

void fed_plan_draw(fed_plan *p, uint64_t seed, fed_shape shape)
{
    fed_draft t = { .p = p, .d = fed_dice_of(seed, 4), .s = &sizes_of[shape] };
    uint64_t talks;
    memset(p, 0, sizeof *p);
    p->seed = seed;
    draw_config(&t, shape);
    t.couples = some(2 * p->config.people, sizeof *t.couples);
    for (size_t i = 0; i < p->config.people; i++)
        wake(&t, 10 * FED_SECOND, i, FED_FIRST_MEETS);
    draw_couples(&t);
    talks = draw_of(&t, t.s->talks);
    t.busy = some(2 * talks, sizeof *t.busy);
    t.busy_with = some(2 * talks, sizeof *t.busy_with);
    for (; talks > 0; talks--)
        draw_talk(&t);
    draw_habits(&t);
    fed_draw_faults(&t);
    fed_plan_sort(p);
    free(t.couples);
    free(t.busy);
    free(t.busy_with);
}
