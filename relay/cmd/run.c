/* posternd run: take what the daemon needs, give up what it does not, serve. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/json.h"
#include "proto/base/mem.h"
#include "proto/carrier/sysenv.h"
#include "proto/crypto/openssl.h"
#include "proto/wire/address.h"
#include "proto/wire/version.h"
#include "relay/cmd/cmd.h"
#include "relay/cmd/store.h"
#include "relay/net/daemon.h"
#include "relay/sys/log.h"
#include "relay/sys/privs.h"

typedef struct run {
    const rl_args *args;
    rl_config config;
    char address[PN_ADDRESS_TEXT_MAX + 1];
    char control[RL_PATH_MAX];
    rl_log log;
    pn_env env;
    rl_opened_store store;
    pn_err store_err; /* why it did not open */
    pn_err self_err;  /* why there are no keys or descriptor */
    bool openssl;     /* ciphers, beside libsodium */
} run;

static pn_log_level level_of(const rl_args *args, const rl_config *config)
{
    if (args->quiet && config->log_level < PN_LOG_WARN)
        return PN_LOG_WARN;
    return config->log_level;
}

static bool reload(void *ctx, rl_config *out)
{
    run *r = ctx;
    rl_config_fault fault;
    if (rl_load_config_quietly(r->args->found, out, &fault) != PN_OK) {
        if (fault.line == 0)
            pn_log(&r->env, PN_LOG_ERROR,
                   "kept the old configuration: " RL_FILE_CONFIG ": %s",
                   fault.text);
        else
            pn_log(&r->env, PN_LOG_ERROR,
                   "kept the old configuration: " RL_FILE_CONFIG ":%u: %s",
                   fault.line, fault.text);
        return false;
    }
    r->log.level = level_of(r->args, out);
    return true;
}

static bool load_peers(void *ctx, rl_peer_list *out)
{
    run *r = ctx;
    const bool muted = r->log.muted;
    rl_peers_fault fault;
    const pn_err err = rl_peers_load(out, r->args->found, &fault);
    r->log.muted = false; /* the relay starts without it: that must be seen */
    if (err != PN_OK)
        pn_log(&r->env, PN_LOG_ERROR,
               "kept the old list of relays: " RL_FILE_PEERS ":%u: %s",
               fault.line, fault.why != NULL ? fault.why : pn_strerror(err));
    r->log.muted = muted;
    return err == PN_OK;
}

static pn_err open_store(void *ctx, rl_store_notify_fn *notify,
                         void *notify_ctx, rl_store **out)
{
    run *r = ctx;
    r->log.muted = false; /* what is wrong with a store must be seen */
    r->store_err = rl_store_open_dir(&r->store, r->args->found, &r->config,
                                     &r->env, notify, notify_ctx, out);
    r->log.muted = true;
    return r->store_err;
}

static pn_err set_self(void *ctx, rl_server *server)
{
    run *r = ctx;
    r->log.muted = false; /* a key that is left out must be seen */
    r->self_err = rl_server_set_self(server, r->args->found);
    r->log.muted = true;
    return r->self_err;
}

static rl_exit explain_store(const run *r)
{
    if (r->store_err == PN_E_CORRUPT)
        return rl_fail(r->args, RL_EXIT_CONFIG,
                       "the store in %s/" RL_DIR_STORE " is damaged",
                       r->args->found);
    if (r->store_err == PN_E_NOT_FOUND)
        return rl_fail(r->args, RL_EXIT_CONFIG,
                       "%s/" RL_DIR_STORE " holds no store; restore a backup, "
                       "or remove the directory to begin an empty one",
                       r->args->found);
    if (r->store_err == PN_E_FULL)
        return rl_fail(r->args, RL_EXIT_IO,
                       "no disk space for the store in %s/" RL_DIR_STORE,
                       r->args->found);
    return rl_fail(
        r->args, RL_EXIT_IO, "cannot open the store in %s/" RL_DIR_STORE ": %s",
        r->args->found,
        r->store_err == PN_E_IO && errno != 0 ? strerror(errno)
                                              : pn_strerror(r->store_err));
}

static rl_exit explain_start(const run *r, pn_err err, size_t which)
{
    const char *why =
        err == PN_E_IO && errno != 0 ? strerror(errno) : pn_strerror(err);
    if (r->store_err != PN_OK)
        return explain_store(r);
    if (r->self_err != PN_OK)
        return rl_fail(r->args, RL_EXIT_IO,
                       "cannot keep onion keys and descriptor in %s: %s",
                       r->args->found, why);
    if (err == PN_E_ARG)
        return rl_fail(r->args, RL_EXIT_CONFIG,
                       "%s is too long a path for the control socket; choose "
                       "a shorter --dir",
                       r->control);
    if (err == PN_E_IO && which < RL_LISTEN_MAX)
        return rl_fail(r->args, RL_EXIT_IO,
                       "cannot listen on %s: %s; stop what holds it, or "
                       "change `listen` in %s/" RL_FILE_CONFIG,
                       r->config.listen[which], why, r->args->found);
    return rl_fail(r->args, err == PN_E_IO ? RL_EXIT_IO : RL_EXIT_INTERNAL,
                   "cannot start: %s", why);
}

