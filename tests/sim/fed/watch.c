#include "tests/sim/fed/watch.h"

#include <stdlib.h>
#include <string.h>

#include "client/core/deposit.h"
#include "tests/sim/fed/world.h"

enum {
    MEANT_FIRST = 1024,
    NAMED_FIRST = 4096,
    /* So many calls in vain, and then two within so short a time. */
    CALLS_FREE = 8,
    PERSON_APART_MS = 4 * 1000,
    RELAY_APART_MS = 60 * 1000,
};

static void *some(size_t count, size_t size)
{
    void *p = calloc(count, size);
    FED_CHECK(p != NULL, "the simulator has memory", "watch");
    return p;
}

void fed_watch_init(fed_watch *watch)
{
    *watch = (fed_watch){ .meant_cap = MEANT_FIRST, .named_cap = NAMED_FIRST };
    watch->meant = some(MEANT_FIRST, sizeof *watch->meant);
    watch->named = some(NAMED_FIRST, sizeof *watch->named);
    watch->calls = some(FED_NODES_MAX, sizeof *watch->calls);
}

void fed_watch_free(fed_watch *watch)
{
    free(watch->meant);
    free(watch->named);
    free(watch->calls);
    *watch = (fed_watch){ .meant = NULL };
}

/* --- what a deposit means ------------------------------------------------- */

static uint64_t first_of(const uint8_t *id)
{
    uint64_t at = 0;
    for (size_t i = 0; i < 8; i++)
        at = at << 8 | id[i];
    return at;
}

/* Where it stands, or would. */
static fed_meant *place(const fed_watch *watch, const uint8_t *deposit)
{
    for (uint64_t at = first_of(deposit);; at++) {
        fed_meant *m = &watch->meant[at % watch->meant_cap];
        if (!m->is_there || memcmp(m->deposit, deposit, sizeof m->deposit) == 0)
            return m;
    }
}

static void grow(fed_watch *watch)
{
    const fed_watch old = *watch;
    watch->meant_cap *= 2;
    watch->meant = some(watch->meant_cap, sizeof *watch->meant);
    for (size_t i = 0; i < old.meant_cap; i++) {
        if (old.meant[i].is_there)
            *place(watch, old.meant[i].deposit) = old.meant[i];
    }
    free(old.meant);
}

static void mean(fed_watch *watch, const fed_person *p, const cl_item *item,
                 const uint8_t *deposit)
{
    fed_meant *m;
    if (item->kind != CL_ITEM_MESSAGE)
        return;
    if (2 * watch->meant_count >= watch->meant_cap)
        grow(watch);
    m = place(watch, deposit);
    watch->meant_count += m->is_there ? 0 : 1;
    m->is_there = true;
    m->from = (uint16_t)p->index;
    memcpy(m->deposit, deposit, sizeof m->deposit);
    memcpy(m->item, item->id, sizeof m->item);
}

/* --- which way it leaves -------------------------------------------------- */

static bool has_no_way(fed_person *p, const cl_relay *by, const cl_relay *to)
{
    const cl_destination *d =
        pn_map_get(&p->engine->destinations_by_key, to->address.relay_key);
    for (size_t i = 0; d != NULL && i < CL_NO_WAYS_MAX; i++) {
        if (d->no_way[i].by == by)
            return true;
    }
    return false;
}

static bool is_two_faced(fed_person *p, const cl_relay *r)
{
    const cl_destination *d =
        pn_map_get(&p->engine->destinations_by_key, r->address.relay_key);
    return d != NULL && d->two_faced;
}

/* Another relay of theirs that could bring it there. */
static bool has_entry(fed_person *p, const cl_relay *to)
{
    for (pn_node *n = p->engine->relays.next; n != &p->engine->relays;
         n = n->next) {
        const cl_relay *r = PN_ENTRY(n, cl_relay, in_engine);
        if (r->is_own && r->fails == 0 && !is_two_faced(p, r) &&
            !has_no_way(p, r, to) &&
            memcmp(r->address.relay_key, to->address.relay_key,
                   PN_RELAY_KEY_BYTES) != 0)
            return true;
    }
    return false;
}

static void leaves(fed_world *w, fed_person *p, size_t relay, cl_copy *copy,
                   const pn_msg *msg)
{
    const cl_relay *to = cl_copy_route(copy)->relay;
    FED_CHECK(msg->kind != PN_MSG_DEPOSIT ||
                  p->engine->routing == CL_ROUTING_DIRECT || !has_entry(p, to),
              "no relay sees both who writes and where to",
              "person %zu deposits at relay %zu", p->index, relay);
    (void)w;
}

static bool is_of(const pn_msg_deposit *a, const pn_msg_deposit *b)
{
    return memcmp(a->send_id.p, b->send_id.p, a->send_id.len) == 0 &&
           memcmp(a->message_id.p, b->message_id.p, PN_MESSAGE_ID_BYTES) == 0;
}

/* Every copy that may be in the frame: which one a parcel holds, only its
 * destination can see. */
