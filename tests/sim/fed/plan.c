#include "tests/sim/fed/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/fed/adversary.h"
#include "tests/sim/fed/fail.h"

/* --- the list ------------------------------------------------------------- */

void fed_plan_add(fed_plan *p, fed_action a)
{
    if (p->count == p->cap) {
        p->cap = p->cap * 2 + 64;
        p->actions = realloc(p->actions, p->cap * sizeof *p->actions);
        FED_CHECK(p->actions != NULL, "the simulator has memory", "plan");
    }
    p->actions[p->count++] = a;
}

/* By insertion: stable, and mostly in order already. */
void fed_plan_sort(fed_plan *p)
{
    for (size_t i = 1; i < p->count; i++) {
        const fed_action a = p->actions[i];
        size_t k = i;
        for (; k > 0 && p->actions[k - 1].at_ms > a.at_ms; k--)
            p->actions[k] = p->actions[k - 1];
        p->actions[k] = a;
    }
}

void fed_plan_free(fed_plan *p)
{
    free(p->actions);
    memset(p, 0, sizeof *p);
}

/* --- shapes --------------------------------------------------------------- */

static const char *const shape_names[FED_SHAPES] = { "small", "middle", "large",
                                                     "year" };

fed_shape fed_shape_of(uint64_t seed)
{
    fed_dice d = fed_dice_of(seed, 3);
    const uint32_t at = fed_roll(&d, 200);
    if (at == 0)
        return FED_SHAPE_LARGE;
    if (at == 1)
        return FED_SHAPE_YEAR;
    return at < 6 ? FED_SHAPE_MIDDLE : FED_SHAPE_SMALL;
}

bool fed_shape_read(const char *word, fed_shape *out)
{
    for (int i = 0; i < FED_SHAPES; i++) {
        if (strcmp(word, shape_names[i]) == 0) {
            *out = (fed_shape)i;
            return true;
        }
    }
    return false;
}

const char *fed_shape_name(fed_shape shape)
{
    return shape_names[shape];
}

/* --- as text -------------------------------------------------------------- */

/* A span of time in the unit that suits it. */
static const char *span(char out[32], uint64_t ms)
{
    static const struct {
        uint64_t ms;
        const char *name;
    } units[] = { { FED_DAY, "d" },
                  { FED_HOUR, "h" },
                  { FED_MINUTE, "min" },
                  { FED_SECOND, "s" } };
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (ms >= 2 * units[i].ms) {
            (void)snprintf(out, 32, "%.1f %s", (double)ms / (double)units[i].ms,
                           units[i].name);
            return out;
        }
    }
    (void)snprintf(out, 32, "%llu ms", (unsigned long long)ms);
    return out;
}

static const char *node(char out[32], const fed_config *c, size_t number)
{
    if (number < c->relays)
        (void)snprintf(out, 32, "relay %zu", number);
    else
        (void)snprintf(out, 32, "person %zu", number - c->relays);
    return out;
}

static void harms(char *out, size_t cap, uint64_t bits)
{
    size_t at = 0;
    out[0] = 0;
    for (unsigned i = 0; i < FED_HARMS; i++) {
        if ((bits >> i & 1) == 0)
            continue;
        at += (size_t)snprintf(out + at, cap - at, " %s", fed_harm_name(i));
        if (at >= cap)
            return;
    }
}

