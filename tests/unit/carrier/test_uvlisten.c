#include "tests/support/cmocka.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/carrier/tcp.h"
#include "proto/carrier/uv_internal.h"
#include "tests/unit/carrier/pair.h"

/* A listener on loopback, and what its admission hook saw. */
typedef struct door {
    pn_uvlisten *listener;
    pn_address address;
    unsigned admitted;
    unsigned released;
    bool shut;
} door;

static bool admit(void *ctx, const struct sockaddr *peer, uint64_t *tag)
{
    door *d = ctx;
    assert_true(peer->sa_family == AF_INET || peer->sa_family == AF_INET6);
    if (d->shut)
        return false;
    *tag = 1000 + d->admitted++;
    return true;
}

static void release(void *ctx, uint64_t tag)
{
    door *d = ctx;
    assert_true(tag >= 1000 && tag < 1000 + d->admitted);
    d->released++;
}

static void open_door(door *d, pair *p, const char *where, unsigned links,
                      unsigned half_open)
{
    pn_uvlisten_options o = PN_UVLISTEN_OPTIONS_INIT;
    struct sockaddr_storage a;
    memset(d, 0, sizeof *d);
    o.links_max = links;
    o.half_open_max = half_open;
    o.admit = admit;
    o.release = release;
    o.admit_ctx = d;
    assert_int_equal(pn_tcp_parse(&a, where), PN_OK);
    assert_int_equal(pn_uvlisten_new(&d->listener, p->hub,
                                     (struct sockaddr *)&a, p->gate, &o,
                                     &pair_events, &p->relay),
                     PN_OK);
    d->address.port = pn_uvlisten_port(d->listener);
    assert_true(d->address.port != 0);
    d->address.kind = a.ss_family == AF_INET6 ? PN_HOST_IPV6 : PN_HOST_IPV4;
    (void)snprintf(d->address.host, sizeof d->address.host, "%s",
                   a.ss_family == AF_INET6 ? "::1" : "127.0.0.1");
    memcpy(d->address.relay_key, p->id.relay_key, PN_LINK_KEY_BYTES);
}

static void dial(pair *p, const pn_address *to)
{
    assert_int_equal(pn_uvlink_dial(&p->client.link, p->hub, to, &p->offer,
                                    NULL, &pair_events, &p->client),
                     PN_OK);
}

