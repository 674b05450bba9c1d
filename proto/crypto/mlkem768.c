#include "proto/crypto/mlkem768.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/crypto/keccak.h"
#include "proto/crypto/mlkem768_pke.h"
#include "proto/crypto/secret.h"

/* Where the parts of a decapsulation key lie. */
enum {
    SK_PK = PN_MLKEM_PKE_SK_BYTES,
    SK_HASH = SK_PK + PN_MLKEM768_PK_BYTES,
    SK_Z = SK_HASH + PN_SHA3_256_BYTES,
};

void pn_mlkem768_seed_keypair(uint8_t pk[PN_MLKEM768_PK_BYTES],
                              uint8_t sk[PN_MLKEM768_SK_BYTES],
                              const uint8_t seed[PN_MLKEM768_SEED_BYTES])
{
    uint8_t d_k[33], rho_sigma[64];
    memcpy(d_k, seed, 32);
    d_k[32] = PN_MLKEM_K;
    pn_sha3_512(rho_sigma, (pn_bytes){ d_k, sizeof d_k });
    PN_DECLASSIFY(rho_sigma, 32); /* rho, the tail of the public key */
    pn_mlkem768_pke_keypair(pk, sk, rho_sigma, rho_sigma + 32);
    memcpy(sk + SK_PK, pk, PN_MLKEM768_PK_BYTES);
    pn_sha3_256(sk + SK_HASH, (pn_bytes){ pk, PN_MLKEM768_PK_BYTES });
    memcpy(sk + SK_Z, seed + 32, 32);
    pn_wipe(d_k, sizeof d_k);
    pn_wipe(rho_sigma, sizeof rho_sigma);
}

pn_err pn_mlkem768_check_ek(const uint8_t pk[PN_MLKEM768_PK_BYTES])
{
    for (unsigned i = 0; i < PN_MLKEM_PKE_SK_BYTES; i += 3) {
        const unsigned a = pk[i] | (pk[i + 1] & 15U) << 8;
        const unsigned b = pk[i + 1] >> 4 | (unsigned)pk[i + 2] << 4;
        if (a >= PN_MLKEM_Q || b >= PN_MLKEM_Q)
            return PN_E_CRYPTO;
    }
    return PN_OK;
}

pn_err pn_mlkem768_check_dk(const uint8_t sk[PN_MLKEM768_SK_BYTES])
{
    uint8_t hash[PN_SHA3_256_BYTES];
    pn_sha3_256(hash, (pn_bytes){ sk + SK_PK, PN_MLKEM768_PK_BYTES });
    return memcmp(hash, sk + SK_HASH, sizeof hash) == 0 ? PN_OK : PN_E_CRYPTO;
}

/* (K, r) = G(m | H(ek)). */
static void derive(uint8_t key_r[64], const uint8_t m[32],
                   const uint8_t hash[32])
{
    pn_keccak k;
    pn_keccak_init(&k, PN_SHA3_512);
    pn_keccak_absorb(&k, (pn_bytes){ m, 32 });
    pn_keccak_absorb(&k, (pn_bytes){ hash, 32 });
    pn_keccak_squeeze(&k, key_r, 64);
    pn_keccak_wipe(&k);
}

pn_err
pn_mlkem768_enc_deterministic(uint8_t ct[PN_MLKEM768_CT_BYTES],
                              uint8_t ss[PN_MLKEM768_SS_BYTES],
                              const uint8_t pk[PN_MLKEM768_PK_BYTES],
                              const uint8_t m[PN_MLKEM768_ENC_SEED_BYTES])
{
    uint8_t hash[PN_SHA3_256_BYTES], key_r[64];
    const pn_err err = pn_mlkem768_check_ek(pk);
    if (err != PN_OK) {
        memset(ct, 0, PN_MLKEM768_CT_BYTES);
        memset(ss, 0, PN_MLKEM768_SS_BYTES);
        return err;
    }
    pn_sha3_256(hash, (pn_bytes){ pk, PN_MLKEM768_PK_BYTES });
    derive(key_r, m, hash);
    pn_mlkem768_pke_encrypt(ct, pk, m, key_r + 32);
    memcpy(ss, key_r, PN_MLKEM768_SS_BYTES);
    pn_wipe(key_r, sizeof key_r);
    return PN_OK;
}

void pn_mlkem768_dec(uint8_t ss[PN_MLKEM768_SS_BYTES],
                     const uint8_t ct[PN_MLKEM768_CT_BYTES],
                     const uint8_t sk[PN_MLKEM768_SK_BYTES])
{
    struct {
        uint8_t m[32], key_r[64], rejected[32], again[PN_MLKEM768_CT_BYTES];
        pn_keccak k;
    } w;
    uint32_t differ = 0, mask;
    pn_mlkem768_pke_decrypt(w.m, sk, ct);
    derive(w.key_r, w.m, sk + SK_HASH);
    pn_keccak_init(&w.k, PN_SHAKE256);
    pn_keccak_absorb(&w.k, (pn_bytes){ sk + SK_Z, 32 });
    pn_keccak_absorb(&w.k, (pn_bytes){ ct, PN_MLKEM768_CT_BYTES });
    pn_keccak_squeeze(&w.k, w.rejected, sizeof w.rejected);
    pn_mlkem768_pke_encrypt(w.again, sk + SK_PK, w.m, w.key_r + 32);
    for (unsigned i = 0; i < PN_MLKEM768_CT_BYTES; i++)
        differ |= (uint32_t)(ct[i] ^ w.again[i]);
    mask = pn_mask_of_nonzero(differ);
    for (unsigned i = 0; i < PN_MLKEM768_SS_BYTES; i++) {
        const uint32_t good = w.key_r[i], bad = w.rejected[i];
        ss[i] = (uint8_t)(good ^ (mask & (good ^ bad)));
    }
    pn_wipe(&w, sizeof w);
}
