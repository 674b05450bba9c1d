/* Contacts as they come and go, and the indexes by id, name and identity. */
#include <stdio.h>
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"

static void name_key(uint8_t key[CL_NAME_KEY_BYTES], const char *name)
{
    const pn_bytes part = { (const uint8_t *)name, strlen(name) };
    uint8_t h[32];
    cl_hash(h, "postern/contact-name/1", &part, 1);
    memcpy(key, h, CL_NAME_KEY_BYTES);
}

cl_contact *cl_contact_by_id(const cl_engine *e, const uint8_t *id)
{
    return pn_map_get(&e->contacts_by_id, id);
}

static cl_contact *by_name(const cl_engine *e, const char *name)
{
    uint8_t key[CL_NAME_KEY_BYTES];
    name_key(key, name);
    return pn_map_get(&e->contacts_by_name, key);
}

cl_contact *cl_contact_find(const cl_engine *e, const char *name_or_id)
{
    uint8_t id[CL_ID_BYTES];
    cl_contact *c = by_name(e, name_or_id);
    if (c != NULL)
        return c;
    if (pn_unhex(id, sizeof id, name_or_id) != PN_OK)
        return NULL;
    return cl_contact_by_id(e, id);
}

cl_contact *cl_contact_by_peer(const cl_engine *e, const uint8_t *peer)
{
    return pn_map_get(&e->contacts_by_peer, peer);
}

bool cl_name_is_free(const cl_engine *e, const char *name,
                     const cl_contact *but)
{
    const cl_contact *c = by_name(e, name);
    return c == NULL || c == but;
}

/* `wish`, or with a number behind it until nobody has that name. */
static void choose_name(const cl_engine *e, const char *wish,
                        char out[CL_NAME_MAX + 1])
{
    if (wish[0] == '\0')
        wish = "contact";
    (void)snprintf(out, CL_NAME_MAX + 1, "%s", wish);
    for (unsigned n = 2; !cl_name_is_free(e, out, NULL); n++) {
        size_t keep = strlen(wish);
        if (keep > CL_NAME_MAX - 11)
            keep = CL_NAME_MAX - 11;
        while (keep > 0 && ((uint8_t)wish[keep] & 0xc0) == 0x80)
            keep--; /* between characters only */
        (void)snprintf(out, CL_NAME_MAX + 1, "%.*s %u", (int)keep, wish, n);
    }
}

cl_contact *cl_contact_blank(void)
{
    cl_contact *c = pn_alloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    pn_node_init(&c->all);
    return c;
}

/* Of several contacts of one identity the index has one. */
static pn_err index_peer(cl_engine *e, cl_contact *c)
{
    const pn_err err = pn_map_put(&e->contacts_by_peer, c->peer, c);
    return err == PN_E_EXISTS ? PN_OK : err;
}

/* Rare: so looking for another one of that identity may take its time. */
static void unindex_peer(cl_engine *e, const cl_contact *c)
{
    if (pn_map_get(&e->contacts_by_peer, c->peer) != c)
        return;
    (void)pn_map_take(&e->contacts_by_peer, c->peer);
    for (size_t i = 0; i < e->contact_count; i++) {
        cl_contact *other = e->contacts[i];
        if (other != c && memcmp(other->peer, c->peer, sizeof c->peer) == 0 &&
            index_peer(e, other) == PN_OK) /* there is room: one has gone */
            return;
    }
}

pn_err cl_contact_set_name(cl_engine *e, cl_contact *c, const char *name)
{
    uint8_t old[CL_NAME_KEY_BYTES], key[CL_NAME_KEY_BYTES];
    if (strcmp(c->name, name) == 0)
        return PN_OK;
    name_key(old, c->name);
    name_key(key, name);
    PN_TRY(pn_map_put(&e->contacts_by_name, key, c));
    (void)pn_map_take(&e->contacts_by_name, old);
    (void)snprintf(c->name, sizeof c->name, "%s", name);
    return PN_OK;
}

pn_err cl_contact_set_peer(cl_engine *e, cl_contact *c,
                           const uint8_t peer[CL_IDENTITY_ID_BYTES])
{
    unindex_peer(e, c);
    memcpy(c->peer, peer, sizeof c->peer);
    return index_peer(e, c);
}

static pn_err index_contact(cl_engine *e, cl_contact *c)
{
    uint8_t name[CL_NAME_KEY_BYTES];
    pn_err err;
    PN_TRY(pn_map_put(&e->contacts_by_id, c->id, c));
    name_key(name, c->name);
    err = pn_map_put(&e->contacts_by_name, name, c);
    if (err == PN_OK) {
        err = index_peer(e, c);
        if (err != PN_OK)
            (void)pn_map_take(&e->contacts_by_name, name);
    }
    if (err != PN_OK)
        (void)pn_map_take(&e->contacts_by_id, c->id);
    return err;
}

pn_err cl_contact_link(cl_engine *e, cl_contact *c)
{
    if (e->contact_count == e->contacts_cap) {
        const size_t cap = e->contacts_cap * 2 + 16;
        cl_contact **list = pn_realloc(e->contacts, cap, sizeof(cl_contact *));
        if (list == NULL)
            return PN_E_NOMEM;
        e->contacts = list;
        e->contacts_cap = cap;
    }
    PN_TRY(index_contact(e, c));
    e->contacts[e->contact_count++] = c;
    cl_contact_place(e, c);
    cl_upkeep_due(e, c);
    return PN_OK;
}

/* It stays in the array. */
static void unindex_contact(cl_engine *e, cl_contact *c)
{
    uint8_t name[CL_NAME_KEY_BYTES];
    name_key(name, c->name);
    (void)pn_map_take(&e->contacts_by_id, c->id);
    (void)pn_map_take(&e->contacts_by_name, name);
    pn_heap_remove(&e->receipts, &c->receipts);
    pn_heap_remove(&e->resyncs, &c->resync);
    pn_heap_remove(&e->upkeeps, &c->upkeep);
}

void cl_contacts_forget(cl_engine *e)
{
    while (e->contact_count > 0) {
        cl_contact *c = e->contacts[--e->contact_count];
        unindex_contact(e, c);
        (void)pn_map_take(&e->contacts_by_peer, c->peer);
        cl_contact_free(e, &c);
    }
}

pn_err cl_contact_new(cl_engine *e, const char *wish, cl_contact **out)
{
    cl_contact *c = cl_contact_blank();
    pn_err err;
    *out = NULL;
    if (c == NULL)
        return PN_E_NOMEM;
    choose_name(e, wish, c->name);
    c->created_ms = cl_wall(e);
    err = pn_random(&e->env, c->id, sizeof c->id);
    if (err == PN_OK)
        err = cl_contact_link(e, c);
    if (err != PN_OK) {
        cl_contact_free(e, &c);
        return err;
    }
    e->changed = true;
    *out = c;
    return PN_OK;
}

void cl_contact_free(cl_engine *e, cl_contact **cp)
{
    cl_contact *c = *cp;
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->queue_count; i++)
        cl_queue_free(e, &c->queues[i]);
    pn_free(c->due);
    pn_free_wiped(c, sizeof *c);
    *cp = NULL;
}

void cl_contact_drop(cl_engine *e, cl_contact *c)
{
    for (size_t i = 0; i < e->contact_count; i++) {
        if (e->contacts[i] != c)
            continue;
        e->contact_count--;
        memmove(&e->contacts[i], &e->contacts[i + 1],
                (e->contact_count - i) * sizeof(cl_contact *));
        unindex_contact(e, c);
        unindex_peer(e, c);
        cl_contact_free(e, &c);
        return;
    }
}
