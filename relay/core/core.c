#include "relay/core/core.h"

#include <string.h>

#include "proto/base/mem.h"
#include "relay/core/dest.h"
#include "relay/core/opening.h"

pn_err rl_core_new(rl_core **out, const pn_env *env, const rl_sink *sink,
                   const rl_core_config *config, const rl_relay *relay)
{
    rl_core *core = pn_alloc(1, sizeof *core);
    pn_err err;
    *out = NULL;
    if (core == NULL)
        return PN_E_NOMEM;
    core->env = env;
    core->sink = *sink;
    core->look_ms = pn_mono_ms(env);
    core->retry_ms = UINT64_MAX;
    core->ask_ms = core->look_ms + RL_ASK_AGAIN_MS;
    pn_node_init(&core->links);
    pn_node_init(&core->orphans);
    pn_node_init(&core->late);
    rl_dests_init(core);
    rl_core_configure(core, config, relay);
    rl_core_set_expired(core, 0, 0);
    pn_node_init(&core->tags.list);
    err = pn_map_init(&core->queues, env, RL_QUEUE_ID_BYTES, SIZE_MAX);
    if (err == PN_OK)
        err = pn_map_init(&core->dests, env, PN_RELAY_KEY_BYTES, SIZE_MAX);
    if (err == PN_OK)
        err = pn_map_init(&core->asked, env, RL_MESSAGE_ID_BYTES, RL_ASKED_MAX);
    if (err == PN_OK)
        err = rl_tags_init(core);
    if (err == PN_OK)
        err = rl_origins_init(&core->origins, env);
    if (err == PN_OK)
        err = rl_origins_init(&core->forwarders, env);
    if (err != PN_OK) {
        rl_core_free(&core);
        return err;
    }
    *out = core;
    return PN_OK;
}

static void free_ops(rl_core *core, pn_node *head)
{
    while (!pn_list_is_empty(head))
        rl_pending_free(core, PN_FRONT(head, rl_pending, in_link));
}

void rl_core_free(rl_core **corep)
{
    rl_core *core = corep != NULL ? *corep : NULL;
    if (core == NULL)
        return;
    rl_dests_stop(core);
    while (!pn_list_is_empty(&core->links))
        rl_core_closed(PN_FRONT(&core->links, rl_link, in_core));
    free_ops(core, &core->orphans);
    rl_dests_free(core);
    pn_map_free(&core->queues);
    pn_map_free(&core->asked);
    rl_tags_free(core);
    pn_free(core->descriptor);
    pn_free_wiped(core->plain, PN_PARCEL_PLAIN_MAX);
    pn_free(core->reply);
    pn_free(core->body);
    rl_origins_free(&core->origins);
    rl_origins_free(&core->forwarders);
    pn_free_wiped(core, sizeof *core);
    *corep = NULL;
}

void rl_core_set_expired(rl_core *core, rl_day day, rl_day clock)
{
    core->expired = day;
    core->expired_clock = clock;
    rl_calendar_start(&core->calendar, day, clock, pn_wall_ms(core->env),
                      pn_mono_ms(core->env));
}

void rl_core_configure(rl_core *core, const rl_core_config *config,
                       const rl_relay *relay)
{
    core->config = *config;
    core->relay = *relay;
    core->for_relays = *relay;
    core->for_relays.commands = config->forward.commands;
}

static pn_err make_room(rl_core *core)
{
    if (core->plain == NULL)
        core->plain = pn_alloc(1, PN_PARCEL_PLAIN_MAX);
    if (core->reply == NULL)
        core->reply = pn_alloc(1, PN_REPLY_MAX);
    return core->plain != NULL && core->reply != NULL ? PN_OK : PN_E_NOMEM;
}

pn_err rl_core_set_self(rl_core *core, const rl_onions *onions,
                        pn_bytes descriptor)
{
    uint8_t *copy;
    pn_out out;
    PN_TRY(make_room(core));
    copy = pn_alloc(1, descriptor.len);
    if (copy == NULL)
        return PN_E_NOMEM;
    out = pn_out_over(copy, descriptor.len);
    pn_put(&out, descriptor);
    pn_free(core->descriptor);
    core->descriptor = copy;
    core->descriptor_len = descriptor.len;
    core->onions = onions;
    rl_tags_prune(core);
    rl_tags_open(core);
    return PN_OK;
}

