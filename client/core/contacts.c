/* What a person decides about contacts, and what one sees of them. */
#include <stdio.h>
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"

static bool name_ok(const char *name)
{
    const pn_bytes line = { (const uint8_t *)name, strlen(name) };
    return line.len > 0 && line.len <= CL_NAME_MAX && pn_line_ok(line);
}

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
    PN_TRY(cl_contact_set_name(e, c, name));
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
    cl_contact_place(e, c);
    e->dirty = e->changed = true;
    return cl_finish(e, cl_save_contact(e, c));
}

/* Messages of ours that were on their way fail; its events stay. */
static pn_err remove_contact(cl_engine *e, cl_contact *c)
{
    const pn_bytes id = CL_VIEW(c->id);
    pn_node *n;
    while ((n = pn_list_first(&c->all)) != NULL)
        PN_TRY(cl_item_end(e, PN_ENTRY(n, cl_item, in_contact), CL_ITEM_FAILED,
                           CL_FAILURE_REMOVED));
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
        const cl_identity_public who = *cl_session_pending(s);
        uint8_t peer[CL_IDENTITY_ID_BYTES];
        PN_TRY(cl_session_confirm(s, &e->env, &who));
        cl_identity_id(peer, &who);
        PN_TRY(cl_contact_set_peer(e, c, peer));
        c->verified = false;
        c->resync_ms = 0;
    } else {
        PN_TRY(cl_inbox_reject(e, c, cl_session_pending(s)));
        PN_TRY(cl_session_dismiss(s));
    }
    for (size_t i = 0; i < c->queue_count; i++) {
        c->queues[i]->reopen = true; /* what was kept back */
        cl_queue_place(e, c->queues[i]);
    }
    cl_contact_times(e, c);
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

cl_profile cl_contact_profile(const cl_engine *e, const cl_contact *c)
{
    if (c->choice != CL_CHOICE_AUTO)
        return c->choice == CL_CHOICE_THIN ? CL_PROFILE_THIN
                                           : CL_PROFILE_NORMAL;
    return c->peer_thin ? CL_PROFILE_THIN : e->profile;
}

bool cl_contact_wants_thin(const cl_engine *e, const cl_contact *c)
{
    return c->choice == CL_CHOICE_THIN ||
           (c->choice == CL_CHOICE_AUTO && e->profile == CL_PROFILE_THIN);
}

pn_err cl_contact_choose(cl_engine *e, const char *contact, cl_choice choice)
{
    cl_contact *c;
    PN_TRY(cl_begin(e));
    c = cl_contact_find(e, contact);
    if (c == NULL)
        return PN_E_NOT_FOUND;
    c->choice = choice;
    e->dirty = true;
    return cl_finish(e, cl_save_contact(e, c));
}

/* --- views -------------------------------------------------------------- */

static void view(const cl_engine *e, const cl_contact *c, cl_contact_view *out)
{
    *out = (cl_contact_view){
        .verified = c->verified,
        .blocked = c->blocked,
        .changed = c->session == CL_SESSION_BLOCKED,
        .ready = c->knows_us,
        .thin = cl_contact_profile(e, c) == CL_PROFILE_THIN,
        .choice = c->choice,
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
    view(e, c, out);
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
    view(e, e->contacts[i], out);
    return PN_OK;
}

void cl_contact_name(cl_engine *e, const uint8_t id[CL_ID_BYTES],
                     char out[CL_NAME_MAX + 1])
{
    const cl_contact *c = cl_contact_by_id(e, id);
    (void)snprintf(out, CL_NAME_MAX + 1, "%s", c == NULL ? "" : c->name);
}
