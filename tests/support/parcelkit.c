#include "tests/support/parcelkit.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

const pn_parcel_kind parcelkit_kinds[PARCELKIT_KINDS] = {
    PN_PARCEL_DEPOSIT, PN_PARCEL_FETCH,   PN_PARCEL_ACK,    PN_PARCEL_CREATE,
    PN_PARCEL_ROTATE,  PN_PARCEL_SUSPEND, PN_PARCEL_RESUME, PN_PARCEL_DELETE,
};

static void must(bool fine)
{
    if (!fine)
        abort();
}

void parcelkit_init(parcelkit *kit, uint64_t seed)
{
    uint8_t secret[PN_XWING_SK_BYTES], queue_seed[32];
    must(sodium_init() >= 0);
    simenv_init(&kit->sim, seed);
    kit->env = simenv_env(&kit->sim);
    must(pn_random(&kit->env, secret, sizeof secret) == PN_OK);
    must(pn_random(&kit->env, queue_seed, sizeof queue_seed) == PN_OK);
    must(pn_random(&kit->env, kit->relay_key, 32) == PN_OK);
    must(pn_random(&kit->env, kit->noise, sizeof kit->noise) == PN_OK);
    must(pn_xwing_expand(&kit->onion, secret) == PN_OK);
    must(crypto_sign_seed_keypair(kit->queue_pk, kit->queue_sk, queue_seed) ==
         0);
    kit->to = (pn_parcel_to){ kit->relay_key, kit->onion.pk };
}

static pn_bytes some(const parcelkit *kit, size_t at, size_t len)
{
    return (pn_bytes){ kit->noise + at, len };
}

pn_parcel_command parcelkit_command(const parcelkit *kit, pn_parcel_kind kind,
                                    pn_envelope_class c)
{
    pn_parcel_command cmd = { .kind = kind };
    pn_parcel_manage *m = &cmd.u.manage;
    if (kind == PN_PARCEL_DEPOSIT) {
        cmd.u.deposit = (pn_msg_deposit){
            .send_id = some(kit, 100, PN_QUEUE_ID_BYTES),
            .capability = some(kit, 200, PN_CAPABILITY_BYTES),
            .message_id = some(kit, 300, PN_MESSAGE_ID_BYTES),
            .priority = PN_PRIORITY_NORMAL,
            .ttl_days = 21,
            .envelope = some(kit, 0, pn_envelope_size(c)),
        };
        return cmd;
    }
    if (kind == PN_PARCEL_CREATE) {
        cmd.u.create = (pn_parcel_create){
            .queue_key = { kit->queue_pk, PN_QUEUE_KEY_BYTES },
            .deposit_hash = some(kit, 400, PN_DEPOSIT_HASH_BYTES),
            .ttl_days = 30,
            .access_secret = some(kit, 500, 17),
        };
        return cmd;
    }
    m->recv_id = some(kit, 600, PN_QUEUE_ID_BYTES);
    if (kind == PN_PARCEL_FETCH || kind == PN_PARCEL_ACK) {
        m->message_ids = some(kit, 700, (size_t)5 * PN_MESSAGE_ID_BYTES);
        m->refused_seen = true;
    }
    if (kind == PN_PARCEL_FETCH) {
        m->cursor = some(kit, 800, PN_PARCEL_CURSOR_BYTES);
        m->room = c;
    }
    if (kind == PN_PARCEL_ROTATE)
        m->deposit_hash = some(kit, 400, PN_DEPOSIT_HASH_BYTES);
    return cmd;
}

size_t parcelkit_seal(parcelkit *kit, const pn_parcel_command *cmd,
                      uint8_t out[PN_PARCEL_MAX], pn_parcel_reply *reply)
{
    size_t len;
    must(pn_parcel_seal(&kit->env, &kit->to, cmd,
                        cmd->kind == PN_PARCEL_DEPOSIT ? NULL : kit->queue_sk,
                        out, PN_PARCEL_MAX, &len, reply) == PN_OK);
    return len;
}

