#include "tests/sim/fed/net.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/fed/fail.h"

static fed_side other(fed_side side)
{
    return side == FED_DIALLER ? FED_ACCEPTER : FED_DIALLER;
}

void fed_net_note(fed_net *net, const void *p, size_t len)
{
    const uint8_t *at = p;
    uint64_t h = net->digest;
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        h = (h ^ word) * 0x9fb21c651e98df25U;
        h ^= h >> 32;
    }
    for (; len > 0; at++, len--)
        h = (h ^ *at) * 0x100000001b3U;
    net->digest = h;
}

/* --- life ----------------------------------------------------------------- */

static void end_way(fed_conn *c, fed_side reader, bool is_fault)
{
    fed_way *w = &c->to[reader];
    const uint64_t now = c->net->clock->now_ms;
    if (w->has_ended)
        return;
    w->has_ended = true;
    w->is_fault = is_fault;
    w->end_ms = w->last_ms > now ? w->last_ms : now + 1;
}

void fed_conn_shut(fed_conn *c, fed_side by)
{
    end_way(c, other(by), false);
    fed_conn_arm(c);
}

void fed_conn_close(fed_conn *c, fed_side by)
{
    c->to[by].owner = NULL;
    fed_way_clear(&c->to[by]);
    end_way(c, other(by), false);
    if (!fed_conn_free_if_left(c))
        fed_conn_arm(c);
}

void fed_conn_cut(fed_conn *c)
{
    for (int side = 0; side < FED_SIDES; side++) {
        fed_way *w = &c->to[side];
        fed_piece *first;
        /* A piece of a piece arrives, the rest never does. */
        if (!pn_list_is_empty(&w->pieces)) {
            first = PN_ENTRY(w->pieces.next, fed_piece, node);
            pn_list_remove(&first->node);
            fed_way_clear(w);
            first->len = first->done +
                         fed_roll(&c->net->dice, first->len - first->done + 1);
            w->queued = first->len - first->done;
            if (w->queued > 0)
                pn_list_push_back(&w->pieces, &first->node);
            else
                free(first);
        }
        end_way(c, (fed_side)side, true);
    }
    fed_conn_arm(c);
}

fed_conn *fed_net_dial(fed_net *net, size_t from, size_t to, void *owner,
                       const fed_conn_events *events)
{
    fed_conn *c = calloc(1, sizeof *c);
    const uint64_t now = net->clock->now_ms;
    FED_CHECK(c != NULL, "the simulator has memory", "dial");
    c->net = net;
    c->number = net->conns_made++;
    c->node[FED_DIALLER] = from;
    c->node[FED_ACCEPTER] = to;
    c->connect_ms =
        now + 1 + 2 * ((uint64_t)net->latency[from] + net->latency[to]);
    if (net->blocked_until[from][to] > now ||
        net->blocked_until[to][from] > now)
        c->connect_ms = now + FED_CONNECT_MS;
    for (int side = 0; side < FED_SIDES; side++) {
        pn_node_init(&c->to[side].pieces);
        c->to[side].taint_at = UINT64_MAX;
    }
    c->to[FED_DIALLER].owner = owner;
    c->to[FED_DIALLER].events = events;
    pn_list_push_back(&net->conns, &c->in_net);
    fed_conn_begin(c);
    return c;
}

/* --- writing -------------------------------------------------------------- */

static fed_piece *make_piece(pn_bytes bytes)
{
    fed_piece *p = malloc(sizeof *p + bytes.len);
    FED_CHECK(p != NULL, "the simulator has memory", "piece");
    pn_node_init(&p->node);
    p->len = bytes.len;
    p->done = 0;
    memcpy(p->bytes, bytes.p, bytes.len);
    return p;
}

static void put(fed_conn *c, fed_side reader, fed_piece *p)
{
    fed_way *w = &c->to[reader];
    const fed_net *net = c->net;
    const uint64_t most =
        (uint64_t)net->latency[c->node[0]] + net->latency[c->node[1]];
    p->at_ms =
        net->clock->now_ms + most / 2 + fed_roll(&c->net->dice, most / 2 + 2);
    if (p->at_ms < w->last_ms)
        p->at_ms = w->last_ms;
    w->last_ms = p->at_ms;
    w->queued += p->len;
    w->sent += p->len;
    pn_list_push_back(&w->pieces, &p->node);
}

/* Somebody on the way does it to this piece. */
static void put_tampered(fed_conn *c, fed_side reader, fed_piece *p)
{
    fed_way *w = &c->to[reader];
    const uint32_t at = fed_roll(&c->net->dice, p->len);
    w->is_doomed = false;
    if (w->taint_at == UINT64_MAX)
        w->taint_at = w->sent + (w->how == FED_TAMPER_FLIP     ? at
                                 : w->how == FED_TAMPER_REPEAT ? p->len
                                                               : 0);
    switch (w->how) {
    case FED_TAMPER_FLIP:
        p->bytes[at] ^= (uint8_t)(1U << fed_roll(&c->net->dice, 8));
        put(c, reader, p);
        break;
    case FED_TAMPER_DROP:
        free(p);
        break;
    case FED_TAMPER_REPEAT: {
        fed_piece *again = make_piece((pn_bytes){ p->bytes, p->len });
        put(c, reader, p);
        put(c, reader, again);
        break;
    }
    case FED_TAMPER_SWAP:
        w->swapped = p;
        break;
    case FED_TAMPERS:
        break;
    }
}

size_t fed_conn_write(fed_conn *c, fed_side by, pn_bytes out)
{
    const fed_side reader = other(by);
    fed_way *w = &c->to[reader];
    size_t taken = 0;
    if (w->has_ended || !c->is_connected)
        return out.len; /* nobody reads it any more */
    while (taken < out.len && w->queued < FED_SOCKET_BYTES) {
        size_t n = FED_SOCKET_BYTES - w->queued;
        fed_piece *p;
        n = n < out.len - taken ? n : out.len - taken;
        if (fed_chance(&c->net->dice, 150)) /* cut anywhere */
            n = 1 + fed_roll(&c->net->dice, n);
        p = make_piece((pn_bytes){ out.p + taken, n });
        taken += n;
        if (w->is_doomed) {
            put_tampered(c, reader, p);
            continue;
        }
        put(c, reader, p);
        if (w->swapped != NULL) {
            p = w->swapped;
            w->swapped = NULL;
            put(c, reader, p);
        }
    }
    w->wants_room = taken < out.len;
    fed_conn_arm(c);
    return taken;
}

void fed_conn_read(fed_conn *c, fed_side by, bool on)
{
    if (c->to[by].is_reading == on)
        return;
    c->to[by].is_reading = on;
    fed_conn_arm(c);
}

void fed_conn_stall(fed_conn *c, uint64_t until_ms)
{
    c->stall_until = until_ms;
    fed_conn_arm(c);
}

void fed_conn_tamper(fed_conn *c, fed_side reader, fed_tamper how)
{
    c->to[reader].is_doomed = true;
    c->to[reader].how = how;
}

uint64_t fed_conn_taint(const fed_conn *c, fed_side reader)
{
    return c->to[reader].taint_at;
}
