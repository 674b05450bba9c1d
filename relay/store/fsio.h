/* The seam between the log and the operating system: one directory of files.
 * The real one is POSIX; tests put one in its place that fails the n-th call,
 * runs full, or loses power with unsynced writes dropped, torn and reordered.
 *
 * Names are plain file names inside the directory. A file handle is a small
 * number. Every call returns PN_OK or PN_E_IO unless it says more. Thread
 * rule: any thread may call, no two threads write one file at a time.
 */
#ifndef POSTERN_RELAY_STORE_FSIO_H
#define POSTERN_RELAY_STORE_FSIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

enum { RL_FS_NAME_MAX = 32 };

typedef enum rl_fs_mode {
    RL_FS_READ,   /* an existing file; PN_E_NOT_FOUND */
    RL_FS_WRITE,  /* an existing file, read and write; PN_E_NOT_FOUND */
    RL_FS_CREATE, /* read and write, made and emptied */
} rl_fs_mode;

typedef struct rl_fs {
    void *ctx;
    PN_MUST_USE pn_err (*open)(void *ctx, const char *name, rl_fs_mode mode,
                               int *out);
    void (*close)(void *ctx, int file);
    /* Read until `len` bytes or the end of the file; *got says how many. */
    PN_MUST_USE pn_err (*read)(void *ctx, int file, void *p, size_t len,
                               uint64_t at, size_t *got);
    /* Write all. PN_E_FULL when the file system is full. */
    PN_MUST_USE pn_err (*write)(void *ctx, int file, const void *p, size_t len,
                                uint64_t at);
    /* From now on write past the system's cache, or through it again; then
     * writes are whole blocks of 4096 bytes from memory so aligned. Only an
     * advice: may be NULL, and may have no effect. */
    void (*direct)(void *ctx, int file, bool on);
    /* Make what was written, and the size, durable. */
    PN_MUST_USE pn_err (*sync)(void *ctx, int file);
    /* Set aside space for `len` bytes and make the file so long. PN_E_FULL. */
    PN_MUST_USE pn_err (*reserve)(void *ctx, int file, uint64_t len);
    PN_MUST_USE pn_err (*size)(void *ctx, int file, uint64_t *out);
    /* Replace `to`, if it exists. Durable after sync_dir. */
    PN_MUST_USE pn_err (*rename)(void *ctx, const char *from, const char *to);
    pn_err (*remove)(void *ctx, const char *name);
    PN_MUST_USE pn_err (*sync_dir)(void *ctx);
    /* Call `each` with every name; it must not change the directory. */
    PN_MUST_USE pn_err (*list)(void *ctx,
                               void (*each)(void *arg, const char *name),
                               void *arg);
    /* Bytes free to us on the file system. */
    PN_MUST_USE pn_err (*space)(void *ctx, uint64_t *out);
    /* Keep others out while `file` is open; PN_E_STATE if one is in. */
    PN_MUST_USE pn_err (*lock)(void *ctx, int file);
} rl_fs;

/* The directory `path`, which must exist, as *out; release with
 * rl_fs_posix_free(). PN_E_NOT_FOUND, PN_E_IO. */
PN_MUST_USE pn_err rl_fs_posix(rl_fs *out, const char *path);
void rl_fs_posix_free(rl_fs *fs);

/* Read exactly `len` bytes; PN_E_SHORT if the file ends before. */
PN_MUST_USE pn_err rl_fs_read_all(const rl_fs *fs, int file, void *p,
                                  size_t len, uint64_t at);

#endif
