#include "client/core/records.h"

#include <string.h>

#include "proto/base/mem.h"

enum { VERSION = 1, QUEUE_MAX = 6 * 32 + 1 + CL_ADDRESS_BYTES_MAX };

pn_err cl_put(cl_engine *e, cl_table table, pn_bytes key, pn_bytes value)
{
    e->dirty = true;
    return e->store.put(e->store.ctx, table, key, value);
}

pn_err cl_del(cl_engine *e, cl_table table, pn_bytes key)
{
    e->dirty = true;
    return e->store.del(e->store.ctx, table, key);
}

/* Stage what was written, and wipe it: records are secret. */
static pn_err stage(cl_engine *e, cl_table table, pn_bytes key, pn_out *o)
{
    pn_err err = pn_out_err(o);
    if (err == PN_OK)
        err = cl_put(e, table, key, pn_out_view(o));
    pn_wipe(o->p, o->len);
    return err;
}

static pn_err take_version(pn_bytes *in)
{
    uint8_t version;
    PN_TRY(pn_take_u8(in, &version));
    return version == VERSION ? PN_OK : PN_E_VERSION;
}

/* What our own store holds cannot end early or be malformed by design. */
static pn_err corrupt(pn_err err)
{
    return err == PN_E_SHORT || err == PN_E_PROTO || err == PN_E_ARG
               ? PN_E_CORRUPT
               : err;
}

static void put_text(pn_out *o, const char *text)
{
    const size_t len = strlen(text);
    pn_put_u8(o, (uint8_t)len);
    pn_put(o, (pn_bytes){ (const uint8_t *)text, len });
}

/* Into out[0..cap), which holds more than a u8 can say or is checked. */
static pn_err take_text(pn_bytes *in, char *out, size_t cap)
{
    uint8_t len;
    PN_TRY(pn_take_u8(in, &len));
    if (len >= cap)
        return PN_E_CORRUPT;
    PN_TRY(pn_take_copy(in, (uint8_t *)out, len));
    out[len] = '\0';
    return PN_OK;
}

static pn_err take_bool(pn_bytes *in, bool *out)
{
    uint8_t v;
    PN_TRY(pn_take_u8(in, &v));
    if (v > 1)
        return PN_E_CORRUPT;
    *out = v == 1;
    return PN_OK;
}

static pn_err take_bytes(pn_bytes *in, uint8_t **out, size_t *len)
{
    uint32_t n;
    PN_TRY(pn_take_u32(in, &n));
    *out = NULL;
    *len = 0;
    if (n > in->len)
        return PN_E_SHORT;
    if (n == 0)
        return PN_OK;
    *out = pn_alloc(1, n);
    if (*out == NULL)
        return PN_E_NOMEM;
    *len = n;
    return pn_take_copy(in, *out, n);
}

static void put_bytes(pn_out *o, const uint8_t *p, size_t len)
{
    pn_put_u32(o, (uint32_t)len);
    pn_put(o, (pn_bytes){ p, len });
}

/* --- self, relays ------------------------------------------------------- */

pn_err cl_put_self(cl_engine *e)
{
    uint8_t room[256], secret[CL_IDENTITY_SECRET_BYTES];
    pn_out o = pn_out_over(room, sizeof room);
    pn_put_u8(&o, VERSION);
    cl_identity_secret(secret, &e->self);
    pn_put(&o, CL_VIEW(secret));
    pn_wipe(secret, sizeof secret);
    put_text(&o, e->name);
    pn_put_u64(&o, e->next_event);
    return stage(e, CL_TABLE_SELF, PN_BYTES_LIT("self"), &o);
}

pn_err cl_read_self(cl_engine *e, pn_bytes in)
{
    pn_bytes secret;
    PN_TRY(take_version(&in));
    PN_TRY(corrupt(pn_take(&in, CL_IDENTITY_SECRET_BYTES, &secret)));
    PN_TRY(corrupt(take_text(&in, e->name, sizeof e->name)));
    PN_TRY(corrupt(pn_take_u64(&in, &e->next_event)));
    PN_TRY(corrupt(pn_take_end(&in)));
    cl_identity_from_secret(&e->self, secret.p);
    return PN_OK;
}

