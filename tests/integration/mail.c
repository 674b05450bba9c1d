/* Clients that deposit, fetch and acknowledge until the relay goes away:
 *   mail ADDRESS QUEUES make          create; prints `queue I RECV SEND`
 *   mail ADDRESS QUEUES work ROUND    reads those lines, then works
 *   mail ADDRESS QUEUES list          reads them, prints `have I MESSAGE`
 *   mail ADDRESS QUEUES fill ROUND    deposits until each sender met `busy`
 *   mail ADDRESS QUEUES empty         fetches and acknowledges all there is
 * `work`, `fill` and `empty` print, each line whole before the next is begun:
 *   stored I MESSAGE    the relay said so
 *   acking I MESSAGE    before the Ack is sent
 *   acked I MESSAGE     the relay said so
 * `work` ends when every link is closed. Queue I
 * is number I of the keys every run derives alike; MESSAGE is 32 hex digits.
 */
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/carrier/sysenv.h"
#include "tests/support/qclient.h"

enum { QUEUES_MAX = 64, WINDOW = 16, FETCH = 8, LISTED_MAX = 4096 };

typedef enum job { MAKE, WORK, LIST, FILL, EMPTY } job;

typedef struct sender {
    qclient c;
    uint8_t ids[WINDOW][16]; /* by frame id */
    bool used[WINDOW];
    uint32_t under_way;
    bool refused; /* a deposit met `busy`, and none follows */
} sender;

typedef struct recipient {
    qclient c;
    qclient_queue q;
    uint8_t ids[FETCH][16];
    size_t got;
    uint8_t acking[FETCH][16];
    size_t acking_count;
    bool last; /* nothing is left to fetch */
} recipient;

static sender senders[QUEUES_MAX];
static recipient recipients[QUEUES_MAX];
static pn_msg_scratch scratch;
static uv_loop_t loop;
static size_t queues, closed, links, finished;
static uint32_t round_number, counter;
static job what;
static uint8_t body[3968];

static void say(const char *verb, size_t i, const uint8_t *id)
{
    char hex[33];
    pn_hex(hex, (pn_bytes){ id, 16 });
    (void)printf("%s %zu %s\n", verb, i, hex);
}

static void die(const char *why)
{
    (void)fprintf(stderr, "mail: %s\n", why);
    exit(1);
}

static void on_closed(void *ctx, qclient *c, pn_close_reason reason)
{
    (void)ctx;
    (void)c;
    (void)reason;
    if (++closed == links)
        uv_stop(&loop);
}

/* --- senders -------------------------------------------------------------- */

static void fill(sender *s)
{
    if (s->refused && s->under_way == 0 && ++finished == queues)
        uv_stop(&loop);
    while (!s->refused && s->under_way < WINDOW) {
        static const size_t sizes[] = { 896, 3968 };
        uint8_t id[16] = { 0 };
        const size_t slot = s->c.next_id % WINDOW;
        const pn_priority priority = (pn_priority)(1 + counter % 3);
        if (s->used[slot])
            return;
        counter++;
        memcpy(id, &counter, sizeof counter);
        memcpy(id + 4, &round_number, sizeof round_number);
        id[15] = (uint8_t)s->c.index;
        memcpy(body, id, sizeof id);
        if (qclient_deposit(&s->c, &recipients[s->c.index].q, id, priority,
                            (pn_bytes){ body, sizes[counter % 2] },
                            NULL) != PN_OK)
            return;
        memcpy(s->ids[slot], id, 16);
        s->used[slot] = true;
        s->under_way++;
    }
}

static void sender_open(void *ctx, qclient *c)
{
    (void)ctx;
    fill((sender *)(void *)c);
}

static void sender_msg(void *ctx, qclient *c, const pn_msg *msg)
{
    sender *s = (sender *)(void *)c;
    const size_t slot = msg->id % WINDOW;
    (void)ctx;
    if (msg->kind != PN_MSG_DEPOSIT_RESULT)
        die("a deposit had no result");
    if (msg->u.deposit_result.status == PN_DEPOSIT_STORED)
        say("stored", c->index, s->ids[slot]);
    else if (what == FILL && msg->u.deposit_result.status == PN_DEPOSIT_BUSY)
        s->refused = true;
    else if (msg->u.deposit_result.status != PN_DEPOSIT_QUOTA)
        die("a deposit was refused");
    s->used[slot] = false;
    s->under_way--;
    fill(s);
}

static void sender_writable(void *ctx, qclient *c)
{
    (void)ctx;
    fill((sender *)(void *)c);
}

static const qclient_events sender_events = { sender_open, sender_msg,
                                              sender_writable, on_closed };

/* --- recipients ----------------------------------------------------------- */

static void ask(recipient *r)
{
    /* A link that just ended is told by on_closed. */
    if (qclient_fetch(&r->c, r->q.handle, FETCH, NULL) == PN_E_ARG)
        die("cannot fetch");
}

static void on_deliver(recipient *r, const pn_msg_deliver *d)
{
    if (d->envelope.len == 0 || memcmp(d->envelope.p, d->message_id.p, 16) != 0)
        die("a message came back altered");
    if (what == LIST) {
        say("have", r->c.index, d->message_id.p);
        return;
    }
    memcpy(r->ids[r->got++], d->message_id.p, 16);
}

