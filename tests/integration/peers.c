/* Many links to one relay, well or badly behaved, for integration tests and
 * benchmarks:  peers ADDRESS MODE COUNT [SOURCES]
 *
 *   hold    shake hands, ask one Ping, then keep quiet
 *   mute    shake hands, never send a frame
 *   flood   send Pings as fast as the relay reads them
 *   deaf    send Pings and never read the answers
 *   error   send an Error, which nobody may answer
 *   garbage shake hands, ask one Ping, then break the record stream
 *   repeat  send a Ping after Bye
 *
 * Links come from SOURCES (default 1) addresses 127.0.1.1, 127.0.1.2, ...
 * Prints `open N closed M pongs P` once all links are open or ended, and again
 * for every line read from standard input; ends at its end. IPv4 only.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "proto/carrier/sysenv.h"
#include "proto/carrier/tcp.h"
#include "proto/carrier/uvlink.h"

enum { AT_ONCE = 64 };

typedef enum mode {
    HOLD,
    MUTE,
    FLOOD,
    DEAF,
    ERROR,
    GARBAGE,
    REPEAT,
    MODES,
} mode;

static const char *const mode_names[MODES] = { "hold",  "mute",  "flood",
                                               "deaf",  "error", "garbage",
                                               "repeat" };

typedef struct peers {
    uv_loop_t loop;
    uv_pipe_t input;
    pn_env env;
    pn_uvhub *hub;
    pn_address address;
    mode mode;
    unsigned wanted;
    unsigned sources;
    unsigned begun;
    unsigned under_way;
    unsigned open;
    unsigned closed;
    unsigned long pongs;
    bool reported;
    char line[64];
} peers;

/* One link, and the socket under it. */
typedef struct one {
    peers *p;
    int fd;
    bool was_open;
} one;

static void begin_more(peers *p);

static void report(const peers *p)
{
    (void)printf("open %u closed %u pongs %lu\n", p->open, p->closed, p->pongs);
    (void)fflush(stdout);
}

static void settle(peers *p)
{
    p->under_way--;
    begin_more(p);
    if (p->reported || p->under_way > 0 || p->begun < p->wanted)
        return;
    p->reported = true;
    report(p);
}

static pn_err ping(pn_uvlink *link)
{
    const pn_msg msg = { .id = 7,
                         .kind = PN_MSG_PING,
                         .u.ping.data = PN_BYTES_LIT("are you there?") };
    return pn_uvlink_send_msg(link, &msg);
}

/* As many Pings as there is room for. */
static void fill(pn_uvlink *link)
{
    while (ping(link) == PN_OK)
        ;
}

static pn_err misbehave(const one *o, pn_uvlink *link)
{
    static const pn_msg error = { .id = 1,
                                  .kind = PN_MSG_ERROR,
                                  .u.error = { .code = PN_ERROR_INTERNAL } };
    static const pn_msg bye = { .kind = PN_MSG_BYE,
                                .u.bye = { .reason = PN_BYE_DONE } };
    switch (o->p->mode) {
    case HOLD:
    case GARBAGE:
        return ping(link);
    case FLOOD:
        fill(link);
        return PN_OK;
    case DEAF:
        pn_uvlink_set_busy(link, true);
        fill(link);
        return PN_OK;
    case ERROR:
        return pn_uvlink_send_msg(link, &error);
    case REPEAT:
        return pn_uvlink_send_msg(link, &bye) == PN_OK ? ping(link) : PN_E_IO;
    case MUTE:
    case MODES:
        break;
    }
    return PN_OK;
}

static void on_open(void *ctx, pn_uvlink *link)
{
    one *o = ctx;
    o->was_open = true;
    o->p->open++;
    if (misbehave(o, link) != PN_OK)
        (void)fputs("peers: cannot send\n", stderr);
    settle(o->p);
}

static pn_err on_frame(void *ctx, pn_uvlink *link, pn_bytes frame)
{
    static const uint8_t noise[8192] = { 1, 2, 3 };
    const one *o = ctx;
    peers *p = o->p;
    pn_msg_scratch scratch;
    pn_msg msg;
    pn_err err;
    pn_msg_scratch_init(&scratch);
    err = pn_msg_decode(&msg, &scratch, frame);
    if (err == PN_OK && msg.kind == PN_MSG_PONG) {
        p->pongs++;
        if (p->mode == FLOOD)
            (void)ping(link);     /* if full, on_writable() will */
        if (p->mode == GARBAGE && /* behind the link's back */
            send(o->fd, noise, sizeof noise, MSG_NOSIGNAL) < 0)
            err = PN_E_IO;
    }
    pn_msg_scratch_release(&scratch);
    return err;
}

