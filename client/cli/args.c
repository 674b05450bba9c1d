#include <string.h>

#include "client/cli/cli.h"

typedef struct option {
    const char *name;
    const char *short_name; /* NULL if none */
    bool *flag;             /* set, when it takes no value */
    const char **value;     /* stored here, when it takes one */
} option;

enum { OPTIONS = 6, WORD_MAX = 32 };

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

bool cli_duration(const char *text, uint32_t *out_ms)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = { { "ms", 1 },
                  { "s", 1000 },
                  { "m", 60 * 1000 },
                  { "h", 3600 * 1000 },
                  { "d", 86400 * 1000 } };
    const size_t digits = strspn(text, "0123456789");
    uint64_t v = 0;
    if (digits == 0 || digits > 10)
        return false;
    for (size_t i = 0; i < digits; i++)
        v = v * 10 + (uint64_t)(text[i] - '0');
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(text + digits, units[i].name) != 0)
            continue;
        if (v > UINT32_MAX / units[i].ms)
            return false;
        *out_ms = (uint32_t)(v * units[i].ms);
        return true;
    }
    return false;
}

static cli_exit unknown(const cli_args *args, const char *word,
                        const option options[OPTIONS])
{
    const char *names[OPTIONS];
    const char *near;
    for (size_t i = 0; i < OPTIONS; i++)
        names[i] = options[i].name;
    near = cli_nearest(word, names, OPTIONS);
    if (near != NULL)
        return cli_fail(args, CLI_USAGE,
                        "unknown option `%.40s`; did you mean `%s`?", word,
                        near);
    return cli_fail(args, CLI_USAGE,
                    "unknown option `%.40s`; --help lists the options", word);
}

/* Take the option argv[*i], and its value where it has one. */
static cli_exit take(const cli_args *args, const option options[OPTIONS],
                     int argc, char **argv, int *i)
{
    const char *word = argv[*i];
    const size_t len = strcspn(word, "=");
    for (size_t k = 0; k < OPTIONS; k++) {
        const option *o = &options[k];
        const bool brief =
            o->short_name != NULL && strcmp(word, o->short_name) == 0;
        if (!brief &&
            (strlen(o->name) != len || strncmp(word, o->name, len) != 0))
            continue;
        if (o->flag != NULL) {
            if (!brief && word[len] == '=')
                return cli_fail(args, CLI_USAGE, "%s takes no value", o->name);
            *o->flag = true;
            return CLI_OK;
        }
        if (*o->value != NULL)
            return cli_fail(args, CLI_USAGE, "%s is given twice", o->name);
        if (word[len] == '=') {
            *o->value = word + len + 1;
            return CLI_OK;
        }
        if (*i + 1 >= argc)
            return cli_fail(args, CLI_USAGE, "%s wants a value", o->name);
        *o->value = argv[++*i];
        return CLI_OK;
    }
    return unknown(args, word, options);
}

cli_exit cli_args_parse(cli_args *out, int argc, char **argv)
{
    const option options[OPTIONS] = {
        { "--json", NULL, &out->json, NULL },
        { "--quiet", "-q", &out->quiet, NULL },
        { "--no-input", NULL, &out->no_input, NULL },
        { "--help", "-h", &out->help, NULL },
        { "--version", NULL, &out->version, NULL },
        { "--timeout", NULL, NULL, &out->timeout },
    };
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
            const cli_exit code = take(out, options, argc, argv, &i);
            if (code != CLI_OK)
                return code;
        } else if (out->word_count == CLI_WORDS_MAX) {
            return cli_fail(out, CLI_USAGE, "too many words");
        } else {
            out->words[out->word_count++] = argv[i];
        }
    }
    return CLI_OK;
}
