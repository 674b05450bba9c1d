/* postern status and doctor. */
#include <string.h>
#include <sys/stat.h>

#include "client/cli/cli.h"

enum { CLOCK_TOLERANCE_MS = 5 * 60 * 1000 };

static void print_count(const json_t *status, const char *key)
{
    (void)printf("%-14s %lld\n", key,
                 (long long)json_integer_value(json_object_get(status, key)));
}

cli_exit cli_status(const cli_args *args)
{
    static const char *const counts[] = { "contacts",    "relays",
                                          "outbox",      "events",
                                          "invitations", "relays_wanted" };
    json_int_t two_faced;
    json_t *status;
    const cli_exit code =
        cli_once(args, CLI_OFFLINE, "status", json_object(), &status);
    if (code != CLI_OK)
        return code;
    if (!args->json) {
        cli_field("name", cli_text(status, "name"));
        cli_field("identity", cli_text(status, "identity"));
        cli_field("profile", cli_text(status, "profile"));
        cli_field("route", cli_text(status, "route"));
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
            print_count(status, counts[i]);
        two_faced =
            json_integer_value(json_object_get(status, "relays_two_faced"));
        if (two_faced > 0)
            (void)printf("%-14s %lld: see `postern relay list`\n", "two-faced",
                         (long long)two_faced);
    }
    return cli_done(args, "status", status);
}

cli_exit cli_profile(const cli_args *args)
{
    json_t *result;
    cli_exit code;
    if (args->word_count == 1) {
        code = cli_once(args, CLI_OFFLINE, "set_profile",
                        json_pack("{s:o}", "profile", rpc_text(args->words[0])),
                        &result);
        json_decref(result);
        if (code != CLI_OK)
            return code;
    }
    code = cli_once(args, CLI_OFFLINE, "status", json_object(), &result);
    if (code != CLI_OK)
        return code;
    if (!args->json) {
        cli_puts(cli_text(result, "profile"));
        (void)putchar('\n');
    }
    code = cli_done(
        args, "profile",
        json_pack("{s:o}", "profile", rpc_text(cli_text(result, "profile"))));
    json_decref(result);
    return code;
}

typedef struct doctor {
    const cli_args *args;
    cli_exit worst; /* the first fault's */
} doctor;

static void check(doctor *d, const char *name, bool is_good, cli_exit code,
                  const char *what, const char *next)
{
    if (!is_good && d->worst == CLI_OK)
        d->worst = code;
    if (d->args->json) {
        json_t *o = json_pack("{s:o, s:b, s:o, s:s}", "name", rpc_text(name),
                              "ok", (int)is_good, "message", rpc_text(what),
                              "next", is_good ? "" : next);
        (void)cli_print_json(d->args, stdout, "check", o);
        json_decref(o);
    } else if (!is_good || !d->args->quiet) {
        (void)printf("%s  ", is_good ? "ok   " : "fault");
        cli_puts(name);
        (void)fputs(what[0] == 0 ? "" : ": ", stdout);
        cli_puts(what);
        if (!is_good)
            (void)printf("\n       %s", next);
        (void)putchar('\n');
    }
}

static void check_home(doctor *d, const char *home)
{
    struct stat st;
    const bool is_there = stat(home, &st) == 0;
    check(d, "store directory", is_there && (st.st_mode & 077) == 0, CLI_CONFIG,
          home,
          is_there ? "others may enter it: `chmod 700` it"
                   : "make one with `postern init`");
}

static void check_relay(doctor *d, const char *address, uint64_t timeout_ms)
{
    rpc_error why;
    json_t *report = NULL;
    char text[80];
    json_int_t ahead;
    const int error =
        rpc_call(NULL, "relay_test",
                 json_pack("{s:o, s:I}", "address", rpc_text(address),
                           "timeout_ms", (json_int_t)timeout_ms),
                 &report, &why);
    check(d, address, error == POSTERN_OK, CLI_UNREACHABLE,
          error == POSTERN_OK ? "reached" : postern_strerror(error),
          "check the network, and that the relay runs");
    if (error != POSTERN_OK)
        return;
    ahead = json_integer_value(json_object_get(report, "clock_difference_ms"));
    (void)snprintf(text, sizeof text, "the relay's is %lld s ahead",
                   (long long)(ahead / 1000));
    check(d, "clock", ahead < CLOCK_TOLERANCE_MS && ahead > -CLOCK_TOLERANCE_MS,
          CLI_CONFIG, text, "set this machine's clock, if it is the wrong one");
    json_decref(report);
}

