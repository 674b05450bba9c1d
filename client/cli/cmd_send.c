/* postern send: into the outbox, durably; then, as far as asked, to a relay or
 * to the contact. */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "client/cli/cli.h"

#define DAY_MS ((uint64_t)86400 * 1000)

enum { WAIT_MS = 30000, TRIES = 3, OTHERS_MS = 4000, STEP_MS = 50 };

typedef struct sending {
    const cli_args *args;
    cli_link *link;
    const char *wait; /* NULL: queued is enough */
    uint64_t wait_ms, expires_ms;
    unsigned count; /* messages before this one */
    char last[64];  /* of --lines: the latest that a relay has */
    cli_exit kept;  /* CLI_KEPT once a message did not get as far as asked */
} sending;

/* Ours or the caller's: with it, sending the same again after a server went
 * away in the middle sends nothing twice. */
static json_t *key_of(const sending *s)
{
    uint8_t random[16];
    char key[192];
    if (cli_has(s->args, OPT_ID) && s->count == 0)
        return rpc_text(s->args->value[OPT_ID]);
    if (cli_has(s->args, OPT_ID)) {
        (void)snprintf(key, sizeof key, "%.120s/%u", s->args->value[OPT_ID],
                       s->count);
        return rpc_text(key);
    }
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return NULL;
    for (size_t i = 0; i < sizeof random; i++)
        (void)snprintf(key + 2 * i, 3, "%02x", (unsigned)random[i]);
    return json_string(key);
}

/* The message in the outbox; NULL if it is not there. The caller frees it. */
static json_t *in_outbox(sending *s, const char *id)
{
    json_t *list = NULL, *o, *found = NULL;
    rpc_error why;
    size_t i;
    if (cli_try(s->link, "outbox_list", json_object(), &list, &why) !=
        POSTERN_OK)
        return NULL;
    json_array_foreach(list, i, o)
    {
        if (strcmp(cli_text(o, "id"), id) == 0)
            found = json_incref(o);
    }
    json_decref(list);
    return found;
}

static bool may_come_soon(const json_t *outgoing)
{
    const json_t *copies = json_object_get(outgoing, "copies"), *copy;
    size_t i;
    json_array_foreach(copies, i, copy)
    {
        if (!cli_true(copy, "held") &&
            strncmp(cli_text(copy, "reason"), "relay unreachable: ", 19) != 0)
            return true;
    }
    return false;
}

static long long in_custody(const json_t *outgoing)
{
    const json_t *copies = json_object_get(outgoing, "copies"), *copy;
    long long count = 0;
    size_t i;
    json_array_foreach(copies, i, copy) count +=
        cli_true(copy, "custody") ? 1 : 0;
    return count;
}

/* One relay has it. The others get `ms`, so that one command leaves its message
 * on all that answer. Counts those that have it, of how many, and those it is
 * still being brought to. */
static void wait_for_others(sending *s, const char *id, int ms,
                            long long counts[3])
{
    for (int left = ms; left >= 0; left -= STEP_MS) {
        json_t *o = in_outbox(s, id);
        const bool again = may_come_soon(o);
        counts[0] = json_integer_value(json_object_get(o, "held"));
        counts[1] = (long long)json_array_size(json_object_get(o, "copies"));
        counts[2] = in_custody(o);
        json_decref(o);
        if (!again)
            return;
        (void)poll(NULL, 0, STEP_MS);
    }
}

static cli_exit report(sending *s, const char *id, const char *state)
{
    cli_exit code = CLI_OK;
    const bool is_line = cli_has(s->args, OPT_LINES);
    long long counts[3] = { 0, 0, 0 };
    if (strcmp(state, "relayed") == 0) {
        wait_for_others(s, id, is_line ? 0 : OTHERS_MS, counts);
        (void)snprintf(s->last, sizeof s->last, "%s", id);
    }
    if (counts[1] > 1)
        cli_note(s->args, "%lld of %lld relays hold it", counts[0], counts[1]);
    if (counts[2] > 0)
        cli_note(s->args,
                 "a relay of yours has it in custody, and brings it to %lld "
                 "relay%s of the contact",
                 counts[2], counts[2] == 1 ? "" : "s");
    if (s->args->json) {
        json_t *o = json_pack("{s:s, s:o, s:s}", "id", id, "to",
                              rpc_text(s->args->words[0]), "state", state);
        if (counts[1] > 0) {
            (void)json_object_set_new(o, "held", json_integer(counts[0]));
            (void)json_object_set_new(o, "relays", json_integer(counts[1]));
            (void)json_object_set_new(o, "custody", json_integer(counts[2]));
        }
        code = cli_print_json(s->args, stdout, "sent", o);
        json_decref(o);
    } else {
        (void)printf("%s\n", id);
    }
    return code == CLI_OK ? cli_flush(s->args) : code;
}

