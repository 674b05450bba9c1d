/* wanemu HOSTS SEED: a wide-area network in one process. It makes HOSTS hosts
 * (hosts.h) and carries packets between them, each first up the line of its
 * sender, then down that of its receiver. Says on standard output
 *   ready FD FD ...    one descriptor for each host: its namespace
 * then obeys lines on standard input and answers each with one:
 *   HOST up|down CONDITIONS    (line.h) -> ok
 *   HOST counts    -> passed, lost, doubled, resets, up and then down
 * and ends with its standard input. Ends with 77 where the system refuses what
 * it needs, and says what.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/netlab/hosts.h"
#include "tests/netlab/line.h"
#include "tests/netlab/reset.h"

enum {
    UP,
    DOWN,
    PACKETS = 8192, /* under way at once, of all lines */
    AT_ONCE = 64,   /* read from one host before the others have a turn */
    LINE_SIZE = 256,
    NETWORK_0 = 10,
    NETWORK_1 = 77,
    SKIPPED = 77
};

typedef struct packet {
    uint64_t at_ns, number;
    size_t len, host;
    int way; /* UP: from `host`; DOWN: to it */
    uint8_t bytes[LAB_MTU];
} packet;

static packet pool[PACKETS];
static packet *unused[PACKETS], *heap[PACKETS];
static size_t unused_count, heap_count, host_count;
static uint64_t dice, number;
static lab_host hosts[LAB_HOSTS_MAX];
static lab_line lines[LAB_HOSTS_MAX][2];

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool is_before(const packet *a, const packet *b)
{
    return a->at_ns < b->at_ns ||
           (a->at_ns == b->at_ns && a->number < b->number);
}

