/* Preloaded into a relay: the disk fails in the middle of its life. The sync of
 * the FAILSYNC-th frame of the log, counted from the start, reports EIO, and
 * what was written since the last sync of that file is gone, as it is after a
 * power loss when the kernel had dropped the pages; with FAILSYNC_KEEP set it
 * is still seen, as it is until then. Later syncs succeed and mean nothing.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { FILES = 4096, BLOCK = 4096 };

typedef struct written {
    off_t from, to; /* since the last sync; `to` 0: nothing */
    bool frame;     /* among it one of the log */
} written;

static written files[FILES];
static atomic_long left;

static ssize_t real_pwrite(int fd, const void *p, size_t len, off_t at)
{
    static ssize_t (*next)(int, const void *, size_t, off_t);
    if (next == NULL)
        *(void **)(&next) = dlsym(RTLD_NEXT, "pwrite64");
    return next(fd, p, len, at);
}

static int real_sync(int fd)
{
    static int (*next)(int);
    if (next == NULL)
        *(void **)(&next) = dlsym(RTLD_NEXT, "fdatasync");
    return next(fd);
}

__attribute__((constructor)) static void begin(void)
{
    const char *n = getenv("FAILSYNC");
    atomic_store(&left, n != NULL ? strtol(n, NULL, 10) : 0);
    (void)real_pwrite(-1, "", 0, 0); /* look the real ones up while alone */
    (void)real_sync(-1);
}

static ssize_t note(int fd, const void *p, size_t len, off_t at)
{
    const ssize_t n = real_pwrite(fd, p, len, at);
    if (fd >= 0 && fd < FILES && n > 0) {
        written *w = &files[fd];
        w->from = w->to == 0 || at < w->from ? at : w->from;
        w->to = at + n > w->to ? at + n : w->to;
        w->frame = w->frame || (len >= 4 && memcmp(p, "PNF1", 4) == 0);
    }
    return n;
}

__attribute__((visibility("default"))) ssize_t pwrite(int fd, const void *p,
                                                      size_t len, off_t at)
{
    return note(fd, p, len, at);
}

__attribute__((visibility("default"))) ssize_t pwrite64(int fd, const void *p,
                                                        size_t len, off64_t at)
{
    return note(fd, p, len, (off_t)at);
}

static int lose(int fd, const written *w)
{
    static const char zeros[BLOCK];
    for (off_t at = w->from; getenv("FAILSYNC_KEEP") == NULL && at < w->to;
         at += BLOCK)
        (void)real_pwrite(fd, zeros, sizeof zeros, at);
    errno = EIO;
    return -1;
}

__attribute__((visibility("default"))) int fdatasync(int fd)
{
    written w = { .to = 0 };
    if (fd >= 0 && fd < FILES) {
        w = files[fd];
        files[fd] = (written){ .to = 0 };
    }
    if (w.frame && atomic_fetch_sub(&left, 1) == 1)
        return lose(fd, &w);
    return real_sync(fd);
}
