/* The command line: what its files share. Includes the public header only, as
 * any other program would.
 * Conventions (client/README.md): data on stdout, everything else on stderr;
 * --json makes one object per line of either.
 */
#ifndef POSTERN_CLIENT_CLI_CLI_H
#define POSTERN_CLIENT_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A contract with scripts. */
typedef enum cli_exit {
    CLI_OK = 0,
    CLI_OTHER = 1,
    CLI_USAGE = 2,
    CLI_MALFORMED = 65,
    CLI_UNREACHABLE = 69,
    CLI_INTERNAL = 70,
    CLI_IO = 74,
    CLI_PROTOCOL = 76,
} cli_exit;

enum { CLI_WORDS_MAX = 8 };

/* The command line, read. Strings are borrowed from argv. */
typedef struct cli_args {
    const char *words[CLI_WORDS_MAX]; /* what is no option, in order */
    size_t word_count;
    bool json;
    bool quiet;
    bool no_input; /* nothing prompts yet; taken so that scripts may pass it */
    bool help;
    bool version;        /* --version instead of a command */
    const char *timeout; /* --timeout; NULL if not given */
} cli_args;

typedef struct cli_command {
    const char *name;    /* "relay test": one or two words */
    const char *operand; /* "ADDRESS", or "" */
    const char *summary; /* one line, for help */
    const char *usage;   /* its own options, "" if none */
    bool takes_timeout;
    size_t operands; /* how many words follow the name */
    cli_exit (*run)(const cli_args *args);
} cli_command;

extern const cli_command cli_commands[];
extern const size_t cli_command_count;

/* words[0] of these is the first operand. */
cli_exit cli_relay_test(const cli_args *args);
cli_exit cli_version(const cli_args *args);

/* --- term.c --------------------------------------------------------------- */

#if defined(__GNUC__)
#define CLI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define CLI_PRINTF(fmt, args)
#endif

/* Report a failure on stderr, as a line or, with --json, as one object, and
 * return `code`. */
CLI_PRINTF(3, 4)
cli_exit cli_fail(const cli_args *args, cli_exit code, const char *fmt, ...);
/* Print the members of one JSON object: "key", then its value. */
void cli_json_begin(const char *type);
void cli_json_text(const char *key, const char *value);
void cli_json_u64(const char *key, uint64_t value);
void cli_json_i64(const char *key, int64_t value);
/* Thousandths, as in microseconds shown as milliseconds: 12345 is 12.345. */
void cli_json_milli(const char *key, uint64_t thousandths);
void cli_json_end(void);
/* Make sure what was printed to stdout arrived. */
cli_exit cli_flush(const cli_args *args);

/* --- args.c --------------------------------------------------------------- */

/* Read argv[1..]. On a mistake says so and returns CLI_USAGE. */
cli_exit cli_args_parse(cli_args *out, int argc, char **argv);
/* "500ms", "10s", "2m", "1h", "7d"; false for anything else or beyond 32 bits
 * of ms. */
bool cli_duration(const char *text, uint32_t *out_ms);
/* The candidate most like `word`, or NULL if none is close. */
const char *cli_nearest(const char *word, const char *const *candidates,
                        size_t count);

#endif
