#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/cli.h"

/* 60 digits as both sides read them to each other: groups of five. */
static void print_safety(const char *label, const char *digits)
{
    if (digits[0] == 0)
        return;
    (void)printf("%-14s", label);
    for (size_t i = 0; digits[i] != 0; i++) {
        if (i == 30)
            (void)printf("\n%-14s", "");
        if (i % 5 == 0)
            (void)putchar(' ');
        if (isdigit((unsigned char)digits[i]))
            (void)putchar(digits[i]);
    }
    (void)putchar('\n');
}

static const char *state(const json_t *c)
{
    return cli_true(c, "changed")    ? "IDENTITY CHANGED"
           : cli_true(c, "blocked")  ? "blocked"
           : !cli_true(c, "ready")   ? "waiting for its first answer"
           : cli_true(c, "verified") ? "verified"
                                     : "not verified";
}

cli_exit cli_contact_list(const cli_args *args)
{
    json_t *list, *c;
    size_t i;
    const cli_exit code =
        cli_once(args, CLI_OFFLINE, "contact_list", json_object(), &list);
    if (code != CLI_OK)
        return code;
    json_array_foreach(list, i, c)
    {
        if (args->json) {
            (void)cli_print_json(args, stdout, "contact", c);
            continue;
        }
        cli_puts(cli_text(c, "name"));
        (void)printf("  %s\n", state(c));
    }
    if (json_array_size(list) == 0)
        cli_note(args, "nobody yet; `postern invite create`");
    json_decref(list);
    return cli_flush(args);
}

static void print_contact(const json_t *c)
{
    cli_field("name", cli_text(c, "name"));
    cli_field("calls itself", cli_text(c, "own_name"));
    cli_field("id", cli_text(c, "id"));
    cli_field("state", state(c));
    cli_field("profile", cli_text(c, "profile"));
    cli_field("since", cli_text(c, "created_at"));
    cli_field("last seen", cli_text(c, "seen_at"));
    print_safety("safety number", cli_text(c, "safety_number"));
    print_safety("changed to", cli_text(c, "changed_safety_number"));
}

cli_exit cli_contact_show(const cli_args *args)
{
    json_t *contact;
    const cli_exit code = cli_once(
        args, CLI_OFFLINE, "contact_get",
        json_pack("{s:o}", "contact", rpc_text(args->words[0])), &contact);
    if (code != CLI_OK)
        return code;
    if (!args->json)
        print_contact(contact);
    return cli_done(args, "contact", contact);
}

/* A change of one contact: done, or its error. Takes `params`. */
static cli_exit change(const cli_args *args, cli_how how, const char *method,
                       json_t *params, const char *type)
{
    json_t *result;
    const cli_exit code = cli_once(args, how, method, params, &result);
    json_decref(result);
    if (code != CLI_OK)
        return code;
    return cli_done(args, type,
                    json_pack("{s:o}", "contact", rpc_text(args->words[0])));
}

cli_exit cli_contact_rename(const cli_args *args)
{
    return change(args, CLI_OFFLINE, "contact_rename",
                  json_pack("{s:o, s:o}", "contact", rpc_text(args->words[0]),
                            "name", rpc_text(args->words[1])),
                  "contact-renamed");
}

/* Ask the person at the terminal to compare. */
static bool is_confirmed(const cli_args *args, const json_t *contact)
{
    char answer[8] = "";
    const int tty =
        cli_may_ask(args) ? open("/dev/tty", O_RDWR | O_CLOEXEC) : -1;
    ssize_t n;
    print_contact(contact);
    (void)fflush(stdout);
    if (tty < 0)
        return false;
    (void)dprintf(tty, "\nAsk for the number over another way. Is it the "
                       "same? [y/N] ");
    n = read(tty, answer, sizeof answer - 1);
    (void)close(tty);
    return n > 0 && (answer[0] == 'y' || answer[0] == 'Y');
}

cli_exit cli_contact_verify(const cli_args *args)
{
    json_t *contact = NULL, *params, *result = NULL;
    const char *method;
    cli_link *link;
    cli_exit code = cli_open(&link, args, CLI_OFFLINE);
    if (code != CLI_OK)
        return code;
    code = cli_ask(link, "contact_get",
                   json_pack("{s:o}", "contact", rpc_text(args->words[0])),
                   &contact);
    if (code == CLI_OK && !cli_has(args, OPT_CODE) &&
        !is_confirmed(args, contact))
        code = cli_fail(args, CLI_REFUSED,
                        "not verified; compare the numbers, or give --code "
                        "with the one the other side shows");
    if (code == CLI_OK) {
        method = cli_true(contact, "changed") ? "contact_accept_identity"
                                              : "contact_verify";
        params = json_pack("{s:o}", "contact", rpc_text(args->words[0]));
        if (cli_has(args, OPT_CODE))
            cli_set(&params, "safety_number", rpc_text(args->value[OPT_CODE]));
        code = cli_ask(link, method, params, &result);
    }
    json_decref(result);
    json_decref(contact);
    cli_close(&link);
    if (code != CLI_OK)
        return code;
    return cli_done(args, "contact-verified",
                    json_pack("{s:o}", "contact", rpc_text(args->words[0])));
}

cli_exit cli_contact_block(const cli_args *args)
{
    const bool undo = cli_has(args, OPT_UNDO);
    return change(args, CLI_OFFLINE, "contact_block",
                  json_pack("{s:o, s:b}", "contact", rpc_text(args->words[0]),
                            "block", (int)!undo),
                  undo ? "contact-unblocked" : "contact-blocked");
}

cli_exit cli_contact_profile(const cli_args *args)
{
    return change(args, CLI_OFFLINE, "contact_set_profile",
                  json_pack("{s:o, s:o}", "contact", rpc_text(args->words[0]),
                            "profile", rpc_text(args->words[1])),
                  "contact-profile");
}

cli_exit cli_contact_remove(const cli_args *args)
{
    return change(args, CLI_ONLINE, "contact_remove",
                  json_pack("{s:o}", "contact", rpc_text(args->words[0])),
                  "contact-removed");
}
