/* What a deposit costs that goes by parcel through another relay, beside one
 * over a link of the client's own:
 *   bench_parcels ENTRY ENTRY_PID RELAY RELAY_PID DESCRIPTOR COUNT
 * against two running relays whose limits allow it (bench_forward.py sets them
 * up): ENTRY forwards to RELAY, whose descriptor lies in the file DESCRIPTOR.
 * Four phases, each of envelopes of class S into a queue at RELAY:
 *   direct        COUNT deposits over 16 links to RELAY, 16 under way on each
 *   forward       COUNT parcels over 16 links to ENTRY, 16 under way on each
 *   direct-one    one deposit at a time, until it is stored
 *   forward-one   one parcel at a time, until its reply is back
 * Parcels are sealed before the clock starts. Two lines of JSON per phase: what
 * ENTRY used, and the figures of process.h, which are RELAY's.
 */
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/carrier/sysenv.h"
#include "proto/parcel/parcel.h"
#include "proto/roster/descriptor.h"
#include "tests/bench/bench.h"
#include "tests/bench/process.h"
#include "tests/support/qclient.h"

enum {
    LINKS = 16,
    WINDOW = 16,
    IDS = 64, /* frame ids of a link that are told apart */
    ENVELOPE = 3968,
    PARCEL = ENVELOPE + PN_PARCEL_OVERHEAD,
    ONE_AT_A_TIME = 1000,
};

typedef struct sender {
    qclient c;
    uint64_t sent_ns[IDS]; /* by frame id */
    uint32_t under_way;
} sender;

typedef struct bench_run {
    uv_loop_t loop;
    pn_env env;
    pn_uvhub *hub;
    pn_msg_scratch scratch;
    pn_address entry, relay;
    int entry_pid;
    uint8_t onion[PN_XWING_PK_BYTES];
    qclient_queue queue;
    qclient maker;
    bool by_parcel;
    size_t links, open, gone;
    uint32_t window;
    size_t count, begun;
    uint64_t message; /* numbers given */
    double entry_cpu;
    bench_phase figures;
    sender senders[LINKS];
    uint8_t (*parcels)[PARCEL]; /* `count` of them */
} bench_run;

static bench_run b;
static uint8_t body[ENVELOPE];

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_parcels: %s\n", what);
    exit(1);
}

static void must(bool fine, const char *what)
{
    if (!fine)
        die(what);
}

static void number(uint8_t id[PN_MESSAGE_ID_BYTES])
{
    memset(id, 0, PN_MESSAGE_ID_BYTES);
    b.message++;
    memcpy(id, &b.message, sizeof b.message);
}

static void seal_all(void)
{
    const pn_parcel_to to = { b.relay.relay_key, b.onion };
    for (size_t i = 0; i < b.count; i++) {
        uint8_t id[PN_MESSAGE_ID_BYTES];
        pn_parcel_reply reply;
        size_t len;
        const pn_parcel_command cmd = {
            .kind = PN_PARCEL_DEPOSIT,
            .u.deposit = { .send_id = { b.queue.send_id, 32 },
                           .capability = { b.queue.capability, 32 },
                           .message_id = { id, sizeof id },
                           .priority = PN_PRIORITY_NORMAL,
                           .envelope = { body, sizeof body } }
        };
        number(id);
        must(pn_parcel_seal(&b.env, &to, &cmd, NULL, b.parcels[i], PARCEL, &len,
                            &reply) == PN_OK &&
                 len == PARCEL,
             "seal");
        pn_wipe(&reply, sizeof reply);
    }
}

/* --- senders -------------------------------------------------------------- */

static pn_err send_one(sender *s, uint64_t *frame)
{
    uint8_t id[PN_MESSAGE_ID_BYTES];
    pn_msg m = { .kind = PN_MSG_FORWARD };
    if (!b.by_parcel) {
        number(id);
        return qclient_deposit(&s->c, &b.queue, id, PN_PRIORITY_NORMAL,
                               (pn_bytes){ body, sizeof body }, frame);
    }
    m.u.forward = (pn_msg_forward){ .destination = { b.relay.relay_key, 32 },
                                    .expires_days = 21,
                                    .priority = PN_PRIORITY_NORMAL,
                                    .parcel = { b.parcels[b.begun], PARCEL } };
    return qclient_send(&s->c, &m, frame);
}