pn_err cl_save_relay(cl_engine *e, const cl_relay *r)
{
    static const uint8_t value[1] = { VERSION };
    char text[PN_ADDRESS_TEXT_MAX + 1];
    PN_TRY(pn_address_format(text, sizeof text, &r->address));
    return cl_put(e, CL_TABLE_RELAY,
                  (pn_bytes){ (const uint8_t *)text, strlen(text) },
                  CL_VIEW(value));
}

/* --- queues: part of their owners' records ------------------------------ */

static pn_err put_queue(pn_out *o, const cl_queue *q)
{
    pn_put_u8(o, q != NULL);
    if (q == NULL)
        return PN_OK;
    PN_TRY(cl_address_put(o, &q->relay->address));
    pn_put(o, CL_VIEW(q->seed));
    pn_put(o, CL_VIEW(q->capability));
    pn_put(o, CL_VIEW(q->key));
    pn_put_u8(o, q->created);
    pn_put(o, CL_VIEW(q->recv_id));
    pn_put(o, CL_VIEW(q->send_id));
    return pn_out_err(o);
}

static pn_err take_queue_fields(pn_bytes *in, cl_queue *q)
{
    PN_TRY(pn_take_copy(in, q->seed, sizeof q->seed));
    PN_TRY(pn_take_copy(in, q->capability, sizeof q->capability));
    PN_TRY(pn_take_copy(in, q->key, sizeof q->key));
    PN_TRY(take_bool(in, &q->created));
    PN_TRY(pn_take_copy(in, q->recv_id, sizeof q->recv_id));
    return pn_take_copy(in, q->send_id, sizeof q->send_id);
}

static pn_err take_queue(cl_engine *e, pn_bytes *in, cl_owner owner, void *who,
                         cl_queue **out)
{
    pn_address address;
    cl_relay *r;
    bool present;
    *out = NULL;
    PN_TRY(take_bool(in, &present));
    if (!present)
        return PN_OK;
    PN_TRY(cl_address_take(in, &address));
    r = cl_relay_of(e, &address);
    if (r == NULL)
        return PN_E_NOMEM;
    PN_TRY(cl_queue_new(e, r, owner, out));
    (*out)->who.contact = who;
    return take_queue_fields(in, *out);
}

pn_err cl_save_doomed(cl_engine *e, const cl_queue *q)
{
    uint8_t room[QUEUE_MAX + 8];
    pn_out o = pn_out_over(room, sizeof room);
    pn_put_u8(&o, VERSION);
    PN_TRY(put_queue(&o, q));
    return stage(e, CL_TABLE_QUEUE, CL_VIEW(q->recv_id), &o);
}

pn_err cl_read_doomed(cl_engine *e, pn_bytes in, cl_queue **out)
{
    *out = NULL;
    PN_TRY(take_version(&in));
    PN_TRY(corrupt(take_queue(e, &in, CL_OWNER_NOBODY, NULL, out)));
    return *out == NULL ? PN_E_CORRUPT : PN_OK;
}

/* --- contacts ----------------------------------------------------------- */

pn_err cl_save_contact(cl_engine *e, const cl_contact *c)
{
    const size_t cap = 1024 + (size_t)CL_QUEUES_MAX * 2 * QUEUE_MAX +
                       c->due_count * CL_ID_BYTES;
    uint8_t *room = pn_alloc(1, cap);
    pn_out o = pn_out_over(room, cap);
    pn_err err = PN_OK;
    if (room == NULL)
        return PN_E_NOMEM;
    pn_put_u8(&o, VERSION);
    pn_put(&o, CL_VIEW(c->id));
    pn_put(&o, CL_VIEW(c->peer));
    put_text(&o, c->name);
    put_text(&o, c->own_name);
    pn_put_u8(&o, c->verified);
    pn_put_u8(&o, c->blocked);
    pn_put_u8(&o, c->knows_us);
    pn_put_u8(&o, (uint8_t)c->session);
    pn_put_u64(&o, c->created_ms);
    pn_put_u64(&o, c->seen_ms);
    pn_put_u8(&o, (uint8_t)c->queue_count);
    for (size_t i = 0; i < c->queue_count && err == PN_OK; i++)
        err = put_queue(&o, c->queues[i]);
    pn_put_u8(&o, (uint8_t)c->route_count);
    for (size_t i = 0; i < c->route_count && err == PN_OK; i++) {
        err = cl_address_put(&o, &c->routes[i].relay->address);
        pn_put(&o, CL_VIEW(c->routes[i].send_id));
        pn_put(&o, CL_VIEW(c->routes[i].capability));
        pn_put(&o, CL_VIEW(c->routes[i].key));
    }
    pn_put_u64(&o, c->due_ms);
    put_bytes(&o, (const uint8_t *)c->due, c->due_count * CL_ID_BYTES);
    if (err == PN_OK)
        err = stage(e, CL_TABLE_CONTACT, CL_VIEW(c->id), &o);
    pn_free_wiped(room, cap);
    return err;
}

