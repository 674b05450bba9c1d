/* The keyslot file: the data key, sealed once per passphrase.
 * Every slot always holds bytes that look random; which of them open, and to
 * what, nobody can tell without a passphrase. Layout: FORMAT.md section 2.
 */
#ifndef POSTERN_CLIENT_DISK_KEYSLOTS_H
#define POSTERN_CLIENT_DISK_KEYSLOTS_H

#include "client/disk/keys.h"

enum {
    CL_SLOTS = 4,
    CL_VAULT_ID_BYTES = 16,
    CL_SLOT_PLAIN_BYTES = 48, /* role, 15 zeros, data key */
    CL_SLOT_BYTES =
        CL_SEAL_NONCE_BYTES + CL_SLOT_PLAIN_BYTES + CL_SEAL_TAG_BYTES,
    CL_KEYSLOTS_BYTES =
        20 + CL_SALT_BYTES + CL_VAULT_ID_BYTES + CL_SLOTS * CL_SLOT_BYTES + 32,
};

/* What a slot's passphrase opens. The numbers are on disk. */
typedef enum cl_slot_role {
    CL_SLOT_FREE = 0,
    CL_SLOT_REAL = 1,
    CL_SLOT_DURESS = 2,
} cl_slot_role;

typedef struct cl_keyslots {
    cl_kdf kdf;
    uint8_t vault_id[CL_VAULT_ID_BYTES];
    uint8_t slot[CL_SLOTS][CL_SLOT_BYTES];
} cl_keyslots;

/* A slot's key: the stretched passphrase and the slot's device secret. */
typedef struct cl_slot_secret {
    const uint8_t *stretched; /* CL_SECRET_BYTES, borrowed */
    const uint8_t *device;    /* CL_SECRET_BYTES, borrowed */
} cl_slot_secret;

/* Parse a whole file. PN_E_CORRUPT; PN_E_VERSION if it is intact and newer. */
PN_MUST_USE pn_err cl_keyslots_parse(cl_keyslots *out, pn_bytes file);
void cl_keyslots_write(const cl_keyslots *k, uint8_t out[CL_KEYSLOTS_BYTES]);
/* Fill slot i with noise. */
void cl_keyslots_clear(cl_keyslots *k, unsigned i);
/* Put a data key into slot i. */
void cl_keyslots_seal(cl_keyslots *k, unsigned i, cl_slot_secret secret,
                      cl_slot_role role, const uint8_t data[CL_SECRET_BYTES]);
/* PN_E_CRYPTO if the secret is not that of slot i. */
PN_MUST_USE pn_err cl_keyslots_open(const cl_keyslots *k, unsigned i,
                                    cl_slot_secret secret, cl_slot_role *role,
                                    uint8_t data[CL_SECRET_BYTES]);

PN_MUST_USE pn_err cl_keyslots_load(cl_keyslots *k, int at,
                                    cl_vault_fault *fault);
/* Replace the file durably; what it held before is overwritten. */
PN_MUST_USE pn_err cl_keyslots_store(const cl_keyslots *k, int at,
                                     cl_vault_fault *fault);

#endif