static void fill(sender *s)
{
    while (s->under_way < b.window && b.begun < b.count) {
        const uint64_t now = bench_now_ns();
        uint64_t frame;
        const pn_err err = send_one(s, &frame);
        if (err == PN_E_FULL)
            return;
        must(err == PN_OK, "send");
        s->sent_ns[frame % IDS] = now;
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

/* Whether this is the end of one message; dies of one that failed. */
static bool is_final(const pn_msg *m)
{
    switch ((int)m->kind) {
    case PN_MSG_DEPOSIT_RESULT:
        must(m->u.deposit_result.status == PN_DEPOSIT_STORED, "not stored");
        return true;
    case PN_MSG_FORWARD_RESULT:
        must(m->u.forward_result.status == PN_FORWARD_ACCEPTED, "not accepted");
        return false;
    case PN_MSG_FORWARD_REPLY:
        must(m->u.forward_reply.outcome == PN_PARCEL_DONE, "not opened");
        return true;
    default:
        die("a relay refused a command");
        return false;
    }
}

static void sender_msg(void *ctx, qclient *c, const pn_msg *m)
{
    sender *s = (sender *)(void *)c;
    (void)ctx;
    if (!is_final(m))
        return;
    s->under_way--;
    b.figures.times[b.figures.done++] =
        bench_now_ns() - s->sent_ns[m->id % IDS];
    if (b.figures.done == b.count)
        uv_stop(&b.loop);
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
    must(reason == PN_CLOSE_SHUTDOWN, pn_close_reason_name(reason));
    if (++b.gone == b.links)
        uv_stop(&b.loop);
}

static const qclient_events sender_events = { sender_open, sender_msg,
                                              sender_writable, any_closed };

/* --- the queue ------------------------------------------------------------ */

static void maker_open(void *ctx, qclient *c)
{
    (void)ctx;
    must(qclient_create(c, &b.queue, 0, NULL) == PN_OK, "create");
}

static void maker_msg(void *ctx, qclient *c, const pn_msg *m)
{
    (void)ctx;
    must(m->kind == PN_MSG_QUEUE_CREATED, "no queue was made");
    memcpy(b.queue.send_id, m->u.queue_created.send_id.p, 32);
    pn_uvlink_close(c->link, PN_CLOSE_SHUTDOWN);
}

static const qclient_events maker_events = { maker_open, maker_msg, NULL,
                                             any_closed };

static void make_queue(void)
{
    b.links = 1;
    b.maker = (qclient){ .events = &maker_events, .scratch = &b.scratch };
    qclient_queue_init(&b.queue, bench_now_ns());
    must(qclient_dial(&b.maker, b.hub, &b.relay, 4096) == PN_OK, "dial");
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
}

/* --- phases --------------------------------------------------------------- */

static void report(void)
{
    (void)printf("{\"entry_cpu_s_per_100k\":%.3f}\n",
                 (bench_cpu_seconds(b.entry_pid) - b.entry_cpu) /
                     (double)b.count * 1e5);
    bench_phase_report(&b.figures);
}

static void phase(const char *name, bool by_parcel, size_t links,
                  uint32_t window, size_t count)
{
    b.by_parcel = by_parcel;
    b.links = links;
    b.window = window;
    b.count = count;
    b.begun = b.open = b.gone = 0;
    b.figures.links = links;
    b.figures.window = window;
    if (by_parcel)
        seal_all();
    for (size_t i = 0; i < links; i++) {
        sender *s = &b.senders[i];
        *s = (sender){ .c = { .events = &sender_events,
                              .index = i,
                              .features =
                                  by_parcel ? PN_LINK_FEATURE_PARCELS : 0,
                              .scratch = &b.scratch } };
        must(qclient_dial(&s->c, b.hub, by_parcel ? &b.entry : &b.relay,
                          4096) == PN_OK,
             "dial");
    }
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
    b.entry_cpu = bench_cpu_seconds(b.entry_pid);
    bench_phase_begin(&b.figures, name);
    for (size_t i = 0; i < links; i++)
        fill(&b.senders[i]);
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
    report();
    for (size_t i = 0; i < links; i++)
        pn_uvlink_close(b.senders[i].c.link, PN_CLOSE_SHUTDOWN);
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
}

static void read_onion(const char *path)
{
    uint8_t raw[PN_DESCRIPTOR_BYTES_MAX];
    const uint64_t now = pn_wall_ms(&b.env);
    const pn_descriptor_onion *onion;
    pn_descriptor d;
    FILE *f = fopen(path, "rb");
    size_t len = 0;
    if (f != NULL) {
        len = fread(raw, 1, sizeof raw, f);
        (void)fclose(f);
    }
    must(pn_descriptor_verify(&d, (pn_bytes){ raw, len }, b.relay.relay_key,
                              now) == PN_OK,
         "the descriptor is none");
    onion = pn_descriptor_onion_at(&d, now);
    must(onion != NULL, "no onion key");
    memcpy(b.onion, onion->pk, sizeof b.onion);
}

int main(int argc, char **argv)
{
    size_t count;
    must(argc == 7, "usage: bench_parcels ENTRY ENTRY_PID RELAY RELAY_PID "
                    "DESCRIPTOR COUNT");
    must(sodium_init() >= 0 && signal(SIGPIPE, SIG_IGN) != SIG_ERR &&
             uv_loop_init(&b.loop) == 0,
         "cannot start");
    b.env = pn_sysenv(NULL, NULL);
    pn_msg_scratch_init(&b.scratch);
    must(pn_address_parse_text(&b.entry, argv[1], NULL) == PN_OK &&
             pn_address_parse_text(&b.relay, argv[3], NULL) == PN_OK,
         "address");
    b.entry_pid = (int)strtol(argv[2], NULL, 10);
    b.figures = (bench_phase){ .peer = "postern",
                               .pid = (int)strtol(argv[4], NULL, 10),
                               .body = ENVELOPE };
    read_onion(argv[5]);
    count = strtoull(argv[6], NULL, 10);
    must(count >= ONE_AT_A_TIME, "COUNT is 1000 at least");
    b.parcels = calloc(count, sizeof *b.parcels);
    b.figures.times = calloc(count, sizeof *b.figures.times);
    must(b.parcels != NULL && b.figures.times != NULL, "out of memory");
    must(pn_uvhub_new(&b.hub, &b.loop, &b.env, NULL) == PN_OK, "hub");
    randombytes_buf(body, sizeof body);
    make_queue();
    phase("direct", false, LINKS, WINDOW, count);
    phase("forward", true, LINKS, WINDOW, count);
    phase("direct-one", false, 1, 1, ONE_AT_A_TIME);
    phase("forward-one", true, 1, 1, ONE_AT_A_TIME);
    return 0;
}
