/* Parcels, answers and descriptors, byte for byte as an independent
 * implementation makes them from the text of the protocol
 * (tests/reference/parcel.mjs): everything is made here again on the vectors'
 * randomness and compared, and what was made is opened. */
#include "tests/support/cmocka.h"

#include <sodium.h>
#include <string.h>

#include "proto/link/link.h"
#include "proto/parcel/parcel.h"
#include "proto/roster/descriptor.h"
#include "tests/support/parcelkit.h"
#include "tests/unit/client/core/vector.h"

static uint8_t plain[PN_PARCEL_PLAIN_MAX], envelope[PN_ENVELOPE_MAX];
/* Where the fields of a command or an answer lie. */
static uint8_t room[4][PN_PARCEL_BODY_BYTES];

static bool has(const json_t *o, const char *name)
{
    return json_object_get(o, name) != NULL;
}

static uint32_t small(const json_t *o, const char *name)
{
    return (uint32_t)number(o, name);
}

static bool truth(const json_t *o, const char *name)
{
    return json_is_true(json_object_get(o, name));
}

/* An enum's value, as the wire's number. */
static int choice(const json_t *o, const char *name)
{
    return (int)number(o, name);
}

static pn_bytes pattern(const json_t *o)
{
    const size_t len = (size_t)number(o, "envelope_len");
    assert_true(len <= sizeof envelope);
    for (size_t i = 0; i < len; i++)
        envelope[i] = (uint8_t)(i * 7 + len);
    return (pn_bytes){ envelope, len };
}

/* A field, or nothing where the vector has none. */
static pn_bytes field(unsigned at, const json_t *o, const char *name)
{
    return has(o, name) ? bytes_to(room[at], o, name) : (pn_bytes){ NULL, 0 };
}

static pn_parcel_command command_of(const json_t *o)
{
    const int kind = choice(o, "command");
    pn_parcel_command cmd = { .kind = (pn_parcel_kind)kind };
    if (cmd.kind == PN_PARCEL_DEPOSIT) {
        const int priority = choice(o, "priority");
        cmd.u.deposit = (pn_msg_deposit){
            .send_id = field(0, o, "send_id"),
            .capability = field(1, o, "capability"),
            .message_id = field(2, o, "message_id"),
            .priority = (pn_priority)priority,
            .ttl_days = small(o, "ttl_days"),
            .envelope = pattern(o),
        };
    } else if (cmd.kind == PN_PARCEL_CREATE) {
        cmd.u.create = (pn_parcel_create){
            .queue_key = field(0, o, "queue_key"),
            .deposit_hash = field(1, o, "deposit_hash"),
            .ttl_days = small(o, "ttl_days"),
            .access_secret = field(2, o, "access_secret"),
        };
    } else {
        const int largest = has(o, "room") ? choice(o, "room") : 0;
        cmd.u.manage = (pn_parcel_manage){
            .recv_id = field(0, o, "recv_id"),
            .deposit_hash = field(1, o, "deposit_hash"),
            .message_ids = field(2, o, "message_ids"),
            .refused_seen =
                has(o, "refused_seen") && number(o, "refused_seen") == 1,
            .cursor = field(3, o, "cursor"),
            .room = (pn_envelope_class)largest,
        };
    }
    return cmd;
}

static pn_parcel_answer answer_of(const json_t *o, uint8_t kind)
{
    const int status = choice(o, "status");
    pn_parcel_answer a = { .status = (pn_parcel_status)status,
                           .retry_after_ms = small(o, "retry_after_ms") };
    if (kind == PN_PARCEL_FETCH) {
        const int priority = choice(o, "priority"), class = choice(o, "class");
        a.u.fetched = (pn_parcel_fetched){
            .message_id = field(0, o, "message_id"),
            .priority = (pn_priority)priority,
            .class = (pn_envelope_class) class,
            .envelope = pattern(o),
            .more = truth(o, "more"),
            .refused = (uint8_t)number(o, "refused"),
            .cursor = field(1, o, "cursor"),
        };
    } else if (has(o, "recv_id")) {
        a.u.created = (pn_parcel_created){
            .recv_id = field(0, o, "recv_id"),
            .send_id = field(1, o, "send_id"),
            .max_count = small(o, "max_count"),
            .max_bytes = small(o, "max_bytes"),
            .ttl_days = small(o, "ttl_days"),
        };
    } else if (has(o, "forgotten")) {
        a.u.forgotten = small(o, "forgotten");
    }
    return a;
}

