#include "tests/sim/fed/relay.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/mem.h"
#include "tests/sim/fed/adversary.h"
#include "tests/sim/fed/shadow.h"
#include "tests/sim/fed/world.h"

enum { AGAIN_MS = 2000, REFRESH_MS = 6 * FED_HOUR };

size_t fed_relay_of(const fed_world *w, const uint8_t *key)
{
    for (size_t i = 0; i < w->config.relays; i++) {
        if (memcmp(w->relays[i].address.relay_key, key, 32) == 0)
            return i;
    }
    return FED_RELAYS_MAX;
}

/* --- keys and descriptor -------------------------------------------------- */

static pn_err renew_onions(fed_relay *r, uint64_t wall)
{
    const rl_day today = rl_core_today(r->core);
    rl_onion_seed seed = { .from_ms = wall,
                           .until_ms = wall + UINT64_C(42) * FED_DAY,
                           .born = today };
    const rl_onion *o;
    while ((o = rl_onions_dead(&r->onions, today, wall,
                               pn_mono_ms(&r->node.env))) != NULL)
        rl_onions_remove(&r->onions, o->id);
    if (!rl_onions_wants(&r->onions, wall))
        return PN_OK;
    if ((o = rl_onions_surplus(&r->onions, wall)) != NULL)
        rl_onions_remove(&r->onions, o->id);
    PN_TRY(pn_random(&r->node.env, seed.sk, sizeof seed.sk));
    return rl_onions_add(&r->onions, &seed);
}

static pn_err describe(fed_relay *r, uint64_t wall)
{
    static const uint8_t operators[FED_RELAYS_MAX][PN_OPERATOR_ID_BYTES] = {
        { 1 }, { 2 }, { 3 }, { 4 }, { 5 }, { 6 }, { 7 },
    };
    pn_descriptor d = {
        .relay_key = r->identity.relay_key,
        .from_ms = wall,
        .until_ms = wall + UINT64_C(28) * FED_DAY,
        .features = r->terms.features,
        .limits = { PN_ENVELOPE_L, 21, 21, PN_ACCESS_OPEN,
                    r->config.queue_count, r->config.queue_bytes },
        .operator_id = operators[r->index],
    };
    for (size_t i = 0; i < r->onions.count; i++) {
        const rl_onion *k = &r->onions.at[i];
        if (wall >= k->from_ms && wall < k->until_ms)
            d.onions[d.onion_count++] = (pn_descriptor_onion){
                .pk = k->key.pk, .from_ms = k->from_ms, .until_ms = k->until_ms
            };
    }
    r->sequence = wall / 1000 > r->sequence ? wall / 1000 : r->sequence + 1;
    d.sequence = r->sequence;
    PN_TRY(pn_descriptor_sign(&d, r->identity.sign_sk, r->descriptor,
                              sizeof r->descriptor, &r->descriptor_len));
    pn_gate_set_terms(r->gate, r->terms.features, d.hash);
    return rl_core_set_self(r->core, &r->onions,
                            (pn_bytes){ r->descriptor, r->descriptor_len });
}

/* The descriptor is signed anew when it tells other keys, or half its time is
 * over. */
pn_err fed_relay_refresh(fed_relay *r)
{
    const uint64_t wall = pn_wall_ms(&r->node.env);
    const uint64_t last = r->sequence * 1000;
    const size_t count = r->onions.count;
    const rl_onion *newest = rl_onions_current(&r->onions, wall);
    PN_TRY(renew_onions(r, wall));
    if (r->descriptor_len > 0 && count == r->onions.count &&
        newest == rl_onions_current(&r->onions, wall) && wall >= last &&
        wall < last + UINT64_C(14) * FED_DAY)
        return PN_OK;
    return describe(r, wall);
}

/* --- time ----------------------------------------------------------------- */

void fed_relay_touched(fed_relay *r)
{
    uint64_t at;
    if (!r->is_up || r->node.is_dying)
        return;
    at = fed_env_world(&r->node.own, rl_core_deadline(r->core));
    if (at < r->node.clock->now_ms)
        at = r->node.clock->now_ms;
    fed_timer_set(r->node.clock, &r->ticks, at);
}

static void on_tick(void *ctx)
{
    fed_relay *r = ctx;
    fed_node *before = fed_node_enter(&r->node);
    rl_core_tick(r->core);
    fed_relay_touched(r);
    fed_node_leave(before);
}

