#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/cli.h"

/* A damaged file is malformed input, not a damaged store. */
static cli_exit explain(const cli_args *args, int error, const char *text)
{
    if (error == POSTERN_E_CORRUPT)
        return cli_fail(args, CLI_MALFORMED,
                        "%s is no whole backup; take another copy of it",
                        args->words[0]);
    if (error == POSTERN_E_EXISTS)
        return cli_fail(args, CLI_LOCKED,
                        "%s; nothing was overwritten: say "
                        "another place",
                        text);
    return cli_explain(args, error, text, false);
}

/* Whoever carries it out may work in another directory. */
static json_t *absolute(const char *path)
{
    char here[CLI_PATH_SIZE], whole[2 * CLI_PATH_SIZE];
    if (path[0] == '/' || getcwd(here, sizeof here) == NULL)
        return rpc_text(path);
    (void)snprintf(whole, sizeof whole, "%s/%s", here, path);
    return rpc_text(whole);
}

static cli_exit passphrase(const cli_args *args, bool is_new, cli_secret *out)
{
    return cli_secret_of(args, OPT_BACKUP_FD, OPT_BACKUP_FILE,
                         "The backup's passphrase", is_new, out);
}

static json_t *done(const cli_args *args)
{
    return json_pack("{s:o}", "file", rpc_text(args->words[0]));
}

cli_exit cli_backup_create(const cli_args *args)
{
    cli_secret secret;
    cli_link *link = NULL;
    json_t *result = NULL;
    rpc_error why;
    cli_exit code = passphrase(args, true, &secret);
    if (code == CLI_OK)
        code = cli_open(&link, args, CLI_OFFLINE);
    if (code == CLI_OK &&
        cli_try(link, "backup_create",
                json_pack("{s:o, s:o}", "file", absolute(args->words[0]),
                          "passphrase", cli_secret_json(&secret)),
                &result, &why) != POSTERN_OK)
        code = explain(args, why.code, why.text);
    cli_secret_wipe(&secret);
    json_decref(result);
    cli_close(&link);
    return code == CLI_OK ? cli_done(args, "backup-created", done(args)) : code;
}

cli_exit cli_backup_verify(const cli_args *args)
{
    cli_secret secret;
    cli_exit code = passphrase(args, false, &secret);
    int error;
    if (code != CLI_OK)
        return code;
    error = postern_backup_verify(args->words[0], secret.bytes, secret.len);
    cli_secret_wipe(&secret);
    if (error != POSTERN_OK)
        return explain(args, error, postern_strerror(error));
    cli_note(args, "%s is whole.", args->words[0]);
    return cli_done(args, "backup-verified", done(args));
}

cli_exit cli_backup_restore(const cli_args *args)
{
    char home[CLI_PATH_SIZE];
    cli_secret secret;
    cli_exit code = cli_home(args, home);
    int error;
    if (code == CLI_OK)
        code = passphrase(args, false, &secret);
    if (code != CLI_OK)
        return code;
    error =
        postern_backup_restore(home, args->words[0], secret.bytes, secret.len);
    cli_secret_wipe(&secret);
    if (error != POSTERN_OK)
        return explain(args, error, postern_strerror(error));
    cli_note(args, "Restored to %s; its passphrase is the backup's.", home);
    return cli_done(args, "backup-restored", done(args));
}
