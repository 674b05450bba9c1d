/* ACVP vectors of SHA-3 and SHAKE: AFT (one message), VOT (output of any
 * length), MCT (Monte Carlo: a hundred times a thousand hashes in a chain), LDT
 * (one message of gigabytes). Messages and outputs may end inside a byte. */
#include <stdlib.h>
#include <string.h>

#include "proto/crypto/keccak.h"
#include "tests/vectors/acvp.h"

enum {
    ROUNDS = 100,
    CHAIN = 1000,
    OUT_MAX = 1 << 20,      /* bytes of one output */
    LARGE_BYTES = 1 << 30,  /* above it, an LDT case only on request */
    SEED_BYTES = 16,        /* what SHAKE's Monte Carlo feeds back */
    MESSAGE_MAX = 64 << 20, /* bytes of one message */
};

typedef struct algorithm {
    const char *name;
    pn_keccak_kind kind;
    size_t out_bytes; /* 0: as the case wants (SHAKE) */
} algorithm;

static const algorithm algorithms[] = {
    { "SHA3-224", PN_SHA3_224, 28 }, { "SHA3-256", PN_SHA3_256, 32 },
    { "SHA3-384", PN_SHA3_384, 48 }, { "SHA3-512", PN_SHA3_512, 64 },
    { "SHAKE-128", PN_SHAKE128, 0 }, { "SHAKE-256", PN_SHAKE256, 0 },
};

static const algorithm *find_algorithm(const json_t *set)
{
    const char *name = vec_member_text(set, "algorithm");
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
        if (strcmp(algorithms[i].name, name) == 0)
            return &algorithms[i];
    return NULL;
}

static bool wants(const json_t *set, const json_t *group)
{
    (void)group;
    return find_algorithm(set) != NULL;
}

/* Hash the first `bits` bits of msg. */
static void hash(pn_keccak_kind kind, uint8_t *out, size_t len, pn_bytes msg,
                 size_t bits)
{
    pn_keccak k;
    pn_keccak_init(&k, kind);
    pn_keccak_absorb(&k, (pn_bytes){ msg.p, bits / 8 });
    if (bits % 8 != 0)
        pn_keccak_absorb_bits(&k, (uint8_t)(msg.p[bits / 8] >> (8 - bits % 8)),
                              (unsigned)(bits % 8));
    pn_keccak_squeeze(&k, out, len);
}

/* A message of the case, at least as long as its `len` says. */
static pn_bytes message(vec_case *c, size_t *bits)
{
    const pn_bytes msg = vec_hex(c, "msg");
    *bits = vec_number(c, "len", (uint64_t)MESSAGE_MAX * 8);
    vec_check(c, msg.len >= (*bits + 7) / 8, "msg is shorter than len");
    return msg;
}

/* How the files write the last `count` bits of an output: at the low end of a
 * byte in revision 1.0, at its high end in later ones. Those of a message are
 * always at the high end. */
static uint8_t last_bits(const json_t *set, uint8_t bits, unsigned count)
{
    if (strcmp(vec_member_text(set, "revision"), "1.0") == 0)
        return (uint8_t)(bits & ((1U << count) - 1));
    return (uint8_t)(bits << (8 - count));
}

/* AFT and VOT. */
static void one_message(vec_case *c, const algorithm *a, const json_t *set)
{
    size_t bits, out_bits = 8 * a->out_bytes;
    const pn_bytes msg = message(c, &bits), md = vec_hex(c, "md");
    size_t len;
    uint8_t *got;
    if (a->out_bytes == 0)
        out_bits = vec_number(c, "outLen", (uint64_t)OUT_MAX * 8);
    if (c->why != NULL)
        return;
    len = (out_bits + 7) / 8;
    got = vec_room(c, len);
    hash(a->kind, got, len, msg, bits);
    if (out_bits % 8 != 0)
        got[len - 1] = last_bits(set, got[len - 1], (unsigned)(out_bits % 8));
    vec_check(c, vec_equal(got, len, md), "md differs");
}

/* Compare one result of a Monte Carlo run. */
static void check_round(vec_case *c, const json_t *result, const uint8_t *md,
                        size_t len)
{
    vec_check(
        c, vec_equal(md, len, vec_hex_value(c, json_object_get(result, "md"))),
        "md of a Monte Carlo round differs");
}

/* Each digest is the next message. In the alternate version the message keeps
 * the length of the seed: cut, or filled with zeros. */
