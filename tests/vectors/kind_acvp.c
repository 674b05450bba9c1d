/* ACVP vectors of ML-KEM (FIPS 203): keyGen and encapDecap. */
#include <string.h>

#include "proto/crypto/mlkem768.h"
#include "tests/vectors/acvp.h"

static bool is_text(const json_t *obj, const char *name, const char *text)
{
    return strcmp(vec_member_text(obj, name), text) == 0;
}

static bool wants(const json_t *set, const json_t *group)
{
    return is_text(set, "algorithm", "ML-KEM") &&
           is_text(group, "parameterSet", "ML-KEM-768");
}

static void keypair(vec_case *c, uint8_t *pk, uint8_t *sk)
{
    const pn_bytes d = vec_hex(c, "d"), z = vec_hex(c, "z");
    uint8_t seed[PN_MLKEM768_SEED_BYTES] = { 0 };
    if (vec_check(c, d.len == 32 && z.len == 32, "d or z is not 32 bytes")) {
        memcpy(seed, d.p, 32);
        memcpy(seed + 32, z.p, 32);
    }
    pn_mlkem768_seed_keypair(pk, sk, seed);
}

static void keygen(vec_case *c)
{
    const pn_bytes ek = vec_hex(c, "ek"), dk = vec_hex(c, "dk");
    uint8_t pk[PN_MLKEM768_PK_BYTES], sk[PN_MLKEM768_SK_BYTES];
    keypair(c, pk, sk);
    vec_check(c, vec_equal(pk, sizeof pk, ek), "ek differs");
    vec_check(c, vec_equal(sk, sizeof sk, dk), "dk differs");
    vec_check(c, pn_mlkem768_check_ek(pk) == PN_OK, "ek fails its check");
    vec_check(c, pn_mlkem768_check_dk(sk) == PN_OK, "dk fails its check");
}

static void encapsulation(vec_case *c)
{
    const pn_bytes ek = vec_hex(c, "ek"), m = vec_hex(c, "m");
    const pn_bytes ct = vec_hex(c, "c"), k = vec_hex(c, "k");
    uint8_t got_ct[PN_MLKEM768_CT_BYTES], ss[PN_MLKEM768_SS_BYTES];
    if (!vec_check(c,
                   ek.len == PN_MLKEM768_PK_BYTES &&
                       m.len == PN_MLKEM768_ENC_SEED_BYTES,
                   "ek or m has the wrong length"))
        return;
    vec_check(c, pn_mlkem768_enc_deterministic(got_ct, ss, ek.p, m.p) == PN_OK,
              "ek refused");
    vec_check(c, vec_equal(got_ct, sizeof got_ct, ct), "c differs");
    vec_check(c, vec_equal(ss, sizeof ss, k), "k differs");
}

/* The key is given expanded, or (revision FIPS203-tr1) as its seed. */
static void decapsulation(vec_case *c)
{
    const pn_bytes ct = vec_hex(c, "c"), k = vec_hex(c, "k");
    const bool by_seed = strcmp(vec_text(c, "keyFormat"), "seed") == 0;
    uint8_t pk[PN_MLKEM768_PK_BYTES], sk[PN_MLKEM768_SK_BYTES] = { 0 };
    uint8_t ss[PN_MLKEM768_SS_BYTES];
    if (by_seed)
        keypair(c, pk, sk);
    if (!by_seed || vec_field(c, "dk") != NULL) {
        const pn_bytes dk = vec_hex(c, "dk");
        if (!vec_check(c, dk.len == PN_MLKEM768_SK_BYTES,
                       "dk has the wrong length"))
            return;
        if (by_seed)
            vec_check(c, vec_equal(sk, sizeof sk, dk), "dk of seed differs");
        memcpy(sk, dk.p, sizeof sk);
    }
    vec_check(c, pn_mlkem768_check_dk(sk) == PN_OK, "dk fails its check");
    if (!vec_check(c, ct.len == PN_MLKEM768_CT_BYTES, "c has the wrong length"))
        return;
    pn_mlkem768_dec(ss, ct.p, sk);
    vec_check(c, vec_equal(ss, sizeof ss, k), "k differs");
}

static void key_check(vec_case *c, bool encapsulation_key)
{
    const json_t *expected = vec_field(c, "testPassed");
    const pn_bytes key = vec_hex(c, encapsulation_key ? "ek" : "dk");
    bool good;
    if (c->why != NULL ||
        !vec_check(c, json_is_boolean(expected), "testPassed is missing"))
        return;
    if (encapsulation_key)
        good = key.len == PN_MLKEM768_PK_BYTES &&
               pn_mlkem768_check_ek(key.p) == PN_OK;
    else
        good = key.len == PN_MLKEM768_SK_BYTES &&
               pn_mlkem768_check_dk(key.p) == PN_OK;
    vec_check(c, good == json_is_true(expected), "the key check differs");
}

static bool run_case(vec_case *c, const json_t *set)
{
    const char *function = vec_text(c, "function");
    if (is_text(set, "mode", "keyGen"))
        keygen(c);
    else if (strcmp(function, "encapsulation") == 0)
        encapsulation(c);
    else if (strcmp(function, "decapsulation") == 0)
        decapsulation(c);
    else if (strcmp(function, "encapsulationKeyCheck") == 0)
        key_check(c, true);
    else if (strcmp(function, "decapsulationKeyCheck") == 0)
        key_check(c, false);
    else
        vec_check(c, false, "unknown mode or function");
    return true;
}

void kind_acvp(vec_tally *t, const vec_file *files, size_t count)
{
    acvp_run(t, files, count, wants, run_case);
}
