/* The list of destinations, and the clock of each. */
#include "relay/core/dest.h"

#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"

void rl_dests_init(rl_core *core)
{
    pn_node_init(&core->dest_list);
    pn_node_init(&core->asked_list);
    for (size_t n = 0; n <= RL_ASKED_PER_LINK; n++)
        pn_node_init(&core->asking[n]);
    core->dest_ms = UINT64_MAX;
}

rl_dest *rl_dest_find(const rl_core *core, const uint8_t *key)
{
    rl_dest *dest = pn_map_get(&core->dests, key);
    return dest != NULL && dest->listed ? dest : NULL;
}

rl_dest *rl_dest_of_noise(const rl_core *core, const uint8_t *noise_pk)
{
    for (pn_node *at = core->dest_list.next; at != &core->dest_list;
         at = at->next) {
        rl_dest *dest = PN_ENTRY(at, rl_dest, in_core);
        if (dest->listed &&
            memcmp(dest->noise_pk, noise_pk, sizeof dest->noise_pk) == 0)
            return dest;
    }
    return NULL;
}

static rl_dest *make(rl_core *core, const uint8_t *key)
{
    rl_dest *dest = pn_alloc(1, sizeof *dest);
    if (dest == NULL)
        return NULL;
    memcpy(dest->key, key, sizeof dest->key);
    if (crypto_sign_ed25519_pk_to_curve25519(dest->noise_pk, key) != 0 ||
        pn_map_put(&core->dests, key, dest) != PN_OK) {
        pn_free(dest);
        return NULL;
    }
    dest->core = core;
    pn_list_push_back(&core->dest_list, &dest->in_core);
    pn_node_init(&dest->links);
    pn_node_init(&dest->sent);
    for (size_t c = 0; c < RL_CLASSES; c++) {
        pn_node_init(&dest->lanes[c].ready);
        dest->lanes[c].behind = true;
    }
    dest->window = 1;
    dest->answer_ms = dest->ping_ms = dest->retry_ms = UINT64_MAX;
    rl_gate_init(&dest->gate, false);
    rl_spool_name(dest);
    return dest;
}

static void unmake(rl_dest *dest)
{
    rl_convey_forget(dest);
    rl_known_forget(dest);
    while (!pn_list_is_empty(&dest->links))
        rl_convey_detach(PN_FRONT(&dest->links, rl_link, in_dest));
    (void)pn_map_take(&dest->core->dests, dest->key);
    pn_list_remove(&dest->in_core);
    pn_free_wiped(dest, sizeof *dest);
}

void rl_dests_stop(rl_core *core)
{
    for (pn_node *at = core->dest_list.next; at != &core->dest_list;
         at = at->next)
        PN_ENTRY(at, rl_dest, in_core)->listed = false;
}

void rl_dests_free(rl_core *core)
{
    while (!pn_list_is_empty(&core->dest_list))
        unmake(PN_FRONT(&core->dest_list, rl_dest, in_core));
    pn_map_free(&core->dests);
}

/* --- the list ------------------------------------------------------------- */

static void close_links(rl_dest *dest)
{
    const rl_sink *sink = &dest->core->sink;
    pn_node *at;
    while ((at = pn_list_first(&dest->links)) != NULL) {
        rl_link *link = PN_ENTRY(at, rl_link, in_dest);
        rl_convey_detach(link);
        if (rl_link_is_open(link)) {
            link->session.state = RL_SESSION_CLOSED;
            sink->close(sink->ctx, link->peer, PN_BYE_SHUTDOWN);
        }
    }
}

static void free_if_unlisted(rl_dest *dest)
{
    if (!dest->listed && dest->ops == 0)
        unmake(dest);
}

static bool is_key(const uint8_t *key)
{
    uint8_t noise_pk[32];
    return crypto_sign_ed25519_pk_to_curve25519(noise_pk, key) == 0;
}

static pn_err list_one(rl_core *core, const rl_destination *d)
{
    rl_dest *dest = pn_map_get(&core->dests, d->key);
    if (memcmp(d->key, core->config.forward.self, sizeof d->key) == 0)
        return PN_OK;
    if (dest == NULL && !is_key(d->key)) {
        pn_log(core->env, PN_LOG_WARN,
               "a relay on the list is left out: its key is none");
        return PN_OK;
    }
    if (dest == NULL)
        dest = make(core, d->key);
    if (dest == NULL)
        return PN_E_NOMEM;
    dest->listed = true;
    dest->keep = d->keep;
    rl_gate_set_dial(&dest->gate, core->env, d->may_dial);
    rl_spool_open(dest);
    if (rl_dest_is_wanted(dest))
        rl_dest_event(dest, RL_GATE_WANTED, 0);
    rl_dest_arm(dest);
    return PN_OK;
}

