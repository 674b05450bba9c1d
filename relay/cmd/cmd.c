#include "relay/cmd/cmd.h"

#include <stdio.h>
#include <string.h>

#include "proto/wire/version.h"

const rl_cmd rl_cmds[] = {
    { "init", "create configuration and identity; print the address",
      "  --listen HOST:PORT  where to listen (default 127.0.0.1:7717; port 0\n"
      "                      picks a free one and writes it down)\n"
      "  --operator NAME     who runs this relay\n",
      rl_cmd_init },
    { "run", "serve, in the foreground, until SIGTERM", NULL, rl_cmd_run },
    { "address", "print the address clients dial", NULL, rl_cmd_address },
    { "check", "validate configuration, identity and store", NULL,
      rl_cmd_check },
    { "status", "numbers of the relay that runs here", NULL, rl_cmd_status },
    { "stats", "what it has counted since it started, and commit times", NULL,
      rl_cmd_stats },
    { "store verify", "read everything the store holds; change nothing", NULL,
      rl_cmd_store_verify },
    { "store backup", "write the whole store to standard output",
      "  The output holds what the store holds, in clear: keep it as safe.\n",
      rl_cmd_store_backup },
    { "store restore", "make the store from a backup on standard input", NULL,
      rl_cmd_store_restore },
    { "store expire", "forget what is past its days, now", NULL,
      rl_cmd_store_expire },
    { "peer add", "forward to this relay, from now on",
      "  ADDRESS             postern://KEY@HOST:PORT, or its key alone where\n"
      "                      only it dials\n"
      "  --dial HOW          auto (default): either dials when there is mail;\n"
      "                      always: we hold a link, it cannot dial us;\n"
      "                      never: it dials us\n",
      rl_cmd_peer_add },
    { "peer remove", "forward to it no more",
      "  ADDRESS             or its key; what waits for it is kept until it\n"
      "                      expires, or the relay is added again\n",
      rl_cmd_peer_remove },
    { "peer list", "the relays this one forwards to", NULL, rl_cmd_peer_list },
    { "queue count", "how many queues and messages there are", NULL,
      rl_cmd_queue_count },
    { "queue block", "refuse new messages for a queue",
      "  --id HEX            its recv_id or send_id, 64 digits\n",
      rl_cmd_queue_block },
    { "queue unblock", "take them again",
      "  --id HEX            its recv_id or send_id, 64 digits\n",
      rl_cmd_queue_unblock },
    { "queue purge", "forget all messages of a queue",
      "  --id HEX            its recv_id or send_id, 64 digits\n",
      rl_cmd_queue_purge },
};
const unsigned rl_cmd_count = sizeof rl_cmds / sizeof rl_cmds[0];

static const char common_options[] =
    "  --dir DIR           the relay's directory (default $STATE_DIRECTORY,\n"
    "                      else /var/lib/postern)\n"
    "  --json              one JSON object per line\n"
    "  -q, --quiet         errors only\n"
    "  --no-input          never ask anything\n"
    "  -h, --help          this text\n";

static rl_exit print_help(void)
{
    const rl_args plain = { 0 };
    (void)printf("posternd %s - relay of the Postern messaging network\n\n"
                 "usage: posternd COMMAND [OPTION]...\n\ncommands:\n",
                 PN_SOFTWARE_VERSION);
    for (unsigned i = 0; i < rl_cmd_count; i++)
        (void)printf("  %-14s %s\n", rl_cmds[i].name, rl_cmds[i].summary);
    (void)printf("  help           this text, or that of a command\n\n"
                 "options of every command:\n%s\n"
                 "`posternd init && posternd run` needs no further setting.\n",
                 common_options);
    return rl_flush(&plain);
}

static rl_exit print_cmd_help(const rl_cmd *cmd)
{
    const rl_args plain = { 0 };
    (void)printf("usage: posternd %s [OPTION]...\n\n%s\n\noptions:\n%s%s",
                 cmd->name, cmd->summary, cmd->usage == NULL ? "" : cmd->usage,
                 common_options);
    return rl_flush(&plain);
}

