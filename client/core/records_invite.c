/* Invitations and acceptances. */
#include <string.h>

#include "client/core/records.h"
#include "proto/base/mem.h"

/* Two lists of queues, a pair at a time. The records of 0.1 have one pair and
 * no number of others. */
static pn_err put_pairs(pn_out *o, cl_queue *const *a, size_t a_count,
                        cl_queue *const *b, size_t b_count)
{
    const size_t count = a_count > b_count ? a_count : b_count;
    for (size_t i = 0; i < (count == 0 ? 1 : count); i++) {
        PN_TRY(cl_record_put_queue(o, i < a_count ? a[i] : NULL));
        PN_TRY(cl_record_put_queue(o, i < b_count ? b[i] : NULL));
        if (i == 0)
            pn_put_u8(o, (uint8_t)(count == 0 ? 0 : count - 1));
    }
    return PN_OK;
}

typedef struct queue_list {
    cl_owner owner;
    cl_queue **at; /* CL_QUEUES_MAX */
    size_t *count;
} queue_list;

/* The i-th of a list, which has no gaps. */
static pn_err take_one(cl_engine *e, pn_bytes *in, void *who,
                       const queue_list *list, size_t i)
{
    const bool has_gap = *list->count != i;
    cl_queue *q;
    pn_err err = cl_record_take_queue(e, in, list->owner, who, &q);
    if (q != NULL) /* its owner frees it */
        list->at[(*list->count)++] = q;
    PN_TRY(err);
    return q != NULL && has_gap ? PN_E_CORRUPT : PN_OK;
}

static pn_err take_pairs(cl_engine *e, pn_bytes *in, void *who,
                         const queue_list *a, const queue_list *b)
{
    uint8_t more = 0;
    for (size_t i = 0; i <= more; i++) {
        PN_TRY(take_one(e, in, who, a, i));
        PN_TRY(take_one(e, in, who, b, i));
        if (i == 0 && in->len > 0)
            PN_TRY(pn_take_u8(in, &more));
        if (more >= CL_QUEUES_MAX)
            return PN_E_CORRUPT;
    }
    return more > 0 && *a->count <= more && *b->count <= more ? PN_E_CORRUPT
                                                              : PN_OK;
}

pn_err cl_save_invite(cl_engine *e, const cl_invite *invite)
{
    const size_t cap = 512 + 2 * CL_QUEUES_MAX * CL_QUEUE_RECORD_MAX +
                       CL_INVITATION_BYTES + CL_BUNDLE_MAX;
    uint8_t *room = pn_alloc(1, cap);
    pn_out o = pn_out_over(room, cap);
    pn_err err;
    if (room == NULL)
        return PN_E_NOMEM;
    pn_put_u8(&o, CL_RECORD_VERSION);
    pn_put(&o, CL_VIEW(invite->id));
    pn_put(&o, CL_VIEW(invite->contact));
    cl_record_put_text(&o, invite->name);
    pn_put_u8(&o, (uint8_t)invite->form);
    pn_put_u8(&o, (uint8_t)invite->state);
    pn_put_u8(&o, (uint8_t)invite->failure);
    pn_put_u64(&o, invite->created_ms);
    pn_put_u64(&o, invite->expires_ms);
    pn_put_u8(&o, invite->made);
    if (invite->made)
        cl_invitation_write(&invite->inv, &o);
    cl_record_put_bytes(&o, invite->bundle, invite->bundle_len);
    err = put_pairs(&o, invite->reply, invite->reply_count, invite->left,
                    invite->left_count);
    if (err == PN_OK)
        err = cl_record_stage(e, CL_TABLE_INVITE, CL_VIEW(invite->id), &o);
    pn_free_wiped(room, cap);
    return err;
}

static pn_err take_invitation(pn_bytes *in, cl_invite *invite)
{
    pn_bytes record;
    PN_TRY(cl_record_take_bool(in, &invite->made));
    if (!invite->made)
        return PN_OK;
    PN_TRY(pn_take(in, CL_INVITATION_BYTES, &record));
    return cl_invitation_read(&invite->inv, record);
}

