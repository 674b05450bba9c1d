/* postern.conf: `key = value` lines, # comments. In the store's directory, or
 * in $XDG_CONFIG_HOME/postern. It names a command to run, so nobody else may
 * write it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/cli.h"

static const char *const keys[] = { "passphrase-command" };

static char *trim(char *text)
{
    size_t len;
    text += strspn(text, " \t");
    len = strlen(text);
    while (len > 0 && strchr(" \t\r", text[len - 1]) != NULL)
        text[--len] = 0;
    return text;
}

static cli_exit read_line(const cli_args *args, const char *path,
                          unsigned number, char *line, char *out, size_t cap)
{
    char *equals, *key, *value;
    const char *near;
    line = trim(line);
    if (line[0] == 0 || line[0] == '#')
        return CLI_OK;
    equals = strchr(line, '=');
    if (equals == NULL)
        return cli_fail(args, CLI_CONFIG, "%s:%u: want `key = value`", path,
                        number);
    *equals = 0;
    key = trim(line);
    value = trim(equals + 1);
    if (strcmp(key, keys[0]) != 0) {
        near = cli_nearest(key, keys, 1);
        return cli_fail(args, CLI_CONFIG,
                        "%s:%u: unknown key `%.40s`; the only one is `%s`",
                        path, number, key, near == NULL ? keys[0] : near);
    }
    if (strlen(value) >= cap)
        return cli_fail(args, CLI_CONFIG, "%s:%u: the value is too long", path,
                        number);
    memcpy(out, value, strlen(value) + 1);
    return CLI_OK;
}

static cli_exit read_config(const cli_args *args, const char *path, int fd,
                            char *out, size_t cap)
{
    char text[8192];
    struct stat st;
    unsigned number = 0;
    cli_exit code = CLI_OK;
    ssize_t n;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
        (st.st_mode & 022) != 0 || (st.st_uid != geteuid() && st.st_uid != 0))
        return cli_fail(args, CLI_CONFIG,
                        "%s could be written by somebody else; `chmod 600` it, "
                        "and own it",
                        path);
    n = read(fd, text, sizeof text);
    if (n < 0)
        return cli_fail(args, CLI_IO, "cannot read %s: %s", path,
                        strerror(errno));
    if ((size_t)n == sizeof text)
        return cli_fail(args, CLI_CONFIG, "%s is larger than 8 KiB", path);
    text[n] = 0;
    for (char *line = text; line != NULL && code == CLI_OK;) {
        char *end = strchr(line, '\n');
        if (end != NULL)
            *end++ = 0;
        code = read_line(args, path, ++number, line, out, cap);
        line = end;
    }
    return code;
}

cli_exit cli_config_command(const cli_args *args, const char *home, char *out,
                            size_t cap)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *user = getenv("HOME");
    char paths[2][CLI_PATH_SIZE + 32] = { "", "" };
    out[0] = 0;
    (void)snprintf(paths[0], sizeof paths[0], "%s/postern.conf", home);
    if (config != NULL && config[0] == '/')
        (void)snprintf(paths[1], sizeof paths[1], "%s/postern/postern.conf",
                       config);
    else if (user != NULL && user[0] == '/')
        (void)snprintf(paths[1], sizeof paths[1],
                       "%s/.config/postern/postern.conf", user);
    for (size_t i = 0; i < 2 && paths[i][0] != 0; i++) {
        const int fd = open(paths[i], O_RDONLY | O_CLOEXEC | O_NOCTTY);
        cli_exit code;
        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
            continue;
        if (fd < 0)
            return cli_fail(args, CLI_CONFIG, "cannot read %s: %s", paths[i],
                            strerror(errno));
        code = read_config(args, paths[i], fd, out, cap);
        (void)close(fd);
        return code;
    }
    return CLI_OK;
}
