#include "tests/bench/peers/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void watch(load_conn *c, int epoll, int op, bool out)
{
    struct epoll_event e = { .events = EPOLLIN | (out ? EPOLLOUT : 0),
                             .data.ptr = c };
    if (epoll_ctl(epoll, op, c->fd, &e) != 0)
        load_die("epoll");
    c->waits = out;
}

void wire_close(load_conn *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
}

void wire_dial(load_conn *c, int epoll, uint16_t port)
{
    const int one = 1;
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr = { htonl(INADDR_LOOPBACK) } };
    wire_close(c);
    c->in_len = c->out_len = c->out_at = 0;
    c->oldest = c->under_way = 0;
    c->ready = false;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 ||
        connect(c->fd, (const struct sockaddr *)&a, sizeof a) != 0 ||
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
        fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0)
        load_die("connect");
    watch(c, epoll, EPOLL_CTL_ADD, false);
}

void wire_write(load_conn *c, int epoll)
{
    while (c->out_at < c->out_len) {
        const ssize_t n =
            write(c->fd, c->out + c->out_at, c->out_len - c->out_at);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            load_die("write");
        c->out_at += (size_t)n;
    }
    memmove(c->out, c->out + c->out_at, c->out_len - c->out_at);
    c->out_len -= c->out_at;
    c->out_at = 0;
    if (c->waits != (c->out_len > 0))
        watch(c, epoll, EPOLL_CTL_MOD, c->out_len > 0);
}

bool wire_read(load_conn *c)
{
    const ssize_t n = read(c->fd, c->in + c->in_len, WIRE_IN_BYTES - c->in_len);
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0)
        load_die("read");
    c->in_len += (size_t)n;
    return true;
}
