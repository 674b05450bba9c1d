#include "tests/support/cmocka.h"

#include <unistd.h>

#include "proto/carrier/tcp.h"
#include "tests/support/faults.h"
#include "tests/unit/carrier/pair.h"

/* Send and receive until both ends have what they wait for, or one is gone. */
static void exchange(pair *p)
{
    static const uint8_t frame[20000];
    unsigned turns = 0;
    p->relay.echo = true;
    while (p->client.closed + p->relay.closed == 0 && p->client.frames < 3 &&
           turns++ < 2000) {
        if (p->client.opened > 0 && p->client.frames == p->relay.frames &&
            pn_uvlink_send(p->client.link, (pn_bytes){ frame, sizeof frame }) <
                PN_OK)
            break;
        pair_run_for(p, 1);
    }
}

/* The n-th allocation fails, for every n over setup, traffic and teardown:
 * always a clean end, and in the end a run without a failure. */
static void any_allocation_may_fail(void **state)
{
    bool failed = true;
    unsigned n;
    (void)state;
    for (n = 1; failed; n++) {
        pair p;
        assert_true(faults_arm(n));
        if (pair_up(&p, NULL) == PN_OK && pair_connect(&p) == PN_OK)
            exchange(&p);
        if (p.hub != NULL && n % 2 == 0)
            pn_uvhub_stop(p.hub, PN_BYE_DONE, NULL, NULL);
        pair_down(&p);
        failed = faults_hit();
        if (!failed)
            assert_int_equal(p.client.frames, 3);
        assert_true(n < 1000);
    }
    assert_true(n > 10);
}

static void ignore(uv_poll_t *poll, int status, int events)
{
    (void)poll;
    (void)status;
    (void)events;
}

/* The same over TCP, with a listener and a dial. */
static void any_allocation_may_fail_over_tcp(void **state)
{
    bool failed = true;
    unsigned n;
    (void)state;
    for (n = 1; failed; n++) {
        const pn_uvlisten_options options = PN_UVLISTEN_OPTIONS_INIT;
        struct sockaddr_storage any;
        pn_address to = { .kind = PN_HOST_IPV4, .host = "127.0.0.1" };
        pn_uvlisten *listener = NULL;
        pair p;
        assert_int_equal(pn_tcp_parse(&any, "127.0.0.1:0"), PN_OK);
        assert_true(faults_arm(n));
        if (pair_up(&p, NULL) == PN_OK &&
            pn_uvlisten_new(&listener, p.hub, (struct sockaddr *)&any, p.gate,
                            &options, &pair_events, &p.relay) == PN_OK) {
            to.port = pn_uvlisten_port(listener);
            for (size_t i = 0; i < sizeof to.relay_key; i++)
                to.relay_key[i] = p.id.relay_key[i];
            if (pn_uvlink_dial(&p.client.link, p.hub, &to, &p.offer, NULL,
                               &pair_events, &p.client) == PN_OK)
                exchange(&p);
        }
        pair_down(&p);
        failed = faults_hit();
        if (!failed)
            assert_int_equal(p.client.frames, 3);
        assert_true(n < 1000);
    }
    assert_true(n > 10);
}

/* A socket libuv will not have is given back, and no link was: none is counted
 * as closed, and nobody hears of one. */
static void a_refused_socket_is_no_link(void **state)
{
    struct sockaddr_storage any;
    uv_poll_t taken;
    pn_uvlink *link = NULL;
    int fd;
    pair p;
    (void)state;
    assert_int_equal(pair_up(&p, NULL), PN_OK);
    assert_int_equal(pn_tcp_parse(&any, "127.0.0.1:0"), PN_OK);
    assert_int_equal(pn_tcp_listen(&fd, (struct sockaddr *)&any, 1), PN_OK);
    /* One descriptor cannot be watched twice. */
    assert_int_equal(uv_poll_init(&p.loop, &taken, fd), 0);
    assert_int_equal(uv_poll_start(&taken, UV_READABLE, ignore), 0);
    assert_int_equal(
        pn_uvlink_accept_fd(&link, p.hub, fd, p.gate, &pair_events, &p.relay),
        PN_E_IO);
    pair_run_for(&p, 5);
    for (size_t i = 0; i < PN_CLOSE_REASONS; i++)
        assert_int_equal(pn_uvhub_read_stats(p.hub)->closed[i], 0);
    assert_int_equal(pn_uvhub_read_stats(p.hub)->links, 0);
    assert_int_equal(p.relay.closed, 0);
    (void)uv_poll_stop(&taken);
    uv_close((uv_handle_t *)&taken, NULL);
    pair_down(&p);
    assert_int_equal(close(fd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(any_allocation_may_fail_over_tcp),
        cmocka_unit_test(a_refused_socket_is_no_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
