#include "relay/sys/onion_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/mem.h"
#include "relay/sys/dir.h"
#include "relay/sys/file.h"

static const uint8_t magic[8] = { 'p', 'n', 'o', 'n', 'i', 'o', 'n', 1 };

enum {
    SUM_BYTES = 16,
    SUM_AT = RL_ONION_FILE_BYTES - SUM_BYTES,
    HEX_CHARS = 2 * PN_ONION_ID_BYTES,
    NAME_BYTES = HEX_CHARS + sizeof ".key",
};

static void name_of(char out[NAME_BYTES], const uint8_t *id)
{
    (void)sodium_bin2hex(out, NAME_BYTES, id, PN_ONION_ID_BYTES);
    (void)snprintf(out + HEX_CHARS, sizeof ".key", ".key");
}

static void checksum(uint8_t out[SUM_BYTES], const uint8_t *content)
{
    (void)crypto_generichash(out, SUM_BYTES, content, SUM_AT, NULL, 0);
}

static void encode(uint8_t out[RL_ONION_FILE_BYTES], const rl_onion_seed *seed)
{
    pn_out o = pn_out_over(out, SUM_AT);
    pn_put(&o, (pn_bytes){ magic, sizeof magic });
    pn_put(&o, (pn_bytes){ seed->sk, sizeof seed->sk });
    pn_put_u64(&o, seed->from_ms);
    pn_put_u64(&o, seed->until_ms);
    pn_put_u16(&o, seed->born);
    checksum(out + SUM_AT, out);
}

static pn_err decode(rl_onion_seed *out, const uint8_t *content, size_t len)
{
    pn_bytes in = { content, len };
    pn_bytes head;
    uint8_t sum[SUM_BYTES];
    if (len != RL_ONION_FILE_BYTES)
        return PN_E_CORRUPT;
    checksum(sum, content);
    if (!pn_secret_equal(sum, content + SUM_AT, SUM_BYTES))
        return PN_E_CORRUPT;
    PN_TRY(pn_take(&in, sizeof magic, &head));
    if (memcmp(head.p, magic, sizeof magic) != 0)
        return PN_E_CORRUPT;
    PN_TRY(pn_take_copy(&in, out->sk, sizeof out->sk));
    PN_TRY(pn_take_u64(&in, &out->from_ms));
    PN_TRY(pn_take_u64(&in, &out->until_ms));
    return pn_take_u16(&in, &out->born);
}

/* --- one file ------------------------------------------------------------- */

pn_err rl_onion_file_create(const char *dir,
                            const uint8_t id[PN_ONION_ID_BYTES],
                            const rl_onion_seed *seed)
{
    char path[RL_PATH_MAX], name[NAME_BYTES];
    uint8_t content[RL_ONION_FILE_BYTES];
    pn_err err;
    PN_TRY(rl_dir_path(dir, RL_DIR_ONIONS, path, sizeof path));
    PN_TRY(rl_dir_make(path));
    name_of(name, id);
    encode(content, seed);
    err = rl_file_write(path, name, (pn_bytes){ content, sizeof content });
    pn_wipe(content, sizeof content);
    return err;
}

