/* Contacts: names, routes, and what a person decides about them. */
#include <stdio.h>
#include <string.h>

#include "client/core/engine_state.h"
#include "client/core/text.h"
#include "proto/base/mem.h"

cl_contact *cl_contact_by_id(const cl_engine *e, const uint8_t *id)
{
    return pn_map_get(&e->contacts_by_id, id);
}

cl_contact *cl_contact_find(const cl_engine *e, const char *name_or_id)
{
    uint8_t id[CL_ID_BYTES];
    for (size_t i = 0; i < e->contact_count; i++) {
        if (strcmp(e->contacts[i]->name, name_or_id) == 0)
            return e->contacts[i];
    }
    if (pn_unhex(id, sizeof id, name_or_id) != PN_OK)
        return NULL;
    return cl_contact_by_id(e, id);
}

cl_contact *cl_contact_by_peer(const cl_engine *e, const uint8_t *peer)
{
    for (size_t i = 0; i < e->contact_count; i++) {
        if (memcmp(e->contacts[i]->peer, peer, CL_IDENTITY_ID_BYTES) == 0)
            return e->contacts[i];
    }
    return NULL;
}

bool cl_name_is_free(const cl_engine *e, const char *name,
                     const cl_contact *but)
{
    for (size_t i = 0; i < e->contact_count; i++) {
        if (e->contacts[i] != but && strcmp(e->contacts[i]->name, name) == 0)
            return false;
    }
    return true;
}

static bool name_ok(const char *name)
{
    const pn_bytes line = { (const uint8_t *)name, strlen(name) };
    return line.len > 0 && line.len <= CL_NAME_MAX && cl_line_ok(line);
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
    PN_TRY(pn_map_put(&e->contacts_by_id, c->id, c));
    e->contacts[e->contact_count++] = c;
    return PN_OK;
}

pn_err cl_contact_new(cl_engine *e, const char *wish, cl_contact **out)
{
    cl_contact *c = pn_alloc(1, sizeof *c);
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
        cl_contact_free(&c);
        return err;
    }
    e->changed = true;
    *out = c;
    return PN_OK;
}

void cl_contact_free(cl_contact **cp)
{
    cl_contact *c = *cp;
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->queue_count; i++)
        cl_queue_free(&c->queues[i]);
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
        (void)pn_map_take(&e->contacts_by_id, c->id);
        cl_contact_free(&c);
        return;
    }
}

pn_err cl_contact_set_routes(cl_engine *e, cl_contact *c,
                             const cl_queue_ref *refs, size_t count)
{
    const bool moved = count > 0 && c->route_count > 0 &&
                       memcmp(c->routes[0].send_id, refs[0].send_id, 32) != 0;
    if (count == 0)
        return PN_OK;
    if (moved) /* what is sealed is sealed for the old place */
        PN_TRY(cl_items_again(e, c));
    for (size_t i = 0; i < count; i++) {
        cl_route *route = &c->routes[i];
        route->relay = cl_relay_of(e, &refs[i].relay);
        if (route->relay == NULL)
            return PN_E_NOMEM;
        memcpy(route->send_id, refs[i].send_id, sizeof route->send_id);
        memcpy(route->capability, refs[i].capability, sizeof route->capability);
        memcpy(route->key, refs[i].key, sizeof route->key);
    }
    c->route_count = count;
    return PN_OK;
}

/* --- commands ----------------------------------------------------------- */

pn_err cl_contact_rename(cl_engine *e, const char *contact, const char *name)
{
    cl_contact *c;
    PN_TRY(cl_begin(e));
    c = cl_contact_find(e, contact);
    if (c == NULL)
        return PN_E_NOT_FOUND;
    if (!name_ok(name))
        return PN_E_ARG;
    if (!cl_name_is_free(e, name, c))
        return PN_E_EXISTS;
    (void)snprintf(c->name, sizeof c->name, "%s", name);
    e->dirty = true;
    return cl_finish(e, cl_save_contact(e, c));
}

/* Digits only: people group them as they like. */
static bool same_number(const char *safety, const char *given)
{
    size_t at = 0;
    for (; *given != '\0'; given++) {
        if (*given == ' ' || *given == '-' || *given == '\n')
            continue;
        if (at >= CL_SAFETY_DIGITS || safety[at++] != *given)
            return false;
    }
    return at == CL_SAFETY_DIGITS;
}

static pn_err number_of(cl_engine *e, const cl_contact *c, bool pending,
                        char out[CL_SAFETY_DIGITS + 1])
{
    cl_session *s = NULL;
    const cl_identity_public *who;
    out[0] = '\0';
    PN_TRY(cl_load_session(e, c, &s));
    who = pending ? cl_session_pending(s) : cl_session_peer(s);
    if (who != NULL)
        cl_safety_number(out, &e->self.pub, who);
    cl_session_free(&s);
    return PN_OK;
}

pn_err cl_contact_verify(cl_engine *e, const char *contact, const char *safety)
{
    char number[CL_SAFETY_DIGITS + 1];
    cl_contact *c;
    PN_TRY(cl_begin(e));
    c = cl_contact_find(e, contact);
    if (c == NULL)
        return PN_E_NOT_FOUND;
    if (safety != NULL) {
        PN_TRY(number_of(e, c, false, number));
        if (number[0] == '\0')
            return PN_E_STATE;
        if (!same_number(number, safety))
            return PN_E_REFUSED;
    }
    c->verified = true;
    e->dirty = true;
    return cl_finish(e, cl_save_contact(e, c));
}