static void look_at_copies(fed_world *w, fed_person *p, size_t relay,
                           const pn_msg *msg)
{
    const pn_node *items = &p->engine->items;
    for (pn_node *n = items->next; n != items; n = n->next) {
        cl_item *item = PN_ENTRY(n, cl_item, in_engine);
        for (size_t i = 0; i < CL_QUEUES_MAX; i++) {
            cl_copy *copy = &item->copies[i];
            uint8_t id[PN_MESSAGE_ID_BYTES];
            pn_msg_deposit d;
            if (copy->envelope == NULL)
                continue;
            cl_copy_deposit(p->engine, copy, id, &d);
            if (msg->kind == PN_MSG_DEPOSIT && !is_of(&d, &msg->u.deposit))
                continue;
            mean(&w->oracle.watch, p, item, id);
            leaves(w, p, relay, copy, msg);
        }
    }
}

/* --- acknowledgements ----------------------------------------------------- */

static const fed_mail *mail_of(const fed_world *w, const fed_meant *m)
{
    for (size_t i = 0; i < w->mail_count; i++) {
        if (w->mail[i].is_sent && w->mail[i].from == m->from &&
            memcmp(w->mail[i].id, m->item, sizeof m->item) == 0)
            return &w->mail[i];
    }
    return NULL;
}

static void acks(fed_world *w, const fed_person *p, const pn_msg_ack *ack)
{
    for (size_t at = 0; at < ack->message_ids.len; at += PN_MESSAGE_ID_BYTES) {
        const fed_meant *m = place(&w->oracle.watch, ack->message_ids.p + at);
        const fed_mail *mail = m->is_there ? mail_of(w, m) : NULL;
        if (mail == NULL || mail->is_void)
            continue;
        FED_CHECK(mail->taken, "no relay forgets before the application has it",
                  "person %zu, message %zu from %u", p->index,
                  (size_t)(mail - w->mail), mail->from);
        w->oracle.watch.acked++;
    }
}

void fed_watch_sends(fed_world *w, fed_person *p, size_t relay,
                     const pn_msg *msg)
{
    if (msg->kind == PN_MSG_FORWARD) {
        FED_CHECK(memcmp(msg->u.forward.destination.p,
                         w->relays[relay].address.relay_key,
                         PN_RELAY_KEY_BYTES) != 0,
                  "no relay sees both who writes and where to",
                  "person %zu, relay %zu", p->index, relay);
    }
    if (msg->kind == PN_MSG_FORWARD || msg->kind == PN_MSG_DEPOSIT)
        look_at_copies(w, p, relay, msg);
    /* Who gives rubbish under a message's id may hear that it is not wanted. */
    if (msg->kind == PN_MSG_ACK && relay != w->hostile)
        acks(w, p, &msg->u.ack);
}

/* --- names ---------------------------------------------------------------- */

static fed_named *place_name(const fed_watch *watch, const uint8_t *id)
{
    for (uint64_t at = first_of(id);; at++) {
        fed_named *n = &watch->named[at % watch->named_cap];
        if (n->relay == 0 || memcmp(n->id, id, sizeof n->id) == 0)
            return n;
    }
}

static void grow_names(fed_watch *watch)
{
    const fed_watch old = *watch;
    watch->named_cap *= 2;
    watch->named = some(watch->named_cap, sizeof *watch->named);
    for (size_t i = 0; i < old.named_cap; i++) {
        if (old.named[i].relay != 0)
            *place_name(watch, old.named[i].id) = old.named[i];
    }
    free(old.named);
}

void fed_watch_stores(fed_world *w, size_t relay, const rl_deposit *d)
{
    fed_watch *watch = &w->oracle.watch;
    fed_named *n;
    if (2 * watch->named_count >= watch->named_cap)
        grow_names(watch);
    n = place_name(watch, d->message_id);
    FED_CHECK(n->relay == 0 || n->relay == relay + 1,
              "no two relays know a thing by one name", "relays %u and %zu",
              n->relay - 1U, relay);
    watch->named_count += n->relay == 0 ? 1 : 0;
    n->relay = (uint8_t)(relay + 1);
    memcpy(n->id, d->message_id, sizeof n->id);
}

/* --- calls ---------------------------------------------------------------- */

void fed_watch_calls(fed_world *w, size_t node, size_t relay)
{
    fed_calls *c = &w->oracle.watch.calls[node][relay];
    const uint64_t least =
        node < w->config.relays ? RELAY_APART_MS : PERSON_APART_MS;
    FED_CHECK(c->count < CALLS_FREE || w->clock.now_ms - c->last_ms >= least,
              "who is away is not called without end",
              "node %zu calls relay %zu again after %u ms, %u times in vain",
              node, relay, (unsigned)(w->clock.now_ms - c->last_ms), c->count);
    c->count++;
    c->last_ms = w->clock.now_ms;
}

void fed_watch_linked(fed_world *w, size_t a, size_t b)
{
    if (b < FED_RELAYS_MAX)
        w->oracle.watch.calls[a][b].count = 0;
    if (a < FED_RELAYS_MAX)
        w->oracle.watch.calls[b][a].count = 0;
}

void fed_watch_begins(fed_world *w, size_t node)
{
    memset(w->oracle.watch.calls[node], 0, sizeof w->oracle.watch.calls[node]);
}
