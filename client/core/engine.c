/* The engine's life: create, open, commit, pump, and what to do when the store
 * fails in the middle. */
#include <sodium.h>
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"

enum {
    RECOVER_MS = 5000,
    AGAIN_MS = 15000,          /* after that: for a link, and what it brings */
    RELAYS_SEEN_MAX = 1 << 20, /* ours and those contacts name */
    QUEUES_MAX = 1 << 20,
    ITEMS_MAX = 1 << 20,
    EVENTS_MAX = 1 << 24, /* as many messages as the windows let through */
};

uint64_t cl_mono(const cl_engine *e)
{
    return pn_mono_ms(&e->env);
}

uint64_t cl_wall(const cl_engine *e)
{
    return pn_wall_ms(&e->env);
}

static void init_lists(cl_engine *e)
{
    pn_node_init(&e->relays);
    pn_node_init(&e->destinations);
    pn_node_init(&e->items);
    pn_node_init(&e->invites);
    pn_node_init(&e->preparing);
    pn_node_init(&e->accepts);
    pn_node_init(&e->events);
    pn_node_init(&e->given);
    pn_node_init(&e->doomed);
}

/* Every index, with the bytes of its keys and how many there may be. */
static pn_err init_maps(cl_engine *e)
{
    const struct {
        pn_map *map;
        size_t key, max;
    } maps[] = {
        { &e->relays_by_number, 4, RELAYS_SEEN_MAX },
        { &e->relays_by_address, 32, RELAYS_SEEN_MAX },
        { &e->destinations_by_key, PN_RELAY_KEY_BYTES, RELAYS_SEEN_MAX },
        { &e->queues_by_id, 32, QUEUES_MAX },
        { &e->contacts_by_id, CL_ID_BYTES, CL_CONTACTS_MAX },
        { &e->contacts_by_name, CL_NAME_KEY_BYTES, CL_CONTACTS_MAX },
        { &e->contacts_by_peer, CL_IDENTITY_ID_BYTES, CL_CONTACTS_MAX },
        { &e->items_by_id, CL_ID_BYTES, ITEMS_MAX },
        { &e->events_by_sequence, 8, EVENTS_MAX },
        { &e->events_by_message, CL_ID_BYTES, EVENTS_MAX },
    };
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        PN_TRY(pn_map_init(maps[i].map, &e->env, maps[i].key, maps[i].max));
    return PN_OK;
}

static void free_maps(cl_engine *e)
{
    pn_map_free(&e->relays_by_number);
    pn_map_free(&e->relays_by_address);
    pn_map_free(&e->destinations_by_key);
    pn_map_free(&e->queues_by_id);
    pn_map_free(&e->contacts_by_id);
    pn_map_free(&e->contacts_by_name);
    pn_map_free(&e->contacts_by_peer);
    pn_map_free(&e->items_by_id);
    pn_map_free(&e->events_by_sequence);
    pn_map_free(&e->events_by_message);
}

static pn_err engine_new(cl_engine **out, const pn_env *env,
                         const cl_store *store, const cl_sink *sink)
{
    cl_engine *e = pn_alloc(1, sizeof *e);
    pn_err err = PN_E_NOMEM;
    *out = NULL;
    if (e == NULL)
        return PN_E_NOMEM;
    e->env = *env;
    e->store = *store;
    if (sink != NULL)
        e->sink = *sink;
    e->next_relay = 1;
    e->relays_wanted = CL_RELAYS_WANTED;
    e->dead_ms = cl_day_ms;
    init_lists(e);
    pn_buf_init(&e->record, CL_RECORD_MAX);
    e->plain = pn_alloc(3, PN_ENVELOPE_MAX);
    e->parcel = pn_alloc(1, (size_t)PN_PARCEL_MAX + PN_REPLY_PLAIN_MAX);
    if (e->plain != NULL && e->parcel != NULL)
        err = init_maps(e);
    if (err != PN_OK) {
        cl_engine_free(&e);
        return err;
    }
    e->inner = e->plain + PN_ENVELOPE_MAX;
    e->envelope = e->inner + PN_ENVELOPE_MAX;
    e->answer = e->parcel + PN_PARCEL_MAX;
    *out = e;
    return PN_OK;
}

/* Everything that came from the store. */
void cl_forget_all(cl_engine *e)
{
    pn_node *n;
    while ((n = pn_list_first(&e->items)) != NULL)
        cl_item_free(e, PN_ENTRY(n, cl_item, in_engine));
    while ((n = pn_list_first(&e->events)) != NULL)
        cl_event_drop(e, PN_ENTRY(n, cl_event_entry, in_engine));
    while ((n = pn_list_first(&e->given)) != NULL)
        cl_event_drop(e, PN_ENTRY(n, cl_event_entry, in_engine));
    while ((n = pn_list_first(&e->invites)) != NULL)
        cl_invite_free(e, PN_ENTRY(n, cl_invite, in_engine));
    while ((n = pn_list_first(&e->accepts)) != NULL)
        cl_accept_free(e, PN_ENTRY(n, cl_accept, in_engine));
    e->open_invites = 0;
    cl_contacts_forget(e);
    while ((n = pn_list_first(&e->doomed)) != NULL) {
        cl_queue *q = PN_ENTRY(n, cl_queue, in_doomed);
        cl_queue_free(e, &q);
    }
    while ((n = pn_list_first(&e->relays)) != NULL)
        cl_relay_release(e, PN_ENTRY(n, cl_relay, in_engine));
    cl_destinations_forget(e);
    cl_identity_wipe(&e->self);
    e->hang_up = true;
}

