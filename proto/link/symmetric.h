/* SymmetricState of the Noise Protocol Framework (revision 34, section 5.2):
 * the chaining key, the running transcript hash and the handshake's cipher.
 * With SHA256 (32-byte hash) or BLAKE2b (64-byte hash, Noise's own HKDF on
 * HMAC-BLAKE2b, not BLAKE2's keyed mode). Thread rule: one thread at a time.
 */
#ifndef POSTERN_PROTO_LINK_SYMMETRIC_H
#define POSTERN_PROTO_LINK_SYMMETRIC_H

#include "proto/link/cipher.h"

typedef enum pn_noise_hash {
    PN_NOISE_SHA256,
    PN_NOISE_BLAKE2B,
    PN_NOISE_HASH_COUNT,
} pn_noise_hash;

enum { PN_NOISE_HASH_MAX = 64 };

typedef struct pn_symmetric {
    pn_noise_hash hash;
    bool has_key;
    pn_cipher cipher;              /* meaningful once has_key; secret */
    uint8_t ck[PN_NOISE_HASH_MAX]; /* chaining key; secret */
    uint8_t h[PN_NOISE_HASH_MAX];  /* transcript hash; public */
} pn_symmetric;

/* Bytes of h and ck: 32 or 64. */
size_t pn_noise_hash_len(pn_noise_hash hash);

/* InitializeSymmetric(protocol_name). */
void pn_symmetric_init(pn_symmetric *s, pn_noise_hash hash, pn_bytes name);
void pn_symmetric_mix_hash(pn_symmetric *s, pn_bytes data);
/* MixKey(): `ikm` is the output of a DH or KEM. */
void pn_symmetric_mix_key(pn_symmetric *s, const uint8_t ikm[32]);
/* Bytes that sealing adds now: 0 before the first key, then 16. */
size_t pn_symmetric_overhead(const pn_symmetric *s);
/* EncryptAndHash(): writes plain.len + overhead bytes to out; out and plain
 * do not overlap. Errors as pn_cipher_seal(). */
PN_MUST_USE pn_err pn_symmetric_seal(pn_symmetric *s, uint8_t *out,
                                     pn_bytes plain);
/* DecryptAndHash(): writes sealed.len - overhead bytes to out; out and sealed
 * do not overlap. Errors as pn_cipher_open(). */
PN_MUST_USE pn_err pn_symmetric_open(pn_symmetric *s, uint8_t *out,
                                     pn_bytes sealed);
/* Split(): the initiator's sending cipher, then the responder's. */
void pn_symmetric_split(const pn_symmetric *s, pn_cipher *first,
                        pn_cipher *second);

#endif
