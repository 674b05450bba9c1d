#include "client/disk/keys.h"

#include <sodium.h>
#include <time.h>

#include "client/disk/fault.h"
#include "proto/base/mem.h"

enum {
    KIB = 1024,
    TEST_KIB = 8,
    MAX_KIB = 4 * 1024 * 1024,
    MAX_PASSES = 64,
    CALIBRATED_PASSES = 16,
    CALIBRATED_MS = 700,
};

pn_err cl_guard_new(void **out, size_t len, bool *locked)
{
    uint8_t *probe;
    *out = NULL;
    /* The seam of the tests has no hold on libsodium: ask it here. */
    probe = pn_alloc(1, 1);
    if (probe == NULL)
        return PN_E_NOMEM;
    pn_free(probe);
    *out = sodium_malloc(len);
    if (*out == NULL)
        return PN_E_NOMEM;
    /* sodium_malloc() tried, and does not tell; locking twice is harmless. */
    if (locked != NULL)
        *locked = sodium_mlock(*out, len) == 0;
    sodium_memzero(*out, len);
    return PN_OK;
}

void cl_guard_free(void *p)
{
    sodium_free(p);
}

pn_err cl_keys_new(cl_keys **out)
{
    void *p;
    bool locked;
    *out = NULL;
    PN_TRY(cl_guard_new(&p, sizeof **out, &locked));
    *out = p;
    (*out)->locked = locked;
    return PN_OK;
}

void cl_keys_free(cl_keys **keys)
{
    cl_guard_free(*keys);
    *keys = NULL;
}

static void derive(uint8_t out[CL_SECRET_BYTES], const cl_keys *keys,
                   uint64_t purpose)
{
    /* Fails only for lengths it does not know. */
    (void)crypto_kdf_derive_from_key(out, CL_SECRET_BYTES, purpose, "pnvault1",
                                     keys->data);
}

void cl_keys_derive(cl_keys *keys)
{
    derive(keys->name, keys, 1);
    derive(keys->kind, keys, 2);
    derive(keys->record, keys, 3);
    derive(keys->state, keys, 4);
    derive(keys->counter, keys, 5);
    derive(keys->digest, keys, 6);
}

bool cl_kdf_ok(const cl_kdf *kdf)
{
    return kdf->passes >= crypto_pwhash_OPSLIMIT_MIN &&
           kdf->passes <= MAX_PASSES && kdf->kib >= TEST_KIB &&
           kdf->kib <= MAX_KIB;
}

static uint64_t now_ms(void)
{
    struct timespec t = { 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* As many passes as fill the time we may take, never fewer than MODERATE. */
static pn_err calibrate(cl_kdf *kdf)
{
    uint8_t out[CL_SECRET_BYTES];
    const uint64_t start = now_ms();
    uint64_t took, passes;
    PN_TRY(cl_kdf_run(kdf, PN_BYTES_LIT("calibration"), out, NULL));
    took = now_ms() - start;
    passes = took == 0 ? CALIBRATED_PASSES
                       : CALIBRATED_MS * (uint64_t)kdf->passes / took;
    if (passes > CALIBRATED_PASSES)
        passes = CALIBRATED_PASSES;
    if (passes > kdf->passes)
        kdf->passes = (uint32_t)passes;
    return PN_OK;
}

pn_err cl_kdf_choose(cl_kdf *kdf, cl_vault_kdf cost)
{
    randombytes_buf(kdf->salt, sizeof kdf->salt);
    kdf->passes = crypto_pwhash_OPSLIMIT_MODERATE;
    kdf->kib = crypto_pwhash_MEMLIMIT_MODERATE / KIB;
    if (cost == CL_VAULT_KDF_TEST) {
        kdf->passes = crypto_pwhash_OPSLIMIT_MIN;
        kdf->kib = TEST_KIB;
    }
    return cost == CL_VAULT_KDF_CALIBRATED ? calibrate(kdf) : PN_OK;
}

pn_err cl_kdf_run(const cl_kdf *kdf, pn_bytes passphrase,
                  uint8_t out[CL_SECRET_BYTES], cl_vault_fault *fault)
{
    if (passphrase.len == 0 || passphrase.len > CL_VAULT_PASSPHRASE_MAX)
        return cl_fault(fault, PN_E_ARG, "a passphrase has 1 to %d bytes",
                        CL_VAULT_PASSPHRASE_MAX);
    if (crypto_pwhash(out, CL_SECRET_BYTES, (const char *)passphrase.p,
                      passphrase.len, kdf->salt, kdf->passes,
                      (size_t)kdf->kib * KIB,
                      crypto_pwhash_ALG_ARGON2ID13) != 0)
        return cl_fault(fault, PN_E_NOMEM,
                        "checking the passphrase takes %u MiB of memory, which "
                        "are not there",
                        (unsigned)(kdf->kib / KIB));
    return PN_OK;
}

void cl_seal_to(uint8_t *out, const uint8_t key[CL_SECRET_BYTES], pn_bytes ad,
                pn_bytes plain)
{
    randombytes_buf(out, CL_SEAL_NONCE_BYTES);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        out + CL_SEAL_NONCE_BYTES, NULL, plain.p, plain.len, ad.p, ad.len, NULL,
        out, key);
}

pn_err cl_open_from(uint8_t *out, const uint8_t key[CL_SECRET_BYTES],
                    pn_bytes ad, pn_bytes in)
{
    if (in.len < CL_SEAL_NONCE_BYTES + CL_SEAL_TAG_BYTES)
        return PN_E_CRYPTO;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            out, NULL, NULL, in.p + CL_SEAL_NONCE_BYTES,
            in.len - CL_SEAL_NONCE_BYTES, ad.p, ad.len, in.p, key) != 0)
        return PN_E_CRYPTO;
    return PN_OK;
}
