/* Invitations we make: a queue for the answer, a bundle that names it, and for
 * a link a queue of its own in which the bundle lies. Each step is durable
 * before the next; after a restart what is missing is done. */
#include <stdio.h>
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"

enum { BLOB_RETRY_MS = 10 * 1000 };

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
    cl_queue_free(e, &invite->reply);
    cl_queue_free(e, &invite->left);
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

pn_err cl_invite_create(cl_engine *e, cl_invitation_form form, const char *name,
                        uint64_t expires_in_ms, uint8_t id[CL_ID_BYTES])
{
    const uint64_t in =
        expires_in_ms == 0 ? CL_INVITE_DAYS * cl_day_ms : expires_in_ms;
    cl_invite *invite;
    cl_relay *r;
    pn_err err;
    PN_TRY(cl_begin(e));
    if (!wish_ok(e, name, &err))
        return err;
    if (in > CL_EXPIRES_DAYS_MAX * cl_day_ms)
        return PN_E_ARG;
    if (e->open_invites >= CL_INVITES_MAX)
        return PN_E_FULL;
    r = cl_relay_choose(e);
    if (r == NULL)
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
        err = cl_queue_new(e, r, CL_OWNER_REPLY, &invite->reply);
    if (err == PN_OK) {
        invite->reply->who.invite = invite;
        memcpy(id, invite->id, CL_ID_BYTES);
        err = cl_save_invite(e, invite);
    }
    return cl_finish(e, err);
}

static pn_err make_bundle(cl_engine *e, cl_invite *invite)
{
    cl_bundle *b = pn_alloc(1, sizeof *b);
    pn_err err = PN_E_NOMEM;
    invite->bundle = pn_alloc(1, CL_BUNDLE_MAX);
    if (b != NULL && invite->bundle != NULL) {
        b->created_ms = cl_wall(e);
        b->expires_ms = invite->expires_ms;
        b->queue_count = 1;
        cl_queue_ref_of(&b->queues[0], invite->reply);
        memcpy(b->name, e->name, sizeof b->name);
        err = cl_invitation_make(&invite->inv, b, &e->env, &e->self,
                                 invite->bundle, CL_BUNDLE_MAX,
                                 &invite->bundle_len);
    }
    pn_free_wiped(b, sizeof(cl_bundle));
    invite->made = err == PN_OK;
    return err;
}

static pn_err ready(cl_engine *e, cl_invite *invite)
{
    invite->state = CL_INVITE_OPEN;
    cl_invite_place(e, invite);
    e->changed = true;
    return cl_save_invite(e, invite);
}

pn_err cl_invite_queue_created(cl_engine *e, cl_invite *invite)
{
    e->dirty = true;
    if (invite->state != CL_INVITE_PREPARING)
        return cl_save_invite(e, invite);
    if (!invite->made)
        PN_TRY(make_bundle(e, invite));
    if (invite->form == CL_INVITATION_OFFLINE)
        return ready(e, invite);
    if (invite->left == NULL) {
        PN_TRY(cl_queue_of_link(e, invite->reply->relay, CL_OWNER_BUNDLE,
                                invite->inv.link_key, &invite->left));
        invite->left->who.invite = invite;
    }
    return cl_save_invite(e, invite);
}

/* --- leaving the bundle ------------------------------------------------- */

static void leave_bundle(cl_engine *e, cl_relay *r, cl_invite *invite)
{
    uint8_t id[PN_MESSAGE_ID_BYTES] = { 1 };
    cl_request *req;
    pn_msg msg = { .kind = PN_MSG_DEPOSIT };
    size_t len;
    if (cl_blob_seal(&e->env, invite->inv.link_key,
                     (pn_bytes){ invite->bundle, invite->bundle_len },
                     e->envelope, PN_ENVELOPE_MAX, &len) != PN_OK)
        return;
    req = cl_request_new(r, CL_ASK_BLOB, 0);
    if (req == NULL)
        return;
    req->queue = invite->left;
    msg.u.deposit = (pn_msg_deposit){
        .send_id = CL_VIEW(invite->left->send_id),
        .capability = CL_VIEW(invite->left->capability),
        .message_id = CL_VIEW(id),
        .priority = PN_PRIORITY_NORMAL,
        .envelope = { e->envelope, len },
    };
    invite->in_flight = cl_relay_send(e, r, &msg, req) == PN_OK;
    if (invite->in_flight)
        invite->left->blob = req;
}

void cl_invites_transmit(cl_engine *e, cl_relay *r)
{
    for (pn_node *n = e->preparing.next; n != &e->preparing && !r->full;
         n = n->next) {
        cl_invite *invite = PN_ENTRY(n, cl_invite, in_preparing);
        if (invite->left != NULL && invite->left->created &&
            invite->left->relay == r && !invite->in_flight &&
            invite->retry_ms <= cl_mono(e))
            leave_bundle(e, r, invite);
    }
}

pn_err cl_invite_blob_answer(cl_engine *e, cl_request *req, const pn_msg *msg)
{
    cl_invite *invite;
    if (req->queue == NULL || req->queue->owner != CL_OWNER_BUNDLE)
        return PN_OK;
    invite = req->queue->who.invite;
    invite->in_flight = false;
    if (msg->kind == PN_MSG_DEPOSIT_RESULT &&
        (msg->u.deposit_result.status == PN_DEPOSIT_STORED ||
         msg->u.deposit_result.status == PN_DEPOSIT_DUPLICATE)) {
        e->dirty = true;
        return ready(e, invite);
    }
    invite->retry_ms = cl_mono(e) + BLOB_RETRY_MS;
    return PN_OK;
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
    PN_TRY(cl_queue_doom(e, &invite->reply));
    PN_TRY(cl_queue_doom(e, &invite->left));
    e->dirty = e->changed = true;
    return cl_save_invite(e, invite);
}

pn_err cl_invite_refused(cl_engine *e, cl_invite *invite)
{
    if (invite->state > CL_INVITE_OPEN)
        return PN_OK;
    invite->failure = CL_FAILURE_REFUSED;
    return burn(e, invite, CL_INVITE_FAILED);
}

pn_err cl_invite_answered(cl_engine *e, cl_invite *invite, cl_contact *c)
{
    cl_queue *q = invite->reply;
    invite->reply = NULL;
    q->owner = CL_OWNER_CONTACT;
    q->who.contact = c;
    c->queues[c->queue_count++] = q;
    PN_TRY(cl_queue_rotate(e, q)); /* the bundle tells the old one */
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
    }
    return at;
}

/* --- views
 * ---------------------------------------------------------------------- */

static pn_err write_text(const cl_invite *invite, cl_invite_view *out)
{
    cl_link link;
    pn_err err;
    if (invite->form == CL_INVITATION_OFFLINE)
        return cl_offline_format(
            out->text, sizeof out->text,
            (pn_bytes){ invite->bundle, invite->bundle_len });
    err = cl_invitation_link(&invite->inv, &link, &invite->left->relay->address,
                             1);
    memcpy(link.ids[0], invite->left->recv_id, sizeof link.ids[0]);
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
                       invite->reply->relay->address.host);
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
