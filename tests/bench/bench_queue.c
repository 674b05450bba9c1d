/* How fast a relay takes, gives and forgets mail:
 *   bench_queue ADDRESS PID CLASS LINKS WINDOW COUNT
 * against a running relay whose limits allow it (bench_queue.py sets one up).
 * Three phases over LINKS queues and COUNT messages of CLASS (XS, S or M):
 *   deposit  LINKS senders, each with WINDOW deposits under way
 *   drain    LINKS recipients fetch 32 at a time and acknowledge
 *   live     LINKS senders and LINKS recipients at once, WINDOW each; the
 *            time from sending a message to having it pushed
 * One line of JSON per phase; CPU seconds and memory are the relay's.
 */
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/carrier/sysenv.h"
#include "tests/bench/bench.h"
#include "tests/bench/process.h"
#include "tests/support/qclient.h"

enum { FETCH = 32, WINDOW_MAX = 64 };

typedef enum phase { MAKE, DEPOSIT, DRAIN, LIVE } phase;

typedef struct sender {
    qclient c;
    uint64_t sent_ns[WINDOW_MAX]; /* by frame id */
    uint32_t under_way;
} sender;

typedef struct recipient {
    qclient c;
    qclient_queue q;
    uint8_t ids[FETCH * 16];
    size_t got;
    bool opened;
} recipient;

typedef struct bench_run {
    uv_loop_t loop;
    pn_env env;
    pn_uvhub *hub;
    pn_msg_scratch scratch;
    pn_address address;
    uint16_t record;
    phase phase;
    size_t links;
    uint32_t window;
    uint64_t count;
    uint64_t begun; /* deposits sent in this phase */
    uint64_t open;
    size_t gone;
    bench_phase figures;
    size_t envelope;
    sender *senders;
    recipient *recipients;
} bench_run;

static bench_run b;
static uint8_t body[65088];

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_queue: %s\n", what);
    exit(1);
}

static void must(pn_err err, const char *what)
{
    if (err != PN_OK)
        die(what);
}

static void begin(phase p)
{
    static const char *const names[] = { "make", "deposit", "drain", "live" };
    b.phase = p;
    b.begun = 0;
    bench_phase_begin(&b.figures, names[p]);
}

/* --- senders -------------------------------------------------------------- */

static void fill(sender *s)
{
    while (s->under_way < b.window && b.begun < b.count) {
        uint8_t id[16] = { 0 };
        const uint64_t now = bench_now_ns();
        uint64_t frame;
        pn_err err;
        memcpy(id, &b.begun, sizeof b.begun);
        id[15] = (uint8_t)b.phase;
        memcpy(body, &now, sizeof now);
        err = qclient_deposit(&s->c, &b.recipients[s->c.index].q, id,
                              PN_PRIORITY_NORMAL,
                              (pn_bytes){ body, b.envelope }, &frame);
        if (err == PN_E_FULL)
            return;
        must(err, "deposit");
        s->sent_ns[frame % WINDOW_MAX] = now;
        s->under_way++;
        b.begun++;
    }
}

static void sender_open(void *ctx, qclient *c)
{
    (void)ctx;
    (void)c;
    if (++b.open == b.links)
        uv_stop(&b.loop);
}

static void sender_msg(void *ctx, qclient *c, const pn_msg *msg)
{
    sender *s = (sender *)(void *)c;
    (void)ctx;
    if (msg->kind != PN_MSG_DEPOSIT_RESULT ||
        msg->u.deposit_result.status != PN_DEPOSIT_STORED)
        die("a deposit was not stored");
    s->under_way--;
    if (b.phase == DEPOSIT) {
        b.figures.times[b.figures.done++] =
            bench_now_ns() - s->sent_ns[msg->id % WINDOW_MAX];
        if (b.figures.done == b.count)
            uv_stop(&b.loop);
    }
    fill(s);
}

static void sender_writable(void *ctx, qclient *c)
{
    (void)ctx;
    fill((sender *)(void *)c);
}

static void any_closed(void *ctx, qclient *c, pn_close_reason reason)
{
    (void)ctx;
    (void)c;
    if (reason != PN_CLOSE_SHUTDOWN)
        die(pn_close_reason_name(reason));
    if (++b.gone == b.links)
        uv_stop(&b.loop);
}

static const qclient_events sender_events = { sender_open, sender_msg,
                                              sender_writable, any_closed };

/* --- recipients ----------------------------------------------------------- */

static void ack_all(recipient *r)
{
    must(qclient_ack(&r->c, r->q.handle, (pn_bytes){ r->ids, r->got * 16 },
                     NULL),
         "ack");
    r->got = 0;
}

static void on_deliver(recipient *r, const pn_msg *msg)
{
    const pn_msg_deliver *d = &msg->u.deliver;
    memcpy(r->ids + 16 * r->got++, d->message_id.p, 16);
    if (b.phase != LIVE)
        return;
    {
        uint64_t sent;
        memcpy(&sent, d->envelope.p, sizeof sent);
        b.figures.times[b.figures.done++] = bench_now_ns() - sent;
    }
    if (r->got >= b.window / 4 || r->got == FETCH)
        ack_all(r);
    if (b.figures.done == b.count)
        uv_stop(&b.loop);
}

static void fetch_more(recipient *r)
{
    must(qclient_fetch(&r->c, r->q.handle, FETCH, NULL), "fetch");
}

static void recipient_open(void *ctx, qclient *c)
{
    recipient *r = (recipient *)(void *)c;
    (void)ctx;
    if (b.phase == MAKE)
        must(qclient_create(c, &r->q, 0, NULL), "create");
    else
        must(qclient_open(c, &r->q, b.phase == LIVE ? 4 * b.window + 4 : 0,
                          NULL),
             "open");
}

