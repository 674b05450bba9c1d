/* Preloaded: calls of the C library that fail as the system's might. Which, and
 * how, is said by variables of the environment:
 *   FAULT_CALL   write   write, writev, pwrite, pwritev, ftruncate,
 *                        posix_fallocate
 *                sync    fsync, fdatasync
 *                rename  rename, renameat, renameat2, link, linkat
 *                open    open, openat
 *                alloc   malloc, calloc, realloc, aligned_alloc,
 *                        posix_memalign
 *   FAULT_ERROR  EIO, ENOSPC, EMFILE, ENOMEM, or SHORT: a write writes half
 *   FAULT_NTH    the number of the first that fails, from 1
 *   FAULT_COUNT  how many fail from there on (1); 0: all
 *   FAULT_PERMILLE, FAULT_SEED   or each with this chance of 1000
 *   FAULT_PATH   of files only those whose path has this in it
 *   FAULT_ARM    nothing is counted until a file of this name exists
 *   FAULT_SLOW_MS   takes so long, and does not fail, unless FAULT_ERROR is set
 *   FAULT_LOG    gets a line for each call that failed, by which a test knows
 * Sockets, pipes, the standard streams and children are left alone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

typedef enum kind { WRITE, SYNC, RENAME, OPEN, ALLOC, KINDS } kind;

static const char *const names[KINDS] = { "write", "sync", "rename", "open",
                                          "alloc" };
static struct {
    kind call; /* KINDS: none */
    int error; /* -1: short; 0: only slow */
    unsigned long nth, count, permille, slow_ms;
    const char *path, *arm;
    int log;
} fault = { .call = KINDS, .log = -1 };
static atomic_bool armed;
static atomic_ulong calls, dice;
/* A call of our own: it does not count. Not of the kind that allocates. */
static __thread bool within __attribute__((tls_model("initial-exec")));

/* The real ones, looked up while there is one thread and no filter yet. */
static struct {
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*writev)(int, const struct iovec *, int);
    ssize_t (*pwrite)(int, const void *, size_t, off_t);
    ssize_t (*pwritev)(int, const struct iovec *, int, off_t);
    int (*ftruncate)(int, off_t);
    int (*fallocate)(int, off_t, off_t);
    int (*fsync)(int);
    int (*fdatasync)(int);
    int (*rename)(const char *, const char *);
    int (*renameat)(int, const char *, int, const char *);
    int (*renameat2)(int, const char *, int, const char *, unsigned);
    int (*link)(const char *, const char *);
    int (*linkat)(int, const char *, int, const char *, int);
    int (*open)(const char *, int, ...);
    int (*openat)(int, const char *, int, ...);
    int (*memalign)(void **, size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
} real;

/* POSIX lets a function be found so; C does not know how. */
#define FIND(field, name) *(void **)(void *)&real.field = dlsym(RTLD_NEXT, name)

static unsigned long number(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoul(text, NULL, 10);
}

static int error_of(const char *name)
{
    static const struct {
        const char *name;
        int error;
    } all[] = { { "EIO", EIO },
                { "ENOSPC", ENOSPC },
                { "EMFILE", EMFILE },
                { "ENOMEM", ENOMEM },
                { "SHORT", -1 } };
    for (size_t i = 0; name != NULL && i < sizeof all / sizeof all[0]; i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].error;
    return 0;
}

static void find_all(void)
{
    FIND(write, "write");
    FIND(writev, "writev");
    FIND(pwrite, "pwrite64");
    FIND(pwritev, "pwritev64");
    FIND(ftruncate, "ftruncate64");
    FIND(fallocate, "posix_fallocate64");
    FIND(fsync, "fsync");
    FIND(fdatasync, "fdatasync");
    FIND(rename, "rename");
    FIND(renameat, "renameat");
    FIND(renameat2, "renameat2");
    FIND(link, "link");
    FIND(linkat, "linkat");
    FIND(open, "open64");
    FIND(openat, "openat64");
    FIND(memalign, "posix_memalign");
    FIND(aligned_alloc, "aligned_alloc");
}

