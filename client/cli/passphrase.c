/* Where a passphrase may come from, in order; never from argv or a variable. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "client/cli/cli.h"

void cli_secret_wipe(cli_secret *secret)
{
    explicit_bzero(secret, sizeof *secret);
}

json_t *cli_secret_json(const cli_secret *secret)
{
    return rpc_base64(secret->bytes, secret->len);
}

/* Read to the end; one newline at the end is not part of it. */
static cli_exit read_secret(const cli_args *args, int fd, const char *from,
                            cli_secret *out)
{
    uint8_t extra = 0;
    size_t len = 0;
    ssize_t n = 1;
    /* Best effort: without the privilege to lock it is still wiped. */
    (void)mlock(out, sizeof *out);
    while (n != 0) {
        uint8_t *to = len < sizeof out->bytes ? out->bytes + len : &extra;
        n = read(fd, to, len < sizeof out->bytes ? sizeof out->bytes - len : 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cli_fail(args, CLI_IO, "cannot read the secret from %s: %s",
                            from, strerror(errno));
        if (n > 0 && to == &extra)
            return cli_fail(args, CLI_USAGE,
                            "the secret from %s is longer than %d bytes", from,
                            CLI_SECRET_MAX);
        len += (size_t)n;
    }
    if (len > 0 && out->bytes[len - 1] == '\n')
        len--;
    out->len = len;
    return CLI_OK;
}

static cli_exit not_empty(const cli_args *args, const char *from,
                          const cli_secret *secret)
{
    return secret->len > 0 ? CLI_OK
                           : cli_fail(args, CLI_CONFIG,
                                      "the secret from %s is empty", from);
}

static cli_exit from_fd(const cli_args *args, cli_opt opt, cli_secret *out)
{
    const char *text = args->value[opt];
    cli_exit code;
    if (text[0] == 0 || strlen(text) > 6 ||
        text[strspn(text, "0123456789")] != 0)
        return cli_fail(args, CLI_USAGE, "%s wants a number, not `%.40s`",
                        cli_options[opt].name, text);
    code = read_secret(args, (int)strtol(text, NULL, 10), cli_options[opt].name,
                       out);
    return code == CLI_OK ? not_empty(args, cli_options[opt].name, out) : code;
}

/* `open_bits` may not be set in the file's mode. */
static cli_exit from_file(const cli_args *args, const char *path,
                          mode_t open_bits, cli_secret *out)
{
    struct stat st;
    cli_exit code;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0) {
        code = cli_fail(args, CLI_CONFIG, "cannot read the secret from %s: %s",
                        path, strerror(errno));
    } else if (S_ISREG(st.st_mode) && (st.st_mode & open_bits) != 0) {
        code =
            cli_fail(args, CLI_CONFIG,
                     "%s is open to other users; `chmod 600 %s`", path, path);
    } else if (!S_ISREG(st.st_mode)) {
        code = cli_fail(args, CLI_CONFIG,
                        "%s is no file; for a pipe there is an option "
                        "that takes its descriptor",
                        path);
    } else {
        code = read_secret(args, fd, path, out);
        if (code == CLI_OK)
            code = not_empty(args, path, out);
    }
    if (fd >= 0)
        (void)close(fd);
    return code;
}

