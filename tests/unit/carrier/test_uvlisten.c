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

/* At a cap nobody is taken in, and nobody turned away: the next comes in when
 * one has gone. */
static void caps_hold(void **state)
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
        pair_run_for(&p, 50);
        assert_int_equal(d.admitted, 3);
        assert_int_equal(pn_uvlisten_links(d.listener), 3);
        (void)close(fd[0]);
        pair_run_until(&p, &d.admitted, 4);
        assert_int_equal(pn_uvlisten_links(d.listener), 3);
        for (int i = 1; i < 5; i++)
            (void)close(fd[i]);
        pair_run_until(&p, &d.released, 5);
        pair_down(&p);
    }
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

/* A dial that cannot arrive says where it failed. */
static void failed_dials_say_why(void **state)
{
    pn_uvhub_options o = pair_options();
    pn_address to = { .kind = PN_HOST_IPV4, .host = "127.0.0.1", .port = 1 };
    pn_address nowhere = { .kind = PN_HOST_NAME,
                           .host = "no-such-host.invalid",
                           .port = 1 };
    pair p;
    (void)state;
    o.dial_ms = 15000;
    assert_int_equal(pair_up(&p, &o), PN_OK);
    memcpy(to.relay_key, p.id.relay_key, sizeof to.relay_key);
    dial(&p, &to);
    pair_run_until(&p, &p.client.closed, 1);
    assert_int_equal(p.client.why, PN_CLOSE_CONNECT);
    dial(&p, &nowhere);
    pair_run_until(&p, &p.client.closed, 2);
    assert_int_equal(p.client.why, PN_CLOSE_RESOLVE);
    pair_down(&p);
}

/* An address that does not answer is given up in time. A full backlog drops
 * what knocks, which is as near to a dead host as loopback comes. */
static void dead_hosts_time_out(void **state)
{
    pn_uvhub_options o = pair_options();
    struct sockaddr_storage a;
    struct sockaddr_in bound;
    int fd, fill[4];
    door d;
    pair p;
    socklen_t len = sizeof a;
    (void)state;
    o.connect_ms = 100;
    assert_int_equal(pair_up(&p, &o), PN_OK);
    assert_int_equal(pn_tcp_parse(&a, "127.0.0.1:0"), PN_OK);
    assert_int_equal(pn_tcp_listen(&fd, (struct sockaddr *)&a, 0), PN_OK);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    memcpy(&bound, &a, sizeof bound);
    for (int i = 0; i < 4; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        assert_true(fill[i] >= 0);
        (void)connect(fill[i], (struct sockaddr *)&a, len);
    }
    memset(&d, 0, sizeof d);
    d.address = (pn_address){ .kind = PN_HOST_IPV4, .host = "127.0.0.1" };
    d.address.port = ntohs(bound.sin_port);
    dial(&p, &d.address);
    pair_run_until(&p, &p.client.closed, 1);
    assert_int_equal(p.client.why, PN_CLOSE_CONNECT);
    for (int i = 0; i < 4; i++)
        (void)close(fill[i]);
    (void)close(fd);
    pair_down(&p);
}

/* A dial closed while its name is looked up ends at once; the look-up's late
 * answer finds nobody and harms nobody. */
static void closed_while_resolving(void **state)
{
    pn_address to = { .kind = PN_HOST_NAME, .host = "localhost", .port = 1 };
    pair p;
    (void)state;
    for (int stop = 0; stop < 2; stop++) {
        assert_int_equal(pair_up(&p, NULL), PN_OK);
        dial(&p, &to);
        if (stop == 0) {
            pn_uvlink_bye(p.client.link, PN_BYE_DONE);
            pair_run_until(&p, &p.client.closed, 1);
            assert_int_equal(p.client.why, PN_CLOSE_SHUTDOWN);
        }
        pair_down(&p);
        assert_int_equal(p.client.closed, 1);
    }
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
        cmocka_unit_test(caps_hold),
        cmocka_unit_test(no_descriptors_pauses),
        cmocka_unit_test(failed_dials_say_why),
        cmocka_unit_test(dead_hosts_time_out),
        cmocka_unit_test(closed_while_resolving),
        cmocka_unit_test(closing_the_door_keeps_the_guests),
        cmocka_unit_test(bad_listeners_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