/* What was made is what the vector says, whole or by its hash. */
static void is_recorded(const json_t *o, const char *name, pn_bytes got)
{
    char key[64];
    uint8_t hash[32];
    (void)snprintf(key, sizeof key, "%s_len", name);
    assert_int_equal(got.len, number(o, key));
    (void)crypto_generichash(hash, sizeof hash, got.p, got.len, NULL, 0);
    (void)snprintf(key, sizeof key, "%s_blake2b", name);
    same(o, key, hash, sizeof hash);
    if (has(o, name))
        same(o, name, got.p, got.len);
}

static void answers(const json_t *list, const pn_parcel_reply *reply)
{
    const json_t *o;
    size_t i;
    assert_true(json_array_size(list) > 0);
    json_array_foreach(list, i, o)
    {
        const pn_parcel_answer a = answer_of(o, reply->kind);
        pn_parcel_answer got;
        scriptenv s;
        pn_env env;
        size_t len;
        script(&s, &env, o, "nonce");
        assert_int_equal(
            pn_parcel_reply_seal(&env, reply, &a, made, ROOM, &len), PN_OK);
        assert_true(scriptenv_is_spent(&s));
        is_recorded(o, "reply", (pn_bytes){ made, len });
        assert_int_equal(pn_parcel_reply_open(&got, reply,
                                              (pn_bytes){ made, len }, plain,
                                              sizeof plain),
                         PN_OK);
        assert_int_equal(got.status, a.status);
        assert_int_equal(got.retry_after_ms, a.retry_after_ms);
    }
}

static void one_parcel(const json_t *o)
{
    const pn_parcel_command cmd = command_of(o);
    uint8_t relay_key[32], secret[32], seed[32], queue_pk[32], queue_sk[64];
    const uint8_t *sign_sk = cmd.kind == PN_PARCEL_DEPOSIT ? NULL : queue_sk;
    pn_parcel_reply reply;
    pn_parcel_opened got;
    pn_parcel_face face;
    pn_xwing_key onion;
    pn_parcel_to to;
    pn_bytes whole;
    scriptenv s;
    pn_env env;
    size_t len;
    fixed(relay_key, 32, o, "relay_key");
    fixed(secret, 32, o, "onion_secret");
    fixed(seed, 32, o, "queue_seed");
    assert_int_equal(crypto_sign_seed_keypair(queue_pk, queue_sk, seed), 0);
    assert_int_equal(pn_xwing_expand(&onion, secret), PN_OK);
    to = (pn_parcel_to){ relay_key, onion.pk };
    script(&s, &env, o, "random");
    assert_int_equal(
        pn_parcel_seal(&env, &to, &cmd, sign_sk, made, ROOM, &len, &reply),
        PN_OK);
    assert_true(scriptenv_is_spent(&s));
    whole = (pn_bytes){ made, len };
    is_recorded(o, "parcel", whole);
    same(o, "reply_secret", reply.secret, sizeof reply.secret);
    same(o, "binding", reply.binding, sizeof reply.binding);
    assert_int_equal(pn_parcel_look(&face, whole), PN_OK);
    same(o, "tag", face.tag, sizeof face.tag);
    same(o, "onion_id", face.key_id, sizeof face.key_id);
    assert_int_equal(
        pn_parcel_open(&got, whole, relay_key, &onion, plain, sizeof plain),
        PN_OK);
    assert_int_equal(got.command.kind, cmd.kind);
    assert_memory_equal(&got.reply, &reply, sizeof reply);
    if (sign_sk != NULL)
        assert_int_equal(pn_parcel_check(&got, queue_pk), PN_OK);
    answers(json_object_get(o, "answers"), &reply);
}

