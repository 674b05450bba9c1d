#include "tests/support/cmocka.h"

#include <string.h>

#include "proto/base/text.h"

static pn_bytes of(const char *s)
{
    return (pn_bytes){ (const uint8_t *)s, strlen(s) };
}

/* The first and the last character of each length, and what lies beside. */
static void utf8_is_as_in_rfc_3629(void **state)
{
    static const char *const good[] = {
        "\x01",
        "\x7f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "",
        "a\xc3\xa9z",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
    };
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* past the last */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xc2", /* ends early */
        "\xe2\x82",
        "\xf0\x90\x80",
        "\xc2\x7f", /* goes on with something else */
        "\xc2\xc0",
        "\xe2\x82\x7f",
        "\xe2\x82\xc0",
        "\xf0\x90\x80\x7f",
        "\xf0\x90\xc0\x80",
    };
    static const uint8_t nul[] = { 'a', 0, 'b' };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(pn_text_ok(of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(pn_text_ok(of(bad[i])));
        assert_false(pn_line_ok(of(bad[i])));
    }
    assert_false(pn_text_ok((pn_bytes){ nul, sizeof nul }));
}

/* What moves the cursor or turns text around, and what stands just beside. */
static void a_line_has_no_controls(void **state)
{
    static const char *const bad[] = {
        "\n",           "\x1f",         "\x7f",
        "\xc2\x80",     "\xc2\x9f",     "\xe2\x80\xaa",
        "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa9",
    };
    static const char *const good[] = {
        " ",
        "~",
        "\xc2\xa0",
        "\xc3\x80",
        "\xe2\x80\xa9",
        "\xe2\x80\xaf",
        "\xe2\x81\xa5",
        "\xe2\x81\xaa",
        "\xe2\x82\xac",
        "\xe1\x80\xaa",
        "\xf0\x9f\x98\x80",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(pn_text_ok(of(bad[i])));
        assert_false(pn_line_ok(of(bad[i])));
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(pn_line_ok(of(good[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_as_in_rfc_3629),
        cmocka_unit_test(a_line_has_no_controls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
