/* postern, the command line: finds the command and runs it, nothing else. */
#include <fcntl.h>
#include <postern/postern.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/cli.h"

const cli_command cli_commands[] = {
    { "relay test", "ADDRESS", "can this relay be reached, and what is it",
      "  --timeout DURATION  give up after this long (default 10s)\n", true, 1,
      cli_relay_test },
    { "version", "", "version of program, library and protocol", "", false, 0,
      cli_version },
};
const size_t cli_command_count = sizeof cli_commands / sizeof cli_commands[0];

static const char common_options[] =
    "  --json              one JSON object per line\n"
    "  -q, --quiet         errors only\n"
    "  --no-input          never ask anything\n"
    "  -h, --help          this text\n";

static cli_exit print_help(const cli_args *args)
{
    (void)printf("postern %s - end-to-end encrypted messaging over relays\n\n"
                 "usage: postern COMMAND [OPTION]...\n\ncommands:\n",
                 postern_version());
    for (size_t i = 0; i < cli_command_count; i++) {
        const cli_command *c = &cli_commands[i];
        char left[64];
        (void)snprintf(left, sizeof left, "%s%s%s", c->name,
                       c->operand[0] == 0 ? "" : " ", c->operand);
        (void)printf("  %-20s %s\n", left, c->summary);
    }
    (void)printf("  %-20s this text\n\noptions of every command:\n%s", "help",
                 common_options);
    return cli_flush(args);
}

static cli_exit print_command_help(const cli_args *args, const cli_command *c)
{
    (void)printf("usage: postern %s %s%s[OPTION]...\n\n%s\n\noptions:\n%s%s",
                 c->name, c->operand, c->operand[0] == 0 ? "" : " ", c->summary,
                 c->usage, common_options);
    return cli_flush(args);
}

/* The command the words begin with; *used says how many of them are its
 * name. */
static const cli_command *find(const cli_args *args, size_t *used)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        const char *name = cli_commands[i].name;
        const size_t first = strcspn(name, " ");
        if (args->word_count == 0 || strlen(args->words[0]) != first ||
            strncmp(args->words[0], name, first) != 0)
            continue;
        *used = 1;
        if (name[first] == 0)
            return &cli_commands[i];
        *used = 2;
        if (args->word_count > 1 &&
            strcmp(args->words[1], name + first + 1) == 0)
            return &cli_commands[i];
    }
    return NULL;
}

static cli_exit unknown(const cli_args *args)
{
    const char *names[sizeof cli_commands / sizeof cli_commands[0] + 1] = {
        "help"
    };
    char typed[96];
    const char *near;
    (void)snprintf(typed, sizeof typed, "%.40s", args->words[0]);
    for (size_t i = 0; i < cli_command_count; i++)
        names[i + 1] = cli_commands[i].name;
    near = cli_nearest(typed, names, cli_command_count + 1);
    if (near == NULL && args->word_count > 1) {
        (void)snprintf(typed, sizeof typed, "%.40s %.40s", args->words[0],
                       args->words[1]);
        near = cli_nearest(typed, names, cli_command_count + 1);
    }
    if (near != NULL)
        return cli_fail(args, CLI_USAGE,
                        "unknown command `%s`; did you mean `%s`?", typed,
                        near);
    return cli_fail(args, CLI_USAGE,
                    "unknown command `%s`; `postern help` lists them", typed);
}

static cli_exit run(const cli_args *args, const cli_command *c, size_t used)
{
    cli_args rest = *args;
    rest.word_count -= used;
    memmove(rest.words, rest.words + used,
            rest.word_count * sizeof rest.words[0]);
    if (rest.word_count < c->operands)
        return cli_fail(args, CLI_USAGE, "`postern %s` wants %s", c->name,
                        c->operand);
    if (rest.word_count > c->operands)
        return cli_fail(args, CLI_USAGE,
                        "unexpected `%.40s`; see `postern %s "
                        "--help`",
                        rest.words[c->operands], c->name);
    if (rest.version)
        return cli_fail(args, CLI_USAGE, "--version stands alone");
    if (rest.timeout != NULL && !c->takes_timeout)
        return cli_fail(args, CLI_USAGE, "`postern %s` takes no --timeout",
                        c->name);
    return c->run(&rest);
}

static cli_exit dispatch(int argc, char **argv)
{
    const cli_command *c;
    cli_args args;
    size_t used;
    cli_exit code;
    code = cli_args_parse(&args, argc, argv);
    if (code != CLI_OK)
        return code;
    if (args.word_count > 0 && strcmp(args.words[0], "help") == 0) {
        args.help = true;
        args.word_count--;
        memmove(args.words, args.words + 1,
                args.word_count * sizeof args.words[0]);
    }
    if (args.word_count == 0 && args.help)
        return print_help(&args);
    if (args.word_count == 0 && args.version)
        return cli_version(&args);
    if (args.word_count == 0)
        return cli_fail(&args, CLI_USAGE,
                        "no command given; `postern help` lists them");
    c = find(&args, &used);
    if (c == NULL)
        return unknown(&args);
    return args.help ? print_command_help(&args, c) : run(&args, c, used);
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
    const cli_exit code = open_streams() ? dispatch(argc, argv) : CLI_IO;
    return (int)code;
}