static rl_exit print_version(bool json)
{
    const rl_args plain = { .json = json };
    if (json)
        (void)printf("{\"v\":1,\"type\":\"version\",\"version\":\"%s\","
                     "\"protocol\":%d}\n",
                     PN_SOFTWARE_VERSION, PN_PROTOCOL_VERSION);
    else
        (void)printf("posternd %s\n", PN_SOFTWARE_VERSION);
    return rl_flush(&plain);
}

static const rl_cmd *find(const char *name)
{
    for (unsigned i = 0; i < rl_cmd_count; i++)
        if (strcmp(rl_cmds[i].name, name) == 0)
            return &rl_cmds[i];
    return NULL;
}

/* Some commands have two words: they are looked for first. */
static const rl_cmd *find_two(const char *first, const char *second)
{
    char name[64];
    const int n = snprintf(name, sizeof name, "%s %s", first, second);
    return n > 0 && (size_t)n < sizeof name ? find(name) : NULL;
}

static bool has_json(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

/* Names the commands whose first of two words is this, if there are any. */
static bool list_of(const char *first, char *list, size_t cap)
{
    const size_t len = strlen(first);
    size_t used = 0;
    for (unsigned i = 0; i < rl_cmd_count && used < cap; i++) {
        const char *name = rl_cmds[i].name;
        if (strncmp(name, first, len) == 0 && name[len] == ' ')
            used += (size_t)snprintf(list + used, cap - used, "%s`%s`",
                                     used == 0 ? "" : ", ", name);
    }
    return used > 0;
}

static rl_exit unknown(int argc, char **argv, const char *name)
{
    const rl_args args = { .json = has_json(argc, argv) };
    const char *names[sizeof rl_cmds / sizeof rl_cmds[0] + 1] = { "help" };
    const char *near;
    char list[256];
    if (list_of(name, list, sizeof list))
        return rl_fail(&args, RL_EXIT_USAGE,
                       "unknown command `%.40s`; want one of %s", name, list);
    for (unsigned i = 0; i < rl_cmd_count; i++)
        names[i + 1] = rl_cmds[i].name;
    near = rl_nearest(name, names, rl_cmd_count + 1);
    if (near != NULL)
        return rl_fail(&args, RL_EXIT_USAGE,
                       "unknown command `%.40s`; did you mean `%s`?", name,
                       near);
    return rl_fail(&args, RL_EXIT_USAGE,
                   "unknown command `%.40s`; `posternd help` lists them", name);
}

rl_exit rl_cmd_main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    const rl_cmd *cmd;
    rl_args args;
    rl_exit code;
    int words;
    if (name == NULL) {
        args = (rl_args){ 0 };
        return rl_fail(&args, RL_EXIT_USAGE,
                       "no command given; `posternd help` lists them");
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0)
        return print_version(has_json(argc, argv));
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return print_help();
    if (strcmp(name, "help") == 0) {
        if (argc < 3)
            return print_help();
        cmd = argc > 3 ? find_two(argv[2], argv[3]) : NULL;
        if (cmd == NULL)
            cmd = find(argv[2]);
        return (cmd == NULL ? unknown(argc, argv, argv[2])
                            : print_cmd_help(cmd));
    }
    cmd = argc > 2 ? find_two(name, argv[2]) : NULL;
    words = cmd != NULL ? 2 : 1;
    if (cmd == NULL)
        cmd = find(name);
    if (cmd == NULL)
        return unknown(argc, argv, name);
    code = rl_args_parse(&args, cmd, argc - 1 - words, argv + 1 + words);
    if (code != RL_EXIT_OK)
        return code;
    if (args.help)
        return print_cmd_help(cmd);
    if (rl_dir_find(args.dir, args.found) != PN_OK)
        return rl_fail(&args, RL_EXIT_USAGE,
                       "--dir is empty or longer than %d bytes",
                       RL_PATH_MAX - 1);
    return cmd->run(&args);
}
