#include "tests/support/relaysim.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

enum { NONCES_MAX = 1 << 20 };

/* --- pipes -------------------------------------------------------------- */

static void push(relaysim *w, relaysim_pipe *pipe, const pn_msg *msg)
{
    pn_out out = pn_out_over(w->frame, sizeof w->frame);
    const size_t at = (pipe->first + pipe->count) % RELAYSIM_FRAMES;
    FUZZ_CHECK(pipe->count < RELAYSIM_FRAMES);
    FUZZ_CHECK(pn_msg_encode(&out, msg) == PN_OK);
    pipe->at[at].p = malloc(out.len);
    FUZZ_CHECK(pipe->at[at].p != NULL);
    memcpy(pipe->at[at].p, out.p, out.len);
    pipe->at[at].len = out.len;
    pipe->count++;
}

static void drop_first(relaysim_pipe *pipe)
{
    free(pipe->at[pipe->first].p);
    pipe->first = (pipe->first + 1) % RELAYSIM_FRAMES;
    pipe->count--;
}

/* --- the engine's side -------------------------------------------------- */

static size_t relay_of(const relaysim_person *p, uint32_t number)
{
    for (size_t r = 0; r < p->world->relays; r++) {
        if (p->line[r].number == number)
            return r;
    }
    return RELAYSIM_RELAYS;
}

static void on_dial(void *ctx, uint32_t number, const pn_address *address)
{
    relaysim_person *p = ctx;
    for (size_t r = 0; r < p->world->relays; r++) {
        if (p->world->relay[r].address.port != address->port)
            continue;
        FUZZ_CHECK(p->line[r].number == 0);
        p->line[r].number = number;
        p->line[r].wants_link = true;
        return;
    }
    FUZZ_CHECK(false); /* nobody named such a relay */
}

static void end_line(relaysim *w, size_t i, size_t r)
{
    relaysim_line *line = &w->people[i].line[r];
    coresim_close(&w->relay[r].core, i);
    while (line->up.count > 0)
        drop_first(&line->up);
    while (line->down.count > 0)
        drop_first(&line->down);
    line->number = 0;
    line->wants_link = false;
}

static void on_hangup(void *ctx, uint32_t number)
{
    relaysim_person *p = ctx;
    for (size_t r = 0; r < p->world->relays; r++) {
        if (number == 0 || p->line[r].number == number)
            end_line(p->world, p->index, r);
    }
}

static void check_given_up(const pn_node *events, const uint8_t *id)
{
    for (pn_node *n = events->next; n != events; n = n->next) {
        const cl_event_entry *entry = PN_ENTRY(n, cl_event_entry, in_engine);
        if (!entry->has_source)
            continue;
        FUZZ_CHECK(memcmp(entry->source_id, id, PN_MESSAGE_ID_BYTES) != 0);
        for (size_t i = 0; i < entry->also_count; i++)
            FUZZ_CHECK(memcmp(entry->also[i].id, id, PN_MESSAGE_ID_BYTES) != 0);
    }
}

static void check_ack(const relaysim_person *p, const pn_msg *msg)
{
    for (size_t at = 0; at < msg->u.ack.message_ids.len;
         at += PN_MESSAGE_ID_BYTES) {
        const uint8_t *id = msg->u.ack.message_ids.p + at;
        check_given_up(&p->engine->events, id);
        check_given_up(&p->engine->given, id);
    }
}

/* A nonce that was used stands for one envelope for ever. */
static void check_envelope(relaysim *w, pn_bytes envelope)
{
    uint8_t hash[16], *before;
    (void)crypto_generichash(hash, sizeof hash, envelope.p, envelope.len, NULL,
                             0);
    before = pn_map_get(&w->nonces, envelope.p);
    if (before != NULL) {
        FUZZ_CHECK(memcmp(before, hash, sizeof hash) == 0);
        return;
    }
    FUZZ_CHECK(w->hash_count < NONCES_MAX / 16);
    memcpy(w->hashes[w->hash_count], hash, sizeof hash);
    FUZZ_CHECK(pn_map_put(&w->nonces, envelope.p, w->hashes[w->hash_count++]) ==
               PN_OK);
}