static void on_refresh(void *ctx)
{
    fed_relay *r = ctx;
    fed_node *before = fed_node_enter(&r->node);
    (void)!fed_relay_refresh(r); /* again later */
    fed_relay_touched(r);
    fed_node_leave(before);
    fed_timer_set(r->node.clock, &r->refreshes,
                  r->node.clock->now_ms + REFRESH_MS);
}

static void on_result(void *ctx, const rl_result *result)
{
    fed_relay *r = ctx;
    if (fed_shadow_result(r->shadow, result) || !fed_node_may(&r->node))
        return;
    rl_core_result(r->core, result);
}

static void on_commit(void *ctx)
{
    fed_relay *r = ctx;
    fed_node *before = fed_node_enter(NULL); /* the disk is no process */
    rl_store_mem_commit(r->store, SIZE_MAX);
    (void)fed_node_enter(&r->node);
    (void)rl_store_drain(r->store, on_result, r);
    fed_relay_touched(r);
    fed_node_leave(before);
}

/* --- life ----------------------------------------------------------------- */

static pn_err list_others(fed_relay *r)
{
    const fed_world *w = r->world;
    rl_destination list[FED_RELAYS_MAX];
    size_t count = 0;
    memset(list, 0, sizeof list);
    for (size_t i = 0; i < w->config.relays; i++) {
        if (i == r->index)
            continue;
        memcpy(list[count].key, w->relays[i].address.relay_key, 32);
        list[count].may_dial = true;
        list[count++].keep = w->config.keeps_links;
    }
    return rl_core_set_destinations(r->core, list, count);
}

static pn_err begin(fed_relay *r)
{
    rl_store_stats stats;
    PN_TRY(pn_gate_new(&r->gate, &r->node.env, &r->identity));
    PN_TRY(
        rl_core_new(&r->core, &r->node.env, &r->sink, &r->config, &r->terms));
    rl_store_stats_get(r->store, &stats);
    rl_core_set_expired(r->core, stats.expired, stats.clock);
    PN_TRY(fed_relay_refresh(r));
    PN_TRY(list_others(r));
    for (size_t i = 0; i < r->world->config.relays; i++) {
        if (r->known[i].len > 0)
            (void)!rl_core_learn(
                r->core, r->world->relays[i].address.relay_key,
                (pn_bytes){ r->known[i].bytes, r->known[i].len });
    }
    return PN_OK;
}

static void end_process(fed_relay *r)
{
    fed_clock *clock = r->node.clock;
    fed_peers_kill(r);
    rl_core_free(&r->core);
    pn_gate_free(&r->gate);
    r->descriptor_len = 0;
    r->is_up = false;
    r->node.is_dying = false;
    r->node.dies_in = 0;
    fed_timer_set(clock, &r->ticks, UINT64_MAX);
    fed_timer_set(clock, &r->commits, UINT64_MAX);
    fed_timer_set(clock, &r->refreshes, UINT64_MAX);
    fed_timer_set(clock, &r->node.death, UINT64_MAX);
}

void fed_relay_start(fed_relay *r)
{
    fed_node *before;
    pn_err err;
    if (r->is_up || r->is_gone)
        return;
    fed_watch_begins(r->world, r->node.number);
    before = fed_node_enter(&r->node);
    r->is_up = true;
    err = begin(r);
    fed_node_leave(before);
    if (err != PN_OK) {
        FED_CHECK(err == PN_E_NOMEM, "a relay starts", "relay %zu: %s",
                  r->index, pn_strerror(err));
        end_process(r);
        rl_store_mem_crash(r->store, 0);
        fed_timer_set(r->node.clock, &r->starts,
                      r->node.clock->now_ms + AGAIN_MS);
        return;
    }
    fed_timer_set(r->node.clock, &r->refreshes,
                  r->node.clock->now_ms + REFRESH_MS);
    fed_relay_touched(r);
}

void fed_relay_stop(fed_relay *r, size_t survive, uint64_t up_at_ms)
{
    fed_node *before = fed_node_enter(NULL);
    if (r->is_up)
        end_process(r);
    fed_shadow_crashed(r->shadow);
    rl_store_mem_crash(r->store, survive);
    fed_node_leave(before);
    r->is_gone = r->is_gone || up_at_ms == UINT64_MAX;
    fed_timer_set(r->node.clock, &r->starts,
                  r->is_gone ? UINT64_MAX : up_at_ms);
}

