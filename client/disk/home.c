#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/disk/fault.h"
#include "client/disk/file.h"

enum { PATH_BYTES = 4096, OTHERS = S_IRWXG | S_IRWXO };

static pn_err make_all(const char *home, cl_vault_fault *fault)
{
    char part[PATH_BYTES];
    const size_t len = strlen(home);
    for (size_t i = 1; i <= len; i++) {
        if (home[i] != '/' && home[i] != 0)
            continue;
        memcpy(part, home, i);
        part[i] = 0;
        if (mkdir(part, S_IRWXU) != 0 && errno != EEXIST)
            return cl_fault_system(fault, errno, "make the directory", part);
    }
    return PN_OK;
}

static pn_err check_owner(int at, const char *home, cl_home_mode mode,
                          cl_vault_fault *fault)
{
    struct stat st;
    if (mode == CL_HOME_ANY)
        return PN_OK;
    if (fstat(at, &st) != 0)
        return cl_fault_system(fault, errno, "look at", home);
    if (st.st_uid != geteuid())
        return cl_fault(fault, PN_E_REFUSED, "%s belongs to another user",
                        home);
    if ((st.st_mode & OTHERS) == 0)
        return PN_OK;
    if (mode == CL_HOME_MAKE && fchmod(at, S_IRWXU) == 0)
        return PN_OK;
    return cl_fault(fault, PN_E_REFUSED,
                    "%s is open to other users (mode %04o); close it with: "
                    "chmod 700 DIRECTORY",
                    home, (unsigned)(st.st_mode & 07777));
}

pn_err cl_home_open(int *at, const char *home, cl_home_mode mode,
                    cl_vault_fault *fault)
{
    pn_err err;
    *at = -1;
    if (home == NULL || home[0] == 0 || strlen(home) >= PATH_BYTES)
        return cl_fault(fault, PN_E_ARG, "no usable directory name");
    if (mode == CL_HOME_MAKE)
        PN_TRY(make_all(home, fault));
    *at = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*at < 0 && errno == ENOENT)
        return cl_fault(fault, PN_E_NOT_FOUND, "there is no %s", home);
    if (*at < 0)
        return cl_fault_system(fault, errno, "open", home);
    err = check_owner(*at, home, mode, fault);
    if (err != PN_OK)
        cl_file_close(at);
    return err;
}

pn_err cl_home_lock(int *fd, int at, cl_vault_fault *fault)
{
    int why;
    *fd = openat(at, CL_FILE_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                 S_IRUSR | S_IWUSR);
    if (*fd < 0)
        return cl_fault_system(fault, errno, "open", CL_FILE_LOCK);
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return PN_OK;
    why = errno;
    cl_file_close(fd);
    if (why == EWOULDBLOCK)
        return cl_fault(fault, PN_E_EXISTS,
                        "another process is working in this directory");
    return cl_fault_system(fault, why, "lock", CL_FILE_LOCK);
}
