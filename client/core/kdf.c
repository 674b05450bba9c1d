#include "client/core/kdf.h"

#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/crypto/hkdf.h"

void cl_hash(uint8_t out[CL_KEY_BYTES], const char *label,
             const pn_bytes *parts, size_t n)
{
    crypto_generichash_blake2b_state st;
    (void)crypto_generichash_blake2b_init(&st, NULL, 0, CL_KEY_BYTES);
    (void)crypto_generichash_blake2b_update(&st, (const uint8_t *)label,
                                            strlen(label));
    for (size_t i = 0; i < n; i++)
        (void)crypto_generichash_blake2b_update(&st, parts[i].p, parts[i].len);
    (void)crypto_generichash_blake2b_final(&st, out, CL_KEY_BYTES);
    pn_wipe(&st, sizeof st);
}

pn_err cl_dh(uint8_t out[CL_KEY_BYTES], const uint8_t sk[CL_KEY_BYTES],
             const uint8_t pk[CL_KEY_BYTES])
{
    if (crypto_scalarmult(out, sk, pk) == 0)
        return PN_OK;
    pn_wipe(out, CL_KEY_BYTES);
    return PN_E_CRYPTO;
}

pn_err cl_derive(uint8_t *out, size_t len, pn_bytes salt, pn_bytes ikm,
                 pn_bytes info)
{
    uint8_t prk[PN_HKDF_PRK_BYTES];
    pn_err err;
    pn_hkdf_extract(prk, salt, ikm);
    err = pn_hkdf_expand(out, len, prk, info);
    pn_wipe(prk, sizeof prk);
    return err;
}

void cl_seal(uint8_t *out, const uint8_t key[CL_KEY_BYTES],
             const uint8_t nonce[CL_NONCE_BYTES], pn_bytes ad, pn_bytes plain)
{
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        out, NULL, plain.p, plain.len, ad.p, ad.len, NULL, nonce, key);
}

pn_err cl_open(uint8_t *out, const uint8_t key[CL_KEY_BYTES],
               const uint8_t nonce[CL_NONCE_BYTES], pn_bytes ad,
               pn_bytes sealed)
{
    if (sealed.len < CL_TAG_BYTES)
        return PN_E_SHORT;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed.p,
                                                   sealed.len, ad.p, ad.len,
                                                   nonce, key) != 0) {
        pn_wipe(out, sealed.len - CL_TAG_BYTES);
        return PN_E_CRYPTO;
    }
    return PN_OK;
}