static pn_err on_send(void *ctx, uint32_t number, const pn_msg *msg)
{
    relaysim_person *p = ctx;
    const size_t r = relay_of(p, number);
    FUZZ_CHECK(r < RELAYSIM_RELAYS && !p->line[r].wants_link);
    FUZZ_CHECK(memstore_is_clean(&p->store));
    if (msg->kind == PN_MSG_ACK)
        check_ack(p, msg);
    if (p->line[r].up.count >= 200)
        return PN_E_FULL;
    if (msg->kind == PN_MSG_DEPOSIT) {
        p->world->relay[r].deposits++;
        check_envelope(p->world, msg->u.deposit.envelope);
    }
    push(p->world, &p->line[r].up, msg);
    return PN_OK;
}

/* --- the relays' side --------------------------------------------------- */

static void on_msg(void *ctx, size_t link, const pn_msg *msg)
{
    relaysim_relay *relay = ctx;
    if (link >= RELAYSIM_PEOPLE) {
        relay->world->on_others(relay->world->hook_ctx, relay->index, msg);
        return;
    }
    push(relay->world, &relay->world->people[link].line[relay->index].down,
         msg);
}

void relaysim_give(relaysim *w, size_t i, size_t r, const pn_msg *msg)
{
    const relaysim_line *line = &w->people[i].line[r];
    if (line->number != 0 && !line->wants_link)
        push(w, &w->people[i].line[r].down, msg);
}

/* --- moving ------------------------------------------------------------- */

void relaysim_cut(relaysim *w, size_t i, size_t r)
{
    relaysim_person *p = &w->people[i];
    const uint32_t number = p->line[r].number;
    end_line(w, i, r);
    if (number != 0 && p->engine != NULL)
        cl_engine_link_closed(p->engine, number, "cut");
}

static bool connect_some(relaysim *w, size_t i)
{
    relaysim_person *p = &w->people[i];
    bool any = false;
    for (size_t r = 0; r < w->relays; r++) {
        relaysim_line *line = &p->line[r];
        relaysim_relay *relay = &w->relay[r];
        if (!line->wants_link)
            continue;
        any = true;
        line->wants_link = false;
        if (relay->down || line->cut) {
            relaysim_cut(w, i, r);
            continue;
        }
        coresim_open(&relay->core, i);
        FUZZ_CHECK(relay->core.links[i].link != NULL);
        cl_engine_link_open(p->engine, line->number,
                            relay->core.links[i].binding);
    }
    return any;
}

void relaysim_pump(relaysim *w, size_t i)
{
    relaysim_person *p = &w->people[i];
    if (p->engine == NULL)
        return;
    (void)!cl_engine_pump(p->engine);
    if (connect_some(w, i))
        (void)!cl_engine_pump(p->engine);
    FUZZ_CHECK(cl_engine_ok(p->engine));
}

void relaysim_relay_work(relaysim *w, size_t r)
{
    coresim *core = &w->relay[r].core;
    coresim_settle(core);
    for (size_t i = 0; i < RELAYSIM_PEOPLE; i++) {
        if (core->links[i].closing && core->links[i].link != NULL)
            relaysim_cut(w, i, r);
    }
}

bool relaysim_up(relaysim *w, size_t i, size_t r)
{
    relaysim_line *line = &w->people[i].line[r];
    pn_msg_scratch scratch;
    pn_msg msg;
    if (line->up.count == 0 || line->cut ||
        w->relay[r].core.links[i].link == NULL)
        return false;
    pn_msg_scratch_init(&scratch);
    FUZZ_CHECK(pn_msg_decode(&msg, &scratch,
                             (pn_bytes){ line->up.at[line->up.first].p,
                                         line->up.at[line->up.first].len }) ==
               PN_OK);
    if (w->on_up == NULL || !w->on_up(w->hook_ctx, i, r, &msg))
        FUZZ_CHECK(coresim_take(&w->relay[r].core, i, &msg) == PN_OK);
    pn_msg_scratch_release(&scratch);
    drop_first(&line->up);
    if (w->people[i].engine != NULL)
        cl_engine_writable(w->people[i].engine, line->number);
    return true;
}