__attribute__((constructor)) static void begin(void)
{
    const char *call = getenv("FAULT_CALL"), *log = getenv("FAULT_LOG");
    find_all();
    fault.error = error_of(getenv("FAULT_ERROR"));
    fault.nth = number("FAULT_NTH", 0);
    fault.count = number("FAULT_COUNT", 1);
    fault.permille = number("FAULT_PERMILLE", 0);
    fault.slow_ms = number("FAULT_SLOW_MS", 0);
    fault.path = getenv("FAULT_PATH");
    fault.arm = getenv("FAULT_ARM");
    atomic_store(&dice, number("FAULT_SEED", 1) * 2 + 1);
    atomic_store(&armed, fault.arm == NULL);
    if (log != NULL)
        fault.log =
            real.open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    for (size_t i = 0; call != NULL && i < KINDS; i++)
        if (strcmp(names[i], call) == 0)
            fault.call = (kind)i;
    (void)unsetenv("LD_PRELOAD");
}

static bool is_armed(void)
{
    if (!atomic_load(&armed) && access(fault.arm, F_OK) == 0)
        atomic_store(&armed, true);
    return atomic_load(&armed);
}

/* Written as it is, without the C library's help: it may be what fails. */
static void note(unsigned long call, const char *path)
{
    char line[600];
    const int n = snprintf(line, sizeof line, "%s %lu %s\n", names[fault.call],
                           call, path);
    if (fault.log >= 0 && n > 0)
        (void)!real.write(fault.log, line, (size_t)n);
}

static void pause_ms(unsigned long ms)
{
    const struct timespec time = { .tv_sec = (time_t)(ms / 1000),
                                   .tv_nsec = (long)(ms % 1000) * 1000000 };
    (void)nanosleep(&time, NULL);
}

static bool is_drawn(unsigned long call)
{
    unsigned long x, next;
    if (fault.permille == 0)
        return call >= fault.nth &&
               (fault.count == 0 || call < fault.nth + fault.count);
    x = atomic_load(&dice);
    do
        next = x * 6364136223846793005u + 1442695040888963407u;
    while (!atomic_compare_exchange_weak(&dice, &x, next));
    return (next >> 33) % 1000 < fault.permille;
}

/* Whether this call is to fail, with errno set; a slow one has been. */
static bool fails(kind which, const char *path)
{
    const int saved = errno;
    unsigned long call;
    bool now = false;
    if (which != fault.call || within)
        return false;
    within = true;
    if (is_armed() && (fault.path == NULL || path == NULL ||
                       strstr(path, fault.path) != NULL)) {
        call = atomic_fetch_add(&calls, 1) + 1;
        now = is_drawn(call);
        if (now)
            note(call, path == NULL ? "" : path);
        if (now && fault.slow_ms > 0)
            pause_ms(fault.slow_ms);
    }
    within = false;
    errno = now && fault.error > 0 ? fault.error : saved;
    return now && fault.error != 0;
}

/* The same of an open file; of anything else, never. */
static bool fails_on(kind which, int fd)
{
    char link[40], path[512];
    const int saved = errno;
    struct stat st;
    ssize_t n;
    if (which != fault.call || within || fd <= 2 || fd == fault.log)
        return false;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    n = fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
            ? n
            : -1;
    errno = saved;
    if (n < 0)
        return false;
    path[n] = '\0';
    return fails(which, path);
}

static size_t half(size_t len)
{
    return (len + 1) / 2;
}

EXPORT ssize_t write(int fd, const void *p, size_t len)
{
    if (!fails_on(WRITE, fd))
        return real.write(fd, p, len);
    return fault.error < 0 ? real.write(fd, p, half(len)) : -1;
}

EXPORT ssize_t writev(int fd, const struct iovec *v, int count)
{
    if (!fails_on(WRITE, fd))
        return real.writev(fd, v, count);
    return fault.error < 0 ? real.write(fd, v->iov_base, half(v->iov_len)) : -1;
}

EXPORT ssize_t pwrite64(int fd, const void *p, size_t len, off64_t at)
{
    if (!fails_on(WRITE, fd))
        return real.pwrite(fd, p, len, at);
    return fault.error < 0 ? real.pwrite(fd, p, half(len), at) : -1;
}