static rl_exit announce(const run *r)
{
    char line[2048];
    if (r->args->json) {
        pn_json j = pn_json_begin(line, sizeof line);
        pn_json_text(&j, "type", "ready");
        pn_json_text(&j, "address", r->address);
        if (pn_json_end(&j) != PN_OK)
            return rl_fail(r->args, RL_EXIT_INTERNAL, "answer too long");
        (void)printf("%s\n", line);
    }
    (void)fputs("ready\n", stderr);
    return rl_flush(r->args);
}

static rl_exit serve(run *r, const pn_link_identity *identity)
{
    const rl_daemon_hooks hooks = { .reload = reload,
                                    .load_peers = load_peers,
                                    .open_store = open_store,
                                    .set_self = set_self,
                                    .ctx = r };
    rl_daemon daemon;
    size_t which;
    bool filtered = false;
    const uint64_t files = rl_privs_open_files();
    pn_err err;
    rl_exit code;
    r->log.muted = true; /* what fails here, explain_start() says */
    err = rl_daemon_start(&daemon, &r->env, &r->config, identity, files,
                          r->control, r->address, &hooks, &which);
    if (err != PN_OK)
        return explain_start(r, err, which);
    r->log.muted = false;
    if (rl_sandbox_enter(&filtered) != PN_OK)
        pn_log(&r->env, PN_LOG_WARN,
               "this kernel refuses a system-call filter; serving without");
    pn_log(
        &r->env, PN_LOG_INFO,
        "posternd %s: at most %u links, system-call filter %s, ciphers by %s",
        PN_SOFTWARE_VERSION, rl_server_links_max(&daemon.server),
        filtered ? "on" : "off",
        r->openssl ? "libsodium and OpenSSL" : "libsodium");
    for (size_t i = 0; i < r->config.listen_count; i++)
        pn_log(&r->env, PN_LOG_INFO, "listening on %s", r->config.listen[i]);
    code = announce(r);
    err = rl_daemon_run(&daemon);
    if (err != PN_OK)
        return rl_fail(r->args, RL_EXIT_INTERNAL, "stopped, but not cleanly");
    pn_log(&r->env, PN_LOG_INFO, "stopped");
    return code;
}

static rl_exit take_lock(const rl_args *args, int *fd)
{
    const pn_err err = rl_dir_lock(args->found, fd);
    if (err == PN_OK)
        return RL_EXIT_OK;
    if (err == PN_E_EXISTS)
        return rl_fail(args, RL_EXIT_CANNOT_CREATE,
                       "another posternd serves %s; `posternd status --dir "
                       "%s` asks it, SIGTERM stops it",
                       args->found, args->found);
    return rl_fail(args, RL_EXIT_CANNOT_CREATE, "cannot lock %s: %s",
                   args->found, strerror(errno));
}

/* Most of what a relay does is ciphering. Where the faster library is missing,
 * or is not what it should be, libsodium does it all. */
static void choose_cipher(run *r)
{
    const pn_aead_engine *engine;
    const pn_err err = pn_openssl_open(&engine);
    r->openssl = err == PN_OK;
    if (err == PN_OK)
        pn_aead_use(engine);
    else if (err != PN_E_NOT_FOUND)
        pn_log(&r->env, PN_LOG_WARN, "ciphering without OpenSSL: %s",
               pn_strerror(err));
}

/* What the relay is known by. Its pages are never swapped out, where the system
 * allows that; it lives on the stack of a call that lasts as long as it does.
 */
typedef struct secrets {
    uint8_t seed[RL_SEED_BYTES];
    pn_link_identity identity;
} secrets;

rl_exit rl_cmd_run(const rl_args *args)
{
    run r = { .args = args };
    secrets own;
    int lock = -1;
    rl_exit code;
    if (rl_privs_drop() != PN_OK || sodium_init() < 0)
        return rl_fail(args, RL_EXIT_INTERNAL, "cannot start safely");
    code = rl_load_config(args, &r.config);
    if (code == RL_EXIT_OK)
        code = rl_load_dir(args);
    if (code == RL_EXIT_OK)
        code = take_lock(args, &lock);
    if (code != RL_EXIT_OK)
        return code;
    r.log = rl_log_init(level_of(args, &r.config), args->json);
    r.env = pn_sysenv(rl_log_line, &r.log);
    if (rl_dir_path(args->found, RL_FILE_CONTROL, r.control,
                    sizeof r.control) != PN_OK)
        code = rl_fail(args, RL_EXIT_USAGE, "--dir is too long");
    choose_cipher(&r);
    (void)sodium_mlock(&own, sizeof own);
    if (code == RL_EXIT_OK)
        code = rl_load_seed(args, own.seed);
    if (code == RL_EXIT_OK)
        code = rl_load_address(args, &r.config, own.seed, r.address,
                               sizeof r.address);
    if (code == RL_EXIT_OK &&
        pn_link_identity_from_seed(&own.identity, own.seed) != PN_OK)
        code = rl_fail(args, RL_EXIT_INTERNAL, "the identity gives no key");
    pn_wipe(own.seed, sizeof own.seed);
    if (code == RL_EXIT_OK)
        code = serve(&r, &own.identity);
    rl_opened_store_free(&r.store);
    (void)sodium_munlock(&own, sizeof own); /* wipes it */
    pn_aead_use(NULL);
    pn_openssl_close();
    (void)close(lock);
    return code;
}
