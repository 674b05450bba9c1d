#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "proto/carrier/tcp.h"

static const struct sockaddr *generic(const struct sockaddr_storage *a)
{
    return (const struct sockaddr *)a;
}

/* Numeric text reads and writes as itself. */
static void text_round_trips(void **state)
{
    static const char *const good[] = { "127.0.0.1:0", "192.0.2.255:65535",
                                        "[::1]:4433", "[2001:db8::7]:0",
                                        "[::ffff:192.0.2.1]:9" };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct sockaddr_storage a;
        char text[PN_TCP_TEXT_MAX];
        assert_int_equal(pn_tcp_parse(&a, good[i]), PN_OK);
        pn_tcp_format(text, generic(&a));
        assert_string_equal(text, good[i]);
    }
}

static void malformed_text_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        ":",
        ":80",
        "127.0.0.1",
        "127.0.0.1:",
        "host:80",
        "::1:80",
        "[::1]",
        "[::1]80",
        "[::1:80",
        "::1]:80",
        "[]:80",
        "1.2.3:80",
        "1.2.3.4:65536",
        "1.2.3.4:-1",
        "1.2.3.4:1x",
        "[1.2.3.4]:1",
        "[::1]]:1",
        "[:80",
        "1.2.3.4:000080",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sockaddr_storage a;
        assert_int_equal(pn_tcp_parse(&a, bad[i]), PN_E_ARG);
    }
}

/* A relay address with a numeric host is a socket address, with a name not. */
static void addresses_become_sockets(void **state)
{
    pn_address a = { .kind = PN_HOST_IPV6, .port = 443, .host = "2001:db8::7" };
    struct sockaddr_storage s;
    char text[PN_TCP_TEXT_MAX];
    (void)state;
    assert_int_equal(pn_tcp_from_address(&s, &a), PN_OK);
    pn_tcp_format(text, generic(&s));
    assert_string_equal(text, "[2001:db8::7]:443");
    a.kind = PN_HOST_NAME;
    assert_int_equal(pn_tcp_from_address(&s, &a), PN_E_ARG);
}

/* Neighbours in one /64 have one origin; a mapped IPv4 address is IPv4. */
static void origins_are_prefixes(void **state)
{
    struct sockaddr_storage s;
    uint8_t a[8], b[8];
    (void)state;
    assert_int_equal(pn_tcp_parse(&s, "[2001:db8:1:2:3::4]:1"), PN_OK);
    assert_int_equal(pn_tcp_origin(a, generic(&s)), 8);
    assert_int_equal(pn_tcp_parse(&s, "[2001:db8:1:2:ffff::]:2"), PN_OK);
    assert_int_equal(pn_tcp_origin(b, generic(&s)), 8);
    assert_memory_equal(a, b, 8);
    assert_int_equal(pn_tcp_parse(&s, "[::ffff:192.0.2.1]:1"), PN_OK);
    assert_int_equal(pn_tcp_origin(a, generic(&s)), 4);
    assert_int_equal(pn_tcp_parse(&s, "192.0.2.1:7"), PN_OK);
    assert_int_equal(pn_tcp_origin(b, generic(&s)), 4);
    assert_memory_equal(a, b, 4);
    s.ss_family = AF_UNIX;
    assert_int_equal(pn_tcp_origin(a, generic(&s)), 0);
}

/* A listening socket is non-blocking, closes on exec, and IPv6 is IPv6 only:
 * both families can hold the same port. */
static void listening_sockets_are_set_up(void **state)
{
    struct sockaddr_storage v4, v6;
    struct sockaddr_in bound;
    socklen_t len = sizeof bound;
    char text[PN_TCP_TEXT_MAX];
    int a, b;
    (void)state;
    assert_int_equal(pn_tcp_parse(&v4, "0.0.0.0:0"), PN_OK);
    assert_int_equal(pn_tcp_listen(&a, generic(&v4), 5), PN_OK);
    assert_true(fcntl(a, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(a, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(getsockname(a, (struct sockaddr *)&bound, &len), 0);
    (void)snprintf(text, sizeof text, "[::]:%u",
                   (unsigned)ntohs(bound.sin_port));
    assert_int_equal(pn_tcp_parse(&v6, text), PN_OK);
    assert_int_equal(pn_tcp_listen(&b, generic(&v6), 5), PN_OK);
    (void)close(b);
    bound.sin_family = AF_INET;
    assert_int_equal(pn_tcp_listen(&b, (struct sockaddr *)&bound, 5), PN_E_IO);
    (void)close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_round_trips),
        cmocka_unit_test(malformed_text_is_refused),
        cmocka_unit_test(addresses_become_sockets),
        cmocka_unit_test(origins_are_prefixes),
        cmocka_unit_test(listening_sockets_are_set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
