#include "tests/support/cmocka.h"

#include <stdio.h>
#include <string.h>

#include "proto/wire/address.h"

/* The key 00 01 .. 1f. */
#define KEY "aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq"
#define P "postern://" KEY "@"

static const char long_label[] =
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"; /* 63 */

static void assert_formats(const pn_address *a, const char *want)
{
    char text[PN_ADDRESS_TEXT_MAX + 1];
    assert_int_equal(pn_address_format(text, sizeof text, a), PN_OK);
    assert_string_equal(text, want);
}

/* Each accepted text gives the host, port and parameters it says, and formats
 * back to its one spelling. */
static void good_addresses_parse(void **state)
{
    static const struct {
        const char *text, *host, *params, *again; /* again NULL: as text */
        pn_host_kind kind;
        uint16_t port;
    } v[] = {
        { P "relay.example.org:443", "relay.example.org", "", NULL,
          PN_HOST_NAME, 443 },
        { P "localhost:1", "localhost", "", NULL, PN_HOST_NAME, 1 },
        { P "Relay.EXAMPLE.org:65535", "relay.example.org", "",
          P "relay.example.org:65535", PN_HOST_NAME, 65535 },
        { P "xn--bcher-kva.example:80", "xn--bcher-kva.example", "", NULL,
          PN_HOST_NAME, 80 },
        { P "1and1.example:80", "1and1.example", "", NULL, PN_HOST_NAME, 80 },
        { P "192.0.2.7:4433", "192.0.2.7", "", NULL, PN_HOST_IPV4, 4433 },
        { P "[2001:db8::7]:4433", "2001:db8::7", "", NULL, PN_HOST_IPV6, 4433 },
        { P "[2001:0DB8:0:0:0:0:0:7]:4433", "2001:db8::7", "",
          P "[2001:db8::7]:4433", PN_HOST_IPV6, 4433 },
        { P "[::1]:4433?t=", "::1", "t=", NULL, PN_HOST_IPV6, 4433 },
        { P "192.0.2.7:4433?pt=obfs4&cert=aB+/9_~.x&iat-mode=0", "192.0.2.7",
          "pt=obfs4&cert=aB+/9_~.x&iat-mode=0", NULL, PN_HOST_IPV4, 4433 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        pn_address a;
        pn_address_fault fault = PN_ADDRESS_TOO_LONG;
        assert_int_equal(pn_address_parse_text(&a, v[i].text, &fault), PN_OK);
        assert_int_equal(fault, PN_ADDRESS_FINE);
        assert_string_equal(a.host, v[i].host);
        assert_string_equal(a.params, v[i].params);
        assert_int_equal(a.kind, v[i].kind);
        assert_int_equal(a.port, v[i].port);
        for (unsigned k = 0; k < sizeof a.relay_key; k++)
            assert_int_equal(a.relay_key[k], k);
        assert_formats(&a, v[i].again != NULL ? v[i].again : v[i].text);
    }
}

/* Each malformed text is refused with what is wrong with it. */
static void bad_addresses_say_why(void **state)
{
    static const struct {
        const char *text;
        pn_address_fault why;
    } v[] = {
        { "", PN_ADDRESS_BAD_SCHEME },
        { "postern:/", PN_ADDRESS_BAD_SCHEME },
        { "http://" KEY "@h:1", PN_ADDRESS_BAD_SCHEME },
        { "Postern://" KEY "@h:1", PN_ADDRESS_BAD_SCHEME },
        { " " P "h:1", PN_ADDRESS_BAD_SCHEME },
        { "postern://" KEY, PN_ADDRESS_NO_AT },
        { "postern://@h:1", PN_ADDRESS_BAD_KEY },
        { "postern://" KEY "a@h:1", PN_ADDRESS_BAD_KEY },
        { "postern://aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dyp@h:1",
          PN_ADDRESS_BAD_KEY },
        { "postern://aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypr@h:1",
          PN_ADDRESS_BAD_KEY }, /* trailing bits */
        { "postern://AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQTCQKRMFYYDENBWHA5DYPQ@h:1",
          PN_ADDRESS_BAD_KEY },
        { "postern://0aaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq@h:1",
          PN_ADDRESS_BAD_KEY },
        { P "", PN_ADDRESS_NO_PORT },
        { P "h", PN_ADDRESS_NO_PORT },
        { P "[::1]", PN_ADDRESS_NO_PORT },
        { P "[::1]x:1", PN_ADDRESS_NO_PORT },
        { P ":1", PN_ADDRESS_BAD_HOST },
        { P ".:1", PN_ADDRESS_BAD_HOST },
        { P "h.:1", PN_ADDRESS_BAD_HOST },
        { P ".h:1", PN_ADDRESS_BAD_HOST },
        { P "a..b:1", PN_ADDRESS_BAD_HOST },
        { P "-h:1", PN_ADDRESS_BAD_HOST },
        { P "h-:1", PN_ADDRESS_BAD_HOST },
        { P "a_b:1", PN_ADDRESS_BAD_HOST },
        { P "b\xc3\xbc.de:1", PN_ADDRESS_BAD_HOST },
        { P "a b:1", PN_ADDRESS_BAD_HOST },
        { P "user@h:1", PN_ADDRESS_BAD_HOST },
        { P "1.2.3:1", PN_ADDRESS_BAD_IPV4 },
        { P "1.2.3.4.5:1", PN_ADDRESS_BAD_IPV4 },
        { P "1.2.3.256:1", PN_ADDRESS_BAD_IPV4 },
        { P "01.2.3.4:1", PN_ADDRESS_BAD_IPV4 },
        { P "16909060:1", PN_ADDRESS_BAD_IPV4 },
        { P "a.1:1", PN_ADDRESS_BAD_IPV4 },
        { P "[]:1", PN_ADDRESS_BAD_IPV6 },
        { P "[::1:1", PN_ADDRESS_BAD_IPV6 },
        { P "[1.2.3.4]:1", PN_ADDRESS_BAD_IPV6 },
        { P "[:::]:1", PN_ADDRESS_BAD_IPV6 },
        { P "[fe80::1%lo]:1", PN_ADDRESS_BAD_IPV6 },
        { P "[1:2:3:4:5:6:7:8:9]:1", PN_ADDRESS_BAD_IPV6 },
        { P "::1:1", PN_ADDRESS_BAD_HOST },
        { P "h:", PN_ADDRESS_BAD_PORT },
        { P "h:0", PN_ADDRESS_BAD_PORT },
        { P "h:01", PN_ADDRESS_BAD_PORT },
        { P "h:+1", PN_ADDRESS_BAD_PORT },
        { P "h:65536", PN_ADDRESS_BAD_PORT },
        { P "h:4294967297", PN_ADDRESS_BAD_PORT },
        { P "h:1/", PN_ADDRESS_BAD_PORT },
        { P "h:1#x", PN_ADDRESS_BAD_PORT },
        { P "h:1 ", PN_ADDRESS_BAD_PORT },
        { P "h:1:2", PN_ADDRESS_BAD_PORT },
        { P "h:1?", PN_ADDRESS_BAD_PARAMS },
        { P "h:1?a", PN_ADDRESS_BAD_PARAMS },
        { P "h:1?=b", PN_ADDRESS_BAD_PARAMS },
        { P "h:1?a=b&", PN_ADDRESS_BAD_PARAMS },
        { P "h:1?&a=b", PN_ADDRESS_BAD_PARAMS },
        { P "h:1?a=b&&c=d", PN_ADDRESS_BAD_PARAMS },
        { P "h:1?A=b", PN_ADDRESS_BAD_PARAMS },
        { P "h:1?1=b", PN_ADDRESS_BAD_PARAMS },
        { P "h:1?a=b=c", PN_ADDRESS_BAD_PARAMS },
        { P "h:1?a=%20", PN_ADDRESS_BAD_PARAMS },
        { P "h:1?a=b?c=d", PN_ADDRESS_BAD_PARAMS },
        { P "h:1?a=b&a=b", PN_ADDRESS_TWICE_PARAM },
        { P "h:1?a=b&c=&a=", PN_ADDRESS_TWICE_PARAM },
    };
    (void)state;
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        pn_address a = { .port = 77 };
        pn_address_fault fault = PN_ADDRESS_FINE;
        assert_int_equal(pn_address_parse_text(&a, v[i].text, &fault),
                         PN_E_PROTO);
        if (fault != v[i].why)
            print_error("%s: %s\n", v[i].text, pn_address_error(fault));
        assert_int_equal(fault, v[i].why);
        assert_int_equal(a.port, 77); /* untouched */
        assert_true(strlen(pn_address_error(fault)) > 0);
    }
}

