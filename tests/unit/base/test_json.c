#include "tests/support/cmocka.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/json.h"

/* Writes each leaf as "path=value;" so that one string tells all. */
static pn_err collect(void *ctx, const pn_json_leaf *leaf)
{
    char *out = ctx;
    const size_t at = strlen(out);
    switch (leaf->kind) {
    case PN_JSON_NULL:
        snprintf(out + at, 512 - at, "%s=null;", leaf->path);
        break;
    case PN_JSON_BOOL:
        snprintf(out + at, 512 - at, "%s=%s;", leaf->path,
                 leaf->number ? "yes" : "no");
        break;
    case PN_JSON_INT:
        snprintf(out + at, 512 - at, "%s=%lld;", leaf->path,
                 (long long)leaf->number);
        break;
    case PN_JSON_TEXT:
        snprintf(out + at, 512 - at, "%s='%s';", leaf->path, leaf->text);
        break;
    }
    return PN_OK;
}

static pn_err read(const char *text, char out[512])
{
    out[0] = 0;
    return pn_json_read((pn_bytes){ (const uint8_t *)text, strlen(text) },
                        collect, out);
}

/* What is written reads back, nested objects and awkward texts included. */
static void writing_and_reading_agree(void **state)
{
    char line[512], seen[512];
    pn_json j = pn_json_begin(line, sizeof line);
    (void)state;
    pn_json_text(&j, "type", "a\"b\\c\n\x01 \xc3\xa9");
    pn_json_open(&j, "links");
    pn_json_u64(&j, "open", 7);
    pn_json_open(&j, "none");
    pn_json_close(&j);
    pn_json_bool(&j, "full", false);
    pn_json_close(&j);
    pn_json_i64(&j, "skew", INT64_MIN);
    assert_int_equal(pn_json_end(&j), PN_OK);
    assert_int_equal(read(line, seen), PN_OK);
    assert_string_equal(seen, "v=1;type='a\"b\\c\n\x01 \xc3\xa9';links.open=7;"
                              "links.full=no;skew=-9223372036854775808;");
}

static pn_err ignore(void *ctx, const pn_json_leaf *leaf)
{
    (void)ctx;
    (void)leaf;
    return PN_OK;
}

#define NAME40 "aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd"

/* Bytes that are no UTF-8 leave as the replacement character. */
static void broken_utf8_is_replaced(void **state)
{
    static const char *const broken[] = { "\xff",
                                          "\xc0\x80",
                                          "\xed\xa0\x80",
                                          "\xf5\x80\x80\x80",
                                          "\xe2\x82",
                                          "\x80",
                                          "\xe0\x9f\xbf",
                                          "\xf0\x8f\xbf\xbf",
                                          "\xf4\x90\x80\x80",
                                          "\xf0\x90\x80",
                                          "\xf0\x90\xc0\x80",
                                          "\xc2\xc0" };
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        char line[128];
        pn_json j = pn_json_begin(line, sizeof line);
        pn_json_text(&j, "t", broken[i]);
        assert_int_equal(pn_json_end(&j), PN_OK);
        assert_non_null(strstr(line, "\\ufffd"));
        for (const char *c = line; *c != 0; c++)
            assert_true((unsigned char)*c < 0x80);
    }
}

/* The first and the last of each length leave as they are. */
static void whole_utf8_is_kept(void **state)
{
    static const char *const whole[] = {
        "\xc2\x80",         "\xdf\xbf",         "\xe0\xa0\x80",
        "\xed\x9f\xbf",     "\xef\xbf\xbf",     "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf", "\xf1\x80\x80\x80", "\x7e",
    };
    (void)state;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        char line[128], seen[512], expected[64];
        pn_json j = pn_json_begin(line, sizeof line);
        pn_json_text(&j, "t", whole[i]);
        pn_json_bool(&j, "b", true);
        assert_int_equal(pn_json_end(&j), PN_OK);
        assert_int_equal(read(line, seen), PN_OK);
        (void)snprintf(expected, sizeof expected, "v=1;t='%s';b=yes;",
                       whole[i]);
        assert_string_equal(seen, expected);
    }
}

/* In too small a space nothing half-written is left, whatever the space. */
static void full_leaves_an_empty_line(void **state)
{
    char line[64];
    (void)state;
    for (size_t cap = 1; cap < 40; cap++) {
        pn_json j = pn_json_begin(line, cap);
        pn_json_text(&j, "some_name", "some value");
        if (pn_json_end(&j) == PN_OK) {
            assert_int_equal(strlen(line), 32);
            assert_int_equal(cap, 33);
            return;
        }
        assert_string_equal(line, "");
    }
    fail();
}

/* Escapes, surrogate pairs and white space are understood. */
static void accepts(void **state)
{
    char seen[512];
    (void)state;
    assert_int_equal(read("{}", seen), PN_OK);
    assert_int_equal(
        read(" { \"a\" : { \"b\" : null , \"c\":true } }\r\n", seen), PN_OK);
    assert_string_equal(seen, "a.b=null;a.c=yes;");
    assert_int_equal(
        read("{\"t\":\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\/\\t\"}", seen),
        PN_OK);
    assert_string_equal(seen, "t='A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80/\t';");
    assert_int_equal(read("{\"n\":-9223372036854775808,\"m\":0}", seen), PN_OK);
}

