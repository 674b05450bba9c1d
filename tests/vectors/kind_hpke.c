/* HPKE vectors in the format of RFC 9180 and draft-ietf-hpke-pq: an array of
 * objects. Ours is base mode (0), KEM 0x647a, KDF 1, AEAD 3. Each set-up, each
 * encryption and each export is a case. */
#include <string.h>

#include "proto/crypto/hpke.h"
#include "proto/crypto/keccak.h"
#include "tests/vectors/vectors.h"

/* draft-ietf-hpke-pq, DeriveKeyPair: how a test's ikmR becomes its skRm. Only
 * tests need it, our keys are random. */
static void derive_private(uint8_t sk[PN_XWING_SK_BYTES], pn_bytes ikm)
{
    pn_keccak k;
    pn_keccak_init(&k, PN_SHAKE256);
    pn_keccak_absorb(&k, ikm);
    pn_keccak_absorb(&k, PN_BYTES_LIT("HPKE-v1KEM\x64\x7a"));
    pn_keccak_absorb(&k, PN_BYTES_LIT("\x00\x0d"
                                      "DeriveKeyPair"
                                      "\x00\x20"));
    pn_keccak_squeeze(&k, sk, PN_XWING_SK_BYTES);
    pn_keccak_wipe(&k);
}

/* Compare a field of the vector, if it is there. */
static void check_field(vec_case *c, const char *name, const uint8_t *got,
                        size_t len, const char *why)
{
    if (vec_field(c, name) != NULL)
        vec_check(c, vec_equal(got, len, vec_hex(c, name)), why);
}

static void check_schedule(vec_case *c, const pn_hpke *ctx)
{
    check_field(c, "key", ctx->key, sizeof ctx->key, "key differs");
    check_field(c, "base_nonce", ctx->base_nonce, sizeof ctx->base_nonce,
                "base_nonce differs");
    check_field(c, "exporter_secret", ctx->exporter_secret,
                sizeof ctx->exporter_secret, "exporter_secret differs");
}

/* The set-up on both sides. Leaves a usable *ctx and returns true if the
 * receiver's worked. */
static bool run_setup(vec_case *c, pn_hpke *ctx)
{
    const pn_bytes info = vec_hex(c, "info"), enc = vec_hex(c, "enc");
    const pn_bytes sk = vec_hex(c, "skRm");
    uint8_t got[PN_HPKE_ENC_BYTES] = { 0 }, ss[PN_XWING_SS_BYTES];
    pn_xwing_key key;
    if (!vec_check(c,
                   c->why == NULL && sk.len == PN_XWING_SK_BYTES &&
                       enc.len == PN_HPKE_ENC_BYTES,
                   "a field has the wrong length"))
        return false;
    if (!vec_check(c, pn_xwing_expand(&key, sk.p) == PN_OK, "skRm refused"))
        return false;
    check_field(c, "pkRm", key.pk, sizeof key.pk, "pkRm differs");
    vec_check(c, pn_xwing_dec(ss, enc.p, &key) == PN_OK, "enc refused");
    check_field(c, "shared_secret", ss, sizeof ss, "shared_secret differs");
    if (vec_field(c, "ikmR") != NULL) {
        derive_private(got, vec_hex(c, "ikmR"));
        vec_check(c, vec_equal(got, PN_XWING_SK_BYTES, sk), "skRm differs");
    }
    if (vec_field(c, "ikmE") != NULL) {
        const pn_bytes seed = vec_hex(c, "ikmE");
        if (vec_check(c, seed.len == PN_XWING_ENC_SEED_BYTES,
                      "ikmE has the wrong length") &&
            vec_check(c,
                      pn_hpke_setup_sender_deterministic(ctx, got, key.pk, info,
                                                         seed.p) == PN_OK,
                      "sender refused"))
            check_schedule(c, ctx);
        vec_check(c, vec_equal(got, sizeof got, enc), "enc differs");
    }
    if (!vec_check(c, pn_hpke_setup_receiver(ctx, enc.p, &key, info) == PN_OK,
                   "receiver refused"))
        return false;
    check_schedule(c, ctx);
    pn_xwing_key_wipe(&key);
    return true;
}

