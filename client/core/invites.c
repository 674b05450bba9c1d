/* Invitations we make: queues for the answer, a bundle that names them, and for
 * a link queues of its own in which the bundle lies, all on several relays.
 * Each step is durable before the next; after a restart what is missing is
 * done. A relay that is late is waited for a little, and then left out. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"

static cl_invite *find(const cl_engine *e, const uint8_t *id)
{
    for (pn_node *n = e->invites.next; n != &e->invites; n = n->next) {
        cl_invite *invite = PN_ENTRY(n, cl_invite, in_engine);
        if (memcmp(invite->id, id, CL_ID_BYTES) == 0)
            return invite;
    }
    return NULL;
}

void cl_invite_free(cl_engine *e, cl_invite *invite)
{
    while (invite->reply_count > 0)
        cl_queue_free(e, &invite->reply[--invite->reply_count]);
    while (invite->left_count > 0)
        cl_queue_free(e, &invite->left[--invite->left_count]);
    pn_free_wiped(invite->bundle, invite->bundle_len);
    pn_heap_remove(&e->invite_timers, &invite->timer);
    pn_list_remove(&invite->in_preparing);
    pn_list_remove(&invite->in_engine);
    pn_free_wiped(invite, sizeof *invite);
}

static bool wish_ok(const cl_engine *e, const char *name, pn_err *err)
{
    const pn_bytes line = { (const uint8_t *)name, strlen(name) };
    *err = PN_OK;
    if (line.len > CL_NAME_MAX || (line.len > 0 && !pn_line_ok(line)))
        *err = PN_E_ARG;
    else if (line.len > 0 && !cl_name_is_free(e, name, NULL))
        *err = PN_E_EXISTS;
    return *err == PN_OK;
}

void cl_invite_place(cl_engine *e, cl_invite *invite)
{
    uint64_t at = invite->expires_ms;
    if (invite->state > CL_INVITE_OPEN)
        at += CL_INVITE_DAYS * cl_day_ms; /* then nobody asks any more */
    pn_heap_set(&e->invite_timers, &invite->timer, at);
    pn_list_remove(&invite->in_preparing);
    if (invite->state == CL_INVITE_PREPARING)
        pn_list_push_back(&e->preparing, &invite->in_preparing);
}

static pn_err make_replies(cl_engine *e, cl_invite *invite,
                           cl_relay *const *relays, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        PN_TRY(cl_queue_new(e, relays[i], CL_OWNER_REPLY, &invite->reply[i]));
        invite->reply_count++;
        invite->reply[i]->who.invite = invite;
    }
    return PN_OK;
}

pn_err cl_invite_create(cl_engine *e, cl_invitation_form form, const char *name,
                        uint64_t expires_in_ms, uint8_t id[CL_ID_BYTES])
{
    const uint64_t in =
        expires_in_ms == 0 ? CL_INVITE_DAYS * cl_day_ms : expires_in_ms;
    cl_invite *invite;
    cl_relay *relays[CL_QUEUES_MAX];
    size_t count;
    pn_err err;
    PN_TRY(cl_begin(e));
    if (!wish_ok(e, name, &err))
        return err;
    if (in > CL_EXPIRES_DAYS_MAX * cl_day_ms)
        return PN_E_ARG;
    if (e->open_invites >= CL_INVITES_MAX)
        return PN_E_FULL;
    count = cl_relays_choose(e, relays);
    if (count == 0)
        return PN_E_NOT_FOUND;
    invite = pn_alloc(1, sizeof *invite);
    if (invite == NULL)
        return PN_E_NOMEM;
    pn_list_push_back(&e->invites, &invite->in_engine);
    pn_node_init(&invite->in_preparing);
    invite->form = form;
    invite->state = CL_INVITE_PREPARING;
    invite->created_ms = cl_wall(e);
    invite->expires_ms = invite->created_ms + in;
    e->open_invites++;
    cl_invite_place(e, invite);
    memcpy(invite->name, name, strlen(name));
    e->dirty = e->changed = true;
    err = pn_random(&e->env, invite->id, CL_ID_BYTES);
    if (err == PN_OK)
        err = make_replies(e, invite, relays, count);
    if (err == PN_OK) {
        memcpy(id, invite->id, CL_ID_BYTES);
        err = cl_save_invite(e, invite);
    }
    return cl_finish(e, err);
}

