/* Through which of our relays a copy is to leave. The relay where it is to lie
 * does not learn where we are, and the one it leaves through not whose mailbox
 * it goes to; but both would be one, if one operator had them both. So who can
 * cut us off from a relay must not choose our way with that: for a relay of
 * another operator we wait, though one of the same would answer, and for so
 * long as a message of its priority can (PROTOCOL.md section 8.5). */
#include <string.h>

#include "client/core/deposit.h"
#include "proto/base/mem.h"

enum { MINUTE_MS = 60 * 1000 };

/* How long mail waits for a relay of another operator that fails, from when it
 * began to fail. */
static const uint32_t apart_ms[PN_PRIORITY_BULK + 1] = {
    [PN_PRIORITY_URGENT] = 2 * MINUTE_MS,
    [PN_PRIORITY_NORMAL] = 15 * MINUTE_MS,
    [PN_PRIORITY_BULK] = 60 * MINUTE_MS,
};

/* How far apart copies of one message leave by the same entry, at most: less
 * than a program stays that sends one message and ends, for the second copy is
 * there so that the message arrives. */
static const uint32_t spread_ms[PN_PRIORITY_BULK + 1] = {
    [PN_PRIORITY_URGENT] = 500,
    [PN_PRIORITY_NORMAL] = 1500,
    [PN_PRIORITY_BULK] = 1500,
};

/* What an entry is worth, the better the higher. */
typedef enum grade {
    GRADE_NONE = 0,
    GRADE_LATE,     /* it fails, and not since yesterday */
    GRADE_DOUBTFUL, /* two-faced: what it says of itself is worth nothing */
    GRADE_TOGETHER, /* of the destination's operator, or it does not say */
    GRADE_AWAITED,  /* of another, or not known yet; it has begun to fail */
    GRADE_UNTOLD,   /* not known yet: it is asked before anything leaves */
    GRADE_APART,    /* of another operator */
} grade;

/* The best so far. */
typedef struct choice {
    cl_relay *relay;
    grade grade;
    uint64_t rank;
    uint64_t until_ms; /* wall: GRADE_AWAITED until then */
    bool alone;        /* we have no other relay than where it goes */
    bool is_ours;      /* we have that one, by this address or another */
    bool together;     /* some would do, were it not for their operator */
} choice;

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

/* --- what an entry is worth ---------------------------------------------- */

/* Both have said whose they are. */
static bool is_of_one_operator(const cl_destination *a, const cl_destination *b)
{
    static const uint8_t not_told[PN_OPERATOR_ID_BYTES];
    return memcmp(a->operator_id, not_told, sizeof not_told) != 0 &&
           memcmp(a->operator_id, b->operator_id, sizeof not_told) == 0;
}

/* Until when one that fails is waited for. */
static uint64_t awaited_until(const cl_engine *e, const cl_relay *r,
                              pn_priority priority)
{
    if (e->routing == CL_ROUTING_APART)
        return UINT64_MAX;
    return cl_relay_is_dead(e, r) ? 0 : r->down_ms + apart_ms[priority];
}

static grade grade_of(const cl_engine *e, const cl_destination *to,
                      const cl_relay *r, pn_priority priority, uint64_t *until)
{
    const cl_destination *self =
        pn_map_get(&e->destinations_by_key, r->address.relay_key);
    const bool fails = r->fails > 0;
    const bool untold =
        self == NULL || !to->is_known || (!self->is_known && !self->is_silent);
    if (self != NULL && self->two_faced)
        return fails ? GRADE_LATE : GRADE_DOUBTFUL;
    if (!untold && (!self->is_known || is_of_one_operator(self, to)))
        return fails ? GRADE_LATE : GRADE_TOGETHER;
    if (fails) {
        *until = awaited_until(e, r, priority);
        return cl_wall(e) < *until ? GRADE_AWAITED : GRADE_LATE;
    }
    return untold ? GRADE_UNTOLD : GRADE_APART;
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

static bool is_same(const cl_relay *a, const cl_relay *b)
{
    return memcmp(a->address.relay_key, b->address.relay_key,
                  sizeof a->address.relay_key) == 0;
}

/* Another copy is to lie there: it would see that one come as this one leaves,
 * and so to whose mailbox we write. */
static bool is_at_an_end(const cl_copy *copy, const cl_relay *r)
{
    for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
        const cl_relay *end = copy->item->contact->routes[i].relay;
        if (&copy->item->copies[i] != copy && end != NULL && is_same(end, r))
            return true;
    }
    return false;
}

/* A copy before this one leaves by it: it would see that both belong together.
 */
static bool is_taken(const cl_copy *copy, const cl_relay *r)
{
    for (const cl_copy *c = copy->item->copies; c < copy; c++) {
        if (c->via == r && cl_copy_route(c)->relay != NULL)
            return true;
    }
    return false;
}

