/* bench_redis … [group]: Redis streams under the load of load.h, one stream a
 * queue. Senders XADD; recipients XREAD 32 at a time and XDEL, which is as
 * durable as XADD. With `group` they use XREADGROUP, XACK and XDEL, so that
 * Redis knows what it gave to whom. */
#include <stdio.h>
#include <string.h>

#include "tests/bench/peers/load.h"
#include "tests/bench/peers/resp.h"

enum { ID_MAX = 48 };

typedef struct own {
    char last[ID_MAX]; /* id read last */
    uint32_t deleting; /* messages of the XDEL under way */
    uint32_t replies;  /* until it is done */
} own;

static bool group;

static void put_array(load_conn *c, size_t count)
{
    load_print(c, "*%zu\r\n", count);
}

static void put(load_conn *c, const char *arg, size_t len)
{
    load_print(c, "$%zu\r\n", len);
    load_put(c, arg, len);
    load_put(c, "\r\n", 2);
}

static void put_text(load_conn *c, const char *arg)
{
    put(c, arg, strlen(arg));
}

static void put_stream(load_conn *c)
{
    char name[32];
    (void)snprintf(name, sizeof name, "q%zu", c->index);
    put_text(c, name);
}

static void publish(load_conn *c, const char *body, size_t len, uint32_t slot)
{
    (void)slot; /* replies come in order */
    put_array(c, 5);
    put_text(c, "XADD");
    put_stream(c);
    put_text(c, "*");
    put_text(c, "b");
    put(c, body, len);
}

static void receive(load_conn *c)
{
    const own *o = c->own;
    const bool blocks = load_now() == LOAD_LIVE;
    put_array(c, (blocks ? 8U : 6U) + (group ? 3U : 0U));
    put_text(c, group ? "XREADGROUP" : "XREAD");
    if (group) {
        put_text(c, "GROUP");
        put_text(c, "g");
        put_text(c, "c");
    }
    put_text(c, "COUNT");
    put_text(c, "32");
    if (blocks) {
        put_text(c, "BLOCK");
        put_text(c, "0");
    }
    put_text(c, "STREAMS");
    put_stream(c);
    put_text(c, group ? ">" : o->last);
}

/* The first XADD makes a stream; a group has to be made before. */
static void greet(load_conn *c)
{
    own *o = c->own;
    if (load_now() == LOAD_MAKE)
        memcpy(o->last, "0", 2);
    if (load_now() != LOAD_MAKE || !group) {
        load_ready(c);
        return;
    }
    put_array(c, 6);
    put_text(c, "XGROUP");
    put_text(c, "CREATE");
    put_stream(c);
    put_text(c, "g");
    put_text(c, "0");
    put_text(c, "MKSTREAM");
}

/* XACK or XDEL of all that came. */
static void forget(load_conn *c, const char *command, const resp_reply *r)
{
    const size_t n = r->strings / 3;
    const bool ack = strcmp(command, "XACK") == 0;
    put_array(c, (ack ? 3U : 2U) + n);
    put_text(c, command);
    put_stream(c);
    if (ack)
        put_text(c, "g");
    for (size_t i = 0; i < n; i++)
        put(c, r->string[1 + 3 * i].p, r->string[1 + 3 * i].len);
}

/* Strings: the stream, then id, field and value of each entry. */
static void on_entries(load_conn *c, const resp_reply *r)
{
    own *o = c->own;
    const size_t n = r->strings / 3;
    const resp_string *last;
    if (n == 0)
        return;
    last = &r->string[1 + 3 * (n - 1)];
    if (last->len >= ID_MAX)
        load_die("an id too long");
    if (group)
        forget(c, "XACK", r);
    forget(c, "XDEL", r);
    for (size_t i = 0; i < n; i++)
        load_arrived(r->string[3 + 3 * i].p, r->string[3 + 3 * i].len);
    memcpy(o->last, last->p, last->len);
    o->last[last->len] = '\0';
    o->deleting = (uint32_t)n;
    o->replies = group ? 2 : 1;
    receive(c);
}

static size_t take(load_conn *c, const char *p, size_t len)
{
    static resp_reply reply;
    own *o = c->own;
    const size_t took = resp_take(&reply, p, len);
    if (took == 0)
        return 0;
    if (reply.error)
        load_die("an error reply");
    if (load_now() == LOAD_MAKE) {
        load_ready(c);
    } else if (c->sender) {
        if (reply.strings != 1)
            load_die("a message was not stored");
        load_stored(c);
    } else if (reply.strings > 0) {
        on_entries(c, &reply);
    } else if (o->replies > 0 && --o->replies == 0) {
        load_forgotten(o->deleting);
    }
    return took;
}

int main(int argc, char **argv)
{
    load_peer peer = { .name = "redis",
                       .own = sizeof(own),
                       .greet = greet,
                       .publish = publish,
                       .receive = receive,
                       .take = take };
    if (argc == 8 && strcmp(argv[7], "group") == 0) {
        group = true;
        peer.name = "redis-group";
        argc--;
    }
    return load_main(argc, argv, &peer);
}
