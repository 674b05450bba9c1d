/* CCTV's ML-KEM vectors. Text files, recognised by content:
 *
 *   `name = hex` lines    intermediate values, unlucky sampling, strcmp
 *   lines of hex          encapsulation keys with an unreduced coefficient
 *   the README            hashes of runs of 10 000 and 1 000 000 random tests
 *
 * Files of other parameter sets are told by the length of their keys. These
 * vectors are of the draft of FIPS 203, where key generation hashed d alone
 * and not d | k: both are tried, all else is the same. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/crypto/keccak.h"
#include "proto/crypto/mlkem768_pke.h"
#include "tests/vectors/vectors.h"

enum {
    EK_512 = 800,
    EK_1024 = 1568,
    DK_512 = 1632,
    DK_1024 = 3168,
    RUN_MAX = 10000, /* a longer accumulated run only on request */
};

/* The named values of one file, as a JSON object of texts so that they are
 * read like any other vector. A name met again keeps its first value: the
 * README says that values are not repeated, except the polynomial r. */
static json_t *named_values(const char *text)
{
    json_t *values = json_object();
    for (const char *line = text; line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n');
        const size_t len = end != NULL ? (size_t)(end - line) : strlen(line);
        const char *mid = memchr(line, '=', len);
        char name[32] = { 0 };
        size_t n = mid != NULL ? (size_t)(mid - line) : 0;
        while (n > 0 && line[n - 1] == ' ')
            n--;
        if (mid != NULL && n > 0 && n < sizeof name) {
            size_t from = (size_t)(mid - line) + 1, to = len;
            memcpy(name, line, n);
            while (from < to && line[from] == ' ')
                from++;
            while (to > from && isspace((unsigned char)line[to - 1]))
                to--;
            if (json_object_get(values, name) == NULL)
                json_object_set_new(values, name,
                                    json_stringn(line + from, to - from));
        }
        line = end != NULL ? end + 1 : NULL;
    }
    return values;
}

static bool is_length(const json_t *values, const char *name, size_t bytes)
{
    return strlen(vec_member_text(values, name)) == 2 * bytes;
}

typedef enum edition { DRAFT, FINAL } edition;

static void keypair(edition ed, uint8_t pk[PN_MLKEM768_PK_BYTES],
                    uint8_t sk[PN_MLKEM768_SK_BYTES],
                    const uint8_t seed[PN_MLKEM768_SEED_BYTES])
{
    uint8_t rho_sigma[64];
    uint8_t *at = sk + PN_MLKEM_PKE_SK_BYTES;
    if (ed == FINAL) {
        pn_mlkem768_seed_keypair(pk, sk, seed);
        return;
    }
    pn_sha3_512(rho_sigma, (pn_bytes){ seed, 32 });
    pn_mlkem768_pke_keypair(pk, sk, rho_sigma, rho_sigma + 32);
    memcpy(at, pk, PN_MLKEM768_PK_BYTES);
    at += PN_MLKEM768_PK_BYTES;
    pn_sha3_256(at, (pn_bytes){ pk, PN_MLKEM768_PK_BYTES });
    memcpy(at + PN_SHA3_256_BYTES, seed + 32, 32);
}

/* Check whatever these values allow: d and z give ek and dk; ek and m give c
 * and K; dk and c give K. */
