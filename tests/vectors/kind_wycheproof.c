/* Project Wycheproof, schema v1: an object with `algorithm` and testGroups,
 * each with a `type` and tests whose `result` is valid, invalid or acceptable.
 * What runs a case is chosen by algorithm and type; a pair we do not have is
 * skipped. */
#include <sodium.h>
#include <string.h>

#include "proto/crypto/hkdf.h"
#include "proto/crypto/mlkem768.h"
#include "proto/crypto/openssl.h"
#include "tests/vectors/vectors.h"

enum { HKDF_SIZE_MAX = 16 << 20 };

/* How our code answered a case. */
typedef enum answer {
    REFUSED,  /* said no, or the input cannot even be given to it */
    MATCHED,  /* did it, with the result the vector expects */
    DIFFERED, /* did it, with another result */
} answer;

/* Answer one case; malformed fields are noted in the case. */
typedef answer answer_fn(vec_case *c);

static answer compare(const uint8_t *got, size_t len, pn_bytes expected)
{
    return vec_equal(got, len, expected) ? MATCHED : DIFFERED;
}

typedef int aead_encrypt_fn(unsigned char *, unsigned long long *,
                            const unsigned char *, unsigned long long,
                            const unsigned char *, unsigned long long,
                            const unsigned char *, const unsigned char *,
                            const unsigned char *);
typedef int aead_decrypt_fn(unsigned char *, unsigned long long *,
                            unsigned char *, const unsigned char *,
                            unsigned long long, const unsigned char *,
                            unsigned long long, const unsigned char *,
                            const unsigned char *);

static answer aead(vec_case *c, size_t nonce_len, aead_encrypt_fn *encrypt,
                   aead_decrypt_fn *decrypt)
{
    const pn_bytes key = vec_hex(c, "key"), iv = vec_hex(c, "iv");
    const pn_bytes aad = vec_hex(c, "aad"), msg = vec_hex(c, "msg");
    const pn_bytes ct = vec_hex(c, "ct"), tag = vec_hex(c, "tag");
    uint8_t *sealed, *got;
    if (c->why != NULL || key.len != 32 || iv.len != nonce_len || tag.len != 16)
        return REFUSED;
    sealed = vec_room(c, ct.len + tag.len);
    memcpy(sealed, ct.p, ct.len);
    memcpy(sealed + ct.len, tag.p, tag.len);
    got = vec_room(c, ct.len);
    if (decrypt(got, NULL, NULL, sealed, ct.len + tag.len, aad.p, aad.len, iv.p,
                key.p) != 0)
        return REFUSED;
    if (!vec_equal(got, ct.len, msg))
        return DIFFERED;
    got = vec_room(c, msg.len + tag.len);
    if (encrypt(got, NULL, msg.p, msg.len, aad.p, aad.len, NULL, iv.p, key.p) !=
        0)
        return REFUSED;
    return compare(got, msg.len + tag.len,
                   (pn_bytes){ sealed, ct.len + tag.len });
}

/* The relay's other cipher; NULL where that is not built in. */
static const pn_aead_engine *other;

static int other_encrypt(unsigned char *out, unsigned long long *out_len,
                         const unsigned char *msg, unsigned long long len,
                         const unsigned char *ad, unsigned long long ad_len,
                         const unsigned char *nsec, const unsigned char *nonce,
                         const unsigned char *key)
{
    (void)out_len;
    (void)nsec;
    return other->seal(out, (pn_bytes){ msg, len }, (pn_bytes){ ad, ad_len },
                       nonce, key) == PN_OK
               ? 0
               : -1;
}

static int other_decrypt(unsigned char *out, unsigned long long *out_len,
                         unsigned char *nsec, const unsigned char *sealed,
                         unsigned long long len, const unsigned char *ad,
                         unsigned long long ad_len, const unsigned char *nonce,
                         const unsigned char *key)
{
    (void)out_len;
    (void)nsec;
    return other->open(out, (pn_bytes){ sealed, len }, (pn_bytes){ ad, ad_len },
                       nonce, key) == PN_OK
               ? 0
               : -1;
}

/* Whichever library ciphers, the answer must be the same. */
static answer chacha20_poly1305(vec_case *c)
{
    const answer first = aead(c, 12, crypto_aead_chacha20poly1305_ietf_encrypt,
                              crypto_aead_chacha20poly1305_ietf_decrypt);
    if (other == NULL)
        return first;
    vec_check(c, aead(c, 12, other_encrypt, other_decrypt) == first,
              "OpenSSL answers otherwise");
    return first;
}

static answer xchacha20_poly1305(vec_case *c)
{
    return aead(c, 24, crypto_aead_xchacha20poly1305_ietf_encrypt,
                crypto_aead_xchacha20poly1305_ietf_decrypt);
}