static cli_exit from_command(const cli_args *args, const char *command,
                             cli_secret *out)
{
    int fds[2], status = 0;
    pid_t child;
    cli_exit code;
    if (pipe(fds) != 0)
        return cli_fail(args, CLI_IO, "no pipe: %s", strerror(errno));
    child = fork();
    if (child == 0) {
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)close(fds[0]);
        (void)close(fds[1]);
        (void)signal(SIGPIPE, SIG_DFL);
        (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    if (child < 0)
        code = cli_fail(args, CLI_IO, "cannot run passphrase-command: %s",
                        strerror(errno));
    else
        code = read_secret(args, fds[0], "passphrase-command", out);
    (void)close(fds[0]);
    if (child > 0)
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            continue;
    if (status != 0)
        return cli_fail(args, CLI_CONFIG,
                        "passphrase-command failed; run it by hand to see "
                        "why: %s",
                        command);
    return code == CLI_OK ? not_empty(args, "passphrase-command", out) : code;
}

static cli_exit ask_once(const cli_args *args, int tty, const char *prompt,
                         cli_secret *out)
{
    struct termios before, quiet;
    ssize_t n;
    if (tcgetattr(tty, &before) != 0)
        return cli_fail(args, CLI_IO, "no terminal: %s", strerror(errno));
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(tty, TCSAFLUSH, &quiet);
    (void)dprintf(tty, "%s: ", prompt);
    n = read(tty, out->bytes, sizeof out->bytes);
    (void)tcsetattr(tty, TCSAFLUSH, &before);
    (void)dprintf(tty, "\n");
    if (n <= 0 || out->bytes[n - 1] != '\n')
        return cli_fail(args, CLI_IO,
                        "no passphrase was given, or one of more "
                        "than %d bytes",
                        CLI_SECRET_MAX - 1);
    out->len = (size_t)n - 1;
    return CLI_OK;
}

static cli_exit from_terminal(const cli_args *args, const char *prompt,
                              bool is_new, cli_secret *out)
{
    cli_secret again = { 0 };
    cli_exit code;
    const int tty = cli_may_ask(args)
                        ? open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
                        : -1;
    if (tty < 0)
        return cli_fail(args, CLI_CONFIG,
                        "no passphrase: give %s, or set passphrase-command in "
                        "postern.conf",
                        is_new ? "--passphrase-fd or --passphrase-file"
                               : "it by --passphrase-fd or --passphrase-file");
    (void)mlock(out, sizeof *out);
    code = ask_once(args, tty, prompt, out);
    if (code == CLI_OK && is_new) {
        code = ask_once(args, tty, "Once more", &again);
        if (code == CLI_OK && (again.len != out->len ||
                               memcmp(again.bytes, out->bytes, out->len) != 0))
            code = cli_fail(args, CLI_USAGE,
                            "the two are not the same; nothing was done");
    }
    cli_secret_wipe(&again);
    (void)close(tty);
    return code;
}

cli_exit cli_passphrase(const cli_args *args, const char *home, bool is_new,
                        cli_secret *out)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    char text[CLI_PATH_SIZE];
    cli_exit code;
    memset(out, 0, sizeof *out);
    if (cli_has(args, OPT_PASS_FD))
        return from_fd(args, OPT_PASS_FD, out);
    if (cli_has(args, OPT_PASS_FILE))
        return from_file(args, args->value[OPT_PASS_FILE], 077, out);
    if (credentials != NULL &&
        snprintf(text, sizeof text, "%s/passphrase", credentials) <
            (int)sizeof text &&
        access(text, F_OK) == 0)
        /* An access list of the service manager shows as the group's bits. */
        return from_file(args, text, 037, out);
    code = cli_config_command(args, home, text, sizeof text);
    if (code != CLI_OK)
        return code;
    if (text[0] != 0)
        return from_command(args, text, out);
    return from_terminal(args, is_new ? "New passphrase" : "Passphrase", is_new,
                         out);
}

cli_exit cli_secret_of(const cli_args *args, cli_opt fd, cli_opt file,
                       const char *prompt, bool is_new, cli_secret *out)
{
    memset(out, 0, sizeof *out);
    if (cli_has(args, fd))
        return from_fd(args, fd, out);
    if (cli_has(args, file))
        return from_file(args, args->value[file], 077, out);
    if (!cli_may_ask(args))
        return cli_fail(args, CLI_CONFIG, "%s is needed: give it by %s or %s",
                        prompt, cli_options[fd].name, cli_options[file].name);
    return from_terminal(args, prompt, is_new, out);
}
