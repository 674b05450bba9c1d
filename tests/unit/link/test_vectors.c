/* Whole links, byte for byte as an independent implementation makes them
 * (tests/reference/gen_link_vectors.mjs): both ends run here on the vectors'
 * randomness, and everything they put on the wire is compared. */
#include <jansson.h>
#include <sodium.h>
#include <string.h>

#include "proto/link/link.h"
#include "tests/support/cmocka.h"
#include "tests/support/scriptenv.h"

typedef struct transcript {
    const json_t *given, *wire;
    size_t at; /* next entry of wire */
    scriptenv init_script, resp_script;
    pn_env init_env, resp_env;
    pn_gate *gate;
    pn_link *init, *resp;
    pn_link_identity relay, self;
    size_t frames; /* received by both */
} transcript;

static json_t *root;

static void field(const transcript *t, const char *name, uint8_t *out,
                  size_t len)
{
    const char *hex = json_string_value(json_object_get(t->given, name));
    assert_non_null(hex);
    assert_int_equal(pn_unhex(out, len, hex), PN_OK);
}

static unsigned number(const transcript *t, const char *name)
{
    return (unsigned)json_integer_value(json_object_get(t->given, name));
}

static bool is_relay(const transcript *t)
{
    return strcmp(json_string_value(json_object_get(t->given, "role")),
                  "relay") == 0;
}

static void script(transcript *t, scriptenv *s, const char *name, size_t len)
{
    uint8_t bytes[64];
    field(t, name, bytes, len);
    assert_int_equal(scriptenv_add(s, (pn_bytes){ bytes, len }), PN_OK);
}

/* Randomness in the order in which it is drawn. */
static void write_scripts(transcript *t)
{
    static const uint8_t silence[4] = { 0xff, 0xff, 0xff, 0xff };
    scriptenv_init(&t->init_script);
    scriptenv_init(&t->resp_script);
    t->init_env = scriptenv_env(&t->init_script);
    t->resp_env = scriptenv_env(&t->resp_script);
    t->resp_script.sim.wall_ms = (uint64_t)json_integer_value(
        json_object_get(t->given, "relay_wall_ms"));
    script(t, &t->init_script, "init_ephemeral", 32);
    script(t, &t->init_script, "init_kem_seed", 64);
    script(t, &t->init_script, "solution", 16);
    assert_int_equal(scriptenv_add(&t->resp_script, (pn_bytes){ silence, 4 }),
                     PN_OK);
    if (number(t, "difficulty") > 0) {
        script(t, &t->resp_script, "epoch_secret", 32);
        script(t, &t->resp_script, "retry_nonce", 24);
    }
    script(t, &t->resp_script, "resp_ephemeral", 32);
    script(t, &t->resp_script, "resp_kem_m", 32);
    if (is_relay(t)) {
        script(t, &t->init_script, "next_init_ephemeral", 32);
        script(t, &t->init_script, "next_init_kem_seed", 64);
        script(t, &t->resp_script, "next_resp_ephemeral", 32);
        script(t, &t->resp_script, "next_resp_kem_m", 32);
    }
}

static void start(transcript *t, size_t which)
{
    const json_t *link = json_array_get(json_object_get(root, "links"), which);
    uint8_t seed[32], descriptor[32], tag[64];
    size_t tag_len = 0;
    pn_link_offer offer = { .version_min = 1, .version_max = 1 };
    *t = (transcript){ .given = json_object_get(link, "given"),
                       .wire = json_object_get(link, "wire") };
    write_scripts(t);
    field(t, "relay_seed", seed, sizeof seed);
    assert_int_equal(pn_link_identity_from_seed(&t->relay, seed), PN_OK);
    assert_int_equal(pn_gate_new(&t->gate, &t->resp_env, &t->relay), PN_OK);
    field(t, "descriptor_hash", descriptor, sizeof descriptor);
    pn_gate_set_terms(t->gate, number(t, "granted_features"), descriptor);
    pn_gate_set_difficulty(t->gate, number(t, "difficulty"));
    if (is_relay(t)) {
        field(t, "self_seed", seed, sizeof seed);
        assert_int_equal(pn_link_identity_from_seed(&t->self, seed), PN_OK);
    } else {
        tag_len =
            strlen(json_string_value(json_object_get(t->given, "peer_tag"))) /
            2;
        field(t, "peer_tag", tag, tag_len);
    }
    offer.record_size = (uint16_t)number(t, "record_size");
    offer.features = number(t, "offered_features");
    assert_int_equal(pn_link_dial(&t->init, &t->init_env, t->relay.relay_key,
                                  &offer, is_relay(t) ? &t->self : NULL),
                     PN_OK);
    assert_int_equal(
        pn_link_accept(&t->resp, t->gate, (pn_bytes){ tag, tag_len }), PN_OK);
}

static void finish(transcript *t)
{
    assert_int_equal(t->at, json_array_size(t->wire));
    assert_true(scriptenv_is_spent(&t->init_script));
    assert_true(scriptenv_is_spent(&t->resp_script));
    pn_link_free(&t->init);
    pn_link_free(&t->resp);
    pn_gate_free(&t->gate);
}

/* The output of one end is the next entry of the transcript, if `compare`;
 * then the other end gets it. */