static void check_values(vec_case *c, uint8_t *pk, uint8_t *sk)
{
    uint8_t ct[PN_MLKEM768_CT_BYTES], ss[PN_MLKEM768_SS_BYTES];
    const pn_bytes given_ct = vec_hex(c, "c"), k = vec_hex(c, "K");
    const pn_bytes dk = vec_hex(c, "dk");
    if (vec_field(c, "d") != NULL) {
        const pn_bytes d = vec_hex(c, "d"), z = vec_hex(c, "z");
        uint8_t seed[PN_MLKEM768_SEED_BYTES] = { 0 };
        if (!vec_check(c, d.len == 32 && z.len == 32, "d or z is not 32 bytes"))
            return;
        memcpy(seed, d.p, 32);
        memcpy(seed + 32, z.p, 32);
        keypair(FINAL, pk, sk, seed);
        if (!vec_equal(pk, PN_MLKEM768_PK_BYTES, vec_hex(c, "ek")))
            keypair(DRAFT, pk, sk, seed);
        vec_check(c, vec_equal(pk, PN_MLKEM768_PK_BYTES, vec_hex(c, "ek")),
                  "ek differs");
        vec_check(c, vec_equal(sk, PN_MLKEM768_SK_BYTES, dk), "dk differs");
    }
    if (vec_field(c, "m") != NULL) {
        const pn_bytes m = vec_hex(c, "m"), ek = vec_hex(c, "ek");
        if (!vec_check(c, m.len == 32 && ek.len == PN_MLKEM768_PK_BYTES,
                       "ek or m has the wrong length"))
            return;
        vec_check(c, pn_mlkem768_enc_deterministic(ct, ss, ek.p, m.p) == PN_OK,
                  "ek refused");
        vec_check(c, vec_equal(ct, sizeof ct, given_ct), "c differs");
        vec_check(c, vec_equal(ss, sizeof ss, k), "K of encaps differs");
    }
    if (!vec_check(c,
                   dk.len == PN_MLKEM768_SK_BYTES &&
                       given_ct.len == PN_MLKEM768_CT_BYTES,
                   "dk or c has the wrong length"))
        return;
    vec_check(c, pn_mlkem768_check_dk(dk.p) == PN_OK, "dk fails its check");
    pn_mlkem768_dec(ss, given_ct.p, dk.p);
    vec_check(c, vec_equal(ss, sizeof ss, k), "K of decaps differs");
}

static void run_values(vec_tally *t, const vec_file *file)
{
    json_t *values = named_values(file->text);
    uint8_t pk[PN_MLKEM768_PK_BYTES], sk[PN_MLKEM768_SK_BYTES];
    vec_case c;
    vec_open(&c, t, file, 0, values, NULL, NULL);
    if (is_length(values, "dk", DK_512) || is_length(values, "dk", DK_1024)) {
        vec_skip(&c);
    } else {
        check_values(&c, pk, sk);
        vec_close(&c);
    }
    json_decref(values);
}

/* Every line is an encapsulation key that must be refused. */
static void run_modulus(vec_tally *t, const vec_file *file)
{
    size_t number = 0;
    for (const char *line = file->text; *line != '\0'; number++) {
        const size_t len = strcspn(line, "\r\n");
        uint8_t ek[PN_MLKEM768_PK_BYTES];
        char *hex = strndup(line, len);
        vec_case c;
        vec_open(&c, t, file, number, NULL, NULL, NULL);
        if (len == 2 * EK_512 || len == 2 * EK_1024) {
            vec_skip(&c);
        } else {
            vec_check(&c,
                      hex != NULL && len == 2 * sizeof ek &&
                          pn_unhex(ek, sizeof ek, hex) == PN_OK,
                      "not the hex of an encapsulation key");
            vec_check(&c, c.why != NULL || pn_mlkem768_check_ek(ek) != PN_OK,
                      "an unreduced key was accepted");
            vec_close(&c);
        }
        free(hex);
        line += len;
        line += strspn(line, "\r\n");
    }
}

static void draw(pn_keccak *k, uint8_t *out, size_t len)
{
    pn_keccak_squeeze(k, out, len);
}

static void add(pn_keccak *k, const uint8_t *in, size_t len)
{
    pn_keccak_absorb(k, (pn_bytes){ in, len });
}

/* `runs` tests on inputs drawn from SHAKE128 of nothing; whether the hash of
 * all outputs is `expected`. */