/* A plain TCP connection to the door, without a word. */
static int knock(const door *d)
{
    struct sockaddr_storage a;
    int fd;
    assert_int_equal(pn_tcp_from_address(&a, &d->address), PN_OK);
    fd = socket(a.ss_family, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(
        connect(fd, (struct sockaddr *)&a, pn_tcp_len((struct sockaddr *)&a)),
        0);
    return fd;
}

/* A dial over TCP opens both ends, for IPv4, IPv6 and a name. */
static void dial_reaches_listener(void **state)
{
    static const char *const where[] = { "127.0.0.1:0", "[::1]:0",
                                         "127.0.0.1:0" };
    (void)state;
    for (size_t i = 0; i < sizeof where / sizeof where[0]; i++) {
        pair p;
        door d;
        assert_int_equal(pair_up(&p, NULL), PN_OK);
        open_door(&d, &p, where[i], 10, 10);
        if (i == 2) {
            d.address.kind = PN_HOST_NAME;
            (void)memcpy(d.address.host, "localhost", 10);
        }
        dial(&p, &d.address);
        pair_run_until(&p, &p.client.opened, 1);
        pair_run_until(&p, &p.relay.opened, 1);
        assert_int_equal(pn_uvlink_tag(p.relay.link), 1000);
        assert_int_equal(pn_uvlisten_links(d.listener), 1);
        assert_int_equal(pn_uvlisten_half_open(d.listener), 0);
        p.relay.echo = true;
        assert_int_equal(pn_uvlink_send(p.client.link, PN_BYTES_LIT("hi")),
                         PN_OK);
        pair_run_until(&p, &p.client.frames, 1);
        pn_uvlink_bye(p.client.link, PN_BYE_DONE);
        pair_run_until(&p, &p.relay.closed, 1);
        pair_run_until(&p, &d.released, 1);
        assert_int_equal(pn_uvlisten_links(d.listener), 0);
        pair_down(&p);
    }
}

/* A stranger that goes away unopened is counted, released, and not announced.
 */
static void strangers_are_not_announced(void **state)
{
    pair p;
    door d;
    int fd;
    (void)state;
    assert_int_equal(pair_up(&p, NULL), PN_OK);
    open_door(&d, &p, "127.0.0.1:0", 10, 10);
    fd = knock(&d);
    pair_run_until(&p, &d.admitted, 1);
    assert_int_equal(pn_uvlisten_half_open(d.listener), 1);
    (void)close(fd);
    pair_run_until(&p, &d.released, 1);
    assert_int_equal(p.relay.closed + p.relay.opened, 0);
    assert_int_equal(pn_uvhub_read_stats(p.hub)->closed[PN_CLOSE_PEER], 1);
    pair_down(&p);
}

/* Whom admit() refuses is closed without a byte, and not released. */
static void refused_peers_are_closed(void **state)
{
    uint8_t byte;
    pair p;
    door d;
    int fd;
    (void)state;
    assert_int_equal(pair_up(&p, NULL), PN_OK);
    open_door(&d, &p, "127.0.0.1:0", 10, 10);
    d.shut = true;
    fd = knock(&d);
    pair_run_for(&p, 50);
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
    assert_int_equal(pn_uvhub_read_stats(p.hub)->closed[PN_CLOSE_REFUSED], 1);
    assert_int_equal(d.released, 0);
    (void)close(fd);
    pair_down(&p);
}

/* Open links hold a cap: nobody is taken in, and nobody turned away; the next
 * comes in when one has gone. */
static void open_links_hold_the_cap(void **state)
{
    pn_uvlink *first;
    int fd;
    pair p;
    door d;
    (void)state;
    assert_int_equal(pair_up(&p, NULL), PN_OK);
    open_door(&d, &p, "127.0.0.1:0", 3, 10);
    dial(&p, &d.address);
    first = p.client.link;
    for (unsigned i = 1; i <= 3; i++) {
        if (i > 1)
            dial(&p, &d.address);
        pair_run_until(&p, &p.relay.opened, i);
    }
    fd = knock(&d);
    pair_run_for(&p, 50);
    assert_int_equal(d.admitted, 3);
    assert_int_equal(pn_uvlisten_links(d.listener), 3);
    pn_uvlink_close(first, PN_CLOSE_SHUTDOWN);
    pair_run_until(&p, &d.admitted, 4);
    assert_int_equal(d.released, 1);
    assert_int_equal(pn_uvlisten_half_open(d.listener), 1);
    (void)close(fd);
    pair_down(&p);
}

/* Whether the other side has closed, saying nothing. */
static bool has_ended(int fd)
{
    uint8_t byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

/* At either cap the oldest stranger makes room, at once; a client who speaks
 * gets in however many come after him. */
static void strangers_make_room(void **state)
{
    (void)state;
    for (int half = 0; half < 2; half++) {
        int fd[5];
        pair p;
        door d;
        assert_int_equal(pair_up(&p, NULL), PN_OK);
        open_door(&d, &p, "127.0.0.1:0", half ? 10 : 3, half ? 3 : 10);
        for (int i = 0; i < 5; i++)
            fd[i] = knock(&d);
        pair_run_until(&p, &d.admitted, 3);
        assert_int_equal(d.released, 0); /* they have their chance first */
        pair_run_for(&p, 50);
        assert_int_equal(d.admitted, 5);
        assert_int_equal(d.released, 2);
        assert_int_equal(pn_uvlisten_links(d.listener), 3);
        assert_int_equal(pn_uvlisten_half_open(d.listener), 3);
        for (int i = 0; i < 5; i++)
            assert_int_equal(has_ended(fd[i]), i < 2);
        dial(&p, &d.address);
        pair_run_until(&p, &p.relay.opened, 1);
        assert_true(has_ended(fd[2]));
        assert_int_equal(pn_uvhub_read_stats(p.hub)->closed[PN_CLOSE_REFUSED],
                         3);
        for (int i = 0; i < 5; i++)
            (void)close(fd[i]);
        pair_run_until(&p, &d.released, 5);
        assert_int_equal(pn_uvlisten_links(d.listener), 1);
        pair_down(&p);
    }
}

/* Who has proved more stays while there is one who proved less, however old;
 * one tag's strangers are told from another's. */
static void least_proof_makes_room_first(void **state)
{
    uint8_t hello[PN_LINK_HELLO_BYTES];
    pn_link *client = NULL;
    uint64_t tag = 1002;
    int fd[3];
    pair p;
    door d;
    (void)state;
    assert_int_equal(pair_up(&p, NULL), PN_OK);
    open_door(&d, &p, "127.0.0.1:0", 10, 10);
    assert_int_equal(
        pn_link_dial(&client, &p.env, p.id.relay_key, &p.offer, NULL), PN_OK);
    memcpy(hello, pn_link_output(client).p, sizeof hello);
    pn_link_free(&client);
    fd[0] = knock(&d); /* will be answered, */
    assert_int_equal(send(fd[0], hello, sizeof hello, 0), sizeof hello);
    pair_run_for(&p, 30);
    pn_gate_set_difficulty(p.gate, 8);
    fd[1] = knock(&d); /* asked, */
    assert_int_equal(send(fd[1], hello, sizeof hello, 0), sizeof hello);
    pair_run_for(&p, 30);
    fd[2] = knock(&d); /* and keep silent */
    pair_run_until(&p, &d.admitted, 3);
    assert_false(pn_uvhub_make_room(p.hub, &tag)); /* too soon */
    pair_run_for(&p, 10);
    assert_true(pn_uvhub_make_room(p.hub, &tag));
    assert_false(pn_uvhub_make_room(p.hub, &tag));
    assert_int_equal(pn_uvlisten_half_open(d.listener), 2);
    pair_run_for(&p, 10);
    assert_true(has_ended(fd[2]));
    assert_false(pn_uvhub_make_room(p.hub, NULL)); /* these have longer */
    pair_run_for(&p, 250);
    assert_true(pn_uvhub_make_room(p.hub, NULL));
    assert_int_equal(recv(fd[1], hello, sizeof hello, MSG_WAITALL),
                     sizeof hello);
    pair_run_for(&p, 10);
    assert_true(has_ended(fd[1]));
    assert_false(pn_uvhub_make_room(p.hub, NULL));
    pair_run_for(&p, 2000);
    assert_true(pn_uvhub_make_room(p.hub, NULL));
    assert_false(pn_uvhub_make_room(p.hub, NULL));
    assert_int_equal(d.released, 3);
    for (int i = 0; i < 3; i++)
        (void)close(fd[i]);
    pair_down(&p);
}

/* Without descriptors accepting pauses, does not spin, and goes on when there
 * are some again. */
static void no_descriptors_pauses(void **state)
{
    struct rlimit old, low;
    const pn_uvhub_stats *stats;
    uint64_t pauses;
    pair p;
    door d;
    int fd[5], probe;
    (void)state;
    assert_int_equal(pair_up(&p, NULL), PN_OK);
    open_door(&d, &p, "127.0.0.1:0", 10, 10);
    stats = pn_uvhub_read_stats(p.hub);
    for (int i = 0; i < 5; i++)
        fd[i] = knock(&d);
    probe = dup(fd[4]);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = (rlim_t)probe; /* no number below it is free */
    (void)close(probe);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    pair_run_for(&p, 450);
    pauses = stats->accept_pauses;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_true(pauses >= 2 && pauses <= 3); /* at 0, 100 and 300 ms */
    assert_int_equal(stats->accept_errors, pauses);
    assert_int_equal(d.admitted, 0);
    pair_run_until(&p, &d.admitted, 1);
    for (int i = 0; i < 5; i++)
        (void)close(fd[i]);
    pair_down(&p);
}

/* A closed listener takes nobody in, and its links live on. */
static void closing_the_door_keeps_the_guests(void **state)
{
    pair p;
    door d;
    (void)state;
    assert_int_equal(pair_up(&p, NULL), PN_OK);
    open_door(&d, &p, "127.0.0.1:0", 10, 10);
    dial(&p, &d.address);
    pair_run_until(&p, &p.relay.opened, 1);
    pn_uvlisten_close(&d.listener);
    assert_null(d.listener);
    pn_uvlisten_close(&d.listener);
    p.relay.echo = true;
    pair_run_for(&p, 10);
    assert_int_equal(pn_uvlink_send(p.client.link, PN_BYTES_LIT("hi")), PN_OK);
    pair_run_until(&p, &p.client.frames, 1);
    pn_uvlink_close(p.client.link, PN_CLOSE_SHUTDOWN);
    pair_run_until(&p, &d.released, 1);
    dial(&p, &d.address);
    pair_run_until(&p, &p.client.closed, 2);
    assert_int_equal(p.client.why, PN_CLOSE_CONNECT);
    pair_down(&p);
}

/* What cannot be listened on is refused with a reason in the log. */
static void bad_listeners_are_refused(void **state)
{
    pn_uvlisten_options o = PN_UVLISTEN_OPTIONS_INIT;
    struct sockaddr_storage a;
    pn_uvlisten *l;
    pair p;
    (void)state;
    assert_int_equal(pair_up(&p, NULL), PN_OK);
    assert_int_equal(pn_tcp_parse(&a, "192.0.2.1:0"), PN_OK);
    assert_int_equal(pn_uvlisten_new(&l, p.hub, (struct sockaddr *)&a, p.gate,
                                     &o, &pair_events, NULL),
                     PN_E_IO);
    o.links_max = 0;
    assert_int_equal(pn_uvlisten_new(&l, p.hub, (struct sockaddr *)&a, p.gate,
                                     &o, &pair_events, NULL),
                     PN_E_ARG);
    assert_null(l);
    pair_down(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dial_reaches_listener),
        cmocka_unit_test(strangers_are_not_announced),
        cmocka_unit_test(refused_peers_are_closed),
        cmocka_unit_test(open_links_hold_the_cap),
        cmocka_unit_test(strangers_make_room),
        cmocka_unit_test(least_proof_makes_room_first),
        cmocka_unit_test(no_descriptors_pauses),
        cmocka_unit_test(closing_the_door_keeps_the_guests),
        cmocka_unit_test(bad_listeners_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
