#include "client/rpc/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/rpc/server_internal.h"
#include "proto/base/mem.h"

uint64_t rpc_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int refuse(rpc_error *why, const char *what, const char *path)
{
    why->code = POSTERN_E_SYSTEM;
    (void)snprintf(why->text, sizeof why->text, "%s %s: %s", what, path,
                   strerror(errno));
    return why->code;
}

/* Take away a socket a dead server left. Anything else stays. */
static bool clear(const char *path)
{
    struct stat st;
    rpc_peer *alive;
    if (lstat(path, &st) != 0)
        return errno == ENOENT;
    if (!S_ISSOCK(st.st_mode)) {
        errno = EEXIST;
        return false;
    }
    alive = rpc_peer_connect(path);
    if (alive != NULL) {
        rpc_peer_free(&alive);
        errno = EADDRINUSE;
        return false;
    }
    return unlink(path) == 0;
}

static int listen_at(const char *path, rpc_error *why, int *out)
{
    struct sockaddr_un address;
    int dir, fd, bound = -1;
    mode_t mask;
    if (!clear(path) || !rpc_socket_address(path, &address, &dir))
        return refuse(why, "cannot listen at", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        mask = umask(0177); /* 0600 from its first moment */
        bound = bind(fd, (const struct sockaddr *)&address, sizeof address);
        (void)umask(mask);
    }
    if (dir >= 0)
        (void)close(dir);
    if (bound != 0 || listen(fd, SOMAXCONN) != 0) {
        const int code = refuse(why, "cannot listen at", path);
        if (fd >= 0)
            (void)close(fd);
        return code;
    }
    *out = fd;
    return POSTERN_OK;
}

/* Whoever is not this user gets no word. */
static bool is_own_user(int fd)
{
    struct ucred who;
    socklen_t len = sizeof who;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
           (who.uid == geteuid() || who.uid == 0);
}

static size_t conn_count(const rpc_server *s)
{
    size_t n = 0;
    for (size_t i = 0; i < RPC_CONNS_MAX; i++)
        n += s->conns[i].id != 0 ? 1 : 0;
    return n;
}

/* Let in who waits, as long as there is room. */
static void welcome(rpc_server *s, int listener)
{
    while (conn_count(s) < RPC_CONNS_MAX) {
        const int fd =
            accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        if (!is_own_user(fd) || rpc_conn_new(s, fd, fd) == NULL)
            (void)close(fd);
    }
}

static bool has_waiter(const rpc_server *s, uint64_t conn)
{
    for (const rpc_waiter *w = s->waiters; w != NULL; w = w->next)
        if (w->conn == conn)
            return true;
    return false;
}

/* A connection whose input ended goes when all it asked for is answered. */
static bool is_over(const rpc_server *s, const rpc_conn *c)
{
    return c->is_ended && c->answers_at == c->answers_len && c->underway == 0 &&
           !rpc_conn_has_line(c) && !has_waiter(s, c->id);
}

enum { FDS = 2 + RPC_SOCKETS_MAX + 2 * RPC_CONNS_MAX };

/* Fill the descriptors; the places of a connection are fixed. */
static void prepare(rpc_server *s, struct pollfd fds[FDS])
{
    const bool is_full = conn_count(s) == RPC_CONNS_MAX;
    fds[0] = (struct pollfd){ s->wake[0], POLLIN, 0 };
    fds[1] = (struct pollfd){ s->options->stop, POLLIN, 0 };
    for (size_t i = 0; i < RPC_SOCKETS_MAX; i++)
        fds[2 + i] =
            (struct pollfd){ is_full ? -1 : s->listeners[i], POLLIN, 0 };
    for (size_t i = 0; i < RPC_CONNS_MAX; i++) {
        const rpc_conn *c = &s->conns[i];
        struct pollfd *p = &fds[2 + RPC_SOCKETS_MAX + 2 * i];
        const bool has_answers = c->answers_at < c->answers_len;
        p[0] = (struct pollfd){ -1, POLLIN, 0 };
        /* Asked for nothing, it still tells that the other side is gone. */
        p[1] = (struct pollfd){ -1, has_answers ? POLLOUT : 0, 0 };
        if (c->id != 0 && rpc_conn_is_reading(c))
            p[0].fd = c->in;
        if (c->id != 0)
            p[1].fd = c->out;
    }
}

static int patience(const rpc_server *s)
{
    const uint64_t until = rpc_lease_deadline(s), now = rpc_now();
    if (until == UINT64_MAX)
        return -1;
    return until <= now ? 0 : (int)(until - now) + 1;
}

static void serve_conn(rpc_server *s, rpc_conn *c, const struct pollfd *p)
{
    const uint64_t id = c->id;
    if (id == 0)
        return;
    if (p[0].fd >= 0 && p[0].revents != 0)
        rpc_conn_read(s, c);
    if (c->id == id)
        rpc_conn_take(s, c);
    if (c->id != id || p[1].fd < 0)
        return;
    if (c->answers_at < c->answers_len && p[1].revents != 0)
        rpc_conn_write(s, c);
    else if (c->is_ended && (p[1].revents & (POLLERR | POLLHUP)) != 0)
        rpc_conn_end(s, c);
}

