/* postern init and panic: the beginning of a store, and its end. */
#include "client/cli/cli.h"

static cli_exit create(const cli_args *args, const char *home,
                       postern_client **out)
{
    postern_open_options options = POSTERN_OPEN_OPTIONS_INIT;
    cli_secret secret;
    cli_exit code = cli_passphrase(args, home, true, &secret);
    int error = POSTERN_OK;
    if (code != CLI_OK)
        return code;
    options.home = home;
    options.flags = POSTERN_OPEN_OFFLINE;
    options.passphrase = secret.bytes;
    options.passphrase_len = secret.len;
    options.name = args->value[OPT_NAME];
    /* A store that is there already says anything but this. */
    error = postern_open(out, &options);
    if (error == POSTERN_E_NO_STORE) {
        options.flags |= POSTERN_OPEN_CREATE;
        error = postern_open(out, &options);
    } else {
        postern_close(out);
        error = POSTERN_E_EXISTS;
    }
    cli_secret_wipe(&secret);
    if (error == POSTERN_E_EXISTS)
        return cli_fail(args, CLI_LOCKED,
                        "%s has a store already, and it is left untouched; "
                        "say another --home",
                        home);
    if (error == POSTERN_E_IO || error == POSTERN_E_SYSTEM)
        return cli_fail(args, CLI_LOCKED,
                        "cannot create the store in %s: %s; check its parent "
                        "directory",
                        home, postern_strerror(error));
    return error == POSTERN_OK
               ? CLI_OK
               : cli_explain(args, error, postern_strerror(error), false);
}

/* The relays are added one by one; the first that is none ends it. */
static cli_exit add_relays(const cli_args *args, postern_client *client)
{
    for (size_t i = 0; i < args->list_count; i++) {
        rpc_error why;
        json_t *result;
        const int error =
            rpc_call(client, "relay_add",
                     json_pack("{s:o}", "address", rpc_text(args->list[i])),
                     &result, &why);
        json_decref(result);
        if (error != POSTERN_OK) {
            cli_note(args, "The store is made; what is missing is the relay. "
                           "`postern relay add` adds it.");
            return cli_explain(
                args, error == RPC_E_PARAMS ? POSTERN_E_ADDRESS : error,
                why.text, false);
        }
    }
    return CLI_OK;
}

static cli_exit set_profile(const cli_args *args, postern_client *client)
{
    rpc_error why;
    json_t *result;
    int error;
    if (!cli_has(args, OPT_PROFILE))
        return CLI_OK;
    error = rpc_call(
        client, "set_profile",
        json_pack("{s:o}", "profile", rpc_text(args->value[OPT_PROFILE])),
        &result, &why);
    json_decref(result);
    return error == POSTERN_OK ? CLI_OK
                               : cli_explain(args, error, why.text, false);
}

cli_exit cli_init(const cli_args *args)
{
    char home[CLI_PATH_SIZE];
    postern_client *client = NULL;
    json_t *status = NULL;
    rpc_error why;
    cli_exit code = cli_home(args, home);
    if (code == CLI_OK)
        code = create(args, home, &client);
    if (code == CLI_OK)
        code = set_profile(args, client);
    if (code == CLI_OK)
        code = add_relays(args, client);
    if (code == CLI_OK &&
        rpc_call(client, "status", NULL, &status, &why) != POSTERN_OK)
        code = cli_explain(args, why.code, why.text, false);
    postern_close(&client);
    if (code != CLI_OK)
        return code;
    (void)json_object_set_new(status, "home", rpc_text(home));
    if (!args->json && !args->quiet) {
        cli_field("home", home);
        cli_field("identity", cli_text(status, "identity"));
        if (args->list_count == 0)
            cli_note(args, "Next: `postern relay add ADDRESS`");
        else
            cli_note(args, "Next: `postern invite create`, and hand the link "
                           "to one person");
    }
    return cli_done(args, "init", status);
}

cli_exit cli_panic(const cli_args *args)
{
    char home[CLI_PATH_SIZE];
    const cli_exit code = cli_home(args, home);
    int error;
    if (code != CLI_OK)
        return code;
    /* It does not ask: who types this has no time for questions. */
    error = postern_panic(home);
    if (error != POSTERN_OK)
        return cli_explain(args, error, postern_strerror(error), false);
    cli_note(args, "The keys of %s are destroyed.", home);
    return cli_done(args, "panic", json_pack("{s:o}", "home", rpc_text(home)));
}
