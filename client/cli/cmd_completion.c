/* Completion scripts, made of the tables of commands and options. */
#include <string.h>

#include "client/cli/cli.h"

static void print_words(uint64_t options)
{
    for (size_t i = 0; i < CLI_OPTIONS; i++)
        if ((options & CLI_BIT(i)) != 0)
            (void)printf(" %s", cli_options[i].name);
}

/* First words, each once; the table keeps those of one word together. */
static void print_firsts(const char *before)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        const char *name = cli_commands[i].name;
        const size_t n = strcspn(name, " ");
        if (i > 0 && strcspn(cli_commands[i - 1].name, " ") == n &&
            strncmp(cli_commands[i - 1].name, name, n) == 0)
            continue;
        (void)printf("%s%.*s", before, (int)n, name);
    }
}

static void print_seconds(const char *first, size_t n)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        const char *name = cli_commands[i].name;
        if (strncmp(name, first, n) == 0 && name[n] == ' ')
            (void)printf(" %s", name + n + 1);
    }
}

/* The same case statement serves bash and zsh. */
static void print_cases(void)
{
    (void)printf("    case \"$first $second\" in\n");
    for (size_t i = 0; i < cli_command_count; i++) {
        const cli_command *c = &cli_commands[i];
        const bool is_two = strchr(c->name, ' ') != NULL;
        (void)printf("    \"%s%s) options=\"", c->name, is_two ? "\"" : " \"*");
        print_words(c->options | CLI_COMMON);
        (void)printf("\" ;;\n");
    }
    (void)printf("    esac\n    case \"$first\" in\n");
    for (size_t i = 0; i < cli_command_count; i++) {
        const char *name = cli_commands[i].name;
        const size_t n = strcspn(name, " ");
        if (name[n] == 0 ||
            (i > 0 && strncmp(cli_commands[i - 1].name, name, n + 1) == 0))
            continue;
        (void)printf("    %.*s) seconds=\"", (int)n, name);
        print_seconds(name, n);
        (void)printf("\" ;;\n");
    }
    (void)printf("    esac\n");
}

static void print_bash(void)
{
    (void)printf("# postern completion for bash\n_postern() {\n"
                 "    local word=\"${COMP_WORDS[COMP_CWORD]}\"\n"
                 "    local first=\"${COMP_WORDS[1]:-}\" "
                 "second=\"${COMP_WORDS[2]:-}\"\n"
                 "    local options=\"\" seconds=\"\"\n");
    print_cases();
    (void)printf("    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                 "        seconds=\"help");
    print_firsts(" ");
    (void)printf("\"\n    elif [ \"$COMP_CWORD\" -gt 2 ]; then\n"
                 "        seconds=\"\"\n    fi\n"
                 "    case \"$word\" in\n"
                 "    -*) seconds=\"$options\" ;;\n    esac\n"
                 "    mapfile -t COMPREPLY < <(compgen -W \"$seconds\" -- "
                 "\"$word\")\n}\n"
                 "complete -o default -F _postern postern\n");
}

static void print_zsh(void)
{
    (void)printf("#compdef postern\n# postern completion for zsh\n"
                 "_postern() {\n"
                 "    local first=\"${words[2]:-}\" second=\"${words[3]:-}\"\n"
                 "    local options=\"\" seconds=\"\"\n");
    print_cases();
    (void)printf("    if (( CURRENT == 2 )); then\n        seconds=\"help");
    print_firsts(" ");
    (void)printf("\"\n    elif (( CURRENT > 3 )); then\n"
                 "        seconds=\"\"\n    fi\n"
                 "    if [[ \"${words[CURRENT]}\" == -* ]]; then\n"
                 "        compadd -- ${=options}\n"
                 "    elif [[ -n \"$seconds\" ]]; then\n"
                 "        compadd -- ${=seconds}\n"
                 "    else\n        _files\n    fi\n}\n"
                 "compdef _postern postern\n");
}

static void print_fish(void)
{
    (void)printf("# postern completion for fish\n"
                 "complete -c postern -n __fish_use_subcommand -f -a \"help");
    print_firsts(" ");
    (void)printf("\"\n");
    for (size_t i = 0; i < cli_command_count; i++) {
        const cli_command *c = &cli_commands[i];
        const size_t n = strcspn(c->name, " ");
        const char *second = c->name[n] == 0 ? "" : c->name + n + 1;
        if (second[0] != 0)
            (void)printf("complete -c postern -n \"__fish_seen_subcommand_from "
                         "%.*s\" -f -a %s -d \"%s\"\n",
                         (int)n, c->name, second, c->summary);
        for (size_t k = 0; k < CLI_OPTIONS; k++)
            if (((c->options | CLI_COMMON) & CLI_BIT(k)) != 0)
                (void)printf(
                    "complete -c postern -n "
                    "\"__fish_seen_subcommand_from %.*s%s%s\" -l %s%s "
                    "-d \"%s\"\n",
                    (int)n, c->name,
                    second[0] == 0 ? "" : "; and __fish_seen_subcommand_from ",
                    second, cli_options[k].name + 2,
                    cli_options[k].meta == NULL ? "" : " -r",
                    cli_options[k].doc);
    }
}

cli_exit cli_completion(const cli_args *args)
{
    const char *shell = args->words[0];
    if (strcmp(shell, "bash") == 0)
        print_bash();
    else if (strcmp(shell, "zsh") == 0)
        print_zsh();
    else if (strcmp(shell, "fish") == 0)
        print_fish();
    else
        return cli_fail(args, CLI_USAGE,
                        "no completion for `%.40s`; there is bash, zsh and "
                        "fish",
                        shell);
    return cli_flush(args);
}
