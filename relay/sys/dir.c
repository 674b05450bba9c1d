#include "relay/sys/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

pn_err rl_dir_find(const char *chosen, char out[RL_PATH_MAX])
{
    size_t len;
    if (chosen == NULL) {
        chosen = getenv("STATE_DIRECTORY");
        if (chosen == NULL || chosen[0] == 0)
            chosen = "/var/lib/postern";
        len = strcspn(chosen, ":"); /* systemd lists several with colons */
    } else {
        len = strlen(chosen);
    }
    if (len == 0 || len >= RL_PATH_MAX)
        return PN_E_ARG;
    memcpy(out, chosen, len);
    out[len] = 0;
    return PN_OK;
}

pn_err rl_dir_path(const char *dir, const char *name, char *out, size_t cap)
{
    const int n = snprintf(out, cap, "%s/%s", dir, name);
    return n > 0 && (size_t)n < cap ? PN_OK : PN_E_ARG;
}

pn_err rl_dir_make(const char *dir)
{
    char part[RL_PATH_MAX];
    const size_t len = strlen(dir);
    if (len == 0 || len >= sizeof part)
        return PN_E_ARG;
    /* Each prefix in turn; only "already there" may fail. */
    for (size_t i = 1; i <= len; i++) {
        struct stat st;
        if (dir[i] != '/' && dir[i] != 0)
            continue;
        memcpy(part, dir, i);
        part[i] = 0;
        if (mkdir(part, S_IRWXU) == 0)
            continue;
        if (stat(part, &st) != 0)
            return PN_E_IO;
        if (!S_ISDIR(st.st_mode)) {
            errno = ENOTDIR;
            return PN_E_IO;
        }
    }
    return PN_OK;
}

pn_err rl_dir_lock(const char *dir, int *fd)
{
    char path[RL_PATH_MAX];
    int lock;
    PN_TRY(rl_dir_path(dir, RL_FILE_LOCK, path, sizeof path));
    lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                S_IRUSR | S_IWUSR);
    if (lock < 0)
        return PN_E_IO;
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        const int why = errno;
        (void)close(lock);
        errno = why;
        return why == EWOULDBLOCK ? PN_E_EXISTS : PN_E_IO;
    }
    *fd = lock;
    return PN_OK;
}
