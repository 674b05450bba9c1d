#include "proto/link/noise.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/mem.h"

typedef enum token {
    END, /* of the message */
    E,
    S,
    EE,
    ES,
    SE,
    SS,
    E1,
    EKEM1,
} token;

enum { TOKENS_MAX = 6, MESSAGES_MAX = 3 };

typedef struct pattern {
    const char *name;
    const char *kem;    /* suffix of the DH name */
    bool known[2];      /* by side: its static is a pre-message */
    bool needs_self[2]; /* by side: it has a static key pair */
    uint8_t messages;
    token tokens[MESSAGES_MAX][TOKENS_MAX];
} pattern;

/* Revision 34, sections 7.4 and 7.5; the initiator writes message 0. */
static const pattern patterns[PN_NOISE_PATTERN_COUNT] = {
    [PN_NOISE_N] = { "N",
                     "",
                     { false, true },
                     { false, true },
                     1,
                     { { E, ES } } },
    [PN_NOISE_NK] = { "NK",
                      "",
                      { false, true },
                      { false, true },
                      2,
                      { { E, ES }, { E, EE } } },
    [PN_NOISE_IK] = { "IK",
                      "",
                      { false, true },
                      { true, true },
                      2,
                      { { E, ES, S, SS }, { E, EE, SE } } },
    [PN_NOISE_XX] = { "XX",
                      "",
                      { false, false },
                      { true, true },
                      3,
                      { { E }, { E, EE, S, ES }, { S, SE } } },
    [PN_NOISE_KK] = { "KK",
                      "",
                      { true, true },
                      { true, true },
                      2,
                      { { E, ES, SS }, { E, EE, SE } } },
    [PN_NOISE_NKHFS] = { "NKhfs",
                         "+MLKEM768",
                         { false, true },
                         { false, true },
                         2,
                         { { E, ES, E1 }, { E, EE, EKEM1 } } },
    [PN_NOISE_IKHFS] = { "IKhfs",
                         "+MLKEM768",
                         { false, true },
                         { true, true },
                         2,
                         { { E, ES, E1, S, SS }, { E, EE, EKEM1, SE } } },
};

static pn_bytes key_view(const uint8_t key[PN_NOISE_KEY_BYTES])
{
    return (pn_bytes){ key, PN_NOISE_KEY_BYTES };
}

void pn_noise_name(char out[PN_NOISE_NAME_MAX], pn_noise_pattern id,
                   pn_noise_hash hash)
{
    const pattern *p = &patterns[id];
    (void)snprintf(out, PN_NOISE_NAME_MAX, "Noise_%s_25519%s_ChaChaPoly_%s",
                   p->name, p->kem,
                   hash == PN_NOISE_SHA256 ? "SHA256" : "BLAKE2b");
}

pn_err pn_noise_init(pn_noise *n, const pn_noise_setup *setup)
{
    const pattern *p = &patterns[setup->pattern];
    const pn_noise_side self = setup->side;
    const pn_noise_side peer =
        self == PN_NOISE_INITIATOR ? PN_NOISE_RESPONDER : PN_NOISE_INITIATOR;
    char name[PN_NOISE_NAME_MAX];
    *n = (pn_noise){ .pattern = setup->pattern, .side = self };
    if (p->needs_self[self]) {
        if (setup->static_pk == NULL || setup->static_sk == NULL)
            return PN_E_ARG;
        memcpy(n->s_pk, setup->static_pk, sizeof n->s_pk);
        memcpy(n->s_sk, setup->static_sk, sizeof n->s_sk);
    }
    if (p->known[peer]) {
        if (setup->remote_static == NULL)
            return PN_E_ARG;
        memcpy(n->rs, setup->remote_static, sizeof n->rs);
        n->has_remote = true;
    }
    pn_noise_name(name, setup->pattern, setup->hash);
    pn_symmetric_init(&n->symmetric, setup->hash,
                      (pn_bytes){ (const uint8_t *)name, strlen(name) });
    pn_symmetric_mix_hash(&n->symmetric, setup->prologue);
    /* Pre-messages: the initiator's first. */
    for (unsigned side = 0; side < 2; side++)
        if (p->known[side])
            pn_symmetric_mix_hash(&n->symmetric,
                                  key_view(side == self ? n->s_pk : n->rs));
    return PN_OK;
}

