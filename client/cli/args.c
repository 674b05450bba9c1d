#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"

enum { WORD_MAX = 32 };

const cli_option cli_options[CLI_OPTIONS] = {
    [OPT_JSON] = { "--json", NULL, NULL, NULL, false, false,
                   "one JSON object per line" },
    [OPT_QUIET] = { "--quiet", "-q", NULL, NULL, false, false,
                    "errors and data only" },
    [OPT_NO_INPUT] = { "--no-input", NULL, NULL, NULL, false, false,
                       "never ask anything" },
    [OPT_HELP] = { "--help", "-h", NULL, NULL, false, false, "this text" },
    [OPT_VERSION] = { "--version", NULL, NULL, NULL, false, false,
                      "of the program" },
    [OPT_HOME] = { "--home", NULL, "DIR", NULL, false, false,
                   "the store (default $XDG_DATA_HOME/postern)" },
    [OPT_PASS_FD] = { "--passphrase-fd", NULL, "N", NULL, false, false,
                      "read the passphrase from descriptor N" },
    [OPT_PASS_FILE] = { "--passphrase-file", NULL, "FILE", NULL, false, false,
                        "or from a file of mode 0600" },
    [OPT_TIMEOUT] = { "--timeout", NULL, "TIME", NULL, false, false,
                      "wait at most so long: 500ms, 30s, 2m, 1h" },
    [OPT_RELAY] = { "--relay", NULL, "ADDRESS", NULL, false, true,
                    "use this relay; may be given again" },
    [OPT_NAME] = { "--name", NULL, "NAME", NULL, false, false,
                   "what it is called" },
    [OPT_QR] = { "--qr", NULL, "png:FILE", NULL, true, false,
                 "show a QR code on stderr, or write it to FILE" },
    [OPT_EXPIRES] = { "--expires", NULL, "TIME", NULL, false, false,
                      "void after so long: 12h, 7d, 30d" },
    [OPT_OFFLINE] = { "--offline", NULL, "FILE", NULL, false, false,
                      "write an invitation that needs no relay to be read" },
    [OPT_CODE] = { "--code", NULL, "CODE", NULL, false, false,
                   "the safety number the other side shows" },
    [OPT_UNDO] = { "--undo", NULL, NULL, NULL, false, false, "take it back" },
    [OPT_MESSAGE] = { "--message", "-m", "TEXT", NULL, false, false,
                      "send this text" },
    [OPT_FILE] = { "--file", "-f", "FILE", NULL, false, true,
                   "send this file; may be given again" },
    [OPT_LINES] = { "--lines", NULL, NULL, NULL, false, false,
                    "each line of stdin is a message" },
    [OPT_ID] = { "--id", NULL, "ID", NULL, false, false,
                 "sending again with the same ID sends nothing twice" },
    [OPT_PRIORITY] = { "--priority", NULL, "CLASS", "urgent|normal|bulk", false,
                       false, "urgent, normal or bulk" },
    [OPT_PROFILE] = { "--profile", NULL, "NAME", "normal|thin", false, false,
                      "thin where each kilobyte counts" },
    [OPT_WAIT] = { "--wait", NULL, "STATE", "queued|relay|delivered", false,
                   false, "until queued, relay (default) or delivered" },
    [OPT_FOLLOW] = { "--follow", NULL, NULL, NULL, false, false,
                     "go on for ever" },
    [OPT_COUNT_N] = { "--count", NULL, "N", NULL, false, false,
                      "end after N messages" },
    [OPT_OUT] = { "--out", "-o", "PATH", NULL, false, false,
                  "write there: received files (a directory), or a file" },
    [OPT_EXEC] = { "--exec", NULL, "CMD", NULL, false, false,
                   "run CMD for each; acknowledge if it ends with 0" },
    [OPT_NO_ACK] = { "--no-ack", NULL, NULL, NULL, false, false,
                     "look only: everything comes again" },
    [OPT_EVENTS] = { "--events", NULL, NULL, NULL, false, false,
                     "with --json: other events on stdout too" },
    [OPT_LIMIT] = { "--limit", NULL, "N", NULL, false, false,
                    "only the newest N" },
    [OPT_BACKUP_FD] = { "--backup-passphrase-fd", NULL, "N", NULL, false, false,
                        "read the backup's passphrase from there" },
    [OPT_BACKUP_FILE] = { "--backup-passphrase-file", NULL, "FILE", NULL, false,
                          false, "or from a file of mode 0600" },
    [OPT_NEW_FD] = { "--new-passphrase-fd", NULL, "N", NULL, false, false,
                     "read the new passphrase from descriptor N" },
    [OPT_NEW_FILE] = { "--new-passphrase-file", NULL, "FILE", NULL, false,
                       false, "or from a file of mode 0600" },
    [OPT_ACCESS_FD] = { "--access-secret-fd", NULL, "N", NULL, false, false,
                        "read the relay's access secret from descriptor N" },
    [OPT_ACCESS_FILE] = { "--access-secret-file", NULL, "FILE", NULL, false,
                          false, "or from a file of mode 0600" },
    [OPT_COPIES] = { "--copies", NULL, "N", NULL, false, false,
                     "each contact's mail lies on N relays: 1, 2 or 3" },
    [OPT_REPLACE] = { "--replace-after", NULL, "TIME", NULL, false, false,
                      "replace a relay that fails for so long: 12h, 2d" },
    [OPT_ROUTE] = { "--route", NULL, "NAME", "auto|direct|apart", false, false,
                    "how mail leaves: auto, direct or apart" },
    [OPT_SOCKET] = { "--socket", NULL, "PATH", NULL, false, false,
                     "serve at this Unix socket" },
    [OPT_STDIO] = { "--stdio", NULL, NULL, NULL, false, false,
                    "serve on standard input and output" },
};

