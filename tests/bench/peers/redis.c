/* Redis streams under the load of bench_queue, for comparison:
 *   bench_redis PORT PID BYTES LINKS WINDOW COUNT
 * against a redis-server on 127.0.0.1 that syncs always (bench_queue.py starts
 * one). The same three phases: LINKS senders XADD, one stream each, WINDOW at
 * a time; LINKS recipients XREAD 32 at a time and XDEL, which is durable too;
 * then both at once, the recipients blocking in XREAD.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/bench/peers/resp.h"
#include "tests/bench/process.h"

enum {
    FETCH = 32,
    WINDOW_MAX = 64,
    BODY_MAX = 16384,
    OUT_BYTES = WINDOW_MAX * (BODY_MAX + 256),
    IN_BYTES = 2 * FETCH * (BODY_MAX + 256),
    ID_MAX = 48,
};

typedef enum phase { DEPOSIT, DRAIN, LIVE } phase;

typedef struct conn {
    int fd;
    bool sender;
    bool waits; /* EPOLLOUT asked for */
    size_t index;
    uint64_t sent_ns[WINDOW_MAX]; /* a ring: replies come in order */
    uint32_t oldest, under_way;
    char last[ID_MAX]; /* id read last */
    uint32_t deleting; /* messages of the XDEL under way */
    char *out, *in;
    size_t out_len, out_at, in_len;
} conn;

static struct {
    bench_phase figures;
    phase phase;
    uint64_t count, begun;
    int epoll;
    uint16_t port;
    bool ended;
    conn *senders, *recipients;
} b;
static char body[BODY_MAX];

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_redis: %s\n", what);
    exit(1);
}

static void watch(conn *c, int op, bool out)
{
    struct epoll_event e = { .events = EPOLLIN | (out ? EPOLLOUT : 0),
                             .data.ptr = c };
    if (epoll_ctl(b.epoll, op, c->fd, &e) != 0)
        die("epoll");
    c->waits = out;
}

static void dial(conn *c)
{
    const int one = 1;
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons(b.port),
                             .sin_addr = { htonl(INADDR_LOOPBACK) } };
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 ||
        connect(c->fd, (const struct sockaddr *)&a, sizeof a) != 0 ||
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
        fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0)
        die("connect");
    watch(c, EPOLL_CTL_ADD, false);
}

static void write_out(conn *c)
{
    while (c->out_at < c->out_len) {
        const ssize_t n =
            write(c->fd, c->out + c->out_at, c->out_len - c->out_at);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            die("write");
        c->out_at += (size_t)n;
    }
    if (c->out_at == c->out_len)
        c->out_at = c->out_len = 0;
    if (c->waits != (c->out_len > 0))
        watch(c, EPOLL_CTL_MOD, c->out_len > 0);
}

static void put(conn *c, const char *arg)
{
    resp_put(c->out, &c->out_len, arg, strlen(arg));
}

static void put_stream(conn *c)
{
    char name[32];
    (void)snprintf(name, sizeof name, "q%zu", c->index);
    put(c, name);
}

static void fill(conn *c)
{
    while (c->under_way < b.figures.window && b.begun < b.count) {
        const uint64_t now = bench_now_ns();
        if (c->out_len + b.figures.body + 256 > OUT_BYTES)
            return;
        memcpy(body, &now, sizeof now);
        resp_put_array(c->out, &c->out_len, 5);
        put(c, "XADD");
        put_stream(c);
        put(c, "*");
        put(c, "b");
        resp_put(c->out, &c->out_len, body, b.figures.body);
        c->sent_ns[(c->oldest + c->under_way++) % WINDOW_MAX] = now;
        b.begun++;
    }
}

static void read_more(conn *c)
{
    resp_put_array(c->out, &c->out_len, b.phase == LIVE ? 8 : 6);
    put(c, "XREAD");
    put(c, "COUNT");
    put(c, "32");
    if (b.phase == LIVE) {
        put(c, "BLOCK");
        put(c, "0");
    }
    put(c, "STREAMS");
    put_stream(c);
    put(c, c->last);
}

static void count_one(uint64_t ns)
{
    b.figures.times[b.figures.done++] = ns;
    b.ended = b.figures.done == b.count;
}

static void on_added(conn *c)
{
    const uint64_t sent = c->sent_ns[c->oldest++ % WINDOW_MAX];
    c->under_way--;
    if (b.phase == DEPOSIT)
        count_one(bench_now_ns() - sent);
    fill(c);
}

