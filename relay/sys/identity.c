#include "relay/sys/identity.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/mem.h"
#include "relay/sys/dir.h"
#include "relay/sys/file.h"

static const uint8_t magic[8] = { 'p', 'n', 'r', 'e', 'l', 'a', 'y', 1 };

enum { SUM_AT = sizeof magic + RL_SEED_BYTES, SUM_BYTES = 16 };

static void checksum(uint8_t out[SUM_BYTES], const uint8_t *content)
{
    /* Cannot fail with these lengths; the check would be dead code. */
    (void)crypto_generichash(out, SUM_BYTES, content, SUM_AT, NULL, 0);
}

void rl_identity_encode(uint8_t out[RL_IDENTITY_BYTES],
                        const uint8_t seed[RL_SEED_BYTES])
{
    memcpy(out, magic, sizeof magic);
    memcpy(out + sizeof magic, seed, RL_SEED_BYTES);
    checksum(out + SUM_AT, out);
}

pn_err rl_identity_decode(uint8_t seed[RL_SEED_BYTES], pn_bytes content)
{
    uint8_t sum[SUM_BYTES];
    bool good;
    if (content.len != RL_IDENTITY_BYTES ||
        memcmp(content.p, magic, sizeof magic) != 0)
        return PN_E_CORRUPT;
    checksum(sum, content.p);
    good = pn_secret_equal(sum, content.p + SUM_AT, SUM_BYTES);
    pn_wipe(sum, sizeof sum);
    if (!good)
        return PN_E_CORRUPT;
    memcpy(seed, content.p + sizeof magic, RL_SEED_BYTES);
    return PN_OK;
}

pn_err rl_identity_create(const char *dir, const uint8_t seed[RL_SEED_BYTES])
{
    uint8_t content[RL_IDENTITY_BYTES];
    char path[RL_PATH_MAX];
    struct stat st;
    pn_err err;
    PN_TRY(rl_dir_path(dir, RL_FILE_IDENTITY, path, sizeof path));
    if (lstat(path, &st) == 0)
        return PN_E_EXISTS;
    if (errno != ENOENT)
        return PN_E_IO;
    rl_identity_encode(content, seed);
    err = rl_file_write(dir, RL_FILE_IDENTITY,
                        (pn_bytes){ content, sizeof content });
    pn_wipe(content, sizeof content);
    return err;
}

pn_err rl_identity_load(const char *dir, uint8_t seed[RL_SEED_BYTES])
{
    uint8_t content[RL_IDENTITY_BYTES];
    size_t len = 0;
    mode_t mode = 0;
    uid_t owner = 0;
    pn_err err = rl_file_read(dir, RL_FILE_IDENTITY, content, sizeof content,
                              &len, &mode, &owner);
    if (err == PN_E_FULL)
        err = PN_E_CORRUPT;
    if (err == PN_OK &&
        ((mode & (S_IRWXG | S_IRWXO)) != 0 || owner != geteuid()))
        err = PN_E_REFUSED;
    if (err == PN_OK)
        err = rl_identity_decode(seed, (pn_bytes){ content, len });
    pn_wipe(content, sizeof content);
    return err;
}
