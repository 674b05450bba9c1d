/* The device file: a secret per keyslot, without which a passphrase cannot
 * even be tried, and how far the vault had come, so that an older copy of the
 * database is noticed. Layout: FORMAT.md section 3.
 */
#ifndef POSTERN_CLIENT_DISK_DEVICE_H
#define POSTERN_CLIENT_DISK_DEVICE_H

#include "client/disk/keyslots.h"

enum {
    CL_DEVICE_HEAD_BYTES = 512, /* also where the first mark is */
    CL_DEVICE_MARK_AT = 512,    /* distance of the two marks */
    CL_DEVICE_BYTES = 1536,
};

typedef struct cl_device {
    uint8_t vault_id[CL_VAULT_ID_BYTES];
    uint8_t secret[CL_SLOTS][CL_SECRET_BYTES];
} cl_device;

/* What the marks of the file say. */
typedef struct cl_device_mark {
    bool found;       /* a mark of this vault is there */
    uint64_t counter; /* the vault had made this many commits */
    bool same_file;   /* it was written to this very file, not to a copy */
} cl_device_mark;

/* Parse the first CL_DEVICE_HEAD_BYTES. PN_E_CORRUPT; PN_E_VERSION. */
PN_MUST_USE pn_err cl_device_parse(cl_device *out, pn_bytes head);
void cl_device_write(const cl_device *d, uint8_t out[CL_DEVICE_HEAD_BYTES]);

/* Read the secrets and give the open file. Caller closes *fd. */
PN_MUST_USE pn_err cl_device_load(cl_device *d, int *fd, int at,
                                  cl_vault_fault *fault);
/* Replace the file durably, with a mark of `counter`, overwriting the old one.
 * *fd is closed and becomes the new file; on failure it stays what it was. */
PN_MUST_USE pn_err cl_device_store(const cl_device *d, int *fd, int at,
                                   const cl_keys *keys, uint64_t counter,
                                   cl_vault_fault *fault);

/* Read the newest mark. Damage is not an error: *mark says what was found. */
PN_MUST_USE pn_err cl_device_read_mark(int fd, const cl_keys *keys,
                                       cl_device_mark *mark,
                                       cl_vault_fault *fault);
/* Write a mark; not synced. Consecutive counters alternate between two
 * places, so that a torn write leaves the one before. */
PN_MUST_USE pn_err cl_device_write_mark(int fd, const cl_keys *keys,
                                        uint64_t counter,
                                        cl_vault_fault *fault);
/* Whether the file has lost its name: a panic, in whatever process. */
bool cl_device_is_gone(int fd);

#endif