static cli_exit wait_for(sending *s, const char *id)
{
    json_t *result = NULL, *outgoing;
    const char *reason;
    rpc_error why;
    cli_exit code;
    const int error =
        s->wait == NULL
            ? POSTERN_OK
            : cli_try(s->link, "wait",
                      json_pack("{s:s, s:s, s:I}", "id", id, "state", s->wait,
                                "timeout_ms", (json_int_t)s->wait_ms),
                      &result, &why);
    json_decref(result);
    if (error == POSTERN_OK)
        return report(s, id, s->wait == NULL ? "queued" : s->wait);
    if (error != POSTERN_E_TIMEOUT && error != POSTERN_E_CLOSED)
        return cli_explain(s->args, error, why.text, false);
    code = report(s, id, "queued");
    if (code != CLI_OK)
        return code;
    s->kept = CLI_KEPT;
    outgoing = in_outbox(s, id);
    reason = cli_text(outgoing, "reason");
    code = cli_fail(s->args, CLI_KEPT,
                    "message %s is kept here and not %s yet%s%s; it is tried "
                    "on whenever the store is open, and `postern outbox list` "
                    "says how it is",
                    id, s->wait, reason[0] == 0 ? "" : ": ", reason);
    json_decref(outgoing);
    return code;
}

/* Send one; `body` (taken) holds its text or file. CLI_KEPT is no reason to
 * stop. */
static cli_exit send_one(sending *s, json_t *body)
{
    json_t *result = NULL;
    rpc_error why = { POSTERN_E_NOMEM, "no memory" };
    cli_exit code = CLI_OK;
    int error = POSTERN_E_CLOSED;
    cli_set(&body, "contact", rpc_text(s->args->words[0]));
    cli_set(&body, "id", key_of(s));
    cli_set(&body, "expires_in_ms", json_integer((json_int_t)s->expires_ms));
    if (cli_has(s->args, OPT_PRIORITY))
        cli_set(&body, "priority", json_string(s->args->value[OPT_PRIORITY]));
    for (int i = 0; i < TRIES && error == POSTERN_E_CLOSED && code == CLI_OK;
         i++) {
        error = cli_try(s->link, "send", json_incref(body), &result, &why);
        if (error == POSTERN_E_CLOSED) {
            cli_close(&s->link);
            code = cli_open(&s->link, s->args, CLI_ONLINE);
        }
    }
    json_decref(body);
    if (code == CLI_OK && error != POSTERN_OK)
        code = cli_explain(s->args, error, why.text, true);
    if (code == CLI_OK)
        code = wait_for(s, cli_text(result, "id"));
    json_decref(result);
    s->count++;
    return code == CLI_KEPT ? CLI_OK : code;
}

static cli_exit send_text(sending *s, const uint8_t *text, size_t len)
{
    if (len == 0)
        return cli_fail(s->args, CLI_MALFORMED,
                        "an empty text is not sent; say -m TEXT, --file, or "
                        "write it to stdin");
    if (!rpc_is_utf8(text, len))
        return cli_fail(s->args, CLI_MALFORMED,
                        "the text is no UTF-8; send it as a --file");
    if (len > POSTERN_MESSAGE_MAX)
        return cli_fail(s->args, CLI_MALFORMED,
                        "the text has %zu bytes; a message holds %d: split it",
                        len, POSTERN_MESSAGE_MAX);
    return send_one(
        s, json_pack("{s:o}", "text", json_stringn((const char *)text, len)));
}