static bool accumulate(vec_case *c, edition ed, unsigned long runs,
                       pn_bytes expected)
{
    uint8_t seed[PN_MLKEM768_SEED_BYTES], m[PN_MLKEM768_ENC_SEED_BYTES];
    uint8_t pk[PN_MLKEM768_PK_BYTES], sk[PN_MLKEM768_SK_BYTES];
    uint8_t ct[PN_MLKEM768_CT_BYTES], forged[PN_MLKEM768_CT_BYTES];
    uint8_t ss[PN_MLKEM768_SS_BYTES], back[PN_MLKEM768_SS_BYTES], hash[32];
    pn_keccak in, out;
    pn_keccak_init(&in, PN_SHAKE128);
    pn_keccak_init(&out, PN_SHAKE128);
    for (unsigned long i = 0; i < runs && c->why == NULL; i++) {
        draw(&in, seed, sizeof seed);
        draw(&in, m, sizeof m);
        draw(&in, forged, sizeof forged);
        keypair(ed, pk, sk, seed);
        vec_check(c, pn_mlkem768_enc_deterministic(ct, ss, pk, m) == PN_OK,
                  "our own ek refused");
        pn_mlkem768_dec(back, ct, sk);
        vec_check(c, memcmp(ss, back, sizeof ss) == 0, "decaps differs");
        pn_mlkem768_dec(back, forged, sk);
        add(&out, pk, sizeof pk);
        add(&out, sk, sizeof sk);
        add(&out, ct, sizeof ct);
        add(&out, ss, sizeof ss);
        add(&out, back, sizeof back);
    }
    pn_keccak_squeeze(&out, hash, sizeof hash);
    return vec_equal(hash, sizeof hash, expected);
}

static void check_accumulated(vec_case *c, unsigned long runs,
                              pn_bytes expected)
{
    vec_check(c,
              accumulate(c, DRAFT, runs, expected) ||
                  accumulate(c, FINAL, runs, expected),
              "the hash differs");
}

/* A line like "The resulting hashes for 10 000 consecutive tests are:". */
static bool run_length(const char *line, size_t len, unsigned long *runs)
{
    static const char before[] = "hashes for ", after[] = " consecutive tests";
    const char *p = memmem(line, len, before, sizeof before - 1);
    unsigned long n = 0;
    if (p == NULL || memmem(line, len, after, sizeof after - 1) == NULL)
        return false;
    for (p += sizeof before - 1; isdigit((unsigned char)*p) || *p == ' '; p++)
        if (*p != ' ' && n < 1000000000)
            n = 10 * n + (unsigned long)(*p - '0');
    *runs = n;
    return true;
}

/* The README's list of hashes: "* ML-KEM-768: `hex`". */
static void run_accumulated(vec_tally *t, const vec_file *file)
{
    unsigned long runs = 0;
    size_t number = 0;
    for (const char *line = file->text; *line != '\0';) {
        const size_t len = strcspn(line, "\n");
        const char *item = memmem(line, len, "* ML-KEM-", 9);
        const char *tick = memchr(line, '`', len);
        if (!run_length(line, len, &runs) && runs > 0 && item != NULL &&
            tick != NULL) {
            char hex[65] = { 0 };
            uint8_t hash[32];
            vec_case c;
            vec_open(&c, t, file, number++, NULL, NULL, NULL);
            strncpy(hex, tick + 1, 64);
            if (strncmp(item + 9, "768:", 4) != 0 ||
                (runs > RUN_MAX && getenv("POSTERN_VECTORS_LARGE") == NULL)) {
                vec_skip(&c);
            } else {
                if (vec_check(&c, pn_unhex(hash, sizeof hash, hex) == PN_OK,
                              "not a hash"))
                    check_accumulated(&c, runs,
                                      (pn_bytes){ hash, sizeof hash });
                vec_close(&c);
            }
        }
        line += len;
        line += *line == '\n';
    }
}

static bool is_hex_line(const char *text)
{
    const size_t digits = strspn(text, "0123456789abcdefABCDEF");
    return digits > 0 && (text[digits] == '\n' || text[digits] == '\r' ||
                          text[digits] == '\0');
}

void kind_cctv(vec_tally *t, const vec_file *files, size_t count)
{
    for (size_t f = 0; f < count; f++) {
        const char *text = files[f].text;
        const size_t before = t->passed + t->failed + t->skipped;
        if (is_hex_line(text))
            run_modulus(t, &files[f]);
        else if (strstr(text, " consecutive tests") != NULL)
            run_accumulated(t, &files[f]);
        else if (strstr(text, "dk = ") != NULL)
            run_values(t, &files[f]);
        if (t->passed + t->failed + t->skipped == before)
            vec_broken(t, &files[f], "not an ML-KEM vector file of CCTV");
    }
}
