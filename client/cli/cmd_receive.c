/* postern receive: give what came, then acknowledge it. The order is the
 * point: a line is flushed, a file is on the disk, a command has ended with 0
 * before the relay may forget the message. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/cli/cli.h"

enum {
    WAIT_MS = 30000,
    DRAIN_MS = 300,   /* how long "that was all" is waited for */
    BACKOFF_MS = 500, /* after a command that failed; doubled each time */
    BACKOFF_MAX_MS = 60000
};

typedef struct receiving {
    const cli_args *args;
    cli_link *link;
    uint64_t count, given;
    uint64_t until_ms;            /* UINT64_MAX: never */
    bool has_failed;              /* the last command did */
    char failed[POSTERN_ID_SIZE]; /* the first message that did, since one
                                     succeeded */
    uint64_t backoff_ms;
} receiving;

static uint64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static cli_exit tell(receiving *r, const char *method, const json_t *event)
{
    const json_t *sequence = json_object_get(event, "sequence");
    json_t *result;
    cli_exit code;
    if (json_integer_value(sequence) == 0)
        return CLI_OK;
    code = cli_ask(r->link, method,
                   json_pack("{s:I}", "sequence", json_integer_value(sequence)),
                   &result);
    json_decref(result);
    return code;
}

/* Not a message: a word aside, or with --events a line. */
static cli_exit take_other(receiving *r, const json_t *event)
{
    const char *type = cli_text(event, "type");
    const char *reason = cli_text(event, "reason");
    if (strcmp(type, "relay-state") == 0 && !cli_has(r->args, OPT_EVENTS))
        return CLI_OK;
    if (r->args->json) {
        FILE *to = cli_has(r->args, OPT_EVENTS) ? stdout : stderr;
        return to == stdout || !r->args->quiet
                   ? cli_print_json(r->args, to, type, event)
                   : CLI_OK;
    }
    cli_note(r->args, "%s%s%s%s%s", cli_text(event, "from"),
             cli_text(event, "from")[0] == 0 ? "" : ": ", type,
             reason[0] == 0 ? "" : ": ", reason);
    return CLI_OK;
}

static void print_text(const json_t *m)
{
    const json_t *text = json_object_get(m, "text");
    const json_t *file = json_object_get(m, "file");
    const char *from = cli_text(m, "from");
    cli_puts(from);
    (void)fputs(": ", stdout);
    if (text != NULL) {
        cli_put(stdout, json_string_value(text), json_string_length(text),
                (int)strlen(from) + 2);
    } else {
        (void)fputs("file ", stdout);
        cli_puts(cli_text(file, "name"));
        if (cli_text(file, "path")[0] != 0) {
            (void)fputs(" -> ", stdout);
            cli_puts(cli_text(file, "path"));
        } else {
            (void)printf(" (kept here: `postern message export %s`)",
                         cli_text(m, "id"));
        }
    }
    (void)putchar('\n');
}

/* The object as it is printed: without what only this program needs, the file
 * with its path instead of its bytes. NULL without memory for all of it, which
 * json_deep_copy() would leave out. */
static json_t *shown(const json_t *event, const char *path)
{
    json_t *m = json_deep_copy(event);
    json_t *file = json_object_get(m, "file");
    bool is_whole = m != NULL && json_equal(m, event);
    (void)json_object_del(m, "sequence");
    if (file != NULL) {
        (void)json_object_del(file, "base64");
        is_whole =
            is_whole && json_object_set_new(file, "path",
                                            path[0] == 0 ? json_null()
                                                         : rpc_text(path)) == 0;
    }
    if (!is_whole) {
        json_decref(m);
        return NULL;
    }
    return m;
}

static cli_exit print(receiving *r, const json_t *event, const char *path)
{
    json_t *m = shown(event, path);
    cli_exit code = CLI_OK;
    if (m == NULL)
        return cli_fail(r->args, CLI_INTERNAL, "no memory");
    if (r->args->json)
        code = cli_print_json(r->args, stdout, "message", m);
    else
        print_text(m);
    json_decref(m);
    return code == CLI_OK ? cli_flush(r->args) : code;
}

static cli_exit run(receiving *r, const json_t *event, const char *path,
                    const uint8_t *body, size_t len)
{
    const char *command = r->args->value[OPT_EXEC];
    json_t *m = shown(event, path), *line;
    char *text = NULL;
    if (r->args->json && m != NULL) {
        line = json_pack("{s:i}", "v", 1);
        if (line != NULL && json_object_update(line, m) == 0)
            text = rpc_dump(line, &len);
        json_decref(line);
        body = (const uint8_t *)text;
    }
    r->has_failed = m == NULL || body == NULL ||
                    !cli_run_command(command, m, path, body, len);
    rpc_free(text);
    json_decref(m);
    if (r->has_failed)
        return cli_fail(r->args, CLI_OTHER,
                        "the command failed on message %s, which is kept and "
                        "given again",
                        cli_text(event, "id"));
    return r->args->json ? print(r, event, path) : CLI_OK;
}