void cl_engine_free(cl_engine **ep)
{
    cl_engine *e;
    if (ep == NULL || *ep == NULL)
        return;
    e = *ep;
    if (e->dirty)
        e->store.rollback(e->store.ctx);
    cl_forget_all(e);
    free_maps(e);
    pn_free(e->contacts);
    pn_free(e->kept);
    pn_buf_clear(&e->record);
    pn_free_wiped(e->plain, (size_t)3 * PN_ENVELOPE_MAX);
    pn_free_wiped(e->parcel, (size_t)PN_PARCEL_MAX + PN_REPLY_PLAIN_MAX);
    pn_free_wiped(e, sizeof *e);
    *ep = NULL;
}

pn_err cl_engine_create(const pn_env *env, const cl_store *store,
                        const char *name)
{
    const pn_bytes line = { (const uint8_t *)name, strlen(name) };
    cl_engine *e = NULL;
    pn_err err;
    if (line.len > CL_NAME_MAX || !pn_line_ok(line))
        return PN_E_ARG;
    PN_TRY(engine_new(&e, env, store, NULL));
    err = e->store.get(e->store.ctx, CL_TABLE_SELF, PN_BYTES_LIT("self"),
                       &e->record);
    if (err == PN_E_NOT_FOUND) {
        memcpy(e->name, name, line.len);
        e->next_event = 1;
        err = cl_identity_new(&e->self, env);
        if (err == PN_OK)
            err = cl_put_self(e);
        if (err == PN_OK)
            err = e->store.commit(e->store.ctx);
        if (err == PN_OK)
            e->dirty = false;
    } else if (err == PN_OK) {
        err = PN_E_EXISTS;
    }
    cl_engine_free(&e);
    return err;
}

pn_err cl_engine_open(cl_engine **out, const pn_env *env, const cl_store *store,
                      const cl_sink *sink)
{
    cl_engine *e = NULL;
    pn_err err;
    *out = NULL;
    PN_TRY(engine_new(&e, env, store, sink));
    err = cl_load(e);
    if (err != PN_OK) {
        cl_engine_free(&e);
        return err;
    }
    e->hang_up = false;
    *out = e;
    return PN_OK;
}

pn_err cl_engine_set_profile(cl_engine *e, cl_profile profile)
{
    PN_TRY(cl_begin(e));
    e->profile = profile;
    e->dirty = true;
    return cl_finish(e, cl_put_self(e));
}

cl_profile cl_engine_profile(const cl_engine *e)
{
    return e->profile;
}

uint16_t cl_engine_record_size(const cl_engine *e)
{
    return e->profile == CL_PROFILE_THIN ? 1024 : 4096;
}

void cl_engine_set_offline(cl_engine *e, bool offline)
{
    e->offline = offline;
}

void cl_engine_reload(cl_engine *e)
{
    e->store.rollback(e->store.ctx);
    e->dirty = false;
    e->fault = cl_load_again(e);
    e->broken = e->fault != PN_OK;
    e->retry_ms = cl_mono(e) + RECOVER_MS;
    /* What comes meanwhile could not be kept either. */
    for (pn_node *n = e->relays.next; n != &e->relays; n = n->next)
        PN_ENTRY(n, cl_relay, in_engine)->dial_ms = e->retry_ms;
    e->changed = true;
}

bool cl_engine_is_recovering(const cl_engine *e)
{
    return e->broken ||
           (e->retry_ms != 0 && cl_mono(e) < e->retry_ms + AGAIN_MS);
}

pn_err cl_finish(cl_engine *e, pn_err err)
{
    if (err == PN_OK && e->dirty) {
        if (cl_wall(e) > e->wall_ms)
            e->wall_ms = cl_wall(e); /* times were set by it */
        err = e->store.commit(e->store.ctx);
        e->idle_ms = cl_mono(e) + CL_IDLE_MS;
    }
    if (err == PN_OK)
        e->dirty = false;
    else if (e->dirty)
        cl_engine_reload(e);
    return err;
}

pn_err cl_begin(cl_engine *e)
{
    if (e->broken)
        cl_engine_reload(e);
    if (e->broken)
        return e->fault == PN_E_CLOSED ? PN_E_CLOSED : PN_E_IO;
    return cl_finish(e, PN_OK);
}

pn_err cl_engine_commit(cl_engine *e)
{
    return cl_begin(e);
}

