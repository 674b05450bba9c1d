#include "client/core/handshake.h"

#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"

enum {
    AT_EPHEMERAL = CL_BUNDLE_TAG_BYTES,
    AT_CT = AT_EPHEMERAL + 32,
    AT_SEAL = AT_CT + PN_MLKEM768_CT_BYTES,
    SEALED_BYTES = 4 + CL_IDENTITY_PUBLIC_BYTES,
    IKM_MAX = 6 * 32,
};

/* The shared secrets, in the order they enter the key derivation. */
typedef struct secrets {
    uint8_t dh1[32]; /* starter's identity, signed prekey */
    uint8_t dh2[32]; /* ephemeral, answerer's identity */
    uint8_t dh3[32]; /* ephemeral, signed prekey */
    uint8_t dh4[32]; /* ephemeral, one-time key, if there is one */
    uint8_t ss[32];  /* ML-KEM */
    bool has_one_time;
} secrets;

/* Both sides' public keys, for the transcript. */
typedef struct parties {
    const cl_identity_public *starter;
    const cl_identity_public *answerer;
} parties;

void cl_handshake_id(uint8_t id[32], const uint8_t wire[CL_HANDSHAKE_BYTES])
{
    const pn_bytes in_clear = { wire, AT_SEAL };
    cl_hash(id, "postern/handshake-id/1", &in_clear, 1);
}

bool cl_handshake_is_for(const uint8_t wire[CL_HANDSHAKE_BYTES],
                         const uint8_t bundle_hash[32])
{
    return memcmp(wire, bundle_hash, CL_BUNDLE_TAG_BYTES) == 0;
}

/* T: the id stands for the ephemeral key and the ciphertext, the bundle's hash
 * for all its keys; the identities are spelled out beside them. */
static void make_transcript(cl_handshake *h, const uint8_t bundle_hash[32],
                            const parties *p)
{
    const uint8_t suite = CL_SUITE;
    uint8_t generation[4], id_a[32], id_b[32];
    pn_out g = pn_out_over(generation, sizeof generation);
    const pn_bytes parts[] = {
        { &suite, 1 },
        CL_VIEW(h->id),
        { bundle_hash, 32 },
        CL_VIEW(generation),
        CL_VIEW(p->starter->sign_pk),
        CL_VIEW(p->starter->dh_pk),
        CL_VIEW(p->answerer->sign_pk),
        CL_VIEW(p->answerer->dh_pk),
        CL_VIEW(id_a),
        CL_VIEW(id_b),
    };
    pn_put_u32(&g, h->generation);
    cl_identity_id(id_a, p->starter);
    cl_identity_id(id_b, p->answerer);
    cl_hash(h->transcript, "postern/handshake/1", parts,
            sizeof parts / sizeof parts[0]);
}

/* The key that hides the starter's identity: everything known without it. */
static pn_err identity_key(uint8_t key[32], const cl_handshake *h,
                           const secrets *s)
{
    uint8_t ikm[64];
    pn_err err;
    memcpy(ikm, s->dh3, 32);
    memcpy(ikm + 32, s->ss, 32);
    err = cl_derive(key, 32, CL_VIEW(h->id), CL_VIEW(ikm),
                    PN_BYTES_LIT("postern/handshake/1 identity"));
    pn_wipe(ikm, sizeof ikm);
    return err;
}

static pn_err session_keys(cl_handshake *h, const secrets *s)
{
    static const uint8_t zeros[32];
    uint8_t ikm[IKM_MAX], info[19 + 32], okm[96];
    pn_out i = pn_out_over(ikm, sizeof ikm);
    pn_out n = pn_out_over(info, sizeof info);
    pn_err err;
    /* As in X3DH: 32 bytes that no X25519 output starts like. */
    memset(ikm, 0xff, 32);
    i.len = 32;
    pn_put(&i, CL_VIEW(s->dh1));
    pn_put(&i, CL_VIEW(s->dh2));
    pn_put(&i, CL_VIEW(s->dh3));
    if (s->has_one_time)
        pn_put(&i, CL_VIEW(s->dh4));
    pn_put(&i, CL_VIEW(s->ss));
    pn_put(&n, PN_BYTES_LIT("postern/handshake/1"));
    pn_put(&n, CL_VIEW(h->transcript));
    err = pn_out_err(&i);
    if (err == PN_OK)
        err = pn_out_err(&n);
    if (err == PN_OK)
        err = cl_derive(okm, sizeof okm, CL_VIEW(zeros), pn_out_view(&i),
                        CL_VIEW(info));
    if (err == PN_OK) {
        memcpy(h->root, okm, 32);
        memcpy(h->header_a, okm + 32, 32);
        memcpy(h->header_b, okm + 64, 32);
    }
    pn_wipe(ikm, sizeof ikm);
    pn_wipe(okm, sizeof okm);
    return err;
}

static const uint8_t no_nonce[CL_NONCE_BYTES];

