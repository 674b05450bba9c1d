/* The command line: what its files share. It includes the public header and
 * client/rpc, whose methods it calls: in this process, or in a running
 * `postern rpc` that has the store open. A command cannot tell which.
 * Conventions (client/README.md): data on stdout, everything else on stderr;
 * --json makes one object per line of either; what a peer wrote never reaches
 * a terminal unescaped.
 */
#ifndef POSTERN_CLIENT_CLI_CLI_H
#define POSTERN_CLIENT_CLI_CLI_H

#include <assert.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "client/rpc/rpc.h"
#include "client/rpc/server.h"

/* A contract with scripts. */
typedef enum cli_exit {
    CLI_OK = 0,
    CLI_OTHER = 1,
    CLI_USAGE = 2,
    CLI_NOTHING = 3,
    CLI_UNKNOWN_CONTACT = 4,
    CLI_MALFORMED = 65,
    CLI_UNREACHABLE = 69,
    CLI_INTERNAL = 70,
    CLI_LOCKED = 73,
    CLI_IO = 74,
    CLI_KEPT = 75,
    CLI_PROTOCOL = 76,
    CLI_REFUSED = 77,
    CLI_CONFIG = 78
} cli_exit;

enum { CLI_WORDS_MAX = 64, CLI_PATH_SIZE = 4096, CLI_SECRET_MAX = 1024 };

typedef enum cli_opt {
    OPT_JSON,
    OPT_QUIET,
    OPT_NO_INPUT,
    OPT_HELP,
    OPT_VERSION,
    OPT_HOME,
    OPT_PASS_FD,
    OPT_PASS_FILE,
    OPT_TIMEOUT,
    OPT_RELAY,
    OPT_NAME,
    OPT_QR,
    OPT_EXPIRES,
    OPT_OFFLINE,
    OPT_CODE,
    OPT_UNDO,
    OPT_MESSAGE,
    OPT_FILE,
    OPT_LINES,
    OPT_ID,
    OPT_PRIORITY,
    OPT_PROFILE,
    OPT_WAIT,
    OPT_FOLLOW,
    OPT_COUNT_N,
    OPT_OUT,
    OPT_EXEC,
    OPT_NO_ACK,
    OPT_EVENTS,
    OPT_LIMIT,
    OPT_BACKUP_FD,
    OPT_BACKUP_FILE,
    OPT_NEW_FD,
    OPT_NEW_FILE,
    OPT_ACCESS_FD,
    OPT_ACCESS_FILE,
    OPT_COPIES,
    OPT_REPLACE,
    OPT_ROUTE,
    OPT_SOCKET,
    OPT_STDIO,
    CLI_OPTIONS
} cli_opt;

#define CLI_BIT(opt) ((uint64_t)1 << (opt))

typedef struct cli_option {
    const char *name;
    const char *brief;  /* "-q", or NULL */
    const char *meta;   /* what its value is called; NULL: it takes none */
    const char *choice; /* "a|b|c", or NULL */
    bool is_optional;   /* the value, which then needs a `=` */
    bool is_list;       /* may be given again */
    const char *doc;
} cli_option;

/* The command line, read. Strings are borrowed from argv. */
typedef struct cli_args {
    const char *words[CLI_WORDS_MAX]; /* what is no option, in order */
    size_t word_count;
    uint64_t given;                  /* CLI_BIT() of each option */
    const char *value[CLI_OPTIONS];  /* "" for one without a value */
    const char *list[CLI_WORDS_MAX]; /* values of the option that repeats */
    size_t list_count;
    bool json;
    bool quiet;
    bool no_input;
} cli_args;

typedef struct cli_command {
    const char *name;     /* "relay test": one or two words */
    const char *operands; /* "ADDRESS", or "" */
    const char *summary;  /* one line, for help */
    size_t least, most;   /* words that follow the name */
    uint64_t options;     /* CLI_BIT() of those it knows beyond everybody's */
    cli_exit (*run)(const cli_args *args);
} cli_command;

extern const cli_option cli_options[CLI_OPTIONS];
extern const cli_command cli_commands[];
extern const size_t cli_command_count;

#define CLI_COMMON                                                    \
    (CLI_BIT(OPT_JSON) | CLI_BIT(OPT_QUIET) | CLI_BIT(OPT_NO_INPUT) | \
     CLI_BIT(OPT_HELP))
#define CLI_STORE \
    (CLI_BIT(OPT_HOME) | CLI_BIT(OPT_PASS_FD) | CLI_BIT(OPT_PASS_FILE))