/* The sequence number that turns base into nonce; false if none does. */
static bool sequence_of(const pn_hpke *ctx, pn_bytes nonce, uint64_t *out)
{
    uint8_t diff[sizeof ctx->base_nonce];
    pn_bytes in = { diff, sizeof diff };
    uint32_t high;
    if (nonce.len != sizeof diff)
        return false;
    for (size_t i = 0; i < sizeof diff; i++)
        diff[i] = ctx->base_nonce[i] ^ nonce.p[i];
    return pn_take_u32(&in, &high) == PN_OK && high == 0 &&
           pn_take_u64(&in, out) == PN_OK;
}

static void run_encryption(vec_case *c, const pn_hpke *setup, size_t index)
{
    const pn_bytes aad = vec_hex(c, "aad"), pt = vec_hex(c, "pt");
    const pn_bytes ct = vec_hex(c, "ct");
    uint8_t *got = vec_room(c, pt.len + PN_HPKE_TAG_BYTES);
    pn_hpke ctx = *setup;
    ctx.sequence = index;
    if (vec_field(c, "nonce") != NULL)
        vec_check(c, sequence_of(setup, vec_hex(c, "nonce"), &ctx.sequence),
                  "nonce is not of this context");
    if (c->why != NULL)
        return;
    vec_check(c, pn_hpke_seal(&ctx, got, aad, pt) == PN_OK, "seal refused");
    vec_check(c, vec_equal(got, pt.len + PN_HPKE_TAG_BYTES, ct), "ct differs");
    ctx.sequence--;
    got = vec_room(c, ct.len);
    vec_check(c, pn_hpke_open(&ctx, got, aad, ct) == PN_OK, "open refused");
    vec_check(c, vec_equal(got, pt.len, pt), "pt differs");
    pn_hpke_wipe(&ctx);
}

static void run_export(vec_case *c, const pn_hpke *ctx)
{
    const pn_bytes context = vec_hex(c, "exporter_context");
    const pn_bytes value = vec_hex(c, "exported_value");
    const size_t len = vec_number(c, "L", PN_HPKE_EXPORT_MAX);
    uint8_t *got = vec_room(c, len);
    if (c->why != NULL)
        return;
    vec_check(c, pn_hpke_export(ctx, got, len, context) == PN_OK,
              "export refused");
    vec_check(c, vec_equal(got, len, value), "exported_value differs");
}

static bool is_ours(const json_t *v)
{
    return json_integer_value(json_object_get(v, "mode")) == 0 &&
           json_integer_value(json_object_get(v, "kem_id")) == 0x647a &&
           json_integer_value(json_object_get(v, "kdf_id")) == 1 &&
           json_integer_value(json_object_get(v, "aead_id")) == 3;
}

static void run_vector(vec_tally *t, const vec_file *file, size_t number,
                       const json_t *vector)
{
    const json_t *encryptions = json_object_get(vector, "encryptions");
    const json_t *exports = json_object_get(vector, "exports");
    const json_t *part;
    pn_hpke ctx = { 0 };
    vec_case c;
    size_t i;
    bool ready;
    if (!json_is_integer(json_object_get(vector, "kem_id"))) {
        vec_broken(t, file, "an element is not an HPKE vector");
        return;
    }
    if (!is_ours(vector)) {
        t->skipped +=
            1 + json_array_size(encryptions) + json_array_size(exports);
        return;
    }
    vec_open(&c, t, file, number, vector, NULL, NULL);
    ready = run_setup(&c, &ctx);
    vec_close(&c);
    json_array_foreach(encryptions, i, part)
    {
        vec_open(&c, t, file, number, part, NULL, NULL);
        if (vec_check(&c, ready, "no context for this encryption"))
            run_encryption(&c, &ctx, i);
        vec_close(&c);
    }
    json_array_foreach(exports, i, part)
    {
        vec_open(&c, t, file, number, part, NULL, NULL);
        if (vec_check(&c, ready, "no context for this export"))
            run_export(&c, &ctx);
        vec_close(&c);
    }
    pn_hpke_wipe(&ctx);
}

void kind_hpke(vec_tally *t, const vec_file *files, size_t count)
{
    for (size_t f = 0; f < count; f++) {
        const json_t *vector;
        size_t i;
        if (json_array_size(files[f].json) == 0)
            vec_broken(t, &files[f], "not an array of HPKE vectors");
        json_array_foreach(files[f].json, i, vector)
            run_vector(t, &files[f], i, vector);
    }
}
