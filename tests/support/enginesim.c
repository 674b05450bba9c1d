#include "tests/support/enginesim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/core/engine_state.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/faults.h"

/* --- faults ------------------------------------------------------------- */

void enginesim_enter(const enginesim *w, size_t i)
{
    (void)faults_pause(w->faulty != SIZE_MAX && w->faulty != i);
}

void enginesim_leave(const enginesim *w)
{
    (void)faults_pause(w->faulty != SIZE_MAX);
}

/* --- pipes -------------------------------------------------------------- */

static void push(enginesim *w, enginesim_pipe *pipe, const pn_msg *msg)
{
    pn_out out = pn_out_over(w->frame, sizeof w->frame);
    const size_t at = (pipe->first + pipe->count) % ENGINESIM_FRAMES;
    FUZZ_CHECK(pipe->count < ENGINESIM_FRAMES);
    FUZZ_CHECK(pn_msg_encode(&out, msg) == PN_OK);
    pipe->at[at].p = malloc(out.len);
    FUZZ_CHECK(pipe->at[at].p != NULL);
    memcpy(pipe->at[at].p, out.p, out.len);
    pipe->at[at].len = out.len;
    pipe->count++;
}

static void drop_first(enginesim_pipe *pipe)
{
    free(pipe->at[pipe->first].p);
    pipe->first = (pipe->first + 1) % ENGINESIM_FRAMES;
    pipe->count--;
}

static void drop_all(enginesim_pipe *pipe)
{
    while (pipe->count > 0)
        drop_first(pipe);
}

/* --- the engine's side -------------------------------------------------- */

static void on_dial(void *ctx, uint32_t relay, const pn_address *address)
{
    enginesim_person *p = ctx;
    FUZZ_CHECK(p->relay == 0 && address->port == p->world->address.port);
    p->relay = relay;
    p->wants_link = true;
}

static void on_hangup(void *ctx, uint32_t relay)
{
    enginesim_person *p = ctx;
    (void)relay;
    enginesim_leave(p->world);
    coresim_close(&p->world->core, p->index);
    enginesim_enter(p->world, p->index);
    drop_all(&p->up);
    drop_all(&p->down);
    p->relay = 0;
    p->wants_link = false;
}

/* The two rules, looked at where they would be broken. */
static void check_leaving(const enginesim_person *p, const pn_msg *msg)
{
    const cl_relay *r = cl_relay_by_number(p->engine, p->relay);
    const cl_queue *q;
    FUZZ_CHECK(memstore_is_clean(&p->store));
    /* Who gives rubbish under a message's id may hear that it is not wanted. */
    if (msg->kind != PN_MSG_ACK || p->world->suspicious)
        return;
    q = r->handles[msg->u.ack.handle];
    for (size_t at = 0; q != NULL && at < msg->u.ack.message_ids.len;
         at += PN_MESSAGE_ID_BYTES)
        FUZZ_CHECK(!cl_event_waits_for(p->engine, q->recv_id,
                                       msg->u.ack.message_ids.p + at));
}

static pn_err on_send(void *ctx, uint32_t relay, const pn_msg *msg)
{
    enginesim_person *p = ctx;
    FUZZ_CHECK(relay == p->relay && !p->wants_link);
    check_leaving(p, msg);
    if (p->up.count >= 200)
        return PN_E_FULL;
    enginesim_leave(p->world);
    if (msg->kind == PN_MSG_DEPOSIT) {
        p->world->deposits++;
        p->world->envelope = msg->u.deposit.envelope.len;
    }
    push(p->world, &p->up, msg);
    enginesim_enter(p->world, p->index);
    return PN_OK;
}

static cl_sink sink_of(enginesim_person *p)
{
    return (cl_sink){
        .ctx = p, .dial = on_dial, .hangup = on_hangup, .send = on_send
    };
}

/* --- the relay's side
 * --------------------------------------------------------- */

static void on_msg(void *ctx, size_t link, const pn_msg *msg)
{
    enginesim *w = ctx;
    if (w->on_down == NULL || !w->on_down(w->lie_ctx, link, msg))
        push(w, &w->people[link].down, msg);
}

void enginesim_give(enginesim *w, size_t i, const pn_msg *msg)
{
    if (w->people[i].relay != 0 && !w->people[i].wants_link)
        push(w, &w->people[i].down, msg);
}

/* --- moving
 * -------------------------------------------------------------------- */

