#include <sodium.h>

#include "proto/base/mem.h"
#include "proto/link/link.h"

pn_err pn_link_identity_from_seed(pn_link_identity *out, const uint8_t seed[32])
{
    if (sodium_init() < 0 ||
        crypto_sign_seed_keypair(out->relay_key, out->sign_sk, seed) != 0 ||
        crypto_sign_ed25519_pk_to_curve25519(out->noise_pk, out->relay_key) !=
            0 ||
        crypto_sign_ed25519_sk_to_curve25519(out->noise_sk, out->sign_sk) !=
            0) {
        pn_wipe(out, sizeof *out);
        return PN_E_CRYPTO;
    }
    return PN_OK;
}