bool relaysim_down(relaysim *w, size_t i, size_t r)
{
    relaysim_person *p = &w->people[i];
    relaysim_line *line = &p->line[r];
    pn_msg_scratch scratch;
    pn_msg msg;
    if (line->down.count == 0 || line->cut || p->engine == NULL ||
        line->number == 0)
        return false;
    pn_msg_scratch_init(&scratch);
    FUZZ_CHECK(pn_msg_decode(
                   &msg, &scratch,
                   (pn_bytes){ line->down.at[line->down.first].p,
                               line->down.at[line->down.first].len }) == PN_OK);
    FUZZ_CHECK(cl_engine_msg(p->engine, line->number, &msg) == PN_OK);
    pn_msg_scratch_release(&scratch);
    drop_first(&line->down);
    return true;
}

void relaysim_kill(relaysim *w, size_t i)
{
    relaysim_person *p = &w->people[i];
    if (p->engine == NULL)
        return;
    p->store.fail_at = 0;
    cl_engine_free(&p->engine);
    FUZZ_CHECK(memstore_is_clean(&p->store));
    for (size_t r = 0; r < w->relays; r++)
        end_line(w, i, r);
}

void relaysim_start(relaysim *w, size_t i)
{
    relaysim_person *p = &w->people[i];
    const cl_store store = memstore_port(&p->store);
    const cl_sink sink = {
        .ctx = p, .dial = on_dial, .hangup = on_hangup, .send = on_send
    };
    if (p->engine == NULL)
        FUZZ_CHECK(cl_engine_open(&p->engine, &p->env, &store, &sink) == PN_OK);
}

void relaysim_relay_stop(relaysim *w, size_t r, size_t survive)
{
    w->relay[r].down = true;
    coresim_restart(&w->relay[r].core, survive);
    for (size_t i = 0; i < RELAYSIM_PEOPLE; i++)
        relaysim_cut(w, i, r);
}

void relaysim_relay_start(relaysim *w, size_t r)
{
    w->relay[r].down = false;
}

static void relay_begin(relaysim *w, size_t r, uint64_t seed)
{
    relaysim_relay *relay = &w->relay[r];
    uint8_t key_seed[32];
    relay->world = w;
    relay->index = r;
    coresim_init(&relay->core, seed);
    relay->core.on_msg = on_msg;
    relay->core.ctx = relay;
    relay->core.shuffle = seed % 2 == 1;
    relay->address = (pn_address){ .kind = PN_HOST_IPV4,
                                   .port = (uint16_t)(443 + r),
                                   .host = "192.0.2.7" };
    memset(key_seed, (int)(7 + r), sizeof key_seed);
    (void)crypto_sign_seed_keypair(relay->address.relay_key, relay->sign_sk,
                                   key_seed);
}

void relaysim_relay_wipe(relaysim *w, size_t r)
{
    for (size_t i = 0; i < RELAYSIM_PEOPLE; i++)
        relaysim_cut(w, i, r);
    coresim_free(&w->relay[r].core);
    relay_begin(w, r, w->seed * 1009 + r + 77);
}

void relaysim_advance(relaysim *w, uint64_t ms)
{
    for (size_t r = 0; r < w->relays; r++)
        coresim_advance(&w->relay[r].core, ms);
    for (size_t i = 0; i < RELAYSIM_PEOPLE; i++)
        simenv_advance(&w->people[i].sim, ms);
}

static bool move_all(relaysim *w, bool (*move)(relaysim *, size_t, size_t))
{
    bool moved = false;
    for (size_t i = 0; i < RELAYSIM_PEOPLE; i++) {
        for (size_t r = 0; r < w->relays; r++) {
            while (move(w, i, r))
                moved = true;
        }
    }
    return moved;
}