/* Strings: the stream, then id, field and value of each entry. */
static void on_entries(conn *c, const resp_reply *r)
{
    const size_t n = r->strings / 3;
    const resp_string *last;
    if (n == 0)
        return;
    last = &r->string[1 + 3 * (n - 1)];
    resp_put_array(c->out, &c->out_len, 2 + n);
    put(c, "XDEL");
    put_stream(c);
    for (size_t i = 0; i < n; i++) {
        const resp_string *id = &r->string[1 + 3 * i];
        resp_put(c->out, &c->out_len, id->p, id->len);
        if (b.phase == LIVE) {
            uint64_t sent;
            memcpy(&sent, r->string[3 + 3 * i].p, sizeof sent);
            count_one(bench_now_ns() - sent);
        }
    }
    if (last->len >= ID_MAX)
        die("an id too long");
    memcpy(c->last, last->p, last->len);
    c->last[last->len] = '\0';
    c->deleting = (uint32_t)n;
    read_more(c);
}

static void on_reply(conn *c, const resp_reply *r)
{
    if (r->error)
        die("an error reply");
    if (c->sender) {
        on_added(c);
    } else if (r->strings > 0) {
        on_entries(c, r);
    } else if (b.phase == DRAIN) {
        for (; c->deleting > 0; c->deleting--)
            count_one(bench_now_ns() - b.figures.start_ns);
    }
}

static void read_in(conn *c)
{
    const ssize_t n = read(c->fd, c->in + c->in_len, IN_BYTES - c->in_len);
    static resp_reply reply;
    size_t at = 0, took;
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        die("read");
    c->in_len += (size_t)n;
    while (!b.ended &&
           (took = resp_take(&reply, c->in + at, c->in_len - at)) > 0) {
        at += took;
        on_reply(c, &reply);
    }
    memmove(c->in, c->in + at, c->in_len - at);
    c->in_len -= at;
}

static void run(void)
{
    struct epoll_event events[256];
    b.ended = false;
    while (!b.ended) {
        const int n = epoll_wait(b.epoll, events, 256, -1);
        for (int i = 0; i < n && !b.ended; i++) {
            conn *c = events[i].data.ptr;
            if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0)
                read_in(c);
            write_out(c);
        }
    }
    bench_phase_report(&b.figures);
}

static conn *make(bool sender)
{
    conn *all = calloc(b.figures.links, sizeof *all);
    if (all == NULL)
        die("out of memory");
    for (size_t i = 0; i < b.figures.links; i++) {
        conn *c = &all[i];
        c->sender = sender;
        c->index = i;
        memcpy(c->last, "0", 2);
        /* Pages are only taken where they are touched. */
        c->out = malloc(OUT_BYTES);
        c->in = malloc(IN_BYTES);
        if (c->out == NULL || c->in == NULL)
            die("out of memory");
        dial(c);
    }
    return all;
}

static void redial(conn *all)
{
    for (size_t i = 0; i < b.figures.links; i++) {
        (void)close(all[i].fd);
        all[i].in_len = all[i].out_len = all[i].out_at = 0;
        all[i].oldest = all[i].under_way = 0;
        dial(&all[i]);
    }
}

static void start(phase p, const char *name, conn *all)
{
    b.phase = p;
    b.begun = 0;
    bench_phase_begin(&b.figures, name);
    for (size_t i = 0; i < b.figures.links; i++) {
        if (all[i].sender)
            fill(&all[i]);
        else
            read_more(&all[i]);
        write_out(&all[i]);
    }
}

int main(int argc, char **argv)
{
    if (argc != 7)
        die("usage: bench_redis PORT PID BYTES LINKS WINDOW COUNT");
    b.port = (uint16_t)strtoul(argv[1], NULL, 10);
    b.count = strtoull(argv[6], NULL, 10);
    b.figures = (bench_phase){
        .peer = "redis",
        .pid = (int)strtol(argv[2], NULL, 10),
        .body = strtoul(argv[3], NULL, 10),
        .links = strtoul(argv[4], NULL, 10),
        .window = (uint32_t)strtoul(argv[5], NULL, 10),
        .times = calloc(b.count + 1, sizeof *b.figures.times),
    };
    if (b.figures.body < 8 || b.figures.body > BODY_MAX ||
        b.figures.links < 1 || b.figures.window < 1 ||
        b.figures.window > WINDOW_MAX || b.count < 1)
        die("numbers out of range");
    b.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (b.epoll < 0 || b.figures.times == NULL)
        die("cannot start");
    b.senders = make(true);
    start(DEPOSIT, "deposit", b.senders);
    run();
    b.recipients = make(false);
    start(DRAIN, "drain", b.recipients);
    run();
    redial(b.senders);
    redial(b.recipients);
    b.phase = LIVE;
    for (size_t i = 0; i < b.figures.links; i++) {
        read_more(&b.recipients[i]);
        write_out(&b.recipients[i]);
    }
    start(LIVE, "live", b.senders);
    run();
    return 0;
}
