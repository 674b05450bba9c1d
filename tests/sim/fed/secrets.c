#include "tests/sim/fed/secrets.h"

#include <stdlib.h>
#include <string.h>

#include "proto/wire/queue.h"
#include "tests/sim/fed/fail.h"

enum { FIRSTS = 1 << 16, WORDS_FIRST = 1 << 12 };

static void *must(void *p)
{
    FED_CHECK(p != NULL, "the simulator has memory", "secrets");
    return p;
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

static uint64_t word_at(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word != 0 ? word : 1;
}

void fed_secrets_init(fed_secrets *s, bool compares)
{
    *s = (fed_secrets){ .compares = compares };
    s->by_first = must(calloc(FIRSTS, sizeof *s->by_first));
    s->word_cap = WORDS_FIRST;
    s->words = must(calloc(s->word_cap, sizeof *s->words));
    s->seen_cap = WORDS_FIRST;
    s->seen = must(calloc(s->seen_cap, sizeof *s->seen));
}

void fed_secrets_free(fed_secrets *s)
{
    free(s->needles);
    free(s->chain);
    free(s->by_first);
    free(s->words);
    free(s->seen);
    *s = (fed_secrets){ .needles = NULL };
}

/* --- needles -------------------------------------------------------------- */

static size_t first_of(const uint8_t *p)
{
    return (size_t)p[0] << 8 | p[1];
}

void fed_secrets_add(fed_secrets *s, const void *p, size_t len,
                     const char *what)
{
    fed_needle *n;
    if (s->needle_count == s->needle_cap) {
        s->needle_cap = s->needle_cap * 2 + 64;
        s->needles =
            must(realloc(s->needles, s->needle_cap * sizeof *s->needles));
        s->chain = must(realloc(s->chain, s->needle_cap * sizeof *s->chain));
    }
    n = &s->needles[s->needle_count];
    *n = (fed_needle){ .len = len, .what = what };
    memcpy(n->bytes, p, len);
    s->chain[s->needle_count] = s->by_first[first_of(n->bytes)];
    s->by_first[first_of(n->bytes)] = (uint16_t)++s->needle_count;
}

static void look_for_needles(const fed_secrets *s, size_t relay, pn_bytes body)
{
    for (size_t at = 0; at + 8 <= body.len; at++) {
        uint16_t i = s->by_first[first_of(body.p + at)];
        for (; i != 0; i = s->chain[i - 1]) {
            const fed_needle *n = &s->needles[i - 1];
            FED_CHECK(body.len - at < n->len ||
                          memcmp(body.p + at, n->bytes, n->len) != 0,
                      "no relay stores what tells of anybody",
                      "relay %zu: %s at byte %zu of %zu", relay, n->what, at,
                      body.len);
        }
    }
}

/* --- what two bodies have in common --------------------------------------- */

static bool put_seen(fed_secrets *s, uint64_t hash)
{
    size_t at = hash & (s->seen_cap - 1);
    for (; s->seen[at] != 0; at = (at + 1) & (s->seen_cap - 1)) {
        if (s->seen[at] == hash)
            return false;
    }
    s->seen[at] = hash;
    s->seen_count++;
    return true;
}

/* Whether it is new. One that is repeated, to the byte, is no finding: a
 * deposit without an answer is sent again. */
static bool is_new(fed_secrets *s, pn_bytes body)
{
    uint64_t hash = body.len;
    for (size_t at = 0; at + 8 <= body.len; at += 8)
        hash = mix(hash ^ word_at(body.p + at));
    hash = hash != 0 ? hash : 1;
    if (2 * s->seen_count >= s->seen_cap) {
        uint64_t *before = s->seen;
        const size_t cap = s->seen_cap;
        s->seen_cap *= 2;
        s->seen_count = 0;
        s->seen = must(calloc(s->seen_cap, sizeof *s->seen));
        for (size_t i = 0; i < cap; i++) {
            if (before[i] != 0)
                (void)put_seen(s, before[i]);
        }
        free(before);
    }
    return put_seen(s, hash);
}

static void put_word(fed_secrets *s, uint64_t word)
{
    size_t at = word & (s->word_cap - 1);
    while (s->words[at] != 0 && s->words[at] != word)
        at = (at + 1) & (s->word_cap - 1);
    s->word_count += s->words[at] == 0 ? 1 : 0;
    s->words[at] = word;
}

static void grow_words(fed_secrets *s)
{
    uint64_t *words = s->words;
    const size_t cap = s->word_cap;
    s->word_cap *= 4;
    s->word_count = 0;
    s->words = must(calloc(s->word_cap, sizeof *s->words));
    for (size_t i = 0; i < cap; i++) {
        if (words[i] != 0)
            put_word(s, words[i]);
    }
    free(words);
}

static bool has_word(const fed_secrets *s, uint64_t word)
{
    size_t at = word & (s->word_cap - 1);
    for (; s->words[at] != 0; at = (at + 1) & (s->word_cap - 1)) {
        if (s->words[at] == word)
            return true;
    }
    return false;
}

/* A parcel in a spool begins with what all parcels of its class for one onion
 * key begin with: nine bytes. */
static size_t sealed_from(pn_bytes body)
{
    return pn_envelope_len_ok(body.len) ? 0 : FED_COMMON_BYTES;
}

/* Two strings of FED_COMMON_BYTES or more in common have a word in common that
 * begins, in the earlier body, at a multiple of its length. What is encrypted
 * has none, in a lifetime of runs. */
static void compare(fed_secrets *s, size_t relay, pn_bytes body)
{
    for (size_t at = sealed_from(body); at + 8 <= body.len; at++)
        FED_CHECK(!has_word(s, word_at(body.p + at)),
                  "no two things on relays have bytes in common",
                  "relay %zu: byte %zu of %zu", relay, at, body.len);
    while (2 * (s->word_count + body.len / 8) >= s->word_cap)
        grow_words(s);
    for (size_t at = sealed_from(body); at + 8 <= body.len; at += 8)
        put_word(s, word_at(body.p + at));
}

/* The nonce of an envelope, and the beginning of a parcel's KEM ciphertext,
 * are its first bytes: whatever else is compared, these never come twice. */
static void check_nonce(fed_secrets *s, size_t relay, pn_bytes body)
{
    const uint64_t hash =
        mix(word_at(body.p + 8) ^ mix(word_at(body.p + 16))) | 1;
    FED_CHECK(put_seen(s, hash), "no nonce serves twice", "relay %zu", relay);
}

void fed_secrets_stored(fed_secrets *s, size_t relay, pn_bytes body)
{
    s->bodies_scanned++;
    if (body.len < 64 || !is_new(s, body))
        return;
    look_for_needles(s, relay, body);
    check_nonce(s, relay, body);
    if (s->compares)
        compare(s, relay, body);
}