void enginesim_cut(enginesim *w, size_t i)
{
    enginesim_person *p = &w->people[i];
    const uint32_t relay = p->relay;
    coresim_close(&w->core, i);
    drop_all(&p->up);
    drop_all(&p->down);
    p->relay = 0;
    p->wants_link = false;
    enginesim_enter(w, i);
    if (relay != 0 && p->engine != NULL)
        cl_engine_link_closed(p->engine, relay, "cut");
    enginesim_leave(w);
}

static void connect_one(enginesim *w, size_t i)
{
    enginesim_person *p = &w->people[i];
    if (!p->wants_link)
        return;
    p->wants_link = false;
    if (w->relay_down) {
        enginesim_cut(w, i);
        return;
    }
    coresim_open(&w->core, i);
    FUZZ_CHECK(w->core.links[i].link != NULL);
    enginesim_enter(w, i);
    cl_engine_link_open(p->engine, p->relay, w->core.links[i].binding);
    enginesim_leave(w);
}

static void pump_one(enginesim *w, size_t i)
{
    enginesim_enter(w, i);
    (void)!cl_engine_pump(w->people[i].engine);
    enginesim_leave(w);
}

void enginesim_pump(enginesim *w, size_t i)
{
    enginesim_person *p = &w->people[i];
    if (p->engine == NULL)
        return;
    pump_one(w, i);
    if (p->wants_link) {
        connect_one(w, i);
        pump_one(w, i);
    }
    /* Broken, it waits to read its store again. */
    FUZZ_CHECK(p->engine->broken || cl_engine_ok(p->engine));
}

static void relay_works(enginesim *w)
{
    coresim_settle(&w->core);
    for (size_t i = 0; i < w->count; i++) {
        if (w->core.links[i].closing && w->core.links[i].link != NULL)
            enginesim_cut(w, i);
    }
}

bool enginesim_up(enginesim *w, size_t i)
{
    enginesim_person *p = &w->people[i];
    pn_msg_scratch scratch;
    pn_msg msg;
    pn_err err;
    if (p->up.count == 0 || w->core.links[i].link == NULL)
        return false;
    pn_msg_scratch_init(&scratch);
    FUZZ_CHECK(pn_msg_decode(&msg, &scratch,
                             (pn_bytes){ p->up.at[p->up.first].p,
                                         p->up.at[p->up.first].len }) == PN_OK);
    err = PN_OK;
    if (w->on_up == NULL || !w->on_up(w->lie_ctx, i, &msg))
        err = coresim_take(&w->core, i, &msg);
    pn_msg_scratch_release(&scratch);
    /* Our client keeps to the protocol, unless it was told nonsense. */
    FUZZ_CHECK(err == PN_OK || w->suspicious);
    drop_first(&p->up);
    if (err != PN_OK) {
        enginesim_cut(w, i);
        return true;
    }
    if (p->engine != NULL)
        cl_engine_writable(p->engine, p->relay);
    return true;
}

bool enginesim_down(enginesim *w, size_t i)
{
    enginesim_person *p = &w->people[i];
    pn_msg msg;
    pn_err err;
    if (p->down.count == 0 || p->engine == NULL || p->relay == 0)
        return false;
    FUZZ_CHECK(pn_msg_decode(&msg, &w->scratch,
                             (pn_bytes){ p->down.at[p->down.first].p,
                                         p->down.at[p->down.first].len }) ==
               PN_OK);
    enginesim_enter(w, i);
    err = cl_engine_msg(p->engine, p->relay, &msg);
    enginesim_leave(w);
    pn_msg_scratch_release(&w->scratch);
    drop_first(&p->down);
    FUZZ_CHECK(err == PN_OK || (err == PN_E_PROTO && w->suspicious));
    if (err != PN_OK) /* as the driver does */
        enginesim_cut(w, i);
    return true;
}

void enginesim_kill(enginesim *w, size_t i)
{
    enginesim_person *p = &w->people[i];
    if (p->engine == NULL)
        return;
    p->store.fail_at = 0;
    cl_engine_free(&p->engine);
    FUZZ_CHECK(memstore_is_clean(&p->store));
    enginesim_cut(w, i);
}

void enginesim_start(enginesim *w, size_t i)
{
    enginesim_person *p = &w->people[i];
    const cl_store store = memstore_port(&p->store);
    const cl_sink sink = sink_of(p);
    pn_err err;
    if (p->engine != NULL)
        return;
    enginesim_enter(w, i);
    do
        err = cl_engine_open(&p->engine, &p->env, &store, &sink);
    while (w->faulty == i && err != PN_OK); /* fails no more, sometime */
    enginesim_leave(w);
    if (err != PN_OK)
        (void)fprintf(stderr, "open: %s\n", pn_strerror(err));
    FUZZ_CHECK(err == PN_OK);
}

