#include "client/core/identity.h"

#include <sodium.h>
#include <string.h>

#include "client/core/kdf.h"
#include "proto/base/mem.h"

enum { SAFETY_ROUNDS = 5200, SAFETY_GROUPS = 6, HALF = CL_SAFETY_DIGITS / 2 };

/* The label "postern/identity/1" and both keys. */
enum { BOUND_BYTES = 18 + 64 };

static void bound_bytes(uint8_t out[BOUND_BYTES], const cl_identity_public *pub)
{
    pn_out o = pn_out_over(out, BOUND_BYTES);
    pn_put(&o, PN_BYTES_LIT("postern/identity/1"));
    pn_put(&o, CL_VIEW(pub->sign_pk));
    pn_put(&o, CL_VIEW(pub->dh_pk));
}

pn_err cl_identity_new(cl_identity *out, const pn_env *env)
{
    uint8_t secret[CL_IDENTITY_SECRET_BYTES];
    const pn_err err = pn_random(env, secret, sizeof secret);
    if (err == PN_OK)
        cl_identity_from_secret(out, secret);
    pn_wipe(secret, sizeof secret);
    return err;
}

void cl_identity_from_secret(cl_identity *out,
                             const uint8_t secret[CL_IDENTITY_SECRET_BYTES])
{
    uint8_t bound[BOUND_BYTES];
    (void)crypto_sign_seed_keypair(out->pub.sign_pk, out->sign_sk, secret);
    memcpy(out->dh_sk, secret + 32, sizeof out->dh_sk);
    (void)crypto_scalarmult_base(out->pub.dh_pk, out->dh_sk);
    bound_bytes(bound, &out->pub);
    (void)crypto_sign_detached(out->pub.binding, NULL, bound, sizeof bound,
                               out->sign_sk);
    cl_identity_id(out->id, &out->pub);
}

void cl_identity_secret(uint8_t out[CL_IDENTITY_SECRET_BYTES],
                        const cl_identity *self)
{
    (void)crypto_sign_ed25519_sk_to_seed(out, self->sign_sk);
    memcpy(out + 32, self->dh_sk, sizeof self->dh_sk);
}

void cl_identity_wipe(cl_identity *self)
{
    pn_wipe(self, sizeof *self);
}

void cl_identity_put(pn_out *out, const cl_identity_public *pub)
{
    pn_put(out, CL_VIEW(pub->sign_pk));
    pn_put(out, CL_VIEW(pub->dh_pk));
    pn_put(out, CL_VIEW(pub->binding));
}

pn_err cl_identity_take(pn_bytes *in, cl_identity_public *out)
{
    cl_identity_public pub;
    uint8_t bound[BOUND_BYTES];
    pn_bytes rest = *in, all;
    PN_TRY(pn_take(&rest, CL_IDENTITY_PUBLIC_BYTES, &all));
    PN_TRY(pn_take_copy(&all, pub.sign_pk, sizeof pub.sign_pk));
    PN_TRY(pn_take_copy(&all, pub.dh_pk, sizeof pub.dh_pk));
    PN_TRY(pn_take_copy(&all, pub.binding, sizeof pub.binding));
    bound_bytes(bound, &pub);
    if (crypto_sign_verify_detached(pub.binding, bound, sizeof bound,
                                    pub.sign_pk) != 0)
        return PN_E_CRYPTO;
    *in = rest;
    *out = pub;
    return PN_OK;
}

void cl_identity_id(uint8_t id[CL_IDENTITY_ID_BYTES],
                    const cl_identity_public *pub)
{
    const pn_bytes parts[] = { CL_VIEW(pub->sign_pk), CL_VIEW(pub->dh_pk) };
    cl_hash(id, "postern/identity-id/1", parts, 2);
}

bool cl_identity_equal(const cl_identity_public *a, const cl_identity_public *b)
{
    return memcmp(a->sign_pk, b->sign_pk, sizeof a->sign_pk) == 0 &&
           memcmp(a->dh_pk, b->dh_pk, sizeof a->dh_pk) == 0;
}

/* One side's thirty digits: the hash is repeated so that a search for a key
 * whose digits look alike costs as much again. Six groups of five bytes, each
 * taken as a number modulo 100000. */
static void half_number(char out[HALF], const cl_identity_public *pub)
{
    static const char text[] = "postern/safety-number/1";
    crypto_hash_sha512_state st;
    uint8_t h[crypto_hash_sha512_BYTES];
    (void)crypto_hash_sha512_init(&st);
    (void)crypto_hash_sha512_update(&st, (const uint8_t *)text,
                                    sizeof text - 1);
    for (int round = 0; round < SAFETY_ROUNDS; round++) {
        if (round > 0) {
            (void)crypto_hash_sha512_init(&st);
            (void)crypto_hash_sha512_update(&st, h, sizeof h);
        }
        (void)crypto_hash_sha512_update(&st, pub->sign_pk, 32);
        (void)crypto_hash_sha512_update(&st, pub->dh_pk, 32);
        (void)crypto_hash_sha512_final(&st, h);
    }
    for (size_t group = 0; group < SAFETY_GROUPS; group++) {
        uint64_t v = 0;
        for (size_t i = 0; i < 5; i++)
            v = v << 8 | h[group * 5 + i];
        v %= 100000;
        for (size_t digit = 5; digit > 0; digit--, v /= 10)
            out[group * 5 + digit - 1] = (char)('0' + v % 10);
    }
}

void cl_safety_number(char out[CL_SAFETY_DIGITS + 1],
                      const cl_identity_public *a, const cl_identity_public *b)
{
    char mine[HALF], theirs[HALF];
    bool mine_first;
    half_number(mine, a);
    half_number(theirs, b);
    mine_first = memcmp(mine, theirs, HALF) <= 0;
    memcpy(out, mine_first ? mine : theirs, HALF);
    memcpy(out + HALF, mine_first ? theirs : mine, HALF);
    out[CL_SAFETY_DIGITS] = '\0';
}
