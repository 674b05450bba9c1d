/* From the spool over a link to the destination, and its answers back. */
#include <assert.h>
#include <string.h>

#include "proto/base/mem.h"
#include "relay/core/dest.h"

/* The link in use, or NULL. */
static rl_link *line_of(const rl_dest *dest)
{
    pn_node *first = pn_list_first(&dest->links);
    return first != NULL ? PN_ENTRY(first, rl_link, in_dest) : NULL;
}

/* --- items ---------------------------------------------------------------- */

static void free_item(rl_item *item)
{
    pn_list_remove(&item->node);
    pn_free(item->parcel);
    pn_free(item);
}

/* Each parcel waits its own time, so that they leave in another order than
 * they came. */
static uint64_t draw_due(const rl_core *core)
{
    const uint32_t most = core->config.forward.delay_max_ms;
    const uint64_t now = pn_mono_ms(core->env);
    uint32_t delay = 0;
    if (most == 0)
        return now;
    return pn_random_below(core->env, most + 1, &delay) == PN_OK ? now + delay
                                                                 : now + most;
}

bool rl_convey_add(rl_dest *dest, const rl_item *like, pn_bytes parcel)
{
    rl_lane *lane = &dest->lanes[like->class];
    rl_item *item = pn_alloc(1, sizeof *item);
    uint8_t *bytes = pn_alloc(1, parcel.len);
    pn_out out = pn_out_over(bytes, parcel.len);
    pn_node *before = lane->ready.prev;
    if (item == NULL || bytes == NULL) {
        pn_free(item);
        pn_free(bytes);
        return false;
    }
    pn_put(&out, parcel);
    *item = *like;
    item->parcel = bytes;
    item->due_ms = draw_due(dest->core);
    while (before != &lane->ready &&
           PN_ENTRY(before, rl_item, node)->due_ms > item->due_ms)
        before = before->prev;
    pn_list_push_front(before, &item->node);
    lane->ready_count++;
    lane->ready_bytes += item->len;
    return true;
}

bool rl_convey_has(const rl_dest *dest, uint64_t seq)
{
    for (pn_node *at = dest->sent.next; at != &dest->sent; at = at->next) {
        const rl_item *item = PN_ENTRY(at, rl_item, node);
        if (item->kept && item->seq == seq)
            return true;
    }
    return false;
}

void rl_convey_forget(rl_dest *dest)
{
    for (size_t c = 0; c < RL_CLASSES; c++) {
        rl_lane *lane = &dest->lanes[c];
        while (!pn_list_is_empty(&lane->ready))
            free_item(PN_FRONT(&lane->ready, rl_item, node));
        lane->ready_count = 0;
        lane->ready_bytes = 0;
        lane->after = 0;
        lane->turn++;
        lane->behind = true;
        lane->fetching = false;
    }
    dest->rewind = false;
}

/* Out of what is under way. */
static void take_out(rl_dest *dest, rl_item *item)
{
    pn_list_remove(&item->node);
    dest->sent_count--;
    dest->sent_bytes -= item->len;
    if (dest->sent_count == 0)
        dest->answer_ms = UINT64_MAX;
}

/* --- sending -------------------------------------------------------------- */

/* The link to send one more on, or NULL if none may go now. */
static rl_link *line_for_more(const rl_dest *dest)
{
    rl_link *link = line_of(dest);
    const uint32_t window =
        dest->gate.state == RL_GATE_PROBING ? 1 : dest->window;
    if (link == NULL || !rl_link_is_open(link) || dest->full ||
        !rl_gate_is_up(&dest->gate) || dest->sent_count >= window ||
        dest->done_count + dest->sent_count >= RL_DONE_MAX)
        return NULL;
    return link;
}

/* What could go now: the first of each class. False if nothing can. */
static bool look(const rl_dest *dest, rl_item *first[RL_CLASSES],
                 size_t head[RL_CLASSES])
{
    const uint64_t now = pn_mono_ms(dest->core->env);
    bool some = false;
    for (size_t c = 0; c < RL_CLASSES; c++) {
        pn_node *at = pn_list_first(&dest->lanes[c].ready);
        first[c] = at != NULL ? PN_ENTRY(at, rl_item, node) : NULL;
        if (first[c] != NULL && first[c]->due_ms > now)
            first[c] = NULL;
        head[c] = first[c] != NULL ? first[c]->len : 0;
        some = some || first[c] != NULL;
    }
    return some;
}