/* MixKey(DH(sk, pk)). libsodium refuses points of small order. */
static pn_err mix_dh(pn_noise *n, const uint8_t sk[32], const uint8_t pk[32])
{
    uint8_t shared[32];
    pn_err err = PN_E_CRYPTO;
    if (crypto_scalarmult(shared, sk, pk) == 0) {
        pn_symmetric_mix_key(&n->symmetric, shared);
        err = PN_OK;
    }
    pn_wipe(shared, sizeof shared);
    return err;
}

/* The four DH tokens, named from the initiator's point of view. */
static pn_err mix_token_dh(pn_noise *n, token t)
{
    const bool initiator = n->side == PN_NOISE_INITIATOR;
    const bool own_is_e = t == EE || t == (initiator ? ES : SE);
    const bool peer_is_e = t == EE || t == (initiator ? SE : ES);
    return mix_dh(n, own_is_e ? n->e_sk : n->s_sk, peer_is_e ? n->re : n->rs);
}

/* EncryptAndHash() into the writer. */
static pn_err put_sealed(pn_noise *n, pn_out *out, pn_bytes plain)
{
    const size_t need = plain.len + pn_symmetric_overhead(&n->symmetric);
    if (out->cap - out->len < need)
        return PN_E_FULL;
    PN_TRY(pn_symmetric_seal(&n->symmetric, out->p + out->len, plain));
    out->len += need;
    return PN_OK;
}

/* DecryptAndHash() of a field whose plaintext has `len` bytes. */
static pn_err take_sealed(pn_noise *n, pn_bytes *in, uint8_t *out, size_t len)
{
    pn_bytes sealed;
    PN_TRY(pn_take(in, len + pn_symmetric_overhead(&n->symmetric), &sealed));
    return pn_symmetric_open(&n->symmetric, out, sealed);
}

static pn_err write_e(pn_noise *n, const pn_env *env, pn_out *out)
{
    PN_TRY(pn_random(env, n->e_sk, sizeof n->e_sk));
    if (crypto_scalarmult_base(n->e_pk, n->e_sk) != 0)
        return PN_E_CRYPTO;
    pn_put(out, key_view(n->e_pk));
    PN_TRY(pn_out_err(out));
    pn_symmetric_mix_hash(&n->symmetric, key_view(n->e_pk));
    return PN_OK;
}

static pn_err write_e1(pn_noise *n, const pn_env *env, pn_out *out)
{
    uint8_t seed[PN_MLKEM768_SEED_BYTES];
    pn_err err = pn_random(env, seed, sizeof seed);
    if (err == PN_OK) {
        uint8_t pk[PN_MLKEM768_PK_BYTES];
        pn_mlkem768_seed_keypair(pk, n->e1.own_sk, seed);
        err = put_sealed(n, out, (pn_bytes){ pk, sizeof pk });
    }
    pn_wipe(seed, sizeof seed);
    return err;
}

static pn_err write_ekem1(pn_noise *n, const pn_env *env, pn_out *out)
{
    uint8_t m[PN_MLKEM768_ENC_SEED_BYTES];
    uint8_t ct[PN_MLKEM768_CT_BYTES];
    uint8_t shared[PN_MLKEM768_SS_BYTES];
    pn_err err = pn_random(env, m, sizeof m);
    if (err == PN_OK)
        err = pn_mlkem768_enc_deterministic(ct, shared, n->e1.peer_pk, m);
    if (err == PN_OK)
        err = put_sealed(n, out, (pn_bytes){ ct, sizeof ct });
    if (err == PN_OK)
        pn_symmetric_mix_key(&n->symmetric, shared);
    pn_wipe(m, sizeof m);
    pn_wipe(shared, sizeof shared);
    return err;
}