static cli_exit take_message(receiving *r, const json_t *event)
{
    const json_t *file = json_object_get(event, "file");
    char path[CLI_PATH_SIZE] = "";
    uint8_t *body = NULL;
    size_t len = 0;
    cli_exit code = CLI_OK;
    if (!cli_body(event, &body, &len))
        return cli_fail(r->args, CLI_INTERNAL, "no memory");
    if (file != NULL && cli_has(r->args, OPT_OUT))
        code =
            cli_save(r->args, r->args->value[OPT_OUT], cli_text(file, "name"),
                     body, len, cli_true(event, "again"), path);
    if (code == CLI_OK)
        code = cli_has(r->args, OPT_EXEC) ? run(r, event, path, body, len)
                                          : print(r, event, path);
    rpc_free(body);
    return code;
}

/* A command failed. Going on, pause more and more; otherwise give the others
 * their turn, and end when this one comes round again. */
static cli_exit after_failure(receiving *r, const json_t *event)
{
    const char *id = cli_text(event, "id");
    struct timespec pause;
    const cli_exit code = tell(r, "event_return", event);
    if (code != CLI_OK)
        return code;
    if (!cli_has(r->args, OPT_FOLLOW)) {
        if (strcmp(r->failed, id) == 0)
            return CLI_OTHER;
        if (r->failed[0] == 0)
            (void)snprintf(r->failed, sizeof r->failed, "%s", id);
        return CLI_OK;
    }
    r->backoff_ms = r->backoff_ms == 0 ? BACKOFF_MS : r->backoff_ms * 2;
    if (r->backoff_ms > BACKOFF_MAX_MS)
        r->backoff_ms = BACKOFF_MAX_MS;
    pause.tv_sec = (time_t)(r->backoff_ms / 1000);
    pause.tv_nsec = (long)(r->backoff_ms % 1000) * 1000000;
    (void)nanosleep(&pause, NULL); /* a signal ends it */
    return CLI_OK;
}

static cli_exit take(receiving *r, const json_t *event)
{
    const bool is_mail = strcmp(cli_text(event, "type"), "message") == 0;
    cli_exit code;
    r->has_failed = false;
    code = is_mail ? take_message(r, event) : take_other(r, event);
    if (r->has_failed)
        return after_failure(r, event);
    if (code == CLI_OK && !cli_has(r->args, OPT_NO_ACK))
        code = tell(r, "event_ack", event);
    if (code == CLI_OK && is_mail) {
        r->given++;
        r->backoff_ms = 0;
    }
    return code;
}

/* How long to wait for the next; 0 ends it. */
static uint64_t patience(const receiving *r)
{
    const uint64_t now = now_ms();
    const uint64_t left = r->until_ms <= now ? 0 : r->until_ms - now;
    const bool takes_all =
        !cli_has(r->args, OPT_FOLLOW) && !cli_has(r->args, OPT_COUNT_N);
    if (cli_stopping != 0 || (r->count > 0 && r->given >= r->count))
        return 0;
    if (takes_all && r->given > 0 && left > DRAIN_MS)
        return DRAIN_MS;
    return left < RPC_WAIT_MAX_MS ? left : RPC_WAIT_MAX_MS;
}

static cli_exit loop(receiving *r)
{
    cli_exit code = CLI_OK;
    for (;;) {
        const uint64_t wait_ms = patience(r);
        json_t *event = NULL;
        rpc_error why;
        int error;
        if (wait_ms == 0)
            break;
        error = cli_try(r->link, "next_event",
                        json_pack("{s:I}", "timeout_ms", (json_int_t)wait_ms),
                        &event, &why);
        if (error == POSTERN_E_TIMEOUT)
            break; /* a signal */
        if (error == POSTERN_OK && json_is_null(event)) {
            if (r->given > 0 && wait_ms == DRAIN_MS)
                break;
            continue;
        }
        code = error == POSTERN_OK
                   ? take(r, event)
                   : cli_explain(r->args, error, why.text, false);
        json_decref(event);
        if (code != CLI_OK)
            return code;
    }
    if (r->failed[0] != 0)
        return CLI_OTHER;
    if (r->given > 0 || cli_stopping != 0)
        return CLI_OK;
    cli_note(r->args, "no message came");
    return CLI_NOTHING;
}

cli_exit cli_receive(const cli_args *args)
{
    receiving r = { .args = args, .until_ms = UINT64_MAX };
    uint64_t wait_ms;
    cli_exit code = cli_duration_of(
        args, OPT_TIMEOUT, UINT64_MAX / 2,
        cli_has(args, OPT_FOLLOW) ? UINT64_MAX / 2 : WAIT_MS, &wait_ms);
    if (code == CLI_OK)
        code = cli_number_of(args, OPT_COUNT_N, 0, &r.count);
    if (code == CLI_OK && cli_has(args, OPT_COUNT_N) && r.count == 0)
        code = cli_fail(args, CLI_USAGE, "--count is at least 1");
    if (code == CLI_OK && cli_has(args, OPT_OUT) &&
        access(args->value[OPT_OUT], W_OK | X_OK) != 0)
        code = cli_fail(args, CLI_IO,
                        "%s is no directory to write to; make it first",
                        args->value[OPT_OUT]);
    if (code != CLI_OK)
        return code;
    cli_catch_signals();
    code = cli_open(&r.link, args, CLI_SHARED);
    if (code != CLI_OK)
        return code;
    r.until_ms = now_ms() + wait_ms;
    code = loop(&r);
    cli_close(&r.link);
    return code;
}