static void cross(transcript *t, pn_link *from, bool compare,
                  crypto_generichash_state *hash)
{
    pn_link *to = from == t->init ? t->resp : t->init;
    pn_bytes frame, out, left;
    assert_int_equal(pn_link_flush(from), PN_OK);
    out = left = pn_link_output(from);
    assert_true(out.len > 0);
    if (hash != NULL)
        (void)crypto_generichash_update(hash, out.p, out.len);
    if (compare) {
        const json_t *entry = json_array_get(t->wire, t->at++);
        const char *who = json_string_value(json_object_get(entry, "from"));
        const char *hex = json_string_value(json_object_get(entry, "wire"));
        uint8_t *expected;
        assert_string_equal(who, from == t->init ? "initiator" : "responder");
        assert_int_equal(strlen(hex), 2 * out.len);
        expected = test_malloc(out.len);
        assert_int_equal(pn_unhex(expected, out.len, hex), PN_OK);
        assert_memory_equal(out.p, expected, out.len);
        test_free(expected);
    }
    while (left.len > 0) {
        assert_int_equal(pn_link_feed(to, &left), PN_OK);
        while (pn_link_next(to, &frame) == PN_OK)
            t->frames++;
    }
    pn_link_sent(from, out.len);
}

static void check_binding(const transcript *t, size_t which)
{
    const json_t *link = json_array_get(json_object_get(root, "links"), which);
    uint8_t binding[32];
    assert_int_equal(
        pn_unhex(binding, 32,
                 json_string_value(json_object_get(link, "binding"))),
        PN_OK);
    assert_memory_equal(pn_link_binding(t->init), binding, 32);
    assert_memory_equal(pn_link_binding(t->resp), binding, 32);
}

static void check_stream(crypto_generichash_state *hash, const char *who)
{
    const json_t *link = json_array_get(json_object_get(root, "links"), 0);
    uint8_t got[32], expected[32];
    (void)crypto_generichash_final(hash, got, sizeof got);
    assert_int_equal(
        pn_unhex(expected, 32,
                 json_string_value(json_object_get(
                     json_object_get(link, "stream_blake2b"), who))),
        PN_OK);
    assert_memory_equal(got, expected, 32);
}

/* A client solves a puzzle and sends records across the first Rekey(). */
static void client_link(void **state)
{
    crypto_generichash_state hash[2];
    transcript t;
    (void)state;
    start(&t, 0);
    cross(&t, t.init, true, NULL); /* message 1 */
    cross(&t, t.resp, true, NULL); /* retry */
    for (unsigned i = 0; pn_link_output(t.init).len == 0; i++) {
        assert_true(i < 1000);
        assert_int_equal(pn_link_tick(t.init), PN_OK);
    }
    cross(&t, t.init, true, NULL); /* message 1, solved */
    cross(&t, t.resp, true, NULL); /* message 2 */
    cross(&t, t.init, true, NULL); /* the empty record */
    check_binding(&t, 0);
    for (size_t i = 0; i < 2; i++)
        (void)crypto_generichash_init(&hash[i], NULL, 0, 32);
    for (uint32_t i = 1; i <= 1030; i++) {
        const uint8_t frame[4] = { 0, 0, (uint8_t)(i >> 8), (uint8_t)i };
        const bool compare = i == 1 || i == 1024;
        assert_int_equal(pn_link_send(t.init, (pn_bytes){ frame, 4 }), PN_OK);
        assert_int_equal(pn_link_send(t.resp, (pn_bytes){ frame, 4 }), PN_OK);
        cross(&t, t.init, compare, &hash[0]);
        cross(&t, t.resp, compare, &hash[1]);
    }
    check_stream(&hash[0], "initiator");
    check_stream(&hash[1], "responder");
    assert_int_equal(t.frames, 2 * 1030);
    finish(&t);
}

/* Two relays open a link and roll it over after 24 hours. */
static void relay_link(void **state)
{
    transcript t;
    (void)state;
    start(&t, 1);
    cross(&t, t.init, true, NULL);
    cross(&t, t.resp, true, NULL);
    cross(&t, t.init, true, NULL);
    check_binding(&t, 1);
    assert_int_equal(pn_link_send(t.resp, PN_BYTES_LIT("before")), PN_OK);
    cross(&t, t.resp, true, NULL);
    simenv_advance(&t.init_script.sim, PN_LINK_ROLLOVER_MS);
    simenv_advance(&t.resp_script.sim, PN_LINK_ROLLOVER_MS);
    assert_int_equal(pn_link_tick(t.init), PN_OK);
    cross(&t, t.init, true, NULL); /* rollover 1 */
    cross(&t, t.resp, true, NULL); /* rollover 2 */
    cross(&t, t.init, true, NULL); /* done */
    assert_int_equal(pn_link_send(t.init, PN_BYTES_LIT("after")), PN_OK);
    cross(&t, t.init, true, NULL);
    assert_int_equal(pn_link_send(t.resp, PN_BYTES_LIT("after")), PN_OK);
    cross(&t, t.resp, true, NULL);
    assert_int_equal(t.frames, 3);
    check_binding(&t, 1);
    finish(&t);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_link),
        cmocka_unit_test(relay_link),
    };
    int failed;
    if (argc != 2 || (root = json_load_file(argv[1], 0, NULL)) == NULL) {
        fprintf(stderr, "usage: test_link_vectors postern-link.json\n");
        return 2;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(root);
    return failed;
}