static void monte_carlo_sha3(vec_case *c, const algorithm *a,
                             const json_t *results)
{
    const bool alternate = strcmp(vec_text(c, "mctVersion"), "alternate") == 0;
    size_t bits;
    const pn_bytes seed = message(c, &bits);
    const size_t room = seed.len > a->out_bytes ? seed.len : a->out_bytes;
    uint8_t *msg = vec_room(c, room);
    if (c->why != NULL ||
        !vec_check(c, bits % 8 == 0, "a Monte Carlo seed of odd bits"))
        return;
    memcpy(msg, seed.p, bits / 8);
    for (size_t j = 0; j < ROUNDS && c->why == NULL; j++) {
        for (size_t i = 0; i < CHAIN; i++) {
            hash(a->kind, msg, a->out_bytes, (pn_bytes){ msg, room }, bits);
            if (!alternate)
                bits = 8 * a->out_bytes;
        }
        check_round(c, json_array_get(results, j), msg, a->out_bytes);
    }
}

/* The first 128 bits of an output are the next message; its last 16 bits,
 * big-endian, choose the length of the next output. */
static void monte_carlo_shake(vec_case *c, const algorithm *a,
                              const json_t *results)
{
    const size_t max = vec_number(c, "maxOutLen", (uint64_t)OUT_MAX * 8) / 8;
    const size_t min = (vec_number(c, "minOutLen", 8 * max) + 7) / 8;
    const pn_bytes seed = vec_hex(c, "msg");
    const size_t range = max - min + 1;
    uint8_t *out = vec_room(c, max + SEED_BYTES);
    uint8_t msg[SEED_BYTES] = { 0 };
    size_t len = max;
    if (c->why != NULL ||
        !vec_check(c, min >= 2 && seed.len > 0, "an output too short to use"))
        return;
    memcpy(msg, seed.p, seed.len < sizeof msg ? seed.len : sizeof msg);
    for (size_t j = 0; j < ROUNDS && c->why == NULL; j++) {
        size_t used = len;
        for (size_t i = 0; i < CHAIN; i++) {
            used = len;
            memset(out, 0, max + SEED_BYTES);
            hash(a->kind, out, used, (pn_bytes){ msg, sizeof msg },
                 8 * sizeof msg);
            memcpy(msg, out, sizeof msg);
            len = min + ((size_t)out[used - 2] << 8 | out[used - 1]) % range;
        }
        check_round(c, json_array_get(results, j), out, used);
    }
}

static void monte_carlo(vec_case *c, const algorithm *a)
{
    const json_t *results = vec_field(c, "resultsArray");
    if (!vec_check(c, json_array_size(results) == ROUNDS,
                   "resultsArray does not have 100 results"))
        return;
    if (a->out_bytes != 0)
        monte_carlo_sha3(c, a, results);
    else
        monte_carlo_shake(c, a, results);
}

/* A short content repeated to gigabytes. Returns false if it is so large that
 * it runs only with POSTERN_VECTORS_LARGE set. */
static bool large_data(vec_case *c, const algorithm *a)
{
    enum { COPIES = 4096 };
    const json_t *spec = vec_field(c, "largeMsg");
    const pn_bytes content = vec_hex_value(c, json_object_get(spec, "content"));
    const json_int_t bits =
        json_integer_value(json_object_get(spec, "fullLength"));
    const pn_bytes md = vec_hex(c, "md");
    uint64_t left;
    uint8_t *block, *got;
    pn_keccak k;
    if (!vec_check(c,
                   c->why == NULL && a->out_bytes != 0 && bits > 0 &&
                       bits % 8 == 0 && content.len > 0 &&
                       strcmp(vec_member_text(spec, "expansionTechnique"),
                              "repeating") == 0,
                   "largeMsg is not a repeated content"))
        return true;
    left = (uint64_t)bits / 8;
    if (left > LARGE_BYTES && getenv("POSTERN_VECTORS_LARGE") == NULL)
        return false;
    block = vec_room(c, content.len * COPIES);
    for (size_t i = 0; i < COPIES; i++)
        memcpy(block + i * content.len, content.p, content.len);
    pn_keccak_init(&k, a->kind);
    while (left > 0) {
        const size_t whole = content.len * COPIES;
        const size_t n = left < whole ? (size_t)left : whole;
        pn_keccak_absorb(&k, (pn_bytes){ block, n });
        left -= n;
    }
    got = vec_room(c, a->out_bytes);
    pn_keccak_squeeze(&k, got, a->out_bytes);
    vec_check(c, vec_equal(got, a->out_bytes, md), "md differs");
    return true;
}

static bool run_case(vec_case *c, const json_t *set)
{
    const algorithm *a = find_algorithm(set);
    const char *type = vec_text(c, "testType");
    if (strcmp(type, "AFT") == 0 || strcmp(type, "VOT") == 0)
        one_message(c, a, set);
    else if (strcmp(type, "MCT") == 0)
        monte_carlo(c, a);
    else if (strcmp(type, "LDT") == 0)
        return large_data(c, a);
    else
        vec_check(c, false, "unknown testType");
    return true;
}

void kind_sha3(vec_tally *t, const vec_file *files, size_t count)
{
    acvp_run(t, files, count, wants, run_case);
}