/* What is still to be answered has all that this takes. */
static bool invite_ok(const cl_invite *invite)
{
    if (invite->bundle_len > CL_BUNDLE_MAX)
        return false;
    if (invite->state > CL_INVITE_OPEN)
        return true;
    if (invite->reply_count == 0)
        return false;
    if (!invite->made)
        return invite->state == CL_INVITE_PREPARING && invite->left_count == 0;
    return invite->inv.state == CL_INVITATION_OPEN && invite->bundle_len > 0 &&
           (invite->state == CL_INVITE_PREPARING ||
            invite->form == CL_INVITATION_OFFLINE || invite->left_count > 0);
}

static pn_err take_invite(cl_engine *e, pn_bytes *in, cl_invite *invite)
{
    uint8_t form, state, failure;
    PN_TRY(cl_record_take_version(in));
    PN_TRY(pn_take_copy(in, invite->id, sizeof invite->id));
    PN_TRY(pn_take_copy(in, invite->contact, sizeof invite->contact));
    PN_TRY(cl_record_take_text(in, invite->name, sizeof invite->name));
    PN_TRY(pn_take_u8(in, &form));
    PN_TRY(pn_take_u8(in, &state));
    PN_TRY(pn_take_u8(in, &failure));
    PN_TRY(pn_take_u64(in, &invite->created_ms));
    PN_TRY(pn_take_u64(in, &invite->expires_ms));
    PN_TRY(take_invitation(in, invite));
    PN_TRY(cl_record_take_bytes(in, &invite->bundle, &invite->bundle_len));
    PN_TRY(take_pairs(
        e, in, invite,
        &(queue_list){ CL_OWNER_REPLY, invite->reply, &invite->reply_count },
        &(queue_list){ CL_OWNER_BUNDLE, invite->left, &invite->left_count }));
    PN_TRY(pn_take_end(in));
    if (form < CL_INVITATION_LINK || form > CL_INVITATION_OFFLINE ||
        state > CL_INVITE_FAILED || failure > CL_FAILURE_KNOWN)
        return PN_E_CORRUPT;
    invite->form = (cl_invitation_form)form;
    invite->state = (cl_invite_state)state;
    invite->failure = (cl_failure)failure;
    return invite_ok(invite) ? PN_OK : PN_E_CORRUPT;
}

pn_err cl_read_invite(cl_engine *e, pn_bytes in, cl_invite **out)
{
    cl_invite *invite = pn_alloc(1, sizeof *invite);
    pn_err err;
    *out = NULL;
    if (invite == NULL)
        return PN_E_NOMEM;
    pn_node_init(&invite->in_engine);
    pn_node_init(&invite->in_preparing);
    err = cl_record_corrupt(take_invite(e, &in, invite));
    if (err != PN_OK) {
        cl_invite_free(e, invite);
        return err;
    }
    *out = invite;
    return PN_OK;
}

/* --- acceptances
 * ------------------------------------------------------------------ */

static pn_err put_link(pn_out *o, const cl_link *link)
{
    pn_put_u32(o, link->expires_hour);
    pn_put(o, CL_VIEW(link->key));
    pn_put(o, CL_VIEW(link->bundle_hash));
    pn_put_u8(o, (uint8_t)link->relay_count);
    for (size_t i = 0; i < link->relay_count; i++) {
        pn_put(o, CL_VIEW(link->ids[i]));
        PN_TRY(cl_address_put(o, &link->relays[i]));
    }
    return pn_out_err(o);
}

static pn_err take_link(pn_bytes *in, cl_link *link)
{
    uint8_t count;
    PN_TRY(pn_take_u32(in, &link->expires_hour));
    PN_TRY(pn_take_copy(in, link->key, sizeof link->key));
    PN_TRY(pn_take_copy(in, link->bundle_hash, sizeof link->bundle_hash));
    PN_TRY(pn_take_u8(in, &count));
    if (count > CL_QUEUES_MAX)
        return PN_E_CORRUPT;
    for (; link->relay_count < count; link->relay_count++) {
        PN_TRY(pn_take_copy(in, link->ids[link->relay_count], 32));
        PN_TRY(cl_address_take(in, &link->relays[link->relay_count]));
    }
    return PN_OK;
}

