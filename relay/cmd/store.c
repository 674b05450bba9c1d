/* The store of a relay's directory, opened for posternd run. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "relay/cmd/cmd.h"
#include "relay/cmd/store.h"

static void on_finding(void *ctx, rl_severity severity, const char *text)
{
    const rl_opened_store *s = ctx;
    pn_log(s->env, severity == RL_NOTE ? PN_LOG_INFO : PN_LOG_ERROR,
           "store: %s", text);
}

void rl_store_config(rl_log_config *out, const rl_config *config)
{
    const uint64_t mib = UINT64_C(1024) * 1024;
    uint64_t segments = config->store_max_mib / config->store_segment_mib;
    rl_log_config_default(out);
    if (segments < 8)
        segments = 8;
    out->segment_bytes = config->store_segment_mib * mib;
    out->max_segments = segments > 65535 ? 65535 : (uint32_t)segments;
    out->min_free = config->store_min_free_mib * mib;
}

/* Only a directory that is made now gets a new store: one that is there and
 * lost its files is for a person to look at. */
static pn_err find_dir(const char *dir, char path[RL_PATH_MAX], bool *fresh)
{
    PN_TRY(rl_dir_path(dir, RL_DIR_STORE, path, RL_PATH_MAX));
    *fresh = mkdir(path, 0700) == 0;
    return *fresh || errno == EEXIST ? PN_OK : PN_E_IO;
}

pn_err rl_store_open_dir(rl_opened_store *s, const char *dir,
                         const rl_config *config, const pn_env *env,
                         rl_store_notify_fn *notify, void *notify_ctx,
                         rl_store **out)
{
    rl_log_config c;
    char path[RL_PATH_MAX];
    bool fresh = false;
    pn_err err;
    s->env = env;
    PN_TRY(find_dir(dir, path, &fresh));
    err = rl_fs_posix(&s->fs, path);
    if (err != PN_OK)
        return err;
    s->has_fs = true;
    rl_store_config(&c, config);
    c.mode = fresh ? RL_LOG_CREATE : RL_LOG_STRICT;
    c.notify = notify;
    c.notify_ctx = notify_ctx;
    c.finding = on_finding;
    c.finding_ctx = s;
    err = rl_store_log_open(out, &s->fs, env, &c);
    if (err == PN_OK && fresh)
        pn_log(env, PN_LOG_INFO, "made a new, empty store");
    if (err != PN_OK)
        rl_opened_store_free(s);
    if (err != PN_OK && fresh)
        (void)rmdir(path); /* it is empty, and made again by the next run */
    return err;
}

static pn_err examine(const char *path, const rl_config *config,
                      const pn_env *env, rl_finding_fn *finding,
                      void *finding_ctx, rl_store_seen *seen,
                      rl_verify_report *report)
{
    rl_log_config c;
    rl_fs fs;
    pn_err err = rl_fs_posix(&fs, path);
    if (err == PN_E_NOT_FOUND)
        return PN_OK;
    if (err != PN_OK)
        return err;
    rl_store_config(&c, config);
    c.finding = finding;
    c.finding_ctx = finding_ctx;
    err = rl_store_log_verify(&fs, env, &c, report);
    rl_fs_posix_free(&fs);
    *seen = RL_STORE_READ;
    return err;
}

pn_err rl_store_examine(const char *dir, const rl_config *config,
                        const pn_env *env, rl_finding_fn *finding,
                        void *finding_ctx, rl_store_seen *seen,
                        rl_verify_report *report)
{
    char path[RL_PATH_MAX];
    int lock = -1;
    pn_err err;
    *seen = RL_STORE_NONE;
    *report = (rl_verify_report){ 0 };
    PN_TRY(rl_dir_path(dir, RL_DIR_STORE, path, sizeof path));
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return PN_OK;
    err = rl_dir_lock(dir, &lock);
    if (err == PN_E_EXISTS) {
        *seen = RL_STORE_SERVED;
        return PN_OK;
    }
    if (err == PN_OK)
        err = examine(path, config, env, finding, finding_ctx, seen, report);
    if (lock >= 0)
        (void)close(lock);
    return err;
}

void rl_opened_store_free(rl_opened_store *s)
{
    if (s->has_fs)
        rl_fs_posix_free(&s->fs);
    s->has_fs = false;
}
