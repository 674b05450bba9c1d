/* posternd store verify|backup|restore|expire: the store of a relay that does
 * not run. Each holds the directory's lock, so that no relay starts meanwhile.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/json.h"
#include "proto/carrier/sysenv.h"
#include "relay/cmd/cmd.h"
#include "relay/cmd/store.h"
#include "relay/core/calendar.h"

typedef struct job {
    const rl_args *args;
    pn_env env;
    rl_config config;
    rl_log_config log;
    rl_fs fs;
    bool has_fs;
    int lock;
    char path[RL_PATH_MAX];
} job;

static void on_finding(void *ctx, rl_severity severity, const char *text)
{
    static const char *const words[] = { "note", "repaired", "DAMAGE" };
    const job *j = ctx;
    if (severity != RL_NOTE || !j->args->quiet)
        (void)fprintf(stderr, "%s: %s\n", words[severity], text);
}

static rl_exit begin(job *j, const rl_args *args)
{
    rl_exit code;
    *j = (job){ .args = args, .env = pn_sysenv(NULL, NULL), .lock = -1 };
    code = rl_load_config(args, &j->config);
    if (code != RL_EXIT_OK)
        return code;
    if (rl_dir_lock(args->found, &j->lock) != PN_OK)
        return rl_fail(args, RL_EXIT_CANNOT_CREATE,
                       "a relay serves %s; stop it first", args->found);
    if (rl_dir_path(args->found, RL_DIR_STORE, j->path, sizeof j->path) !=
        PN_OK)
        return rl_fail(args, RL_EXIT_USAGE, "--dir is too long");
    rl_store_config(&j->log, &j->config);
    j->log.finding = on_finding;
    j->log.finding_ctx = j;
    return RL_EXIT_OK;
}

static rl_exit open_dir(job *j)
{
    const pn_err err = rl_fs_posix(&j->fs, j->path);
    if (err != PN_OK)
        return rl_fail(j->args,
                       err == PN_E_NOT_FOUND ? RL_EXIT_CONFIG : RL_EXIT_IO,
                       "no store at %s: %s", j->path, strerror(errno));
    j->has_fs = true;
    return RL_EXIT_OK;
}

static rl_exit finish(job *j, rl_exit code)
{
    if (j->has_fs)
        rl_fs_posix_free(&j->fs);
    if (j->lock >= 0)
        (void)close(j->lock);
    return code;
}

static rl_exit explain(const job *j, pn_err err, const char *what)
{
    if (err == PN_OK)
        return RL_EXIT_OK;
    return rl_fail(j->args,
                   err == PN_E_CORRUPT || err == PN_E_NOT_FOUND ? RL_EXIT_CONFIG
                                                                : RL_EXIT_IO,
                   "cannot %s: %s", what, pn_strerror(err));
}

/* --- verify --------------------------------------------------------------- */

static rl_exit print_report(const job *j, const rl_verify_report *r)
{
    char line[512];
    pn_json json = pn_json_begin(line, sizeof line);
    if (!j->args->json) {
        (void)printf("queues %" PRIu64 "\nmessages %" PRIu64
                     "\nremembered %" PRIu64 "\ndamaged %" PRIu64 "\n",
                     r->queues, r->messages, r->remembered, r->damaged);
        return rl_flush(j->args);
    }
    pn_json_text(&json, "type", "verify");
    pn_json_u64(&json, "queues", r->queues);
    pn_json_u64(&json, "messages", r->messages);
    pn_json_u64(&json, "remembered", r->remembered);
    pn_json_u64(&json, "damaged", r->damaged);
    pn_json_u64(&json, "notes", r->findings[RL_NOTE]);
    pn_json_u64(&json, "repaired", r->findings[RL_REPAIRED]);
    pn_json_u64(&json, "damages", r->findings[RL_DAMAGE]);
    if (pn_json_end(&json) != PN_OK)
        return rl_fail(j->args, RL_EXIT_INTERNAL, "answer too long");
    (void)printf("%s\n", line);
    return rl_flush(j->args);
}

rl_exit rl_cmd_store_verify(const rl_args *args)
{
    job j;
    rl_verify_report report = { 0 };
    rl_exit code = begin(&j, args);
    if (code == RL_EXIT_OK)
        code = open_dir(&j);
    if (code == RL_EXIT_OK)
        code = explain(&j, rl_store_log_verify(&j.fs, &j.env, &j.log, &report),
                       "open the store");
    if (code == RL_EXIT_OK)
        code = print_report(&j, &report);
    if (code == RL_EXIT_OK &&
        (report.damaged > 0 || report.findings[RL_DAMAGE] > 0))
        code = rl_fail(args, RL_EXIT_CONFIG,
                       "the store is damaged; what is counted above is intact");
    return finish(&j, code);
}

