/* Who somebody is: an Ed25519 signing key and an X25519 key bound to it by a
 * signature (PROTOCOL.md section 6.1). Only keys are signed with it, never
 * messages: a conversation proves nothing to a third party.
 * Thread rule: plain values. Wipe secrets with cl_identity_wipe().
 */
#ifndef POSTERN_CLIENT_CORE_IDENTITY_H
#define POSTERN_CLIENT_CORE_IDENTITY_H

#include "proto/base/bytes.h"
#include "proto/base/env.h"

enum {
    CL_IDENTITY_ID_BYTES = 32,
    CL_IDENTITY_PUBLIC_BYTES = 128, /* sign_pk | dh_pk | binding */
    CL_IDENTITY_SECRET_BYTES = 64,  /* Ed25519 seed | X25519 scalar */
    CL_SAFETY_DIGITS = 60,
    CL_SIGNATURE_BYTES = 64,
};

/* Public part; binding = Ed25519 over "postern/identity/1" | both keys. */
typedef struct cl_identity_public {
    uint8_t sign_pk[32];
    uint8_t dh_pk[32];
    uint8_t binding[CL_SIGNATURE_BYTES];
} cl_identity_public;

typedef struct cl_identity {
    cl_identity_public pub;
    uint8_t id[CL_IDENTITY_ID_BYTES];
    uint8_t sign_sk[64]; /* secret, libsodium's form */
    uint8_t dh_sk[32];   /* secret */
} cl_identity;

/* Draw 64 random bytes and make an identity of them. PN_E_RANDOM. */
PN_MUST_USE pn_err cl_identity_new(cl_identity *out, const pn_env *env);
/* Expand the 64 bytes that are worth storing. */
void cl_identity_from_secret(cl_identity *out,
                             const uint8_t secret[CL_IDENTITY_SECRET_BYTES]);
/* The 64 bytes cl_identity_from_secret() takes. */
void cl_identity_secret(uint8_t out[CL_IDENTITY_SECRET_BYTES],
                        const cl_identity *self);
void cl_identity_wipe(cl_identity *self);

/* Write CL_IDENTITY_PUBLIC_BYTES bytes. */
void cl_identity_put(pn_out *out, const cl_identity_public *pub);
/* Read and verify. PN_E_SHORT, or PN_E_CRYPTO if the binding is wrong. */
PN_MUST_USE pn_err cl_identity_take(pn_bytes *in, cl_identity_public *out);
/* id = BLAKE2b-256("postern/identity-id/1" | sign_pk | dh_pk). */
void cl_identity_id(uint8_t id[CL_IDENTITY_ID_BYTES],
                    const cl_identity_public *pub);
/* Same two keys. Public data: not constant-time. */
bool cl_identity_equal(const cl_identity_public *a,
                       const cl_identity_public *b);

/* Sixty digits and a NUL, the same on both sides: what two people compare to
 * know that nobody stands between them. Costs two times 5200 hashes. */
void cl_safety_number(char out[CL_SAFETY_DIGITS + 1],
                      const cl_identity_public *a, const cl_identity_public *b);

#endif
