#include "tests/sim/fed/person.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/mem.h"
#include "tests/sim/fed/app.h"
#include "tests/sim/fed/world.h"

enum { RETRY_MS = 1000 };

/* One link, from the dial to its end. */
typedef struct fed_wire {
    pn_node in_person;
    fed_person *person;
    uint32_t relay; /* the engine's number; 0: nobody's any more */
    fed_plug *plug;
} fed_wire;

/* --- events of the plug --------------------------------------------------- */

static void on_open(void *owner, fed_plug *plug)
{
    const fed_wire *w = owner;
    fed_watch_linked(w->person->world, w->person->node.number, plug->peer);
    if (w->relay != 0)
        cl_engine_link_open(w->person->engine, w->relay,
                            pn_link_binding(plug->link));
    fed_person_touched(w->person);
}

static pn_err on_frame(void *owner, fed_plug *plug, pn_bytes frame)
{
    const fed_wire *w = owner;
    fed_person *p = w->person;
    pn_msg msg;
    pn_err err = pn_msg_decode(&msg, &p->scratch, frame);
    if (err == PN_OK && msg.kind == PN_MSG_BYE)
        fed_plug_close(plug, FED_WHY_PEER);
    else if (err == PN_OK && w->relay != 0 && fed_node_may(&p->node))
        err = cl_engine_msg(p->engine, w->relay, &msg);
    pn_msg_scratch_release(&p->scratch);
    fed_person_touched(p);
    return err;
}

static void on_writable(void *owner, fed_plug *plug)
{
    const fed_wire *w = owner;
    (void)plug;
    if (w->relay != 0)
        cl_engine_writable(w->person->engine, w->relay);
    fed_person_touched(w->person);
}

static void on_closed(void *owner, fed_plug *plug, fed_why why)
{
    fed_wire *w = owner;
    fed_person *p = w->person;
    fed_oracle_closed(p->world, plug, why);
    if (w->relay != 0)
        cl_engine_link_closed(p->engine, w->relay, "closed");
    pn_list_remove(&w->in_person);
    pn_free(w);
    fed_person_touched(p);
}

static const fed_plug_events events = { on_open, on_frame, on_writable,
                                        on_closed };

/* --- the engine's sink ---------------------------------------------------- */

static fed_wire *find(fed_person *p, uint32_t relay)
{
    for (pn_node *n = p->wires.next; n != &p->wires; n = n->next) {
        fed_wire *w = PN_ENTRY(n, fed_wire, in_person);
        if (w->relay == relay)
            return w;
    }
    return NULL;
}

static void sink_dial(void *ctx, uint32_t relay, const pn_address *address)
{
    fed_person *p = ctx;
    const pn_link_offer offer = {
        .version_min = PN_LINK_VERSION,
        .version_max = PN_LINK_VERSION,
        .record_size = cl_engine_record_size(p->engine),
        .features = PN_LINK_FEATURE_QUEUES | PN_LINK_FEATURE_PARCELS
    };
    const size_t to = fed_relay_of(p->world, address->relay_key);
    fed_wire *w = pn_alloc(1, sizeof *w);
    FED_CHECK(to < FED_RELAYS_MAX, "only relays that exist are dialled",
              "person %zu", p->index);
    fed_watch_calls(p->world, p->node.number, to);
    if (w != NULL) {
        w->person = p;
        w->relay = relay;
        w->plug = fed_plug_dial(&p->world->net, &p->node, to,
                                address->relay_key, &offer, NULL, &events, w);
        if (w->plug != NULL) {
            pn_list_push_back(&p->wires, &w->in_person);
            return;
        }
    }
    pn_free(w);
    cl_engine_link_closed(p->engine, relay, "out of memory");
}