static bool is_fetching(const rl_dest *dest)
{
    for (size_t c = 0; c < RL_CLASSES; c++)
        if (dest->lanes[c].fetching)
            return true;
    return false;
}

/* What costs least if it does not arrive. */
static rl_class smallest(const size_t head[RL_CLASSES])
{
    rl_class best = RL_CLASSES;
    for (rl_class c = RL_URGENT; c < RL_CLASSES; c++)
        if (head[c] > 0 && (best == RL_CLASSES || head[c] < head[best]))
            best = c;
    return best;
}

static pn_err send_item(rl_dest *dest, rl_link *link, rl_item *item)
{
    rl_core *core = dest->core;
    rl_lane *lane = &dest->lanes[item->class];
    const pn_msg msg = { .id = dest->frame_id + 1,
                         .kind = PN_MSG_PARCEL,
                         .u.parcel = {
                             .priority = (pn_priority)(item->class + 1),
                             .parcel = { item->parcel, item->len } } };
    PN_TRY(core->sink.send(core->sink.ctx, link->peer, &msg));
    item->frame_id = ++dest->frame_id;
    item->link = link;
    pn_free(item->parcel);
    item->parcel = NULL;
    pn_list_remove(&item->node);
    lane->ready_count--;
    lane->ready_bytes -= item->len;
    pn_list_push_back(&dest->sent, &item->node);
    if (dest->sent_count++ == 0)
        dest->answer_ms =
            pn_mono_ms(core->env) + core->config.forward.patience_ms;
    dest->sent_bytes += item->len;
    return PN_OK;
}

/* Send one more; false if there is none, or it cannot go now. */
static bool send_next(rl_dest *dest)
{
    const bool probing = dest->gate.state == RL_GATE_PROBING;
    rl_link *link = line_for_more(dest);
    rl_item *first[RL_CLASSES];
    size_t head[RL_CLASSES];
    rl_class c;
    pn_err err;
    if (link == NULL || (probing && is_fetching(dest)) ||
        !look(dest, first, head))
        return false;
    c = probing ? smallest(head) : rl_turns_next(&dest->turns, head);
    assert(c < RL_CLASSES); /* look() has seen one */
    if (dest->sent_count > 0 && dest->sent_bytes + head[c] > RL_WINDOW_BYTES)
        return false;
    err = send_item(dest, link, first[c]);
    if (err == PN_OK)
        rl_turns_sent(&dest->turns, c, head);
    else if (err == PN_E_FULL)
        dest->full = true;
    else
        link->session.state = RL_SESSION_CLOSED; /* it is being closed */
    return err == PN_OK;
}

void rl_convey_pump(rl_dest *dest)
{
    if (dest->listed && rl_gate_is_up(&dest->gate) &&
        !(dest->rewind && dest->sent_count > 0)) {
        if (dest->rewind)
            rl_convey_forget(dest);
        rl_spool_fill(dest);
        while (send_next(dest))
            ;
        rl_spool_fill(dest);
    }
    rl_dest_arm(dest);
}

/* --- links ---------------------------------------------------------------- */

static void set_ping(rl_dest *dest)
{
    const rl_core *core = dest->core;
    dest->ping_ms = dest->keep && line_of(dest) != NULL
                        ? pn_mono_ms(core->env) + core->config.forward.keep_ms
                        : UINT64_MAX;
}

static void close_link(rl_link *link, pn_bye_reason why)
{
    const rl_sink *sink = &link->core->sink;
    if (!rl_link_is_open(link))
        return;
    link->session.state = RL_SESSION_CLOSED;
    sink->close(sink->ctx, link->peer, why);
}

void rl_convey_attach(rl_dest *dest, rl_link *link, bool dialled)
{
    size_t count = 0;
    link->dest = dest;
    pn_list_push_front(&dest->links, &link->in_dest);
    for (pn_node *at = dest->links.next; at != &dest->links; at = at->next)
        count++;
    if (count > RL_RELAY_LINKS_MAX) {
        rl_link *last = PN_ENTRY(dest->links.prev, rl_link, in_dest);
        rl_convey_detach(last);
        close_link(last, PN_BYE_REPLACED);
    }
    dest->full = false;
    dest->knocked = false;
    set_ping(dest);
    rl_dest_event(dest, dialled ? RL_GATE_LINKED : RL_GATE_CALLED, 0);
    rl_convey_pump(dest);
}

