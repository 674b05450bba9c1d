/* Relays that mail is brought to, or brought by: what they say of themselves.
 * What is said last is kept in the store, against rollback; of two stories that
 * one tells under one number the first, and the second as the proof. */
#include <string.h>

#include "client/core/deposit.h"
#include "client/core/records.h"
#include "proto/base/mem.h"

enum {
    PROOF = 2, /* after a relay's key, in the store: its second story */
    NO_WAY_MS = 30 * 60 * 1000, /* then it is asked again */
    NOT_YET_MS = 2 * 1000,      /* the entry has no descriptor of it yet; then
                                 * twice as long each time */
    REFRESH_DAYS = PN_ONION_NEW_DAYS + 1,
};

cl_destination *cl_destination_of(cl_engine *e, const uint8_t *relay_key)
{
    cl_destination *d = pn_map_get(&e->destinations_by_key, relay_key);
    if (d != NULL)
        return d;
    d = pn_alloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    memcpy(d->key, relay_key, sizeof d->key);
    if (pn_map_put(&e->destinations_by_key, d->key, d) != PN_OK) {
        pn_free(d);
        return NULL;
    }
    pn_list_push_back(&e->destinations, &d->in_engine);
    return d;
}

void cl_destinations_forget(cl_engine *e)
{
    pn_node *n;
    while ((n = pn_list_first(&e->destinations)) != NULL) {
        cl_destination *d = PN_ENTRY(n, cl_destination, in_engine);
        (void)pn_map_take(&e->destinations_by_key, d->key);
        pn_list_remove(n);
        pn_free(d->said);
        pn_free(d->bytes);
        pn_free(d);
    }
}

/* --- what it says of itself ---------------------------------------------- */

/* Take over a descriptor that was read from `in`. */
static pn_err keep(cl_destination *d, pn_bytes in)
{
    pn_descriptor *said = pn_alloc(1, sizeof *said);
    uint8_t *bytes = pn_alloc(1, in.len);
    if (bytes != NULL)
        memcpy(bytes, in.p, in.len);
    if (said == NULL || bytes == NULL ||
        pn_descriptor_read(said, (pn_bytes){ bytes, in.len }) != PN_OK) {
        pn_free(said);
        pn_free(bytes);
        return PN_E_NOMEM; /* it was read before */
    }
    pn_free(d->said);
    pn_free(d->bytes);
    d->said = said;
    d->bytes = bytes;
    d->bytes_len = in.len;
    d->is_known = true;
    d->is_silent = false;
    memcpy(d->operator_id, said->operator_id, sizeof d->operator_id);
    return PN_OK;
}

pn_err cl_read_descriptor(cl_engine *e, pn_bytes key, pn_bytes in)
{
    pn_descriptor said;
    cl_destination *d;
    const bool is_proof =
        key.len == PN_RELAY_KEY_BYTES + 1 && key.p[PN_RELAY_KEY_BYTES] == PROOF;
    if ((key.len != PN_RELAY_KEY_BYTES && !is_proof) ||
        pn_descriptor_read(&said, in) != PN_OK ||
        memcmp(said.relay_key, key.p, PN_RELAY_KEY_BYTES) != 0)
        return PN_E_CORRUPT;
    d = cl_destination_of(e, key.p);
    if (d == NULL)
        return PN_E_NOMEM;
    d->two_faced |= is_proof;
    return is_proof ? PN_OK : keep(d, in);
}

static void proof_key(uint8_t out[PN_RELAY_KEY_BYTES + 1], const uint8_t *key)
{
    memcpy(out, key, PN_RELAY_KEY_BYTES);
    out[PN_RELAY_KEY_BYTES] = PROOF;
}

/* It has signed two stories under one number. */
static pn_err catch (cl_engine *e, cl_destination *d, pn_bytes second)
{
    uint8_t key[PN_RELAY_KEY_BYTES + 1];
    if (d->two_faced)
        return PN_OK;
    d->two_faced = true;
    e->dirty = e->changed = true;
    proof_key(key, d->key);
    return cl_put(e, CL_TABLE_DESCRIPTOR, CL_VIEW(key), second);
}

pn_err cl_destination_forgive(cl_engine *e, const uint8_t *relay_key)
{
    uint8_t key[PN_RELAY_KEY_BYTES + 1];
    cl_destination *d = pn_map_get(&e->destinations_by_key, relay_key);
    if (d == NULL || !d->two_faced)
        return PN_OK;
    d->two_faced = false;
    proof_key(key, d->key);
    return cl_del(e, CL_TABLE_DESCRIPTOR, CL_VIEW(key));
}