pn_err rl_core_set_destinations(rl_core *core, const rl_destination *list,
                                size_t count)
{
    pn_err err = PN_OK;
    pn_node *at;
    if (count > RL_DESTINATIONS_MAX)
        return PN_E_FULL;
    for (at = core->dest_list.next; at != &core->dest_list; at = at->next)
        PN_ENTRY(at, rl_dest, in_core)->listed = false;
    for (size_t i = 0; i < count && err == PN_OK; i++)
        err = list_one(core, &list[i]);
    at = core->dest_list.next;
    while (at != &core->dest_list) {
        rl_dest *dest = PN_ENTRY(at, rl_dest, in_core);
        at = at->next;
        if (!dest->listed) {
            close_links(dest);
            rl_convey_forget(dest);
            free_if_unlisted(dest);
        }
    }
    return err;
}

void rl_dest_hold(rl_dest *dest)
{
    dest->ops++;
    dest->op_serial++;
}

void rl_dest_settle(rl_dest *dest)
{
    dest->ops--;
    if (!dest->listed) {
        free_if_unlisted(dest);
        return;
    }
    if (dest->recount)
        rl_spool_recount(dest);
    if (rl_dest_is_wanted(dest))
        rl_dest_event(dest, RL_GATE_WANTED, 0);
    rl_convey_pump(dest);
}

void rl_dests_recount(rl_core *core)
{
    for (pn_node *at = core->dest_list.next; at != &core->dest_list;
         at = at->next)
        rl_spool_recount(PN_ENTRY(at, rl_dest, in_core));
}

/* --- gate and clock ------------------------------------------------------- */

uint64_t rl_dest_waiting(const rl_dest *dest)
{
    uint64_t count = 0;
    for (size_t c = 0; c < RL_CLASSES; c++)
        count += dest->lanes[c].count;
    return count;
}

bool rl_dest_is_wanted(const rl_dest *dest)
{
    if (!dest->listed)
        return false;
    for (size_t c = 0; c < RL_CLASSES; c++)
        if (dest->lanes[c].ready_count > 0)
            return true;
    return dest->keep || dest->knocked || dest->sent_count > 0 ||
           rl_dest_waiting(dest) > 0;
}

void rl_dest_event(rl_dest *dest, rl_gate_event event, uint32_t hint_ms)
{
    rl_core *core = dest->core;
    const rl_sink *sink = &core->sink;
    if (event == RL_GATE_FAILED || event == RL_GATE_LOST)
        dest->stats.failures++;
    if (rl_gate_take(&dest->gate, core->env, event, hint_ms) &&
        (sink->dial == NULL || sink->dial(sink->ctx, dest->key) != PN_OK)) {
        dest->stats.failures++;
        (void)rl_gate_take(&dest->gate, core->env, RL_GATE_FAILED, 0);
    }
    rl_dest_arm(dest);
}

