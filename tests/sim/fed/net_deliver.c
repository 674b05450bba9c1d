/* What arrives, and when it can. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/fed/fail.h"
#include "tests/sim/fed/net.h"

void fed_way_clear(fed_way *w)
{
    pn_node *n;
    while ((n = pn_list_first(&w->pieces)) != NULL) {
        pn_list_remove(n);
        free(PN_ENTRY(n, fed_piece, node));
    }
    free(w->swapped);
    w->swapped = NULL;
    w->queued = 0;
}

bool fed_conn_free_if_left(fed_conn *c)
{
    if (c->is_firing || c->to[0].owner != NULL || c->to[1].owner != NULL)
        return false;
    fed_way_clear(&c->to[0]);
    fed_way_clear(&c->to[1]);
    fed_timer_set(c->net->clock, &c->timer, UINT64_MAX);
    pn_list_remove(&c->in_net);
    free(c);
    return true;
}

static void connect_ends(fed_conn *c)
{
    fed_net *net = c->net;
    fed_way *theirs = &c->to[FED_ACCEPTER], *ours = &c->to[FED_DIALLER];
    const size_t from = c->node[FED_DIALLER], to = c->node[FED_ACCEPTER];
    const uint64_t now = net->clock->now_ms;
    if (ours->owner == NULL)
        return; /* it gave up before */
    c->is_connected = true;
    ours->is_reading = theirs->is_reading = true;
    if (net->blocked_until[from][to] <= now &&
        net->blocked_until[to][from] <= now)
        theirs->owner = net->accept(net->ctx, to, c, &theirs->events);
    if (theirs->owner == NULL) {
        c->is_connected = false;
        ours->has_ended = theirs->has_ended = true;
        ours->events->on_end(ours->owner, true);
        return;
    }
    ours->events->on_connected(ours->owner);
}

static void note(fed_conn *c, fed_side reader, pn_bytes in)
{
    const uint64_t head[] = { c->number, reader, c->net->clock->now_ms,
                              in.len };
    c->net->bytes += in.len;
    fed_net_note(c->net, head, sizeof head);
    fed_net_note(c->net, in.p, in.len);
}

/* Give the reader what has arrived, while it reads. */
static void deliver(fed_conn *c, fed_side reader)
{
    fed_way *w = &c->to[reader];
    const uint64_t now = c->net->clock->now_ms;
    if (c->stall_until > now ||
        c->net->blocked_until[c->node[1 - reader]][c->node[reader]] > now)
        return;
    while (w->owner != NULL && w->is_reading) {
        fed_piece *p;
        pn_node *n = pn_list_first(&w->pieces);
        if (n == NULL)
            break;
        p = PN_ENTRY(n, fed_piece, node);
        if (p->at_ms > now)
            return;
        pn_list_remove(n);
        w->queued -= p->len - p->done;
        note(c, reader, (pn_bytes){ p->bytes + p->done, p->len - p->done });
        w->events->on_bytes(w->owner,
                            (pn_bytes){ p->bytes + p->done, p->len - p->done });
        free(p);
        if (w->wants_room && c->to[1 - reader].owner != NULL) {
            w->wants_room = false;
            c->to[1 - reader].events->on_room(c->to[1 - reader].owner);
        }
    }
    if (w->owner != NULL && pn_list_is_empty(&w->pieces) && w->has_ended &&
        w->end_ms <= now) {
        w->end_ms = UINT64_MAX;
        w->events->on_end(w->owner, w->is_fault);
    }
}

/* When the reader of this way hears something, if nothing changes. */
static uint64_t due_of(const fed_conn *c, fed_side reader)
{
    const fed_way *w = &c->to[reader];
    const uint64_t now = c->net->clock->now_ms;
    uint64_t at = UINT64_MAX;
    if (w->owner == NULL ||
        c->net->blocked_until[c->node[1 - reader]][c->node[reader]] > now)
        return UINT64_MAX;
    if (!pn_list_is_empty(&w->pieces)) {
        if (w->is_reading)
            at = PN_ENTRY(w->pieces.next, fed_piece, node)->at_ms;
    } else if (w->has_ended) {
        at = w->end_ms;
    }
    return at != UINT64_MAX && at < c->stall_until ? c->stall_until : at;
}

void fed_conn_arm(fed_conn *c)
{
    uint64_t a, b;
    if (c->is_firing)
        return;
    if (!c->is_connected) {
        fed_timer_set(c->net->clock, &c->timer,
                      c->to[FED_DIALLER].has_ended ? UINT64_MAX
                                                   : c->connect_ms);
        return;
    }
    a = due_of(c, FED_DIALLER);
    b = due_of(c, FED_ACCEPTER);
    fed_timer_set(c->net->clock, &c->timer, a < b ? a : b);
}

static void fire(void *ctx)
{
    fed_conn *c = ctx;
    c->is_firing = true;
    if (!c->is_connected) {
        connect_ends(c);
    } else {
        deliver(c, FED_DIALLER);
        deliver(c, FED_ACCEPTER);
    }
    c->is_firing = false;
    if (!fed_conn_free_if_left(c))
        fed_conn_arm(c);
}

void fed_conn_begin(fed_conn *c)
{
    fed_timer_init(&c->timer, fire, c);
    fed_conn_arm(c);
}

/* --- the whole ------------------------------------------------------------ */

static void arm_all(fed_net *net)
{
    for (pn_node *n = net->conns.next; n != &net->conns; n = n->next)
        fed_conn_arm(PN_ENTRY(n, fed_conn, in_net));
}

static void on_unblock(void *ctx)
{
    fed_net *net = ctx;
    uint64_t next = UINT64_MAX;
    for (size_t a = 0; a < FED_NODES_MAX; a++) {
        for (size_t b = 0; b < FED_NODES_MAX; b++) {
            const uint64_t at = net->blocked_until[a][b];
            if (at > net->clock->now_ms && at < next)
                next = at;
        }
    }
    fed_timer_set(net->clock, &net->unblock, next);
    arm_all(net);
}

void fed_net_block(fed_net *net, size_t from, size_t to, uint64_t until_ms)
{
    net->blocked_until[from][to] = until_ms;
    if (!net->unblock.node.is_in || net->unblock.node.at > until_ms)
        fed_timer_set(net->clock, &net->unblock, until_ms);
    arm_all(net);
}

void fed_net_init(fed_net *net, fed_clock *clock, uint64_t seed)
{
    memset(net, 0, sizeof *net);
    net->clock = clock;
    net->dice = fed_dice_of(seed, 1);
    net->digest = seed;
    pn_node_init(&net->conns);
    fed_timer_init(&net->unblock, on_unblock, net);
    for (size_t i = 0; i < FED_NODES_MAX; i++)
        net->latency[i] = (uint8_t)fed_between(&net->dice, 2, 120);
}

void fed_net_free(fed_net *net)
{
    FED_CHECK(pn_list_is_empty(&net->conns), "streams end with their owners",
              "one is left");
    fed_timer_set(net->clock, &net->unblock, UINT64_MAX);
}

fed_conn *fed_net_find(fed_net *net, size_t a, size_t b)
{
    for (pn_node *n = net->conns.next; n != &net->conns; n = n->next) {
        fed_conn *c = PN_ENTRY(n, fed_conn, in_net);
        if (c->is_connected && ((c->node[0] == a && c->node[1] == b) ||
                                (c->node[0] == b && c->node[1] == a)))
            return c;
    }
    return NULL;
}
