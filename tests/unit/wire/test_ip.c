#include "tests/support/cmocka.h"

#include <arpa/inet.h>
#include <string.h>

#include "proto/wire/ip.h"
#include "tests/support/simenv.h"

static pn_bytes text_of(const char *s)
{
    return (pn_bytes){ (const uint8_t *)s, strlen(s) };
}

static pn_err parse6(const char *text, uint8_t out[PN_IPV6_BYTES])
{
    return pn_ipv6_parse(out, text_of(text));
}

/* RFC 5952 sections 4 and 5: each spelling becomes the recommended one. */
static void rfc5952_examples_hold(void **state)
{
    static const char *const v[][2] = {
        { "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
        { "2001:0db8::0001", "2001:db8::1" },
        { "2001:db8:0:0:0:0:2:1", "2001:db8::2:1" },
        { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
        { "2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
        { "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
        { "2001:DB8::ABCD", "2001:db8::abcd" },
        { "::", "::" },
        { "0:0:0:0:0:0:0:0", "::" },
        { "::1", "::1" },
        { "1::", "1::" },
        { "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" },
        { "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
        { "0:0:0:0:0:FFFF:c000:0201", "::ffff:192.0.2.1" },
        { "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
        { "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        uint8_t raw[PN_IPV6_BYTES];
        char text[PN_IPV6_TEXT_MAX + 1];
        assert_int_equal(parse6(v[i][0], raw), PN_OK);
        pn_ipv6_format(text, raw);
        assert_string_equal(text, v[i][1]);
    }
}

static void malformed_is_refused(void **state)
{
    static const char *const v6[] = {
        "",
        ":",
        ":::",
        "1",
        "1:2",
        ":1",
        "1:",
        "1:2:3:4:5:6:7",
        "1::2::3",
        "1:::2",
        ":1::2",
        "1::2:",
        "12345::",
        "g::",
        "::1%1",
        "::1 ",
        " ::1",
        "1.2.3.4",
        "::1.2.3",
        "::1.2.3.4.5",
        "::1.2.3.4:",
        "::01.2.3.4",
        "::256.0.0.1",
        "1:2:3:4:5:6:7:1.2.3.4",
        "::1.2.3.4:5",
        "[::1]",
        "::1/64",
        "0x1::",
        "1:2:3:4:5:6:7:8:9",
        "::1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8::",
    };
    static const char *const v4[] = {
        "",          "1",          "1.2.3",     "1.2.3.4.", ".1.2.3.4",
        "1..2.3",    "256.1.1.1",  "1.2.3.04",  "1.2.3.4 ", "1.2.3.a",
        "1.2.3.4.5", "1.2.3.1000", "0x1.2.3.4", "-1.2.3.4",
    };
    uint8_t raw[PN_IPV6_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof v6 / sizeof v6[0]; i++)
        assert_int_equal(parse6(v6[i], raw), PN_E_PROTO);
    for (size_t i = 0; i < sizeof v4 / sizeof v4[0]; i++)
        assert_int_equal(pn_ipv4_parse(raw, text_of(v4[i])), PN_E_PROTO);
}

/* The C library is the independent reference: for random bytes with many
 * zeros, what it writes we read, and what we write it reads, as the same. */
static void agrees_with_the_system(void **state)
{
    simenv s;
    (void)state;
    simenv_init(&s, 5952);
    for (unsigned n = 0; n < 20000; n++) {
        uint8_t raw[PN_IPV6_BYTES], back[PN_IPV6_BYTES];
        char ours[PN_IPV6_TEXT_MAX + 1], theirs[INET6_ADDRSTRLEN];
        const uint64_t mask = simenv_next(&s) & simenv_next(&s);
        for (unsigned i = 0; i < sizeof raw; i++)
            raw[i] = mask >> (i / 2 * 2) & 1 ? (uint8_t)simenv_next(&s) : 0;
        assert_non_null(inet_ntop(AF_INET6, raw, theirs, sizeof theirs));
        assert_int_equal(parse6(theirs, back), PN_OK);
        assert_memory_equal(back, raw, sizeof raw);
        pn_ipv6_format(ours, raw);
        assert_int_equal(inet_pton(AF_INET6, ours, back), 1);
        assert_memory_equal(back, raw, sizeof raw);
        if (strchr(theirs, '.') == NULL)
            assert_string_equal(ours, theirs);
    }
}

/* Random text from the alphabet of addresses: both accept it or neither. */
static void accepts_what_the_system_accepts(void **state)
{
    static const char alphabet[] = "01:::2.af";
    unsigned good = 0;
    simenv s;
    (void)state;
    simenv_init(&s, 4291);
    for (unsigned n = 0; n < 200000; n++) {
        char text[16];
        uint8_t a[PN_IPV6_BYTES], b[PN_IPV6_BYTES];
        const size_t len = simenv_next(&s) % (sizeof text - 1);
        for (size_t i = 0; i < len; i++)
            text[i] = alphabet[simenv_next(&s) % (sizeof alphabet - 1)];
        text[len] = '\0';
        assert_int_equal(parse6(text, a) == PN_OK,
                         inet_pton(AF_INET6, text, b) == 1);
        if (parse6(text, a) == PN_OK) {
            assert_memory_equal(a, b, sizeof a);
            good++;
        }
    }
    assert_true(good > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc5952_examples_hold),
        cmocka_unit_test(malformed_is_refused),
        cmocka_unit_test(agrees_with_the_system),
        cmocka_unit_test(accepts_what_the_system_accepts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