/* The public key belongs to the group, in a member object. */
static answer ed25519(vec_case *c)
{
    const json_t *member = vec_field(c, "publicKey");
    const json_t *key = member != NULL ? member : vec_field(c, "key");
    const pn_bytes msg = vec_hex(c, "msg"), sig = vec_hex(c, "sig");
    const pn_bytes pk = vec_hex_value(c, json_object_get(key, "pk"));
    if (c->why != NULL || pk.len != 32 || sig.len != 64)
        return REFUSED;
    return crypto_sign_verify_detached(sig.p, msg.p, msg.len, pk.p) == 0
               ? MATCHED
               : REFUSED;
}

static answer hkdf_sha256(vec_case *c)
{
    const pn_bytes ikm = vec_hex(c, "ikm"), salt = vec_hex(c, "salt");
    const pn_bytes info = vec_hex(c, "info"), okm = vec_hex(c, "okm");
    const size_t size = vec_number(c, "size", HKDF_SIZE_MAX);
    uint8_t prk[PN_HKDF_PRK_BYTES];
    uint8_t *got = vec_room(c, size);
    if (c->why != NULL)
        return REFUSED;
    pn_hkdf_extract(prk, salt, ikm);
    if (pn_hkdf_expand(got, size, prk, info) != PN_OK)
        return REFUSED;
    return compare(got, size, okm);
}

static answer hmac_sha256(vec_case *c)
{
    const pn_bytes key = vec_hex(c, "key"), msg = vec_hex(c, "msg");
    const pn_bytes tag = vec_hex(c, "tag");
    const size_t bits = vec_number(c, "tagSize", 256);
    crypto_auth_hmacsha256_state mac;
    uint8_t got[crypto_auth_hmacsha256_BYTES];
    if (c->why != NULL || tag.len != bits / 8)
        return REFUSED;
    crypto_auth_hmacsha256_init(&mac, key.p, key.len);
    crypto_auth_hmacsha256_update(&mac, msg.p, msg.len);
    crypto_auth_hmacsha256_final(&mac, got);
    return vec_equal(got, bits / 8, tag) ? MATCHED : REFUSED;
}

static answer x25519(vec_case *c)
{
    const pn_bytes pk = vec_hex(c, "public"), sk = vec_hex(c, "private");
    const pn_bytes shared = vec_hex(c, "shared");
    uint8_t got[32];
    if (c->why != NULL || pk.len != 32 || sk.len != 32 ||
        crypto_scalarmult(got, sk.p, pk.p) != 0)
        return REFUSED;
    return compare(got, sizeof got, shared);
}

static answer mlkem_keygen(vec_case *c)
{
    const pn_bytes seed = vec_hex(c, "seed"), ek = vec_hex(c, "ek");
    const pn_bytes dk = vec_hex(c, "dk");
    uint8_t pk[PN_MLKEM768_PK_BYTES], sk[PN_MLKEM768_SK_BYTES];
    if (c->why != NULL || seed.len != PN_MLKEM768_SEED_BYTES)
        return REFUSED;
    pn_mlkem768_seed_keypair(pk, sk, seed.p);
    if (!vec_equal(pk, sizeof pk, ek))
        return DIFFERED;
    return compare(sk, sizeof sk, dk);
}

static answer mlkem_encaps(vec_case *c)
{
    const pn_bytes ek = vec_hex(c, "ek"), m = vec_hex(c, "m");
    const pn_bytes ct = vec_hex(c, "c"), k = vec_hex(c, "K");
    uint8_t got_ct[PN_MLKEM768_CT_BYTES], ss[PN_MLKEM768_SS_BYTES];
    if (c->why != NULL || ek.len != PN_MLKEM768_PK_BYTES ||
        m.len != PN_MLKEM768_ENC_SEED_BYTES ||
        pn_mlkem768_enc_deterministic(got_ct, ss, ek.p, m.p) != PN_OK)
        return REFUSED;
    if (!vec_equal(got_ct, sizeof got_ct, ct))
        return DIFFERED;
    return compare(ss, sizeof ss, k);
}

/* The key that decapsulation answers with; absent where it must refuse. */
static answer decapsulate(vec_case *c, const uint8_t *sk, pn_bytes ct)
{
    uint8_t ss[PN_MLKEM768_SS_BYTES];
    if (ct.len != PN_MLKEM768_CT_BYTES)
        return REFUSED;
    pn_mlkem768_dec(ss, ct.p, sk);
    if (vec_field(c, "K") == NULL)
        return DIFFERED;
    return compare(ss, sizeof ss, vec_hex(c, "K"));
}

