/* A contact's mail is to lie on several relays, so that the loss of any one of
 * them loses nothing and stops nothing. Here each contact's queues are looked
 * after: another is made where one is missing, where its relay fails for long,
 * or where it has served long enough. Nothing is taken away before what
 * replaces it is known to the contact:
 *
 *   made at the relay -> told to the contact, with the old ones -> confirmed ->
 *   told without the old one -> confirmed -> nothing comes any more -> deleted
 */
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"

enum {
    PORTION = 256, /* contacts for one pump */
    AGAIN_MS = 10 * 60 * 1000,
    GONE_DAYS = PN_TTL_DAYS_DEFAULT + 1, /* nothing there lives longer */
    SPREAD_MINUTES = 3 * 24 * 60,
};

/* --- lists -------------------------------------------------------------- */

/* The newest, which stand last. */
size_t cl_list_of(const cl_contact *c, cl_queue_ref refs[CL_QUEUES_MAX])
{
    size_t count = 0;
    for (size_t i = c->queue_count; i-- > 0 && count < CL_QUEUES_MAX;) {
        const cl_queue *q = c->queues[i];
        if (q->created && q->role == CL_ROLE_LISTED)
            cl_queue_ref_of(&refs[count++], q);
    }
    return count;
}

pn_err cl_list_changed(cl_engine *e, cl_contact *c)
{
    const uint64_t now = cl_wall(e);
    c->list_ms = now > c->list_ms ? now : c->list_ms + 1;
    c->list_known = false;
    cl_upkeep_due(e, c);
    PN_TRY(cl_save_contact(e, c));
    return cl_hello_owe(e, c, PN_PRIORITY_NORMAL);
}

pn_err cl_contact_add_queue(cl_engine *e, cl_contact *c, cl_queue *q)
{
    if (c->queue_count == CL_OWN_QUEUES_MAX)
        return PN_E_FULL;
    q->owner = CL_OWNER_CONTACT;
    q->who.contact = c;
    q->role = CL_ROLE_LISTED;
    q->born_ms = cl_wall(e);
    c->queues[c->queue_count++] = q;
    cl_upkeep_due(e, c);
    return PN_OK;
}

void cl_contact_lose_queue(cl_contact *c, const cl_queue *q)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->queue_count; i++) {
        if (c->queues[i] != q)
            c->queues[kept++] = c->queues[i];
    }
    c->queue_count = kept;
}

/* --- one contact -------------------------------------------------------- */

/* Queues that were made together do not all go on one day. */
static uint64_t old_at(const cl_queue *q)
{
    const uint64_t spread =
        ((uint64_t)q->recv_id[0] << 8 | q->recv_id[1]) % SPREAD_MINUTES;
    return q->born_ms + CL_QUEUE_DAYS * cl_day_ms - spread * 60 * 1000;
}

/* How much it is to be replaced; 0: it is not. */
static int worn(const cl_engine *e, const cl_queue *q)
{
    const uint64_t now = cl_wall(e);
    if (!q->relay->is_own)
        return 3;
    if (cl_relay_is_dead(e, q->relay))
        return 4;
    if (!q->created)
        return now > q->born_ms && now - q->born_ms >= e->dead_ms ? 4 : 0;
    if (q->state == CL_QUEUE_LOST)
        return 4;
    return q->messages >= CL_QUEUE_MESSAGES || now >= old_at(q) ? 2 : 0;
}

typedef struct census {
    size_t listed, good, made; /* made: of the good ones, at their relay */
    cl_relay *at[CL_OWN_QUEUES_MAX]; /* of the good ones */
} census;

static census count_queues(const cl_engine *e, const cl_contact *c)
{
    census n = { 0 };
    for (size_t i = 0; i < c->queue_count; i++) {
        const cl_queue *q = c->queues[i];
        if (q->role != CL_ROLE_LISTED)
            continue;
        n.listed++;
        if (worn(e, q) != 0)
            continue;
        n.at[n.good++] = q->relay;
        n.made += q->created ? 1 : 0;
    }
    return n;
}