EXPORT ssize_t pwrite(int fd, const void *p, size_t len, off_t at)
{
    return pwrite64(fd, p, len, at);
}

EXPORT ssize_t pwritev64(int fd, const struct iovec *v, int count, off64_t at)
{
    if (!fails_on(WRITE, fd))
        return real.pwritev(fd, v, count, at);
    return fault.error < 0 ? real.pwrite(fd, v->iov_base, half(v->iov_len), at)
                           : -1;
}

EXPORT ssize_t pwritev(int fd, const struct iovec *v, int count, off_t at)
{
    return pwritev64(fd, v, count, at);
}

EXPORT int ftruncate64(int fd, off64_t len)
{
    return fails_on(WRITE, fd) && fault.error > 0 ? -1
                                                  : real.ftruncate(fd, len);
}

EXPORT int ftruncate(int fd, off_t len)
{
    return ftruncate64(fd, len);
}

/* Says its error, and leaves errno alone. */
EXPORT int posix_fallocate64(int fd, off64_t at, off64_t len)
{
    return fails_on(WRITE, fd) && fault.error > 0 ? fault.error
                                                  : real.fallocate(fd, at, len);
}

EXPORT int posix_fallocate(int fd, off_t at, off_t len)
{
    return posix_fallocate64(fd, at, len);
}

EXPORT int fsync(int fd)
{
    return fails_on(SYNC, fd) ? -1 : real.fsync(fd);
}

EXPORT int fdatasync(int fd)
{
    return fails_on(SYNC, fd) ? -1 : real.fdatasync(fd);
}

EXPORT int rename(const char *from, const char *to)
{
    return fails(RENAME, to) ? -1 : real.rename(from, to);
}

EXPORT int renameat(int a, const char *from, int b, const char *to)
{
    return fails(RENAME, to) ? -1 : real.renameat(a, from, b, to);
}

EXPORT int renameat2(int a, const char *from, int b, const char *to,
                     unsigned flags)
{
    return fails(RENAME, to) ? -1 : real.renameat2(a, from, b, to, flags);
}

EXPORT int link(const char *from, const char *to)
{
    return fails(RENAME, to) ? -1 : real.link(from, to);
}

EXPORT int linkat(int a, const char *from, int b, const char *to, int flags)
{
    return fails(RENAME, to) ? -1 : real.linkat(a, from, b, to, flags);
}

/* The mode is there only where a file may be made. */
#define TAKE_MODE(flags, mode)                      \
    do {                                            \
        va_list list;                               \
        va_start(list, flags);                      \
        if (((flags) & (O_CREAT | O_TMPFILE)) != 0) \
            (mode) = va_arg(list, mode_t);          \
        va_end(list);                               \
    } while (0)

EXPORT int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;
    TAKE_MODE(flags, mode);
    return fails(OPEN, path) ? -1 : real.open(path, flags, mode);
}

EXPORT int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    TAKE_MODE(flags, mode);
    return open64(path, flags, mode);
}

EXPORT int openat64(int at, const char *path, int flags, ...)
{
    mode_t mode = 0;
    TAKE_MODE(flags, mode);
    return fails(OPEN, path) ? -1 : real.openat(at, path, flags, mode);
}

EXPORT int openat(int at, const char *path, int flags, ...)
{
    mode_t mode = 0;
    TAKE_MODE(flags, mode);
    return openat64(at, path, flags, mode);
}

/* dlsym() allocates, so these have their real ones by other names. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);

static bool memory_is_out(void)
{
    if (!fails(ALLOC, NULL))
        return false;
    errno = ENOMEM;
    return true;
}

EXPORT void *malloc(size_t size)
{
    return memory_is_out() ? NULL : __libc_malloc(size);
}

EXPORT void *calloc(size_t count, size_t size)
{
    return memory_is_out() ? NULL : __libc_calloc(count, size);
}

EXPORT void *realloc(void *p, size_t size)
{
    return memory_is_out() ? NULL : __libc_realloc(p, size);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    return memory_is_out() ? NULL : real.aligned_alloc(alignment, size);
}

EXPORT int posix_memalign(void **out, size_t alignment, size_t size)
{
    return memory_is_out() ? ENOMEM : real.memalign(out, alignment, size);
}