/* --- backup and restore --------------------------------------------------- */

static pn_err put(void *ctx, pn_bytes bytes)
{
    return fwrite(bytes.p, 1, bytes.len, ctx) == bytes.len ? PN_OK : PN_E_IO;
}

static pn_err get(void *ctx, uint8_t *out, size_t len, size_t *got)
{
    *got = fread(out, 1, len, ctx);
    return ferror((FILE *)ctx) != 0 ? PN_E_IO : PN_OK;
}

rl_exit rl_cmd_store_backup(const rl_args *args)
{
    job j;
    rl_exit code;
    if (isatty(STDOUT_FILENO) != 0)
        return rl_fail(args, RL_EXIT_USAGE,
                       "the backup goes to standard output: posternd store "
                       "backup > FILE");
    code = begin(&j, args);
    if (code == RL_EXIT_OK)
        code = open_dir(&j);
    if (code == RL_EXIT_OK)
        code =
            explain(&j, rl_store_log_backup(&j.fs, &j.env, &j.log, put, stdout),
                    "write the whole backup");
    if (code == RL_EXIT_OK)
        code = rl_flush(args);
    return finish(&j, code);
}

rl_exit rl_cmd_store_restore(const rl_args *args)
{
    job j;
    rl_exit code = begin(&j, args);
    if (code == RL_EXIT_OK && mkdir(j.path, 0700) != 0)
        code = errno == EEXIST
                   ? rl_fail(args, RL_EXIT_CANNOT_CREATE,
                             "%s exists; move it away first", j.path)
                   : rl_fail(args, RL_EXIT_IO, "cannot make %s: %s", j.path,
                             strerror(errno));
    if (code == RL_EXIT_OK)
        code = open_dir(&j);
    if (code == RL_EXIT_OK) {
        code =
            explain(&j, rl_store_log_restore(&j.fs, &j.env, &j.log, get, stdin),
                    "restore from standard input");
        if (code != RL_EXIT_OK)
            (void)rmdir(j.path); /* it is empty again, or worth a look */
    }
    return finish(&j, code);
}

/* --- expire --------------------------------------------------------------- */

static void on_result(void *ctx, const rl_result *result)
{
    rl_result *out = ctx;
    *out = *result;
}

/* What ended yesterday or before is forgotten, as a running relay does. */
static pn_err expire(job *j, uint32_t *forgotten)
{
    rl_op op = { .kind = RL_OP_EXPIRE };
    rl_calendar calendar;
    rl_store_stats stats;
    rl_result result = { .status = RL_STATUS_FAILED };
    rl_store *store;
    pn_err err;
    j->log.mode = RL_LOG_STRICT;
    j->log.threads = false;
    PN_TRY(rl_store_log_open(&store, &j->fs, &j->env, &j->log));
    rl_store_stats_get(store, &stats);
    rl_calendar_start(&calendar, stats.expired, stats.clock,
                      pn_wall_ms(&j->env), 0);
    (void)rl_calendar_look(&calendar, pn_wall_ms(&j->env), 0);
    op.day = (rl_day)(calendar.day - 1);
    op.u.clock = calendar.clock;
    err = rl_store_submit(store, &op);
    if (err == PN_OK) {
        rl_store_flush(store);
        for (int i = 0;
             i < 1000 && rl_store_drain(store, on_result, &result) == 0; i++)
            ;
        err = result.status == RL_STATUS_OK ? PN_OK : PN_E_IO;
        *forgotten = result.u.forgotten;
    }
    rl_store_close(&store);
    return err;
}

rl_exit rl_cmd_store_expire(const rl_args *args)
{
    job j;
    uint32_t forgotten = 0;
    rl_exit code = begin(&j, args);
    if (code == RL_EXIT_OK)
        code = open_dir(&j);
    if (code == RL_EXIT_OK)
        code = explain(&j, expire(&j, &forgotten), "expire");
    if (code == RL_EXIT_OK) {
        if (args->json)
            (void)printf("{\"v\":1,\"type\":\"expire\",\"forgotten\":%" PRIu32
                         "}\n",
                         forgotten);
        else
            (void)printf("forgotten %" PRIu32 "\n", forgotten);
        code = rl_flush(args);
    }
    return finish(&j, code);
}