static void on_ready(recipient *r)
{
    r->opened = true;
    if (++b.open == b.links)
        uv_stop(&b.loop);
}

static void recipient_msg(void *ctx, qclient *c, const pn_msg *msg)
{
    recipient *r = (recipient *)(void *)c;
    (void)ctx;
    if (msg->kind == PN_MSG_QUEUE_CREATED) {
        memcpy(r->q.recv_id, msg->u.queue_created.recv_id.p, 32);
        memcpy(r->q.send_id, msg->u.queue_created.send_id.p, 32);
        on_ready(r);
    } else if (msg->kind == PN_MSG_QUEUE_OPENED) {
        if (!msg->u.queue_opened.queues[0].known)
            die("a queue is not there");
        r->q.handle = msg->u.queue_opened.queues[0].handle;
        on_ready(r);
    } else if (msg->kind == PN_MSG_DELIVER) {
        on_deliver(r, msg);
    } else if (msg->kind == PN_MSG_FETCH_END) {
        if (r->got > 0)
            ack_all(r);
        if (msg->u.fetch_end.more)
            fetch_more(r);
    } else if (msg->kind == PN_MSG_ACKED) {
        if (b.phase != DRAIN)
            return;
        for (uint32_t i = 0; i < msg->u.acked.forgotten; i++)
            b.figures.times[b.figures.done++] =
                bench_now_ns() - b.figures.start_ns;
        if (b.figures.done == b.count)
            uv_stop(&b.loop);
    } else {
        die("the relay refused a command of a recipient");
    }
}

static const qclient_events recipient_events = { recipient_open, recipient_msg,
                                                 NULL, any_closed };

/* --- phases --------------------------------------------------------------- */

static void dial_senders(void)
{
    b.open = 0;
    for (size_t i = 0; i < b.links; i++) {
        sender *s = &b.senders[i];
        s->c = (qclient){ .events = &sender_events,
                          .index = i,
                          .scratch = &b.scratch };
        s->under_way = 0;
        must(qclient_dial(&s->c, b.hub, &b.address, b.record), "dial");
    }
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
}

static void dial_recipients(phase p)
{
    b.open = 0;
    b.phase = p;
    for (size_t i = 0; i < b.links; i++) {
        recipient *r = &b.recipients[i];
        r->c = (qclient){ .events = &recipient_events,
                          .index = i,
                          .scratch = &b.scratch };
        r->got = 0;
        must(qclient_dial(&r->c, b.hub, &b.address, b.record), "dial");
    }
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
}

static void close_all(qclient *first, size_t step)
{
    b.gone = 0;
    for (size_t i = 0; i < b.links; i++) {
        qclient *c = (qclient *)(void *)((char *)first + i * step);
        pn_uvlink_close(c->link, PN_CLOSE_SHUTDOWN);
    }
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
}

static void start_senders(void)
{
    for (size_t i = 0; i < b.links; i++)
        fill(&b.senders[i]);
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
}

static void all_phases(void)
{
    dial_recipients(MAKE);
    close_all(&b.recipients[0].c, sizeof b.recipients[0]);
    dial_senders();
    begin(DEPOSIT);
    start_senders();
    bench_phase_report(&b.figures);
    close_all(&b.senders[0].c, sizeof b.senders[0]);

    dial_recipients(DRAIN);
    begin(DRAIN);
    for (size_t i = 0; i < b.links; i++)
        fetch_more(&b.recipients[i]);
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
    bench_phase_report(&b.figures);
    close_all(&b.recipients[0].c, sizeof b.recipients[0]);

    dial_recipients(LIVE);
    dial_senders();
    begin(LIVE);
    start_senders();
    bench_phase_report(&b.figures);
}

static void choose_class(const char *name)
{
    static const struct {
        const char *name;
        size_t envelope;
        uint16_t record;
    } classes[] = { { "XS", 896, 1024 },
                    { "S", 3968, 4096 },
                    { "M", 16256, 16384 } };
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(name, classes[i].name) == 0) {
            b.envelope = classes[i].envelope;
            b.record = classes[i].record;
        }
    }
    if (b.envelope == 0)
        die("the class is XS, S or M");
}

int main(int argc, char **argv)
{
    if (argc != 7)
        die("usage: bench_queue ADDRESS PID CLASS LINKS WINDOW COUNT");
    must(pn_address_parse_text(&b.address, argv[1], NULL), "address");
    b.figures = (bench_phase){ .peer = "postern",
                               .pid = (int)strtol(argv[2], NULL, 10) };
    choose_class(argv[3]);
    b.links = strtoul(argv[4], NULL, 10);
    b.window = (uint32_t)strtoul(argv[5], NULL, 10);
    b.count = strtoull(argv[6], NULL, 10);
    if (b.links < 1 || b.window < 1 || b.window > WINDOW_MAX || b.count < 1)
        die("numbers out of range");
    b.figures.body = b.envelope;
    b.figures.links = b.links;
    b.figures.window = b.window;
    if (sodium_init() < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
        uv_loop_init(&b.loop) != 0)
        die("cannot start");
    b.env = pn_sysenv(NULL, NULL);
    pn_msg_scratch_init(&b.scratch);
    b.senders = calloc(b.links, sizeof *b.senders);
    b.recipients = calloc(b.links, sizeof *b.recipients);
    b.figures.times = calloc(b.count + 1, sizeof *b.figures.times);
    if (b.senders == NULL || b.recipients == NULL || b.figures.times == NULL)
        die("out of memory");
    for (size_t i = 0; i < b.links; i++)
        qclient_queue_init(&b.recipients[i].q, i);
    must(pn_uvhub_new(&b.hub, &b.loop, &b.env, NULL), "hub");
    all_phases();
    return 0;
}
