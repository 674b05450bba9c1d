/* Sentences for a person about what went wrong on disk. */
#ifndef POSTERN_CLIENT_DISK_FAULT_H
#define POSTERN_CLIENT_DISK_FAULT_H

#include "client/disk/vault.h"

/* Format the sentence into *fault (NULL is fine) and return `err`. No keys,
 * no values, no passphrases in it. */
PN_MUST_USE pn_err cl_fault(cl_vault_fault *fault, pn_err err, const char *fmt,
                            ...) PN_PRINTF(3, 4);
/* The same for a failed system call on the file `name`: `error` is its errno.
 * PN_E_FULL if there was no room, else PN_E_IO. */
PN_MUST_USE pn_err cl_fault_system(cl_vault_fault *fault, int error,
                                   const char *what, const char *name);

#endif