pn_err cl_contact_block(cl_engine *e, const char *contact, bool block)
{
    cl_contact *c;
    PN_TRY(cl_begin(e));
    c = cl_contact_find(e, contact);
    if (c == NULL)
        return PN_E_NOT_FOUND;
    c->blocked = block;
    e->dirty = e->changed = true;
    return cl_finish(e, cl_save_contact(e, c));
}

/* Messages of ours that were on their way fail; its events stay. */
static pn_err remove_contact(cl_engine *e, cl_contact *c)
{
    const pn_bytes id = CL_VIEW(c->id);
    for (pn_node *n = e->items.next; n != &e->items;) {
        cl_item *item = PN_ENTRY(n, cl_item, in_engine);
        n = n->next;
        if (item->contact == c)
            PN_TRY(cl_item_end(e, item, CL_ITEM_FAILED, CL_FAILURE_REMOVED));
    }
    for (size_t i = 0; i < c->queue_count; i++)
        PN_TRY(cl_queue_doom(e, &c->queues[i]));
    c->queue_count = 0;
    PN_TRY(cl_del(e, CL_TABLE_SESSION, id));
    PN_TRY(cl_del(e, CL_TABLE_CONTACT, id));
    cl_contact_drop(e, c);
    return PN_OK;
}

pn_err cl_contact_remove(cl_engine *e, const char *contact)
{
    cl_contact *c;
    PN_TRY(cl_begin(e));
    c = cl_contact_find(e, contact);
    if (c == NULL)
        return PN_E_NOT_FOUND;
    e->dirty = e->changed = true;
    return cl_finish(e, remove_contact(e, c));
}

static pn_err decide(cl_engine *e, cl_contact *c, cl_session *s, bool accept)
{
    if (accept) {
        const cl_identity_public *who = cl_session_pending(s);
        cl_identity_public copy = *who;
        PN_TRY(cl_session_confirm(s, &e->env, &copy));
        cl_identity_id(c->peer, &copy);
        c->verified = false;
        c->resync_ms = 0;
    } else {
        PN_TRY(cl_inbox_reject(e, c, cl_session_pending(s)));
        PN_TRY(cl_session_dismiss(s));
    }
    for (size_t i = 0; i < c->queue_count; i++)
        c->queues[i]->reopen = true; /* what was kept back */
    PN_TRY(cl_save_session(e, c, s));
    return cl_save_contact(e, c);
}

pn_err cl_contact_decide(cl_engine *e, const char *contact, const char *safety,
                         bool accept)
{
    char number[CL_SAFETY_DIGITS + 1];
    cl_session *s = NULL;
    cl_contact *c;
    pn_err err;
    PN_TRY(cl_begin(e));
    c = cl_contact_find(e, contact);
    if (c == NULL)
        return PN_E_NOT_FOUND;
    if (c->session != CL_SESSION_BLOCKED)
        return PN_E_STATE;
    if (accept && safety != NULL) {
        PN_TRY(number_of(e, c, true, number));
        if (!same_number(number, safety))
            return PN_E_REFUSED;
    }
    PN_TRY(cl_load_session(e, c, &s));
    e->dirty = e->changed = true;
    err = decide(e, c, s, accept);
    if (err == PN_OK && accept && safety != NULL) {
        c->verified = true;
        err = cl_save_contact(e, c);
    }
    cl_session_free(&s);
    return cl_finish(e, err);
}

/* --- views -------------------------------------------------------------- */

static void view(const cl_contact *c, cl_contact_view *out)
{
    *out = (cl_contact_view){
        .verified = c->verified,
        .blocked = c->blocked,
        .changed = c->session == CL_SESSION_BLOCKED,
        .ready = c->knows_us,
        .outbox = c->items,
        .created_ms = c->created_ms,
        .seen_ms = c->seen_ms,
    };
    memcpy(out->id, c->id, sizeof out->id);
    memcpy(out->name, c->name, sizeof out->name);
    memcpy(out->own_name, c->own_name, sizeof out->own_name);
}

pn_err cl_contact_get(cl_engine *e, const char *contact, bool with_safety,
                      cl_contact_view *out)
{
    const cl_contact *c = cl_contact_find(e, contact);
    if (c == NULL)
        return PN_E_NOT_FOUND;
    view(c, out);
    if (with_safety) {
        PN_TRY(number_of(e, c, false, out->safety));
        PN_TRY(number_of(e, c, true, out->safety_changed));
    }
    return PN_OK;
}

pn_err cl_contact_at(cl_engine *e, size_t i, cl_contact_view *out)
{
    if (i >= e->contact_count)
        return PN_E_NOT_FOUND;
    view(e->contacts[i], out);
    return PN_OK;
}

void cl_contact_name(cl_engine *e, const uint8_t id[CL_ID_BYTES],
                     char out[CL_NAME_MAX + 1])
{
    const cl_contact *c = cl_contact_by_id(e, id);
    (void)snprintf(out, CL_NAME_MAX + 1, "%s", c == NULL ? "" : c->name);
}
