/* Noise vectors in the JSON that cacophony, snow and others publish:
 * {"vectors": [{protocol_name, init_*, resp_*, handshake_hash, messages}]}.
 * Both sides are run against each other and against the ciphertexts.
 *
 * Skipped are protocols we do not have, cases with pre-shared keys or
 * fallback, and cases without a message. Our own file adds the randomness of
 * the tokens e1 and ekem1: init_kem_seed and resp_kem_m. */
#include <sodium.h>
#include <string.h>

#include "proto/link/noise.h"
#include "tests/support/scriptenv.h"
#include "tests/vectors/vectors.h"

typedef struct side {
    scriptenv script;
    pn_env env;
    pn_noise noise;
    pn_cipher send, recv;
    uint8_t static_pk[32];
    pn_bytes static_sk, remote_static;
} side;

static const char *protocol_of(const vec_case *c)
{
    const char *name = vec_text(c, "protocol_name");
    return name[0] != '\0' ? name : vec_text(c, "name");
}

static bool find_protocol(const char *name, pn_noise_pattern *pattern,
                          pn_noise_hash *hash)
{
    for (unsigned p = 0; p < PN_NOISE_PATTERN_COUNT; p++)
        for (unsigned h = 0; h < PN_NOISE_HASH_COUNT; h++) {
            char ours[PN_NOISE_NAME_MAX];
            *pattern = (pn_noise_pattern)p;
            *hash = (pn_noise_hash)h;
            pn_noise_name(ours, *pattern, *hash);
            if (strcmp(name, ours) == 0)
                return true;
        }
    return false;
}

static bool has(const vec_case *c, const char *name)
{
    const json_t *v = vec_field(c, name);
    return v != NULL && !json_is_null(v) && !json_is_false(v) &&
           (!json_is_array(v) || json_array_size(v) > 0);
}

static bool is_ours(const vec_case *c)
{
    static const char *const foreign[] = { "init_psk",  "init_psks", "resp_psk",
                                           "resp_psks", "fallback",  "fail" };
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (has(c, foreign[i]))
            return false;
    return json_array_size(vec_field(c, "messages")) > 0;
}

/* The field `prefix name`, or nothing. */
static pn_bytes optional(vec_case *c, const char *prefix, const char *name)
{
    char full[48];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return has(c, full) ? vec_hex(c, full) : (pn_bytes){ NULL, 0 };
}

static const uint8_t *key_or_null(vec_case *c, pn_bytes key)
{
    vec_check(c, key.len == 0 || key.len == 32, "a key has not 32 bytes");
    return key.len == 32 ? key.p : NULL;
}

static void set_up(vec_case *c, side *s, pn_noise_side which,
                   pn_noise_pattern pattern, pn_noise_hash hash)
{
    const char *prefix = which == PN_NOISE_INITIATOR ? "init_" : "resp_";
    pn_noise_setup setup = { .pattern = pattern, .hash = hash, .side = which };
    setup.prologue = optional(c, prefix, "prologue");
    setup.static_sk = key_or_null(c, optional(c, prefix, "static"));
    setup.remote_static = key_or_null(c, optional(c, prefix, "remote_static"));
    if (setup.static_sk != NULL) {
        vec_check(c, crypto_scalarmult_base(s->static_pk, setup.static_sk) == 0,
                  "a static key is unusable");
        setup.static_pk = s->static_pk;
    }
    scriptenv_init(&s->script);
    s->env = scriptenv_env(&s->script);
    if (scriptenv_add(&s->script, optional(c, prefix, "ephemeral")) != PN_OK ||
        scriptenv_add(&s->script, optional(c, prefix, "kem_seed")) != PN_OK ||
        scriptenv_add(&s->script, optional(c, prefix, "kem_m")) != PN_OK)
        vec_check(c, false, "randomness is too long");
    vec_check(c, pn_noise_init(&s->noise, &setup) == PN_OK,
              "a key that the pattern needs is missing");
}