bool cl_relay_is_two_faced(const cl_engine *e, const cl_relay *r)
{
    const cl_destination *d =
        pn_map_get(&e->destinations_by_key, r->address.relay_key);
    return d != NULL && d->two_faced;
}

const pn_descriptor_onion *cl_destination_onion(const cl_engine *e,
                                                const cl_destination *d)
{
    return d->said == NULL ? NULL : pn_descriptor_onion_at(d->said, cl_wall(e));
}

/* A newer onion key should be there by now. */
static bool is_stale(const cl_engine *e, const cl_destination *d)
{
    const pn_descriptor_onion *onion = cl_destination_onion(e, d);
    return onion == NULL ||
           cl_wall(e) > onion->from_ms + REFRESH_DAYS * cl_day_ms;
}

void cl_destination_ask(cl_engine *e, cl_relay *entry, cl_destination *d)
{
    pn_msg msg = { .kind = PN_MSG_DESCRIPTOR_REQUEST,
                   .u.descriptor_request.relay_key = CL_VIEW(d->key) };
    cl_request *req;
    if (d->from != NULL || cl_mono(e) < d->ask_ms || !is_stale(e, d))
        return;
    req = cl_request_new(entry, CL_ASK_DESCRIPTOR, 0);
    if (req == NULL)
        return;
    req->to = d;
    d->from = entry;
    if (cl_relay_send(e, entry, &msg, req) != PN_OK)
        return;
}

void cl_destination_outdated(cl_engine *e, cl_destination *d)
{
    pn_free(d->said); /* the record stays, against rollback, until a newer */
    d->said = NULL;
    d->ask_ms = 0;
    cl_ways_changed(e);
}

/* Nothing new was told: another of ours may know more. */
static void missed(cl_engine *e, cl_relay *entry, cl_destination *d)
{
    uint32_t ms = (uint32_t)NOT_YET_MS << d->misses;
    if (ms > NO_WAY_MS)
        ms = NO_WAY_MS;
    else
        d->misses++;
    if (memcmp(d->key, entry->address.relay_key, sizeof d->key) == 0)
        d->is_silent = !d->is_known;
    else if (cl_destination_onion(e, d) == NULL) {
        cl_no_way(e, entry, d, ms); /* any other is asked at once */
        return;
    }
    d->ask_ms = cl_mono(e) + ms;
}

/* What waited for its keys need not wait longer. */
static void wake(cl_engine *e)
{
    for (pn_node *n = e->items.next; n != &e->items; n = n->next) {
        cl_item *item = PN_ENTRY(n, cl_item, in_engine);
        for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
            if (item->copies[i].wait != CL_WAIT_KEYS)
                continue;
            item->copies[i].wait = CL_WAIT_NOTHING;
            item->copies[i].retry_ms = 0;
        }
    }
    cl_ways_changed(e);
}

/* Against what we had, also where that is of no use any more. */
static pn_err judge(const cl_destination *d, const pn_descriptor *next)
{
    pn_descriptor old;
    if (d->bytes == NULL)
        return PN_OK;
    if (pn_descriptor_read(&old, (pn_bytes){ d->bytes, d->bytes_len }) != PN_OK)
        return PN_OK;
    return pn_descriptor_newer(&old, next);
}

pn_err cl_destination_told(cl_engine *e, cl_relay *entry, cl_request *req,
                           const pn_msg *msg)
{
    cl_destination *d = req->to;
    pn_descriptor next;
    pn_bytes in;
    pn_err err;
    d->from = NULL;
    in = msg->kind == PN_MSG_ERROR ? (pn_bytes){ NULL, 0 }
                                   : msg->u.descriptor.descriptor;
    if (in.len == 0 ||
        pn_descriptor_verify(&next, in, d->key, cl_wall(e)) != PN_OK) {
        missed(e, entry, d);
        wake(e);
        return PN_OK;
    }
    err = judge(d, &next);
    if (err == PN_E_PROTO)
        PN_TRY(catch (e, d, in));
    if (err == PN_E_EXISTS && d->said == NULL) {
        /* Its keys were said to be outdated, and it has no others: one of the
         * two is not so, and this entry is the one that says both. */
        PN_TRY(keep(d, in));
        cl_no_way_in_doubt(e, entry, d, NOT_YET_MS);
    }
    if (err != PN_OK) {
        missed(e, entry, d);
        wake(e);
        return PN_OK;
    }
    e->dirty = true;
    PN_TRY(keep(d, in));
    d->misses = 0;
    PN_TRY(cl_put(e, CL_TABLE_DESCRIPTOR, CL_VIEW(d->key), in));
    wake(e);
    return PN_OK;
}
