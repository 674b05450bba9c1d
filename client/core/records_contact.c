/* Contacts and their sessions. */
#include "client/core/records.h"
#include "proto/base/mem.h"

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
    pn_put_u32(o, c->next_route);
    for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
        if (c->routes[i].relay != NULL)
            pn_put_u32(o, c->routes[i].number);
    }
    for (size_t i = 0; i < c->queue_count; i++) {
        pn_put_u8(o, (uint8_t)c->queues[i]->role);
        pn_put_u64(o, c->queues[i]->born_ms);
        pn_put_u64(o, c->queues[i]->left_ms);
        pn_put_u32(o, c->queues[i]->messages);
    }
    pn_put_u64(o, c->peer_list_ms);
    pn_put_u64(o, c->list_ms);
    pn_put_u8(o, c->list_known);
}

static pn_err take_lists(pn_bytes *in, cl_contact *c)
{
    for (size_t i = 0; i < c->queue_count; i++) {
        cl_queue *q = c->queues[i];
        uint8_t role;
        PN_TRY(pn_take_u8(in, &role));
        if (role > CL_ROLE_LEFT)
            return PN_E_CORRUPT;
        q->role = (cl_role)role;
        PN_TRY(pn_take_u64(in, &q->born_ms));
        PN_TRY(pn_take_u64(in, &q->left_ms));
        PN_TRY(pn_take_u32(in, &q->messages));
    }
    PN_TRY(pn_take_u64(in, &c->peer_list_ms));
    PN_TRY(pn_take_u64(in, &c->list_ms));
    return cl_record_take_bool(in, &c->list_known);
}

static pn_err take_later(pn_bytes *in, cl_contact *c)
{
    uint8_t choice;
    c->list_known = c->knows_us;
    for (size_t i = 0; i < c->queue_count; i++)
        c->queues[i]->born_ms = c->created_ms;
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
    if (in->len == 0)
        return PN_OK;
    PN_TRY(pn_take_u32(in, &c->next_route));
    for (size_t i = 0; i < c->route_count; i++)
        PN_TRY(pn_take_u32(in, &c->routes[i].number));
    return take_lists(in, c);
}

pn_err cl_save_contact(cl_engine *e, const cl_contact *c)
{
    const size_t cap = 1024 +
                       (size_t)(CL_OWN_QUEUES_MAX + CL_QUEUES_MAX) *
                           (CL_QUEUE_RECORD_MAX + 64) +
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
    for (size_t i = 0; i < CL_QUEUES_MAX && err == PN_OK; i++) {
        if (c->routes[i].relay == NULL)
            continue;
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
        route->number = (uint32_t)c->route_count + 1;
    }
    c->next_route = count;
    return PN_OK;
}

static pn_err take_queues(cl_engine *e, pn_bytes *in, cl_contact *c)
{
    uint8_t count;
    PN_TRY(pn_take_u8(in, &count));
    if (count > CL_OWN_QUEUES_MAX)
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
    if (session > CL_SESSION_BLOCKED || (c->due_count == 0) != (c->due_ms == 0))
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

bool cl_is_damaged(pn_err err)
{
    return err == PN_E_NOT_FOUND || err == PN_E_CORRUPT || err == PN_E_VERSION;
}

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