/* Everything else is refused. */
static void refuses(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "}",
        "[]",
        "1",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,\"a\":1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":[1]}",
        "{\"a\":1.5}",
        "{\"a\":1e3}",
        "{\"a\":01}",
        "{\"a\":-}",
        "{\"a\":+1}",
        "{\"a\":9223372036854775808}",
        "{\"a\":-9223372036854775809}",
        "{\"a\":\"x}",
        "{\"a\":\"\\q\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\udc00\"}",
        "{\"a\":\"\\ud800\\u0041\"}",
        "{\"a\":\"\n\"}",
        "{\"A\":1}",
        "{\"a{\":1}",
        "{\"a:\":1}",
        "{\"a`\":1}",
        "{\"a/\":1}",
        "{\"a\":\"\\u00g0\"}",
        "{\"a\":\"\\u00@0\"}",
        "{\"a\":\"\\ud83dx\"}",
        "{\"a\":\"\\ud83d\\n\"}",
        "{\"a\":\"\\ud83d\\ue000\"}",
        "{\"a.b\":1}",
        "{\"\":1}",
        "{\"a\":tru}",
        "{\"a\":1}x",
        "{\"a\":{\"b\":1}",
        "{\"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddX\":1}",
    };
    char seen[512];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(read(bad[i], seen), PN_E_PROTO);
    assert_int_equal(read("{\"a\":{\"b\":{\"c\":{\"d\":1}}}}", seen), PN_OK);
    assert_int_equal(read("{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":1}}}}}", seen),
                     PN_E_FULL);
}

/* A text and a path at their bounds, and past them: in every way a character
 * can be written, one too many is one too many. */
static void bounds_are_bounds(void **state)
{
    static const struct {
        const char *written;
        size_t len; /* of what it stands for */
    } one[] = { { "x", 1 },
                { "\\n", 1 },
                { "\\u00E9", 2 },
                { "\\u20aC", 3 },
                { "\\ud83d\\ude00", 4 } };
    static char line[8 * PN_JSON_TEXT_MAX], seen[512];
    (void)state;
    for (size_t i = 0; i < sizeof one / sizeof one[0]; i++) {
        for (size_t room = 0; room < one[i].len + 2; room++) {
            const size_t before = PN_JSON_TEXT_MAX - 1 - room;
            pn_err err;
            (void)snprintf(line, sizeof line, "{\"n\":{\"m\":\"");
            memset(line + strlen(line) + before, 0, 1);
            memset(line + strlen("{\"n\":{\"m\":\""), 'y', before);
            (void)snprintf(line + strlen(line), 64, "%s\"}}", one[i].written);
            err =
                pn_json_read((pn_bytes){ (const uint8_t *)line, strlen(line) },
                             ignore, NULL);
            assert_int_equal(err, room >= one[i].len ? PN_OK : PN_E_FULL);
        }
    }
    (void)snprintf(line, sizeof line,
                   "{\"%.40s\":{\"%.40s\":{\"%.40s\":{\"%.40s\":1}}}}", NAME40,
                   NAME40, NAME40, NAME40);
    assert_int_equal(read(line, seen), PN_E_FULL);
}

/* An input that ends in the middle of anything is malformed. */
static void cut_anywhere_is_refused(void **state)
{
    static const char whole[] =
        "{\"a\":\"\\u00e9\\ud83d\\ude00\\n\",\"b\":{\"c\":-12,"
        "\"d\":null,\"e\":true,\"f\":false}}";
    char seen[512];
    (void)state;
    assert_int_equal(read(whole, seen), PN_OK);
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        seen[0] = 0;
        assert_int_equal(pn_json_read((pn_bytes){ (const uint8_t *)whole, len },
                                      collect, seen),
                         PN_E_PROTO);
    }
}

/* The visitor's word is final. */
static pn_err stop(void *ctx, const pn_json_leaf *leaf)
{
    (void)ctx;
    return strcmp(leaf->path, "b") == 0 ? PN_E_STATE : PN_OK;
}

static void visitor_may_stop(void **state)
{
    (void)state;
    assert_int_equal(
        pn_json_read(PN_BYTES_LIT("{\"a\":1,\"b\":2,"), stop, NULL),
        PN_E_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writing_and_reading_agree),
        cmocka_unit_test(broken_utf8_is_replaced),
        cmocka_unit_test(whole_utf8_is_kept),
        cmocka_unit_test(full_leaves_an_empty_line),
        cmocka_unit_test(accepts),
        cmocka_unit_test(refuses),
        cmocka_unit_test(bounds_are_bounds),
        cmocka_unit_test(cut_anywhere_is_refused),
        cmocka_unit_test(visitor_may_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