void relaysim_settle(relaysim *w)
{
    for (bool moved = true; moved;) {
        for (size_t i = 0; i < RELAYSIM_PEOPLE; i++)
            relaysim_pump(w, i);
        moved = move_all(w, relaysim_up);
        for (size_t r = 0; r < w->relays; r++)
            relaysim_relay_work(w, r);
        moved |= move_all(w, relaysim_down);
    }
}

void relaysim_run(relaysim *w, uint64_t ms)
{
    relaysim_settle(w);
    while (ms > 0) {
        uint64_t step = ms;
        for (size_t i = 0; i < RELAYSIM_PEOPLE; i++) {
            relaysim_person *p = &w->people[i];
            uint64_t at;
            if (p->engine == NULL)
                continue;
            at = cl_engine_deadline(p->engine);
            if (at < p->sim.mono_ms + step)
                step = at > p->sim.mono_ms ? at - p->sim.mono_ms : 1;
        }
        relaysim_advance(w, step);
        ms -= step;
        relaysim_settle(w);
    }
}

/* --- life --------------------------------------------------------------- */

void relaysim_know(relaysim *w, size_t i, size_t r)
{
    FUZZ_CHECK(cl_relay_add(w->people[i].engine, &w->relay[r].address) ==
               PN_OK);
}

void relaysim_init(relaysim *w, uint64_t seed, size_t relays, size_t known)
{
    memset(w, 0, sizeof *w);
    w->seed = seed;
    w->relays = relays;
    for (size_t r = 0; r < relays; r++)
        relay_begin(w, r, seed * 131 + r);
    w->env = w->relay[0].core.env;
    w->hashes = malloc(NONCES_MAX);
    FUZZ_CHECK(w->hashes != NULL);
    FUZZ_CHECK(pn_map_init(&w->nonces, &w->env, 24, NONCES_MAX) == PN_OK);
    for (size_t i = 0; i < RELAYSIM_PEOPLE; i++) {
        relaysim_person *p = &w->people[i];
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
        relaysim_start(w, i);
        for (size_t r = 0; r < known; r++)
            relaysim_know(w, i, r);
        FUZZ_CHECK(cl_engine_set_routing(p->engine, CL_ROUTING_DIRECT) ==
                   PN_OK);
    }
}

void relaysim_free(relaysim *w)
{
    for (size_t i = 0; i < RELAYSIM_PEOPLE; i++) {
        relaysim_kill(w, i);
        memstore_free(&w->people[i].store);
    }
    pn_map_free(&w->nonces);
    free(w->hashes);
    for (size_t r = 0; r < w->relays; r++)
        coresim_free(&w->relay[r].core);
}

void relaysim_meet(relaysim *w, cl_invitation_form form)
{
    cl_invite_view *view = calloc(1, sizeof *view);
    uint8_t id[CL_ID_BYTES], accept[CL_ID_BYTES], contact[CL_ID_BYTES];
    char reason[CL_REASON_MAX + 1];
    cl_failure failure;
    FUZZ_CHECK(view != NULL);
    FUZZ_CHECK(cl_invite_create(w->people[0].engine, form, "peer", 0, id) ==
               PN_OK);
    relaysim_run(w, 20000);
    FUZZ_CHECK(cl_invite_get(w->people[0].engine, id, view) == PN_OK);
    FUZZ_CHECK(view->state == CL_INVITE_OPEN);
    FUZZ_CHECK(cl_invite_accept(
                   w->people[1].engine,
                   (pn_bytes){ (uint8_t *)view->text, strlen(view->text) },
                   "peer", accept) == PN_OK);
    relaysim_run(w, 20000);
    FUZZ_CHECK(cl_accept_state(w->people[1].engine, accept, contact, &failure,
                               reason) == PN_OK);
    FUZZ_CHECK(cl_invite_get(w->people[0].engine, id, view) == PN_OK);
    FUZZ_CHECK(view->state == CL_INVITE_ANSWERED);
    free(view);
}