void fed_action_text(const fed_config *c, const fed_action *a, char *out,
                     size_t cap)
{
    static const char *const ways[FED_TAMPERS] = { "a bit flipped",
                                                   "a piece dropped",
                                                   "a piece repeated",
                                                   "two pieces swapped" };
    const unsigned long long n = a->n, m = a->m;
    char s[32], t[32], words[100];
    switch (a->kind) {
    case FED_MEET:
        (void)snprintf(out, cap, "person %u invites %u%s", a->a, a->b,
                       a->n == 1 ? " by a file" : "");
        return;
    case FED_WAKE:
        (void)snprintf(out, cap, "person %u awake for %s", a->a, span(s, a->n));
        return;
    case FED_WRITE:
        (void)snprintf(out, cap,
                       "person %u writes to %u: %llu bytes, "
                       "priority %llu, lifetime %s",
                       a->a, a->b, n, m & 0xff,
                       m >> 8 == 0 ? "as usual"
                                   : span(s, (a->m >> 8) * FED_MINUTE));
        return;
    case FED_KILL:
        (void)snprintf(out, cap, "person %u dies at effect %llu", a->a, n);
        return;
    case FED_DISK_FAILS:
        (void)snprintf(out, cap, "person %u: commit %llu fails", a->a, n);
        return;
    case FED_DISK_FULL:
        (void)snprintf(out, cap, "person %u: disk full for %s", a->a,
                       span(s, a->n));
        return;
    case FED_NO_MEMORY:
        (void)snprintf(out, cap, "%s: allocation %llu fails, and %llu more",
                       node(s, c, a->a), n, m);
        return;
    case FED_CLOCK:
        (void)snprintf(out, cap, "%s: clock %s %s for %s", node(words, c, a->a),
                       (int64_t)a->n < 0 ? "back" : "ahead",
                       span(s, (int64_t)a->n < 0 ? 0 - a->n : a->n),
                       span(t, a->m));
        return;
    case FED_CUT:
        (void)snprintf(out, cap, "%s and %s: the stream is cut",
                       node(s, c, a->a), node(t, c, a->b));
        return;
    case FED_STALL:
        (void)snprintf(out, cap, "%s and %s: the stream stands for %s",
                       node(s, c, a->a), node(t, c, a->b), span(words, a->n));
        return;
    case FED_TAMPER:
        (void)snprintf(out, cap, "%s from %s: %s", node(s, c, a->a),
                       node(t, c, a->b), ways[a->n % FED_TAMPERS]);
        return;
    case FED_BLOCK:
        (void)snprintf(out, cap, "nothing from %s to %s for %s",
                       node(s, c, a->a), node(t, c, a->b), span(words, a->n));
        return;
    case FED_PARTITION:
        (void)snprintf(out, cap, "nodes %llx apart from the rest for %s", n,
                       span(s, a->m));
        return;
    case FED_RELAY_KILL:
        (void)snprintf(out, cap, "relay %u dies at effect %llu", a->a, n);
        return;
    case FED_RELAY_STOP:
        (void)snprintf(out, cap,
                       "relay %u dies, %llu operations survive, is "
                       "back after %s",
                       a->a, n, span(s, a->m));
        return;
    case FED_RELAY_SLOW:
        (void)snprintf(out, cap, "relay %u: slow disk for %s", a->a,
                       span(s, a->n));
        return;
    case FED_RELAY_FULL:
        (void)snprintf(out, cap, "relay %u: disk full for %s", a->a,
                       span(s, a->n));
        return;
    case FED_RELAY_SYNC:
        (void)snprintf(out, cap,
                       "relay %u: syncs fail, it stops after %s, is "
                       "back after %s",
                       a->a, span(s, a->n), span(t, a->m));
        return;
    case FED_RELAY_DIES:
        (void)snprintf(out, cap, "relay %u dies for ever", a->a);
        return;
    case FED_RELAY_WIPE:
        (void)snprintf(out, cap, "relay %u loses its disk", a->a);
        return;
    case FED_RELAY_PUZZLE:
        (void)snprintf(out, cap,
                       "relay %u asks for puzzles of %llu bits for "
                       "%s",
                       a->a, m, span(s, a->n));
        return;
    case FED_RELAY_HOSTILE:
        harms(words, sizeof words, a->n);
        (void)snprintf(out, cap, "relay %u means harm:%s", a->a, words);
        return;
    case FED_AUDIT:
        (void)snprintf(out, cap, "all relays are asked what they hold");
        return;
    case FED_KINDS:
        break;
    }
    (void)snprintf(out, cap, "?");
}
