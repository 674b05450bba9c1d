/* posternd init: a directory that `posternd run` can serve from. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/json.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"
#include "proto/carrier/sysenv.h"
#include "proto/wire/address.h"
#include "relay/cmd/cmd.h"
#include "relay/sys/config_keys.h"
#include "relay/sys/file.h"
#include "relay/sys/privs.h"

/* Bind once to learn a free port. Somebody else may take it before the relay
 * runs; then `posternd run` says so. */
static rl_exit pick_port(const rl_args *args, struct sockaddr_storage *addr)
{
    socklen_t len = sizeof *addr;
    const int fd = socket(addr->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool good = fd >= 0 &&
                      bind(fd, (const struct sockaddr *)addr, len) == 0 &&
                      getsockname(fd, (struct sockaddr *)addr, &len) == 0;
    const int why = errno;
    if (fd >= 0)
        (void)close(fd);
    if (good)
        return RL_EXIT_OK;
    return rl_fail(args, RL_EXIT_IO, "no free port for --listen %s: %s",
                   args->listen, strerror(why));
}

static rl_exit choose_listen(const rl_args *args, rl_config *config)
{
    struct sockaddr_storage addr;
    const char *text = args->listen;
    const size_t len = text == NULL ? 0 : strlen(text);
    if (text == NULL)
        return RL_EXIT_OK;
    if (rl_endpoint_parse(text, &addr) != PN_OK)
        return rl_fail(args, RL_EXIT_USAGE,
                       "--listen wants a numeric address and a port, like "
                       "127.0.0.1:7717 or [::1]:7717, not `%.60s`",
                       text);
    if (rl_endpoint_is_any(&addr))
        return rl_fail(args, RL_EXIT_USAGE,
                       "--listen %.60s is no address a client can dial; use "
                       "one of this machine's, and see `advertise` in the "
                       "configuration for names and forwarded ports",
                       text);
    if (len > 2 && strcmp(text + len - 2, ":0") == 0) {
        const rl_exit code = pick_port(args, &addr);
        if (code != RL_EXIT_OK)
            return code;
    }
    rl_endpoint_format(&addr, config->listen[0]);
    return RL_EXIT_OK;
}

static rl_exit choose_config(const rl_args *args, rl_config *config)
{
    rl_config_defaults(config);
    if (args->operator_name != NULL) {
        char why[120] = "";
        for (size_t i = 0; i < rl_key_count; i++)
            if (strcmp(rl_keys[i].name, "operator") == 0 &&
                rl_key_set(&rl_keys[i], config, args->operator_name, why,
                           sizeof why) != PN_OK)
                return rl_fail(args, RL_EXIT_USAGE, "--operator: %s", why);
        if (!pn_line_ok((pn_bytes){ (const uint8_t *)config->operator_name,
                                    strlen(config->operator_name) }))
            return rl_fail(args, RL_EXIT_USAGE,
                           "--operator wants a line of UTF-8 without control "
                           "characters");
    }
    return choose_listen(args, config);
}

static bool exists(const char *dir, const char *name)
{
    char path[RL_PATH_MAX];
    struct stat st;
    return rl_dir_path(dir, name, path, sizeof path) == PN_OK &&
           lstat(path, &st) == 0;
}

static rl_exit lock(const rl_args *args, int *fd)
{
    const char *dir = args->found;
    const pn_err err =
        rl_dir_make(dir) == PN_OK ? rl_dir_lock(dir, fd) : PN_E_IO;
    if (err == PN_E_EXISTS)
        return rl_fail(args, RL_EXIT_CANNOT_CREATE,
                       "%s is in use by a running posternd; stop it first, or "
                       "choose another --dir",
                       dir);
    if (err != PN_OK)
        return rl_fail(args, RL_EXIT_CANNOT_CREATE,
                       "cannot create %s: %s; choose another --dir, or run as "
                       "a user who may write there",
                       dir, strerror(errno));
    return RL_EXIT_OK;
}

/* A configuration without an identity is an operator's who lost the key and
 * begins anew, or who wrote it beforehand: it is taken as it is. */
static rl_exit take_config(const rl_args *args, rl_config *config)
{
    if (args->listen != NULL || args->operator_name != NULL)
        return rl_fail(args, RL_EXIT_CANNOT_CREATE,
                       "%s/" RL_FILE_CONFIG
                       " exists and is left untouched; run this without "
                       "--listen and --operator to keep it, or move it away",
                       args->found);
    return rl_load_config(args, config);
}

/* See that nothing of value is in the way; *kept if there is a configuration
 * already, which is then *config. */
static rl_exit look_around(const rl_args *args, rl_config *config, bool *kept)
{
    const char *dir = args->found;
    if (exists(dir, RL_FILE_IDENTITY))
        return rl_fail(args, RL_EXIT_CANNOT_CREATE,
                       "%s/" RL_FILE_IDENTITY
                       " exists and is left untouched: it is this relay's "
                       "identity. `posternd address --dir %s` prints its "
                       "address; for a second relay choose another --dir",
                       dir, dir);
    *kept = exists(dir, RL_FILE_CONFIG);
    return *kept ? take_config(args, config) : RL_EXIT_OK;
}

static pn_err write_config(const char *dir, const rl_config *config)
{
    char text[16384];
    PN_TRY(rl_config_write(config, text, sizeof text));
    return rl_file_write(dir, RL_FILE_CONFIG,
                         (pn_bytes){ (const uint8_t *)text, strlen(text) });
}

/* Write what is missing. The identity comes last: whoever finds one finds a
 * configuration too. What cannot be finished is taken back. */
static rl_exit create(const rl_args *args, const rl_config *config, bool kept,
                      const uint8_t seed[RL_SEED_BYTES])
{
    char path[RL_PATH_MAX];
    const char *dir = args->found;
    pn_err err = kept ? PN_OK : write_config(dir, config);
    int why;
    if (err == PN_OK)
        err = rl_identity_create(dir, seed);
    if (err == PN_OK)
        return RL_EXIT_OK;
    why = errno;
    if (!kept && rl_dir_path(dir, RL_FILE_CONFIG, path, sizeof path) == PN_OK)
        (void)unlink(path); /* as good as never written, if it was */
    return rl_fail(args, RL_EXIT_IO,
                   "cannot write in %s: %s; make room there, or choose "
                   "another --dir",
                   dir, err == PN_E_IO ? strerror(why) : pn_strerror(err));
}

static rl_exit report(const rl_args *args, const rl_config *config, bool kept,
                      const char *address)
{
    char line[4096];
    if (args->json) {
        pn_json j = pn_json_begin(line, sizeof line);
        pn_json_text(&j, "type", "init");
        pn_json_text(&j, "address", address);
        pn_json_text(&j, "dir", args->found);
        pn_json_text(&j, "listen", config->listen[0]);
        if (pn_json_end(&j) != PN_OK)
            return rl_fail(args, RL_EXIT_INTERNAL, "answer too long");
        (void)printf("%s\n", line);
        return rl_flush(args);
    }
    rl_note(args, "%s %s/" RL_FILE_CONFIG, kept ? "kept" : "created",
            args->found);
    rl_note(args,
            "created %s/" RL_FILE_IDENTITY
            " (whoever has this file is this relay: back it up, keep it "
            "secret)",
            args->found);
    (void)printf("%s\n", address);
    return rl_flush(args);
}

rl_exit rl_cmd_init(const rl_args *args)
{
    pn_env env = pn_sysenv(NULL, NULL);
    uint8_t seed[RL_SEED_BYTES] = { 0 };
    char address[PN_ADDRESS_TEXT_MAX + 1];
    rl_config config;
    bool kept = false;
    int fd = -1;
    rl_exit code = choose_config(args, &config);
    if (code != RL_EXIT_OK)
        return code;
    if (rl_privs_drop() != PN_OK || sodium_init() < 0 ||
        pn_random(&env, seed, sizeof seed) != PN_OK)
        return rl_fail(args, RL_EXIT_INTERNAL,
                       "cannot make a key safely on this system");
    code = lock(args, &fd);
    if (code == RL_EXIT_OK)
        code = look_around(args, &config, &kept);
    if (code == RL_EXIT_OK)
        code = rl_load_address(args, &config, seed, address, sizeof address);
    if (code == RL_EXIT_OK)
        code = create(args, &config, kept, seed);
    pn_wipe(seed, sizeof seed);
    if (fd >= 0)
        (void)close(fd);
    return code == RL_EXIT_OK ? report(args, &config, kept, address) : code;
}