static pn_err take_routes(cl_engine *e, pn_bytes *in, cl_contact *c)
{
    pn_address address;
    uint8_t count;
    PN_TRY(pn_take_u8(in, &count));
    if (count > CL_QUEUES_MAX)
        return PN_E_CORRUPT;
    for (; c->route_count < count; c->route_count++) {
        cl_route *route = &c->routes[c->route_count];
        PN_TRY(cl_address_take(in, &address));
        route->relay = cl_relay_of(e, &address);
        if (route->relay == NULL)
            return PN_E_NOMEM;
        PN_TRY(pn_take_copy(in, route->send_id, 32));
        PN_TRY(pn_take_copy(in, route->capability, 32));
        PN_TRY(pn_take_copy(in, route->key, 32));
    }
    return PN_OK;
}

static pn_err take_queues(cl_engine *e, pn_bytes *in, cl_contact *c)
{
    uint8_t count;
    PN_TRY(pn_take_u8(in, &count));
    if (count > CL_QUEUES_MAX)
        return PN_E_CORRUPT;
    for (size_t i = 0; i < count; i++) {
        pn_err err = take_queue(e, in, CL_OWNER_CONTACT, c, &c->queues[i]);
        if (c->queues[i] != NULL)
            c->queue_count = i + 1;
        PN_TRY(err);
        if (c->queues[i] == NULL)
            return PN_E_CORRUPT;
    }
    return PN_OK;
}

/* receipts are kept in blocks of 64, as they are owed. */
static pn_err take_due(pn_bytes *in, cl_contact *c)
{
    uint32_t len;
    PN_TRY(pn_take_u32(in, &len));
    if (len % CL_ID_BYTES != 0 || len > in->len)
        return PN_E_CORRUPT;
    if (len == 0)
        return PN_OK;
    c->due_count = len / CL_ID_BYTES;
    c->due = pn_alloc((c->due_count + 63) / 64 * 64, CL_ID_BYTES);
    if (c->due == NULL)
        return PN_E_NOMEM;
    return pn_take_copy(in, (uint8_t *)c->due, len);
}

static pn_err take_contact(cl_engine *e, pn_bytes *in, cl_contact *c)
{
    uint8_t session;
    PN_TRY(take_version(in));
    PN_TRY(pn_take_copy(in, c->id, sizeof c->id));
    PN_TRY(pn_take_copy(in, c->peer, sizeof c->peer));
    PN_TRY(take_text(in, c->name, sizeof c->name));
    PN_TRY(take_text(in, c->own_name, sizeof c->own_name));
    PN_TRY(take_bool(in, &c->verified));
    PN_TRY(take_bool(in, &c->blocked));
    PN_TRY(take_bool(in, &c->knows_us));
    PN_TRY(pn_take_u8(in, &session));
    PN_TRY(pn_take_u64(in, &c->created_ms));
    PN_TRY(pn_take_u64(in, &c->seen_ms));
    PN_TRY(take_queues(e, in, c));
    PN_TRY(take_routes(e, in, c));
    PN_TRY(pn_take_u64(in, &c->due_ms));
    PN_TRY(take_due(in, c));
    if (session > CL_SESSION_BLOCKED)
        return PN_E_CORRUPT;
    c->session = (cl_session_state)session;
    return pn_take_end(in);
}

