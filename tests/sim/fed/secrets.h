/* What the bytes on relays give away: no text, no identity, no address of
 * anybody; and no two things that were stored have anything in common, so that
 * copies of one message on two relays cannot be matched, nor two messages of
 * one pair of keys and nonce.
 */
#ifndef POSTERN_TESTS_SIM_FED_SECRETS_H
#define POSTERN_TESTS_SIM_FED_SECRETS_H

#include "proto/base/bytes.h"

enum { FED_COMMON_BYTES = 16 };

typedef struct fed_needle {
    uint8_t bytes[32];
    size_t len;
    const char *what;
} fed_needle;

typedef struct fed_secrets {
    fed_needle *needles; /* owned */
    size_t needle_count, needle_cap;
    uint16_t *by_first; /* owned: by the first two bytes, index + 1 */
    uint16_t *chain;    /* owned: of each needle, the next */
    uint64_t *words;    /* owned: of what was stored; a hash set */
    uint32_t *bodies;   /* owned: of each word, whose */
    size_t word_count, word_cap;
    uint64_t *seen; /* owned: hashes of whole bodies */
    size_t seen_count, seen_cap;
    uint64_t bodies_scanned;
    bool compares;
} fed_secrets;

/* `compares`: look for what two bodies have in common, which costs most. */
void fed_secrets_init(fed_secrets *s, bool compares);
void fed_secrets_free(fed_secrets *s);
/* 8 to 32 bytes that no relay may store. `what` is borrowed. */
void fed_secrets_add(fed_secrets *s, const void *p, size_t len,
                     const char *what);
/* Relay `relay` is about to store this. */
void fed_secrets_stored(fed_secrets *s, size_t relay, pn_bytes body);

#endif