static void sink_hangup(void *ctx, uint32_t relay)
{
    fed_person *p = ctx;
    if (relay == 0) /* it has read its store again, and nothing else is left */
        fed_watch_begins(p->world, p->node.number);
    for (pn_node *n = p->wires.next; n != &p->wires; n = n->next) {
        fed_wire *w = PN_ENTRY(n, fed_wire, in_person);
        if (w->relay == 0 || (relay != 0 && w->relay != relay))
            continue;
        w->relay = 0;
        fed_plug_bye(w->plug, PN_BYE_DONE);
    }
}

static pn_err sink_send(void *ctx, uint32_t relay, const pn_msg *msg)
{
    fed_person *p = ctx;
    const fed_wire *w = find(p, relay);
    pn_out out = pn_out_over(p->frame, sizeof p->frame);
    pn_err err;
    if (!fed_node_may(&p->node))
        return PN_OK; /* nobody will ever know */
    fed_oracle_sends(p->world, p, msg);
    if (w != NULL)
        fed_watch_sends(p->world, p, w->plug->peer, msg);
    err = w == NULL ? PN_E_STATE : pn_msg_encode(&out, msg);
    if (err == PN_OK)
        err = fed_plug_send(w->plug, pn_out_view(&out));
    if (err != PN_OK && err != PN_E_FULL && w != NULL)
        fed_plug_close(w->plug, FED_WHY_NOMEM);
    return err;
}

static void sink_changed(void *ctx)
{
    fed_person *p = ctx;
    p->changed = true;
}

/* --- time ----------------------------------------------------------------- */

void fed_person_touched(fed_person *p)
{
    if (p->engine != NULL && !p->node.is_dying)
        fed_timer_set(p->node.clock, &p->pumps, p->node.clock->now_ms);
}

static void on_pump(void *ctx)
{
    fed_person *p = ctx;
    fed_clock *clock = p->node.clock;
    fed_node *before;
    uint64_t at;
    if (p->engine == NULL || p->node.is_dying)
        return;
    before = fed_node_enter(&p->node);
    if (cl_engine_pump(p->engine) == PN_OK)
        at = fed_env_world(&p->node.own, cl_engine_deadline(p->engine));
    else
        at = clock->now_ms + RETRY_MS;
    fed_node_leave(before);
    if (p->node.is_dying)
        return;
    if (at <= clock->now_ms) /* it may not be done, but time goes on */
        at = clock->now_ms + 1;
    if (!p->pumps.node.is_in || p->pumps.node.at > at)
        fed_timer_set(clock, &p->pumps, at);
    if (p->changed && !p->app.node.is_in)
        fed_timer_set(clock, &p->app,
                      clock->now_ms + fed_roll(&p->whims, 2000));
    p->changed = false;
}

static void on_app(void *ctx)
{
    fed_person *p = ctx;
    fed_node *before;
    uint64_t next;
    if (p->engine == NULL || p->node.is_dying)
        return;
    before = fed_node_enter(&p->node);
    next = fed_app_turn(p);
    fed_node_leave(before);
    if (next != UINT64_MAX)
        fed_timer_set(p->node.clock, &p->app, p->node.clock->now_ms + next);
    fed_person_touched(p);
}

/* --- life ----------------------------------------------------------------- */

static void end_process(fed_person *p)
{
    fed_clock *clock = p->node.clock;
    fed_node *before = fed_node_enter(NULL);
    p->node.dies_in = 0;
    p->node.is_dying = true; /* what it wants now reaches nobody */
    cl_engine_free(&p->engine);
    fed_disk_crash(&p->disk);
    p->node.is_dying = false;
    p->owed_count = 0;
    fed_timer_set(clock, &p->pumps, UINT64_MAX);
    fed_timer_set(clock, &p->app, UINT64_MAX);
    fed_timer_set(clock, &p->node.death, UINT64_MAX);
    fed_node_leave(before);
}

static void drop_wires(fed_person *p)
{
    pn_node *n;
    while ((n = pn_list_first(&p->wires)) != NULL) {
        fed_wire *w = PN_ENTRY(n, fed_wire, in_person);
        fed_plug_kill(&w->plug);
        pn_list_remove(n);
        pn_free(w);
    }
}

