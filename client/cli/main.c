/* postern, the command line: finds the command and runs it, nothing else. */
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client/cli/cli.h"

/* The leak checker of a test build has to look into its process. */
#if defined(__SANITIZE_ADDRESS__)
#define IS_DUMPABLE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_DUMPABLE 1
#endif
#endif
#ifndef IS_DUMPABLE
#define IS_DUMPABLE 0
#endif

enum { COMMANDS_MAX = 64 };

/* Whether the words begin with the name; *used says how many are the name. */
static bool is_named(const cli_args *args, const char *name, size_t *used)
{
    const size_t first = strcspn(name, " ");
    if (args->word_count == 0 || strlen(args->words[0]) != first ||
        strncmp(args->words[0], name, first) != 0)
        return false;
    *used = name[first] == 0 ? 1 : 2;
    return name[first] == 0 || (args->word_count > 1 &&
                                strcmp(args->words[1], name + first + 1) == 0);
}

static const cli_command *find(const cli_args *args, size_t *used)
{
    for (size_t i = 0; i < cli_command_count; i++)
        if (is_named(args, cli_commands[i].name, used))
            return &cli_commands[i];
    return NULL;
}

/* Names the commands whose first of two words is this, if there are any. */
static bool list_of(const char *first, char *list, size_t cap)
{
    const size_t len = strlen(first);
    size_t used = 0;
    for (size_t i = 0; i < cli_command_count && used < cap; i++) {
        const char *name = cli_commands[i].name;
        if (strncmp(name, first, len) == 0 && name[len] == ' ')
            used += (size_t)snprintf(list + used, cap - used, "%s`%s`",
                                     used == 0 ? "" : ", ", name);
    }
    return used > 0;
}

static cli_exit unknown(const cli_args *args)
{
    const char *names[COMMANDS_MAX] = { "help" };
    char typed[96], list[256];
    const char *near;
    const bool is_half = list_of(args->words[0], list, sizeof list);
    (void)snprintf(typed, sizeof typed, "%.40s", args->words[0]);
    for (size_t i = 0; i < cli_command_count; i++)
        names[i + 1] = cli_commands[i].name;
    near = is_half ? NULL : cli_nearest(typed, names, cli_command_count + 1);
    if (near == NULL && args->word_count > 1) {
        (void)snprintf(typed, sizeof typed, "%.40s %.40s", args->words[0],
                       args->words[1]);
        near = cli_nearest(typed, names, cli_command_count + 1);
    }
    if (near != NULL)
        return cli_fail(args, CLI_USAGE,
                        "unknown command `%s`; did you mean `%s`?", typed,
                        near);
    if (is_half)
        return cli_fail(args, CLI_USAGE, "unknown command `%s`; want one of %s",
                        typed, list);
    return cli_fail(args, CLI_USAGE,
                    "unknown command `%s`; `postern help` lists them", typed);
}

static cli_exit run(const cli_args *args, const cli_command *c, size_t used)
{
    const uint64_t foreign = args->given & ~(c->options | CLI_COMMON);
    cli_args rest = *args;
    rest.word_count -= used;
    memmove(rest.words, rest.words + used,
            rest.word_count * sizeof rest.words[0]);
    if (rest.word_count < c->least)
        return cli_fail(args, CLI_USAGE, "`postern %s` wants %s", c->name,
                        c->operands);
    if (rest.word_count > c->most)
        return cli_fail(args, CLI_USAGE,
                        "unexpected `%.40s`; see `postern %s --help`",
                        rest.words[c->most], c->name);
    for (size_t i = 0; i < CLI_OPTIONS; i++)
        if ((foreign & CLI_BIT(i)) != 0)
            return cli_fail(args, CLI_USAGE, "`postern %s` takes no %s",
                            c->name, cli_options[i].name);
    return c->run(&rest);
}

static cli_exit dispatch(int argc, char **argv)
{
    const cli_command *c;
    cli_args args;
    size_t used;
    bool wants_help;
    const cli_exit code = cli_args_parse(&args, argc, argv);
    if (code != CLI_OK)
        return code;
    wants_help = cli_has(&args, OPT_HELP);
    if (args.word_count > 0 && strcmp(args.words[0], "help") == 0) {
        wants_help = true;
        args.word_count--;
        memmove(args.words, args.words + 1,
                args.word_count * sizeof args.words[0]);
    }
    if (args.word_count == 0 && wants_help)
        return cli_help(&args);
    if (args.word_count == 0 && cli_has(&args, OPT_VERSION))
        return cli_version(&args);
    if (args.word_count == 0)
        return cli_fail(&args, CLI_USAGE,
                        "no command given; `postern help` lists them");
    c = find(&args, &used);
    if (c == NULL)
        return unknown(&args);
    return wants_help ? cli_help_of(&args, c) : run(&args, c, used);
}

/* A standard stream closed by whoever started us would leave its number to the
 * next file or socket opened, and our messages to that. /dev/null takes it,
 * open the other way round, so that using it fails as it would have. */
static bool open_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    cli_exit code;
    const struct rlimit none = { 0, 0 };
    /* No image of this memory is ever to be on a disk. */
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, IS_DUMPABLE);
    (void)signal(SIGPIPE, SIG_IGN);
    rpc_memory_setup();
    code = open_streams() ? dispatch(argc, argv) : CLI_IO;
    return (int)code;
}