/* A NUL inside never hides what follows it. */
static void embedded_nul_is_refused(void **state)
{
    static const char *const text[] = {
        P "1.2.3.4\0.5:1", P "h\0x:1", P "[::1\0]:1", P "h:1\0", P "h:1?a=b\0c",
    };
    static const size_t tail[] = { 5, 4, 4, 1, 2 }; /* from the NUL on */
    (void)state;
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        const pn_bytes in = { (const uint8_t *)text[i],
                              strlen(text[i]) + tail[i] };
        pn_address a;
        assert_int_equal(pn_address_parse(&a, in, NULL), PN_E_PROTO);
    }
}

/* The bounds hold to the byte: labels, names, parameters, the whole. */
static void bounds_hold(void **state)
{
    char text[PN_ADDRESS_TEXT_MAX + 64];
    pn_address a;
    pn_address_fault fault;
    (void)state;
    (void)snprintf(text, sizeof text, P "%s.x:1", long_label);
    assert_int_equal(pn_address_parse_text(&a, text, NULL), PN_OK);
    (void)snprintf(text, sizeof text, P "%sa.x:1", long_label);
    assert_int_equal(pn_address_parse_text(&a, text, NULL), PN_E_PROTO);
    /* 63+1+63+1+63+1+61 = 253 */
    (void)snprintf(text, sizeof text, P "%s.%s.%s.%.61s:1", long_label,
                   long_label, long_label, long_label);
    assert_int_equal(pn_address_parse_text(&a, text, NULL), PN_OK);
    (void)snprintf(text, sizeof text, P "%s.%s.%s.%.62s:1", long_label,
                   long_label, long_label, long_label);
    assert_int_equal(pn_address_parse_text(&a, text, NULL), PN_E_PROTO);
    for (int len = PN_ADDRESS_PARAMS_MAX - 1; len <= PN_ADDRESS_PARAMS_MAX + 1;
         len++) {
        (void)snprintf(text, sizeof text, P "h:1?a=%0*d", len - 2, 0);
        assert_int_equal(pn_address_parse_text(&a, text, &fault),
                         len <= PN_ADDRESS_PARAMS_MAX ? PN_OK : PN_E_PROTO);
    }
    memset(text, 'a', sizeof text);
    assert_int_equal(
        pn_address_parse(
            &a, (pn_bytes){ (uint8_t *)text, PN_ADDRESS_TEXT_MAX + 1 }, &fault),
        PN_E_PROTO);
    assert_int_equal(fault, PN_ADDRESS_TOO_LONG);
}

