/* postern rpc: the library for programs in other languages. */
#include <string.h>
#include <unistd.h>

#include "client/cli/cli.h"

cli_exit cli_rpc_spec(const cli_args *args)
{
    json_t *spec = rpc_spec();
    char *text = NULL;
    size_t len;
    if (spec != NULL && args->json)
        text = rpc_dump(spec, &len);
    else if (spec != NULL)
        text = json_dumps(spec, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    json_decref(spec);
    if (text == NULL)
        return cli_fail(args, CLI_INTERNAL, "no memory");
    (void)printf(args->json ? "%s" : "%s\n", text);
    rpc_free(text);
    return cli_flush(args);
}

static void say_ready(void *ctx)
{
    const cli_args *args = ctx;
    if (!args->quiet)
        (void)fputs("ready\n", stderr);
}

cli_exit cli_rpc(const cli_args *args)
{
    char home[CLI_PATH_SIZE], own[CLI_PATH_SIZE + 16];
    const bool is_stdio = cli_has(args, OPT_STDIO);
    rpc_server_options options = { .in = is_stdio ? STDIN_FILENO : -1,
                                   .out = is_stdio ? STDOUT_FILENO : -1,
                                   .sockets = { own, args->value[OPT_SOCKET] },
                                   .on_ready = is_stdio ? NULL : say_ready };
    cli_args copy = *args;
    postern_client *client;
    rpc_error why;
    cli_exit code = cli_home(args, home);
    if (code != CLI_OK)
        return code;
    if (is_stdio == cli_has(args, OPT_SOCKET))
        return cli_fail(args, CLI_USAGE,
                        "say --stdio, or --socket PATH; `postern rpc spec` "
                        "describes what is spoken there");
    if (is_stdio && cli_has(args, OPT_PASS_FD) &&
        strcmp(args->value[OPT_PASS_FD], "0") == 0)
        return cli_fail(args, CLI_USAGE,
                        "standard input carries the requests; pass the "
                        "passphrase by another descriptor");
    (void)snprintf(own, sizeof own, "%s/rpc.sock", home);
    if (options.sockets[1] != NULL && strcmp(own, options.sockets[1]) == 0)
        options.sockets[1] = NULL;
    cli_catch_signals();
    code = cli_open_store(&client, args, home);
    if (code != CLI_OK)
        return code;
    options.stop = cli_signal_fd();
    options.ctx = &copy;
    if (rpc_serve(client, &options, &why) != POSTERN_OK)
        code = cli_explain(args, why.code, why.text, false);
    postern_close(&client);
    return code;
}
