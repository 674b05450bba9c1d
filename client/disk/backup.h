/* A backup file: all records in one stream, sealed under a passphrase alone.
 * Equal chunks, the last one marked: neither the length of a record nor their
 * number shows, and a file cut short is known for it. Layout: FORMAT.md
 * section 6.
 */
#ifndef POSTERN_CLIENT_DISK_BACKUP_H
#define POSTERN_CLIENT_DISK_BACKUP_H

#include <sodium.h>

#include "client/disk/keys.h"

enum {
    CL_BACKUP_CHUNK = 65536,
    CL_BACKUP_SEALED =
        CL_BACKUP_CHUNK + crypto_secretstream_xchacha20poly1305_ABYTES,
    CL_BACKUP_HEAD = 108, /* cost, salt, stream header, checks */
};

/* One end of the stream; guarded memory, for it holds the state. */
typedef struct cl_backup {
    crypto_secretstream_xchacha20poly1305_state stream;
    int fd;          /* owned */
    uint64_t offset; /* in the file */
    size_t at, end;  /* of what is in `chunk` */
    bool ended;      /* the last chunk has been read */
    uint8_t chunk[CL_BACKUP_CHUNK];
    uint8_t sealed[CL_BACKUP_SEALED];
} cl_backup;

/* Write the header to the new, empty file fd, which becomes the stream's. */
PN_MUST_USE pn_err cl_backup_begin(cl_backup **out, int fd, pn_bytes passphrase,
                                   cl_vault_kdf cost, cl_vault_fault *fault);
PN_MUST_USE pn_err cl_backup_write(cl_backup *b, pn_bytes in,
                                   cl_vault_fault *fault);
/* Pad and write the last chunk, and sync. */
PN_MUST_USE pn_err cl_backup_end(cl_backup *b, cl_vault_fault *fault);

/* Read the header: PN_E_CRYPTO if the passphrase is wrong, PN_E_CORRUPT,
 * PN_E_VERSION. fd becomes the stream's. */
PN_MUST_USE pn_err cl_backup_open(cl_backup **out, int fd, pn_bytes passphrase,
                                  cl_vault_fault *fault);
/* Exactly len bytes. PN_E_CORRUPT if the file is damaged or ends before. */
PN_MUST_USE pn_err cl_backup_read(cl_backup *b, uint8_t *out, size_t len,
                                  cl_vault_fault *fault);
/* The content has been read: only padding, and nothing after it, is left. */
PN_MUST_USE pn_err cl_backup_read_end(cl_backup *b, cl_vault_fault *fault);

/* Close, wipe, null. */
void cl_backup_free(cl_backup **b);

#endif