static pn_err start(cl_handshake *h, secrets *s, uint8_t *wire,
                    const pn_env *env, const cl_identity *self,
                    const cl_bundle *b, uint8_t ephemeral_sk[32])
{
    uint8_t m[PN_MLKEM768_ENC_SEED_BYTES], key[32], plain[SEALED_BYTES];
    pn_out p = pn_out_over(plain, sizeof plain);
    pn_err err;
    PN_TRY(pn_random(env, ephemeral_sk, 32));
    PN_TRY(pn_random(env, m, sizeof m));
    memcpy(wire, b->hash, CL_BUNDLE_TAG_BYTES);
    (void)crypto_scalarmult_base(wire + AT_EPHEMERAL, ephemeral_sk);
    err = pn_mlkem768_enc_deterministic(wire + AT_CT, s->ss, b->kem_pk, m);
    pn_wipe(m, sizeof m);
    PN_TRY(err);
    PN_TRY(cl_dh(s->dh1, self->dh_sk, b->signed_prekey));
    PN_TRY(cl_dh(s->dh2, ephemeral_sk, b->identity.dh_pk));
    PN_TRY(cl_dh(s->dh3, ephemeral_sk, b->signed_prekey));
    if (s->has_one_time)
        PN_TRY(cl_dh(s->dh4, ephemeral_sk, b->one_time));
    cl_handshake_id(h->id, wire);
    PN_TRY(identity_key(key, h, s));
    pn_put_u32(&p, h->generation);
    cl_identity_put(&p, &self->pub);
    cl_seal(wire + AT_SEAL, key, no_nonce, CL_VIEW(h->id), CL_VIEW(plain));
    pn_wipe(key, sizeof key);
    make_transcript(h, b->hash, &(parties){ &self->pub, &b->identity });
    return session_keys(h, s);
}

pn_err cl_handshake_start(cl_handshake *out, uint8_t wire[CL_HANDSHAKE_BYTES],
                          const pn_env *env, const cl_identity *self,
                          const cl_bundle *b, uint32_t generation)
{
    uint8_t ephemeral_sk[32];
    secrets s = { .has_one_time = b->kind != CL_BUNDLE_PUBLISHED };
    pn_err err;
    *out = (cl_handshake){ .generation = generation, .peer = b->identity };
    if (generation == 0 || generation > CL_GENERATION_MAX)
        return PN_E_ARG;
    if (cl_identity_equal(&self->pub, &b->identity))
        return PN_E_REFUSED;
    memcpy(out->peer_dh, b->signed_prekey, sizeof out->peer_dh);
    err = start(out, &s, wire, env, self, b, ephemeral_sk);
    pn_wipe(ephemeral_sk, sizeof ephemeral_sk);
    pn_wipe(&s, sizeof s);
    if (err != PN_OK) {
        cl_handshake_wipe(out);
        pn_wipe(wire, CL_HANDSHAKE_BYTES);
    }
    return err;
}

/* Open the starter's generation and identity. */
static pn_err take_starter(cl_handshake *h, const secrets *s,
                           const uint8_t *sealed)
{
    uint8_t key[32], plain[SEALED_BYTES];
    pn_bytes in = CL_VIEW(plain);
    pn_err err;
    PN_TRY(identity_key(key, h, s));
    err = cl_open(plain, key, no_nonce, CL_VIEW(h->id),
                  (pn_bytes){ sealed, SEALED_BYTES + CL_TAG_BYTES });
    pn_wipe(key, sizeof key);
    PN_TRY(err);
    PN_TRY(pn_take_u32(&in, &h->generation));
    if (h->generation == 0 || h->generation > CL_GENERATION_MAX)
        return PN_E_PROTO;
    return cl_identity_take(&in, &h->peer);
}

static pn_err answer(cl_handshake *h, secrets *s, const cl_identity *self,
                     const cl_prekeys *keys, const uint8_t *wire)
{
    const uint8_t *ephemeral = wire + AT_EPHEMERAL;
    uint8_t kem_pk[PN_MLKEM768_PK_BYTES], kem_sk[PN_MLKEM768_SK_BYTES];
    pn_mlkem768_seed_keypair(kem_pk, kem_sk, keys->kem_seed);
    pn_mlkem768_dec(s->ss, wire + AT_CT, kem_sk);
    pn_wipe(kem_sk, sizeof kem_sk);
    PN_TRY(cl_dh(s->dh3, keys->signed_prekey_sk, ephemeral));
    cl_handshake_id(h->id, wire);
    PN_TRY(take_starter(h, s, wire + AT_SEAL));
    if (cl_identity_equal(&h->peer, &self->pub))
        return PN_E_REFUSED;
    PN_TRY(cl_dh(s->dh1, keys->signed_prekey_sk, h->peer.dh_pk));
    PN_TRY(cl_dh(s->dh2, self->dh_sk, ephemeral));
    if (s->has_one_time)
        PN_TRY(cl_dh(s->dh4, keys->one_time_sk, ephemeral));
    make_transcript(h, keys->bundle_hash, &(parties){ &h->peer, &self->pub });
    memcpy(h->dh_sk, keys->signed_prekey_sk, sizeof h->dh_sk);
    return session_keys(h, s);
}

pn_err cl_handshake_answer(cl_handshake *out, const cl_identity *self,
                           const cl_prekeys *keys,
                           const uint8_t wire[CL_HANDSHAKE_BYTES])
{
    secrets s = { .has_one_time = keys->kind != CL_BUNDLE_PUBLISHED };
    pn_err err;
    *out = (cl_handshake){ .generation = 0 };
    if (!cl_handshake_is_for(wire, keys->bundle_hash))
        return PN_E_NOT_FOUND;
    err = answer(out, &s, self, keys, wire);
    pn_wipe(&s, sizeof s);
    if (err != PN_OK)
        cl_handshake_wipe(out);
    return err;
}

void cl_handshake_wipe(cl_handshake *h)
{
    pn_wipe(h, sizeof *h);
}