static answer mlkem_from_seed(vec_case *c)
{
    const pn_bytes seed = vec_hex(c, "seed"), ct = vec_hex(c, "c");
    uint8_t pk[PN_MLKEM768_PK_BYTES], sk[PN_MLKEM768_SK_BYTES];
    if (c->why != NULL || seed.len != PN_MLKEM768_SEED_BYTES)
        return REFUSED;
    pn_mlkem768_seed_keypair(pk, sk, seed.p);
    if (vec_text(c, "ek")[0] != '\0' &&
        !vec_equal(pk, sizeof pk, vec_hex(c, "ek")))
        return DIFFERED;
    return decapsulate(c, sk, ct);
}

static answer mlkem_from_dk(vec_case *c)
{
    const pn_bytes dk = vec_hex(c, "dk"), ct = vec_hex(c, "c");
    if (c->why != NULL || dk.len != PN_MLKEM768_SK_BYTES ||
        pn_mlkem768_check_dk(dk.p) != PN_OK)
        return REFUSED;
    return decapsulate(c, dk.p, ct);
}

/* Who answers what. `only`, if set, is the value that the field `of` of the
 * group must have: a parameter set or a curve. */
static const struct {
    const char *algorithm, *type, *of, *only;
    answer_fn *run;
} runners[] = {
    { "CHACHA20-POLY1305", "AeadTest", NULL, NULL, chacha20_poly1305 },
    { "XCHACHA20-POLY1305", "AeadTest", NULL, NULL, xchacha20_poly1305 },
    { "EDDSA", "EddsaVerify", "curve", "edwards25519", ed25519 },
    { "HKDF-SHA-256", "HkdfTest", NULL, NULL, hkdf_sha256 },
    { "HMACSHA256", "MacTest", NULL, NULL, hmac_sha256 },
    { "XDH", "XdhComp", "curve", "curve25519", x25519 },
    { "ML-KEM", "MLKEMKeyGen", "parameterSet", "ML-KEM-768", mlkem_keygen },
    { "ML-KEM", "MLKEMEncapsTest", "parameterSet", "ML-KEM-768", mlkem_encaps },
    { "ML-KEM", "MLKEMTest", "parameterSet", "ML-KEM-768", mlkem_from_seed },
    { "ML-KEM", "MLKEMDecapsValidationTest", "parameterSet", "ML-KEM-768",
      mlkem_from_dk },
};

static bool group_has(const json_t *group, const char *of, const char *only)
{
    const json_t *key = json_object_get(group, "publicKey");
    const json_t *in = json_object_get(group, of) != NULL ? group
                       : key != NULL                      ? key
                                     : json_object_get(group, "key");
    return strcmp(vec_member_text(in, of), only) == 0;
}

static answer_fn *find_runner(const char *algorithm, const json_t *group)
{
    const char *type = vec_member_text(group, "type");
    for (size_t i = 0; i < sizeof runners / sizeof runners[0]; i++)
        if (strcmp(algorithm, runners[i].algorithm) == 0 &&
            strcmp(type, runners[i].type) == 0 &&
            (runners[i].of == NULL ||
             group_has(group, runners[i].of, runners[i].only)))
            return runners[i].run;
    return NULL;
}

static void judge(vec_case *c, answer_fn *run)
{
    const char *result = vec_text(c, "result");
    const bool valid = strcmp(result, "valid") == 0;
    const bool acceptable = strcmp(result, "acceptable") == 0;
    answer got;
    if (!vec_check(c, valid || acceptable || strcmp(result, "invalid") == 0,
                   "result is none of valid, invalid, acceptable"))
        return;
    got = run(c);
    if (valid)
        vec_check(c, got != REFUSED, "valid, but refused");
    else if (!acceptable)
        vec_check(c, got == REFUSED, "invalid, but accepted");
    if (valid || acceptable)
        vec_check(c, got != DIFFERED, "result differs");
}

static void run_group(vec_tally *t, const vec_file *file, const json_t *group)
{
    const char *algorithm = vec_member_text(file->json, "algorithm");
    answer_fn *run = find_runner(algorithm, group);
    const json_t *test;
    size_t i;
    json_array_foreach(json_object_get(group, "tests"), i, test)
    {
        vec_case c;
        vec_open(&c, t, file, i, test, NULL, group);
        if (run == NULL) {
            vec_skip(&c);
            continue;
        }
        judge(&c, run);
        vec_close(&c);
    }
}

void kind_wycheproof(vec_tally *t, const vec_file *files, size_t count)
{
    const pn_err err = pn_openssl_open(&other);
    if (err != PN_OK && err != PN_E_NOT_FOUND)
        vec_broken(t, &files[0], "OpenSSL cannot be used");
    for (size_t f = 0; f < count; f++) {
        const json_t *groups = json_object_get(files[f].json, "testGroups");
        const size_t before = t->passed + t->failed + t->skipped;
        const json_t *group;
        size_t i;
        json_array_foreach(groups, i, group) run_group(t, &files[f], group);
        if (t->passed + t->failed + t->skipped == before)
            vec_broken(t, &files[f], "no Wycheproof case in it");
    }
    pn_openssl_close();
}
