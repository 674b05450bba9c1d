/* One record of the engine's store, any bytes: the engine opens or says what
 * is wrong; what it read keeps its invariants, is written again to the same
 * bytes, and can be lived with. The first byte says which table. */
#include <string.h>

#include "client/core/records.h"
#include "proto/base/mem.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/memstore.h"
#include "tests/support/simenv.h"

static const uint8_t friend_id[CL_ID_BYTES] = { 7, 7, 7 };
static const uint8_t key[8] = { 1 };

static void on_dial(void *ctx, uint32_t relay, const pn_address *address)
{
    (void)ctx;
    (void)relay;
    (void)address;
}

static void on_hangup(void *ctx, uint32_t relay)
{
    (void)ctx;
    (void)relay;
}

static pn_err on_send(void *ctx, uint32_t relay, const pn_msg *msg)
{
    (void)ctx;
    (void)relay;
    (void)msg;
    return PN_OK;
}

static const cl_sink sink = { .dial = on_dial,
                              .hangup = on_hangup,
                              .send = on_send };

/* Somebody with one friend. */
static void make_store(memstore *m, const pn_env *env, bool friendly)
{
    const cl_store store = memstore_port(m);
    cl_engine *e = NULL;
    cl_contact *c = NULL;
    memstore_init(m);
    FUZZ_CHECK(cl_engine_create(env, &store, "me") == PN_OK);
    if (!friendly)
        return;
    FUZZ_CHECK(cl_engine_open(&e, env, &store, &sink) == PN_OK);
    FUZZ_CHECK(cl_contact_new(e, "friend", &c) == PN_OK);
    memcpy(c->id, friend_id, sizeof friend_id);
    FUZZ_CHECK(cl_save_contact(e, c) == PN_OK);
    FUZZ_CHECK(cl_engine_commit(e) == PN_OK);
    cl_engine_free(&e);
}

/* Write what was read again. PN_E_NOT_FOUND: it has no form of its own. */
static pn_err save(cl_engine *e, cl_table table, pn_bytes value)
{
    cl_message m;
    switch (table) {
    case CL_TABLE_SELF:
        return cl_put_self(e);
    case CL_TABLE_CONTACT:
        return cl_save_contact(e, e->contacts[0]);
    case CL_TABLE_ITEM:
        return cl_save_item(e, PN_FRONT(&e->items, cl_item, in_engine));
    case CL_TABLE_INVITE:
        return cl_save_invite(e, PN_FRONT(&e->invites, cl_invite, in_engine));
    case CL_TABLE_ACCEPT:
        return cl_save_accept(e, PN_FRONT(&e->accepts, cl_accept, in_engine));
    case CL_TABLE_EVENT:
        return cl_save_event(e,
                             PN_FRONT(&e->events, cl_event_entry, in_engine));
    case CL_TABLE_MESSAGE:
        if (cl_read_message(&m, value) != PN_OK)
            return PN_E_NOT_FOUND;
        return cl_save_message(e, &m);
    case CL_TABLE_QUEUE:
        return pn_list_is_empty(&e->doomed)
                   ? PN_E_NOT_FOUND
                   : cl_save_doomed(e,
                                    PN_FRONT(&e->doomed, cl_queue, in_doomed));
    case CL_TABLE_RELAY:
    case CL_TABLE_SESSION:
    case CL_TABLE_BODY:
    case CL_TABLE_DESCRIPTOR:
    case CL_TABLE_SEEN:
        break;
    }
    return PN_E_NOT_FOUND;
}

/* What no relay holds that is still written to is not held: an item may be read
 * as another than it was written. But only once. */