/* Overwrite what lies there, as far as it goes, before its name is gone. */
static pn_err overwrite(int fd)
{
    static const uint8_t zeros[RL_ONION_FILE_BYTES];
    struct stat st;
    if (fstat(fd, &st) != 0)
        return PN_E_IO;
    for (off_t at = 0; at < st.st_size;) {
        const off_t left = st.st_size - at;
        const size_t n =
            left < (off_t)sizeof zeros ? (size_t)left : sizeof zeros;
        const ssize_t done = pwrite(fd, zeros, n, at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return PN_E_IO;
        at += done;
    }
    return fsync(fd) == 0 ? PN_OK : PN_E_IO;
}

static pn_err destroy(int at, const char *name)
{
    const int fd = openat(at, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    pn_err err;
    int why;
    if (fd < 0)
        return errno == ENOENT ? PN_OK : PN_E_IO;
    err = overwrite(fd);
    why = errno;
    (void)close(fd);
    errno = why;
    if (err == PN_OK && (unlinkat(at, name, 0) != 0 || fsync(at) != 0))
        err = PN_E_IO;
    return err;
}

static pn_err open_dir(const char *dir, int *at)
{
    char path[RL_PATH_MAX];
    PN_TRY(rl_dir_path(dir, RL_DIR_ONIONS, path, sizeof path));
    *at = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*at < 0)
        return errno == ENOENT ? PN_E_NOT_FOUND : PN_E_IO;
    return PN_OK;
}

pn_err rl_onion_file_destroy(const char *dir,
                             const uint8_t id[PN_ONION_ID_BYTES])
{
    char name[NAME_BYTES];
    int at = -1, why;
    pn_err err = open_dir(dir, &at);
    if (err != PN_OK)
        return err == PN_E_NOT_FOUND ? PN_OK : err;
    name_of(name, id);
    err = destroy(at, name);
    why = errno;
    (void)close(at);
    errno = why;
    return err;
}

/* --- all of them ---------------------------------------------------------- */

typedef pn_err each_fn(void *ctx, const char *name);

/* Call `fn` for every name in the directory. */
static pn_err each(int at, each_fn *fn, void *ctx)
{
    const int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    pn_err err = PN_OK;
    int why;
    if (d == NULL) {
        why = errno;
        if (fd >= 0)
            (void)close(fd);
        errno = why;
        return PN_E_IO;
    }
    errno = 0;
    while (err == PN_OK && (entry = readdir(d)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            err = fn(ctx, entry->d_name);
    why = errno;
    (void)closedir(d);
    errno = why;
    return err == PN_OK && why != 0 ? PN_E_IO : err;
}

static pn_err tidy_one(void *ctx, const char *name)
{
    const int *at = ctx;
    const size_t len = strlen(name);
    if (name[0] == '.' && len > 4 && strcmp(name + len - 4, ".new") == 0)
        return destroy(*at, name);
    return PN_OK;
}

pn_err rl_onion_files_tidy(const char *dir)
{
    int at = -1, why;
    pn_err err = open_dir(dir, &at);
    if (err != PN_OK)
        return err == PN_E_NOT_FOUND ? PN_OK : err;
    err = each(at, tidy_one, &at);
    why = errno;
    (void)close(at);
    errno = why;
    return err;
}

typedef struct loading {
    rl_onions *out;
    const char *path;
    const pn_env *env;
    size_t bad;
    rl_day today;
} loading;

static pn_err read_one(const loading *l, const char *name, rl_onion_seed *seed)
{
    uint8_t content[RL_ONION_FILE_BYTES];
    size_t len = 0;
    mode_t mode = 0;
    uid_t owner = 0;
    pn_err err = rl_file_read(l->path, name, content, sizeof content, &len,
                              &mode, &owner);
    if (err == PN_E_FULL)
        err = PN_E_CORRUPT;
    if (err == PN_OK &&
        ((mode & (S_IRWXG | S_IRWXO)) != 0 || owner != geteuid()))
        err = PN_E_REFUSED;
    if (err == PN_OK)
        err = decode(seed, content, len);
    pn_wipe(content, sizeof content);
    return err;
}

/* A key under another name would live on when the file of its own is destroyed:
 * it is none of ours. */
static pn_err check_name(const rl_onion_seed *seed, const char *name)
{
    char want[NAME_BYTES];
    uint8_t id[PN_ONION_ID_BYTES];
    pn_xwing_key key;
    PN_TRY(pn_xwing_expand(&key, seed->sk));
    pn_onion_id(id, key.pk);
    pn_wipe(&key, sizeof key);
    name_of(want, id);
    return strcmp(want, name) == 0 ? PN_OK : PN_E_CORRUPT;
}

static pn_err load_one(void *ctx, const char *name)
{
    loading *l = ctx;
    rl_onion_seed seed = { .born = 0 };
    pn_err err;
    if (name[0] == '.')
        return PN_OK;
    err = read_one(l, name, &seed);
    if (err == PN_E_IO)
        return err;
    if (err == PN_OK)
        err = check_name(&seed, name);
    if (err == PN_OK) {
        seed.born = seed.born > l->today ? l->today : seed.born;
        err = rl_onions_add(l->out, &seed);
    }
    pn_wipe(&seed, sizeof seed);
    if (err != PN_OK) {
        l->bad++;
        pn_log(l->env, PN_LOG_ERROR,
               RL_DIR_ONIONS "/%.20s is left out: %s; destroy it by hand", name,
               err == PN_E_REFUSED ? "others may read it" : pn_strerror(err));
    }
    return PN_OK;
}

pn_err rl_onion_files_load(rl_onions *out, const char *dir, rl_day today,
                           const pn_env *env, size_t *bad)
{
    char path[RL_PATH_MAX];
    loading l = { .out = out, .path = path, .env = env, .today = today };
    int at = -1, why;
    pn_err err = open_dir(dir, &at);
    if (bad != NULL)
        *bad = 0;
    if (err != PN_OK)
        return err == PN_E_NOT_FOUND ? PN_OK : err;
    err = rl_dir_path(dir, RL_DIR_ONIONS, path, sizeof path);
    if (err == PN_OK)
        err = each(at, load_one, &l);
    why = errno;
    (void)close(at);
    errno = why;
    if (bad != NULL)
        *bad = l.bad;
    return err;
}