/* --- the end
 * ------------------------------------------------------------------ */

static pn_err burn(cl_engine *e, cl_invite *invite, cl_invite_state state)
{
    static const cl_invitation_state whys[] = {
        [CL_INVITE_ANSWERED] = CL_INVITATION_ANSWERED,
        [CL_INVITE_REVOKED] = CL_INVITATION_REVOKED,
        [CL_INVITE_EXPIRED] = CL_INVITATION_EXPIRED,
        [CL_INVITE_FAILED] = CL_INVITATION_REVOKED,
    };
    e->open_invites -= invite->state <= CL_INVITE_OPEN ? 1 : 0;
    invite->state = state;
    cl_invite_place(e, invite);
    cl_invitation_burn(&invite->inv, whys[state]);
    pn_free_wiped(invite->bundle, invite->bundle_len);
    invite->bundle = NULL;
    invite->bundle_len = 0;
    for (; invite->reply_count > 0; invite->reply_count--)
        PN_TRY(cl_queue_doom(e, &invite->reply[invite->reply_count - 1]));
    for (; invite->left_count > 0; invite->left_count--)
        PN_TRY(cl_queue_doom(e, &invite->left[invite->left_count - 1]));
    e->dirty = e->changed = true;
    return cl_save_invite(e, invite);
}

/* Takes q off the list. */
static size_t drop(cl_queue **list, size_t count, const cl_queue *q)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (list[i] != q)
            list[kept++] = list[i];
    }
    return kept;
}

pn_err cl_invite_refused(cl_engine *e, cl_invite *invite, cl_queue *q)
{
    const bool is_reply = q->owner == CL_OWNER_REPLY;
    e->dirty = true;
    if (is_reply) {
        invite->reply_count = drop(invite->reply, invite->reply_count, q);
    } else {
        size_t at = 0;
        while (invite->left[at] != q)
            at++;
        invite->left_count = drop(invite->left, invite->left_count, q);
        for (; at < invite->left_count; at++)
            invite->laid[at] = invite->laid[at + 1];
    }
    cl_queue_free(e, &q);
    if (invite->reply_count > 0 && (is_reply || invite->left_count > 0)) {
        PN_TRY(cl_save_invite(e, invite));
        return cl_invite_advance(e, invite);
    }
    invite->failure = CL_FAILURE_REFUSED;
    return burn(e, invite, CL_INVITE_FAILED);
}

pn_err cl_invite_answered(cl_engine *e, cl_invite *invite, cl_contact *c)
{
    for (size_t i = 0; i < invite->reply_count; i++) {
        cl_queue *q = invite->reply[i];
        assert(q != NULL); /* each is given away once */
        PN_TRY(cl_contact_add_queue(e, c, q));
        invite->reply[i] = NULL;
        if (q->created) /* the bundle tells its capability */
            PN_TRY(cl_queue_rotate(e, q));
    }
    invite->reply_count = 0;
    c->list_ms = cl_wall(e);
    memcpy(invite->contact, c->id, CL_ID_BYTES);
    return burn(e, invite, CL_INVITE_ANSWERED);
}

pn_err cl_invite_revoke(cl_engine *e, const uint8_t id[CL_ID_BYTES])
{
    cl_invite *invite;
    PN_TRY(cl_begin(e));
    invite = find(e, id);
    if (invite == NULL)
        return PN_E_NOT_FOUND;
    if (invite->state > CL_INVITE_OPEN)
        return PN_E_STATE;
    return cl_finish(e, burn(e, invite, CL_INVITE_REVOKED));
}

