#include "proto/crypto/hpke.h"

#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/crypto/hkdf.h"

#define VERSION "HPKE-v1"
#define SUITE "HPKE\x64\x7a\x00\x01\x00\x03" /* section 5.1, suite_id */

enum { MODE_BASE = 0, NONCE_BYTES = 12 };

/* Section 4, LabeledExtract(salt, label, ikm). */
static void labeled_extract(uint8_t prk[PN_HKDF_PRK_BYTES], pn_bytes salt,
                            pn_bytes label, pn_bytes ikm)
{
    const pn_bytes part[] = { PN_BYTES_LIT(VERSION), PN_BYTES_LIT(SUITE), label,
                              ikm };
    pn_hkdf_extract_parts(prk, salt, part, sizeof part / sizeof part[0]);
}

/* Section 4, LabeledExpand(prk, label, info, len); PN_E_ARG if len is above
 * PN_HKDF_OUT_MAX. */
static pn_err labeled_expand(uint8_t *out, size_t len,
                             const uint8_t prk[PN_HKDF_PRK_BYTES],
                             pn_bytes label, pn_bytes info)
{
    const uint8_t length[2] = { (uint8_t)(len >> 8), (uint8_t)len };
    const pn_bytes part[] = { { length, sizeof length },
                              PN_BYTES_LIT(VERSION),
                              PN_BYTES_LIT(SUITE),
                              label,
                              info };
    return pn_hkdf_expand_parts(out, len, prk, part,
                                sizeof part / sizeof part[0]);
}

/* LabeledExtract("", "psk_id_hash", ""): without a psk the same for all. */
static const uint8_t psk_id_hash[PN_HKDF_PRK_BYTES] = {
    0x36, 0xb5, 0xff, 0x55, 0x87, 0xa0, 0x30, 0x0f, 0xc5, 0x55, 0x73,
    0x47, 0xee, 0x59, 0x90, 0x66, 0xaf, 0x3e, 0xd8, 0x97, 0x74, 0x5f,
    0x8c, 0xa8, 0xca, 0x19, 0xb4, 0x5f, 0x13, 0xab, 0xd9, 0x77
};

/* Section 5.1, KeySchedule with mode_base: no psk. Wipes ss, and *out on
 * error. */
static pn_err key_schedule(pn_hpke *out, uint8_t ss[PN_XWING_SS_BYTES],
                           pn_bytes info)
{
    uint8_t context[1 + 2 * PN_HKDF_PRK_BYTES] = { MODE_BASE };
    uint8_t secret[PN_HKDF_PRK_BYTES];
    const pn_bytes none = { NULL, 0 };
    const pn_bytes all = { context, sizeof context };
    const pn_bytes shared = { ss, PN_XWING_SS_BYTES };
    pn_err err;
    memcpy(context + 1, psk_id_hash, sizeof psk_id_hash);
    labeled_extract(context + 1 + PN_HKDF_PRK_BYTES, none,
                    PN_BYTES_LIT("info_hash"), info);
    labeled_extract(secret, shared, PN_BYTES_LIT("secret"), none);
    err = labeled_expand(out->key, sizeof out->key, secret, PN_BYTES_LIT("key"),
                         all);
    if (err == PN_OK)
        err = labeled_expand(out->base_nonce, sizeof out->base_nonce, secret,
                             PN_BYTES_LIT("base_nonce"), all);
    if (err == PN_OK)
        err = labeled_expand(out->exporter_secret, sizeof out->exporter_secret,
                             secret, PN_BYTES_LIT("exp"), all);
    out->sequence = 0;
    pn_wipe(secret, sizeof secret);
    pn_wipe(ss, PN_XWING_SS_BYTES);
    if (err != PN_OK)
        pn_hpke_wipe(out);
    return err;
}

pn_err pn_hpke_setup_sender(pn_hpke *out, uint8_t enc[PN_HPKE_ENC_BYTES],
                            const uint8_t pk[PN_XWING_PK_BYTES], pn_bytes info,
                            const pn_env *env)
{
    uint8_t ss[PN_XWING_SS_BYTES];
    memset(out, 0, sizeof *out);
    PN_TRY(pn_xwing_enc(enc, ss, pk, env));
    return key_schedule(out, ss, info);
}

pn_err
pn_hpke_setup_sender_deterministic(pn_hpke *out, uint8_t enc[PN_HPKE_ENC_BYTES],
                                   const uint8_t pk[PN_XWING_PK_BYTES],
                                   pn_bytes info,
                                   const uint8_t seed[PN_XWING_ENC_SEED_BYTES])
{
    uint8_t ss[PN_XWING_SS_BYTES];
    memset(out, 0, sizeof *out);
    PN_TRY(pn_xwing_enc_deterministic(enc, ss, pk, seed));
    return key_schedule(out, ss, info);
}

pn_err pn_hpke_setup_receiver(pn_hpke *out,
                              const uint8_t enc[PN_HPKE_ENC_BYTES],
                              const pn_xwing_key *key, pn_bytes info)
{
    uint8_t ss[PN_XWING_SS_BYTES];
    memset(out, 0, sizeof *out);
    PN_TRY(pn_xwing_dec(ss, enc, key));
    return key_schedule(out, ss, info);
}

void pn_hpke_wipe(pn_hpke *ctx)
{
    pn_wipe(ctx, sizeof *ctx);
}

/* Section 5.2, ComputeNonce: the base nonce xor the sequence number, which
 * fills its last eight bytes. */
static void next_nonce(uint8_t nonce[NONCE_BYTES], const pn_hpke *ctx)
{
    memcpy(nonce, ctx->base_nonce, NONCE_BYTES);
    for (unsigned i = 0; i < 8; i++)
        nonce[NONCE_BYTES - 1 - i] ^= (uint8_t)(ctx->sequence >> 8 * i);
}

pn_err pn_hpke_seal(pn_hpke *ctx, uint8_t *ct, pn_bytes aad, pn_bytes pt)
{
    uint8_t nonce[NONCE_BYTES];
    if (ctx->sequence == UINT64_MAX)
        return PN_E_FULL;
    next_nonce(nonce, ctx);
    if (crypto_aead_chacha20poly1305_ietf_encrypt(
            ct, NULL, pt.p, pt.len, aad.p, aad.len, NULL, nonce, ctx->key) != 0)
        return PN_E_CRYPTO;
    ctx->sequence++;
    return PN_OK;
}

pn_err pn_hpke_open(pn_hpke *ctx, uint8_t *pt, pn_bytes aad, pn_bytes ct)
{
    uint8_t nonce[NONCE_BYTES];
    if (ctx->sequence == UINT64_MAX)
        return PN_E_FULL;
    if (ct.len < PN_HPKE_TAG_BYTES)
        return PN_E_SHORT;
    next_nonce(nonce, ctx);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(
            pt, NULL, NULL, ct.p, ct.len, aad.p, aad.len, nonce, ctx->key) != 0)
        return PN_E_CRYPTO;
    ctx->sequence++;
    return PN_OK;
}

pn_err pn_hpke_export(const pn_hpke *ctx, uint8_t *out, size_t len,
                      pn_bytes context)
{
    return labeled_expand(out, len, ctx->exporter_secret, PN_BYTES_LIT("sec"),
                          context);
}