/* Two of three messages are acknowledged; the rest stays for the next. */
static void on_fetch_end(recipient *r, bool more)
{
    if (what == LIST) {
        if (more)
            ask(r);
        else if (++finished == queues)
            uv_stop(&loop);
        return;
    }
    r->acking_count = 0;
    r->last = what == EMPTY && !more;
    for (size_t k = 0; k < r->got; k++) {
        if (what == WORK && r->ids[k][0] % 3 == 0)
            continue;
        memcpy(r->acking[r->acking_count++], r->ids[k], 16);
        say("acking", r->c.index, r->ids[k]);
    }
    r->got = 0;
    (void)fflush(stdout);
    if (qclient_ack(&r->c, r->q.handle,
                    (pn_bytes){ r->acking[0], 16 * r->acking_count },
                    NULL) == PN_E_ARG)
        die("cannot acknowledge");
}

static void recipient_open(void *ctx, qclient *c)
{
    recipient *r = (recipient *)(void *)c;
    (void)ctx;
    if ((what == MAKE ? qclient_create(c, &r->q, 0, NULL)
                      : qclient_open(c, &r->q, 0, NULL)) != PN_OK)
        die("cannot open a queue");
}

static void on_created(recipient *r, const pn_msg_queue_created *m)
{
    char recv[65], send[65];
    pn_hex(recv, m->recv_id);
    pn_hex(send, m->send_id);
    (void)printf("queue %zu %s %s\n", r->c.index, recv, send);
    if (++finished == queues)
        uv_stop(&loop);
}

static void recipient_msg(void *ctx, qclient *c, const pn_msg *msg)
{
    recipient *r = (recipient *)(void *)c;
    (void)ctx;
    if (msg->kind == PN_MSG_QUEUE_CREATED) {
        on_created(r, &msg->u.queue_created);
    } else if (msg->kind == PN_MSG_QUEUE_OPENED) {
        if (!msg->u.queue_opened.queues[0].known)
            die("a queue is gone");
        r->q.handle = msg->u.queue_opened.queues[0].handle;
        ask(r);
    } else if (msg->kind == PN_MSG_DELIVER) {
        on_deliver(r, &msg->u.deliver);
    } else if (msg->kind == PN_MSG_FETCH_END) {
        on_fetch_end(r, msg->u.fetch_end.more);
    } else if (msg->kind == PN_MSG_ACKED) {
        for (size_t k = 0; k < r->acking_count; k++)
            say("acked", c->index, r->acking[k]);
        if (!r->last)
            ask(r);
        else if (++finished == queues)
            uv_stop(&loop);
    } else {
        die("a recipient's command was refused");
    }
}

static const qclient_events recipient_events = { recipient_open, recipient_msg,
                                                 NULL, on_closed };

/* --- the rest ------------------------------------------------------------- */

static void read_queues(void)
{
    for (size_t k = 0; k < queues; k++) {
        char recv[65], send[65];
        size_t i;
        if (scanf(" queue %zu %64s %64s", &i, recv, send) != 3 || i >= queues ||
            pn_unhex(recipients[i].q.recv_id, 32, recv) != PN_OK ||
            pn_unhex(recipients[i].q.send_id, 32, send) != PN_OK)
            die("want a line for each queue");
    }
}

static void dial(qclient *c, const qclient_events *events, size_t i,
                 pn_uvhub *hub, const pn_address *address)
{
    *c = (qclient){ .events = events, .index = i, .scratch = &scratch };
    if (qclient_dial(c, hub, address, 4096) != PN_OK)
        die("cannot dial");
    links++;
}

int main(int argc, char **argv)
{
    pn_address address;
    pn_env env = pn_sysenv(NULL, NULL);
    pn_uvhub *hub;
    if (argc < 4 || pn_address_parse_text(&address, argv[1], NULL) != PN_OK)
        die("usage: mail ADDRESS QUEUES make|list|empty|work ROUND|fill ROUND");
    queues = strtoul(argv[2], NULL, 10);
    what = strcmp(argv[3], "make") == 0    ? MAKE
           : strcmp(argv[3], "list") == 0  ? LIST
           : strcmp(argv[3], "fill") == 0  ? FILL
           : strcmp(argv[3], "empty") == 0 ? EMPTY
                                           : WORK;
    if (queues < 1 || queues > QUEUES_MAX ||
        ((what == WORK || what == FILL) && argc != 5))
        die("a number is out of range");
    if (what == WORK || what == FILL)
        round_number = (uint32_t)strtoul(argv[4], NULL, 10);
    if (sodium_init() < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
        uv_loop_init(&loop) != 0)
        die("cannot start");
    pn_msg_scratch_init(&scratch);
    for (size_t i = 0; i < queues; i++)
        qclient_queue_init(&recipients[i].q, i);
    if (what != MAKE)
        read_queues();
    if (pn_uvhub_new(&hub, &loop, &env, NULL) != PN_OK)
        die("cannot start");
    for (size_t i = 0; i < queues; i++) {
        if (what != FILL)
            dial(&recipients[i].c, &recipient_events, i, hub, &address);
        if (what == WORK || what == FILL)
            dial(&senders[i].c, &sender_events, i, hub, &address);
    }
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    (void)fflush(stdout);
    return what != WORK && finished < queues ? 1 : 0;
}