pn_err cl_read_contact(cl_engine *e, pn_bytes in, cl_contact **out)
{
    cl_contact *c = pn_alloc(1, sizeof *c);
    pn_err err;
    *out = NULL;
    if (c == NULL)
        return PN_E_NOMEM;
    err = corrupt(take_contact(e, &in, c));
    if (err != PN_OK)
        cl_contact_free(&c);
    *out = c;
    return err;
}

/* --- sessions ----------------------------------------------------------- */

pn_err cl_load_session(cl_engine *e, const cl_contact *c, cl_session **out)
{
    pn_err err;
    *out = NULL;
    err = e->store.get(e->store.ctx, CL_TABLE_SESSION, CL_VIEW(c->id),
                       &e->record);
    if (err == PN_OK)
        err = cl_session_read(out, pn_buf_view(&e->record));
    pn_buf_clear(&e->record);
    return err;
}

pn_err cl_save_session(cl_engine *e, cl_contact *c, const cl_session *s)
{
    const cl_session_state state = cl_session_get_state(s);
    const size_t size = cl_session_size(s);
    uint8_t *room = pn_alloc(1, size);
    pn_out o = pn_out_over(room, size);
    pn_err err;
    if (room == NULL)
        return PN_E_NOMEM;
    cl_session_write(s, &o);
    err = stage(e, CL_TABLE_SESSION, CL_VIEW(c->id), &o);
    pn_free_wiped(room, size);
    PN_TRY(err);
    if (c->session == state)
        return PN_OK;
    c->session = state;
    e->changed = true;
    return cl_save_contact(e, c);
}

/* --- items -------------------------------------------------------------- */

pn_err cl_save_item(cl_engine *e, const cl_item *item)
{
    const size_t cap = 256 + item->receipts_len;
    uint8_t *room = pn_alloc(1, cap);
    pn_out o = pn_out_over(room, cap);
    pn_err err;
    if (room == NULL)
        return PN_E_NOMEM;
    pn_put_u8(&o, VERSION);
    pn_put(&o, CL_VIEW(item->id));
    pn_put(&o, CL_VIEW(item->contact->id));
    pn_put_u8(&o, (uint8_t)item->kind);
    pn_put_u8(&o, (uint8_t)item->state);
    pn_put_u8(&o, (uint8_t)item->priority);
    pn_put_u32(&o, item->epoch);
    pn_put_u32(&o, item->attempts);
    pn_put_u64(&o, item->created_ms);
    pn_put_u64(&o, item->expires_ms);
    pn_put_u64(&o, item->since_ms);
    pn_put_u64(&o, item->resend_ms);
    put_bytes(&o, item->receipts, item->receipts_len);
    err = stage(e, CL_TABLE_ITEM, CL_VIEW(item->id), &o);
    pn_free(room);
    return err;
}

static pn_err take_item(cl_engine *e, pn_bytes *in, cl_item *item)
{
    uint8_t contact[CL_ID_BYTES], kind, state, priority;
    PN_TRY(take_version(in));
    PN_TRY(pn_take_copy(in, item->id, sizeof item->id));
    PN_TRY(pn_take_copy(in, contact, sizeof contact));
    PN_TRY(pn_take_u8(in, &kind));
    PN_TRY(pn_take_u8(in, &state));
    PN_TRY(pn_take_u8(in, &priority));
    PN_TRY(pn_take_u32(in, &item->epoch));
    PN_TRY(pn_take_u32(in, &item->attempts));
    PN_TRY(pn_take_u64(in, &item->created_ms));
    PN_TRY(pn_take_u64(in, &item->expires_ms));
    PN_TRY(pn_take_u64(in, &item->since_ms));
    PN_TRY(pn_take_u64(in, &item->resend_ms));
    PN_TRY(take_bytes(in, &item->receipts, &item->receipts_len));
    PN_TRY(pn_take_end(in));
    item->contact = cl_contact_by_id(e, contact);
    if (item->contact == NULL || kind < CL_ITEM_MESSAGE ||
        kind > CL_ITEM_RESYNC || state > CL_ITEM_RELAYED ||
        priority < PN_PRIORITY_URGENT || priority > PN_PRIORITY_BULK ||
        item->receipts_len % CL_ID_BYTES != 0)
        return PN_E_CORRUPT;
    item->kind = (cl_item_kind)kind;
    item->state = (cl_item_state)state;
    item->priority = (pn_priority)priority;
    return PN_OK;
}

