#include "proto/roster/onion.h"

#include <sodium.h>
#include <string.h>

void pn_onion_id(uint8_t out[PN_ONION_ID_BYTES],
                 const uint8_t pk[PN_XWING_PK_BYTES])
{
    static const uint8_t label[] = "postern/onion-key/1";
    uint8_t hash[32];
    crypto_generichash_state st;
    (void)crypto_generichash_init(&st, NULL, 0, sizeof hash);
    (void)crypto_generichash_update(&st, label, sizeof label - 1);
    (void)crypto_generichash_update(&st, pk, PN_XWING_PK_BYTES);
    (void)crypto_generichash_final(&st, hash, sizeof hash);
    memcpy(out, hash, PN_ONION_ID_BYTES);
}
