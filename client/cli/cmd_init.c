/* postern init and panic: the beginning of a store, and its end. */
#include "client/cli/cli.h"

static cli_exit create(const cli_args *args, const char *home,
                       postern_client **out)
{
    postern_open_options options = POSTERN_OPEN_OPTIONS_INIT;
    char why[512];
    cli_secret secret;
    cli_exit code = cli_passphrase(args, home, true, &secret);
    int error = POSTERN_OK;
    if (code != CLI_OK)
        return code;
    options.home = home;
    options.flags = POSTERN_OPEN_NEW | POSTERN_OPEN_OFFLINE;
    options.passphrase = secret.bytes;
    options.passphrase_len = secret.len;
    options.name = args->value[OPT_NAME];
    options.why = why;
    options.why_cap = sizeof why;
    error = postern_open(out, &options);
    cli_secret_wipe(&secret);
    if (error == POSTERN_E_EXISTS || error == POSTERN_E_LOCKED)
        return cli_fail(args, CLI_LOCKED,
                        "%s has a store already, and it is left untouched; "
                        "say another --home",
                        home);
    if (error == POSTERN_E_IO || error == POSTERN_E_SYSTEM)
        return cli_fail(args, CLI_LOCKED,
                        "cannot create the store in %s: %s; check the "
                        "directory and the room on its disk, or say another "
                        "--home",
                        home, why);
    return error == POSTERN_OK ? CLI_OK : cli_explain(args, error, why, false);
}

/* One of the relays of --relay. */
static cli_exit add_relay(const cli_args *args, postern_client *client,
                          const char *address, json_t *access)
{
    json_t *params = json_pack("{s:o}", "address", rpc_text(address));
    json_t *result;
    rpc_error why;
    int error;
    if (access != NULL)
        (void)json_object_set(params, "access_secret", access);
    error = rpc_call(client, "relay_add", params, &result, &why);
    json_decref(result);
    if (error == POSTERN_OK)
        return CLI_OK;
    cli_note(args, "The store is made; what is missing is the relay. "
                   "`postern relay add` adds it.");
    return cli_explain(args, error == RPC_E_PARAMS ? POSTERN_E_ADDRESS : error,
                       why.text, false);
}

/* The first that is none ends it. */
static cli_exit add_relays(const cli_args *args, postern_client *client,
                           json_t *access)
{
    cli_exit code = CLI_OK;
    for (size_t i = 0; i < args->list_count && code == CLI_OK; i++)
        code = add_relay(args, client, args->list[i], access);
    return code;
}

/* Before anything is made: a secret that cannot be had leaves nothing behind.
 */
static cli_exit get_access(const cli_args *args, json_t **out)
{
    *out = NULL;
    if (!cli_has(args, OPT_ACCESS_FD) && !cli_has(args, OPT_ACCESS_FILE))
        return CLI_OK;
    if (args->list_count != 1)
        return cli_fail(args, CLI_USAGE,
                        "an access secret is one relay's: give one --relay, "
                        "and add the others with `postern relay add`");
    return cli_access_secret(args, out);
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
    json_t *status = NULL, *access = NULL;
    rpc_error why;
    cli_exit code = cli_home(args, home);
    if (code == CLI_OK)
        code = get_access(args, &access);
    if (code == CLI_OK)
        code = create(args, home, &client);
    if (code == CLI_OK)
        code = set_profile(args, client);
    if (code == CLI_OK)
        code = add_relays(args, client, access);
    json_decref(access);
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

/* A server that has nothing left to serve ends when somebody asks it. */
static void end_server(const char *home)
{
    char path[CLI_PATH_SIZE + 16];
    rpc_peer *peer;
    json_t *result = NULL;
    rpc_error why;
    (void)snprintf(path, sizeof path, "%s/rpc.sock", home);
    peer = rpc_peer_connect(path);
    if (peer == NULL)
        return;
    (void)rpc_peer_call(peer, "status", NULL, &result, &why, -1);
    json_decref(result);
    rpc_peer_free(&peer);
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
    end_server(home);
    cli_note(args, "The keys of %s are destroyed.", home);
    return cli_done(args, "panic", json_pack("{s:o}", "home", rpc_text(home)));
}
