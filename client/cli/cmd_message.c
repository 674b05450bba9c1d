/* postern message and postern outbox: what is kept here. */
#include <string.h>
#include <unistd.h>

#include "client/cli/cli.h"

static void print_line(const json_t *m)
{
    const bool is_in = strcmp(cli_text(m, "direction"), "in") == 0;
    const json_t *text = json_object_get(m, "text");
    const char *when = cli_text(m, is_in ? "received_at" : "sent_at");
    (void)printf("%s  %s  %s ", cli_text(m, "id"), when, is_in ? "<" : ">");
    cli_puts(cli_text(m, is_in ? "from" : "to"));
    (void)fputs("  ", stdout);
    if (text != NULL) {
        cli_put(stdout, json_string_value(text), json_string_length(text), 4);
    } else {
        (void)fputs("file ", stdout);
        cli_puts(cli_text(json_object_get(m, "file"), "name"));
    }
    if (!is_in)
        (void)printf("  [%s]", cli_text(m, "state"));
    (void)putchar('\n');
}

cli_exit cli_message_list(const cli_args *args)
{
    json_t *params = json_object(), *list, *m;
    uint64_t limit;
    size_t i;
    cli_exit code = cli_number_of(args, OPT_LIMIT, 0, &limit);
    if (code != CLI_OK) {
        json_decref(params);
        return code;
    }
    cli_set(&params, "limit", json_integer((json_int_t)limit));
    if (args->word_count > 0)
        cli_set(&params, "contact", rpc_text(args->words[0]));
    code = cli_once(args, CLI_OFFLINE, "message_list", params, &list);
    if (code != CLI_OK)
        return code;
    json_array_foreach(list, i, m)
    {
        if (args->json)
            (void)cli_print_json(args, stdout, "message", m);
        else
            print_line(m);
    }
    json_decref(list);
    return cli_flush(args);
}

static cli_exit get(const cli_args *args, json_t **out)
{
    return cli_once(args, CLI_OFFLINE, "message_get",
                    json_pack("{s:o}", "id", rpc_text(args->words[0])), out);
}

cli_exit cli_message_show(const cli_args *args)
{
    json_t *m;
    const cli_exit code = get(args, &m);
    if (code != CLI_OK)
        return code;
    if (!args->json)
        print_line(m);
    return cli_done(args, "message", m);
}

cli_exit cli_message_export(const cli_args *args)
{
    const char *to = args->value[OPT_OUT];
    json_t *m;
    uint8_t *body;
    size_t len;
    cli_exit code = get(args, &m);
    if (code != CLI_OK)
        return code;
    if (!cli_body(m, &body, &len)) {
        code = cli_fail(args, CLI_INTERNAL, "no memory");
    } else if (to != NULL && strcmp(to, "-") != 0) {
        code = cli_write_new(args, to, body, len);
    } else {
        (void)fwrite(body, 1, len, stdout);
        code = cli_flush(args);
    }
    rpc_free(body);
    json_decref(m);
    if (code == CLI_OK && to != NULL && strcmp(to, "-") != 0)
        code = cli_done(args, "exported",
                        json_pack("{s:o, s:o}", "id", rpc_text(args->words[0]),
                                  "path", rpc_text(to)));
    return code;
}

/* Something done to one message, or with no word to all. */
static cli_exit change(const cli_args *args, cli_how how, const char *method,
                       const char *type)
{
    json_t *params = json_object(), *result;
    cli_exit code;
    if (args->word_count > 0)
        cli_set(&params, "id", rpc_text(args->words[0]));
    code = cli_once(args, how, method, json_incref(params), &result);
    json_decref(result);
    if (code == CLI_OK)
        return cli_done(args, type, params);
    json_decref(params);
    return code;
}

cli_exit cli_message_delete(const cli_args *args)
{
    return change(args, CLI_OFFLINE, "message_delete", "message-deleted");
}

/* Where each copy lies, or why it does not yet. */
static void print_copies(const json_t *o)
{
    const json_t *copies = json_object_get(o, "copies"), *copy;
    size_t i;
    json_array_foreach(copies, i, copy)
    {
        (void)fputs("    ", stdout);
        cli_puts(cli_text(copy, "relay"));
        (void)printf("  since %s  ", cli_text(copy, "since"));
        cli_puts(cli_text(copy, "reason"));
        (void)putchar('\n');
    }
}

cli_exit cli_outbox_list(const cli_args *args)
{
    json_t *list, *o;
    size_t i;
    const cli_exit code =
        cli_once(args, CLI_OFFLINE, "outbox_list", json_object(), &list);
    if (code != CLI_OK)
        return code;
    json_array_foreach(list, i, o)
    {
        if (args->json) {
            (void)cli_print_json(args, stdout, "outgoing", o);
            continue;
        }
        (void)printf("%s  %s  ", cli_text(o, "id"), cli_text(o, "state"));
        cli_puts(cli_text(o, "to"));
        (void)printf("  since %s  ", cli_text(o, "since"));
        cli_puts(cli_text(o, "reason"));
        (void)putchar('\n');
        print_copies(o);
    }
    if (json_array_size(list) == 0)
        cli_note(args, "nothing waits");
    json_decref(list);
    return cli_flush(args);
}

cli_exit cli_outbox_retry(const cli_args *args)
{
    return change(args, CLI_ONLINE, "outbox_retry", "outbox-retried");
}

cli_exit cli_outbox_cancel(const cli_args *args)
{
    return change(args, CLI_OFFLINE, "outbox_cancel", "outbox-cancelled");
}
