#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/rpc/server.h"
#include "proto/base/mem.h"

struct rpc_peer {
    int fd;
    uint64_t next_id;
    char *in; /* what came and is not read yet */
    size_t len, cap;
};

bool rpc_socket_address(const char *path, struct sockaddr_un *out, int *dir_fd)
{
    const char *slash = strrchr(path, '/');
    const size_t len = strlen(path);
    char dir[4096];
    int n;
    *dir_fd = -1;
    *out = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (len < sizeof out->sun_path) {
        memcpy(out->sun_path, path, len);
        return true;
    }
    n = slash == NULL
            ? -1
            : snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
    if (n < 0 || (size_t)n >= sizeof dir) {
        errno = ENAMETOOLONG;
        return false;
    }
    *dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*dir_fd < 0)
        return false;
    n = snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d%s",
                 *dir_fd, slash);
    if (n >= 0 && (size_t)n < sizeof out->sun_path)
        return true;
    (void)close(*dir_fd);
    errno = ENAMETOOLONG;
    return false;
}

rpc_peer *rpc_peer_on(int fd)
{
    rpc_peer *peer = pn_alloc(1, sizeof *peer);
    if (peer == NULL)
        (void)close(fd);
    else
        peer->fd = fd;
    return peer;
}

rpc_peer *rpc_peer_connect(const char *path)
{
    struct sockaddr_un address;
    struct ucred who;
    socklen_t len = sizeof who;
    int dir, fd, done = -1;
    if (!rpc_socket_address(path, &address, &dir))
        return NULL;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        done = connect(fd, (const struct sockaddr *)&address, sizeof address);
    if (dir >= 0)
        (void)close(dir);
    /* Somebody else's server must not see what we send. */
    if (done == 0 &&
        (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0 ||
         who.uid != geteuid()))
        done = -1;
    if (done == 0)
        return rpc_peer_on(fd);
    if (fd >= 0)
        (void)close(fd);
    return NULL;
}

void rpc_peer_free(rpc_peer **peer)
{
    if (peer == NULL || *peer == NULL)
        return;
    (void)close((*peer)->fd);
    rpc_free((*peer)->in);
    pn_free(*peer);
    *peer = NULL;
}

static bool send_all(const rpc_peer *peer, const char *line, size_t len)
{
    while (len > 0) {
        const ssize_t n = send(peer->fd, line, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        line += n;
        len -= (size_t)n;
    }
    return true;
}

static bool grow(rpc_peer *peer)
{
    const size_t cap = peer->cap == 0 ? 16384 : peer->cap * 2;
    char *bigger = cap > RPC_ANSWER_MAX ? NULL : rpc_alloc(cap);
    if (bigger == NULL)
        return false;
    if (peer->len > 0)
        memcpy(bigger, peer->in, peer->len);
    rpc_free(peer->in);
    peer->in = bigger;
    peer->cap = cap;
    return true;
}

/* Wait for the server or `stop`, whichever speaks first. */
static bool must_stop(const rpc_peer *peer, int stop)
{
    struct pollfd fds[] = { { peer->fd, POLLIN, 0 }, { stop, POLLIN, 0 } };
    while (stop >= 0 && poll(fds, 2, -1) < 0 && errno == EINTR)
        continue;
    return stop >= 0 && fds[0].revents == 0 && fds[1].revents != 0;
}

/* Read one line into the front of the buffer; *used is its length. */
static int read_line(rpc_peer *peer, size_t *used, int stop)
{
    size_t seen = 0;
    for (;;) {
        const char *end = peer->len == seen
                              ? NULL
                              : memchr(peer->in + seen, '\n', peer->len - seen);
        ssize_t n;
        if (end != NULL) {
            *used = (size_t)(end - peer->in) + 1;
            return POSTERN_OK;
        }
        seen = peer->len;
        if (peer->len == peer->cap && !grow(peer))
            return POSTERN_E_NOMEM;
        if (must_stop(peer, stop))
            return POSTERN_E_TIMEOUT;
        n = read(peer->fd, peer->in + peer->len, peer->cap - peer->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return POSTERN_E_CLOSED;
        peer->len += (size_t)n;
    }
}

/* The result or error of an answer to request `id`. */
static int judge(json_t *answer, uint64_t id, json_t **out, rpc_error *why)
{
    const json_t *got = json_object_get(answer, "id");
    const json_t *error = json_object_get(answer, "error");
    json_t *result = json_object_get(answer, "result");
    const char *text;
    /* An error without an id is about what it could not even read. */
    if (((uint64_t)json_integer_value(got) != id &&
         (error == NULL || !json_is_null(got))) ||
        (error == NULL && result == NULL)) {
        (void)snprintf(why->text, sizeof why->text,
                       "the running `postern rpc` answered something else");
        return why->code = POSTERN_E_PROTOCOL;
    }
    if (error == NULL) {
        *out = json_incref(result);
        return POSTERN_OK;
    }
    text = json_string_value(json_object_get(error, "message"));
    (void)snprintf(why->text, sizeof why->text, "%s", text == NULL ? "" : text);
    why->code = (int)json_integer_value(json_object_get(error, "code"));
    return why->code != POSTERN_OK ? why->code : POSTERN_E_PROTOCOL;
}

static int ask(rpc_peer *peer, json_t *request, json_t **answer, int stop)
{
    size_t len, used;
    char *line = request == NULL ? NULL : rpc_dump(request, &len);
    int code = POSTERN_E_NOMEM;
    json_error_t why;
    json_decref(request);
    if (line == NULL)
        return code;
    code = send_all(peer, line, len) ? POSTERN_OK : POSTERN_E_CLOSED;
    rpc_free(line);
    if (code == POSTERN_OK)
        code = read_line(peer, &used, stop);
    if (code != POSTERN_OK)
        return code;
    *answer = json_loadb(peer->in, used, JSON_ALLOW_NUL, &why);
    peer->len -= used;
    memmove(peer->in, peer->in + used, peer->len);
    if (*answer == NULL)
        return rpc_is_nomem(&why) ? POSTERN_E_NOMEM : POSTERN_E_PROTOCOL;
    return POSTERN_OK;
}

int rpc_peer_call(rpc_peer *peer, const char *name, json_t *params,
                  json_t **out, rpc_error *why, int stop)
{
    const uint64_t id = ++peer->next_id;
    json_t *answer = NULL;
    int code;
    *out = NULL;
    code = ask(peer,
               json_pack("{s:s, s:I, s:s, s:o}", "jsonrpc", "2.0", "id",
                         (json_int_t)id, "method", name, "params",
                         params == NULL ? json_object() : params),
               &answer, stop);
    if (code == POSTERN_OK)
        code = judge(answer, id, out, why);
    else
        rpc_error_of(why, code, NULL);
    if (code == POSTERN_E_CLOSED && answer == NULL)
        (void)snprintf(why->text, sizeof why->text,
                       "the running `postern rpc` went away");
    json_decref(answer);
    return code;
}