pn_err cl_read_item(cl_engine *e, pn_bytes in, cl_item **out)
{
    cl_item *item = pn_alloc(1, sizeof *item);
    pn_err err;
    *out = NULL;
    if (item == NULL)
        return PN_E_NOMEM;
    err = corrupt(take_item(e, &in, item));
    if (err != PN_OK) {
        pn_free(item->receipts);
        pn_free(item);
        return err;
    }
    *out = item;
    return PN_OK;
}

/* --- invitations
 * --------------------------------------------------------------- */

pn_err cl_save_invite(cl_engine *e, const cl_invite *invite)
{
    const size_t cap =
        512 + 2 * QUEUE_MAX + CL_INVITATION_BYTES + CL_BUNDLE_MAX;
    uint8_t *room = pn_alloc(1, cap);
    pn_out o = pn_out_over(room, cap);
    pn_err err;
    if (room == NULL)
        return PN_E_NOMEM;
    pn_put_u8(&o, VERSION);
    pn_put(&o, CL_VIEW(invite->id));
    pn_put(&o, CL_VIEW(invite->contact));
    put_text(&o, invite->name);
    pn_put_u8(&o, (uint8_t)invite->form);
    pn_put_u8(&o, (uint8_t)invite->state);
    pn_put_u8(&o, (uint8_t)invite->failure);
    pn_put_u64(&o, invite->created_ms);
    pn_put_u64(&o, invite->expires_ms);
    pn_put_u8(&o, invite->made);
    if (invite->made)
        cl_invitation_write(&invite->inv, &o);
    put_bytes(&o, invite->bundle, invite->bundle_len);
    err = put_queue(&o, invite->reply);
    if (err == PN_OK)
        err = put_queue(&o, invite->left);
    if (err == PN_OK)
        err = stage(e, CL_TABLE_INVITE, CL_VIEW(invite->id), &o);
    pn_free_wiped(room, cap);
    return err;
}

static pn_err take_invitation(pn_bytes *in, cl_invite *invite)
{
    pn_bytes record;
    PN_TRY(take_bool(in, &invite->made));
    if (!invite->made)
        return PN_OK;
    PN_TRY(pn_take(in, CL_INVITATION_BYTES, &record));
    return cl_invitation_read(&invite->inv, record);
}

static pn_err take_invite(cl_engine *e, pn_bytes *in, cl_invite *invite)
{
    uint8_t form, state, failure;
    PN_TRY(take_version(in));
    PN_TRY(pn_take_copy(in, invite->id, sizeof invite->id));
    PN_TRY(pn_take_copy(in, invite->contact, sizeof invite->contact));
    PN_TRY(take_text(in, invite->name, sizeof invite->name));
    PN_TRY(pn_take_u8(in, &form));
    PN_TRY(pn_take_u8(in, &state));
    PN_TRY(pn_take_u8(in, &failure));
    PN_TRY(pn_take_u64(in, &invite->created_ms));
    PN_TRY(pn_take_u64(in, &invite->expires_ms));
    PN_TRY(take_invitation(in, invite));
    PN_TRY(take_bytes(in, &invite->bundle, &invite->bundle_len));
    PN_TRY(take_queue(e, in, CL_OWNER_REPLY, invite, &invite->reply));
    PN_TRY(take_queue(e, in, CL_OWNER_BUNDLE, invite, &invite->left));
    PN_TRY(pn_take_end(in));
    if (form < CL_INVITATION_LINK || form > CL_INVITATION_OFFLINE ||
        state > CL_INVITE_FAILED || failure > CL_FAILURE_KNOWN)
        return PN_E_CORRUPT;
    if (state <= CL_INVITE_OPEN && invite->reply == NULL)
        return PN_E_CORRUPT;
    if (state == CL_INVITE_OPEN && form == CL_INVITATION_LINK &&
        invite->left == NULL)
        return PN_E_CORRUPT;
    invite->form = (cl_invitation_form)form;
    invite->state = (cl_invite_state)state;
    invite->failure = (cl_failure)failure;
    return PN_OK;
}