/* The count of its effects has run out: it is back in some seconds. */
static void on_death(void *ctx)
{
    fed_relay *r = ctx;
    fed_dice *d = &r->world->dice;
    const size_t survive = fed_chance(d, 300) ? SIZE_MAX : fed_roll(d, 6);
    r->world->deaths++;
    fed_relay_stop(r, survive,
                   r->node.clock->now_ms +
                       fed_between(d, FED_SECOND, 2 * FED_MINUTE));
}

static void on_start(void *ctx)
{
    fed_relay_start(ctx);
}

static void open_store(fed_relay *r)
{
    FED_CHECK(rl_store_mem_open(&r->store, &r->node.env, RL_MEM_MANUAL, NULL,
                                NULL) == PN_OK,
              "the simulator has memory", "store of relay %zu", r->index);
}

void fed_relay_wipe(fed_relay *r)
{
    const uint64_t now = r->node.clock->now_ms;
    fed_relay_stop(r, 0, now + FED_MINUTE);
    rl_store_close(&r->store);
    open_store(r);
    rl_onions_wipe(&r->onions);
    r->sequence = 0;
    memset(r->known, 0, sizeof r->known);
    fed_shadow_wiped(r->shadow);
}

static void configure(fed_relay *r)
{
    r->config = (rl_core_config){
        .queue_count = 128,
        .queue_bytes = 4 << 20,
        .ttl_days_max = 21,
        .creates_per_link = 300,
        .creates_per_origin = 10000,
        .failures_per_link = 60,
        .open_max = 100000,
        .forward = { .spool_bytes = 64 << 20,
                     .spool_count = 10000,
                     .spool_days = 21,
                     .per_link = 600,
                     .per_origin = 100000,
                     .delay_max_ms = r->world->config.forward_delay_ms,
                     .patience_ms = 60000,
                     .keep_ms = 5 * FED_MINUTE,
                     .commands = { 2000, 4000 } },
        .parcels = { 500, 10000, 16384 },
    };
    (void)crypto_generichash(r->config.forward.secret,
                             sizeof r->config.forward.secret,
                             r->identity.sign_sk, 32, NULL, 0);
    memcpy(r->config.forward.self, r->identity.relay_key, 32);
    r->terms = (rl_relay){
        .software = PN_BYTES_LIT("sim"),
        .version = PN_BYTES_LIT("1"),
        .features = PN_LINK_FEATURE_QUEUES | PN_LINK_FEATURE_PARCELS,
        .frame_max = PN_LINK_FRAME_MAX,
        .commands = { 200, 400 },
    };
}

void fed_relay_init(fed_relay *r, fed_world *w, size_t index, uint64_t seed)
{
    fed_clock *clock = &w->clock;
    uint8_t key_seed[32];
    memset(r, 0, sizeof *r);
    r->world = w;
    r->index = index;
    fed_node_init(&r->node, clock, index, seed, on_death, r);
    FED_CHECK(pn_random(&r->node.env, key_seed, sizeof key_seed) == PN_OK &&
                  pn_link_identity_from_seed(&r->identity, key_seed) == PN_OK,
              "the simulator has keys", "relay %zu", index);
    r->address =
        (pn_address){ .kind = PN_HOST_IPV4, .port = (uint16_t)(4430 + index) };
    memcpy(r->address.relay_key, r->identity.relay_key, 32);
    (void)snprintf(r->address.host, sizeof r->address.host, "192.0.2.%zu",
                   index + 1);
    pn_node_init(&r->peers);
    pn_msg_scratch_init(&r->scratch);
    fed_timer_init(&r->ticks, on_tick, r);
    fed_timer_init(&r->commits, on_commit, r);
    fed_timer_init(&r->refreshes, on_refresh, r);
    fed_timer_init(&r->starts, on_start, r);
    r->malice = fed_dice_of(seed, 500 + index);
    r->shadow = fed_shadow_new(index, &clock->now_ms);
    open_store(r);
    configure(r);
    r->sink = fed_relay_sink(r);
}

void fed_relay_free(fed_relay *r)
{
    if (r->is_up)
        end_process(r);
    fed_timer_set(r->node.clock, &r->starts, UINT64_MAX);
    rl_store_close(&r->store);
    rl_onions_wipe(&r->onions);
    pn_msg_scratch_release(&r->scratch);
    fed_shadow_free(&r->shadow);
    fed_hoard_free(&r->hoard);
}