static pn_err prepare(cl_engine *e)
{
    PN_TRY(cl_clock_tick(e));
    PN_TRY(cl_chores(e));
    PN_TRY(cl_upkeep_tick(e));
    PN_TRY(cl_invites_tick(e));
    PN_TRY(cl_accepts_tick(e));
    PN_TRY(cl_receipts_tick(e));
    cl_destinations_tick(e);
    PN_TRY(cl_outbox_tick(e));
    return cl_outbox_seal(e);
}

/* Nothing was written for a while: what earlier commits replaced is destroyed.
 * If that fails, the next commit does it or says what is wrong. */
static void idle(cl_engine *e)
{
    if (e->idle_ms == 0 || cl_mono(e) < e->idle_ms || e->dirty)
        return;
    e->idle_ms = 0;
    if (e->store.sync(e->store.ctx) != PN_OK)
        e->idle_ms = cl_mono(e) + RECOVER_MS;
}

pn_err cl_engine_pump(cl_engine *e)
{
    pn_err err = PN_OK;
    if (e->broken) {
        cl_engine_reload(e);
        err = e->broken ? PN_E_IO : PN_OK;
    }
    if (err == PN_OK) {
        err = prepare(e);
        e->dirty |= err != PN_OK;
        err = cl_finish(e, err);
    }
    if (e->hang_up) {
        e->hang_up = false;
        e->sink.hangup(e->sink.ctx, 0);
    }
    if (err == PN_OK) {
        cl_outbox_transmit(e);
        cl_relays_pump(e);
        idle(e);
    }
    if (e->changed && e->sink.changed != NULL)
        e->sink.changed(e->sink.ctx);
    e->changed = false;
    return err;
}

/* The wall clock's deadline, as one of the other clock. */
static uint64_t earlier(const cl_engine *e, uint64_t mono, uint64_t wall)
{
    const uint64_t now = cl_wall(e);
    uint64_t at;
    if (wall == UINT64_MAX)
        return mono;
    at = cl_mono(e) + (wall > now ? wall - now : 0);
    return at < mono ? at : mono;
}

uint64_t cl_engine_deadline(const cl_engine *e)
{
    uint64_t at;
    if (e->broken)
        return e->retry_ms;
    if (e->hang_up)
        return cl_mono(e);
    at = cl_relays_deadline(e);
    if (e->idle_ms != 0 && e->idle_ms < at)
        at = e->idle_ms;
    if (cl_accepts_deadline(e) < at)
        at = cl_accepts_deadline(e);
    if (cl_destinations_deadline(e) < at)
        at = cl_destinations_deadline(e);
    at = earlier(e, at, cl_chores_deadline(e));
    at = earlier(e, at, cl_upkeep_deadline(e));
    at = earlier(e, at, cl_receipts_deadline(e));
    at = earlier(e, at, cl_invites_deadline(e));
    return earlier(e, at, cl_outbox_deadline(e));
}

/* A backup was restored: keys used since then must not be used again, and
 * what was invited may have been answered. */
static pn_err restore_contact(cl_engine *e, cl_contact *c)
{
    cl_session *s = NULL;
    pn_err err = cl_load_session(e, c, &s);
    if (err == PN_OK)
        err = cl_session_lost(s, &e->env);
    if (err == PN_OK)
        err = cl_save_session(e, c, s);
    cl_session_free(&s);
    return cl_is_damaged(err) ? PN_OK : err; /* there is nothing to reuse */
}

pn_err cl_engine_restored(cl_engine *e)
{
    pn_err err = PN_OK;
    for (size_t i = 0; i < e->contact_count && err == PN_OK; i++)
        err = restore_contact(e, e->contacts[i]);
    for (pn_node *n = e->invites.next; n != &e->invites && err == PN_OK;) {
        const cl_invite *invite = PN_ENTRY(n, cl_invite, in_engine);
        n = n->next;
        if (invite->state <= CL_INVITE_OPEN)
            err = cl_invite_revoke(e, invite->id);
    }
    return err;
}

void cl_engine_count(const cl_engine *e, cl_engine_counts *out)
{
    *out = (cl_engine_counts){
        .contacts = (uint32_t)e->contact_count,
        .outbox = (uint32_t)e->item_count,
        .events = (uint32_t)e->event_count,
        .invites = (uint32_t)e->open_invites,
    };
    for (pn_node *n = e->relays.next; n != &e->relays; n = n->next) {
        const cl_relay *r = PN_ENTRY(n, cl_relay, in_engine);
        out->relays++;
        out->relays_own += r->is_own ? 1 : 0;
        out->relays_online += r->state == CL_RELAY_ONLINE ? 1 : 0;
        out->relays_two_faced += cl_relay_is_two_faced(e, r) ? 1 : 0;
    }
}

const uint8_t *cl_engine_id(const cl_engine *e)
{
    return e->self.id;
}

const char *cl_engine_name(const cl_engine *e)
{
    return e->name;
}