/* With one relay its loss is the loss of the mail that lies there. */
static void check_number(doctor *d, cli_link *link, const json_t *relays)
{
    json_t *policy;
    json_int_t wanted;
    size_t own = 0, i;
    const json_t *r;
    char text[128];
    if (cli_ask(link, "relay_policy", json_object(), &policy) != CLI_OK)
        return;
    wanted = json_integer_value(json_object_get(policy, "relays"));
    json_decref(policy);
    json_array_foreach(relays, i, r)
    {
        own += cli_true(r, "own") ? 1 : 0;
        if (cli_true(r, "two_faced"))
            check(d, cli_text(r, "address"), false, CLI_PROTOCOL,
                  "two-faced: it has signed two descriptors under one number",
                  "do not rely on it until its operator can explain that; "
                  "`postern relay remove` and `relay add` forget it");
        if (cli_true(r, "given_up"))
            check(d, cli_text(r, "address"), false, CLI_UNREACHABLE,
                  "fails for long: given up",
                  "if it will not come back, `postern relay remove` it and "
                  "`relay add` another");
    }
    /* No fault: it works, until that one relay does not. */
    (void)snprintf(text, sizeof text, "%zu of %lld relays are known%s", own,
                   (long long)wanted,
                   own < (size_t)wanted
                       ? ": `postern relay add` one of another operator"
                       : "");
    check(d, own < (size_t)wanted ? "redundancy (warning)" : "redundancy", true,
          CLI_OK, text, "");
}

static cli_exit check_store(doctor *d, cli_link *link, uint64_t timeout_ms)
{
    json_t *list, *o;
    size_t i;
    cli_exit code = cli_ask(link, "relay_list", json_object(), &list);
    if (code != CLI_OK)
        return code;
    check(d, "relays", json_array_size(list) > 0, CLI_CONFIG, "",
          "none is known: `postern relay add ADDRESS`");
    check_number(d, link, list);
    json_array_foreach(list, i, o)
        check_relay(d, cli_text(o, "address"), timeout_ms);
    json_decref(list);
    code = cli_ask(link, "contact_list", json_object(), &list);
    if (code != CLI_OK)
        return code;
    json_array_foreach(list, i, o)
    {
        if (cli_true(o, "changed"))
            check(d, cli_text(o, "name"), false, CLI_REFUSED,
                  "another identity answers",
                  "compare the numbers of `postern contact show`, then "
                  "`contact verify`");
        else
            check(d, cli_text(o, "name"), true, CLI_OK,
                  cli_true(o, "verified") ? "verified"
                                          : "not verified yet: `postern "
                                            "contact verify`",
                  "");
    }
    json_decref(list);
    code = cli_ask(link, "outbox_list", json_object(), &list);
    if (code != CLI_OK)
        return code;
    json_array_foreach(list, i, o)
    {
        const bool is_stuck = strcmp(cli_text(o, "state"), "failed") == 0 ||
                              strcmp(cli_text(o, "state"), "expired") == 0;
        if (is_stuck)
            check(d, cli_text(o, "id"), false, CLI_OTHER, cli_text(o, "reason"),
                  "`postern outbox retry`, or `outbox cancel`");
    }
    json_decref(list);
    return CLI_OK;
}

cli_exit cli_doctor(const cli_args *args)
{
    doctor d = { args, CLI_OK };
    char home[CLI_PATH_SIZE];
    uint64_t timeout_ms;
    cli_link *link;
    cli_exit code =
        cli_duration_of(args, OPT_TIMEOUT, RPC_WAIT_MAX_MS, 10000, &timeout_ms);
    if (code == CLI_OK)
        code = cli_home(args, home);
    if (code != CLI_OK)
        return code;
    check_home(&d, home);
    code = cli_open(&link, args, CLI_OFFLINE);
    if (code == CLI_OK) {
        check(&d, "store", true, CLI_OK, "opens", "");
        code = check_store(&d, link, timeout_ms);
        cli_close(&link);
    }
    if (code == CLI_OK)
        code = cli_flush(args);
    return d.worst != CLI_OK ? d.worst : code;
}
