/* A command for each message. What a peer wrote reaches it on standard input
 * and in variables, never as a part of the command line. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/cli/cli.h"

static void set(const char *name, const char *value)
{
    (void)setenv(name, value, 1);
}

static void become(const char *command, const json_t *message, const char *path)
{
    const json_t *file = json_object_get(message, "file");
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    set("POSTERN_ID", cli_text(message, "id"));
    set("POSTERN_FROM", cli_text(message, "from"));
    set("POSTERN_CONTACT", cli_text(message, "contact"));
    set("POSTERN_RECEIVED_AT", cli_text(message, "received_at"));
    set("POSTERN_PRIORITY", cli_text(message, "priority"));
    set("POSTERN_TYPE", file == NULL ? "text" : "file");
    set("POSTERN_FILE", path);
    set("POSTERN_FILE_NAME", cli_text(file, "name"));
    (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

bool cli_run_command(const char *command, const json_t *message,
                     const char *path, const uint8_t *in, size_t len)
{
    int fds[2], status = -1;
    pid_t child;
    (void)fflush(stdout);
    if (pipe(fds) != 0)
        return false;
    child = fork();
    if (child == 0) {
        (void)dup2(fds[0], STDIN_FILENO);
        (void)close(fds[0]);
        (void)close(fds[1]);
        become(command, message, path);
    }
    (void)close(fds[0]);
    /* One that does not read all of it may still have done its work. */
    while (child > 0 && len > 0) {
        const ssize_t n = write(fds[1], in, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        in += n;
        len -= (size_t)n;
    }
    (void)close(fds[1]);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
