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
    if (pn_take_u8(in, &version) != PN_OK)
        return PN_E_CORRUPT; /* an empty record is none of any version */
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
    return strlen(out) == len ? PN_OK : PN_E_CORRUPT;
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
    pn_put_u8(&o, e->relays_wanted);
    pn_put_u64(&o, e->dead_ms);
    pn_put_u8(&o, (uint8_t)e->routing);
    return cl_record_stage(e, CL_TABLE_SELF, PN_BYTES_LIT("self"), &o);
}

pn_err cl_read_self(cl_engine *e, pn_bytes in)
{
    uint8_t profile = CL_PROFILE_NORMAL, routing = CL_ROUTING_AUTO;
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
    if (in.len > 0) {
        PN_TRY(cl_record_corrupt(pn_take_u8(&in, &e->relays_wanted)));
        PN_TRY(cl_record_corrupt(pn_take_u64(&in, &e->dead_ms)));
    }
    if (in.len > 0)
        PN_TRY(cl_record_corrupt(pn_take_u8(&in, &routing)));
    if (routing > CL_ROUTING_APART)
        return PN_E_CORRUPT;
    e->routing = (cl_routing)routing;
    if (e->relays_wanted < 1 || e->relays_wanted > CL_QUEUES_MAX)
        return PN_E_CORRUPT;
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
    PN_TRY(cl_record_corrupt(pn_take_end(&in)));
    return *out == NULL ? PN_E_CORRUPT : PN_OK;
}