static pn_err let_go(cl_engine *e, cl_contact *c, cl_queue *q)
{
    cl_contact_lose_queue(c, q);
    return cl_queue_doom(e, &q);
}

/* When there is no more room: of those the contact does not use the oldest. */
static pn_err make_room(cl_engine *e, cl_contact *c)
{
    for (size_t i = 0; i < c->queue_count; i++) {
        cl_queue *q = c->queues[i];
        if (c->queue_count == CL_OWN_QUEUES_MAX && q->left_ms != 0)
            return let_go(e, c, q);
    }
    return PN_OK;
}

/* None of them answers just now: the contact cannot reach us. */
static bool is_cut_off(const census *n)
{
    for (size_t i = 0; i < n->good; i++) {
        if (n->at[i]->state == CL_RELAY_ONLINE)
            return false;
    }
    return true;
}

/* Also one more than is wanted, if that is all that answers. */
static pn_err make_missing(cl_engine *e, cl_contact *c, census *n)
{
    while (n->good < e->relays_wanted || is_cut_off(n)) {
        cl_relay *r = cl_relay_pick(e, n->at, n->good);
        cl_queue *q;
        if (r == NULL || cl_relay_is_dead(e, r) ||
            (n->good >= e->relays_wanted && r->state != CL_RELAY_ONLINE))
            return PN_OK;
        PN_TRY(make_room(e, c));
        if (c->queue_count == CL_OWN_QUEUES_MAX)
            return PN_OK;
        PN_TRY(cl_queue_new(e, r, CL_OWNER_CONTACT, &q));
        PN_TRY(cl_contact_add_queue(e, c, q));
        PN_TRY(cl_save_contact(e, c));
        n->at[n->good++] = r;
        n->listed++;
    }
    return PN_OK;
}

/* The one that can best be done without, or NULL. */
static cl_queue *spare(const cl_engine *e, const cl_contact *c, const census *n)
{
    cl_queue *found = NULL;
    int most = 0;
    for (size_t i = 0; i < c->queue_count; i++) {
        cl_queue *q = c->queues[i];
        const int mine = q->role == CL_ROLE_LISTED ? 1 + worn(e, q) : 0;
        const bool is_extra = n->listed > e->relays_wanted;
        if (mine > most && (is_extra || mine == 4)) {
            found = q;
            most = mine;
        }
    }
    return found;
}

/* All that is to replace others is there, and the contact knows it. */
static pn_err leave_spare(cl_engine *e, cl_contact *c)
{
    bool changed = false;
    for (;;) {
        const census n = count_queues(e, c);
        cl_queue *q = spare(e, c, &n);
        if (q == NULL || n.made == 0 || n.made < n.good ||
            (worn(e, q) == 0 && n.made <= e->relays_wanted))
            break;
        q->role = CL_ROLE_LEFT;
        changed |= q->created;
        if (!q->created)
            PN_TRY(let_go(e, c, q));
    }
    return changed ? cl_list_changed(e, c) : PN_OK;
}

static bool is_quiet(const cl_engine *e, const cl_queue *q)
{
    const uint64_t now = cl_wall(e);
    const uint64_t since = q->heard_ms > q->left_ms ? q->heard_ms : q->left_ms;
    if (now >= q->left_ms + GONE_DAYS * cl_day_ms)
        return true;
    return q->state == CL_QUEUE_OPEN && !q->held && pn_buf_len(&q->acks) == 0 &&
           now >= since + cl_day_ms;
}

