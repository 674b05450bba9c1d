/* postern relay ...: the relays a client may use. */
#include <string.h>

#include "client/cli/cli.h"

enum { TIMEOUT_DEFAULT_MS = 10000 };

#define YEAR_MS ((uint64_t)365 * 86400 * 1000)

static void print_report(const json_t *r)
{
    (void)printf("handshake %.1f ms\nroundtrip %.1f ms\n",
                 json_real_value(json_object_get(r, "handshake_ms")),
                 json_real_value(json_object_get(r, "roundtrip_ms")));
    (void)printf("relay key %s\nsoftware ", cli_text(r, "relay_key"));
    cli_puts(cli_text(r, "software"));
    (void)putchar(' ');
    cli_puts(cli_text(r, "version"));
    (void)printf(
        "\nprotocol %lld, link %lld\nfeatures %#llx\n"
        "record size %lld bytes\nclock difference %+lld ms\n",
        (long long)json_integer_value(json_object_get(r, "protocol")),
        (long long)json_integer_value(json_object_get(r, "link_version")),
        (unsigned long long)json_integer_value(json_object_get(r, "features")),
        (long long)json_integer_value(json_object_get(r, "record_size")),
        (long long)json_integer_value(
            json_object_get(r, "clock_difference_ms")));
}

cli_exit cli_relay_test(const cli_args *args)
{
    rpc_error why;
    uint64_t timeout_ms;
    json_t *report;
    int error;
    if (cli_duration_of(args, OPT_TIMEOUT, RPC_WAIT_MAX_MS, TIMEOUT_DEFAULT_MS,
                        &timeout_ms) != CLI_OK)
        return CLI_USAGE;
    if (args->words[0][0] == 0)
        return cli_explain(args, POSTERN_E_ADDRESS,
                           postern_strerror(POSTERN_E_ADDRESS), false);
    error =
        rpc_call(NULL, "relay_test",
                 json_pack("{s:o, s:I}", "address", rpc_text(args->words[0]),
                           "timeout_ms", (json_int_t)timeout_ms),
                 &report, &why);
    if (error == RPC_E_PARAMS)
        error = POSTERN_E_ADDRESS;
    if (error != POSTERN_OK)
        return cli_explain(args, error, postern_strerror(error), false);
    if (!args->json && !args->quiet)
        print_report(report);
    return cli_done(args, "relay-test", report);
}

/* Since when it is so, and what of ours lies there. */
static void print_rest(const json_t *r)
{
    const json_int_t queues = json_integer_value(json_object_get(r, "queues"));
    const char *failing = cli_text(r, "failing_since");
    (void)printf("  since %s  %lld mailbox%s",
                 failing[0] != 0 ? failing : cli_text(r, "since"),
                 (long long)queues, queues == 1 ? "" : "es");
    if (cli_true(r, "given_up"))
        (void)fputs("  given up: its mailboxes are being replaced", stdout);
    if (cli_true(r, "two_faced"))
        (void)fputs("  two-faced: it tells two stories of itself, and no mail "
                    "leaves by it while another works",
                    stdout);
    (void)putchar('\n');
}

cli_exit cli_relay_list(const cli_args *args)
{
    json_t *list, *r;
    size_t i;
    cli_exit code =
        cli_once(args, CLI_ONLINE, "relay_list", json_object(), &list);
    if (code != CLI_OK)
        return code;
    json_array_foreach(list, i, r)
    {
        if (args->json) {
            (void)cli_print_json(args, stdout, "relay", r);
            continue;
        }
        cli_puts(cli_text(r, "address"));
        (void)printf("  %s%s", cli_text(r, "state"),
                     cli_true(r, "own") ? "" : ", a contact's");
        if (cli_text(r, "reason")[0] != 0)
            (void)fputs(": ", stdout);
        cli_puts(cli_text(r, "reason"));
        print_rest(r);
    }
    if (json_array_size(list) == 0)
        cli_note(args, "no relay yet; `postern relay add ADDRESS`");
    json_decref(list);
    return cli_flush(args);
}

cli_exit cli_access_secret(const cli_args *args, json_t **out)
{
    cli_secret secret;
    cli_exit code = CLI_OK;
    *out = NULL;
    if (!cli_has(args, OPT_ACCESS_FD) && !cli_has(args, OPT_ACCESS_FILE))
        return CLI_OK;
    code = cli_secret_of(args, OPT_ACCESS_FD, OPT_ACCESS_FILE, "Access secret",
                         false, &secret);
    if (code == CLI_OK)
        *out = cli_secret_json(&secret);
    cli_secret_wipe(&secret);
    return code;
}

/* `params` (taken) holds the address. */
static cli_exit change(const cli_args *args, const char *method, json_t *params,
                       const char *type)
{
    json_t *result;
    const cli_exit code = cli_once(args, CLI_OFFLINE, method, params, &result);
    json_decref(result);
    if (code != CLI_OK)
        return code;
    return cli_done(args, type,
                    json_pack("{s:o}", "address", rpc_text(args->words[0])));
}

cli_exit cli_relay_add(const cli_args *args)
{
    json_t *params = json_pack("{s:o}", "address", rpc_text(args->words[0]));
    json_t *access;
    const cli_exit code = cli_access_secret(args, &access);
    if (code != CLI_OK) {
        json_decref(params);
        return code;
    }
    if (access != NULL)
        cli_set(&params, "access_secret", access);
    return change(args, "relay_add", params, "relay-added");
}

cli_exit cli_relay_remove(const cli_args *args)
{
    return change(args, "relay_remove",
                  json_pack("{s:o}", "address", rpc_text(args->words[0])),
                  "relay-removed");
}

cli_exit cli_relay_policy(const cli_args *args)
{
    json_t *params = json_object(), *result;
    uint64_t copies = 0, after_ms = 0;
    cli_exit code = cli_number_of(args, OPT_COPIES, 0, &copies);
    if (code == CLI_OK && cli_has(args, OPT_COPIES) &&
        (copies < 1 || copies > 3))
        code = cli_fail(args, CLI_USAGE, "--copies is 1, 2 or 3");
    if (code == CLI_OK)
        code = cli_duration_of(args, OPT_REPLACE, YEAR_MS, 0, &after_ms);
    if (code != CLI_OK) {
        json_decref(params);
        return code;
    }
    if (copies > 0)
        cli_set(&params, "relays", json_integer((json_int_t)copies));
    if (after_ms > 0)
        cli_set(&params, "replace_after_ms",
                json_integer((json_int_t)after_ms));
    if (cli_has(args, OPT_ROUTE))
        cli_set(&params, "route", rpc_text(args->value[OPT_ROUTE]));
    code = cli_once(args, CLI_OFFLINE, "relay_policy", params, &result);
    if (code != CLI_OK)
        return code;
    if (!args->json)
        (void)printf(
            "copies         %lld\nreplace after  %lld minutes\n"
            "route          %s\n",
            (long long)json_integer_value(json_object_get(result, "relays")),
            (long long)json_integer_value(
                json_object_get(result, "replace_after_ms")) /
                60000,
            cli_text(result, "route"));
    return cli_done(args, "relay-policy", result);
}
