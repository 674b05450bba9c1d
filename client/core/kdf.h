/* The few primitives every part of a session is made of, with their labels.
 * Hashes are BLAKE2b-256 (RFC 7693), derivations HKDF-SHA256 (RFC 5869), seals
 * XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha), agreements X25519 (RFC 7748).
 * Thread rule: no state, any thread.
 */
#ifndef POSTERN_CLIENT_CORE_KDF_H
#define POSTERN_CLIENT_CORE_KDF_H

#include "proto/base/bytes.h"

enum {
    CL_KEY_BYTES = 32,   /* every symmetric key, hash, X25519 key */
    CL_NONCE_BYTES = 24, /* of a seal */
    CL_TAG_BYTES = 16,
    CL_SUITE = 1, /* X25519, ML-KEM-768, XChaCha20-Poly1305, BLAKE2b, HKDF */
};

/* A view of a whole array. */
#define CL_VIEW(array) ((pn_bytes){ (array), sizeof(array) })

/* out = BLAKE2b-256(label | parts[0] | ... | parts[n-1]). The parts' lengths
 * must follow from the label or from themselves. */
void cl_hash(uint8_t out[CL_KEY_BYTES], const char *label,
             const pn_bytes *parts, size_t n);
/* out = X25519(sk, pk). PN_E_CRYPTO if the result is all zeros (a point of
 * small order); out is then wiped. */
PN_MUST_USE pn_err cl_dh(uint8_t out[CL_KEY_BYTES],
                         const uint8_t sk[CL_KEY_BYTES],
                         const uint8_t pk[CL_KEY_BYTES]);
/* out = HKDF-Expand(HKDF-Extract(salt, ikm), info, len), len at most 8160. */
PN_MUST_USE pn_err cl_derive(uint8_t *out, size_t len, pn_bytes salt,
                             pn_bytes ikm, pn_bytes info);
/* Write plain.len + CL_TAG_BYTES bytes to out; plain may start at out. */
void cl_seal(uint8_t *out, const uint8_t key[CL_KEY_BYTES],
             const uint8_t nonce[CL_NONCE_BYTES], pn_bytes ad, pn_bytes plain);
/* Write sealed.len - CL_TAG_BYTES bytes to out, which does not overlap
 * sealed. PN_E_SHORT if there is no whole tag, PN_E_CRYPTO if it is wrong;
 * out then holds no plaintext. */
PN_MUST_USE pn_err cl_open(uint8_t *out, const uint8_t key[CL_KEY_BYTES],
                           const uint8_t nonce[CL_NONCE_BYTES], pn_bytes ad,
                           pn_bytes sealed);

#endif