/* Levenshtein distance; words longer than WORD_MAX are far from everything. */
static size_t distance(const char *a, const char *b)
{
    const size_t m = strlen(a), n = strlen(b);
    size_t row[WORD_MAX + 1];
    if (m > WORD_MAX || n > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; i <= m; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            const size_t replace = diagonal + (a[i - 1] != b[j - 1] ? 1 : 0);
            size_t best = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            if (replace < best)
                best = replace;
            row[j] = best;
        }
    }
    return row[n];
}

const char *cli_nearest(const char *word, const char *const *candidates,
                        size_t count)
{
    const char *best = NULL;
    size_t least = 3; /* two slips of the finger are still a slip */
    for (size_t i = 0; i < count; i++) {
        const size_t d = distance(word, candidates[i]);
        if (d < least && d < strlen(candidates[i])) {
            least = d;
            best = candidates[i];
        }
    }
    return best;
}

bool cli_has(const cli_args *args, cli_opt opt)
{
    return (args->given & CLI_BIT(opt)) != 0;
}

bool cli_duration(const char *text, uint64_t max_ms, uint64_t *out_ms)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = { { "ms", 1 },
                  { "s", 1000 },
                  { "m", UINT64_C(60) * 1000 },
                  { "h", UINT64_C(3600) * 1000 },
                  { "d", UINT64_C(86400) * 1000 } };
    const size_t digits = strspn(text, "0123456789");
    uint64_t v = 0;
    if (digits == 0 || digits > 10)
        return false;
    for (size_t i = 0; i < digits; i++)
        v = v * 10 + (uint64_t)(text[i] - '0');
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(text + digits, units[i].name) != 0)
            continue;
        *out_ms = v * units[i].ms; /* 10 digits of days fit */
        return *out_ms <= max_ms;
    }
    return false;
}

cli_exit cli_duration_of(const cli_args *args, cli_opt opt, uint64_t max_ms,
                         uint64_t otherwise, uint64_t *out_ms)
{
    *out_ms = otherwise;
    if (!cli_has(args, opt) ||
        (cli_duration(args->value[opt], max_ms, out_ms) && *out_ms > 0))
        return CLI_OK;
    return cli_fail(args, CLI_USAGE,
                    "%s wants a duration above 0 and up to %llu h, like 500ms, "
                    "10s, 2m or 7d, not `%.40s`",
                    cli_options[opt].name,
                    (unsigned long long)(max_ms / 3600000), args->value[opt]);
}