static pn_err look_at_left(cl_engine *e, cl_contact *c)
{
    for (size_t i = 0; i < c->queue_count;) {
        cl_queue *q = c->queues[i];
        if (q->role == CL_ROLE_LEFT && q->left_ms == 0) {
            q->left_ms = cl_wall(e);
            PN_TRY(cl_save_contact(e, c));
        }
        if (q->role == CL_ROLE_LEFT && is_quiet(e, q)) {
            PN_TRY(let_go(e, c, q));
            PN_TRY(cl_save_contact(e, c));
            continue;
        }
        i++;
    }
    return PN_OK;
}

/* When to look again if nothing happens. */
static uint64_t next_look(const cl_engine *e, const cl_contact *c)
{
    const uint64_t now = cl_wall(e);
    const census n = count_queues(e, c);
    uint64_t at = UINT64_MAX;
    if (n.listed != n.good || n.good != e->relays_wanted ||
        c->queue_count != n.listed || is_cut_off(&n))
        return now + AGAIN_MS;
    for (size_t i = 0; i < c->queue_count; i++) {
        const uint64_t old = old_at(c->queues[i]);
        at = old < at ? old : at;
    }
    return at > now ? at : now + AGAIN_MS;
}

static pn_err keep(cl_engine *e, cl_contact *c)
{
    census n = count_queues(e, c);
    PN_TRY(make_missing(e, c, &n));
    if (c->list_known) {
        PN_TRY(look_at_left(e, c));
        PN_TRY(leave_spare(e, c));
    }
    pn_heap_set(&e->upkeeps, &c->upkeep, next_look(e, c));
    return PN_OK;
}

/* --- all of them -------------------------------------------------------- */

void cl_upkeep_due(cl_engine *e, cl_contact *c)
{
    pn_heap_set(&e->upkeeps, &c->upkeep, 0);
}

void cl_upkeep_all(cl_engine *e)
{
    for (size_t i = 0; i < e->contact_count; i++)
        cl_upkeep_due(e, e->contacts[i]);
}

static void not_after(uint64_t *at, uint64_t now)
{
    *at = *at > now ? now : *at;
}

void cl_upkeep_set_back(cl_engine *e, uint64_t now)
{
    for (pn_node *n = e->relays.next; n != &e->relays; n = n->next)
        not_after(&PN_ENTRY(n, cl_relay, in_engine)->down_ms, now);
    for (size_t i = 0; i < e->contact_count; i++) {
        const cl_contact *c = e->contacts[i];
        for (size_t k = 0; k < c->queue_count; k++) {
            not_after(&c->queues[k]->born_ms, now);
            not_after(&c->queues[k]->left_ms, now);
            not_after(&c->queues[k]->heard_ms, now);
        }
    }
    cl_upkeep_all(e);
}

/* Those whose queues lie at a relay that is now given up. */
static pn_err look_at_relays(cl_engine *e)
{
    for (pn_node *n = e->relays.next; n != &e->relays; n = n->next) {
        cl_relay *r = PN_ENTRY(n, cl_relay, in_engine);
        if (r->is_unsaved && r->is_own)
            PN_TRY(cl_save_relay(e, r));
        r->is_unsaved = false;
        if (r->is_told || !cl_relay_is_dead(e, r))
            continue;
        r->is_told = true;
        for (pn_node *k = r->queues.next; k != &r->queues; k = k->next) {
            const cl_queue *q = PN_ENTRY(k, cl_queue, in_relay);
            if (q->owner == CL_OWNER_CONTACT)
                cl_upkeep_due(e, q->who.contact);
        }
    }
    return PN_OK;
}

pn_err cl_upkeep_tick(cl_engine *e)
{
    pn_heap_node *due;
    PN_TRY(look_at_relays(e));
    for (int i = 0; i < PORTION; i++) {
        due = pn_heap_due(&e->upkeeps, cl_wall(e));
        if (due == NULL)
            return PN_OK;
        PN_TRY(keep(e, PN_ENTRY(due, cl_contact, upkeep)));
    }
    return PN_OK;
}

uint64_t cl_upkeep_deadline(const cl_engine *e)
{
    return pn_heap_first(&e->upkeeps);
}
