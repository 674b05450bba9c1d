#include "relay/sys/privs.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

pn_err rl_privs_open_streams(void)
{
    /* Open the other way round, so that using one fails as it would have
     * failed closed. The lowest free number is the one that is missing. */
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return PN_E_IO;
    return PN_OK;
}

pn_err rl_privs_drop(void)
{
    const struct rlimit none = { 0, 0 };
    (void)umask(S_IRWXG | S_IRWXO);
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        return PN_E_IO;
#ifndef POSTERN_SANITIZED /* the leak checker attaches to its own process */
    if (prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL) != 0)
        return PN_E_IO;
#endif
    if (prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) != 0)
        return PN_E_IO;
    return PN_OK;
}

uint64_t rl_privs_open_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return 256; /* what POSIX systems give at the very least */
    if (files.rlim_cur < files.rlim_max) {
        const struct rlimit raised = { files.rlim_max, files.rlim_max };
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            files = raised;
    }
    return (uint64_t)files.rlim_cur;
}
