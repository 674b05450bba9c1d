/* A prekey bundle: everything needed to write to somebody first (PROTOCOL.md
 * section 6.2). The one thing an identity signs.
 *
 * Wire form: suite u8, kind u8, created u64 ms, expires u64 ms, identity[128],
 * signed prekey[32], ML-KEM-768 key[1184], one-time key[32] (not in PUBLISHED),
 * count u8 (0..3), that many queue references, name length u8 (0..64), name
 * (UTF-8), Ed25519 signature[64] over "postern/bundle/1" and all before it.
 * Thread rule: plain values.
 */
#ifndef POSTERN_CLIENT_CORE_BUNDLE_H
#define POSTERN_CLIENT_CORE_BUNDLE_H

#include "client/core/identity.h"
#include "client/core/queueref.h"
#include "proto/crypto/mlkem768.h"

typedef enum cl_bundle_kind {
    CL_BUNDLE_INVITATION = 1, /* personal: every key in it is used once */
    CL_BUNDLE_PUBLISHED = 2,  /* of a known address: renewed weekly */
    CL_BUNDLE_RESYNC = 3,     /* sent to a contact whose session was lost */
} cl_bundle_kind;

enum {
    CL_NAME_MAX = 64, /* bytes of UTF-8 */
    CL_BUNDLE_MAX = 2 + 16 + CL_IDENTITY_PUBLIC_BYTES + 32 +
                    PN_MLKEM768_PK_BYTES + 32 + 1 +
                    CL_QUEUES_MAX * CL_QUEUE_REF_BYTES_MAX + 1 + CL_NAME_MAX +
                    CL_SIGNATURE_BYTES,
    CL_PREKEYS_BYTES = 1 + 32 + 32 + 64 + 32,
};

typedef struct cl_bundle {
    cl_bundle_kind kind;
    uint64_t created_ms; /* since 1970 */
    uint64_t expires_ms;
    cl_identity_public identity;
    uint8_t signed_prekey[32];
    uint8_t kem_pk[PN_MLKEM768_PK_BYTES];
    uint8_t one_time[32]; /* zeros in PUBLISHED */
    size_t queue_count;
    cl_queue_ref queues[CL_QUEUES_MAX];
    char name[CL_NAME_MAX + 1]; /* what its maker calls itself; "" for none */
    uint8_t hash[32]; /* BLAKE2b-256("postern/bundle-hash/1" | bytes) */
} cl_bundle;

/* The private half, kept by the maker until the answer came or the bundle is
 * too old. All secret. */
typedef struct cl_prekeys {
    cl_bundle_kind kind;
    uint8_t bundle_hash[32];
    uint8_t signed_prekey_sk[32];
    uint8_t kem_seed[PN_MLKEM768_SEED_BYTES];
    uint8_t one_time_sk[32]; /* zeros in PUBLISHED */
} cl_prekeys;

/* Draw the keys, then fill in, sign and encode *b, of which the caller has set
 * kind, times, queues and name. Writes at most CL_BUNDLE_MAX bytes. Draws, in
 * this order: 32 bytes for the signed prekey, 64 for ML-KEM, and 32 for the
 * one-time key if there is one. PN_E_RANDOM, PN_E_FULL, PN_E_ARG for a name
 * that is not UTF-8 or too many queues. */
PN_MUST_USE pn_err cl_bundle_make(cl_bundle *b, cl_prekeys *keys,
                                  const pn_env *env, const cl_identity *self,
                                  uint8_t *out, size_t cap, size_t *len);
/* Parse and verify everything but the dates. PN_E_SHORT, PN_E_VERSION,
 * PN_E_PROTO, PN_E_CRYPTO for a wrong signature or an unusable key. */
PN_MUST_USE pn_err cl_bundle_parse(cl_bundle *out, pn_bytes in);
/* The hash a link carries of these bytes. */
void cl_bundle_hash(uint8_t out[32], pn_bytes encoded);
void cl_bundle_wipe(cl_bundle *b);

/* Write CL_PREKEYS_BYTES bytes for the store. */
void cl_prekeys_put(pn_out *out, const cl_prekeys *keys);
/* Read them back. PN_E_SHORT, PN_E_CORRUPT. */
PN_MUST_USE pn_err cl_prekeys_take(pn_bytes *in, cl_prekeys *out);
void cl_prekeys_wipe(cl_prekeys *keys);

#endif