static void on_writable(void *ctx, pn_uvlink *link)
{
    const mode m = ((const one *)ctx)->p->mode;
    if (m == FLOOD || m == DEAF)
        fill(link);
}

static void on_closed(void *ctx, pn_uvlink *link, pn_close_reason reason)
{
    one *o = ctx;
    peers *p = o->p;
    (void)link;
    (void)reason;
    p->closed++;
    if (o->was_open)
        p->open--;
    else
        settle(p);
    free(o);
}

static const pn_uvlink_events events = { .on_open = on_open,
                                         .on_frame = on_frame,
                                         .on_writable = on_writable,
                                         .on_closed = on_closed };

/* A connected socket from one of the source addresses, or -1. */
static int connect_from(const peers *p, unsigned source)
{
    struct sockaddr_in from = { .sin_family = AF_INET };
    struct sockaddr_storage to;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    from.sin_addr.s_addr = htonl(0x7f000101 + source);
    if (fd < 0)
        return -1;
    if (pn_tcp_from_address(&to, &p->address) == PN_OK &&
        bind(fd, (const struct sockaddr *)&from, sizeof from) == 0 &&
        connect(fd, (const struct sockaddr *)&to, sizeof from) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static bool begin_one(peers *p)
{
    const pn_link_offer offer = { .version_min = 1,
                                  .version_max = 1,
                                  .record_size = 4096 };
    one *o = calloc(1, sizeof *o);
    pn_uvlink *link;
    if (o == NULL)
        return false;
    o->p = p;
    o->fd = connect_from(p, p->begun % p->sources);
    if (o->fd >= 0 &&
        pn_uvlink_dial_fd(&link, p->hub, o->fd, p->address.relay_key, &offer,
                          NULL, &events, o) == PN_OK)
        return true;
    if (o->fd >= 0)
        (void)close(o->fd);
    free(o);
    return false;
}

static void begin_more(peers *p)
{
    while (p->begun < p->wanted && p->under_way < AT_ONCE) {
        if (begin_one(p))
            p->under_way++;
        else
            p->closed++;
        p->begun++;
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    peers *p = handle->data;
    (void)suggested;
    *out = uv_buf_init(p->line, sizeof p->line);
}

static void on_input(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    peers *p = stream->data;
    if (n < 0) {
        uv_close((uv_handle_t *)stream, NULL);
        pn_uvhub_stop(p->hub, PN_BYE_NONE, NULL, NULL);
        return;
    }
    for (ssize_t i = 0; i < n; i++)
        if (buf->base[i] == '\n')
            report(p);
}

static bool read_number(const char *text, unsigned *out)
{
    char *end;
    const unsigned long v = strtoul(text, &end, 10);
    *out = (unsigned)v;
    return *text != 0 && *end == 0 && v > 0 && v <= 1000000;
}

static bool read_args(peers *p, int argc, char **argv)
{
    p->mode = MODES;
    p->sources = 1;
    if (argc < 4 || argc > 5)
        return false;
    for (int i = 0; i < MODES; i++)
        if (strcmp(argv[2], mode_names[i]) == 0)
            p->mode = (mode)i;
    return p->mode != MODES &&
           pn_address_parse_text(&p->address, argv[1], NULL) == PN_OK &&
           read_number(argv[3], &p->wanted) &&
           (argc == 4 || read_number(argv[4], &p->sources));
}

int main(int argc, char **argv)
{
    pn_uvhub_options options = PN_UVHUB_OPTIONS_INIT;
    peers p = { 0 };
    if (!read_args(&p, argc, argv)) {
        (void)fputs("usage: peers ADDRESS MODE COUNT [SOURCES]\n", stderr);
        return 2;
    }
    options.idle_ms = 24 * 3600 * 1000;
    options.slow_ms = 24 * 3600 * 1000;
    p.env = pn_sysenv(NULL, NULL);
    if (sodium_init() < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
        uv_loop_init(&p.loop) != 0 ||
        pn_uvhub_new(&p.hub, &p.loop, &p.env, &options) != PN_OK ||
        uv_pipe_init(&p.loop, &p.input, 0) != 0 ||
        uv_pipe_open(&p.input, STDIN_FILENO) != 0)
        return 1;
    p.input.data = &p;
    if (uv_read_start((uv_stream_t *)&p.input, on_alloc, on_input) != 0)
        return 1;
    p.under_way = 1; /* so that settle() below begins and counts right */
    settle(&p);
    (void)uv_run(&p.loop, UV_RUN_DEFAULT);
    return uv_loop_close(&p.loop) == 0 ? 0 : 1;
}