static void parcels(void **state)
{
    json_t *root, *items = load("parcel.json", "parcels", &root), *o;
    uint64_t seen = 0;
    size_t i;
    (void)state;
    json_array_foreach(items, i, o)
    {
        one_parcel(o);
        seen |= UINT64_C(1) << number(o, "command");
    }
    for (i = 0; i < PARCELKIT_KINDS; i++)
        assert_true((seen >> parcelkit_kinds[i] & 1) == 1);
    assert_int_equal(json_array_size(items), 13);
    json_decref(root);
}

static void descriptors(void **state)
{
    json_t *root, *items = load("parcel.json", "descriptors", &root), *o, *e;
    static pn_xwing_key keys[PN_DESCRIPTOR_ONIONS_MAX];
    static uint8_t out[PN_DESCRIPTOR_BYTES_MAX];
    size_t i, k, len;
    (void)state;
    json_array_foreach(items, i, o)
    {
        const json_t *limits = json_object_get(o, "limits");
        uint8_t seed[32], operator_id[32];
        pn_link_identity id;
        pn_descriptor d = { .sequence = number(o, "sequence"),
                            .from_ms = number(o, "from_ms"),
                            .until_ms = number(o, "until_ms"),
                            .features = number(o, "features") },
                      got;
        fixed(seed, 32, o, "seed");
        fixed(operator_id, 32, o, "operator");
        assert_int_equal(pn_link_identity_from_seed(&id, seed), PN_OK);
        d.relay_key = id.relay_key;
        d.operator_id = operator_id;
        d.label = (pn_bytes){ (const uint8_t *)text(o, "label"),
                              strlen(text(o, "label")) };
        d.limits = (pn_descriptor_limits){
            .largest = (uint8_t)number(limits, "largest"),
            .ttl_days = (uint8_t)number(limits, "ttl_days"),
            .forward_days = (uint8_t)number(limits, "forward_days"),
            .access = (uint8_t)number(limits, "access"),
            .queue_count = small(limits, "queue_count"),
            .queue_bytes = small(limits, "queue_bytes"),
        };
        json_array_foreach(json_object_get(o, "addresses"), k, e)
        {
            d.addresses[k] =
                (pn_descriptor_address){ (uint8_t)number(e, "carrier"),
                                         { (const uint8_t *)text(e, "text"),
                                           strlen(text(e, "text")) } };
            d.address_count = k + 1;
        }
        json_array_foreach(json_object_get(o, "onions"), k, e)
        {
            uint8_t secret[32];
            fixed(secret, 32, e, "secret");
            assert_int_equal(pn_xwing_expand(&keys[k], secret), PN_OK);
            d.onions[k] =
                (pn_descriptor_onion){ .pk = keys[k].pk,
                                       .from_ms = number(e, "from_ms"),
                                       .until_ms = number(e, "until_ms") };
            d.onion_count = k + 1;
        }
        assert_int_equal(
            pn_descriptor_sign(&d, id.sign_sk, out, sizeof out, &len), PN_OK);
        is_recorded(o, "descriptor", (pn_bytes){ out, len });
        same(o, "hash", d.hash, sizeof d.hash);
        assert_int_equal(pn_descriptor_verify(&got, (pn_bytes){ out, len },
                                              id.relay_key, d.from_ms),
                         PN_OK);
        assert_int_equal(got.onion_count, d.onion_count);
        assert_int_equal(got.address_count, d.address_count);
    }
    assert_int_equal(json_array_size(items), 3);
    json_decref(root);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parcels),
        cmocka_unit_test(descriptors),
    };
    if (argc != 2 || sodium_init() < 0)
        return 2;
    directory = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