/* words[0] of these is the first operand. */
typedef cli_exit cli_run_fn(const cli_args *args);
cli_run_fn cli_init, cli_status, cli_doctor, cli_version, cli_panic, cli_rpc,
    cli_rpc_spec, cli_completion, cli_passphrase_change, cli_passphrase_duress;
cli_run_fn cli_relay_list, cli_relay_add, cli_relay_remove, cli_relay_test,
    cli_relay_policy;
cli_run_fn cli_invite_create, cli_invite_accept, cli_invite_list,
    cli_invite_revoke;
cli_run_fn cli_contact_list, cli_contact_show, cli_contact_rename,
    cli_contact_verify, cli_contact_block, cli_contact_remove,
    cli_contact_profile, cli_profile;
cli_run_fn cli_send, cli_receive;
cli_run_fn cli_message_list, cli_message_show, cli_message_export,
    cli_message_delete;
cli_run_fn cli_outbox_list, cli_outbox_retry, cli_outbox_cancel;
cli_run_fn cli_backup_create, cli_backup_verify, cli_backup_restore;

/* --- term.c --------------------------------------------------------------- */

#if defined(__GNUC__)
#define CLI_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define CLI_PRINTF(fmt, args)
#endif

/* Report a failure on stderr, as a line or, with --json, as one object, and
 * return `code`, which is not CLI_OK: said here, so that whoever reads a caller
 * alone knows it too. */
#define cli_fail(args, code, ...) cli_failed(cli_say(args, code, __VA_ARGS__))
CLI_PRINTF(3, 4)
cli_exit cli_say(const cli_args *args, cli_exit code, const char *fmt, ...);
static inline cli_exit cli_failed(cli_exit code)
{
    assert(code != CLI_OK);
    return code;
}
/* A word aside, on stderr: not with --quiet or --json. */
CLI_PRINTF(2, 3) void cli_note(const cli_args *args, const char *fmt, ...);
/* Print text anybody may have written: control characters, direction overrides
 * and invisible characters are shown as escapes. Newlines stay, each followed
 * by `indent` spaces; with a negative indent they are escaped too. */
void cli_put(FILE *to, const char *text, size_t len, int indent);
/* How many of the `len` bytes (at least one) are the first character, and
 * whether it is one that can be seen and harms nobody. */
size_t cli_character(const char *text, size_t len, bool *is_shown);
/* As cli_put(), for one line. */
void cli_puts(const char *text);
/* "label   value" if there is a value. */
void cli_field(const char *label, const char *value);
/* Print {"v":1,"type":type, ...object}. `object` stays the caller's. */
cli_exit cli_print_json(const cli_args *args, FILE *to, const char *type,
                        const json_t *object);
/* A member's text; "" if it has none. */
const char *cli_text(const json_t *object, const char *key);
bool cli_true(const json_t *object, const char *key);
bool cli_may_ask(const cli_args *args);
bool cli_has_color(int fd);
/* Make sure what was printed to stdout arrived. */
cli_exit cli_flush(const cli_args *args);

/* --- args.c --------------------------------------------------------------- */

/* Read argv[1..]. On a mistake says so and returns CLI_USAGE. */
cli_exit cli_args_parse(cli_args *out, int argc, char **argv);
bool cli_has(const cli_args *args, cli_opt opt);
/* "500ms", "10s", "2m", "1h", "7d"; false for anything else or beyond `max`. */
bool cli_duration(const char *text, uint64_t max_ms, uint64_t *out_ms);
/* The duration of an option; `otherwise` if not given; CLI_USAGE, said. */
cli_exit cli_duration_of(const cli_args *args, cli_opt opt, uint64_t max_ms,
                         uint64_t otherwise, uint64_t *out_ms);
cli_exit cli_number_of(const cli_args *args, cli_opt opt, uint64_t otherwise,
                       uint64_t *out);
/* The candidate most like `word`, or NULL if none is close. */
const char *cli_nearest(const char *word, const char *const *candidates,
                        size_t count);

/* --- passphrase.c, config.c ----------------------------------------------- */

typedef struct cli_secret {
    size_t len;
    uint8_t bytes[CLI_SECRET_MAX];
} cli_secret;

/* From --passphrase-fd, --passphrase-file, $CREDENTIALS_DIRECTORY, the config's
 * command or the terminal; asked for twice with `is_new`. Wipe it after use. */
cli_exit cli_passphrase(const cli_args *args, const char *home, bool is_new,
                        cli_secret *out);
/* Another secret: from the descriptor or the file its options name, or asked
 * for as `prompt`, twice with `is_new`. Wipe it after use. */