pn_err cl_save_accept(cl_engine *e, const cl_accept *accept)
{
    const size_t cap = 512 + 2 * CL_QUEUES_MAX * CL_QUEUE_RECORD_MAX +
                       CL_LINK_BYTES_MAX + CL_INVITATION_TEXT_MAX;
    const bool keep = accept->has_bundle;
    uint8_t *room = pn_alloc(1, cap);
    pn_out o = pn_out_over(room, cap);
    pn_err err;
    if (room == NULL)
        return PN_E_NOMEM;
    e->dirty = true;
    pn_put_u8(&o, CL_RECORD_VERSION);
    pn_put(&o, CL_VIEW(accept->id));
    cl_record_put_text(&o, accept->name);
    pn_put_u8(&o, accept->is_link);
    pn_put_u8(&o, 0); /* 0.1: which relay it asked */
    pn_put(&o, CL_VIEW(accept->contact));
    pn_put(&o, CL_VIEW(accept->hello));
    pn_put_u8(&o, keep);
    cl_record_put_bytes(&o, accept->encoded, keep ? accept->encoded_len : 0);
    err = put_link(&o, &accept->link);
    if (err == PN_OK)
        err = put_pairs(&o, accept->fetch, accept->fetch_count, accept->answer,
                        accept->answer_count);
    if (err == PN_OK)
        err = cl_record_stage(e, CL_TABLE_ACCEPT, CL_VIEW(accept->id), &o);
    pn_free_wiped(room, cap);
    return err;
}

/* Those asked are there; and so are our queues, until a contact has them. */
static bool accept_ok(const cl_accept *accept)
{
    static const uint8_t none[CL_ID_BYTES];
    const bool met = memcmp(accept->contact, none, CL_ID_BYTES) != 0;
    if (met != (accept->answer_count == 0))
        return false;
    if (accept->is_link)
        return !accept->has_bundle && (met || accept->fetch_count > 0) &&
               accept->fetch_count <= accept->link.relay_count;
    return accept->has_bundle && accept->encoded_len > 0 &&
           accept->encoded_len <= CL_INVITATION_TEXT_MAX;
}

static pn_err take_accept(cl_engine *e, pn_bytes *in, cl_accept *accept)
{
    uint8_t at;
    PN_TRY(cl_record_take_version(in));
    PN_TRY(pn_take_copy(in, accept->id, sizeof accept->id));
    PN_TRY(cl_record_take_text(in, accept->name, sizeof accept->name));
    PN_TRY(cl_record_take_bool(in, &accept->is_link));
    PN_TRY(pn_take_u8(in, &at));
    PN_TRY(pn_take_copy(in, accept->contact, sizeof accept->contact));
    PN_TRY(pn_take_copy(in, accept->hello, sizeof accept->hello));
    PN_TRY(cl_record_take_bool(in, &accept->has_bundle));
    PN_TRY(cl_record_take_bytes(in, &accept->encoded, &accept->encoded_len));
    PN_TRY(take_link(in, &accept->link));
    PN_TRY(take_pairs(
        e, in, accept,
        &(queue_list){ CL_OWNER_FETCH, accept->fetch, &accept->fetch_count },
        &(queue_list){ CL_OWNER_ANSWER, accept->answer,
                       &accept->answer_count }));
    PN_TRY(pn_take_end(in));
    if (at != 0)
        return PN_E_CORRUPT;
    return accept_ok(accept) ? PN_OK : PN_E_CORRUPT;
}

pn_err cl_read_accept(cl_engine *e, pn_bytes in, cl_accept **out)
{
    cl_accept *accept = pn_alloc(1, sizeof *accept);
    pn_err err;
    *out = NULL;
    if (accept == NULL)
        return PN_E_NOMEM;
    pn_node_init(&accept->in_engine);
    err = cl_record_corrupt(take_accept(e, &in, accept));
    if (err != PN_OK) {
        cl_accept_free(e, accept);
        return err;
    }
    *out = accept;
    return PN_OK;
}
