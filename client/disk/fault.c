#include "client/disk/fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

pn_err cl_fault_say(cl_vault_fault *fault, pn_err err, const char *fmt, ...)
{
    va_list args;
    if (fault == NULL)
        return err;
    va_start(args, fmt);
    (void)vsnprintf(fault->text, sizeof fault->text, fmt, args);
    va_end(args);
    return err;
}

pn_err cl_fault_errno(cl_vault_fault *fault, int error, const char *what,
                      const char *name)
{
    char why[96] = "";
    /* Of the two strerror_r() this is POSIX's; _GNU_SOURCE is not defined. */
    if (strerror_r(error, why, sizeof why) != 0)
        (void)snprintf(why, sizeof why, "error %d", error);
    if (error == ENOSPC || error == EDQUOT || error == EFBIG)
        return cl_fault(fault, PN_E_FULL, "no room to %s %s: %s", what, name,
                        why);
    if (error == EACCES || error == EPERM || error == EROFS)
        return cl_fault(fault, PN_E_IO, "not permitted to %s %s: %s", what,
                        name, why);
    return cl_fault(fault, PN_E_IO, "cannot %s %s: %s", what, name, why);
}
