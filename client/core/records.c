#include "client/core/records.h"

#include <string.h>

#include "proto/base/mem.h"

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
pn_err cl_record_stage(cl_engine *e, cl_table table, pn_bytes key, pn_out *o)
{
    pn_err err = pn_out_err(o);
    if (err == PN_OK)
        err = cl_put(e, table, key, pn_out_view(o));
    pn_wipe(o->p, o->len);
    return err;
}

pn_err cl_record_take_version(pn_bytes *in)
{
    uint8_t version;
    PN_TRY(pn_take_u8(in, &version));
    return version == CL_RECORD_VERSION ? PN_OK : PN_E_VERSION;
}

/* What our own store holds cannot end early or be malformed by design. */
pn_err cl_record_corrupt(pn_err err)
{
    return err == PN_E_SHORT || err == PN_E_PROTO || err == PN_E_ARG
               ? PN_E_CORRUPT
               : err;
}

void cl_record_put_text(pn_out *o, const char *text)
{
    const size_t len = strlen(text);
    pn_put_u8(o, (uint8_t)len);
    pn_put(o, (pn_bytes){ (const uint8_t *)text, len });
}

/* Into out[0..cap), which holds more than a u8 can say or is checked. */
pn_err cl_record_take_text(pn_bytes *in, char *out, size_t cap)
{
    uint8_t len;
    PN_TRY(pn_take_u8(in, &len));
    if (len >= cap)
        return PN_E_CORRUPT;
    PN_TRY(pn_take_copy(in, (uint8_t *)out, len));
    out[len] = '\0';
    return PN_OK;
}

pn_err cl_record_take_bool(pn_bytes *in, bool *out)
{
    uint8_t v;
    PN_TRY(pn_take_u8(in, &v));
    if (v > 1)
        return PN_E_CORRUPT;
    *out = v == 1;
    return PN_OK;
}

pn_err cl_record_take_bytes(pn_bytes *in, uint8_t **out, size_t *len)
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

void cl_record_put_bytes(pn_out *o, const uint8_t *p, size_t len)
{
    pn_put_u32(o, (uint32_t)len);
    pn_put(o, (pn_bytes){ p, len });
}

/* --- self ------------------------------------------------------- */

pn_err cl_put_self(cl_engine *e)
{
    uint8_t room[256], secret[CL_IDENTITY_SECRET_BYTES];
    pn_out o = pn_out_over(room, sizeof room);
    pn_put_u8(&o, CL_RECORD_VERSION);
    cl_identity_secret(secret, &e->self);
    pn_put(&o, CL_VIEW(secret));
    pn_wipe(secret, sizeof secret);
    cl_record_put_text(&o, e->name);
    pn_put_u64(&o, e->next_event);
    pn_put_u8(&o, (uint8_t)e->profile);
    return cl_record_stage(e, CL_TABLE_SELF, PN_BYTES_LIT("self"), &o);
}

pn_err cl_read_self(cl_engine *e, pn_bytes in)
{
    uint8_t profile = CL_PROFILE_NORMAL;
    pn_bytes secret;
    PN_TRY(cl_record_take_version(&in));
    PN_TRY(cl_record_corrupt(pn_take(&in, CL_IDENTITY_SECRET_BYTES, &secret)));
    PN_TRY(
        cl_record_corrupt(cl_record_take_text(&in, e->name, sizeof e->name)));
    PN_TRY(cl_record_corrupt(pn_take_u64(&in, &e->next_event)));
    if (in.len > 0) /* not in the records of 0.1 */
        PN_TRY(pn_take_u8(&in, &profile));
    if (profile > CL_PROFILE_THIN)
        return PN_E_CORRUPT;
    e->profile = (cl_profile)profile;
    PN_TRY(cl_record_corrupt(pn_take_end(&in)));
    cl_identity_from_secret(&e->self, secret.p);
    return PN_OK;
}

/* --- queues: part of their owners' records ------------------------------ */

pn_err cl_record_put_queue(pn_out *o, const cl_queue *q)
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
    PN_TRY(cl_record_take_bool(in, &q->created));
    PN_TRY(pn_take_copy(in, q->recv_id, sizeof q->recv_id));
    return pn_take_copy(in, q->send_id, sizeof q->send_id);
}

pn_err cl_record_take_queue(cl_engine *e, pn_bytes *in, cl_owner owner,
                            void *who, cl_queue **out)
{
    pn_address address;
    cl_relay *r;
    bool present;
    *out = NULL;
    PN_TRY(cl_record_take_bool(in, &present));
    if (!present)
        return PN_OK;
    PN_TRY(cl_address_take(in, &address));
    r = cl_relay_of(e, &address);
    if (r == NULL)
        return PN_E_NOMEM;
    *out = cl_queue_blank(r, owner);
    if (*out == NULL)
        return PN_E_NOMEM;
    (*out)->who.contact = who;
    PN_TRY(take_queue_fields(in, *out));
    if ((*out)->created && cl_queue_index(e, *out) == PN_E_NOMEM)
        return PN_E_NOMEM;
    return PN_OK;
}

pn_err cl_save_doomed(cl_engine *e, const cl_queue *q)
{
    uint8_t room[CL_QUEUE_RECORD_MAX + 8];
    pn_out o = pn_out_over(room, sizeof room);
    pn_put_u8(&o, CL_RECORD_VERSION);
    PN_TRY(cl_record_put_queue(&o, q));
    return cl_record_stage(e, CL_TABLE_QUEUE, CL_VIEW(q->recv_id), &o);
}

