#include "tests/support/cmocka.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/carrier/tcp.h"
#include "tests/unit/carrier/pair.h"

static void dial(pair *p, const pn_address *to)
{
    assert_int_equal(pn_uvlink_dial(&p->client.link, p->hub, to, &p->offer,
                                    NULL, &pair_events, &p->client),
                     PN_OK);
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
    pn_address to = { .kind = PN_HOST_IPV4, .host = "127.0.0.1" };
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
    to.port = ntohs(bound.sin_port);
    dial(&p, &to);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failed_dials_say_why),
        cmocka_unit_test(dead_hosts_time_out),
        cmocka_unit_test(closed_while_resolving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