rl_day rl_core_today(rl_core *core)
{
    return rl_today(core);
}

void rl_core_parcels_stats(const rl_core *core, rl_parcels_stats *out)
{
    *out = core->opened;
    out->tags = core->tags.map.count;
}

static rl_link *make_link(rl_core *core, void *peer,
                          const uint8_t binding[RL_BINDING_BYTES])
{
    rl_link *link = pn_alloc(1, sizeof *link);
    if (link == NULL)
        return NULL;
    link->core = core;
    link->peer = peer;
    memcpy(link->binding, binding, RL_BINDING_BYTES);
    rl_session_init(&link->session);
    pn_node_init(&link->ops);
    pn_node_init(&link->stalled);
    pn_node_init(&link->asked);
    pn_node_init(&link->in_asking);
    pn_node_init(&link->in_dest);
    pn_list_push_back(&core->links, &link->in_core);
    core->stats.links++;
    return link;
}

pn_err rl_core_open(rl_core *core, void *peer, rl_grants grants,
                    uint64_t origin, const uint8_t binding[RL_BINDING_BYTES],
                    rl_link **out)
{
    rl_link *link = make_link(core, peer, binding);
    *out = link;
    if (link == NULL)
        return PN_E_NOMEM;
    link->grants = grants;
    link->origin = origin;
    return PN_OK;
}

pn_err rl_core_open_relay(rl_core *core, void *peer, const uint8_t *key,
                          const uint8_t *noise_pk,
                          const uint8_t binding[RL_BINDING_BYTES],
                          rl_link **out)
{
    rl_dest *dest = key != NULL ? rl_dest_find(core, key)
                                : rl_dest_of_noise(core, noise_pk);
    rl_link *link;
    *out = NULL;
    if (dest == NULL)
        return PN_E_REFUSED;
    link = make_link(core, peer, binding);
    *out = link;
    if (link == NULL)
        return PN_E_NOMEM;
    link->is_relay = true;
    link->grants.parcels = true;
    memcpy(&link->origin, dest->key, sizeof link->origin);
    rl_convey_attach(dest, link, key != NULL);
    return PN_OK;
}

void rl_core_writable(rl_link *link)
{
    link->full = false;
    rl_mail_resume(link);
    rl_convey_writable(link);
}

/* The store still has it and will answer, or its look-ups will. */
static bool is_awaited(const rl_pending *p)
{
    return p->place == RL_IN_STORE || p->place == RL_BATCH;
}

void rl_core_closed(rl_link *link)
{
    rl_core *core = link->core;
    pn_node *at;
    link->session.state = RL_SESSION_CLOSED; /* no effects from here on */
    rl_asked_drop_link(link);
    rl_convey_detach(link);
    for (uint32_t i = 0; i < link->handles; i++)
        if (link->queues[i] != NULL)
            rl_queue_release(core, link->queues[i], RL_SILENTLY);
    while ((at = pn_list_first(&link->ops)) != NULL) {
        rl_pending *p = PN_ENTRY(at, rl_pending, in_link);
        if (is_awaited(p)) {
            pn_list_remove(at);
            pn_list_push_back(&core->orphans, at);
            p->link = NULL;
        } else {
            p->link = NULL; /* not counted any more */
            rl_pending_free(core, p);
        }
    }
    pn_list_remove(&link->in_core);
    core->stats.links--;
    pn_free(link->queues);
    pn_free_wiped(link, sizeof *link);
}

pn_err rl_core_operate(rl_core *core, rl_op_kind kind,
                       const uint8_t id[RL_QUEUE_ID_BYTES], uint64_t ticket)
{
    rl_op op = { .kind = kind, .id = id };
    rl_pending *p;
    pn_err err;
    if (kind != RL_OP_BLOCK && kind != RL_OP_UNBLOCK && kind != RL_OP_PURGE)
        return PN_E_ARG;
    p = rl_pending_new(core, NULL, sizeof *p, (pn_msg_kind)RL_BY_OPERATOR,
                       ticket, 0);
    if (p == NULL)
        return PN_E_NOMEM;
    err = rl_submit(core, p, &op);
    if (err != PN_OK)
        rl_pending_free(core, p);
    return err;
}

/* By the command that asked, not by the operation: a fetch is a fetch,
 * whether pushed or not. */
