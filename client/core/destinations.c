/* Relays that mail is brought to by others: what they say of themselves, and
 * through which of our relays a copy is to leave. The relay where a copy is to
 * lie does not learn where we are, and the one it leaves through not whose
 * mailbox it goes to (PROTOCOL.md section 8.5). */
#include <string.h>

#include "client/core/deposit.h"
#include "client/core/records.h"
#include "proto/base/mem.h"

enum {
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
    return PN_OK;
}

pn_err cl_read_descriptor(cl_engine *e, pn_bytes key, pn_bytes in)
{
    pn_descriptor said;
    cl_destination *d;
    if (key.len != PN_RELAY_KEY_BYTES ||
        pn_descriptor_read(&said, in) != PN_OK ||
        memcmp(said.relay_key, key.p, key.len) != 0)
        return PN_E_CORRUPT;
    d = cl_destination_of(e, key.p);
    return d == NULL ? PN_E_NOMEM : keep(d, in);
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
    if (cl_destination_onion(e, d) == NULL &&
        memcmp(d->key, entry->address.relay_key, sizeof d->key) != 0)
        cl_no_way(e, entry, d, ms); /* any other is asked at once */
    else
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
        d->two_faced = true;
    if (err == PN_E_EXISTS && d->said == NULL) {
        /* Its keys were said to be outdated, and it has no others: one of the
         * two is not so, and this entry is the one that says both. */
        PN_TRY(keep(d, in));
        cl_no_way(e, entry, d, NOT_YET_MS);
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

/* --- which way ------------------------------------------------------------ */

void cl_ways_changed(cl_engine *e)
{
    for (size_t i = 0; i < e->contact_count; i++) {
        if (!pn_list_is_empty(&e->contacts[i]->all))
            cl_contact_place(e, e->contacts[i]);
    }
}

static bool has_no_way(const cl_destination *d, const cl_relay *by)
{
    for (size_t i = 0; i < CL_NO_WAYS_MAX; i++) {
        if (d->no_way[i].by == by)
            return true;
    }
    return false;
}

void cl_no_way(cl_engine *e, cl_relay *by, cl_destination *d, uint64_t ms)
{
    size_t at = 0;
    for (size_t i = 0; i < CL_NO_WAYS_MAX; i++) {
        if (d->no_way[i].by == by ||
            (d->no_way[at].by != by &&
             d->no_way[i].until_ms < d->no_way[at].until_ms))
            at = i;
    }
    d->no_way[at].by = by;
    d->no_way[at].until_ms = cl_mono(e) + ms;
    cl_ways_changed(e);
}

void cl_destinations_tick(cl_engine *e)
{
    bool changed = false;
    for (pn_node *n = e->destinations.next; n != &e->destinations;
         n = n->next) {
        cl_destination *d = PN_ENTRY(n, cl_destination, in_engine);
        for (size_t i = 0; i < CL_NO_WAYS_MAX; i++) {
            if (d->no_way[i].by == NULL || d->no_way[i].until_ms > cl_mono(e))
                continue;
            d->no_way[i].by = NULL;
            d->no_way[i].until_ms = 0;
            changed = true;
        }
    }
    if (changed)
        cl_ways_changed(e);
}

uint64_t cl_destinations_deadline(const cl_engine *e)
{
    uint64_t at = UINT64_MAX;
    for (pn_node *n = e->destinations.next; n != &e->destinations;
         n = n->next) {
        const cl_destination *d = PN_ENTRY(n, cl_destination, in_engine);
        for (size_t i = 0; i < CL_NO_WAYS_MAX; i++) {
            if (d->no_way[i].by != NULL && d->no_way[i].until_ms < at)
                at = d->no_way[i].until_ms;
        }
    }
    return at;
}

static bool is_of_one_operator(cl_engine *e, const cl_relay *a,
                               const cl_destination *b)
{
    static const uint8_t not_told[PN_OPERATOR_ID_BYTES];
    const cl_destination *d =
        pn_map_get(&e->destinations_by_key, a->address.relay_key);
    return d != NULL && d->said != NULL && b->said != NULL &&
           memcmp(d->said->operator_id, not_told, sizeof not_told) != 0 &&
           memcmp(d->said->operator_id, b->said->operator_id,
                  sizeof not_told) == 0;
}

/* The same for a contact and a destination as long as nothing changes: an
 * entry sees the less of us the fewer of them there are. */
static uint32_t draw_of(const cl_contact *c, const cl_relay *to,
                        const cl_relay *entry)
{
    uint8_t h[32];
    const pn_bytes parts[] = { CL_VIEW(c->id), CL_VIEW(to->address.relay_key),
                               CL_VIEW(entry->address.relay_key) };
    cl_hash(h, "postern/entry-choice/1", parts, 3);
    return (uint32_t)h[0] << 24 | (uint32_t)h[1] << 16 | (uint32_t)h[2] << 8 |
           h[3];
}

cl_relay *cl_way_choose(cl_engine *e, const cl_contact *c, cl_relay *to)
{
    cl_relay *best = NULL;
    cl_destination *d;
    uint64_t best_rank = 0;
    bool alone = true;
    if (e->direct)
        return to;
    d = cl_destination_of(e, to->address.relay_key);
    if (d == NULL)
        return to->is_own ? to : NULL; /* no memory: another time */
    for (pn_node *n = e->relays.next; n != &e->relays; n = n->next) {
        cl_relay *r = PN_ENTRY(n, cl_relay, in_engine);
        uint64_t rank;
        if (!r->is_own || memcmp(r->address.relay_key, to->address.relay_key,
                                 PN_RELAY_KEY_BYTES) == 0)
            continue;
        alone = false;
        if (has_no_way(d, r))
            continue;
        rank = 1 + (uint64_t)draw_of(c, to, r);
        if (!is_of_one_operator(e, r, d))
            rank |= UINT64_C(1) << 40;
        if (r->fails == 0)
            rank |= UINT64_C(1) << 41;
        if (rank > best_rank) {
            best = r;
            best_rank = rank;
        }
    }
    /* Who knows one relay has no other way. A relay of ours sees where we are
     * in any case, when we collect our mail there: better it learns where a
     * message goes than that the death of another stops us. */
    if (alone || (to->is_own && (best == NULL || best->fails > 0)))
        return to;
    return best;
}

pn_err cl_engine_set_direct(cl_engine *e, bool direct)
{
    PN_TRY(cl_begin(e));
    e->direct = direct;
    e->dirty = true;
    cl_ways_changed(e);
    return cl_finish(e, cl_put_self(e));
}

bool cl_engine_is_direct(const cl_engine *e)
{
    return e->direct;
}
