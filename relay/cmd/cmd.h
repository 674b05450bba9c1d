/* posternd's subcommands: one file each, one row each in the table of cmd.c.
 * Conventions (relay/README.md): data on stdout, everything else on stderr;
 * --json makes one object per line of either.
 */
#ifndef POSTERN_RELAY_CMD_CMD_H
#define POSTERN_RELAY_CMD_CMD_H

#include <stdbool.h>

#include "relay/cmd/exit.h"
#include "relay/sys/config.h"
#include "relay/sys/dir.h"
#include "relay/sys/identity.h"

/* What the command line said. Strings are borrowed from argv. */
typedef struct rl_args {
    const char *dir; /* --dir; NULL for the default */
    bool json;
    bool quiet;
    bool no_input; /* nothing prompts yet; taken so that scripts may pass it */
    bool help;
    const char *listen;        /* init */
    const char *operator_name; /* init */
    const char *id;            /* queue: a queue's id in hex */
    const char *dial;          /* peer add: auto, always or never */
    const char *operand;       /* peer add, remove: an address or a key */
    char found[RL_PATH_MAX];   /* the directory to work in */
} rl_args;

typedef struct rl_cmd {
    const char *name;
    const char *summary; /* one line, for help */
    const char *usage;   /* its own options, NULL if none */
    rl_exit (*run)(const rl_args *args);
} rl_cmd;

extern const rl_cmd rl_cmds[];
extern const unsigned rl_cmd_count;

/* Run what argv says; the program's exit code. */
rl_exit rl_cmd_main(int argc, char **argv);

rl_exit rl_cmd_init(const rl_args *args);
rl_exit rl_cmd_run(const rl_args *args);
rl_exit rl_cmd_address(const rl_args *args);
rl_exit rl_cmd_check(const rl_args *args);
rl_exit rl_cmd_status(const rl_args *args);
rl_exit rl_cmd_stats(const rl_args *args);
rl_exit rl_cmd_store_verify(const rl_args *args);
rl_exit rl_cmd_store_backup(const rl_args *args);
rl_exit rl_cmd_store_restore(const rl_args *args);
rl_exit rl_cmd_store_expire(const rl_args *args);
rl_exit rl_cmd_peer_add(const rl_args *args);
rl_exit rl_cmd_peer_remove(const rl_args *args);
rl_exit rl_cmd_peer_list(const rl_args *args);
rl_exit rl_cmd_queue_count(const rl_args *args);
rl_exit rl_cmd_queue_block(const rl_args *args);
rl_exit rl_cmd_queue_unblock(const rl_args *args);
rl_exit rl_cmd_queue_purge(const rl_args *args);

/* Send one line to the running relay and keep its answer in answer[0..cap);
 * whatever goes wrong is reported. With `type` the answer must be of it. */
rl_exit rl_ask_relay(const rl_args *args, const char *request, const char *type,
                     char *answer, size_t cap);
/* Have the running relay read its files again, if one runs: *running says so,
 * and none is no mistake. */
rl_exit rl_reload_relay(const rl_args *args, bool *running);
/* Print an answer: as it is with --json, else a line for each member. */
rl_exit rl_print_answer(const rl_args *args, const char *answer);

/* --- options (args.c) ----------------------------------------------------- */

/* Read the options after the subcommand's name. On a mistake says so and
 * returns RL_EXIT_USAGE. */
rl_exit rl_args_parse(rl_args *out, const rl_cmd *cmd, int argc, char **argv);
/* The candidate most like `word`, or NULL if none is close. */
const char *rl_nearest(const char *word, const char *const *candidates,
                       unsigned count);

/* --- saying things (say.c) ------------------------------------------------ */

/* Report a failure on stderr, as a line or, with --json, as one object, and
 * return `code` so that a command can end with it. */
PN_PRINTF(3, 4)
rl_exit rl_fail(const rl_args *args, rl_exit code, const char *fmt, ...);
/* A line for a person, on stderr; nothing with -q or --json. */
PN_PRINTF(2, 3) void rl_note(const rl_args *args, const char *fmt, ...);
/* Make sure what was printed to stdout arrived: RL_EXIT_OK or RL_EXIT_IO. */
rl_exit rl_flush(const rl_args *args);

/* --- what several commands load (load.c) ---------------------------------- */

/* Read the directory's configuration; a fault is reported as file:line. */
rl_exit rl_load_config(const rl_args *args, rl_config *out);
/* The same, to try a change while serving: nothing is printed, *fault says
 * what is wrong. */
PN_MUST_USE pn_err rl_load_config_quietly(const char *dir, rl_config *out,
                                          rl_config_fault *fault);
/* The directory: written by nobody else, for whoever may write there may put
 * another identity in place, and short enough for the control socket. */
rl_exit rl_load_dir(const rl_args *args);
/* Read the identity; the caller wipes `seed`. */
rl_exit rl_load_seed(const rl_args *args, uint8_t seed[RL_SEED_BYTES]);
/* The relay's address as text, from configuration and seed. */
rl_exit rl_load_address(const rl_args *args, const rl_config *config,
                        const uint8_t seed[RL_SEED_BYTES], char *out,
                        size_t cap);

#endif
