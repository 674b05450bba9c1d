#include "tests/support/onionkit.h"

#include <sodium.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

static const uint8_t operator_id[PN_OPERATOR_ID_BYTES];

/* coresim keeps no replies: the last one is kept here. */
static void on_msg(void *ctx, size_t link, const pn_msg *msg)
{
    onionkit *kit = ctx;
    (void)link;
    if (msg->kind != PN_MSG_PARCEL_RESULT)
        return;
    kit->last_len = msg->u.parcel_result.reply.len;
    if (kit->last_len > 0)
        memcpy(kit->last, msg->u.parcel_result.reply.p, kit->last_len);
}

size_t onionkit_describe(uint8_t out[PN_DESCRIPTOR_BYTES_MAX],
                         const uint8_t sk[64], uint64_t sequence,
                         uint64_t now_ms, const char *label)
{
    pn_descriptor d = { .relay_key = sk + 32,
                        .sequence = sequence,
                        .from_ms = now_ms,
                        .until_ms = now_ms + 1000000,
                        .limits = { 3, 21, 21, PN_ACCESS_OPEN, 64, 1 << 20 },
                        .operator_id = operator_id,
                        .label = { (const uint8_t *)label, strlen(label) } };
    size_t len;
    FUZZ_CHECK(pn_descriptor_sign(&d, sk, out, PN_DESCRIPTOR_BYTES_MAX, &len) ==
               PN_OK);
    return len;
}

const uint8_t *onionkit_add_key(onionkit *kit)
{
    const uint64_t now = pn_wall_ms(&kit->w->env);
    rl_onion_seed seed = { .from_ms = now,
                           .until_ms = now + UINT64_C(42) * 86400 * 1000,
                           .born = rl_core_today(kit->w->core) };
    for (size_t i = 0; i < sizeof seed.sk; i++)
        seed.sk[i] = (uint8_t)simenv_next(&kit->w->sim);
    FUZZ_CHECK(rl_onions_add(&kit->onions, &seed) == PN_OK);
    return rl_onions_current(&kit->onions, now)->id;
}

void onionkit_announce(onionkit *kit)
{
    const uint64_t now = pn_wall_ms(&kit->w->env);
    kit->descriptor_len = onionkit_describe(kit->descriptor, kit->relay_sk,
                                            ++kit->sequence, now, "sim");
    FUZZ_CHECK(rl_core_set_self(kit->w->core, &kit->onions,
                                (pn_bytes){ kit->descriptor,
                                            kit->descriptor_len }) == PN_OK);
}

void onionkit_init(onionkit *kit, coresim *w, uint64_t seed)
{
    uint8_t pk[32], key_seed[32] = { 9, 9, 9 };
    memset(kit, 0, sizeof *kit);
    kit->w = w;

    coresim_init(w, seed);
    (void)crypto_sign_seed_keypair(pk, kit->relay_sk, key_seed);
    memcpy(w->config.forward.self, pk, sizeof pk);
    coresim_restart(w, 0);
    w->on_msg = on_msg;
    w->ctx = kit;
    for (size_t i = 0; i < sizeof kit->body; i++)
        kit->body[i] = (uint8_t)simenv_next(&w->sim);
    (void)onionkit_add_key(kit);
    onionkit_announce(kit);
    coresim_settle(w);
}

void onionkit_free(onionkit *kit)
{
    coresim_free(kit->w);
    rl_onions_wipe(&kit->onions);
}

void onionkit_seal(onionkit *kit, const pn_parcel_command *cmd, size_t q,
                   pn_parcel_reply *reply)
{
    const uint64_t now = pn_wall_ms(&kit->w->env);
    const rl_onion *key = rl_onions_current(&kit->onions, now);
    pn_parcel_to to;
    FUZZ_CHECK(key != NULL);
    to = (pn_parcel_to){ kit->w->config.forward.self, key->key.pk };
    FUZZ_CHECK(pn_parcel_seal(
                   &kit->w->env, &to, cmd,
                   cmd->kind == PN_PARCEL_DEPOSIT ? NULL : kit->w->queues[q].sk,
                   kit->parcel, sizeof kit->parcel, &kit->parcel_len,
                   reply) == PN_OK);
}

