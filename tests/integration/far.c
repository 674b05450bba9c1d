/* Another relay, as far as parcels go, for integration tests:
 *
 *   far SEED LOG MANNER [ADDRESS]
 *
 * SEED is a number that its identity is made of. Without ADDRESS it listens on
 * a free loopback port and prints its address; with one it dials that relay,
 * again a second after each end, and prints its key. LOG is its memory of what
 * it has opened: one number a line, written before it answers, so that a parcel
 * that comes again is answered again and not logged again. MANNER:
 *
 *   good     answers everything
 *   slow     answers one parcel every 20 ms
 *   silent   takes everything and answers nothing
 *   busy     asks for two seconds of patience, each time
 *   refuse   can open nothing
 *   liar     answers what it was never asked
 *   flood    sends Pings as fast as they are taken
 *   stall    breaks off in the middle of a record, and waits
 *
 * A line on standard input gets a line of counts; its end is the end. What a
 * parcel is opened to here is the number that parcels.c wrote into it.
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

#include "proto/carrier/sysenv.h"
#include "proto/carrier/uv_internal.h"

enum { NUMBERS = 1 << 20, ENC_AT = 1 + PN_KEY_ID_BYTES, QUEUE = 4096 };

typedef enum manner {
    GOOD,
    SLOW,
    SILENT,
    BUSY,
    REFUSE,
    LIAR,
    FLOOD,
    STALL
} manner;

static const char *const manners[] = { "good",   "slow", "silent", "busy",
                                       "refuse", "liar", "flood",  "stall" };

typedef struct far {
    uv_loop_t loop;
    uv_pipe_t input;
    uv_timer_t timer;
    pn_env env;
    pn_uvhub *hub;
    pn_gate *gate;
    pn_link_identity identity;
    pn_address address;
    bool dials;
    manner manner;
    FILE *log;
    pn_uvlink *link; /* the last one opened */
    pn_msg_scratch scratch;
    uint64_t waiting[QUEUE]; /* slow: frames to answer */
    size_t first, last;
    unsigned long parcels, repeats, links, bytes;
    uint8_t seen[NUMBERS];
    char line[64];
} far;

static void answer(far *f, pn_uvlink *link, uint64_t id, pn_parcel_outcome how)
{
    static const uint8_t reply[PN_REPLY_STATUS_BYTES];
    uint8_t raw[PN_REPLY_STATUS_BYTES + 64];
    pn_out out = pn_out_over(raw, sizeof raw);
    const pn_msg m = { .id = id,
                       .kind = PN_MSG_PARCEL_RESULT,
                       .u.parcel_result = {
                           .outcome = how,
                           .retry_after_ms = how == PN_PARCEL_BUSY ? 2000 : 0,
                           .reply = { reply, how == PN_PARCEL_DONE
                                                 ? sizeof reply
                                                 : 0 } } };
    (void)f;
    if (pn_msg_encode(&out, &m) == PN_OK)
        (void)!pn_uvlink_send(link, pn_out_view(&out));
}

static void note(far *f, pn_bytes parcel)
{
    pn_bytes in = { parcel.p + ENC_AT, 8 };
    uint64_t n;
    if (pn_take_u64(&in, &n) != PN_OK || n >= NUMBERS)
        abort();
    f->parcels++;
    f->bytes += parcel.len;
    if (f->seen[n]) {
        f->repeats++;
        return;
    }
    f->seen[n] = 1;
    (void)fprintf(f->log, "%llu\n", (unsigned long long)n);
    (void)fflush(f->log);
}

static void on_parcel(far *f, pn_uvlink *link, const pn_msg *m)
{
    static const uint8_t half[1000] = { 1 };
    uv_os_fd_t fd;
    if (f->manner != BUSY && f->manner != REFUSE)
        note(f, m->u.parcel.parcel);
    switch (f->manner) {
    case GOOD:
    case FLOOD:
        answer(f, link, m->id, PN_PARCEL_DONE);
        break;
    case SLOW:
        f->waiting[f->last++ % QUEUE] = m->id;
        break;
    case BUSY:
        answer(f, link, m->id, PN_PARCEL_BUSY);
        break;
    case REFUSE:
        answer(f, link, m->id, PN_PARCEL_REFUSED);
        break;
    case LIAR:
        answer(f, link, m->id + 1000, PN_PARCEL_DONE);
        break;
    case STALL: /* behind the link's back */
        if (uv_fileno(&link->io.handle, &fd) == 0)
            (void)!write(fd, half, sizeof half);
        break;
    case SILENT:
        break;
    }
}

static pn_err ping(pn_uvlink *link)
{
    const pn_msg m = { .id = 9, .kind = PN_MSG_PING };
    return pn_uvlink_send_msg(link, &m);
}

static void flood(pn_uvlink *link)
{
    while (ping(link) == PN_OK)
        ;
}

static void on_open(void *ctx, pn_uvlink *link)
{
    far *f = ctx;
    f->links++;
    f->link = link;
    f->first = f->last = 0;
    if (f->manner == FLOOD)
        flood(link);
}

static pn_err on_frame(void *ctx, pn_uvlink *link, pn_bytes frame)
{
    far *f = ctx;
    pn_msg m;
    pn_err err = pn_msg_decode(&m, &f->scratch, frame);
    if (err == PN_OK && m.kind == PN_MSG_PARCEL) {
        on_parcel(f, link, &m);
    } else if (err == PN_OK && m.kind == PN_MSG_PING) {
        m.kind = PN_MSG_PONG;
        (void)!pn_uvlink_send_msg(link, &m);
    } else if (err == PN_OK && m.kind == PN_MSG_BYE) {
        pn_uvlink_close(link, PN_CLOSE_PEER);
    }
    pn_msg_scratch_release(&f->scratch);
    return err;
}

