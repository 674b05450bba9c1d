/* Sentences for a person about what went wrong on disk. */
#ifndef POSTERN_CLIENT_DISK_FAULT_H
#define POSTERN_CLIENT_DISK_FAULT_H

#include <assert.h>

#include "client/disk/vault.h"

/* What has failed is never PN_OK: said here, so that whoever reads a caller
 * alone, compiler or analyser, knows it too. */
PN_MUST_USE static inline pn_err cl_faulty(pn_err err)
{
    assert(err != PN_OK);
    return err;
}

/* Format the sentence into *fault (NULL is fine) and return `err`, which is not
 * PN_OK. No keys, no values, no passphrases in it. */
#define cl_fault(fault, err, ...) \
    cl_faulty(cl_fault_say(fault, err, __VA_ARGS__))
PN_MUST_USE pn_err cl_fault_say(cl_vault_fault *fault, pn_err err,
                                const char *fmt, ...) PN_PRINTF(3, 4);
/* The same for a failed system call on the file `name`: `error` is its errno.
 * PN_E_FULL if there was no room, else PN_E_IO. */
#define cl_fault_system(fault, error, what, name) \
    cl_faulty(cl_fault_errno(fault, error, what, name))
PN_MUST_USE pn_err cl_fault_errno(cl_vault_fault *fault, int error,
                                  const char *what, const char *name);

#endif
