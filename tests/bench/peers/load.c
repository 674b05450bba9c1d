#include "tests/bench/peers/load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "tests/bench/bench.h"
#include "tests/bench/peers/wire.h"
#include "tests/bench/process.h"

static struct {
    const load_peer *peer;
    bench_phase figures;
    load_phase phase;
    uint64_t count, begun;
    size_t waiting; /* greetings that are not over */
    int epoll;
    uint16_t port;
    bool ended; /* what the loop runs for has come */
    load_conn *senders, *recipients;
} b;
static char body[LOAD_BODY_MAX];

_Noreturn void load_die(const char *what)
{
    (void)fprintf(stderr, "bench_%s: %s\n",
                  b.peer != NULL ? b.peer->name : "peer", what);
    exit(1);
}

load_phase load_now(void)
{
    return b.phase;
}

/* --- what goes out -------------------------------------------------------- */

void load_put(load_conn *c, const void *p, size_t len)
{
    if (len > WIRE_OUT_BYTES - c->out_len)
        load_die("no room for what goes out");
    memcpy(c->out + c->out_len, p, len);
    c->out_len += len;
}

void load_print(load_conn *c, const char *format, ...)
{
    const size_t room = WIRE_OUT_BYTES - c->out_len;
    va_list args;
    int n;
    va_start(args, format);
    n = vsnprintf(c->out + c->out_len, room, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= room)
        load_die("no room for what goes out");
    c->out_len += (size_t)n;
}

static void fill(load_conn *c)
{
    while (c->under_way < b.figures.window && b.begun < b.count) {
        const uint32_t slot = (c->oldest + c->under_way) % LOAD_WINDOW_MAX;
        const uint64_t now = bench_now_ns();
        if (c->out_len + b.figures.body + LOAD_EXTRA > WIRE_OUT_BYTES)
            return;
        memcpy(body, &now, sizeof now);
        b.peer->publish(c, body, b.figures.body, slot);
        c->sent_ns[slot] = now;
        c->under_way++;
        b.begun++;
    }
}

/* --- what has come -------------------------------------------------------- */

static void count_one(uint64_t ns)
{
    if (b.figures.done == b.count)
        load_die("more messages than were sent");
    b.figures.times[b.figures.done++] = ns;
    b.ended = b.figures.done == b.count;
}

void load_ready(load_conn *c)
{
    if (c->ready)
        load_die("ready twice");
    c->ready = true;
    b.ended = --b.waiting == 0;
}

uint32_t load_oldest(const load_conn *c)
{
    return c->oldest % LOAD_WINDOW_MAX;
}

void load_stored(load_conn *c)
{
    const uint64_t sent = c->sent_ns[load_oldest(c)];
    if (c->under_way == 0)
        load_die("an answer to nothing");
    c->oldest++;
    c->under_way--;
    if (b.phase == LOAD_DEPOSIT)
        count_one(bench_now_ns() - sent);
    fill(c);
}

void load_arrived(const char *p, size_t len)
{
    uint64_t sent;
    if (len != b.figures.body)
        load_die("a message of another size");
    if (b.phase != LOAD_LIVE)
        return;
    memcpy(&sent, p, sizeof sent);
    count_one(bench_now_ns() - sent);
}

void load_forgotten(size_t count)
{
    for (; b.phase == LOAD_DRAIN && count > 0; count--)
        count_one(bench_now_ns() - b.figures.start_ns);
}

/* --- the loop ------------------------------------------------------------- */

static void read_in(load_conn *c)
{
    size_t at = 0, took;
    if (!wire_read(c))
        return;
    while (!b.ended && (took = b.peer->take(c, c->in + at, c->in_len - at)) > 0)
        at += took;
    memmove(c->in, c->in + at, c->in_len - at);
    c->in_len -= at;
}

/* Turn until what is waited for has come. */
static void run(void)
{
    struct epoll_event events[256];
    while (!b.ended) {
        const int n = epoll_wait(b.epoll, events, 256, -1);
        for (int i = 0; i < n && !b.ended; i++) {
            load_conn *c = events[i].data.ptr;
            if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0)
                read_in(c);
            wire_write(c, b.epoll);
        }
    }
    b.ended = false;
}

/* --- phases --------------------------------------------------------------- */

static load_conn *make(bool sender)
{
    load_conn *all = calloc(b.figures.links, sizeof *all);
    if (all == NULL)
        load_die("out of memory");
    for (size_t i = 0; i < b.figures.links; i++) {
        all[i] = (load_conn){ .fd = -1, .sender = sender, .index = i };
        /* Pages are only taken where they are touched. */
        all[i].out = malloc(WIRE_OUT_BYTES);
        all[i].in = malloc(WIRE_IN_BYTES);
        all[i].own = calloc(1, b.peer->own + 1);
        if (all[i].out == NULL || all[i].in == NULL || all[i].own == NULL)
            load_die("out of memory");
    }
    return all;
}

/* All connections anew, greeted. */
static void dial(load_conn *all)
{
    b.waiting = b.figures.links;
    for (size_t i = 0; i < b.figures.links; i++) {
        wire_dial(&all[i], b.epoll, b.port);
        b.peer->greet(&all[i]);
        wire_write(&all[i], b.epoll);
    }
    run();
}

static void receive_all(void)
{
    for (size_t i = 0; i < b.figures.links; i++) {
        b.peer->receive(&b.recipients[i]);
        wire_write(&b.recipients[i], b.epoll);
    }
}

static void send_all(void)
{
    for (size_t i = 0; i < b.figures.links; i++) {
        fill(&b.senders[i]);
        wire_write(&b.senders[i], b.epoll);
    }
}

static void begin(const char *name)
{
    b.begun = 0;
    bench_phase_begin(&b.figures, name);
}

static void all_phases(void)
{
    b.phase = LOAD_MAKE;
    dial(b.recipients);
    for (size_t i = 0; i < b.figures.links; i++)
        wire_close(&b.recipients[i]);

    b.phase = LOAD_DEPOSIT;
    dial(b.senders);
    begin("deposit");
    send_all();
    run();
    bench_phase_report(&b.figures);

    b.phase = LOAD_DRAIN;
    dial(b.recipients);
    begin("drain");
    receive_all();
    run();
    bench_phase_report(&b.figures);

    b.phase = LOAD_LIVE;
    dial(b.senders);
    dial(b.recipients);
    receive_all();
    begin("live");
    send_all();
    run();
    bench_phase_report(&b.figures);
}

int load_main(int argc, char **argv, const load_peer *peer)
{
    b.peer = peer;
    if (argc != 7)
        load_die("usage: PORT PID BYTES LINKS WINDOW COUNT");
    b.port = (uint16_t)strtoul(argv[1], NULL, 10);
    b.count = strtoull(argv[6], NULL, 10);
    b.figures = (bench_phase){
        .peer = peer->name,
        .pid = (int)strtol(argv[2], NULL, 10),
        .body = strtoul(argv[3], NULL, 10),
        .links = strtoul(argv[4], NULL, 10),
        .window = (uint32_t)strtoul(argv[5], NULL, 10),
        .times = calloc(b.count + 1, sizeof *b.figures.times),
    };
    if (b.figures.body < sizeof(uint64_t) || b.figures.body > LOAD_BODY_MAX ||
        b.figures.links < 1 || b.figures.window < 1 ||
        b.figures.window > LOAD_WINDOW_MAX || b.count < 1)
        load_die("numbers out of range");
    b.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (b.epoll < 0 || b.figures.times == NULL)
        load_die("cannot start");
    b.senders = make(true);
    b.recipients = make(false);
    all_phases();
    return 0;
}