void rl_convey_detach(rl_link *link)
{
    rl_dest *dest = link->dest;
    pn_node *at;
    if (dest == NULL)
        return;
    if (line_of(dest) == link)
        dest->full = false;
    link->dest = NULL;
    pn_list_remove(&link->in_dest);
    at = dest->sent.next;
    while (at != &dest->sent) {
        rl_item *item = PN_ENTRY(at, rl_item, node);
        at = at->next;
        if (item->link != link)
            continue;
        take_out(dest, item);
        free_item(item);
        dest->rewind = true;
    }
    set_ping(dest);
    if (line_of(dest) != NULL) {
        rl_convey_pump(dest);
        return;
    }
    dest->window = 1;
    rl_convey_forget(dest);
    rl_dest_event(dest, rl_dest_is_wanted(dest) ? RL_GATE_LOST : RL_GATE_ENDED,
                  0);
}

void rl_convey_writable(rl_link *link)
{
    rl_dest *dest = link->dest;
    if (dest == NULL || line_of(dest) != link)
        return;
    dest->full = false;
    rl_convey_pump(dest);
}

void rl_convey_give_up(rl_dest *dest)
{
    pn_node *oldest = pn_list_first(&dest->sent);
    rl_link *link;
    if (oldest == NULL)
        return;
    link = PN_ENTRY(oldest, rl_item, node)->link;
    rl_convey_detach(link);
    close_link(link, PN_BYE_LIMIT);
}

void rl_convey_ping(rl_dest *dest)
{
    rl_link *link = line_of(dest);
    const pn_msg ping = { .id = ++dest->frame_id, .kind = PN_MSG_PING };
    set_ping(dest);
    rl_answer(link, &ping);
}

/* --- answers -------------------------------------------------------------- */

static rl_item *find_sent(const rl_dest *dest, const rl_link *link, uint64_t id)
{
    for (pn_node *at = dest->sent.next; at != &dest->sent; at = at->next) {
        rl_item *item = PN_ENTRY(at, rl_item, node);
        if (item->link == link && item->frame_id == id)
            return item;
    }
    return NULL;
}

/* It was judged, one way or the other: it need not go again. */
static void settled(rl_dest *dest, rl_item *item,
                    const pn_msg_parcel_result *result)
{
    if (result->outcome == PN_PARCEL_DONE)
        dest->stats.delivered++;
    else if (result->key_id.len > 0)
        dest->stats.refused_key++;
    else
        dest->stats.refused_other++;
    rl_asked_reply(dest->core, item->tag, result);
    if (item->kept)
        rl_spool_done(dest, item);
    if (dest->window < RL_WINDOW_MAX)
        dest->window++;
    rl_dest_event(dest, RL_GATE_ANSWERED, 0);
}

/* It goes again, when the pause is over. */
static void put_off(rl_dest *dest, uint32_t hint_ms)
{
    dest->stats.busy++;
    dest->rewind = true;
    dest->window = 1;
    rl_dest_event(dest, RL_GATE_BUSY, hint_ms);
}

pn_err rl_convey_result(rl_link *link, const pn_msg *msg)
{
    rl_dest *dest = link->dest;
    rl_item *item = dest != NULL ? find_sent(dest, link, msg->id) : NULL;
    if (item == NULL)
        return PN_E_PROTO; /* an answer to nothing */
    take_out(dest, item);
    if (dest->sent_count > 0)
        dest->answer_ms = pn_mono_ms(dest->core->env) +
                          dest->core->config.forward.patience_ms;
    if (msg->u.parcel_result.outcome == PN_PARCEL_BUSY)
        put_off(dest, msg->u.parcel_result.retry_after_ms);
    else
        settled(dest, item, &msg->u.parcel_result);
    free_item(item);
    rl_convey_pump(dest);
    return PN_OK;
}

pn_err rl_convey_error(rl_link *link, const pn_msg *msg)
{
    const pn_msg busy = { .id = msg->id,
                          .kind = PN_MSG_PARCEL_RESULT,
                          .u.parcel_result = {
                              .outcome = PN_PARCEL_BUSY,
                              .retry_after_ms = msg->u.error.retry_after_ms } };
    /* Whatever is wrong over there, it is not the parcel's fault: it stays. */
    return rl_convey_result(link, &busy);
}