size_t parcelkit_seal_content(parcelkit *kit, const uint8_t *content,
                              pn_envelope_class c, uint8_t out[PN_PARCEL_MAX])
{
    const size_t len = PN_PARCEL_HEADER_BYTES + pn_envelope_size(c);
    uint8_t info[48] = "postern/parcel/1";
    uint8_t *const enc = out + 1 + PN_KEY_ID_BYTES;
    pn_hpke hpke;
    memcpy(info + 16, kit->relay_key, 32);
    out[0] = (uint8_t)c;
    pn_onion_id(out + 1, kit->onion.pk);
    must(pn_hpke_setup_sender(&hpke, enc, kit->onion.pk,
                              (pn_bytes){ info, sizeof info },
                              &kit->env) == PN_OK);
    must(pn_hpke_seal(&hpke, enc + PN_HPKE_ENC_BYTES, (pn_bytes){ out, 5 },
                      (pn_bytes){ content, len }) == PN_OK);
    pn_hpke_wipe(&hpke);
    return pn_parcel_size(c);
}

pn_parcel_answer parcelkit_answer(const parcelkit *kit, pn_parcel_kind kind,
                                  pn_envelope_class room)
{
    pn_parcel_answer a = { .status = PN_PARCEL_OK };
    if (kind == PN_PARCEL_CREATE) {
        a.u.created = (pn_parcel_created){
            .recv_id = some(kit, 1000, PN_QUEUE_ID_BYTES),
            .send_id = some(kit, 1100, PN_QUEUE_ID_BYTES),
            .max_count = 128,
            .max_bytes = 4194304,
            .ttl_days = 30,
        };
    } else if (kind == PN_PARCEL_ACK) {
        a.u.forgotten = 5;
    } else if (kind == PN_PARCEL_FETCH) {
        a.u.fetched = (pn_parcel_fetched){
            .message_id = some(kit, 300, PN_MESSAGE_ID_BYTES),
            .priority = PN_PRIORITY_BULK,
            .class = room,
            .envelope = some(kit, 0, pn_envelope_size(room)),
            .more = true,
            .refused = 5,
            .cursor = some(kit, 1200, PN_PARCEL_CURSOR_BYTES),
        };
    }
    return a;
}

static bool manage_equal(const pn_parcel_manage *a, const pn_parcel_manage *b)
{
    return pn_bytes_equal(a->recv_id, b->recv_id) &&
           pn_bytes_equal(a->deposit_hash, b->deposit_hash) &&
           pn_bytes_equal(a->message_ids, b->message_ids) &&
           a->refused_seen == b->refused_seen &&
           pn_bytes_equal(a->cursor, b->cursor) && a->room == b->room;
}

bool parcelkit_command_equal(const pn_parcel_command *a,
                             const pn_parcel_command *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == PN_PARCEL_DEPOSIT) {
        const pn_msg_deposit *x = &a->u.deposit, *y = &b->u.deposit;
        return pn_bytes_equal(x->send_id, y->send_id) &&
               pn_bytes_equal(x->capability, y->capability) &&
               pn_bytes_equal(x->message_id, y->message_id) &&
               x->priority == y->priority && x->ttl_days == y->ttl_days &&
               pn_bytes_equal(x->envelope, y->envelope);
    }
    if (a->kind == PN_PARCEL_CREATE) {
        const pn_parcel_create *x = &a->u.create, *y = &b->u.create;
        return pn_bytes_equal(x->queue_key, y->queue_key) &&
               pn_bytes_equal(x->deposit_hash, y->deposit_hash) &&
               x->ttl_days == y->ttl_days &&
               pn_bytes_equal(x->access_secret, y->access_secret);
    }
    return manage_equal(&a->u.manage, &b->u.manage);
}

bool parcelkit_answer_equal(pn_parcel_kind kind, const pn_parcel_answer *a,
                            const pn_parcel_answer *b)
{
    if (a->status != b->status || a->retry_after_ms != b->retry_after_ms)
        return false;
    if (kind == PN_PARCEL_FETCH) {
        const pn_parcel_fetched *x = &a->u.fetched, *y = &b->u.fetched;
        return pn_bytes_equal(x->message_id, y->message_id) &&
               x->priority == y->priority && x->class == y->class &&
               pn_bytes_equal(x->envelope, y->envelope) && x->more == y->more &&
               x->refused == y->refused && pn_bytes_equal(x->cursor, y->cursor);
    }
    if (a->status != PN_PARCEL_OK)
        return true;
    if (kind == PN_PARCEL_CREATE) {
        const pn_parcel_created *x = &a->u.created, *y = &b->u.created;
        return pn_bytes_equal(x->recv_id, y->recv_id) &&
               pn_bytes_equal(x->send_id, y->send_id) &&
               x->max_count == y->max_count && x->max_bytes == y->max_bytes &&
               x->ttl_days == y->ttl_days;
    }
    return kind != PN_PARCEL_ACK || a->u.forgotten == b->u.forgotten;
}
