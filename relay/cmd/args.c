#include <stdio.h>
#include <string.h>

#include "relay/cmd/cmd.h"

typedef struct option {
    const char *name;
    const char *short_name; /* NULL if none */
    bool *flag;             /* set, when it takes no value */
    const char **value;     /* stored here, when it takes one */
} option;

enum { WORD_MAX = 32 };

/* Levenshtein distance; words longer than WORD_MAX are far from everything. */
static unsigned distance(const char *a, const char *b)
{
    const size_t m = strlen(a), n = strlen(b);
    unsigned row[WORD_MAX + 1];
    if (m > WORD_MAX || n > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= m; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            const unsigned replace = diagonal + (a[i - 1] != b[j - 1]);
            unsigned best = row[j] + 1;
            diagonal = row[j];
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            row[j] = replace < best ? replace : best;
        }
    }
    return row[n];
}

const char *rl_nearest(const char *word, const char *const *candidates,
                       unsigned count)
{
    const char *best = NULL;
    unsigned least = 3; /* two slips of the finger are still a slip */
    for (unsigned i = 0; i < count; i++) {
        const unsigned d = distance(word, candidates[i]);
        if (d < least && d < strlen(candidates[i])) {
            least = d;
            best = candidates[i];
        }
    }
    return best;
}

static rl_exit unknown(const rl_args *args, const char *word,
                       const option *options, unsigned count)
{
    const char *names[16];
    const char *near;
    for (unsigned i = 0; i < count; i++)
        names[i] = options[i].name;
    near = rl_nearest(word, names, count);
    if (near != NULL)
        return rl_fail(args, RL_EXIT_USAGE,
                       "unknown option `%.40s`; did you mean `%s`?", word,
                       near);
    return rl_fail(args, RL_EXIT_USAGE,
                   "unexpected `%.40s`; --help lists the options", word);
}

/* Take argv[*i], and its value from argv[*i + 1] where it has one. */
static rl_exit take(rl_args *args, const option *options, unsigned count,
                    int argc, char **argv, int *i)
{
    const char *word = argv[*i];
    const size_t len = strcspn(word, "=");
    for (unsigned k = 0; k < count; k++) {
        const option *o = &options[k];
        const bool brief =
            o->short_name != NULL && strcmp(word, o->short_name) == 0;
        if (!brief &&
            (strlen(o->name) != len || strncmp(word, o->name, len) != 0))
            continue;
        if (o->flag != NULL) {
            if (!brief && word[len] == '=')
                return rl_fail(args, RL_EXIT_USAGE, "%s takes no value",
                               o->name);
            *o->flag = true;
            return RL_EXIT_OK;
        }
        if (*o->value != NULL)
            return rl_fail(args, RL_EXIT_USAGE, "%s is given twice", o->name);
        if (word[len] == '=') {
            *o->value = word + len + 1;
            return RL_EXIT_OK;
        }
        if (*i + 1 >= argc)
            return rl_fail(args, RL_EXIT_USAGE, "%s wants a value", o->name);
        *o->value = argv[++*i];
        return RL_EXIT_OK;
    }
    return unknown(args, word, options, count);
}

/* The options a command has besides those of every command, and whether it
 * takes one word more. */
static unsigned own_options(rl_args *out, const rl_cmd *cmd, option *own,
                            bool *operand)
{
    *operand = false;
    if (cmd->run == rl_cmd_init) {
        own[0] = (option){ "--listen", NULL, NULL, &out->listen };
        own[1] = (option){ "--operator", NULL, NULL, &out->operator_name };
        return 2;
    }
    if (cmd->run == rl_cmd_queue_block || cmd->run == rl_cmd_queue_unblock ||
        cmd->run == rl_cmd_queue_purge) {
        own[0] = (option){ "--id", NULL, NULL, &out->id };
        return 1;
    }
    *operand = cmd->run == rl_cmd_peer_add || cmd->run == rl_cmd_peer_remove;
    if (cmd->run == rl_cmd_peer_add) {
        own[0] = (option){ "--dial", NULL, NULL, &out->dial };
        return 1;
    }
    return 0;
}

rl_exit rl_args_parse(rl_args *out, const rl_cmd *cmd, int argc, char **argv)
{
    enum { COMMON = 5, OWN_MAX = 2 };
    option options[COMMON + OWN_MAX] = {
        { "--json", NULL, &out->json, NULL },
        { "--quiet", "-q", &out->quiet, NULL },
        { "--no-input", NULL, &out->no_input, NULL },
        { "--help", "-h", &out->help, NULL },
        { "--dir", NULL, NULL, &out->dir },
    };
    bool operand;
    const unsigned count =
        COMMON + own_options(out, cmd, options + COMMON, &operand);
    memset(out, 0, sizeof *out);
    /* First of all, so that the complaints below already obey it. */
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            out->json = true;
    for (int i = 0; i < argc; i++) {
        rl_exit code = RL_EXIT_OK;
        if (operand && out->operand == NULL && argv[i][0] != '-')
            out->operand = argv[i];
        else
            code = take(out, options, count, argc, argv, &i);
        if (code != RL_EXIT_OK)
            return code;
    }
    return RL_EXIT_OK;
}