pn_err cl_read_invite(cl_engine *e, pn_bytes in, cl_invite **out)
{
    cl_invite *invite = pn_alloc(1, sizeof *invite);
    pn_err err;
    *out = NULL;
    if (invite == NULL)
        return PN_E_NOMEM;
    pn_node_init(&invite->in_engine);
    err = corrupt(take_invite(e, &in, invite));
    if (err != PN_OK) {
        cl_invite_free(invite);
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
    const size_t cap =
        512 + 2 * QUEUE_MAX + CL_LINK_BYTES_MAX + CL_INVITATION_TEXT_MAX;
    const bool keep = accept->has_bundle;
    uint8_t *room = pn_alloc(1, cap);
    pn_out o = pn_out_over(room, cap);
    pn_err err;
    if (room == NULL)
        return PN_E_NOMEM;
    e->dirty = true;
    pn_put_u8(&o, VERSION);
    pn_put(&o, CL_VIEW(accept->id));
    put_text(&o, accept->name);
    pn_put_u8(&o, accept->is_link);
    pn_put_u8(&o, (uint8_t)accept->relay_at);
    pn_put(&o, CL_VIEW(accept->contact));
    pn_put(&o, CL_VIEW(accept->hello));
    pn_put_u8(&o, keep);
    put_bytes(&o, accept->encoded, keep ? accept->encoded_len : 0);
    err = put_link(&o, &accept->link);
    if (err == PN_OK)
        err = put_queue(&o, accept->fetch);
    if (err == PN_OK)
        err = put_queue(&o, accept->answer);
    if (err == PN_OK)
        err = stage(e, CL_TABLE_ACCEPT, CL_VIEW(accept->id), &o);
    pn_free_wiped(room, cap);
    return err;
}

static pn_err take_accept(cl_engine *e, pn_bytes *in, cl_accept *accept)
{
    uint8_t at;
    PN_TRY(take_version(in));
    PN_TRY(pn_take_copy(in, accept->id, sizeof accept->id));
    PN_TRY(take_text(in, accept->name, sizeof accept->name));
    PN_TRY(take_bool(in, &accept->is_link));
    PN_TRY(pn_take_u8(in, &at));
    PN_TRY(pn_take_copy(in, accept->contact, sizeof accept->contact));
    PN_TRY(pn_take_copy(in, accept->hello, sizeof accept->hello));
    PN_TRY(take_bool(in, &accept->has_bundle));
    PN_TRY(take_bytes(in, &accept->encoded, &accept->encoded_len));
    PN_TRY(take_link(in, &accept->link));
    PN_TRY(take_queue(e, in, CL_OWNER_FETCH, accept, &accept->fetch));
    PN_TRY(take_queue(e, in, CL_OWNER_ANSWER, accept, &accept->answer));
    if (at >= CL_QUEUES_MAX)
        return PN_E_CORRUPT;
    accept->relay_at = at;
    return pn_take_end(in);
}

pn_err cl_read_accept(cl_engine *e, pn_bytes in, cl_accept **out)
{
    cl_accept *accept = pn_alloc(1, sizeof *accept);
    pn_err err;
    *out = NULL;
    if (accept == NULL)
        return PN_E_NOMEM;
    pn_node_init(&accept->in_engine);
    err = corrupt(take_accept(e, &in, accept));
    if (err != PN_OK) {
        cl_accept_free(accept);
        return err;
    }
    *out = accept;
    return PN_OK;
}

/* --- events, messages
 * ---------------------------------------------------------------- */

pn_err cl_save_event(cl_engine *e, const cl_event_entry *entry)
{
    uint8_t room[256], key[8];
    pn_out o = pn_out_over(room, sizeof room);
    pn_out k = pn_out_over(key, sizeof key);
    pn_put_u64(&k, entry->event.sequence);
    pn_put_u8(&o, VERSION);
    pn_put_u64(&o, entry->event.sequence);
    pn_put_u8(&o, (uint8_t)entry->event.kind);
    pn_put_u8(&o, (uint8_t)entry->event.failure);
    pn_put_u64(&o, entry->event.time_ms);
    pn_put(&o, CL_VIEW(entry->event.contact));
    pn_put(&o, CL_VIEW(entry->event.message));
    pn_put_u8(&o, entry->has_source);
    pn_put(&o, CL_VIEW(entry->source_queue));
    pn_put(&o, CL_VIEW(entry->source_id));
    pn_put(&o, CL_VIEW(entry->content_id));
    return stage(e, CL_TABLE_EVENT, CL_VIEW(key), &o);
}

static pn_err take_event(pn_bytes *in, cl_event_entry *out)
{
    uint8_t kind, failure;
    PN_TRY(take_version(in));
    PN_TRY(pn_take_u64(in, &out->event.sequence));
    PN_TRY(pn_take_u8(in, &kind));
    PN_TRY(pn_take_u8(in, &failure));
    PN_TRY(pn_take_u64(in, &out->event.time_ms));
    PN_TRY(pn_take_copy(in, out->event.contact, CL_ID_BYTES));
    PN_TRY(pn_take_copy(in, out->event.message, CL_ID_BYTES));
    PN_TRY(take_bool(in, &out->has_source));
    PN_TRY(pn_take_copy(in, out->source_queue, sizeof out->source_queue));
    PN_TRY(pn_take_copy(in, out->source_id, sizeof out->source_id));
    PN_TRY(pn_take_copy(in, out->content_id, sizeof out->content_id));
    PN_TRY(pn_take_end(in));
    if (kind < CL_EVENT_MESSAGE || kind > CL_EVENT_RESYNCED ||
        failure > CL_FAILURE_KNOWN)
        return PN_E_CORRUPT;
    out->event.kind = (cl_event_kind)kind;
    out->event.failure = (cl_failure)failure;
    return PN_OK;
}

pn_err cl_read_event(pn_bytes in, cl_event_entry *out)
{
    return corrupt(take_event(&in, out));
}

pn_err cl_save_message(cl_engine *e, const cl_message *m)
{
    uint8_t room[640];
    pn_out o = pn_out_over(room, sizeof room);
    pn_put_u8(&o, VERSION);
    pn_put(&o, CL_VIEW(m->id));
    pn_put(&o, CL_VIEW(m->contact));
    pn_put(&o, CL_VIEW(m->content_id));
    pn_put_u8(&o, (uint8_t)m->state);
    pn_put_u8(&o, (uint8_t)m->failure);
    pn_put_u8(&o, (uint8_t)m->priority);
    pn_put_u8(&o, m->is_file);
    pn_put_u8(&o, m->has_more);
    pn_put_u64(&o, m->sent_ms);
    pn_put_u64(&o, m->received_ms);
    pn_put_u32(&o, m->len);
    put_text(&o, m->file_name);
    put_text(&o, m->file_type);
    return stage(e, CL_TABLE_MESSAGE, CL_VIEW(m->id), &o);
}

static pn_err take_message(pn_bytes *in, cl_message *m)
{
    uint8_t state, failure, priority;
    PN_TRY(take_version(in));
    PN_TRY(pn_take_copy(in, m->id, CL_ID_BYTES));
    PN_TRY(pn_take_copy(in, m->contact, CL_ID_BYTES));
    PN_TRY(pn_take_copy(in, m->content_id, CL_ID_BYTES));
    PN_TRY(pn_take_u8(in, &state));
    PN_TRY(pn_take_u8(in, &failure));
    PN_TRY(pn_take_u8(in, &priority));
    PN_TRY(take_bool(in, &m->is_file));
    PN_TRY(take_bool(in, &m->has_more));
    PN_TRY(pn_take_u64(in, &m->sent_ms));
    PN_TRY(pn_take_u64(in, &m->received_ms));
    PN_TRY(pn_take_u32(in, &m->len));
    PN_TRY(take_text(in, m->file_name, sizeof m->file_name));
    PN_TRY(take_text(in, m->file_type, sizeof m->file_type));
    PN_TRY(pn_take_end(in));
    if (state > CL_ITEM_RECEIVED || failure > CL_FAILURE_KNOWN ||
        priority < PN_PRIORITY_URGENT || priority > PN_PRIORITY_BULK)
        return PN_E_CORRUPT;
    m->state = (cl_item_state)state;
    m->failure = (cl_failure)failure;
    m->priority = (pn_priority)priority;
    return PN_OK;
}

pn_err cl_read_message(cl_message *out, pn_bytes value)
{
    *out = (cl_message){ .len = 0 };
    return corrupt(take_message(&value, out));
}
