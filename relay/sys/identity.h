/* The relay's secret: the 32-byte seed of its Ed25519 key, in a file.
 * File form, 56 bytes: "pnrelay" ‖ 0x01 ‖ seed(32) ‖ BLAKE2b-128 of all before.
 * The checksum is there because a damaged seed is a valid seed too: the relay
 * would come up under another identity and strand every client.
 * Whoever has this file is the relay: mode 0600, refused otherwise.
 */
#ifndef POSTERN_RELAY_SYS_IDENTITY_H
#define POSTERN_RELAY_SYS_IDENTITY_H

#include "proto/base/bytes.h"

enum { RL_SEED_BYTES = 32, RL_IDENTITY_BYTES = 8 + RL_SEED_BYTES + 16 };

/* The file's content for a seed, and back. The caller wipes both.
 * PN_E_CORRUPT if the content is damaged or of another kind. */
void rl_identity_encode(uint8_t out[RL_IDENTITY_BYTES],
                        const uint8_t seed[RL_SEED_BYTES]);
PN_MUST_USE pn_err rl_identity_decode(uint8_t seed[RL_SEED_BYTES],
                                      pn_bytes content);

/* Store a new identity in `dir`. The caller holds the directory's lock.
 * PN_E_EXISTS if there is one, PN_E_IO with errno. */
PN_MUST_USE pn_err rl_identity_create(const char *dir,
                                      const uint8_t seed[RL_SEED_BYTES]);
/* Read it. The caller wipes `seed`. PN_E_NOT_FOUND, PN_E_REFUSED if others
 * than the owner may read or write the file, or it is not this user's,
 * PN_E_CORRUPT, PN_E_IO with errno. */
PN_MUST_USE pn_err rl_identity_load(const char *dir,
                                    uint8_t seed[RL_SEED_BYTES]);

#endif