static void turn(rpc_server *s, struct pollfd fds[FDS])
{
    char drain[64];
    if (fds[0].revents != 0)
        while (read(s->wake[0], drain, sizeof drain) == sizeof drain)
            continue;
    rpc_jobs_collect(s);
    rpc_lease_pump(s);
    for (size_t i = 0; i < RPC_CONNS_MAX; i++)
        serve_conn(s, &s->conns[i], &fds[2 + RPC_SOCKETS_MAX + 2 * i]);
    for (size_t i = 0; i < RPC_SOCKETS_MAX; i++)
        if (fds[2 + i].fd >= 0 && (fds[2 + i].revents & POLLIN) != 0)
            welcome(s, s->listeners[i]);
}

void rpc_server_note(rpc_server *s, int code)
{
    s->is_gone |= code == POSTERN_E_NO_STORE;
}

/* What is answered goes out as far as it can; then it is over. */
static int leave(rpc_server *s, rpc_error *why)
{
    for (size_t i = 0; i < RPC_CONNS_MAX; i++)
        if (s->conns[i].id != 0 &&
            s->conns[i].answers_at < s->conns[i].answers_len)
            rpc_conn_write(s, &s->conns[i]);
    rpc_error_of(why, POSTERN_E_NO_STORE, NULL);
    return why->code;
}

static int loop(rpc_server *s, rpc_error *why)
{
    struct pollfd fds[FDS];
    for (;;) {
        for (size_t i = 0; i < RPC_CONNS_MAX; i++) {
            const bool is_first = s->conns[i].is_first;
            if (s->conns[i].id == 0 || !is_over(s, &s->conns[i]))
                continue;
            rpc_conn_end(s, &s->conns[i]);
            if (is_first)
                return POSTERN_OK;
        }
        prepare(s, fds);
        if (poll(fds, FDS, patience(s)) < 0 && errno != EINTR)
            return refuse(why, "cannot", "poll");
        if (fds[1].fd >= 0 && fds[1].revents != 0)
            return POSTERN_OK;
        turn(s, fds);
        if (s->is_gone)
            return leave(s, why);
        if (s->options->in >= 0 && s->conns[0].is_first == false)
            return POSTERN_OK; /* its output is gone */
    }
}

static int begin(rpc_server *s, rpc_error *why)
{
    int code = POSTERN_OK;
    if (pipe2(s->wake, O_CLOEXEC | O_NONBLOCK) != 0)
        return refuse(why, "cannot make", "a pipe");
    for (size_t i = 0; i < RPC_SOCKETS_MAX && code == POSTERN_OK; i++)
        if (s->options->sockets[i] != NULL)
            code = listen_at(s->options->sockets[i], why, &s->listeners[i]);
    if (code == POSTERN_OK && s->options->in >= 0) {
        rpc_conn *c = rpc_conn_new(s, s->options->in, s->options->out);
        if (c == NULL)
            return refuse(why, "cannot begin", "without memory");
        c->is_first = true;
    }
    if (code == POSTERN_OK && s->options->on_ready != NULL)
        s->options->on_ready(s->options->ctx);
    return code;
}

static void end(rpc_server *s)
{
    for (size_t i = 0; i < RPC_SOCKETS_MAX; i++) {
        if (s->listeners[i] < 0)
            continue;
        (void)unlink(s->options->sockets[i]);
        (void)close(s->listeners[i]);
    }
    rpc_jobs_stop(s);
    rpc_jobs_collect(s);
    for (size_t i = 0; i < RPC_CONNS_MAX; i++) {
        /* The last answers, as far as the other side takes them now. */
        if (s->conns[i].id != 0 &&
            s->conns[i].answers_at < s->conns[i].answers_len)
            rpc_conn_write(s, &s->conns[i]);
        rpc_conn_end(s, &s->conns[i]);
    }
    rpc_lease_free(s);
    for (size_t i = 0; i < 2; i++)
        if (s->wake[i] >= 0)
            (void)close(s->wake[i]);
}

int rpc_serve(postern_client *client, const rpc_server_options *options,
              rpc_error *why)
{
    rpc_server *s = pn_alloc(1, sizeof *s);
    int code;
    if (s == NULL) {
        rpc_error_of(why, POSTERN_E_NOMEM, NULL);
        return why->code;
    }
    s->client = client;
    s->options = options;
    s->wake[0] = s->wake[1] = -1;
    for (size_t i = 0; i < RPC_SOCKETS_MAX; i++)
        s->listeners[i] = -1;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->todo_cond, NULL);
    (void)pthread_cond_init(&s->want_cond, NULL);
    code = begin(s, why);
    if (code == POSTERN_OK)
        code = loop(s, why);
    end(s);
    (void)pthread_cond_destroy(&s->want_cond);
    (void)pthread_cond_destroy(&s->todo_cond);
    (void)pthread_mutex_destroy(&s->lock);
    pn_free(s);
    return code;
}
