#include "proto/crypto/xwing.h"

#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/crypto/keccak.h"

/* The shared secret of both. The X25519 half brings its transcript along;
 * ML-KEM binds its own (section 5.3). */
static void combine(uint8_t ss[PN_XWING_SS_BYTES], const uint8_t ss_m[32],
                    const uint8_t ss_x[32], const uint8_t ct_x[32],
                    const uint8_t pk_x[32])
{
    pn_keccak k;
    pn_keccak_init(&k, PN_SHA3_256);
    pn_keccak_absorb(&k, (pn_bytes){ ss_m, 32 });
    pn_keccak_absorb(&k, (pn_bytes){ ss_x, 32 });
    pn_keccak_absorb(&k, (pn_bytes){ ct_x, 32 });
    pn_keccak_absorb(&k, (pn_bytes){ pk_x, 32 });
    pn_keccak_absorb(&k, PN_BYTES_LIT("\\.//^\\")); /* the X of the name */
    pn_keccak_squeeze(&k, ss, PN_XWING_SS_BYTES);
    pn_keccak_wipe(&k);
}

pn_err pn_xwing_expand(pn_xwing_key *out, const uint8_t sk[PN_XWING_SK_BYTES])
{
    uint8_t seeds[PN_MLKEM768_SEED_BYTES + 32];
    pn_err err = PN_OK;
    pn_shake256(seeds, sizeof seeds, (pn_bytes){ sk, PN_XWING_SK_BYTES });
    pn_mlkem768_seed_keypair(out->pk, out->mlkem_sk, seeds);
    memcpy(out->x25519_sk, seeds + PN_MLKEM768_SEED_BYTES, 32);
    if (crypto_scalarmult_base(out->pk + PN_MLKEM768_PK_BYTES,
                               out->x25519_sk) != 0) {
        pn_xwing_key_wipe(out);
        err = PN_E_CRYPTO;
    }
    pn_wipe(seeds, sizeof seeds);
    return err;
}

void pn_xwing_key_wipe(pn_xwing_key *key)
{
    pn_wipe(key, sizeof *key);
}

pn_err pn_xwing_enc_deterministic(uint8_t ct[PN_XWING_CT_BYTES],
                                  uint8_t ss[PN_XWING_SS_BYTES],
                                  const uint8_t pk[PN_XWING_PK_BYTES],
                                  const uint8_t seed[PN_XWING_ENC_SEED_BYTES])
{
    const uint8_t *pk_x = pk + PN_MLKEM768_PK_BYTES;
    const uint8_t *ephemeral = seed + PN_MLKEM768_ENC_SEED_BYTES;
    uint8_t *ct_x = ct + PN_MLKEM768_CT_BYTES;
    uint8_t ss_m[PN_MLKEM768_SS_BYTES], ss_x[32];
    pn_err err = pn_mlkem768_enc_deterministic(ct, ss_m, pk, seed);
    if (err == PN_OK && (crypto_scalarmult_base(ct_x, ephemeral) != 0 ||
                         crypto_scalarmult(ss_x, ephemeral, pk_x) != 0))
        err = PN_E_CRYPTO;
    if (err == PN_OK) {
        combine(ss, ss_m, ss_x, ct_x, pk_x);
    } else {
        memset(ct, 0, PN_XWING_CT_BYTES);
        memset(ss, 0, PN_XWING_SS_BYTES);
    }
    pn_wipe(ss_m, sizeof ss_m);
    pn_wipe(ss_x, sizeof ss_x);
    return err;
}

pn_err pn_xwing_enc(uint8_t ct[PN_XWING_CT_BYTES],
                    uint8_t ss[PN_XWING_SS_BYTES],
                    const uint8_t pk[PN_XWING_PK_BYTES], const pn_env *env)
{
    uint8_t seed[PN_XWING_ENC_SEED_BYTES];
    pn_err err = pn_random(env, seed, sizeof seed);
    if (err == PN_OK) {
        err = pn_xwing_enc_deterministic(ct, ss, pk, seed);
    } else {
        memset(ct, 0, PN_XWING_CT_BYTES);
        memset(ss, 0, PN_XWING_SS_BYTES);
    }
    pn_wipe(seed, sizeof seed);
    return err;
}

pn_err pn_xwing_dec(uint8_t ss[PN_XWING_SS_BYTES],
                    const uint8_t ct[PN_XWING_CT_BYTES],
                    const pn_xwing_key *key)
{
    const uint8_t *ct_x = ct + PN_MLKEM768_CT_BYTES;
    uint8_t ss_m[PN_MLKEM768_SS_BYTES], ss_x[32];
    pn_err err = PN_OK;
    pn_mlkem768_dec(ss_m, ct, key->mlkem_sk);
    if (crypto_scalarmult(ss_x, key->x25519_sk, ct_x) == 0) {
        combine(ss, ss_m, ss_x, ct_x, key->pk + PN_MLKEM768_PK_BYTES);
    } else {
        memset(ss, 0, PN_XWING_SS_BYTES);
        err = PN_E_CRYPTO;
    }
    pn_wipe(ss_m, sizeof ss_m);
    pn_wipe(ss_x, sizeof ss_x);
    return err;
}