static void check_item(cl_engine *e, const memstore *m)
{
    cl_item *item = PN_FRONT(&e->items, cl_item, in_engine);
    cl_item *again = NULL;
    pn_buf before;
    pn_buf_init(&before, CL_RECORD_MAX);
    for (size_t i = m->count; i > 0; i--) {
        const memstore_record *r = &m->records[i - 1];
        const pn_bytes now = { r->value, r->len };
        if (!r->live || r->table != CL_TABLE_ITEM)
            continue;
        FUZZ_CHECK(pn_buf_append(&before, now) == PN_OK);
        FUZZ_CHECK(cl_read_item(e, now, &again) == PN_OK);
        FUZZ_CHECK(again->state == item->state && again->epoch == item->epoch);
        FUZZ_CHECK(cl_save_item(e, again) == PN_OK);
        FUZZ_CHECK(pn_bytes_equal(pn_buf_view(&before),
                                  (pn_bytes){ r->value, r->len }));
        break;
    }
    pn_buf_clear(&before);
    pn_free(again->receipts);
    pn_free(again);
}

static void check_same(const memstore *m, cl_table table, pn_bytes value)
{
    for (size_t i = m->count; i > 0; i--) {
        const memstore_record *r = &m->records[i - 1];
        if (!r->live || r->table != table)
            continue;
        /* What later versions added is not in the records of earlier ones. */
        FUZZ_CHECK(r->len == value.len ||
                   (r->len > value.len && table != CL_TABLE_EVENT &&
                    table != CL_TABLE_MESSAGE && table != CL_TABLE_QUEUE));
        FUZZ_CHECK(value.len == 0 || memcmp(r->value, value.p, value.len) == 0);
        return;
    }
    FUZZ_CHECK(false);
}

/* Whatever was read: looking at it and a day with it do no harm. */
static void live(cl_engine *e, simenv *sim)
{
    static cl_invite_view invite;
    static cl_item_view item;
    uint8_t contact[CL_ID_BYTES];
    char reason[CL_REASON_MAX + 1];
    cl_contact_view view;
    cl_failure failure;
    cl_event event;
    (void)!cl_invite_at(e, 0, &invite);
    (void)!cl_item_at(e, 0, &item);
    (void)!cl_contact_get(e, "friend", true, &view);
    for (pn_node *n = e->accepts.next; n != &e->accepts; n = n->next)
        (void)!cl_accept_state(e, PN_ENTRY(n, cl_accept, in_engine)->id,
                               contact, &failure, reason);
    if (cl_event_next(e, &event) == PN_OK)
        (void)!cl_event_ack(e, event.sequence);
    (void)!cl_engine_pump(e);
    FUZZ_CHECK(cl_engine_ok(e));
    simenv_advance(sim, (uint64_t)2 * 24 * 3600 * 1000);
    (void)!cl_engine_pump(e);
    FUZZ_CHECK(cl_engine_ok(e));
    (void)!cl_engine_restored(e);
    (void)!cl_engine_commit(e);
    FUZZ_CHECK(cl_engine_ok(e));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const pn_bytes value = { data + 1, size - 1 };
    simenv sim;
    memstore m;
    pn_env env;
    cl_store store;
    cl_engine *e;
    cl_table table;
    if (size == 0 || data[0] < CL_TABLE_SELF || data[0] > CL_TABLE_DESCRIPTOR ||
        value.len > CL_RECORD_MAX)
        return 0;
    table = (cl_table)data[0];
    simenv_init(&sim, 1);
    env = simenv_env(&sim);
    make_store(&m, &env, table != CL_TABLE_CONTACT);
    store = memstore_port(&m);
    FUZZ_CHECK(store.put(store.ctx, table,
                         table == CL_TABLE_SELF      ? PN_BYTES_LIT("self")
                         : table == CL_TABLE_SESSION ? CL_VIEW(friend_id)
                                                     : CL_VIEW(key),
                         value) == PN_OK);
    FUZZ_CHECK(store.commit(store.ctx) == PN_OK);
    if (cl_engine_open(&e, &env, &store, &sink) == PN_OK) {
        FUZZ_CHECK(cl_engine_ok(e));
        if (save(e, table, value) == PN_OK) {
            if (table == CL_TABLE_ITEM)
                check_item(e, &m);
            else
                check_same(&m, table, value);
        }
        live(e, &sim);
        cl_engine_free(&e);
    }
    memstore_free(&m);
    return 0;
}
