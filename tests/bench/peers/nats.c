/* bench_nats: NATS JetStream under the load of load.h. A queue is a work-queue
 * stream on file with a durable pull consumer; one stream with a subject a
 * queue takes mail as fast, but gives it out at a third of the pace. Senders
 * publish and wait for the stream's answer; recipients pull 32 at a time and
 * have every acknowledgement confirmed, so that it is known when the server has
 * forgotten a message. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/peers/load.h"
#include "tests/bench/peers/nats_wire.h"

enum { MINE = 32, CONFIG = 512 };

typedef struct own {
    char mine[MINE]; /* subjects below it are this connection's answers */
    unsigned made;   /* of LOAD_MAKE: the stream, then the consumer */
    size_t pulled;   /* messages of the pull under way that have come */
} own;

/* --- making a queue ------------------------------------------------------- */

static void make_stream(load_conn *c)
{
    const own *o = c->own;
    char config[CONFIG];
    const int n = snprintf(config, sizeof config,
                           "{\"name\":\"Q%zu\",\"subjects\":[\"q.%zu\"],"
                           "\"retention\":\"workqueue\","
                           "\"storage\":\"file\",\"num_replicas\":1}",
                           c->index, c->index);
    load_print(c, "PUB $JS.API.STREAM.CREATE.Q%zu %sm %d\r\n%s\r\n", c->index,
               o->mine, n, config);
}

static void make_consumer(load_conn *c)
{
    const own *o = c->own;
    char config[CONFIG];
    const int n = snprintf(config, sizeof config,
                           "{\"stream_name\":\"Q%zu\",\"config\":{"
                           "\"durable_name\":\"c\","
                           "\"deliver_policy\":\"all\","
                           "\"ack_policy\":\"explicit\","
                           "\"replay_policy\":\"instant\"}}",
                           c->index);
    load_print(c, "PUB $JS.API.CONSUMER.DURABLE.CREATE.Q%zu.c %sm %d\r\n%s\r\n",
               c->index, o->mine, n, config);
}

static void on_made(load_conn *c, const nats_op *op)
{
    own *o = c->own;
    if (nats_holds(op->payload, "\"error\""))
        load_die("the server makes no queue");
    if (++o->made == 1)
        make_consumer(c);
    else
        load_ready(c);
}

/* --- what load.h asks for ------------------------------------------------- */

static void greet(load_conn *c)
{
    own *o = c->own;
    (void)snprintf(o->mine, sizeof o->mine, "i.%c%zu.", c->sender ? 's' : 'r',
                   c->index);
    load_print(c,
               "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\","
               "\"version\":\"1\",\"protocol\":1,\"headers\":true,"
               "\"no_responders\":true}\r\nSUB %s> 1\r\nPING\r\n",
               o->mine);
}

static void publish(load_conn *c, const char *body, size_t len, uint32_t slot)
{
    const own *o = c->own;
    load_print(c, "PUB q.%zu %s%u %zu\r\n", c->index, o->mine, slot, len);
    load_put(c, body, len);
    load_put(c, "\r\n", 2);
}

static void receive(load_conn *c)
{
    own *o = c->own;
    char text[32];
    const int n =
        snprintf(text, sizeof text, "{\"batch\":%d}", (int)LOAD_FETCH);
    o->pulled = 0;
    load_print(c, "PUB $JS.API.CONSUMER.MSG.NEXT.Q%zu.c %sm %d\r\n%s\r\n",
               c->index, o->mine, n, text);
}

static void on_stored(load_conn *c, const nats_op *op)
{
    const size_t prefix = strlen(((const own *)c->own)->mine);
    /* A digit at least, and the line goes on behind the subject. */
    if (op->subject.len <= prefix ||
        strtoul(op->subject.p + prefix, NULL, 10) != load_oldest(c))
        load_die("an answer out of order");
    if (!nats_holds(op->payload, "\"seq\"") ||
        nats_holds(op->payload, "\"error\""))
        load_die("a message was not stored");
    load_stored(c);
}

static void on_message(load_conn *c, const nats_op *op)
{
    own *o = c->own;
    load_arrived(op->payload.p, op->payload.len);
    load_put(c, "PUB ", 4);
    load_put(c, op->reply.p, op->reply.len);
    load_print(c, " %sa 4\r\n+ACK\r\n", o->mine);
    if (++o->pulled == LOAD_FETCH)
        receive(c);
}

static void on_msg(load_conn *c, const nats_op *op)
{
    const own *o = c->own;
    if (load_now() == LOAD_MAKE)
        on_made(c, op);
    else if (c->sender)
        on_stored(c, op);
    else if (!nats_starts(op->subject, o->mine))
        on_message(c, op);
    else if (op->payload.len == 0)
        load_forgotten(1);
    else
        load_die("an acknowledgement was refused");
}

static size_t take(load_conn *c, const char *p, size_t len)
{
    nats_op op;
    const size_t took = nats_take(&op, p, len);
    if (took == 0)
        return 0;
    switch (op.kind) {
    case NATS_MSG:
        on_msg(c, &op);
        break;
    case NATS_PING:
        load_put(c, "PONG\r\n", 6);
        break;
    case NATS_PONG:
        if (load_now() == LOAD_MAKE)
            make_stream(c);
        else
            load_ready(c);
        break;
    case NATS_STATUS:
    case NATS_ERROR:
        (void)fprintf(stderr, "%.*s\n", (int)op.payload.len, op.payload.p);
        load_die("the server refuses");
    case NATS_OTHER:
        break;
    }
    return took;
}

int main(int argc, char **argv)
{
    static const load_peer peer = { .name = "nats",
                                    .own = sizeof(own),
                                    .greet = greet,
                                    .publish = publish,
                                    .receive = receive,
                                    .take = take };
    return load_main(argc, argv, &peer);
}
