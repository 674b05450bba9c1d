/* Sessions, byte for byte as an independent implementation makes them from
 * the text of the protocol (tests/reference/session.mjs): everything is made
 * here again on the vectors' randomness and compared. */
#include "tests/support/cmocka.h"

#include <string.h>

#include "client/core/handshake.h"
#include "client/core/invitation.h"
#include "tests/unit/client/core/vector.h"

static void envelopes(void **state)
{
    json_t *root, *items = load("envelope.json", "envelopes", &root), *o;
    size_t i;
    (void)state;
    json_array_foreach(items, i, o)
    {
        static uint8_t inner[ROOM], opened[ROOM];
        uint8_t key[32], id[32], hash[32];
        const size_t len = (size_t)number(o, "inner_len");
        pn_bytes got, whole;
        size_t made_len;
        scriptenv s;
        pn_env env;
        fixed(key, 32, o, "key");
        fixed(id, 32, o, "send_id");
        for (size_t b = 0; b < len; b++)
            inner[b] = (uint8_t)(b * 7 + len);
        script(&s, &env, o, "random");
        assert_int_equal(pn_envelope_seal(&env, key, id, pick_class(o),
                                          (pn_bytes){ inner, len }, made, ROOM,
                                          &made_len),
                         PN_OK);
        assert_int_equal(made_len, number(o, "size"));
        if (made_len < 4096)
            same(o, "envelope", made, made_len);
        whole = (pn_bytes){ made, made_len };
        cl_hash(hash, "", &whole, 1);
        same(o, "blake2b", hash, 32);
        assert_int_equal(pn_envelope_open(key, id, whole, opened, ROOM, &got),
                         PN_OK);
        assert_int_equal(got.len, len);
        assert_memory_equal(got.p, inner, len);
    }
    json_decref(root);
}

static void identities(void **state)
{
    json_t *root, *items = load("identity.json", "identities", &root), *o;
    json_t *safety = json_object_get(root, "safety");
    cl_identity people[3];
    size_t i;
    (void)state;
    assert_int_equal(json_array_size(items), 3);
    json_array_foreach(items, i, o)
    {
        uint8_t room[CL_IDENTITY_PUBLIC_BYTES];
        pn_out out = pn_out_over(room, sizeof room);
        cl_identity_public again;
        pn_bytes in = CL_VIEW(room);
        person_of(&people[i], o, "secret");
        cl_identity_put(&out, &people[i].pub);
        same(o, "public", room, sizeof room);
        same(o, "id", people[i].id, 32);
        assert_int_equal(cl_identity_take(&in, &again), PN_OK);
        assert_true(cl_identity_equal(&again, &people[i].pub));
    }
    assert_true(json_array_size(safety) > 0);
    json_array_foreach(safety, i, o)
    {
        char digits[CL_SAFETY_DIGITS + 1];
        cl_safety_number(digits, &people[number(o, "a")].pub,
                         &people[number(o, "b")].pub);
        assert_string_equal(digits, text(o, "digits"));
    }
    json_decref(root);
}

static void queues_of(cl_bundle *b, const json_t *list)
{
    size_t i;
    json_t *o;
    json_array_foreach(list, i, o)
    {
        cl_queue_ref *q = &b->queues[b->queue_count++];
        fixed(q->send_id, 32, o, "send_id");
        fixed(q->capability, 32, o, "capability");
        fixed(q->key, 32, o, "key");
        assert_int_equal(
            pn_address_parse_text(&q->relay, text(o, "relay"), NULL), PN_OK);
    }
}

static void bundles(void **state)
{
    json_t *root, *items = load("bundle.json", "bundles", &root), *o;
    size_t i;
    (void)state;
    json_array_foreach(items, i, o)
    {
        cl_bundle b = { .kind = pick_kind(o),
                        .created_ms = number(o, "created_ms"),
                        .expires_ms = number(o, "expires_ms") },
                  again;
        cl_identity owner;
        cl_prekeys keys;
        scriptenv s;
        pn_env env;
        size_t len;
        memcpy(b.name, text(o, "name"), strlen(text(o, "name")));
        queues_of(&b, json_object_get(o, "queues"));
        person_of(&owner, o, "owner");
        script(&s, &env, o, "random");
        assert_int_equal(
            cl_bundle_make(&b, &keys, &env, &owner, made, ROOM, &len), PN_OK);
        assert_true(scriptenv_is_spent(&s));
        same(o, "bundle", made, len);
        same(o, "hash", b.hash, 32);
        assert_int_equal(cl_bundle_parse(&again, (pn_bytes){ made, len }),
                         PN_OK);
        assert_string_equal(again.name, b.name);
        assert_int_equal(again.queue_count, b.queue_count);
        assert_memory_equal(again.hash, b.hash, 32);
    }
    json_decref(root);
}

static void relays_of(pn_address *out, const json_t *list)
{
    size_t i;
    json_t *o;
    json_array_foreach(list, i, o) assert_int_equal(
        pn_address_parse_text(&out[i], json_string_value(o), NULL), PN_OK);
}