cli_exit cli_secret_of(const cli_args *args, cli_opt fd, cli_opt file,
                       const char *prompt, bool is_new, cli_secret *out);
/* A relay's, as a base64 JSON string; NULL if no option gives one. */
cli_exit cli_access_secret(const cli_args *args, json_t **out);
void cli_secret_wipe(cli_secret *secret);
/* A base64 JSON string of it; NULL without memory. */
json_t *cli_secret_json(const cli_secret *secret);
/* The passphrase-command of the config, "" if there is none. */
cli_exit cli_config_command(const cli_args *args, const char *home, char *out,
                            size_t cap);

/* --- link.c --------------------------------------------------------------- */

typedef enum cli_how {
    CLI_ONLINE,  /* dial the relays */
    CLI_OFFLINE, /* what is on disk is enough */
    CLI_SHARED   /* stays long: other commands may use the store through it */
} cli_how;

typedef struct cli_link cli_link;

cli_exit cli_home(const cli_args *args, char out[CLI_PATH_SIZE]);
/* Open the store, or find who has it open. Says what went wrong. */
cli_exit cli_open(cli_link **out, const cli_args *args, cli_how how);
/* With this passphrase, if one is needed, instead of asking. */
cli_exit cli_open_with(cli_link **out, const cli_args *args, cli_how how,
                       const cli_secret *passphrase);
void cli_close(cli_link **link);
/* Open the store in this process, or fail: for who wants to serve it. */
cli_exit cli_open_store(postern_client **out, const cli_args *args,
                        const char *home);
/* Put `value`, which is taken, into the parameters *params. Without memory for
 * it they are freed and null: no call is made with some of them. */
void cli_set(json_t **params, const char *key, json_t *value);
/* Call a method; `params` is taken, and null if there was no memory for it.
 * Says nothing. A postern_error, or one of JSON-RPC. */
int cli_try(cli_link *link, const char *method, json_t *params, json_t **out,
            rpc_error *why);
/* Call it; on an error say it and return its exit code. */
cli_exit cli_ask(cli_link *link, const char *method, json_t *params,
                 json_t **out);
/* Open, call, close. */
cli_exit cli_once(const cli_args *args, cli_how how, const char *method,
                  json_t *params, json_t **out);
/* Say an error, with what to do next. */
cli_exit cli_explain(const cli_args *args, int code, const char *text,
                     bool is_about_contact);
/* Report that something is done: "type" with --json, silence otherwise. */
cli_exit cli_done(const cli_args *args, const char *type, json_t *object);
/* Until now, SIGINT and SIGTERM end the program; from here on they set this,
 * and calls that wait return POSTERN_E_TIMEOUT. */
void cli_catch_signals(void);
extern volatile sig_atomic_t cli_stopping;
/* A descriptor that is readable once a signal came; after _catch_signals. */
int cli_signal_fd(void);

/* --- help.c --------------------------------------------------------------- */

/* All commands, or one. */
cli_exit cli_help(const cli_args *args);
cli_exit cli_help_of(const cli_args *args, const cli_command *command);

/* --- file.c --------------------------------------------------------------- */

/* Read a whole file, or stdin for "-", of at most `max` bytes. *out from
 * rpc_alloc(), with a NUL behind. Says what went wrong. */
cli_exit cli_read(const cli_args *args, const char *path, size_t max,
                  uint8_t **out, size_t *len);
/* Create a new file of mode 0600, durably. Never overwrites. */
cli_exit cli_write_new(const cli_args *args, const char *path,
                       const uint8_t *bytes, size_t len);
/* Put a file from a peer into a directory: a name of its own, never another
 * place, never over something else, durable on CLI_OK. `path` receives where it
 * is. With `is_again`, a file of that name and content is the one. */
cli_exit cli_save(const cli_args *args, const char *dir, const char *name,
                  const uint8_t *bytes, size_t len, bool is_again,
                  char path[CLI_PATH_SIZE]);
/* The bytes of a message object's text or file. *out from rpc_alloc(). */
bool cli_body(const json_t *message, uint8_t **out, size_t *len);

/* --- qr.c ----------------------------------------------------------------- */

cli_exit cli_qr_terminal(const cli_args *args, const char *text);
cli_exit cli_qr_png(const cli_args *args, const char *text, const char *path);

/* --- exec.c --------------------------------------------------------------- */

/* Run `command` in a shell with `in` on its stdin and what the message says in
 * its environment. True if it ended with 0. */
bool cli_run_command(const char *command, const json_t *message,
                     const char *path, const uint8_t *in, size_t len);

#endif
