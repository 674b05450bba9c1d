#include "relay/sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static pn_err write_all(int fd, pn_bytes content)
{
    while (content.len > 0) {
        const ssize_t n = write(fd, content.p, content.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return PN_E_IO;
        content.p += n;
        content.len -= (size_t)n;
    }
    return fsync(fd) == 0 ? PN_OK : PN_E_IO;
}

pn_err rl_file_write(const char *dir, const char *name, pn_bytes content)
{
    pn_err err = PN_E_IO;
    char temp[128];
    int at = -1, fd = -1, saved;
    if ((size_t)snprintf(temp, sizeof temp, ".%s.new", name) >= sizeof temp)
        return PN_E_ARG;
    at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        goto out;
    /* A leftover of an interrupted write is nobody's: take its place. */
    if (unlinkat(at, temp, 0) != 0 && errno != ENOENT)
        goto out;
    fd = openat(at, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                S_IRUSR | S_IWUSR);
    if (fd < 0)
        goto out;
    err = write_all(fd, content);
    if (err == PN_OK && renameat(at, temp, at, name) != 0)
        err = PN_E_IO;
    if (err == PN_OK && fsync(at) != 0)
        err = PN_E_IO;
out:
    saved = errno;
    if (fd >= 0) {
        if (err != PN_OK)
            (void)unlinkat(at, temp, 0);
        (void)close(fd);
    }
    if (at >= 0)
        (void)close(at);
    errno = saved;
    return err;
}

static pn_err read_all(int fd, uint8_t *out, size_t cap, size_t *len)
{
    size_t have = 0;
    for (;;) {
        uint8_t beyond;
        const ssize_t n = have < cap ? read(fd, out + have, cap - have)
                                     : read(fd, &beyond, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return PN_E_IO;
        if (n == 0)
            break;
        if (have == cap)
            return PN_E_FULL;
        have += (size_t)n;
    }
    *len = have;
    return PN_OK;
}

pn_err rl_file_read(const char *dir, const char *name, uint8_t *out, size_t cap,
                    size_t *len, mode_t *mode, uid_t *owner)
{
    pn_err err = PN_E_IO;
    struct stat st;
    int at, fd = -1, saved;
    at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at >= 0)
        /* O_NONBLOCK: a FIFO planted there must not hang us. */
        fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        err = errno == ENOENT ? PN_E_NOT_FOUND : PN_E_IO;
        goto out;
    }
    if (fstat(fd, &st) != 0)
        goto out;
    if (!S_ISREG(st.st_mode)) {
        err = PN_E_REFUSED;
        goto out;
    }
    if (mode != NULL)
        *mode = st.st_mode & 07777;
    if (owner != NULL)
        *owner = st.st_uid;
    err = read_all(fd, out, cap, len);
out:
    saved = errno;
    if (fd >= 0)
        (void)close(fd);
    if (at >= 0)
        (void)close(at);
    errno = saved;
    return err;
}
