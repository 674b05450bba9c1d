#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/cli.h"

enum { NAME_LEN_MAX = 200, COPIES_MAX = 9999 };

cli_exit cli_read(const cli_args *args, const char *path, size_t max,
                  uint8_t **out, size_t *len)
{
    const bool is_stdin = strcmp(path, "-") == 0;
    const int fd =
        is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    uint8_t *bytes = rpc_alloc(max + 2);
    cli_exit code = CLI_OK;
    size_t n = 0;
    *out = NULL;
    if (fd < 0 || bytes == NULL)
        code = cli_fail(args, CLI_IO, "cannot read %s: %s", path,
                        fd < 0 ? strerror(errno) : "no memory");
    while (code == CLI_OK && n <= max) {
        const ssize_t got = read(fd, bytes + n, max + 1 - n);
        if (got == 0)
            break;
        if (got > 0)
            n += (size_t)got;
        else if (errno != EINTR)
            code = cli_fail(args, CLI_IO, "cannot read %s: %s", path,
                            strerror(errno));
    }
    if (code == CLI_OK && n > max)
        code = cli_fail(args, CLI_MALFORMED,
                        "%s holds more than %zu bytes; split it",
                        is_stdin ? "standard input" : path, max);
    if (fd >= 0 && !is_stdin)
        (void)close(fd);
    if (code == CLI_OK) {
        bytes[n] = 0;
        *out = bytes;
        *len = n;
    } else {
        rpc_free(bytes);
    }
    return code;
}

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return fsync(fd) == 0;
}

cli_exit cli_write_new(const cli_args *args, const char *path,
                       const uint8_t *bytes, size_t len)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return cli_fail(args, CLI_IO,
                        "%s exists and is left untouched; say another name",
                        path);
    if (fd >= 0 && write_all(fd, bytes, len) && close(fd) == 0)
        return CLI_OK;
    return cli_fail(args, CLI_IO, "cannot write %s: %s", path, strerror(errno));
}

/* A name that is a name: one component, visible, nothing that a terminal, a
 * shell's pattern or a directory listing would take for something else. */
static void tame(const char *name, char out[NAME_LEN_MAX + 1])
{
    size_t n = 0, len, left;
    bool is_shown;
    for (const char *c = name; *c != 0; c++)
        if (*c == '/' || *c == '\\')
            name = c + 1;
    for (left = strlen(name); left > 0; name += len, left -= len) {
        len = cli_character(name, left, &is_shown);
        is_shown = is_shown && strchr(":*?\"<>|", *name) == NULL;
        if (n + (is_shown ? len : 1) > NAME_LEN_MAX)
            break;
        if (is_shown)
            memcpy(out + n, name, len);
        else
            out[n] = '_';
        n += is_shown ? len : 1;
    }
    out[n] = 0;
    if (n > 0 && (out[0] == '.' || out[0] == '-'))
        out[0] = '_';
    if (n == 0)
        memcpy(out, "file", sizeof "file");
}

/* "name (2).ext" */
static void number(const char *name, unsigned copy, char *out, size_t cap)
{
    const char *dot = strrchr(name, '.');
    if (copy == 1)
        (void)snprintf(out, cap, "%s", name);
    else if (dot == NULL || dot == name)
        (void)snprintf(out, cap, "%s (%u)", name, copy);
    else
        (void)snprintf(out, cap, "%.*s (%u)%s", (int)(dot - name), name, copy,
                       dot);
}

static bool is_same(int dir, const char *name, const uint8_t *bytes, size_t len)
{
    const int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    uint8_t part[4096];
    size_t at = 0;
    bool same = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
                st.st_size == (off_t)len;
    while (same && at < len) {
        const ssize_t n = read(fd, part, sizeof part);
        same = n > 0 && (size_t)n <= len - at &&
               memcmp(part, bytes + at, (size_t)n) == 0;
        at += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0)
        (void)close(fd);
    return same;
}

/* Give the finished file its name: the first that is free. */
static bool settle(int dir, const char *from, const char *name,
                   const uint8_t *bytes, size_t len, bool is_again,
                   char settled[NAME_LEN_MAX + 16])
{
    for (unsigned copy = 1; copy <= COPIES_MAX; copy++) {
        number(name, copy, settled, NAME_LEN_MAX + 16);
        if (is_again && is_same(dir, settled, bytes, len))
            return unlinkat(dir, from, 0) == 0;
        /* Fails where a name is taken, whatever takes it; on file systems
         * without links, RENAME_NOREPLACE does the same. */
        if (linkat(dir, from, dir, settled, 0) == 0)
            return unlinkat(dir, from, 0) == 0;
        if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS) {
            if (renameat2(dir, from, dir, settled, RENAME_NOREPLACE) == 0)
                return true;
        }
        if (errno != EEXIST)
            return false;
    }
    return false;
}

cli_exit cli_save(const cli_args *args, const char *dir, const char *name,
                  const uint8_t *bytes, size_t len, bool is_again,
                  char path[CLI_PATH_SIZE])
{
    char tamed[NAME_LEN_MAX + 1], settled[NAME_LEN_MAX + 16], part[64];
    const int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = -1;
    bool good = false;
    tame(name, tamed);
    (void)snprintf(part, sizeof part, ".postern-%ld.part", (long)getpid());
    if (dir_fd >= 0) {
        (void)unlinkat(dir_fd, part, 0); /* of a crash, with our number */
        fd = openat(dir_fd, part,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    }
    if (fd >= 0) {
        good = write_all(fd, bytes, len);
        good = close(fd) == 0 && good;
        good = good &&
               settle(dir_fd, part, tamed, bytes, len, is_again, settled) &&
               fsync(dir_fd) == 0;
    }
    if (!good)
        (void)cli_fail(args, CLI_IO,
                       "cannot write %s into %s: %s; the message is kept",
                       tamed, dir, strerror(errno));
    if (!good && fd >= 0)
        (void)unlinkat(dir_fd, part, 0);
    if (dir_fd >= 0)
        (void)close(dir_fd);
    if (good)
        (void)snprintf(path, CLI_PATH_SIZE, "%s/%s", dir, settled);
    return good ? CLI_OK : CLI_IO;
}

bool cli_body(const json_t *message, uint8_t **out, size_t *len)
{
    const json_t *text = json_object_get(message, "text");
    const json_t *base64 =
        json_object_get(json_object_get(message, "file"), "base64");
    *out = NULL;
    if (base64 != NULL)
        return rpc_base64_read(json_string_value(base64),
                               json_string_length(base64), RPC_LINE_MAX, out,
                               len);
    if (text == NULL)
        return false;
    *len = json_string_length(text);
    *out = rpc_alloc(*len + 1);
    if (*out != NULL)
        memcpy(*out, json_string_value(text), *len + 1);
    return *out != NULL;
}
