/* The 2048-byte messages of the handshake (PROTOCOL.md sections 1.2 to 1.4).
 *
 *   message 1  mac1(16) | solution(16) | Noise message 1 (2016)
 *   message 2  Noise message 2 (2048)
 *   retry      nonce(24) | AEAD(challenge(32) | difficulty u8 | zeros) (2024)
 *
 * A Noise payload is `u16 used | fields | zeros`. Fields that a later version
 * appends inside `used` are skipped; the zeros are checked.
 * Thread rule: plain values, no shared state.
 */
#ifndef POSTERN_PROTO_LINK_HELLO_H
#define POSTERN_PROTO_LINK_HELLO_H

#include "proto/link/link.h"
#include "proto/link/puzzle.h"

enum {
    PN_HELLO_MAC_BYTES = 16,
    PN_HELLO_SOLUTION_AT = 16,
    PN_HELLO_NOISE_AT = 32, /* in message 1 */
    PN_HELLO_NOISE_BYTES = PN_LINK_HELLO_BYTES - PN_HELLO_NOISE_AT,
    PN_HELLO_PAYLOAD_MAX = 896,
    PN_HELLO_ROLES = 2,
    PN_HELLO_PROLOGUE_MAX = 15 + 1 + PN_LINK_KEY_BYTES + 32,
};

/* Keys that follow from a relay key; whoever knows the relay's address has
 * them, whoever does not cannot tell its answers from noise. */
typedef struct pn_hello_keys {
    uint8_t mac1[PN_HELLO_ROLES][32]; /* by pn_link_role */
    uint8_t retry[32];
} pn_hello_keys;

void pn_hello_keys_derive(pn_hello_keys *out,
                          const uint8_t relay_key[PN_LINK_KEY_BYTES]);

/* Put mac1 in place, over everything after it. */
void pn_hello_seal_mac1(const pn_hello_keys *keys, pn_link_role role,
                        uint8_t hello[PN_LINK_HELLO_BYTES]);
/* Which role's key verifies mac1; both are always tried, in constant time.
 * PN_E_CRYPTO if none does. */
PN_MUST_USE pn_err pn_hello_check_mac1(const pn_hello_keys *keys,
                                       const uint8_t hello[PN_LINK_HELLO_BYTES],
                                       pn_link_role *role);
/* What a puzzle's solution is bound to: BLAKE2b-256 of message 1 without mac1
 * and solution. */
void pn_hello_digest(uint8_t out[PN_PUZZLE_DIGEST_BYTES],
                     const uint8_t hello[PN_LINK_HELLO_BYTES]);

/* Noise prologue: "postern-link/1" | 0x00 | role | relay key, and in a
 * rollover the hash of the handshake before (else NULL). Returns a view of
 * `out`. */
pn_bytes pn_hello_prologue(uint8_t out[PN_HELLO_PROLOGUE_MAX],
                           pn_link_role role,
                           const uint8_t relay_key[PN_LINK_KEY_BYTES],
                           const uint8_t *previous_hash);

/* Payload bytes of message 1 (768, or 720 in IKhfs) and 2 (896). */
size_t pn_hello_offer_len(pn_link_role role);
size_t pn_hello_terms_len(void);

/* PN_OK if an offer can be made: known record size, versions 1 or more. */
PN_MUST_USE pn_err pn_hello_offer_check(const pn_link_offer *offer);
/* Fill out[0..len) with a payload. */
void pn_hello_offer_write(uint8_t *out, size_t len, const pn_link_offer *offer);
void pn_hello_terms_write(uint8_t *out, size_t len, const pn_link_terms *terms);
/* Read a payload to its exact end. PN_E_SHORT or PN_E_PROTO. A record size
 * that this version does not know is read as the largest one below it. */
PN_MUST_USE pn_err pn_hello_offer_parse(pn_bytes in, pn_link_offer *out);
PN_MUST_USE pn_err pn_hello_terms_parse(pn_bytes in, pn_link_terms *out);
/* Whether a responder may answer `offer` with `terms`. PN_E_VERSION or
 * PN_E_PROTO if not. */
PN_MUST_USE pn_err pn_hello_terms_check(const pn_link_terms *terms,
                                        const pn_link_offer *offer);

enum { PN_RETRY_NONCE_BYTES = 24 };

/* Write a retry. `mac1` is that of the message it answers. */
void pn_hello_retry_seal(uint8_t out[PN_LINK_HELLO_BYTES],
                         const pn_hello_keys *keys, const uint8_t *mac1,
                         const uint8_t nonce[PN_RETRY_NONCE_BYTES],
                         const uint8_t challenge[PN_PUZZLE_CHALLENGE_BYTES],
                         unsigned difficulty);
/* Open an answer as a retry: sets challenge and difficulty of *puzzle.
 * PN_E_CRYPTO if it is not one, PN_E_PROTO if it is and makes no sense. */
PN_MUST_USE pn_err pn_hello_retry_open(const uint8_t in[PN_LINK_HELLO_BYTES],
                                       const pn_hello_keys *keys,
                                       const uint8_t *mac1, pn_puzzle *puzzle);

#endif