cli_exit cli_number_of(const cli_args *args, cli_opt opt, uint64_t otherwise,
                       uint64_t *out)
{
    const char *text = args->value[opt];
    *out = otherwise;
    if (!cli_has(args, opt))
        return CLI_OK;
    if (text[0] == 0 || strlen(text) > 9 ||
        text[strspn(text, "0123456789")] != 0)
        return cli_fail(args, CLI_USAGE, "%s wants a number, not `%.40s`",
                        cli_options[opt].name, text);
    *out = strtoull(text, NULL, 10);
    return CLI_OK;
}

static cli_exit unknown(const cli_args *args, const char *word)
{
    const char *names[CLI_OPTIONS];
    const char *near;
    for (size_t i = 0; i < CLI_OPTIONS; i++)
        names[i] = cli_options[i].name;
    near = cli_nearest(word, names, CLI_OPTIONS);
    if (near != NULL)
        return cli_fail(args, CLI_USAGE,
                        "unknown option `%.40s`; did you mean `%s`?", word,
                        near);
    return cli_fail(args, CLI_USAGE,
                    "unknown option `%.40s`; --help lists the options", word);
}

/* Whether `value` is one of "a|b|c". */
static bool is_choice(const char *choice, const char *value)
{
    const size_t len = strlen(value);
    while (*choice != 0) {
        const size_t n = strcspn(choice, "|");
        if (n == len && strncmp(choice, value, n) == 0)
            return true;
        choice += n + (choice[n] == '|' ? 1 : 0);
    }
    return false;
}

static cli_exit store(cli_args *args, cli_opt opt, const char *value)
{
    const cli_option *o = &cli_options[opt];
    if (o->choice != NULL && !is_choice(o->choice, value))
        return cli_fail(args, CLI_USAGE, "%s is one of %s, not `%.40s`",
                        o->name, o->choice, value);
    if (o->is_list && args->list_count == CLI_WORDS_MAX)
        return cli_fail(args, CLI_USAGE, "%s is given too often", o->name);
    if (o->is_list)
        args->list[args->list_count++] = value;
    else if (o->meta != NULL && cli_has(args, opt))
        return cli_fail(args, CLI_USAGE, "%s is given twice", o->name);
    args->given |= CLI_BIT(opt);
    args->value[opt] = value;
    return CLI_OK;
}

/* Take the option argv[*i], and its value where it has one. */
static cli_exit take(cli_args *args, int argc, char **argv, int *i)
{
    const char *word = argv[*i];
    const size_t len = strcspn(word, "=");
    for (size_t k = 0; k < CLI_OPTIONS; k++) {
        const cli_option *o = &cli_options[k];
        const bool brief = o->brief != NULL && strcmp(word, o->brief) == 0;
        const bool has_value = !brief && word[len] == '=';
        if (!brief &&
            (strlen(o->name) != len || strncmp(word, o->name, len) != 0))
            continue;
        if (o->meta == NULL && has_value)
            return cli_fail(args, CLI_USAGE, "%s takes no value", o->name);
        if (has_value)
            return store(args, (cli_opt)k, word + len + 1);
        if (o->meta == NULL || o->is_optional)
            return store(args, (cli_opt)k, "");
        if (*i + 1 >= argc)
            return cli_fail(args, CLI_USAGE, "%s wants a value", o->name);
        return store(args, (cli_opt)k, argv[++*i]);
    }
    return unknown(args, word);
}

cli_exit cli_args_parse(cli_args *out, int argc, char **argv)
{
    bool options_end = false;
    memset(out, 0, sizeof *out);
    /* First of all, so that the complaints below already obey it. */
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            out->json = true;
    for (int i = 1; i < argc; i++) {
        if (!options_end && strcmp(argv[i], "--") == 0) {
            options_end = true;
        } else if (!options_end && argv[i][0] == '-' && argv[i][1] != 0) {
            const cli_exit code = take(out, argc, argv, &i);
            if (code != CLI_OK)
                return code;
        } else if (out->word_count == CLI_WORDS_MAX) {
            return cli_fail(out, CLI_USAGE, "too many words");
        } else {
            out->words[out->word_count++] = argv[i];
        }
    }
    out->quiet = cli_has(out, OPT_QUIET);
    out->no_input = cli_has(out, OPT_NO_INPUT);
    return CLI_OK;
}