void enginesim_relay_restart(enginesim *w, size_t survive)
{
    coresim_restart(&w->core, survive);
    for (size_t i = 0; i < w->count; i++)
        enginesim_cut(w, i);
}

void enginesim_advance(enginesim *w, uint64_t ms)
{
    coresim_advance(&w->core, ms);
    for (size_t i = 0; i < w->count; i++)
        simenv_advance(&w->people[i].sim, ms);
}

void enginesim_settle(enginesim *w)
{
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < w->count; i++) {
            enginesim_pump(w, i);
            while (enginesim_up(w, i))
                moved = true;
        }
        relay_works(w);
        for (size_t i = 0; i < w->count; i++) {
            while (enginesim_down(w, i))
                moved = true;
            enginesim_pump(w, i);
        }
    }
}

void enginesim_run(enginesim *w, uint64_t ms)
{
    enginesim_settle(w);
    while (ms > 0) {
        uint64_t step = ms;
        for (size_t i = 0; i < w->count; i++) {
            enginesim_person *p = &w->people[i];
            uint64_t at;
            if (p->engine == NULL)
                continue;
            at = cl_engine_deadline(p->engine);
            if (at < p->sim.mono_ms + step)
                step = at > p->sim.mono_ms ? at - p->sim.mono_ms : 1;
        }
        enginesim_advance(w, step);
        ms -= step;
        enginesim_settle(w);
    }
}

/* --- life
 * ------------------------------------------------------------------------ */

void enginesim_init(enginesim *w, uint64_t seed, size_t people)
{
    memset(w, 0, sizeof *w);
    coresim_init(&w->core, seed);
    w->core.on_msg = on_msg;
    w->core.ctx = w;
    pn_msg_scratch_init(&w->scratch);
    w->address =
        (pn_address){ .kind = PN_HOST_IPV4, .port = 443, .host = "192.0.2.7" };
    memset(w->address.relay_key, 7, sizeof w->address.relay_key);
    w->count = people;
    w->faulty = SIZE_MAX;
    for (size_t i = 0; i < people; i++) {
        enginesim_person *p = &w->people[i];
        cl_store store;
        char name[32];
        p->world = w;
        p->index = i;
        simenv_init(&p->sim, seed * 31 + i + 1);
        p->env = simenv_env(&p->sim);
        memstore_init(&p->store);
        store = memstore_port(&p->store);
        (void)snprintf(name, sizeof name, "person %zu", i);
        FUZZ_CHECK(cl_engine_create(&p->env, &store, name) == PN_OK);
        enginesim_start(w, i);
        FUZZ_CHECK(cl_relay_add(p->engine, &w->address) == PN_OK);
    }
}

void enginesim_free(enginesim *w)
{
    for (size_t i = 0; i < w->count; i++) {
        enginesim_kill(w, i);
        memstore_free(&w->people[i].store);
    }
    coresim_free(&w->core);
    pn_msg_scratch_release(&w->scratch);
    (void)faults_pause(false);
}

void enginesim_meet(enginesim *w, size_t from, size_t to,
                    cl_invitation_form form)
{
    cl_invite_view *view = calloc(1, sizeof *view);
    uint8_t id[CL_ID_BYTES], accept[CL_ID_BYTES], contact[CL_ID_BYTES];
    char name[32], reason[CL_REASON_MAX + 1];
    cl_failure failure;
    FUZZ_CHECK(view != NULL);
    (void)snprintf(name, sizeof name, "peer %zu", to);
    FUZZ_CHECK(cl_invite_create(w->people[from].engine, form, name, 0, id) ==
               PN_OK);
    enginesim_run(w, 10000);
    FUZZ_CHECK(cl_invite_get(w->people[from].engine, id, view) == PN_OK);
    FUZZ_CHECK(view->state == CL_INVITE_OPEN);
    (void)snprintf(name, sizeof name, "peer %zu", from);
    FUZZ_CHECK(cl_invite_accept(
                   w->people[to].engine,
                   (pn_bytes){ (uint8_t *)view->text, strlen(view->text) },
                   name, accept) == PN_OK);
    enginesim_run(w, 10000);
    FUZZ_CHECK(cl_accept_state(w->people[to].engine, accept, contact, &failure,
                               reason) == PN_OK);
    FUZZ_CHECK(cl_invite_get(w->people[from].engine, id, view) == PN_OK);
    FUZZ_CHECK(view->state == CL_INVITE_ANSWERED);
    free(view);
}