static void push(packet *p)
{
    size_t i = heap_count++;
    for (; i > 0 && is_before(p, heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = p;
}

static packet *pop(void)
{
    packet *first = heap[0], *last = heap[--heap_count];
    size_t i = 0;
    for (;;) {
        size_t c = 2 * i + 1;
        if (c >= heap_count)
            break;
        if (c + 1 < heap_count && is_before(heap[c + 1], heap[c]))
            c++;
        if (!is_before(heap[c], last))
            break;
        heap[i] = heap[c];
        i = c;
    }
    heap[i] = last;
    return first;
}

static void set_out(const uint8_t *bytes, size_t len, size_t host, int way,
                    uint64_t at_ns)
{
    packet *p;
    if (unused_count == 0)
        return; /* as lost as on a router without memory */
    p = unused[--unused_count];
    *p = (packet){
        .at_ns = at_ns, .number = number++, .len = len, .host = host, .way = way
    };
    memcpy(p->bytes, bytes, len);
    lines[host][way].waiting++;
    push(p);
}

static void give(size_t host, const uint8_t *bytes, size_t len)
{
    /* A full device loses it, as the line might have. */
    const ssize_t n = write(hosts[host].wire, bytes, len);
    (void)n;
}

/* The host it is meant for, or LAB_HOSTS_MAX. */
static size_t destination(const uint8_t *p, size_t len)
{
    if (len < 20 || p[0] >> 4 != 4 || p[16] != NETWORK_0 ||
        p[17] != NETWORK_1 || p[18] != 0 || p[19] == 0 || p[19] > host_count)
        return LAB_HOSTS_MAX;
    return p[19] - 1u;
}

static void enter(const uint8_t *bytes, size_t len, size_t host, int way,
                  uint64_t now)
{
    lab_line *line = &lines[host][way];
    uint8_t back[LAB_RESET_SIZE], on[LAB_RESET_SIZE];
    uint64_t at = now;
    switch (lab_line_take(line, len, now, &dice, &at)) {
    case LAB_LOST:
        return;
    case LAB_TWICE:
        set_out(bytes, len, host, way, at);
        set_out(bytes, len, host, way, at);
        return;
    case LAB_RESET:
        if (lab_reset(bytes, len, back, on)) {
            const size_t sender = destination(back, sizeof back);
            line->resets++;
            set_out(on, sizeof on, host, way, at);
            if (sender < LAB_HOSTS_MAX)
                give(sender, back, sizeof back);
            return;
        }
        line->passed++;
        set_out(bytes, len, host, way, at);
        return;
    case LAB_ONCE:
        set_out(bytes, len, host, way, at);
        return;
    }
}

static void deliver(uint64_t now)
{
    while (heap_count > 0 && heap[0]->at_ns <= now) {
        packet *p = pop();
        lines[p->host][p->way].waiting--;
        if (p->way == DOWN) {
            give(p->host, p->bytes, p->len);
        } else {
            const size_t to = destination(p->bytes, p->len);
            if (to < LAB_HOSTS_MAX)
                enter(p->bytes, p->len, to, DOWN, now);
        }
        unused[unused_count++] = p;
    }
}

static void fetch(size_t host, uint64_t now)
{
    uint8_t bytes[LAB_MTU];
    for (int i = 0; i < AT_ONCE; i++) {
        const ssize_t n = read(hosts[host].wire, bytes, sizeof bytes);
        if (n <= 0)
            return;
        if (destination(bytes, (size_t)n) < LAB_HOSTS_MAX)
            enter(bytes, (size_t)n, host, UP, now);
    }
}

static void say_counts(size_t host)
{
    for (int way = UP; way <= DOWN; way++) {
        const lab_line *l = &lines[host][way];
        (void)printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "%c",
                     l->passed, l->lost, l->doubled, l->resets,
                     way == UP ? ' ' : '\n');
    }
}

static bool obey(char *line)
{
    char *rest;
    const unsigned long host = strtoul(line, &rest, 10);
    if (rest == line || host >= host_count)
        return false;
    if (strcmp(rest, " counts\n") == 0) {
        say_counts(host);
        return true;
    }
    if (strncmp(rest, " up ", 4) == 0 &&
        lab_conditions_read(&lines[host][UP].is, rest + 4))
        return puts("ok") >= 0;
    if (strncmp(rest, " down ", 6) == 0 &&
        lab_conditions_read(&lines[host][DOWN].is, rest + 6))
        return puts("ok") >= 0;
    return false;
}

/* One line at most comes before we have answered. False at the end. */
static bool listen_to_master(void)
{
    char line[LINE_SIZE];
    const ssize_t n = read(STDIN_FILENO, line, sizeof line - 1);
    if (n <= 0)
        return false;
    line[n] = 0;
    if (!obey(line))
        (void)puts("not understood");
    (void)fflush(stdout);
    return true;
}

static void carry(void)
{
    struct pollfd on[LAB_HOSTS_MAX + 1];
    for (size_t i = 0; i < host_count; i++)
        on[i] = (struct pollfd){ .fd = hosts[i].wire, .events = POLLIN };
    on[host_count] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
    for (;;) {
        uint64_t now = now_ns();
        struct timespec wait;
        deliver(now);
        if (heap_count > 0) {
            const uint64_t left = heap[0]->at_ns - now;
            wait.tv_sec = (time_t)(left / 1000000000u);
            wait.tv_nsec = (long)(left % 1000000000u);
        }
        if (ppoll(on, host_count + 1, heap_count > 0 ? &wait : NULL, NULL) < 0)
            continue;
        now = now_ns();
        for (size_t i = 0; i < host_count; i++)
            if (on[i].revents != 0)
                fetch(i, now);
        if (on[host_count].revents != 0 && !listen_to_master())
            return;
    }
}

int main(int argc, char **argv)
{
    const char *refused;
    host_count = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
    if (host_count == 0 || host_count > LAB_HOSTS_MAX) {
        (void)fprintf(stderr, "usage: wanemu HOSTS SEED\n");
        return 2;
    }
    dice = strtoull(argv[2], NULL, 10) * 2 + 0x9e3779b97f4a7c15u;
    refused = lab_hosts_make(hosts, host_count);
    if (refused != NULL) {
        (void)fprintf(stderr, "this system gives no %s: %s\n", refused,
                      strerror(errno));
        return SKIPPED;
    }
    for (size_t i = 0; i < PACKETS; i++)
        unused[unused_count++] = &pool[i];
    (void)printf("ready");
    for (size_t i = 0; i < host_count; i++)
        (void)printf(" %d", hosts[i].space);
    (void)puts("");
    (void)fflush(stdout);
    carry();
    return 0;
}