static void open_engine(fed_person *p)
{
    fed_clock *clock = p->node.clock;
    const cl_store store = fed_disk_port(&p->disk);
    const cl_sink sink = { .ctx = p,
                           .dial = sink_dial,
                           .hangup = sink_hangup,
                           .send = sink_send,
                           .changed = sink_changed };
    fed_node *before = fed_node_enter(&p->node);
    const pn_err err = cl_engine_open(&p->engine, &p->node.env, &store, &sink);
    fed_node_leave(before);
    fed_watch_begins(p->world, p->node.number);
    if (err != PN_OK) {
        FED_CHECK(err == PN_E_NOMEM || err == PN_E_IO || err == PN_E_FULL,
                  "an engine opens its store", "person %zu: %s", p->index,
                  pn_strerror(err));
        end_process(p);
        fed_timer_set(clock, &p->wakes, clock->now_ms + RETRY_MS);
        return;
    }
    fed_person_touched(p);
    fed_timer_set(clock, &p->app, clock->now_ms + 1);
}

/* Something of its life is due: to start, or to sleep. */
static void on_wake(void *ctx)
{
    fed_person *p = ctx;
    const uint64_t now = p->node.clock->now_ms;
    if (now >= p->awake_until) {
        fed_person_sleep(p);
        return;
    }
    if (p->engine == NULL)
        open_engine(p);
    if (p->engine != NULL)
        fed_timer_set(p->node.clock, &p->wakes, p->awake_until);
}

void fed_person_wake(fed_person *p, uint64_t until_ms)
{
    if (until_ms > p->awake_until)
        p->awake_until = until_ms;
    if (p->engine == NULL)
        fed_timer_set(p->node.clock, &p->wakes, p->node.clock->now_ms);
    else
        fed_timer_set(p->node.clock, &p->wakes, p->awake_until);
}

void fed_person_sleep(fed_person *p)
{
    if (p->engine == NULL)
        return;
    sink_hangup(p, 0);
    fed_oracle_rests(p->world, p);
    end_process(p);
}

void fed_person_kill(fed_person *p)
{
    if (p->engine != NULL)
        end_process(p);
    drop_wires(p);
    fed_timer_set(p->node.clock, &p->wakes,
                  p->node.clock->now_ms < p->awake_until
                      ? p->node.clock->now_ms +
                            fed_between(&p->whims, 1, 90 * FED_SECOND)
                      : UINT64_MAX);
}

static void on_death(void *ctx)
{
    fed_person *p = ctx;
    p->world->deaths++;
    fed_person_kill(p);
}

void fed_person_init(fed_person *p, fed_world *w, size_t index, uint64_t seed)
{
    fed_clock *clock = &w->clock;
    cl_store store;
    char name[32];
    memset(p, 0, sizeof *p);
    p->world = w;
    p->index = index;
    fed_node_init(&p->node, clock, w->config.relays + index, seed, on_death, p);
    fed_disk_init(&p->disk, &p->node);
    p->whims = fed_dice_of(seed, 1000 + index);
    pn_node_init(&p->wires);
    pn_msg_scratch_init(&p->scratch);
    fed_timer_init(&p->pumps, on_pump, p);
    fed_timer_init(&p->app, on_app, p);
    fed_timer_init(&p->wakes, on_wake, p);
    store = fed_disk_port(&p->disk);
    (void)snprintf(name, sizeof name, "person %zu", index);
    FED_CHECK(cl_engine_create(&p->node.env, &store, name) == PN_OK,
              "an engine is made", "person %zu", index);
}

void fed_person_free(fed_person *p)
{
    if (p->engine != NULL)
        end_process(p);
    drop_wires(p);
    fed_timer_set(p->node.clock, &p->wakes, UINT64_MAX);
    pn_msg_scratch_release(&p->scratch);
    fed_disk_free(&p->disk);
}