pn_parcel_command onionkit_deposit(onionkit *kit, size_t q, uint64_t message,
                                   pn_envelope_class class)
{
    const coresim_queue *queue = &kit->w->queues[q];
    coresim_message_id(kit->ids, message);
    return (pn_parcel_command){
        .kind = PN_PARCEL_DEPOSIT,
        .u.deposit = { .send_id = { queue->send_id, 32 },
                       .capability = { queue->cap, 32 },
                       .message_id = { kit->ids, PN_MESSAGE_ID_BYTES },
                       .priority = PN_PRIORITY_NORMAL,
                       .envelope = { kit->body, pn_envelope_size(class) } }
    };
}

pn_parcel_command onionkit_create(onionkit *kit, size_t q)
{
    const coresim_queue *queue = &kit->w->queues[q];
    (void)crypto_generichash(kit->hash, 32, queue->cap, 32, NULL, 0);
    return (pn_parcel_command){ .kind = PN_PARCEL_CREATE,
                                .u.create = { .queue_key = { queue->pk, 32 },
                                              .deposit_hash = { kit->hash, 32 },
                                              .ttl_days = 21 } };
}

pn_parcel_command onionkit_manage(onionkit *kit, size_t q, pn_parcel_kind kind)
{
    static const uint8_t start[PN_PARCEL_CURSOR_BYTES];
    pn_parcel_command cmd = { .kind = kind };
    cmd.u.manage.recv_id = (pn_bytes){ kit->w->queues[q].recv_id, 32 };
    if (kind == PN_PARCEL_ROTATE)
        cmd.u.manage.deposit_hash = (pn_bytes){ kit->hash, 32 };
    if (kind == PN_PARCEL_FETCH)
        cmd.u.manage.cursor = (pn_bytes){ start, sizeof start };
    return cmd;
}

pn_err onionkit_send(onionkit *kit, size_t i, uint64_t id)
{
    const pn_msg m = { .id = id,
                       .kind = PN_MSG_PARCEL,
                       .u.parcel = { PN_PRIORITY_NORMAL,
                                     { kit->parcel, kit->parcel_len } } };
    kit->last_len = 0;
    return coresim_take(kit->w, i, &m);
}

int onionkit_outcome(onionkit *kit, size_t from, size_t i, uint64_t id)
{
    const coresim_event *e =
        coresim_find(kit->w, from, i, PN_MSG_PARCEL_RESULT, id);
    return e != NULL ? (int)e->msg.u.parcel_result.outcome : 0;
}

int onionkit_again(onionkit *kit, size_t i, const pn_parcel_reply *reply,
                   pn_parcel_answer *answer)
{
    static uint64_t id = 5000;
    const size_t from = kit->w->event_count;
    int outcome;
    memset(answer, 0, sizeof *answer);
    if (onionkit_send(kit, i, ++id) != PN_OK)
        return 0;
    coresim_settle(kit->w);
    outcome = onionkit_outcome(kit, from, i, id);
    if (outcome != PN_PARCEL_DONE)
        return -outcome;
    FUZZ_CHECK(kit->last_len == pn_parcel_reply_size(reply));
    FUZZ_CHECK(pn_parcel_reply_open(answer, reply,
                                    (pn_bytes){ kit->last, kit->last_len },
                                    kit->plain, sizeof kit->plain) == PN_OK);
    return (int)answer->status;
}

int onionkit_do(onionkit *kit, size_t i, size_t q, const pn_parcel_command *cmd,
                pn_parcel_answer *answer)
{
    pn_parcel_reply reply;
    onionkit_seal(kit, cmd, q, &reply);
    return onionkit_again(kit, i, &reply, answer);
}