static cli_exit send_file(sending *s, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    uint8_t *bytes;
    size_t len;
    cli_exit code = cli_read(s->args, path, POSTERN_MESSAGE_MAX, &bytes, &len);
    if (code != CLI_OK)
        return code;
    code =
        send_one(s, json_pack("{s:o, s:o}", "file_name",
                              rpc_text(strcmp(path, "-") == 0 ? "stdin" : name),
                              "file_base64", rpc_base64(bytes, len)));
    rpc_free(bytes);
    return code;
}

/* Each line of stdin, as it comes. No line waits until all relays have the one
 * before it, or a dead relay would hold up each; the end waits, once. */
static cli_exit send_lines(sending *s)
{
    long long counts[3];
    uint8_t *line = rpc_alloc(POSTERN_MESSAGE_MAX + 2);
    size_t len = 0;
    cli_exit code = CLI_OK;
    int c = 0;
    if (line == NULL)
        return cli_fail(s->args, CLI_INTERNAL, "no memory");
    while (code == CLI_OK && c != EOF) {
        c = getc(stdin);
        if (c == '\n' || (c == EOF && len > 0)) {
            if (len > 0)
                code = send_text(s, line, len);
            len = 0;
        } else if (c != EOF && len <= POSTERN_MESSAGE_MAX) {
            line[len++] = (uint8_t)c;
        }
    }
    if (code == CLI_OK && ferror(stdin) != 0)
        code = cli_fail(s->args, CLI_IO, "cannot read standard input");
    if (s->last[0] != 0 && s->link != NULL) /* it may have been lost */
        wait_for_others(s, s->last, OTHERS_MS, counts);
    rpc_free(line);
    return code;
}

static cli_exit send_stdin(sending *s)
{
    uint8_t *text;
    size_t len;
    cli_exit code;
    if (isatty(STDIN_FILENO) == 1)
        cli_note(s->args, "Write the message; Ctrl-D ends it.");
    code = cli_read(s->args, "-", POSTERN_MESSAGE_MAX, &text, &len);
    if (code != CLI_OK)
        return code;
    /* `echo` means the words, not the newline behind them. */
    if (len > 0 && text[len - 1] == '\n')
        len--;
    code = send_text(s, text, len);
    rpc_free(text);
    return code;
}

static cli_exit send_all(sending *s)
{
    const cli_args *args = s->args;
    const char *text = args->value[OPT_MESSAGE];
    cli_exit code = CLI_OK;
    if (cli_has(args, OPT_FILE)) {
        for (size_t i = 0; i < args->list_count && code == CLI_OK; i++)
            code = send_file(s, args->list[i]);
        /* --file A B C */
        for (size_t i = 1; i < args->word_count && code == CLI_OK; i++)
            code = send_file(s, args->words[i]);
        return code;
    }
    if (cli_has(args, OPT_MESSAGE) && strcmp(text, "-") != 0)
        return send_text(s, (const uint8_t *)text, strlen(text));
    return cli_has(args, OPT_LINES) ? send_lines(s) : send_stdin(s);
}

cli_exit cli_send(const cli_args *args)
{
    sending s = { .args = args, .wait = "relayed" };
    cli_exit code;
    if (cli_has(args, OPT_WAIT))
        s.wait = strcmp(args->value[OPT_WAIT], "queued") == 0  ? NULL
                 : strcmp(args->value[OPT_WAIT], "relay") == 0 ? "relayed"
                                                               : "delivered";
    if (cli_has(args, OPT_MESSAGE) + cli_has(args, OPT_FILE) +
            cli_has(args, OPT_LINES) >
        1)
        return cli_fail(args, CLI_USAGE,
                        "one of --message, --file and --lines, not several");
    if (!cli_has(args, OPT_FILE) && args->word_count > 1)
        return cli_fail(args, CLI_USAGE,
                        "unexpected `%.40s`; the text goes behind -m, or to "
                        "stdin",
                        args->words[1]);
    code = cli_duration_of(args, OPT_EXPIRES, 90 * DAY_MS, 0, &s.expires_ms);
    if (code == CLI_OK)
        code = cli_duration_of(args, OPT_TIMEOUT, RPC_WAIT_MAX_MS, WAIT_MS,
                               &s.wait_ms);
    if (code == CLI_OK)
        code = cli_open(&s.link, args, CLI_ONLINE);
    if (code != CLI_OK)
        return code;
    code = send_all(&s);
    cli_close(&s.link);
    return code == CLI_OK ? s.kept : code;
}
