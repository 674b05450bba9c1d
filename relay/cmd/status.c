/* posternd status and stats: ask the running relay over its control socket. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/base/json.h"
#include "relay/cmd/cmd.h"
#include "relay/net/control.h"

/* Send the request, read the answer's line. PN_E_NOT_FOUND if nobody listens,
 * PN_E_ARG if the path is too long, PN_E_PROTO for a line without end. */
static pn_err ask(const char *path, const char *request, char *answer,
                  size_t cap)
{
    const struct timeval patience = { .tv_sec = RL_CONTROL_TIMEOUT_MS / 1000 };
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    const size_t len = strlen(request);
    size_t have = 0;
    pn_err err = PN_E_IO;
    int fd;
    if (strlen(path) >= sizeof to.sun_path)
        return PN_E_ARG;
    memcpy(to.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return PN_E_IO;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) !=
            0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) !=
            0)
        goto out;
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        if (errno == ENOENT || errno == ECONNREFUSED)
            err = PN_E_NOT_FOUND;
        goto out;
    }
    if (send(fd, request, len, MSG_NOSIGNAL) != (ssize_t)len)
        goto out;
    for (;;) {
        char *end;
        const ssize_t n = read(fd, answer + have, cap - 1 - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            goto out;
        have += (size_t)n;
        answer[have] = 0;
        end = strchr(answer, '\n');
        if (end != NULL)
            *end = 0;
        err = end != NULL ? PN_OK : PN_E_PROTO;
        if (end != NULL || n == 0 || have == cap - 1)
            goto out;
    }
out:
    (void)close(fd);
    return err;
}

static pn_err print_leaf(void *ctx, const pn_json_leaf *leaf)
{
    (void)ctx;
    if (strcmp(leaf->path, "v") == 0 || strcmp(leaf->path, "type") == 0)
        return PN_OK;
    if (leaf->kind == PN_JSON_TEXT)
        (void)printf("%-28s %s\n", leaf->path, leaf->text);
    else if (strcmp(leaf->path, "uptime_ms") == 0)
        (void)printf("%-28s %" PRId64 " s\n", "uptime", leaf->number / 1000);
    else if (strcmp(leaf->path, "resident_bytes") == 0)
        (void)printf("%-28s %" PRId64 " KiB\n", "resident",
                     leaf->number / 1024);
    else
        (void)printf("%-28s %" PRId64 "\n", leaf->path, leaf->number);
    return PN_OK;
}

/* What an answer is, and what it complains of. */
typedef struct reply {
    const char *type;
    bool matches;
    bool is_error;
    char message[128];
} reply;

static pn_err find_type(void *ctx, const pn_json_leaf *leaf)
{
    reply *r = ctx;
    if (leaf->kind != PN_JSON_TEXT)
        return PN_OK;
    if (strcmp(leaf->path, "type") == 0) {
        r->matches = strcmp(leaf->text, r->type) == 0;
        r->is_error = strcmp(leaf->text, "error") == 0;
    } else if (strcmp(leaf->path, "message") == 0) {
        (void)snprintf(r->message, sizeof r->message, "%s", leaf->text);
    }
    return PN_OK;
}

static rl_exit explain(const rl_args *args, pn_err err)
{
    const char *dir = args->found;
    if (err == PN_E_NOT_FOUND)
        return rl_fail(args, RL_EXIT_UNREACHABLE,
                       "no relay is running in %s; start it with `posternd "
                       "run --dir %s`",
                       dir, dir);
    if (err == PN_E_ARG)
        return rl_fail(args, RL_EXIT_CONFIG,
                       "%s is too long a path for a control socket", dir);
    if (err == PN_E_PROTO)
        return rl_fail(args, RL_EXIT_PROTOCOL,
                       "the relay in %s gave no proper answer; is it another "
                       "version?",
                       dir);
    return rl_fail(args, RL_EXIT_UNREACHABLE,
                   "cannot ask the relay in %s: %s; run this as the relay's "
                   "user or as root",
                   dir, strerror(errno));
}

rl_exit rl_ask_relay(const rl_args *args, const char *request, const char *type,
                     char *answer, size_t cap)
{
    char path[RL_PATH_MAX];
    reply r = { .type = type };
    pn_bytes line;
    pn_err err = rl_dir_path(args->found, RL_FILE_CONTROL, path, sizeof path);
    if (err == PN_OK)
        err = ask(path, request, answer, cap);
    if (err != PN_OK)
        return explain(args, err);
    line = (pn_bytes){ (const uint8_t *)answer, strlen(answer) };
    if (pn_json_read(line, find_type, &r) != PN_OK ||
        (!r.matches && !r.is_error))
        return explain(args, PN_E_PROTO);
    if (r.is_error)
        return rl_fail(args, RL_EXIT_OTHER, "%s", r.message);
    return RL_EXIT_OK;
}

rl_exit rl_reload_relay(const rl_args *args, bool *running)
{
    static const char request[] = "{\"v\":1,\"command\":\"reload\"}\n";
    char path[RL_PATH_MAX], answer[1024];
    pn_err err = rl_dir_path(args->found, RL_FILE_CONTROL, path, sizeof path);
    *running = false;
    if (err == PN_OK)
        err = ask(path, request, answer, sizeof answer);
    if (err == PN_E_NOT_FOUND)
        return RL_EXIT_OK;
    *running = true;
    if (err != PN_OK)
        return explain(args, err);
    if (strstr(answer, "\"ok\":true") == NULL)
        return rl_fail(args, RL_EXIT_OTHER,
                       "the running relay did not take it up; its log says "
                       "why");
    return RL_EXIT_OK;
}

rl_exit rl_print_answer(const rl_args *args, const char *answer)
{
    const pn_bytes line = { (const uint8_t *)answer, strlen(answer) };
    if (args->json)
        (void)printf("%s\n", answer);
    else if (pn_json_read(line, print_leaf, NULL) != PN_OK)
        return explain(args, PN_E_PROTO);
    return rl_flush(args);
}

static rl_exit ask_and_print(const rl_args *args, const char *request,
                             const char *type)
{
    char answer[RL_CONTROL_ANSWER_MAX];
    const rl_exit code =
        rl_ask_relay(args, request, type, answer, sizeof answer);
    return code == RL_EXIT_OK ? rl_print_answer(args, answer) : code;
}

rl_exit rl_cmd_status(const rl_args *args)
{
    return ask_and_print(args, "{\"v\":1,\"command\":\"status\"}\n", "status");
}

rl_exit rl_cmd_stats(const rl_args *args)
{
    return ask_and_print(args, "{\"v\":1,\"command\":\"stats\"}\n", "stats");
}