pn_err cl_invites_tick(cl_engine *e)
{
    pn_heap_node *due;
    while ((due = pn_heap_due(&e->invite_timers, cl_wall(e))) != NULL) {
        cl_invite *invite = PN_ENTRY(due, cl_invite, timer);
        if (invite->state <= CL_INVITE_OPEN) {
            PN_TRY(burn(e, invite, CL_INVITE_EXPIRED));
        } else {
            PN_TRY(cl_del(e, CL_TABLE_INVITE, CL_VIEW(invite->id)));
            cl_invite_free(e, invite);
        }
    }
    for (pn_node *n = e->preparing.next; n != &e->preparing;) {
        cl_invite *invite = PN_ENTRY(n, cl_invite, in_preparing);
        n = n->next;
        if (invite->wait_ms != 0 && cl_mono(e) >= invite->wait_ms)
            PN_TRY(cl_invite_advance(e, invite));
    }
    return PN_OK;
}

uint64_t cl_invites_deadline(const cl_engine *e)
{
    const uint64_t mono = cl_mono(e), wall = cl_wall(e);
    uint64_t at = pn_heap_first(&e->invite_timers);
    for (pn_node *n = e->preparing.next; n != &e->preparing; n = n->next) {
        const cl_invite *invite = PN_ENTRY(n, cl_invite, in_preparing);
        if (invite->retry_ms > mono && wall + (invite->retry_ms - mono) < at)
            at = wall + (invite->retry_ms - mono);
        if (invite->wait_ms > mono && wall + (invite->wait_ms - mono) < at)
            at = wall + (invite->wait_ms - mono);
    }
    return at;
}

/* --- views
 * ---------------------------------------------------------------------- */

static pn_err write_text(const cl_invite *invite, cl_invite_view *out)
{
    pn_address relays[CL_QUEUES_MAX];
    cl_link link;
    pn_err err;
    if (invite->form == CL_INVITATION_OFFLINE)
        return cl_offline_format(
            out->text, sizeof out->text,
            (pn_bytes){ invite->bundle, invite->bundle_len });
    for (size_t i = 0; i < invite->left_count; i++)
        relays[i] = invite->left[i]->relay->address;
    err = cl_invitation_link(&invite->inv, &link, relays, invite->left_count);
    for (size_t i = 0; i < invite->left_count; i++)
        memcpy(link.ids[i], invite->left[i]->recv_id, sizeof link.ids[i]);
    if (err == PN_OK)
        err = cl_link_format(out->text, sizeof out->text, &link);
    pn_wipe(&link, sizeof link);
    return err;
}

static pn_err view(const cl_invite *invite, cl_invite_view *out)
{
    *out = (cl_invite_view){
        .state = invite->state,
        .is_offline = invite->form == CL_INVITATION_OFFLINE,
        .created_ms = invite->created_ms,
        .expires_ms = invite->expires_ms,
    };
    memcpy(out->id, invite->id, CL_ID_BYTES);
    memcpy(out->contact, invite->contact, CL_ID_BYTES);
    memcpy(out->name, invite->name, sizeof out->name);
    if (invite->state == CL_INVITE_FAILED)
        (void)snprintf(out->reason, sizeof out->reason,
                       "the relay grants no mailbox: it is closed, or wants "
                       "another access secret");
    else if (invite->state == CL_INVITE_PREPARING)
        (void)snprintf(out->reason, sizeof out->reason,
                       "waiting for the relay %.100s",
                       invite->reply[0]->relay->address.host);
    if (invite->state == CL_INVITE_OPEN)
        return write_text(invite, out);
    return PN_OK;
}

pn_err cl_invite_get(cl_engine *e, const uint8_t id[CL_ID_BYTES],
                     cl_invite_view *out)
{
    const cl_invite *invite = find(e, id);
    return invite == NULL ? PN_E_NOT_FOUND : view(invite, out);
}

pn_err cl_invite_at(cl_engine *e, size_t i, cl_invite_view *out)
{
    for (pn_node *n = e->invites.next; n != &e->invites; n = n->next) {
        if (i-- == 0)
            return view(PN_ENTRY(n, cl_invite, in_engine), out);
    }
    return PN_E_NOT_FOUND;
}