pn_err cl_read_doomed(cl_engine *e, pn_bytes in, cl_queue **out)
{
    *out = NULL;
    PN_TRY(cl_record_take_version(&in));
    PN_TRY(cl_record_corrupt(
        cl_record_take_queue(e, &in, CL_OWNER_NOBODY, NULL, out)));
    return *out == NULL ? PN_E_CORRUPT : PN_OK;
}

/* --- contacts ----------------------------------------------------------- */

/* What the records of 0.1 do not have. */
static void put_later(pn_out *o, const cl_contact *c)
{
    pn_put_u8(o, (uint8_t)c->choice);
    pn_put_u8(o, c->peer_thin);
    for (size_t i = 0; i < c->queue_count; i++) {
        pn_put_u8(o, c->queues[i]->rotating);
        if (c->queues[i]->rotating)
            pn_put(o, CL_VIEW(c->queues[i]->fresh));
    }
}

static pn_err take_later(pn_bytes *in, cl_contact *c)
{
    uint8_t choice;
    if (in->len == 0)
        return PN_OK;
    PN_TRY(pn_take_u8(in, &choice));
    if (choice > CL_CHOICE_THIN)
        return PN_E_CORRUPT;
    c->choice = (cl_choice)choice;
    PN_TRY(cl_record_take_bool(in, &c->peer_thin));
    for (size_t i = 0; i < c->queue_count; i++) {
        cl_queue *q = c->queues[i];
        PN_TRY(cl_record_take_bool(in, &q->rotating));
        if (q->rotating)
            PN_TRY(pn_take_copy(in, q->fresh, sizeof q->fresh));
    }
    return PN_OK;
}

pn_err cl_save_contact(cl_engine *e, const cl_contact *c)
{
    const size_t cap = 1024 + (size_t)CL_QUEUES_MAX * 2 * CL_QUEUE_RECORD_MAX +
                       c->due_count * CL_ID_BYTES;
    uint8_t *room = pn_alloc(1, cap);
    pn_out o = pn_out_over(room, cap);
    pn_err err = PN_OK;
    if (room == NULL)
        return PN_E_NOMEM;
    pn_put_u8(&o, CL_RECORD_VERSION);
    pn_put(&o, CL_VIEW(c->id));
    pn_put(&o, CL_VIEW(c->peer));
    cl_record_put_text(&o, c->name);
    cl_record_put_text(&o, c->own_name);
    pn_put_u8(&o, c->verified);
    pn_put_u8(&o, c->blocked);
    pn_put_u8(&o, c->knows_us);
    pn_put_u8(&o, (uint8_t)c->session);
    pn_put_u64(&o, c->created_ms);
    pn_put_u64(&o, c->seen_ms);
    pn_put_u8(&o, (uint8_t)c->queue_count);
    for (size_t i = 0; i < c->queue_count && err == PN_OK; i++)
        err = cl_record_put_queue(&o, c->queues[i]);
    pn_put_u8(&o, (uint8_t)c->route_count);
    for (size_t i = 0; i < c->route_count && err == PN_OK; i++) {
        err = cl_address_put(&o, &c->routes[i].relay->address);
        pn_put(&o, CL_VIEW(c->routes[i].send_id));
        pn_put(&o, CL_VIEW(c->routes[i].capability));
        pn_put(&o, CL_VIEW(c->routes[i].key));
    }
    pn_put_u64(&o, c->due_ms);
    cl_record_put_bytes(&o, (const uint8_t *)c->due,
                        c->due_count * CL_ID_BYTES);
    put_later(&o, c);
    if (err == PN_OK)
        err = cl_record_stage(e, CL_TABLE_CONTACT, CL_VIEW(c->id), &o);
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
        pn_err err =
            cl_record_take_queue(e, in, CL_OWNER_CONTACT, c, &c->queues[i]);
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
    PN_TRY(cl_record_take_version(in));
    PN_TRY(pn_take_copy(in, c->id, sizeof c->id));
    PN_TRY(pn_take_copy(in, c->peer, sizeof c->peer));
    PN_TRY(cl_record_take_text(in, c->name, sizeof c->name));
    PN_TRY(cl_record_take_text(in, c->own_name, sizeof c->own_name));
    PN_TRY(cl_record_take_bool(in, &c->verified));
    PN_TRY(cl_record_take_bool(in, &c->blocked));
    PN_TRY(cl_record_take_bool(in, &c->knows_us));
    PN_TRY(pn_take_u8(in, &session));
    PN_TRY(pn_take_u64(in, &c->created_ms));
    PN_TRY(pn_take_u64(in, &c->seen_ms));
    PN_TRY(take_queues(e, in, c));
    PN_TRY(take_routes(e, in, c));
    PN_TRY(pn_take_u64(in, &c->due_ms));
    PN_TRY(take_due(in, c));
    PN_TRY(take_later(in, c));
    if (session > CL_SESSION_BLOCKED)
        return PN_E_CORRUPT;
    c->session = (cl_session_state)session;
    return pn_take_end(in);
}

pn_err cl_read_contact(cl_engine *e, pn_bytes in, cl_contact **out)
{
    cl_contact *c = cl_contact_blank();
    pn_err err;
    *out = NULL;
    if (c == NULL)
        return PN_E_NOMEM;
    err = cl_record_corrupt(take_contact(e, &in, c));
    if (err != PN_OK)
        cl_contact_free(e, &c);
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
    err = cl_record_stage(e, CL_TABLE_SESSION, CL_VIEW(c->id), &o);
    pn_free_wiped(room, size);
    PN_TRY(err);
    if (c->session == state)
        return PN_OK;
    c->session = state;
    cl_contact_place(e, c);
    e->changed = true;
    return cl_save_contact(e, c);
}
