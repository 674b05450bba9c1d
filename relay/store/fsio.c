/* O_DIRECT is Linux's; the rest is POSIX as everywhere else. */
#define _GNU_SOURCE
#include "relay/store/fsio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int dir_of(void *ctx)
{
    return (int)(intptr_t)ctx;
}

static pn_err failed(void)
{
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? PN_E_FULL
           : errno == ENOENT                                    ? PN_E_NOT_FOUND
                                                                : PN_E_IO;
}

static pn_err px_open(void *ctx, const char *name, rl_fs_mode mode, int *out)
{
    const int flags = mode == RL_FS_READ    ? O_RDONLY
                      : mode == RL_FS_WRITE ? O_RDWR
                                            : O_RDWR | O_CREAT | O_TRUNC;
    *out = openat(dir_of(ctx), name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    return *out >= 0 ? PN_OK : failed();
}

static void px_close(void *ctx, int file)
{
    (void)ctx;
    (void)close(file);
}

static pn_err px_read(void *ctx, int file, void *p, size_t len, uint64_t at,
                      size_t *got)
{
    (void)ctx;
    *got = 0;
    while (*got < len) {
        const ssize_t n =
            pread(file, (uint8_t *)p + *got, len - *got, (off_t)(at + *got));
        if (n == 0)
            break;
        if (n > 0)
            *got += (size_t)n;
        else if (errno != EINTR)
            return PN_E_IO;
    }
    return PN_OK;
}

static pn_err px_write(void *ctx, int file, const void *p, size_t len,
                       uint64_t at)
{
    (void)ctx;
    for (size_t done = 0; done < len;) {
        const ssize_t n = pwrite(file, (const uint8_t *)p + done, len - done,
                                 (off_t)(at + done));
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            return n == 0 ? PN_E_IO : failed();
    }
    return PN_OK;
}

static void px_direct(void *ctx, int file, bool on)
{
#ifdef O_DIRECT
    const int flags = fcntl(file, F_GETFL);
    if (flags >= 0)
        (void)fcntl(file, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT);
#else
    (void)file;
    (void)on;
#endif
    (void)ctx;
}

static pn_err px_sync(void *ctx, int file)
{
    (void)ctx;
    return fdatasync(file) == 0 ? PN_OK : PN_E_IO;
}

static pn_err px_reserve(void *ctx, int file, uint64_t len)
{
    (void)ctx;
    errno = posix_fallocate(file, 0, (off_t)len);
    return errno == 0 ? PN_OK : failed();
}

static pn_err px_size(void *ctx, int file, uint64_t *out)
{
    struct stat st;
    (void)ctx;
    if (fstat(file, &st) != 0)
        return PN_E_IO;
    *out = (uint64_t)st.st_size;
    return PN_OK;
}

static pn_err px_rename(void *ctx, const char *from, const char *to)
{
    return renameat(dir_of(ctx), from, dir_of(ctx), to) == 0 ? PN_OK : failed();
}

static pn_err px_remove(void *ctx, const char *name)
{
    return unlinkat(dir_of(ctx), name, 0) == 0 ? PN_OK : failed();
}

static pn_err px_sync_dir(void *ctx)
{
    return fsync(dir_of(ctx)) == 0 ? PN_OK : PN_E_IO;
}

static pn_err px_list(void *ctx, void (*each)(void *arg, const char *name),
                      void *arg)
{
    const int fd = openat(dir_of(ctx), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return PN_E_IO;
    }
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        each(arg, e->d_name);
    (void)closedir(dir);
    return PN_OK;
}

static pn_err px_space(void *ctx, uint64_t *out)
{
    struct statvfs v;
    if (fstatvfs(dir_of(ctx), &v) != 0)
        return PN_E_IO;
    *out = (uint64_t)v.f_bavail * v.f_frsize;
    return PN_OK;
}

static pn_err px_lock(void *ctx, int file)
{
    (void)ctx;
    return flock(file, LOCK_EX | LOCK_NB) == 0 ? PN_OK
           : errno == EWOULDBLOCK              ? PN_E_STATE
                                               : PN_E_IO;
}

pn_err rl_fs_posix(rl_fs *out, const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *out = (rl_fs){ .ctx = (void *)(intptr_t)fd,
                    .open = px_open,
                    .close = px_close,
                    .read = px_read,
                    .write = px_write,
                    .direct = px_direct,
                    .sync = px_sync,
                    .reserve = px_reserve,
                    .size = px_size,
                    .rename = px_rename,
                    .remove = px_remove,
                    .sync_dir = px_sync_dir,
                    .list = px_list,
                    .space = px_space,
                    .lock = px_lock };
    return fd >= 0 ? PN_OK : failed();
}

void rl_fs_posix_free(rl_fs *fs)
{
    if (dir_of(fs->ctx) >= 0)
        (void)close(dir_of(fs->ctx));
    fs->ctx = (void *)(intptr_t)-1;
}

pn_err rl_fs_read_all(const rl_fs *fs, int file, void *p, size_t len,
                      uint64_t at)
{
    size_t got;
    PN_TRY(fs->read(fs->ctx, file, p, len, at, &got));
    return got == len ? PN_OK : PN_E_SHORT;
}