static pn_err write_token(pn_noise *n, token t, const pn_env *env, pn_out *out)
{
    switch (t) {
    case E:
        return write_e(n, env, out);
    case S:
        return put_sealed(n, out, key_view(n->s_pk));
    case E1:
        return write_e1(n, env, out);
    case EKEM1:
        return write_ekem1(n, env, out);
    case EE:
    case ES:
    case SE:
    case SS:
        return mix_token_dh(n, t);
    case END:
        break;
    }
    return PN_E_STATE;
}

static pn_err read_ekem1(pn_noise *n, pn_bytes *in)
{
    uint8_t ct[PN_MLKEM768_CT_BYTES];
    uint8_t shared[PN_MLKEM768_SS_BYTES];
    PN_TRY(take_sealed(n, in, ct, sizeof ct));
    pn_mlkem768_dec(shared, ct, n->e1.own_sk);
    pn_symmetric_mix_key(&n->symmetric, shared);
    pn_wipe(shared, sizeof shared);
    return PN_OK;
}

static pn_err read_token(pn_noise *n, token t, pn_bytes *in)
{
    switch (t) {
    case E:
        PN_TRY(pn_take_copy(in, n->re, sizeof n->re));
        pn_symmetric_mix_hash(&n->symmetric, key_view(n->re));
        return PN_OK;
    case S:
        PN_TRY(take_sealed(n, in, n->rs, sizeof n->rs));
        n->has_remote = true;
        return PN_OK;
    case E1:
        return take_sealed(n, in, n->e1.peer_pk, sizeof n->e1.peer_pk);
    case EKEM1:
        return read_ekem1(n, in);
    case EE:
    case ES:
    case SE:
    case SS:
        return mix_token_dh(n, t);
    case END:
        break;
    }
    return PN_E_STATE;
}

bool pn_noise_is_done(const pn_noise *n)
{
    return !n->failed && n->message == patterns[n->pattern].messages;
}

static bool may_go_on(const pn_noise *n, bool writing)
{
    const bool own_turn =
        (n->message % 2 == 0) == (n->side == PN_NOISE_INITIATOR);
    return !n->failed && own_turn == writing &&
           n->message < patterns[n->pattern].messages;
}

pn_err pn_noise_write(pn_noise *n, const pn_env *env, pn_bytes payload,
                      pn_out *out)
{
    const token *t;
    if (!may_go_on(n, true))
        return PN_E_STATE;
    n->failed = true; /* until all of it has worked */
    for (t = patterns[n->pattern].tokens[n->message]; *t != END; t++)
        PN_TRY(write_token(n, *t, env, out));
    PN_TRY(put_sealed(n, out, payload));
    n->message++;
    n->failed = false;
    return PN_OK;
}

pn_err pn_noise_read(pn_noise *n, pn_bytes message, uint8_t *payload,
                     size_t *len)
{
    const token *t;
    if (!may_go_on(n, false))
        return PN_E_STATE;
    n->failed = true;
    for (t = patterns[n->pattern].tokens[n->message]; *t != END; t++)
        PN_TRY(read_token(n, *t, &message));
    PN_TRY(pn_symmetric_open(&n->symmetric, payload, message));
    *len = message.len - pn_symmetric_overhead(&n->symmetric);
    n->message++;
    n->failed = false;
    return PN_OK;
}

pn_err pn_noise_split(const pn_noise *n, pn_cipher *send, pn_cipher *recv)
{
    if (!pn_noise_is_done(n))
        return PN_E_STATE;
    if (n->side == PN_NOISE_INITIATOR)
        pn_symmetric_split(&n->symmetric, send, recv);
    else
        pn_symmetric_split(&n->symmetric, recv, send);
    return PN_OK;
}

pn_bytes pn_noise_handshake_hash(const pn_noise *n)
{
    return (pn_bytes){ n->symmetric.h, pn_noise_hash_len(n->symmetric.hash) };
}

void pn_noise_wipe(pn_noise *n)
{
    pn_wipe(n, sizeof *n);
}