static void one_invitation(const json_t *o)
{
    const size_t count = (size_t)number(o, "count");
    static char line[CL_INVITATION_TEXT_MAX + 1];
    pn_address relays[CL_QUEUES_MAX];
    cl_bundle b, got;
    cl_link link, again;
    uint8_t id[32], key[32];
    scriptenv s;
    pn_env env;
    size_t len;
    const pn_bytes bundle = bytes_to(made, o, "bundle");
    relays_of(relays, json_object_get(o, "relays"));
    assert_int_equal(cl_bundle_parse(&b, bundle), PN_OK);
    fixed(key, 32, o, "link_key");
    link = (cl_link){ .relay_count = count,
                      .expires_hour = (uint32_t)number(o, "expires_hour") };
    memcpy(link.key, key, 32);
    memcpy(link.bundle_hash, b.hash, sizeof link.bundle_hash);
    for (size_t i = 0; i < count; i++) {
        const char *queue = json_string_value(
            json_array_get(json_object_get(o, "queue_ids"), i));
        assert_non_null(queue);
        assert_int_equal(pn_unhex(link.ids[i], 32, queue), PN_OK);
        link.relays[i] = relays[i];
    }
    assert_int_equal(cl_link_format(line, sizeof line, &link), PN_OK);
    assert_string_equal(line, text(o, "link"));
    if (count == 1)
        assert_true(strlen(line) <= 256);
    assert_int_equal(cl_link_parse(&again, (pn_bytes){ (const uint8_t *)line,
                                                       strlen(line) }),
                     PN_OK);
    assert_memory_equal(again.key, key, 32);
    assert_int_equal(cl_offline_format(line, sizeof line, bundle), PN_OK);
    assert_string_equal(line, text(o, "offline"));
    assert_int_equal(cl_offline_parse(&got, (pn_bytes){ (const uint8_t *)line,
                                                        strlen(line) }),
                     PN_OK);
    assert_memory_equal(got.hash, b.hash, 32);
    cl_link_id(id, key);
    same(o, "link_id", id, 32);
    script(&s, &env, o, "blob_random");
    {
        static uint8_t blob[CL_INVITATION_BLOB_MAX];
        assert_int_equal(
            cl_blob_seal(&env, key, bundle, blob, sizeof blob, &len), PN_OK);
        same(o, "blob", blob, len);
        assert_int_equal(cl_blob_open(&got, &link, (pn_bytes){ blob, len }),
                         PN_OK);
    }
    assert_memory_equal(got.hash, b.hash, 32);
}

/* The whole making of one, from its randomness. */
static void made_again(const json_t *o)
{
    cl_bundle b, mine;
    cl_identity owner;
    cl_invitation inv;
    scriptenv s;
    pn_env env;
    size_t len;
    const pn_bytes bundle = bytes_to(made, o, "bundle");
    assert_int_equal(cl_bundle_parse(&b, bundle), PN_OK);
    person_of(&owner, o, "owner");
    mine = b;
    script(&s, &env, o, "random");
    assert_int_equal(
        cl_invitation_make(&inv, &mine, &env, &owner, made, ROOM, &len), PN_OK);
    assert_true(scriptenv_is_spent(&s));
    same(o, "bundle", made, len);
    same(o, "link_key", inv.link_key, 32);
}

static void invitations(void **state)
{
    json_t *root, *items = load("invitation.json", "invitations", &root), *o;
    size_t i;
    (void)state;
    json_array_foreach(items, i, o)
    {
        one_invitation(o);
        made_again(o);
    }
    json_decref(root);
}

static void handshakes(void **state)
{
    json_t *root, *items = load("handshake.json", "handshakes", &root), *o;
    size_t i;
    (void)state;
    json_array_foreach(items, i, o)
    {
        cl_identity a, b;
        cl_bundle bundle;
        cl_prekeys keys;
        cl_handshake at_a, at_b;
        uint8_t wire[CL_HANDSHAKE_BYTES];
        scriptenv s;
        pn_env env;
        person_of(&a, o, "starter");
        person_of(&b, o, "answerer");
        bundle_of(&bundle, &keys, &b, pick_kind(o), o);
        script(&s, &env, o, "random");
        assert_int_equal(cl_handshake_start(&at_a, wire, &env, &a, &bundle,
                                            (uint32_t)number(o, "generation")),
                         PN_OK);
        assert_true(scriptenv_is_spent(&s));
        same(o, "wire", wire, sizeof wire);
        assert_int_equal(cl_handshake_answer(&at_b, &b, &keys, wire), PN_OK);
        for (int end = 0; end < 2; end++) {
            const cl_handshake *h = end == 0 ? &at_a : &at_b;
            same(o, "id", h->id, 32);
            same(o, "transcript", h->transcript, 32);
            same(o, "root", h->root, 32);
            same(o, "header_a", h->header_a, 32);
            same(o, "header_b", h->header_b, 32);
            assert_int_equal(h->generation, number(o, "generation"));
        }
        assert_true(cl_identity_equal(&at_b.peer, &a.pub));
    }
    json_decref(root);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(envelopes),  cmocka_unit_test(identities),
        cmocka_unit_test(bundles),    cmocka_unit_test(invitations),
        cmocka_unit_test(handshakes),
    };
    if (argc != 2)
        return 2;
    directory = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