void rl_core_dial_failed(rl_core *core, const uint8_t *key)
{
    /* One that is off the list and waits for its store may come back to it, and
     * would wait for this attempt for ever. */
    rl_dest *dest = pn_map_get(&core->dests, key);
    if (dest == NULL)
        return;
    dest->knocked = false;
    rl_dest_event(dest, RL_GATE_FAILED, 0);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When the first parcel that is held back may go; nothing while what may go
 * already waits for something else. */
static uint64_t release_ms(const rl_dest *dest, uint64_t now)
{
    uint64_t at = UINT64_MAX;
    for (size_t c = 0; c < RL_CLASSES; c++) {
        pn_node *first = pn_list_first(&dest->lanes[c].ready);
        if (first != NULL) {
            const uint64_t due = PN_ENTRY(first, rl_item, node)->due_ms;
            at = due > now ? least(at, due) : at;
        }
    }
    return at;
}

static uint64_t next_ms(const rl_dest *dest, uint64_t now)
{
    uint64_t at = least(dest->gate.due_ms, dest->answer_ms);
    at = least(at, least(dest->ping_ms, dest->retry_ms));
    return least(at, release_ms(dest, now));
}

void rl_dest_arm(rl_dest *dest)
{
    rl_core *core = dest->core;
    core->dest_ms = least(core->dest_ms, next_ms(dest, pn_mono_ms(core->env)));
}

static void tick(rl_dest *dest, uint64_t now)
{
    if (dest->gate.due_ms <= now) {
        if (dest->gate.state == RL_GATE_WAITING && !rl_dest_is_wanted(dest))
            rl_dest_event(dest, RL_GATE_UNWANTED, 0);
        else
            rl_dest_event(dest, RL_GATE_DUE, 0);
    }
    if (dest->answer_ms <= now)
        rl_convey_give_up(dest);
    if (dest->ping_ms <= now)
        rl_convey_ping(dest);
    if (dest->retry_ms <= now)
        rl_spool_retry(dest);
    rl_convey_pump(dest);
}

void rl_dests_tick(rl_core *core)
{
    const uint64_t now = pn_mono_ms(core->env);
    pn_node *at = core->dest_list.next;
    rl_asked_tick(core);
    if (core->dest_ms > now)
        return;
    core->dest_ms = UINT64_MAX;
    while (at != &core->dest_list) {
        rl_dest *dest = PN_ENTRY(at, rl_dest, in_core);
        at = at->next;
        if (dest->listed && next_ms(dest, 0) <= now)
            tick(dest, now);
        if (dest->listed)
            rl_dest_arm(dest);
    }
}

/* --- for operators and tests ---------------------------------------------- */

void rl_core_each_destination(const rl_core *core, rl_destination_fn *fn,
                              void *ctx)
{
    const uint64_t now = pn_mono_ms(core->env);
    for (pn_node *at = core->dest_list.next; at != &core->dest_list;
         at = at->next) {
        const rl_dest *dest = PN_ENTRY(at, rl_dest, in_core);
        rl_destination_stats s = dest->stats;
        memcpy(s.key, dest->key, sizeof s.key);
        s.listed = dest->listed;
        s.state = rl_gate_state_name(&dest->gate);
        s.next_ms = UINT64_MAX;
        if (dest->gate.due_ms != UINT64_MAX)
            s.next_ms = dest->gate.due_ms > now ? dest->gate.due_ms - now : 0;
        for (size_t c = 0; c < RL_CLASSES; c++) {
            const rl_lane *lane = &dest->lanes[c];
            s.waiting += lane->count;
            s.bytes += lane->bytes;
            if (lane->count > 0 && lane->oldest > 0 &&
                (s.oldest == 0 || lane->oldest < s.oldest))
                s.oldest = lane->oldest;
        }
        fn(ctx, &s);
    }
}

void rl_core_forward_stats(const rl_core *core, rl_forward_stats *out)
{
    *out = core->forwards;
}

static bool lane_ok(const rl_lane *lane)
{
    size_t count = 0, bytes = 0;
    uint64_t due = 0;
    for (pn_node *at = lane->ready.next; at != &lane->ready; at = at->next) {
        const rl_item *item = PN_ENTRY(at, rl_item, node);
        count++;
        bytes += item->len;
        if (item->parcel == NULL || item->due_ms < due)
            return false;
        due = item->due_ms;
    }
    return count == lane->ready_count && bytes == lane->ready_bytes &&
           count <= (size_t)2 * RL_LANE_COUNT &&
           bytes <= (size_t)2 * RL_LANE_BYTES + PN_PARCEL_MAX;
}

bool rl_dest_ok(const rl_dest *dest)
{
    size_t count = 0, bytes = 0;
    for (pn_node *at = dest->sent.next; at != &dest->sent; at = at->next) {
        const rl_item *item = PN_ENTRY(at, rl_item, node);
        count++;
        bytes += item->len;
        if (item->parcel != NULL || item->link->dest != dest)
            return false;
    }
    for (size_t c = 0; c < RL_CLASSES; c++)
        if (!lane_ok(&dest->lanes[c]))
            return false;
    return count == dest->sent_count && bytes == dest->sent_bytes &&
           count <= RL_WINDOW_MAX && dest->acking <= dest->done_count &&
           dest->done_count + count <= RL_DONE_MAX &&
           (count == 0) == (dest->answer_ms == UINT64_MAX) &&
           (pn_list_is_empty(&dest->links) || dest->listed) &&
           rl_gate_ok(&dest->gate);
}
