#include "client/disk/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/disk/fault.h"

enum { NAME_BYTES = 64, CHUNK = 4096, OWNER_ONLY = S_IRUSR | S_IWUSR };

void cl_file_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

bool cl_file_exists(int at, const char *name)
{
    struct stat st;
    return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

pn_err cl_file_open(int *fd, int at, const char *name, int flags,
                    cl_vault_fault *fault)
{
    struct stat st;
    /* O_NONBLOCK: a FIFO planted there must not hang us. */
    *fd = openat(at, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0 && errno == ENOENT)
        return cl_fault(fault, PN_E_NOT_FOUND, "there is no file %s", name);
    if (*fd < 0)
        return cl_fault_system(fault, errno, "open", name);
    if (fstat(*fd, &st) != 0) {
        const int why = errno;
        cl_file_close(fd);
        return cl_fault_system(fault, why, "look at", name);
    }
    if (S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
        (st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
        return PN_OK;
    cl_file_close(fd);
    return cl_fault(fault, PN_E_REFUSED,
                    "%s is not a file of ours that is closed to other users; "
                    "set its owner, and its mode to 0600",
                    name);
}

pn_err cl_file_make(int *fd, int at, const char *name, cl_vault_fault *fault)
{
    *fd = openat(at, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                 OWNER_ONLY);
    if (*fd >= 0)
        return PN_OK;
    if (errno == EEXIST)
        return cl_fault(fault, PN_E_EXISTS, "%s is there already", name);
    return cl_fault_system(fault, errno, "make", name);
}

pn_err cl_file_read_at(int fd, const char *name, uint8_t *out, size_t len,
                       uint64_t offset, cl_vault_fault *fault)
{
    while (len > 0) {
        const ssize_t n = pread(fd, out, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cl_fault_system(fault, errno, "read", name);
        if (n == 0)
            return cl_fault(fault, PN_E_SHORT, "%s is cut short", name);
        out += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return PN_OK;
}

pn_err cl_file_write_at(int fd, const char *name, pn_bytes in, uint64_t offset,
                        cl_vault_fault *fault)
{
    while (in.len > 0) {
        const ssize_t n = pwrite(fd, in.p, in.len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return cl_fault_system(fault, n < 0 ? errno : EIO, "write", name);
        in.p += n;
        in.len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return PN_OK;
}

pn_err cl_file_sync(int fd, const char *name, cl_vault_fault *fault)
{
    if (fdatasync(fd) == 0)
        return PN_OK;
    return cl_fault_system(fault, errno, "sync", name);
}

/* Random bytes over all of fd's content, synced. */
static pn_err overwrite(int fd, const char *name, cl_vault_fault *fault)
{
    uint8_t noise[CHUNK];
    struct stat st;
    uint64_t size, at = 0;
    if (fstat(fd, &st) != 0)
        return cl_fault_system(fault, errno, "look at", name);
    size = (uint64_t)st.st_size;
    while (at < size) {
        const size_t n = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
        randombytes_buf(noise, n);
        PN_TRY(cl_file_write_at(fd, name, (pn_bytes){ noise, n }, at, fault));
        at += n;
    }
    return cl_file_sync(fd, name, fault);
}

static void temp_name(char out[NAME_BYTES], const char *name)
{
    (void)snprintf(out, NAME_BYTES, "%s.new", name);
}

pn_err cl_file_replace_begin(int *fd, int at, const char *name,
                             cl_vault_fault *fault)
{
    char temp[NAME_BYTES];
    pn_err err;
    temp_name(temp, name);
    /* A leftover of an interrupted replacement may hold keys. */
    err = cl_file_shred(at, temp, fault);
    if (err != PN_OK && err != PN_E_NOT_FOUND)
        return err;
    return cl_file_make(fd, at, temp, fault);
}

pn_err cl_file_replace_end(int fd, int at, const char *name,
                           cl_vault_fault *fault)
{
    char temp[NAME_BYTES];
    int old;
    pn_err err;
    temp_name(temp, name);
    old = openat(at, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    err = fsync(fd) == 0 ? PN_OK : cl_fault_system(fault, errno, "sync", temp);
    if (err == PN_OK && renameat(at, temp, at, name) != 0)
        err = cl_fault_system(fault, errno, "rename", temp);
    if (err == PN_OK && fsync(at) != 0)
        err = cl_fault_system(fault, errno, "sync the directory of", name);
    if (err == PN_OK && old >= 0)
        err = overwrite(old, name, fault);
    cl_file_close(&old);
    return err;
}

pn_err cl_file_shred(int at, const char *name, cl_vault_fault *fault)
{
    pn_err err = PN_OK;
    int fd = openat(at, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return PN_E_NOT_FOUND;
    if (fd < 0 && errno != ELOOP) /* a link in its place: only unlink that */
        err = cl_fault_system(fault, errno, "overwrite", name);
    if (fd >= 0)
        err = overwrite(fd, name, fault);
    cl_file_close(&fd);
    if (unlinkat(at, name, 0) != 0)
        return cl_fault_system(fault, errno, "remove", name);
    return err;
}

pn_err cl_file_remove(int at, const char *name, cl_vault_fault *fault)
{
    if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
        return PN_OK;
    return cl_fault_system(fault, errno, "remove", name);
}

pn_err cl_file_remove_database(int at, cl_vault_fault *fault)
{
    static const char *const names[] = {
        CL_FILE_DATABASE,
        CL_FILE_DATABASE "-wal",
        CL_FILE_DATABASE "-shm",
        CL_FILE_DATABASE "-journal",
    };
    pn_err err = PN_OK;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const pn_err one = cl_file_remove(at, names[i], fault);
        if (err == PN_OK)
            err = one;
    }
    return err;
}