/* The longest address of all formats into PN_ADDRESS_TEXT_MAX + 1 bytes. */
static void longest_address_formats(void **state)
{
    char in[PN_ADDRESS_TEXT_MAX + 64], out[PN_ADDRESS_TEXT_MAX + 1];
    pn_address a;
    (void)state;
    (void)snprintf(in, sizeof in, P "%s.%s.%s.%.61s:65535?a=%0*d", long_label,
                   long_label, long_label, long_label,
                   PN_ADDRESS_PARAMS_MAX - 2, 0);
    assert_int_equal(pn_address_parse_text(&a, in, NULL), PN_OK);
    assert_int_equal(pn_address_format(out, sizeof out, &a), PN_OK);
    assert_string_equal(out, in);
    assert_int_equal(pn_address_format(out, strlen(in), &a), PN_E_FULL);
    assert_int_equal(pn_address_format(out, strlen(in) + 1, &a), PN_OK);
}

/* A structure nobody could have parsed is not formatted. */
static void broken_structure_is_not_formatted(void **state)
{
    char out[PN_ADDRESS_TEXT_MAX + 1];
    pn_address a;
    (void)state;
    assert_int_equal(pn_address_parse_text(&a, P "h:1", NULL), PN_OK);
    a.port = 0;
    assert_int_equal(pn_address_format(out, sizeof out, &a), PN_E_ARG);
    a.port = 1;
    a.kind = PN_HOST_IPV4;
    assert_int_equal(pn_address_format(out, sizeof out, &a), PN_E_ARG);
    a.kind = PN_HOST_NAME;
    a.host[0] = 'H';
    assert_int_equal(pn_address_format(out, sizeof out, &a), PN_E_ARG);
}

/* Parameters are found by name, whole names only. */
static void parameters_are_found(void **state)
{
    pn_address a;
    pn_bytes v;
    (void)state;
    assert_int_equal(
        pn_address_parse_text(&a, P "h:1?ab=1&a=2&empty=&z=last", NULL), PN_OK);
    assert_true(pn_address_param(&a, "a", &v));
    assert_true(pn_bytes_equal(v, PN_BYTES_LIT("2")));
    assert_true(pn_address_param(&a, "ab", &v));
    assert_true(pn_bytes_equal(v, PN_BYTES_LIT("1")));
    assert_true(pn_address_param(&a, "empty", &v));
    assert_int_equal(v.len, 0);
    assert_true(pn_address_param(&a, "z", &v));
    assert_true(pn_bytes_equal(v, PN_BYTES_LIT("last")));
    assert_false(pn_address_param(&a, "b", &v));
    assert_false(pn_address_param(&a, "", &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_addresses_parse),
        cmocka_unit_test(bad_addresses_say_why),
        cmocka_unit_test(embedded_nul_is_refused),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(longest_address_formats),
        cmocka_unit_test(broken_structure_is_not_formatted),
        cmocka_unit_test(parameters_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