/* A copy was taken twice at least, and no answer came: who took it may not
 * reach where it goes, or not want to. So any other is better than the last,
 * also one that is not known yet: it is asked before anything leaves. */
static uint64_t rank_of(const cl_copy *copy, const cl_relay *r, grade g)
{
    const bool unanswered = copy->forwards > 1;
    const grade as = unanswered && g == GRADE_APART ? GRADE_UNTOLD : g;
    const cl_relay *end = cl_copy_route(copy)->relay;
    return (uint64_t)as << 40 | (uint64_t)!is_at_an_end(copy, r) << 35 |
           (uint64_t)(!unanswered || copy->left_by != r) << 34 |
           (uint64_t)!is_taken(copy, r) << 33 |
           draw_of(copy->item->contact, end, r);
}

static void consider(const cl_engine *e, choice *best, const cl_destination *to,
                     const cl_copy *copy, cl_relay *r)
{
    const cl_relay *end = cl_copy_route(copy)->relay;
    uint64_t until = 0, rank;
    grade g;
    if (!r->is_own)
        return;
    if (is_same(r, end)) {
        best->is_ours = true;
        return;
    }
    best->alone = false;
    if (has_no_way(to, r))
        return;
    g = grade_of(e, to, r, copy->item->priority, &until);
    best->together |= g == GRADE_TOGETHER || g == GRADE_DOUBTFUL;
    if (e->routing == CL_ROUTING_APART && g < GRADE_AWAITED)
        return;
    rank = rank_of(copy, r, g);
    if (best->relay != NULL && rank <= best->rank)
        return;
    best->relay = r;
    best->grade = g;
    best->rank = rank;
    best->until_ms = until;
}

cl_way cl_way_choose(cl_engine *e, const cl_copy *copy)
{
    cl_relay *to = cl_copy_route(copy)->relay;
    const bool strict = e->routing == CL_ROUTING_APART;
    choice best = { .alone = true };
    cl_destination *d;
    if (e->routing == CL_ROUTING_DIRECT)
        return (cl_way){ to, 0 };
    d = cl_destination_of(e, to->address.relay_key);
    if (d == NULL) /* no memory: another time */
        return (cl_way){ to->is_own && !strict ? to : NULL, 0 };
    for (pn_node *n = e->relays.next; n != &e->relays; n = n->next)
        consider(e, &best, d, copy, PN_ENTRY(n, cl_relay, in_engine));
    if (strict)
        return (cl_way){ best.relay, best.grade == GRADE_AWAITED ||
                                             (best.relay == NULL &&
                                              (best.alone || best.together))
                                         ? UINT64_MAX
                                         : 0 };
    /* Who has one relay has no other way. A relay of ours sees where we are
     * in any case, when we collect our mail there: better it learns where a
     * message goes than that the death of another stops us. */
    if ((best.is_ours && best.alone) ||
        (to->is_own && best.grade < GRADE_TOGETHER))
        return (cl_way){ to, 0 };
    return (cl_way){ best.relay, best.grade == GRADE_AWAITED &&
                                         (best.together || to->is_own)
                                     ? best.until_ms
                                     : 0 };
}

/* --- copies of one message ------------------------------------------------ */

/* Another copy has left by this entry, more recently than such copies are to be
 * apart, and this one has not drawn its time since. */
static bool has_just_left(const cl_engine *e, const cl_relay *entry,
                          const cl_copy *copy)
{
    const cl_item *item = copy->item;
    for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
        const cl_copy *other = &item->copies[i];
        if (other != copy && other->left_by == entry &&
            cl_mono(e) - other->left_ms < spread_ms[item->priority] &&
            copy->spread_ms <= other->left_ms)
            return true;
    }
    return false;
}

bool cl_copy_spread(cl_engine *e, const cl_relay *entry, cl_copy *copy)
{
    const uint32_t most = spread_ms[copy->item->priority];
    uint32_t ms = 0;
    if (!has_just_left(e, entry, copy))
        return false;
    if (pn_random_below(&e->env, most, &ms) != PN_OK)
        ms = most;
    copy->spread_ms = copy->retry_ms = cl_mono(e) + 1 + ms;
    copy->wait = CL_WAIT_SPREAD;
    cl_item_place(e, copy->item);
    return true;
}

/* --- the user's choice ---------------------------------------------------- */

pn_err cl_engine_set_routing(cl_engine *e, cl_routing routing)
{
    PN_TRY(cl_begin(e));
    e->routing = routing;
    e->dirty = true;
    cl_ways_changed(e);
    return cl_finish(e, cl_put_self(e));
}

cl_routing cl_engine_routing(const cl_engine *e)
{
    return e->routing;
}
