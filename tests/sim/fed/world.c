#include "tests/sim/fed/world.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/fed/shadow.h"

enum { STEPS_AT_ONCE = 200000 };

void fed_trace(fed_world *w, const char *fmt, ...)
{
    va_list args;
    const uint64_t s = w->clock.now_ms / 1000;
    if (w->trace == NULL)
        return;
    (void)fprintf(w->trace, "day %llu %02u:%02u:%02u.%03u  ",
                  (unsigned long long)(s / 86400), (unsigned)(s / 3600 % 24),
                  (unsigned)(s / 60 % 60), (unsigned)(s % 60),
                  (unsigned)(w->clock.now_ms % 1000));
    va_start(args, fmt);
    (void)vfprintf(w->trace, fmt, args);
    va_end(args);
    (void)fputc('\n', w->trace);
}

/* --- making --------------------------------------------------------------- */

static void *some(size_t count, size_t size)
{
    void *p = calloc(count + 1, size);
    FED_CHECK(p != NULL, "the simulator has memory", "%zu", count);
    return p;
}

static void *on_accept(void *ctx, size_t node, fed_conn *conn,
                       const fed_conn_events **events)
{
    fed_world *w = ctx;
    FED_CHECK(node < w->config.relays, "only relays are dialled", "%zu", node);
    return fed_relay_accept(&w->relays[node], conn, events);
}

/* What no relay may ever store. */
static void add_secrets(fed_world *w, const fed_person *p)
{
    static char addresses[FED_PEOPLE_MAX][24];
    const uint64_t origin = fed_oracle_origin(p->node.number);
    const cl_identity *id = &p->engine->self;
    fed_secrets *s = &w->oracle.secrets;
    (void)snprintf(addresses[p->index], sizeof addresses[0], "198.51.100.%zu",
                   p->node.number);
    fed_secrets_add(s, addresses[p->index], strlen(addresses[p->index]),
                    "an address");
    fed_secrets_add(s, &origin, sizeof origin, "where a client is");
    fed_secrets_add(s, id->pub.sign_pk, 32, "an identity key");
    fed_secrets_add(s, id->pub.dh_pk, 32, "an identity key");
    fed_secrets_add(s, id->id, 32, "an identity");
}

static void settle_in(fed_world *w, fed_person *p)
{
    const fed_person_config *c = &w->config.person[p->index];
    fed_person_wake(p, FED_MINUTE);
    fed_world_until(w, w->clock.now_ms);
    for (size_t r = 0; r < w->config.relays; r++) {
        if ((c->knows >> r & 1) != 0)
            FED_CHECK(cl_relay_add(p->engine, &w->relays[r].address) == PN_OK,
                      "an engine takes its settings", "relay");
    }
    FED_CHECK(
        cl_engine_set_routing(p->engine, c->is_direct
                                             ? CL_ROUTING_DIRECT
                                             : CL_ROUTING_AUTO) == PN_OK &&
            cl_engine_set_profile(p->engine, c->is_thin ? CL_PROFILE_THIN
                                                        : CL_PROFILE_NORMAL) ==
                PN_OK &&
            cl_relays_set(p->engine, c->wanted, 2 * (uint64_t)FED_DAY) == PN_OK,
        "an engine takes its settings", "person %zu", p->index);
    add_secrets(w, p);
}

static void begin(fed_world *w, const fed_plan *plan)
{
    memset(w, 0, sizeof *w);
    FED_CHECK(sodium_init() >= 0, "libsodium starts", "no");
    w->seed = plan->seed;
    w->config = plan->config;
    fed_fail_at(w->seed, &w->clock.now_ms);
    fed_node_arm();
    w->dice = fed_dice_of(w->seed, 2);
    w->hostile = FED_RELAYS_MAX;
    pn_node_init(&w->laters);
    fed_net_init(&w->net, &w->clock, w->seed);
    w->net.accept = on_accept;
    w->net.ctx = w;
    w->pairs = some(plan->count, sizeof *w->pairs);
    w->mail = some(plan->count, sizeof *w->mail);
    w->relays = some(w->config.relays, sizeof *w->relays);
    w->people = some(w->config.people, sizeof *w->people);
    fed_secrets_init(&w->oracle.secrets, w->seed % 4 == 0);
    fed_watch_init(&w->oracle.watch);
    for (size_t i = 0; i < w->config.relays; i++)
        fed_relay_init(&w->relays[i], w, i, w->seed);
    for (size_t i = 0; i < w->config.relays; i++)
        fed_relay_start(&w->relays[i]);
    for (size_t i = 0; i < w->config.people; i++)
        fed_person_init(&w->people[i], w, i, w->seed);
    for (size_t i = 0; i < w->config.people; i++)
        settle_in(w, &w->people[i]);
}

/* --- time ----------------------------------------------------------------- */

void fed_world_until(fed_world *w, uint64_t at_ms)
{
    uint32_t at_once = 0;
    pn_heap_node *n;
    while ((n = pn_heap_due(&w->clock.heap, at_ms)) != NULL) {
        fed_timer *t = PN_ENTRY(n, fed_timer, node);
        at_once = n->at > w->clock.now_ms ? 0 : at_once + 1;
        FED_CHECK(at_once < STEPS_AT_ONCE, "nothing goes on without an end",
                  "%u steps at one time", at_once);
        if (n->at > w->clock.now_ms)
            w->clock.now_ms = n->at;
        fed_timer_set(&w->clock, t, UINT64_MAX);
        w->steps++;
        t->fire(t->ctx);
    }
    if (at_ms > w->clock.now_ms)
        w->clock.now_ms = at_ms;
}

void fed_world_run(fed_world *w, const fed_plan *plan, FILE *trace)
{
    char line[200];
    begin(w, plan);
    w->trace = trace;
    for (size_t i = 0; i < plan->count; i++) {
        const fed_action *a = &plan->actions[i];
        fed_world_until(w, a->at_ms);
        if (trace != NULL) {
            fed_action_text(&w->config, a, line, sizeof line);
            fed_trace(w, "%s", line);
        }
        fed_world_do(w, a);
    }
    fed_world_until(w, w->config.span_ms);
    fed_world_judge(w);
}

void fed_world_free(fed_world *w)
{
    pn_node *n;
    while ((n = pn_list_first(&w->laters)) != NULL) {
        fed_later *l = PN_ENTRY(n, fed_later, in_world);
        fed_timer_set(&w->clock, &l->timer, UINT64_MAX);
        pn_list_remove(n);
        free(l);
    }
    for (size_t i = 0; i < w->config.people; i++)
        fed_person_free(&w->people[i]);
    for (size_t i = 0; i < w->config.relays; i++)
        fed_relay_free(&w->relays[i]);
    fed_net_free(&w->net);
    for (size_t i = 0; i < w->pair_count; i++)
        free(w->pairs[i].text);
    fed_secrets_free(&w->oracle.secrets);
    fed_watch_free(&w->oracle.watch);
    free(w->pairs);
    free(w->mail);
    free(w->relays);
    free(w->people);
}
