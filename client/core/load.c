/* From the store to memory, when the engine starts or starts again. */
#include <string.h>

#include "client/core/records.h"
#include "proto/base/mem.h"

typedef pn_err load_fn(cl_engine *e, pn_bytes key, pn_bytes value);

static pn_err load_contact(cl_engine *e, pn_bytes key, pn_bytes value)
{
    cl_contact *c;
    pn_err err;
    (void)key;
    PN_TRY(cl_read_contact(e, value, &c));
    err = cl_contact_link(e, c);
    if (err != PN_OK)
        cl_contact_free(e, &c);
    return err == PN_E_EXISTS ? PN_E_CORRUPT : err;
}

static pn_err load_item(cl_engine *e, pn_bytes key, pn_bytes value)
{
    cl_item *item;
    pn_err err;
    (void)key;
    PN_TRY(cl_read_item(e, value, &item));
    err = cl_item_link(e, item);
    if (err != PN_OK) {
        pn_free(item->receipts);
        pn_free(item);
        return err == PN_E_EXISTS ? PN_E_CORRUPT : err;
    }
    return PN_OK;
}

static pn_err load_invite(cl_engine *e, pn_bytes key, pn_bytes value)
{
    cl_invite *invite;
    (void)key;
    PN_TRY(cl_read_invite(e, value, &invite));
    pn_list_push_back(&e->invites, &invite->in_engine);
    if (invite->state <= CL_INVITE_OPEN)
        e->open_invites++;
    cl_invite_place(e, invite);
    return PN_OK;
}

static pn_err load_accept(cl_engine *e, pn_bytes key, pn_bytes value)
{
    cl_accept *accept;
    (void)key;
    PN_TRY(cl_read_accept(e, value, &accept));
    pn_list_push_back(&e->accepts, &accept->in_engine);
    return PN_OK;
}

static pn_err load_event(cl_engine *e, pn_bytes key, pn_bytes value)
{
    cl_event_entry *entry = pn_alloc(1, sizeof *entry);
    pn_err err;
    (void)key;
    if (entry == NULL)
        return PN_E_NOMEM;
    err = cl_read_event(value, entry);
    if (err == PN_OK)
        err = cl_event_link(e, entry);
    if (err != PN_OK) {
        pn_free(entry);
        return err == PN_E_EXISTS ? PN_E_CORRUPT : err;
    }
    entry->event.again = true; /* as far as we know */
    return PN_OK;
}

static pn_err load_doomed(cl_engine *e, pn_bytes key, pn_bytes value)
{
    cl_queue *q;
    pn_err err;
    (void)key;
    err = cl_read_doomed(e, value, &q);
    if (err == PN_OK)
        cl_queue_doomed(e, &q);
    cl_queue_free(e, &q);
    return err;
}

static pn_err load_table(cl_engine *e, cl_table table, load_fn *load)
{
    uint64_t cursor = 0;
    pn_buf key, value;
    pn_err err;
    pn_buf_init(&key, 4096);
    pn_buf_init(&value, CL_RECORD_MAX);
    while ((err = e->store.next(e->store.ctx, table, &cursor, &key, &value)) ==
           PN_OK) {
        err = load(e, pn_buf_view(&key), pn_buf_view(&value));
        if (err != PN_OK)
            break;
    }
    pn_buf_clear(&key);
    pn_buf_clear(&value);
    return err == PN_E_NOT_FOUND ? PN_OK : err;
}

pn_err cl_load(cl_engine *e)
{
    PN_TRY(e->store.get(e->store.ctx, CL_TABLE_SELF, PN_BYTES_LIT("self"),
                        &e->record));
    PN_TRY(cl_read_self(e, pn_buf_view(&e->record)));
    PN_TRY(cl_load_chores(e));
    pn_buf_clear(&e->record);
    PN_TRY(load_table(e, CL_TABLE_RELAY, cl_read_relay));
    PN_TRY(load_table(e, CL_TABLE_DESCRIPTOR, cl_read_descriptor));
    PN_TRY(load_table(e, CL_TABLE_CONTACT, load_contact));
    PN_TRY(load_table(e, CL_TABLE_ITEM, load_item));
    PN_TRY(load_table(e, CL_TABLE_INVITE, load_invite));
    PN_TRY(load_table(e, CL_TABLE_ACCEPT, load_accept));
    PN_TRY(load_table(e, CL_TABLE_EVENT, load_event));
    return load_table(e, CL_TABLE_QUEUE, load_doomed);
}

/* --- again --------------------------------------------------------------- */

/* Which events were given, until they are read again: that may take several
 * tries. */
static pn_err keep_given(cl_engine *e)
{
    if (e->kept != NULL)
        return PN_OK;
    e->kept = pn_alloc(e->event_count + 1, sizeof *e->kept);
    if (e->kept == NULL)
        return PN_E_NOMEM;
    e->kept_count = 0;
    for (pn_node *n = e->given.next; n != &e->given; n = n->next)
        e->kept[e->kept_count++] =
            PN_ENTRY(n, cl_event_entry, in_engine)->event.sequence;
    return PN_OK;
}

/* Read the store again, without giving events twice. */
pn_err cl_load_again(cl_engine *e)
{
    PN_TRY(keep_given(e));
    cl_forget_all(e);
    PN_TRY(cl_load(e));
    for (size_t i = 0; i < e->kept_count; i++) {
        cl_event_entry *entry = cl_event_by_sequence(e, e->kept[i]);
        if (entry != NULL)
            cl_event_give(e, entry);
    }
    pn_free(e->kept);
    e->kept = NULL;
    e->kept_count = 0;
    return PN_OK;
}