static void route(rl_core *core, rl_pending *p, const rl_result *r)
{
    switch (p->kind) {
    case PN_MSG_DEPOSIT:
        rl_deposit_result(core, p, r);
        break;
    case PN_MSG_FORWARD:
        rl_forward_result(core, p, r);
        break;
    case PN_MSG_PARCEL:
        rl_parcel_result(core, p, r);
        break;
    case RL_BY_TAGS:
        rl_tags_result(core, p, r);
        break;
    case RL_BY_SPOOL:
        rl_spool_result(core, p, r);
        break;
    case PN_MSG_FETCH:
        rl_mail_fetched(core, p, r);
        break;
    case PN_MSG_ACK:
        rl_mail_acked(core, p, r);
        break;
    case PN_MSG_QUEUE_CREATE:
        rl_create_result(core, p, r);
        break;
    case PN_MSG_QUEUE_OPEN:
        rl_open_result(core, p, r);
        break;
    case PN_MSG_QUEUE_ROTATE:
    case PN_MSG_QUEUE_SUSPEND:
    case PN_MSG_QUEUE_RESUME:
    case PN_MSG_QUEUE_DELETE:
        rl_manage_result(core, p, r);
        break;
    case RL_BY_OPERATOR:
        if (core->sink.operated != NULL)
            core->sink.operated(core->sink.ctx, p->id, r);
        rl_pending_free(core, p);
        break;
    case RL_BY_EXPIRY:
        rl_expire_result(core, p, r);
        break;
    default: /* nobody waits for it */
        rl_pending_free(core, p);
        break;
    }
}

void rl_core_result(rl_core *core, const rl_result *result)
{
    rl_pending *p = (rl_pending *)(uintptr_t)result->token;
    rl_link *link = p->link;
    route(core, p, result);
    if (result->kind == RL_OP_EXPIRE)
        rl_dests_recount(core);
    if (link != NULL)
        rl_mail_resume(link);
}

/* The failure of a command, at its time. */
static void say_late(rl_core *core, rl_pending *p)
{
    rl_link *link = p->link;
    const uint64_t id = p->id;
    if (p->kind == PN_MSG_QUEUE_OPEN) {
        rl_open_answer(core, p);
        return;
    }
    if (p->kind == PN_MSG_PARCEL) {
        rl_parcel_say_late(core, (rl_opening *)(void *)p);
        return;
    }
    if (p->kind == PN_MSG_DEPOSIT)
        rl_answer_deposit(link, id, PN_DEPOSIT_UNKNOWN, 0);
    else if (p->kind == PN_MSG_FORWARD)
        rl_forward_answer(link, id, PN_FORWARD_UNKNOWN, 0);
    else
        rl_answer_done(link, id, PN_QUEUE_NOT_ALLOWED, 0);
    rl_pending_free(core, p);
}

void rl_core_tick(rl_core *core)
{
    const uint64_t now = pn_mono_ms(core->env);
    pn_node *at;
    while ((at = pn_list_first(&core->late)) != NULL) {
        rl_pending *p = PN_ENTRY(at, rl_pending, in_wait);
        if (p->due_ms > now)
            break;
        say_late(core, p);
    }
    if (core->retry_ms <= now) {
        core->retry_ms = UINT64_MAX;
        for (at = core->links.next; at != &core->links; at = at->next)
            rl_mail_resume(PN_ENTRY(at, rl_link, in_core));
    }
    rl_expire_tick(core, now);
    rl_tags_tick(core, now);
    rl_known_tick(core, now);
    rl_dests_tick(core);
}

uint64_t rl_core_deadline(const rl_core *core)
{
    pn_node *late = pn_list_first(&core->late);
    const uint64_t asked = rl_asked_deadline(core);
    uint64_t at =
        core->look_ms < core->retry_ms ? core->look_ms : core->retry_ms;
    at = core->dest_ms < at ? core->dest_ms : at;
    at = core->tags.retry_ms < at ? core->tags.retry_ms : at;
    at = core->ask_ms < at ? core->ask_ms : at;
    at = asked < at ? asked : at;
    if (late != NULL) {
        const uint64_t due = PN_ENTRY(late, rl_pending, in_wait)->due_ms;
        at = due < at ? due : at;
    }
    return at;
}

void rl_core_stats_get(const rl_core *core, rl_core_stats *out)
{
    *out = core->stats;
    out->open_queues = core->queues.count;
}
