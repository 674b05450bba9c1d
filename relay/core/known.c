/* Descriptors: this relay's own, and those of the relays on the list, which are
 * asked for over links with them and given to clients. A client so learns a
 * relay's onion keys without ever speaking to it.
 */
#include <string.h>

#include "proto/base/mem.h"
#include "relay/core/dest.h"

static void give(rl_link *link, uint64_t id, pn_bytes descriptor)
{
    const pn_msg msg = { .id = id,
                         .kind = PN_MSG_DESCRIPTOR,
                         .u.descriptor.descriptor = descriptor };
    rl_answer(link, &msg);
}

static pn_bytes known_of(const rl_dest *dest)
{
    return (pn_bytes){ dest->descriptor, dest->descriptor_len };
}

/* Nothing can be sealed to it, so nothing would ever wait for it and have us
 * dial: whoever asks is told when asking again. */
static void knock(rl_dest *dest)
{
    if (!dest->listed || rl_gate_is_up(&dest->gate))
        return;
    dest->knocked = true;
    rl_dest_event(dest, RL_GATE_WANTED, 0);
}

pn_err rl_known_request(rl_link *link, const pn_msg *msg)
{
    const rl_core *core = link->core;
    const pn_bytes key = msg->u.descriptor_request.relay_key;
    rl_dest *dest;
    if (key.len == 0 ||
        memcmp(key.p, core->config.forward.self, PN_RELAY_KEY_BYTES) == 0) {
        give(link, msg->id,
             (pn_bytes){ core->descriptor, core->descriptor_len });
        return PN_OK;
    }
    dest = rl_dest_find(core, key.p);
    if (dest != NULL && dest->descriptor_len == 0 && link->dest == NULL)
        knock(dest);
    give(link, msg->id, dest != NULL ? known_of(dest) : (pn_bytes){ NULL, 0 });
    return PN_OK;
}

/* --- what others say ------------------------------------------------------ */

/* Keep it, in place of what was there. */
static pn_err keep(rl_dest *dest, pn_bytes descriptor)
{
    uint8_t *copy = pn_alloc(1, descriptor.len);
    pn_out out = pn_out_over(copy, descriptor.len);
    if (copy == NULL)
        return PN_E_NOMEM;
    pn_put(&out, descriptor);
    pn_free(dest->descriptor);
    dest->descriptor = copy;
    dest->descriptor_len = descriptor.len;
    return PN_OK;
}

void rl_known_forget(rl_dest *dest)
{
    pn_free(dest->descriptor);
    dest->descriptor = NULL;
    dest->descriptor_len = 0;
}

/* PN_OK if `next` takes the place of what is known. */
static pn_err compare(const rl_dest *dest, const pn_descriptor *next)
{
    pn_descriptor old;
    if (dest->descriptor == NULL)
        return PN_OK;
    PN_TRY(pn_descriptor_read(&old, known_of(dest)));
    return pn_descriptor_newer(&old, next);
}

pn_err rl_core_learn(rl_core *core, const uint8_t key[PN_RELAY_KEY_BYTES],
                     pn_bytes descriptor)
{
    rl_dest *dest = rl_dest_find(core, key);
    pn_descriptor d;
    if (dest == NULL)
        return PN_E_NOT_FOUND;
    PN_TRY(pn_descriptor_read(&d, descriptor));
    if (memcmp(d.relay_key, key, PN_RELAY_KEY_BYTES) != 0)
        return PN_E_REFUSED;
    PN_TRY(compare(dest, &d));
    return keep(dest, descriptor);
}

static void judge(rl_core *core, rl_dest *dest, pn_bytes descriptor)
{
    pn_descriptor d;
    pn_err err =
        pn_descriptor_verify(&d, descriptor, dest->key, pn_wall_ms(core->env));
    if (err == PN_OK)
        err = compare(dest, &d);
    else if (err == PN_E_PROTO)
        err = PN_E_CRYPTO; /* not to be taken for two stories */
    if (err == PN_OK)
        err = keep(dest, descriptor);
    switch ((int)err) {
    case PN_OK:
        if (core->sink.described != NULL)
            core->sink.described(core->sink.ctx, dest->key, descriptor);
        break;
    case PN_E_EXISTS:
        break;
    case PN_E_REFUSED:
        pn_log(core->env, PN_LOG_WARN,
               "a relay on the list gave an older descriptor than before: kept "
               "the newer one");
        break;
    case PN_E_PROTO:
        pn_log(core->env, PN_LOG_ERROR,
               "a relay on the list has signed two descriptors under one "
               "number: it tells two stories; kept the first");
        break;
    default:
        pn_log(core->env, PN_LOG_WARN,
               "a relay on the list gave a descriptor that cannot be taken: %s",
               pn_strerror(err));
        break;
    }
}

pn_err rl_known_take(rl_link *link, const pn_msg *msg)
{
    rl_dest *dest = link->dest;
    const pn_bytes descriptor = msg->u.descriptor.descriptor;
    if (link->describe_id == 0 || msg->id != link->describe_id)
        return PN_E_PROTO; /* an answer to nothing */
    link->describe_id = 0;
    if (dest != NULL && descriptor.len > 0)
        judge(link->core, dest, descriptor);
    return PN_OK;
}

bool rl_known_error(rl_link *link, uint64_t id)
{
    const bool ours = link->describe_id != 0 && id == link->describe_id;
    if (ours)
        link->describe_id = 0; /* it has none, or keeps it to itself */
    return ours;
}

/* --- when to ask ---------------------------------------------------------- */

static void ask(rl_link *link)
{
    rl_dest *dest = link->dest;
    const pn_msg msg = { .id = ++dest->frame_id,
                         .kind = PN_MSG_DESCRIPTOR_REQUEST };
    if (link->describe_id != 0)
        return;
    link->describe_id = msg.id;
    rl_answer(link, &msg);
}

void rl_core_announced(rl_link *link, const uint8_t *hash)
{
    const rl_dest *dest = link->dest;
    static const uint8_t none[PN_DESCRIPTOR_HASH_BYTES];
    pn_descriptor d;
    if (dest == NULL)
        return;
    if (hash != NULL && (memcmp(hash, none, sizeof none) == 0 ||
                         (dest->descriptor != NULL &&
                          pn_descriptor_read(&d, known_of(dest)) == PN_OK &&
                          memcmp(d.hash, hash, sizeof d.hash) == 0)))
        return;
    ask(link);
}

void rl_known_tick(rl_core *core, uint64_t now)
{
    if (core->ask_ms > now)
        return;
    core->ask_ms = now + RL_ASK_AGAIN_MS;
    for (pn_node *at = core->dest_list.next; at != &core->dest_list;
         at = at->next) {
        pn_node *first = pn_list_first(&PN_ENTRY(at, rl_dest, in_core)->links);
        if (first != NULL)
            ask(PN_ENTRY(first, rl_link, in_dest));
    }
}
