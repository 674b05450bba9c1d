/* The vault's keys in memory: guarded pages (libsodium), out of swap where
 * the system lets us, and what is derived from them.
 */
#ifndef POSTERN_CLIENT_DISK_KEYS_H
#define POSTERN_CLIENT_DISK_KEYS_H

#include "client/disk/vault.h"

enum {
    CL_SECRET_BYTES = 32,
    CL_SALT_BYTES = 16,
    CL_SEAL_NONCE_BYTES = 24,
    CL_SEAL_TAG_BYTES = 16,
};

/* One secret per purpose, all from the data key. */
typedef struct cl_keys {
    uint8_t data[CL_SECRET_BYTES];
    uint8_t name[CL_SECRET_BYTES];    /* keyed hash of a record's kind, key */
    uint8_t kind[CL_SECRET_BYTES];    /* keyed hash of a kind */
    uint8_t record[CL_SECRET_BYTES];  /* mixed into every record's own key */
    uint8_t state[CL_SECRET_BYTES];   /* seals the state row */
    uint8_t counter[CL_SECRET_BYTES]; /* seals the device file's counter */
    uint8_t digest[CL_SECRET_BYTES];  /* keyed hash of every entry */
    uint8_t locked;                   /* the page cannot be swapped out */
} cl_keys;

/* Zeroed guarded memory. Not being able to lock it is no error: *locked says.
 * NULL is fine for `locked`. PN_E_NOMEM. */
PN_MUST_USE pn_err cl_guard_new(void **out, size_t len, bool *locked);
/* Wipe, release. NULL is fine. */
void cl_guard_free(void *p);

PN_MUST_USE pn_err cl_keys_new(cl_keys **out);
void cl_keys_free(cl_keys **keys);
/* Fill all others from keys->data. */
void cl_keys_derive(cl_keys *keys);

/* Argon2id (RFC 9106) as libsodium does it: one lane, version 0x13. */
typedef struct cl_kdf {
    uint32_t passes;
    uint32_t kib; /* memory */
    uint8_t salt[CL_SALT_BYTES];
} cl_kdf;

/* Whether the numbers are such as we would ever have written: a hostile file
 * may not make us fill the memory or compute for hours. */
bool cl_kdf_ok(const cl_kdf *kdf);
/* Choose the cost, measuring this machine if asked to, and a salt. */
PN_MUST_USE pn_err cl_kdf_choose(cl_kdf *kdf, cl_vault_kdf cost);
/* out = Argon2id(passphrase). PN_E_ARG for an empty or oversized one,
 * PN_E_NOMEM if the memory for it is not there. */
PN_MUST_USE pn_err cl_kdf_run(const cl_kdf *kdf, pn_bytes passphrase,
                              uint8_t out[CL_SECRET_BYTES],
                              cl_vault_fault *fault);

/* out = nonce | XChaCha20-Poly1305(plain), with a fresh random nonce: plain.len
 * + 40 bytes. */
void cl_seal_to(uint8_t *out, const uint8_t key[CL_SECRET_BYTES], pn_bytes ad,
                pn_bytes plain);
/* The reverse; out has room for in.len - 40 bytes. PN_E_CRYPTO; out is then
 * zeroed. */
PN_MUST_USE pn_err cl_open_from(uint8_t *out,
                                const uint8_t key[CL_SECRET_BYTES], pn_bytes ad,
                                pn_bytes in);

#endif
