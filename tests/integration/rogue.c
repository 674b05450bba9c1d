/* One end of a link that knows the protocol and means harm, for integration
 * tests:
 *
 *   rogue client ADDRESS MODE   shake hands with a relay, misbehave, print how
 *                               many ms later the relay ended it: `ended N`
 *   rogue relay MODE            print an address, then serve whoever comes, one
 *                               after the other, until killed
 *
 * Blocking sockets over the bare pn_link, so that every byte is ours. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proto/carrier/sysenv.h"
#include "proto/carrier/tcp.h"
#include "proto/link/link_internal.h"
#include "proto/link/record.h"
#include "proto/wire/address.h"
#include "proto/wire/msg.h"

/* The system's clock, which one mode sets forward. */
static pn_env base;
static uint64_t ahead_ms;

static uint64_t mono(void *ctx)
{
    return base.mono_ms(ctx) + ahead_ms;
}

typedef struct rogue {
    int fd;
    pn_link *link;
    pn_env env;
    uint8_t record[PN_RECORD_MAX];
} rogue;

/* --- bytes ---------------------------------------------------------------- */

static bool write_all(int fd, pn_bytes b)
{
    while (b.len > 0) {
        const ssize_t n = send(fd, b.p, b.len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        b.p += n;
        b.len -= (size_t)n;
    }
    return true;
}

static bool write_out(rogue *r)
{
    const pn_bytes out = pn_link_output(r->link);
    const bool good = write_all(r->fd, out);
    pn_link_sent(r->link, out.len);
    return good;
}

/* Read once and feed; false at the end or at a fault. */
static bool read_in(rogue *r)
{
    uint8_t raw[8192];
    const ssize_t n = recv(r->fd, raw, sizeof raw, 0);
    pn_bytes in = { raw, n > 0 ? (size_t)n : 0 }, frame;
    if (n <= 0)
        return false;
    while (in.len > 0) {
        if (pn_link_feed(r->link, &in) != PN_OK)
            return false;
        while (pn_link_next(r->link, &frame) == PN_OK)
            ;
    }
    return true;
}

static bool shake_hands(rogue *r)
{
    while (pn_link_get_state(r->link) == PN_LINK_HANDSHAKE) {
        while (r->link->phase == PN_PHASE_SOLVING)
            if (pn_link_tick(r->link) != PN_OK)
                return false;
        if (!write_out(r) ||
            (pn_link_get_state(r->link) != PN_LINK_OPEN && !read_in(r)))
            return false;
    }
    return pn_link_get_state(r->link) == PN_LINK_OPEN && write_out(r);
}

/* Seal r->record, whose data is data[0..len), and write its first `n` bytes. */
static bool send_record(rogue *r, const void *data, size_t len, size_t n)
{
    const size_t size = r->link->terms.record_size;
    if (len > 0)
        memcpy(r->record + PN_RECORD_DATA_AT, data, len);
    return pn_record_seal(&r->link->send, r->record, size, len) == PN_OK &&
           write_all(r->fd, (pn_bytes){ r->record, n > size ? size : n });
}

static bool send_frame(rogue *r, pn_bytes frame)
{
    return pn_link_send(r->link, frame) == PN_OK &&
           pn_link_flush(r->link) == PN_OK && write_out(r);
}

static bool send_msg(rogue *r, const pn_msg *msg)
{
    uint8_t raw[PN_MSG_SMALL_MAX];
    pn_out out = pn_out_over(raw, sizeof raw);
    return pn_msg_encode(&out, msg) == PN_OK &&
           send_frame(r, pn_out_view(&out));
}

static void pause_ms(long ms)
{
    const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
    (void)nanosleep(&t, NULL);
}

/* --- what both may do ----------------------------------------------------- */

static const uint8_t junk[PN_LINK_FRAME_MAX] = { 8, 1 };

static void empty_records(rogue *r)
{
    while (send_record(r, NULL, 0, SIZE_MAX))
        ;
}

static void drip(rogue *r)
{
    (void)send_record(r, NULL, 0, 1);
    for (size_t i = 1; i < PN_RECORD_MAX; i++) {
        pause_ms(200);
        if (!write_all(r->fd, (pn_bytes){ r->record + i, 1 }))
            return;
    }
}

/* A frame one byte longer than may be; only its header. */
static void too_long(rogue *r)
{
    (void)send_record(r, (const uint8_t[]){ 0, 2, 0, 1 }, 4, SIZE_MAX);
}

/* As long as a frame may be, and no message. */
static void huge(rogue *r)
{
    (void)send_frame(r, (pn_bytes){ junk, sizeof junk });
}

/* A frame that begins and never goes on. */
static void unfinished(rogue *r)
{
    static const uint8_t begin[100] = { 0, 2, 0, 0 };
    (void)send_record(r, begin, sizeof begin, SIZE_MAX);
    empty_records(r);
}

/* Field 99, of which this version knows nothing. */
static void unknown(rogue *r)
{
    (void)send_frame(r, PN_BYTES_LIT("\x08\x01\x9a\x06\x00"));
}

/* The rest of the record is not there. */
static void cut(rogue *r)
{
    (void)send_record(r, NULL, 0, 500);
    (void)shutdown(r->fd, SHUT_WR);
}

static void reset(rogue *r)
{
    const struct linger now = { .l_onoff = 1 };
    (void)send_record(r, NULL, 0, 500);
    (void)setsockopt(r->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    (void)close(r->fd);
    r->fd = -1;
}

/* --- a client's ----------------------------------------------------------- */

static void rollover(rogue *r)
{
    ahead_ms = PN_LINK_ROLLOVER_MS;
    for (unsigned i = 0; i < 1000 && pn_link_tick(r->link) == PN_OK; i++) {
        ahead_ms += PN_LINK_ROLLOVER_MS;
        if (!write_out(r) || !read_in(r))
            return;
    }
}

/* A record full of Pings, each as short as can be. */
static void tiny(rogue *r)
{
    static const uint8_t ping[] = { 0, 0, 0, 7, 8, 1, 0x82, 1, 2, 10, 0 };
    uint8_t data[PN_RECORD_MAX];
    const size_t room = pn_record_room(r->link->terms.record_size);
    size_t len = 0;
    for (; len + sizeof ping <= room; len += sizeof ping)
        memcpy(data + len, ping, sizeof ping);
    (void)send_record(r, data, len, SIZE_MAX);
}

/* --- a relay's ------------------------------------------------------------ */

static void leave(rogue *r)
{
    (void)r;
}

static void mute(rogue *r)
{
    while (read_in(r))
        ;
}

/* Info whose software paints the reader's terminal. */
static void escape(rogue *r)
{
    static const uint8_t info[] = "\x08\x01\x9a\x01\x2a"
                                  "\x0a\x08\x1b[31mred"
                                  "\x12\x06\x1b]0;x\x07"
                                  "\x18\x01"
                                  "\x21\0\0\0\0\0\0\0\0"
                                  "\x28\x80\x80\x08"
                                  "\x31\0\0\0\0\0\0\0\0";
    (void)send_frame(r, (pn_bytes){ info, sizeof info - 1 });
    mute(r);
}

static void wrong_answer(rogue *r)
{
    const pn_msg msg = { .id = 1,
                         .kind = PN_MSG_PONG,
                         .u.ping.data = PN_BYTES_LIT("?") };
    (void)send_msg(r, &msg);
    mute(r);
}

static void bye(rogue *r)
{
    const pn_msg msg = { .kind = PN_MSG_BYE, .u.bye.reason = PN_BYE_SHUTDOWN };
    (void)send_msg(r, &msg);
    mute(r);
}

typedef struct mode {
    const char *name;
    void (*run)(rogue *r);
    unsigned puzzle_bits; /* a relay's */
} mode;

static const mode modes[] = {
    { "empty", empty_records, 0 },
    { "drip", drip, 0 },
    { "too_long", too_long, 0 },
    { "huge", huge, 0 },
    { "unfinished", unfinished, 0 },
    { "unknown", unknown, 0 },
    { "cut", cut, 0 },
    { "reset", reset, 0 },
    { "rollover", rollover, 0 },
    { "tiny", tiny, 0 },
    { "leave", leave, 0 },
    { "mute", mute, 0 },
    { "escape", escape, 0 },
    { "wrong_answer", wrong_answer, 0 },
    { "bye", bye, 0 },
    { "puzzle22", mute, 22 },
    { "puzzle255", leave, 255 },
};

/* --- the two roles -------------------------------------------------------- */

static int be_client(const char *text, const mode *m)
{
    const pn_link_offer offer = { .version_min = 1,
                                  .version_max = 1,
                                  .record_size = PN_RECORD_MAX };
    static rogue r;
    struct sockaddr_storage to;
    pn_address address;
    uint64_t from;
    r.env = base;
    r.env.mono_ms = mono;
    if (pn_address_parse_text(&address, text, NULL) != PN_OK ||
        pn_tcp_from_address(&to, &address) != PN_OK)
        return 2;
    r.fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (r.fd < 0 ||
        connect(r.fd, (struct sockaddr *)&to,
                pn_tcp_len((struct sockaddr *)&to)) != 0 ||
        pn_link_dial(&r.link, &r.env, address.relay_key, &offer, NULL) !=
            PN_OK ||
        !shake_hands(&r))
        return 1;
    (void)puts("open");
    (void)fflush(stdout);
    from = pn_mono_ms(&base);
    m->run(&r);
    while (r.fd >= 0 && recv(r.fd, r.record, sizeof r.record, 0) > 0)
        ;
    (void)printf("ended %llu\n",
                 (unsigned long long)(pn_mono_ms(&base) - from));
    pn_link_free(&r.link);
    return 0;
}

static int be_relay(const mode *m)
{
    static rogue r;
    struct sockaddr_in a = { .sin_family = AF_INET };
    socklen_t len = sizeof a;
    pn_address address = { .kind = PN_HOST_IPV4, .host = "127.0.0.1" };
    char text[PN_ADDRESS_TEXT_MAX + 1];
    pn_link_identity id;
    uint8_t seed[32];
    pn_gate *gate = NULL;
    int door;
    r.env = base;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    randombytes_buf(seed, sizeof seed);
    if (pn_link_identity_from_seed(&id, seed) != PN_OK ||
        pn_gate_new(&gate, &r.env, &id) != PN_OK ||
        pn_tcp_listen(&door, (struct sockaddr *)&a, 16) != PN_OK ||
        getsockname(door, (struct sockaddr *)&a, &len) != 0)
        return 1;
    gate->difficulty = m->puzzle_bits; /* past the setter's bound */
    memcpy(address.relay_key, id.relay_key, sizeof id.relay_key);
    address.port = ntohs(a.sin_port);
    if (pn_address_format(text, sizeof text, &address) != PN_OK)
        return 1;
    (void)puts(text);
    (void)fflush(stdout);
    for (;;) {
        struct pollfd wait = { .fd = door, .events = POLLIN };
        if (poll(&wait, 1, -1) < 0)
            return 1;
        r.fd = accept(door, NULL, NULL);
        if (r.fd >= 0 && fcntl(r.fd, F_SETFL, 0) == 0 &&
            pn_link_accept(&r.link, gate, (pn_bytes){ NULL, 0 }) == PN_OK &&
            shake_hands(&r))
            m->run(&r);
        pn_link_free(&r.link);
        if (r.fd >= 0)
            (void)close(r.fd);
    }
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[argc - 1] : "";
    base = pn_sysenv(NULL, NULL);
    if (sodium_init() < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return 1;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(modes[i].name, name) != 0)
            continue;
        if (argc == 4 && strcmp(argv[1], "client") == 0)
            return be_client(argv[2], &modes[i]);
        if (argc == 3 && strcmp(argv[1], "relay") == 0)
            return be_relay(&modes[i]);
    }
    (void)fputs("usage: rogue client ADDRESS MODE | rogue relay MODE\n",
                stderr);
    return 2;
}
