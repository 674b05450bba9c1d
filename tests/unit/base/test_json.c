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

/* Bytes that are no UTF-8 leave as the replacement character. */
static void broken_utf8_is_replaced(void **state)
{
    static const char *const broken[] = { "\xff",         "\xc0\x80",
                                          "\xed\xa0\x80", "\xf5\x80\x80\x80",
                                          "\xe2\x82",     "\x80" };
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
        cmocka_unit_test(full_leaves_an_empty_line),
        cmocka_unit_test(accepts),
        cmocka_unit_test(refuses),
        cmocka_unit_test(visitor_may_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
