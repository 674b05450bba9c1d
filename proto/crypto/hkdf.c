#include "proto/crypto/hkdf.h"

#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"

static void update(crypto_auth_hmacsha256_state *mac, const pn_bytes *part,
                   size_t parts)
{
    for (size_t i = 0; i < parts; i++)
        crypto_auth_hmacsha256_update(mac, part[i].p, part[i].len);
}

void pn_hkdf_extract_parts(uint8_t prk[PN_HKDF_PRK_BYTES], pn_bytes salt,
                           const pn_bytes *part, size_t parts)
{
    /* HMAC pads a short key with zeros: an empty salt is 32 zeros already. */
    static const uint8_t nothing[1];
    crypto_auth_hmacsha256_state mac;
    crypto_auth_hmacsha256_init(&mac, salt.len > 0 ? salt.p : nothing,
                                salt.len);
    update(&mac, part, parts);
    crypto_auth_hmacsha256_final(&mac, prk);
    pn_wipe(&mac, sizeof mac);
}

void pn_hkdf_extract(uint8_t prk[PN_HKDF_PRK_BYTES], pn_bytes salt,
                     pn_bytes ikm)
{
    pn_hkdf_extract_parts(prk, salt, &ikm, 1);
}

pn_err pn_hkdf_expand_parts(uint8_t *out, size_t len,
                            const uint8_t prk[PN_HKDF_PRK_BYTES],
                            const pn_bytes *part, size_t parts)
{
    crypto_auth_hmacsha256_state keyed, mac;
    uint8_t block[crypto_auth_hmacsha256_BYTES];
    size_t done = 0;
    if (len > PN_HKDF_OUT_MAX)
        return PN_E_ARG;
    crypto_auth_hmacsha256_init(&keyed, prk, PN_HKDF_PRK_BYTES);
    for (uint8_t counter = 1; done < len; counter++) {
        const size_t left = len - done;
        const size_t n = left < sizeof block ? left : sizeof block;
        mac = keyed;
        if (done > 0)
            crypto_auth_hmacsha256_update(&mac, block, sizeof block);
        update(&mac, part, parts);
        crypto_auth_hmacsha256_update(&mac, &counter, 1);
        crypto_auth_hmacsha256_final(&mac, block);
        memcpy(out + done, block, n);
        done += n;
    }
    pn_wipe(&keyed, sizeof keyed);
    pn_wipe(&mac, sizeof mac);
    pn_wipe(block, sizeof block);
    return PN_OK;
}

pn_err pn_hkdf_expand(uint8_t *out, size_t len,
                      const uint8_t prk[PN_HKDF_PRK_BYTES], pn_bytes info)
{
    return pn_hkdf_expand_parts(out, len, prk, &info, 1);
}
