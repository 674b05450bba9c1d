/* The vault's directory and its small files: only their owner may enter,
 * writing replaces them whole or not at all, and what they held before is
 * overwritten. `at` is always the open directory. errno is not part of any
 * contract here; `fault` (may be NULL) gets the sentence.
 */
#ifndef POSTERN_CLIENT_DISK_FILE_H
#define POSTERN_CLIENT_DISK_FILE_H

#include <sys/types.h>

#include "client/disk/vault.h"

#define CL_FILE_LOCK "lock"
#define CL_FILE_KEYSLOTS "keyslots"
#define CL_FILE_DEVICE "device"
#define CL_FILE_RECORD_KEYS "record.keys"
#define CL_FILE_DATABASE "vault.db"
/* There while a vault is being made: without its end it is none. */
#define CL_FILE_UNFINISHED "unfinished"

typedef enum cl_home_mode {
    CL_HOME_EXISTING,
    CL_HOME_MAKE,
    CL_HOME_ANY, /* whoever owns it, whoever may enter */
} cl_home_mode;

/* Open the directory; with CL_HOME_MAKE make it and its missing parents, and
 * close it to others. PN_E_NOT_FOUND; PN_E_REFUSED if it is somebody else's,
 * or open to others. Caller closes *at. */
PN_MUST_USE pn_err cl_home_open(int *at, const char *home, cl_home_mode mode,
                                cl_vault_fault *fault);
/* Take the lock, held until *fd is closed. PN_E_EXISTS if it is taken. */
PN_MUST_USE pn_err cl_home_lock(int *fd, int at, cl_vault_fault *fault);

bool cl_file_exists(int at, const char *name);
/* Open a file that must be regular, ours and closed to others, with `flags`
 * (O_RDONLY or O_RDWR). PN_E_NOT_FOUND, PN_E_REFUSED. Caller closes *fd. */
PN_MUST_USE pn_err cl_file_open(int *fd, int at, const char *name, int flags,
                                cl_vault_fault *fault);
/* Make a new file of mode 0600. PN_E_EXISTS. Caller closes *fd. */
PN_MUST_USE pn_err cl_file_make(int *fd, int at, const char *name,
                                cl_vault_fault *fault);
/* Read exactly len bytes from `offset`; PN_E_SHORT if the file ends before. */
PN_MUST_USE pn_err cl_file_read_at(int fd, const char *name, uint8_t *out,
                                   size_t len, uint64_t offset,
                                   cl_vault_fault *fault);
PN_MUST_USE pn_err cl_file_write_at(int fd, const char *name, pn_bytes in,
                                    uint64_t offset, cl_vault_fault *fault);
/* Make what was written to fd durable. */
PN_MUST_USE pn_err cl_file_sync(int fd, const char *name,
                                cl_vault_fault *fault);
/* Replace `name` in two steps: a new file beside it, to be written; then it
 * takes the name, durably, and the old content is overwritten. _end leaves fd
 * open for its caller; on failure the old file stands and the caller closes
 * fd. */
PN_MUST_USE pn_err cl_file_replace_begin(int *fd, int at, const char *name,
                                         cl_vault_fault *fault);
PN_MUST_USE pn_err cl_file_replace_end(int fd, int at, const char *name,
                                       cl_vault_fault *fault);
/* Overwrite with random bytes, sync, unlink. Tries every step, whatever the
 * one before did. PN_E_NOT_FOUND; PN_E_IO if the content may be there still. */
PN_MUST_USE pn_err cl_file_shred(int at, const char *name,
                                 cl_vault_fault *fault);
/* Unlink; not being there is fine. */
PN_MUST_USE pn_err cl_file_remove(int at, const char *name,
                                  cl_vault_fault *fault);
/* Remove the database with its log. */
PN_MUST_USE pn_err cl_file_remove_database(int at, cl_vault_fault *fault);
/* Close and forget; -1 is fine. */
void cl_file_close(int *fd);

#endif