static void on_writable(void *ctx, pn_uvlink *link)
{
    if (((const far *)ctx)->manner == FLOOD)
        flood(link);
}

static void on_closed(void *ctx, pn_uvlink *link, pn_close_reason reason)
{
    far *f = ctx;
    (void)reason;
    if (f->link == link)
        f->link = NULL; /* the timer dials again */
}

static const pn_uvlink_events events = { .on_open = on_open,
                                         .on_frame = on_frame,
                                         .on_writable = on_writable,
                                         .on_closed = on_closed };

static void dial(far *f)
{
    static const pn_link_offer offer = { .version_min = 1,
                                         .version_max = 1,
                                         .record_size = 4096,
                                         .features = PN_LINK_FEATURE_PARCELS };
    (void)!pn_uvlink_dial(&f->link, f->hub, &f->address, &offer, &f->identity,
                          &events, f);
}

static void on_timer(uv_timer_t *timer)
{
    far *f = timer->data;
    if (f->link == NULL && f->dials)
        dial(f);
    if (f->link != NULL && f->first < f->last)
        answer(f, f->link, f->waiting[f->first++ % QUEUE], PN_PARCEL_DONE);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    far *f = handle->data;
    (void)suggested;
    *out = uv_buf_init(f->line, sizeof f->line);
}

static void on_input(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    far *f = stream->data;
    (void)buf;
    if (n < 0) {
        uv_close((uv_handle_t *)stream, NULL);
        uv_close((uv_handle_t *)&f->timer, NULL);
        f->dials = false;
        pn_uvhub_stop(f->hub, PN_BYE_NONE, NULL, NULL);
        return;
    }
    (void)printf("parcels %lu repeats %lu links %lu bytes %lu\n", f->parcels,
                 f->repeats, f->links, f->bytes);
    (void)fflush(stdout);
}

static bool open_log(far *f, const char *path)
{
    unsigned long n;
    f->log = fopen(path, "a+");
    while (f->log != NULL && fscanf(f->log, "%lu", &n) == 1)
        if (n < NUMBERS)
            f->seen[n] = 1;
    return f->log != NULL;
}

static bool read_args(far *f, int argc, char **argv)
{
    const size_t count = sizeof manners / sizeof manners[0];
    uint8_t seed[32] = { 0 };
    size_t m = 0;
    if (argc < 4 || argc > 5)
        return false;
    (void)snprintf((char *)seed, sizeof seed, "far %s", argv[1]);
    while (m < count && strcmp(argv[3], manners[m]) != 0)
        m++;
    f->manner = (manner)m;
    f->dials = argc == 5;
    return m < count &&
           pn_link_identity_from_seed(&f->identity, seed) == PN_OK &&
           open_log(f, argv[2]) &&
           (argc < 5 ||
            pn_address_parse_text(&f->address, argv[4], NULL) == PN_OK);
}

static bool listen_or_dial(far *f)
{
    struct sockaddr_in any = { .sin_family = AF_INET };
    pn_address self = { .kind = PN_HOST_IPV4, .host = "127.0.0.1", .port = 1 };
    char text[PN_ADDRESS_TEXT_MAX + 1];
    const pn_uvlisten_options options = PN_UVLISTEN_OPTIONS_INIT;
    pn_uvlisten *listener;
    memcpy(self.relay_key, f->identity.relay_key, sizeof self.relay_key);
    if (f->dials) {
        dial(f);
    } else {
        any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (pn_gate_new(&f->gate, &f->env, &f->identity) != PN_OK)
            return false;
        pn_gate_set_terms(f->gate, PN_LINK_FEATURE_PARCELS,
                          (const uint8_t[32]){ 0 });
        if (pn_uvlisten_new(&listener, f->hub, (const struct sockaddr *)&any,
                            f->gate, &options, &events, f) != PN_OK)
            return false;
        self.port = pn_uvlisten_port(listener);
    }
    if (pn_address_format(text, sizeof text, &self) != PN_OK)
        return false;
    (void)printf("%s\n", text);
    (void)fflush(stdout);
    return true;
}

int main(int argc, char **argv)
{
    static far f;
    f.env = pn_sysenv(NULL, NULL);
    pn_msg_scratch_init(&f.scratch);
    if (sodium_init() < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
        !read_args(&f, argc, argv)) {
        (void)fputs("usage: far SEED LOG MANNER [ADDRESS]\n", stderr);
        return 2;
    }
    if (uv_loop_init(&f.loop) != 0 ||
        pn_uvhub_new(&f.hub, &f.loop, &f.env, NULL) != PN_OK ||
        uv_timer_init(&f.loop, &f.timer) != 0 ||
        uv_pipe_init(&f.loop, &f.input, 0) != 0 ||
        uv_pipe_open(&f.input, STDIN_FILENO) != 0)
        return 1;
    f.input.data = &f;
    f.timer.data = &f;
    if (!listen_or_dial(&f) ||
        uv_timer_start(&f.timer, on_timer, f.dials ? 1000 : 20,
                       f.dials ? 1000 : 20) != 0 ||
        uv_read_start((uv_stream_t *)&f.input, on_alloc, on_input) != 0)
        return 1;
    (void)uv_run(&f.loop, UV_RUN_DEFAULT);
    (void)fclose(f.log);
    return 0;
}
