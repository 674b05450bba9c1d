/* From an invitation's queues to its text: queues for the answer, a bundle that
 * names them, and for a link queues of its own in which the bundle lies, all on
 * several relays. Each step is durable before the next; after a restart what is
 * missing is done. A relay that is late is waited for a little, and then left
 * out. */
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"

enum { BLOB_RETRY_MS = 10 * 1000 };

static pn_err make_bundle(cl_engine *e, cl_invite *invite)
{
    cl_bundle *b = pn_alloc(1, sizeof *b);
    pn_err err = PN_E_NOMEM;
    invite->bundle = pn_alloc(1, CL_BUNDLE_MAX);
    if (b != NULL && invite->bundle != NULL) {
        b->created_ms = cl_wall(e);
        b->expires_ms = invite->expires_ms;
        for (size_t i = 0; i < invite->reply_count; i++) {
            if (invite->reply[i]->created)
                cl_queue_ref_of(&b->queues[b->queue_count++], invite->reply[i]);
        }
        memcpy(b->name, e->name, sizeof b->name);
        err = cl_invitation_make(&invite->inv, b, &e->env, &e->self,
                                 invite->bundle, CL_BUNDLE_MAX,
                                 &invite->bundle_len);
    }
    pn_free_wiped(b, sizeof(cl_bundle));
    invite->made = err == PN_OK;
    return err;
}

static size_t created_count(cl_queue *const *list, size_t count)
{
    size_t created = 0;
    for (size_t i = 0; i < count; i++)
        created += list[i]->created ? 1 : 0;
    return created;
}

static size_t laid_count(const cl_invite *invite)
{
    size_t laid = 0;
    for (size_t i = 0; i < invite->left_count; i++)
        laid += invite->laid[i] ? 1 : 0;
    return laid;
}

/* Some of `count` have come: whether to wait for the others. */
static bool is_late(cl_engine *e, cl_invite *invite, size_t come, size_t count)
{
    if (come == 0)
        return true;
    if (come == count) {
        invite->wait_ms = 0;
        return false;
    }
    if (invite->wait_ms == 0)
        invite->wait_ms = cl_mono(e) + CL_LATE_MS;
    if (cl_mono(e) < invite->wait_ms)
        return true;
    invite->wait_ms = 0;
    return false;
}

static pn_err drop_left(cl_engine *e, cl_invite *invite, size_t at)
{
    PN_TRY(cl_queue_doom(e, &invite->left[at]));
    invite->left_count--;
    for (size_t i = at; i < invite->left_count; i++) {
        invite->left[i] = invite->left[i + 1];
        invite->laid[i] = invite->laid[i + 1];
    }
    return PN_OK;
}

static pn_err ready(cl_engine *e, cl_invite *invite)
{
    for (size_t i = invite->left_count; i-- > 0;) {
        if (!invite->laid[i]) /* the link does not name it */
            PN_TRY(drop_left(e, invite, i));
    }
    invite->state = CL_INVITE_OPEN;
    cl_invite_place(e, invite);
    e->changed = true;
    return cl_save_invite(e, invite);
}

static pn_err make_lefts(cl_engine *e, cl_invite *invite)
{
    for (size_t i = 0; i < invite->reply_count; i++) {
        cl_queue *left;
        if (!invite->reply[i]->created)
            continue;
        PN_TRY(cl_queue_of_link(e, invite->reply[i]->relay, CL_OWNER_BUNDLE,
                                invite->inv.link_key, &left));
        left->who.invite = invite;
        invite->left[invite->left_count] = left;
        invite->laid[invite->left_count++] = false;
    }
    return cl_save_invite(e, invite);
}

pn_err cl_invite_advance(cl_engine *e, cl_invite *invite)
{
    if (invite->state != CL_INVITE_PREPARING)
        return PN_OK;
    if (!invite->made) {
        if (is_late(e, invite,
                    created_count(invite->reply, invite->reply_count),
                    invite->reply_count))
            return PN_OK;
        PN_TRY(make_bundle(e, invite));
        PN_TRY(cl_save_invite(e, invite));
    }
    if (invite->form == CL_INVITATION_OFFLINE)
        return ready(e, invite);
    if (invite->left_count == 0)
        return make_lefts(e, invite);
    if (is_late(e, invite, laid_count(invite), invite->left_count))
        return PN_OK;
    return ready(e, invite);
}

pn_err cl_invite_queue_created(cl_engine *e, cl_invite *invite)
{
    e->dirty = true;
    PN_TRY(cl_save_invite(e, invite));
    return cl_invite_advance(e, invite);
}

/* --- leaving the bundle ------------------------------------------------- */

/* The same for every try, and no other queue's: relays see nothing by it. */
static void bundle_id(uint8_t out[PN_MESSAGE_ID_BYTES], const cl_queue *left)
{
    const pn_bytes key = CL_VIEW(left->key);
    uint8_t h[32];
    cl_hash(h, "postern/bundle-id/1", &key, 1);
    memcpy(out, h, PN_MESSAGE_ID_BYTES);
}

static void leave_bundle(cl_engine *e, cl_relay *r, cl_invite *invite,
                         cl_queue *left)
{
    uint8_t id[PN_MESSAGE_ID_BYTES];
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
    req->queue = left;
    bundle_id(id, left);
    msg.u.deposit = (pn_msg_deposit){
        .send_id = CL_VIEW(left->send_id),
        .capability = CL_VIEW(left->capability),
        .message_id = CL_VIEW(id),
        .priority = PN_PRIORITY_NORMAL,
        .envelope = { e->envelope, len },
    };
    if (cl_relay_send(e, r, &msg, req) == PN_OK)
        left->blob = req;
}

void cl_invites_transmit(cl_engine *e, cl_relay *r)
{
    for (pn_node *n = e->preparing.next; n != &e->preparing; n = n->next) {
        cl_invite *invite = PN_ENTRY(n, cl_invite, in_preparing);
        if (invite->retry_ms > cl_mono(e))
            continue;
        for (size_t i = 0; i < invite->left_count && !r->full; i++) {
            cl_queue *left = invite->left[i];
            if (left->created && left->relay == r && left->blob == NULL &&
                !invite->laid[i])
                leave_bundle(e, r, invite, left);
        }
    }
}

pn_err cl_invite_blob_answer(cl_engine *e, cl_request *req, const pn_msg *msg)
{
    cl_queue *left = req->queue;
    cl_invite *invite;
    if (left == NULL || left->owner != CL_OWNER_BUNDLE)
        return PN_OK;
    invite = left->who.invite;
    left->blob = NULL;
    req->queue = NULL;
    if (msg->kind != PN_MSG_DEPOSIT_RESULT ||
        (msg->u.deposit_result.status != PN_DEPOSIT_STORED &&
         msg->u.deposit_result.status != PN_DEPOSIT_DUPLICATE)) {
        invite->retry_ms = cl_mono(e) + BLOB_RETRY_MS;
        return PN_OK;
    }
    for (size_t i = 0; i < invite->left_count; i++)
        invite->laid[i] |= invite->left[i] == left;
    e->dirty = true;
    return cl_invite_advance(e, invite);
}
