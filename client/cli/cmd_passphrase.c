/* postern passphrase: the one that opens the store, and the one that destroys
 * what is in it. */
#include "client/cli/cli.h"

static cli_exit ask_new(const cli_args *args, const char *prompt,
                        cli_secret *out)
{
    return cli_secret_of(args, OPT_NEW_FD, OPT_NEW_FILE, prompt, true, out);
}

/* Call and close. `params` is taken. */
static cli_exit finish(cli_link *link, const char *method, json_t *params)
{
    json_t *result = NULL;
    const cli_exit code = cli_ask(link, method, params, &result);
    json_decref(result);
    cli_close(&link);
    return code;
}

cli_exit cli_passphrase_change(const cli_args *args)
{
    char home[CLI_PATH_SIZE];
    cli_secret old = { 0 }, fresh = { 0 };
    cli_link *link;
    cli_exit code = cli_home(args, home);
    if (code == CLI_OK)
        code = cli_passphrase(args, home, false, &old);
    if (code == CLI_OK)
        code = ask_new(args, "New passphrase", &fresh);
    if (code == CLI_OK)
        code = cli_open_with(&link, args, CLI_OFFLINE, &old);
    if (code == CLI_OK)
        code = finish(link, "passphrase_change",
                      json_pack("{s:o, s:o}", "old", cli_secret_json(&old),
                                "new", cli_secret_json(&fresh)));
    cli_secret_wipe(&old);
    cli_secret_wipe(&fresh);
    if (code != CLI_OK)
        return code;
    cli_note(args, "Changed. Backups made before keep the passphrase they "
                   "were given.");
    return cli_done(args, "passphrase-changed", json_object());
}

cli_exit cli_passphrase_duress(const cli_args *args)
{
    const bool undo = cli_has(args, OPT_UNDO);
    cli_secret duress = { 0 };
    cli_link *link;
    cli_exit code = CLI_OK;
    if (undo && (cli_has(args, OPT_NEW_FD) || cli_has(args, OPT_NEW_FILE)))
        return cli_fail(args, CLI_USAGE, "either --undo, or a new passphrase");
    code = cli_open(&link, args, CLI_OFFLINE);
    if (code != CLI_OK)
        return code;
    if (!undo)
        code = ask_new(args, "Duress passphrase", &duress);
    if (code != CLI_OK)
        cli_close(&link);
    else
        code = finish(
            link, "duress_set",
            undo ? json_object()
                 : json_pack("{s:o}", "passphrase", cli_secret_json(&duress)));
    cli_secret_wipe(&duress);
    if (code != CLI_OK)
        return code;
    cli_note(args, undo ? "There is no duress passphrase any more."
                        : "Set. Giving it anywhere a passphrase is asked for "
                          "destroys this store.");
    return cli_done(args, undo ? "duress-removed" : "duress-set",
                    json_object());
}
