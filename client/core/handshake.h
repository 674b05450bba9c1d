/* The first contact: X25519 four times and ML-KEM-768 once, in the shape of
 * PQXDH, bound to everything both sides know (PROTOCOL.md section 6.3).
 * The starter proves its identity inside the handshake, encrypted, to whom
 * holds the private prekeys only.
 *
 * Wire form (CL_HANDSHAKE_BYTES): bundle tag[16], ephemeral key[32], ML-KEM
 * ciphertext[1088], seal[4 + 128 + 16] of generation u32 and identity.
 * Thread rule: plain values; wipe a cl_handshake after use.
 */
#ifndef POSTERN_CLIENT_CORE_HANDSHAKE_H
#define POSTERN_CLIENT_CORE_HANDSHAKE_H

#include "client/core/bundle.h"

enum {
    CL_BUNDLE_TAG_BYTES = 16, /* the first bytes of the bundle's hash */
    CL_HANDSHAKE_BYTES = CL_BUNDLE_TAG_BYTES + 32 + PN_MLKEM768_CT_BYTES + 4 +
                         CL_IDENTITY_PUBLIC_BYTES + CL_TAG_BYTES,
    /* Generations count the sessions two people have had. */
    CL_GENERATION_MAX = INT32_MAX,
};

/* What both sides know when it is over. */
typedef struct cl_handshake {
    uint8_t id[32];         /* names the handshake; says nothing of who */
    uint8_t transcript[32]; /* T: over all keys, the ciphertext and both ids */
    uint32_t generation;    /* 1..CL_GENERATION_MAX, the starter's choice */
    cl_identity_public peer;
    uint8_t peer_dh[32];  /* the starter's side: the signed prekey */
    uint8_t dh_sk[32];    /* the answerer's side: its secret; secret */
    uint8_t root[32];     /* secret */
    uint8_t header_a[32]; /* secret: header key of the starter's first chain */
    uint8_t header_b[32]; /* secret: of the answerer's first chain */
} cl_handshake;

/* Start towards the maker of `b`; `wire` is what it must receive. Draws, in
 * this order: 32 bytes for the ephemeral key, 32 for ML-KEM.
 * PN_E_REFUSED if `b` is our own; PN_E_ARG for a bad generation; PN_E_CRYPTO
 * if a key in `b` is unusable; PN_E_RANDOM. The dates are the caller's. */
PN_MUST_USE pn_err cl_handshake_start(cl_handshake *out,
                                      uint8_t wire[CL_HANDSHAKE_BYTES],
                                      const pn_env *env,
                                      const cl_identity *self,
                                      const cl_bundle *b, uint32_t generation);
/* Answer what came, with the private half of the bundle it was made for.
 * PN_E_NOT_FOUND if it was made for another bundle, PN_E_CRYPTO if it does not
 * open, PN_E_PROTO for a bad generation, PN_E_REFUSED if it is our own. */
PN_MUST_USE pn_err cl_handshake_answer(cl_handshake *out,
                                       const cl_identity *self,
                                       const cl_prekeys *keys,
                                       const uint8_t wire[CL_HANDSHAKE_BYTES]);
/* The id of the handshake `wire`, which anybody who holds it can tell. */
void cl_handshake_id(uint8_t id[32], const uint8_t wire[CL_HANDSHAKE_BYTES]);
/* Whether `wire` was made for the bundle with this hash. */
bool cl_handshake_is_for(const uint8_t wire[CL_HANDSHAKE_BYTES],
                         const uint8_t bundle_hash[32]);
void cl_handshake_wipe(cl_handshake *h);

#endif