/* One message in the handshake; both sides split after the last. */
static void handshake_message(vec_case *c, side *from, side *to,
                              pn_bytes payload, pn_bytes expected)
{
    uint8_t *wire = vec_room(c, expected.len);
    uint8_t *got = vec_room(c, expected.len);
    pn_out out = pn_out_over(wire, expected.len);
    size_t len = 0;
    vec_check(c,
              pn_noise_write(&from->noise, &from->env, payload, &out) == PN_OK,
              "writing a handshake message failed");
    vec_check(c, vec_equal(wire, out.len, expected),
              "a handshake message differs");
    vec_check(c, pn_noise_read(&to->noise, expected, got, &len) == PN_OK,
              "reading a handshake message failed");
    vec_check(c, vec_equal(got, len, payload), "a payload differs");
    if (pn_noise_is_done(&from->noise) && pn_noise_is_done(&to->noise))
        vec_check(c,
                  pn_noise_split(&from->noise, &from->send, &from->recv) ==
                          PN_OK &&
                      pn_noise_split(&to->noise, &to->send, &to->recv) == PN_OK,
                  "split failed");
}

static void transport_message(vec_case *c, side *from, side *to,
                              pn_bytes payload, pn_bytes expected)
{
    const pn_bytes no_ad = { NULL, 0 };
    uint8_t *wire = vec_room(c, payload.len + PN_CIPHER_TAG_BYTES);
    uint8_t *got = vec_room(c, expected.len);
    vec_check(c, pn_cipher_seal(&from->send, wire, no_ad, payload) == PN_OK,
              "sealing failed");
    vec_check(c, vec_equal(wire, payload.len + PN_CIPHER_TAG_BYTES, expected),
              "a transport message differs");
    vec_check(c, pn_cipher_open(&to->recv, got, no_ad, expected) == PN_OK,
              "opening failed");
    vec_check(c, memcmp(got, payload.p, payload.len) == 0,
              "a transport payload differs");
}

static void run_case(vec_case *c, pn_noise_pattern pattern, pn_noise_hash hash)
{
    const json_t *messages = vec_field(c, "messages"), *message;
    side sides[2] = { 0 };
    size_t i;
    set_up(c, &sides[0], PN_NOISE_INITIATOR, pattern, hash);
    set_up(c, &sides[1], PN_NOISE_RESPONDER, pattern, hash);
    json_array_foreach(messages, i, message)
    {
        /* Only the initiator speaks in a one-way pattern. */
        const size_t from = pattern == PN_NOISE_N ? 0 : i % 2;
        const json_t *outer = c->look[0];
        pn_bytes payload, expected;
        if (c->why != NULL)
            return;
        c->look[0] = message;
        payload = vec_hex(c, "payload");
        expected = vec_hex(c, "ciphertext");
        c->look[0] = outer;
        if (pn_noise_is_done(&sides[0].noise))
            transport_message(c, &sides[from], &sides[1 - from], payload,
                              expected);
        else
            handshake_message(c, &sides[from], &sides[1 - from], payload,
                              expected);
    }
    vec_check(c, pn_noise_is_done(&sides[0].noise), "messages are missing");
    for (i = 0; i < 2; i++) {
        const pn_bytes h = pn_noise_handshake_hash(&sides[i].noise);
        if (has(c, "handshake_hash"))
            vec_check(c, vec_equal(h.p, h.len, vec_hex(c, "handshake_hash")),
                      "the handshake hash differs");
        pn_noise_wipe(&sides[i].noise);
    }
}

void kind_noise(vec_tally *t, const vec_file *files, size_t count)
{
    for (size_t f = 0; f < count; f++) {
        const json_t *vectors = json_object_get(files[f].json, "vectors");
        const json_t *test;
        size_t i;
        if (!json_is_array(vectors))
            vec_broken(t, &files[f], "has no array \"vectors\"");
        json_array_foreach(vectors, i, test)
        {
            pn_noise_pattern pattern;
            pn_noise_hash hash;
            vec_case c;
            vec_open(&c, t, &files[f], i, test, NULL, NULL);
            if (!find_protocol(protocol_of(&c), &pattern, &hash) ||
                !is_ours(&c)) {
                vec_skip(&c);
                continue;
            }
            run_case(&c, pattern, hash);
            vec_close(&c);
        }
    }
}
