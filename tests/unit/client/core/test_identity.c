#include "tests/support/cmocka.h"

#include <string.h>

#include "client/core/bundle.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"
#include "tests/support/simenv.h"

static simenv sim;
static pn_env env;

static int setup(void **state)
{
    (void)state;
    simenv_init(&sim, 3);
    env = simenv_env(&sim);
    return 0;
}

static void an_identity_survives_storing(void **state)
{
    cl_identity a, b;
    uint8_t secret[CL_IDENTITY_SECRET_BYTES];
    (void)state;
    assert_int_equal(cl_identity_new(&a, &env), PN_OK);
    cl_identity_secret(secret, &a);
    cl_identity_from_secret(&b, secret);
    assert_memory_equal(&a, &b, sizeof a);
    cl_identity_wipe(&a);
    for (size_t i = 0; i < sizeof a; i++)
        assert_int_equal(((const uint8_t *)&a)[i], 0);
    sim.random_fails = true;
    assert_int_equal(cl_identity_new(&a, &env), PN_E_RANDOM);
    sim.random_fails = false;
}

/* One key cannot be swapped under the other's name. */
static void the_binding_binds(void **state)
{
    cl_identity a, b;
    uint8_t wire[CL_IDENTITY_PUBLIC_BYTES];
    cl_identity_public got;
    pn_bytes in;
    pn_out o;
    (void)state;
    assert_int_equal(cl_identity_new(&a, &env), PN_OK);
    assert_int_equal(cl_identity_new(&b, &env), PN_OK);
    o = pn_out_over(wire, sizeof wire);
    cl_identity_put(&o, &a.pub);
    for (size_t bit = 0; bit < sizeof wire * 8; bit++) {
        wire[bit / 8] ^= (uint8_t)(1U << bit % 8);
        in = (pn_bytes){ wire, sizeof wire };
        assert_int_equal(cl_identity_take(&in, &got), PN_E_CRYPTO);
        wire[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    memcpy(wire + 32, b.pub.dh_pk, 32);
    in = (pn_bytes){ wire, sizeof wire };
    assert_int_equal(cl_identity_take(&in, &got), PN_E_CRYPTO);
    in.len--;
    assert_int_equal(cl_identity_take(&in, &got), PN_E_SHORT);
}

static void safety_numbers_are_the_same_on_both_sides(void **state)
{
    cl_identity p[3];
    char ab[CL_SAFETY_DIGITS + 1], ba[CL_SAFETY_DIGITS + 1],
        ac[CL_SAFETY_DIGITS + 1];
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(cl_identity_new(&p[i], &env), PN_OK);
    cl_safety_number(ab, &p[0].pub, &p[1].pub);
    cl_safety_number(ba, &p[1].pub, &p[0].pub);
    cl_safety_number(ac, &p[0].pub, &p[2].pub);
    assert_int_equal(strlen(ab), 60);
    assert_int_equal(strspn(ab, "0123456789"), 60);
    assert_string_equal(ab, ba);
    assert_string_not_equal(ab, ac);
}

static bool text_ok(const char *s)
{
    return pn_text_ok((pn_bytes){ (const uint8_t *)s, strlen(s) });
}

static bool line_ok(const char *s)
{
    return pn_line_ok((pn_bytes){ (const uint8_t *)s, strlen(s) });
}

static void only_utf8_is_text(void **state)
{
    static const char *const bad[] = {
        "\x80",         "\xc0\x80",         "\xc1\xbf",         "\xc3",
        "\xe0\x80\x80", "\xe0\x9f\xbf",     "\xed\xa0\x80",     "\xe2\x82",
        "\xf5\x80\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xff",
        "a\xc3(",       "\xe2(\xa1",        "\xf0\x9f\x98",
    };
    (void)state;
    assert_true(text_ok(""));
    assert_true(text_ok("Grüße, 世界 \xf0\x9f\x98\x80\n\ttab"));
    assert_true(text_ok("\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"
                        "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"));
    assert_false(pn_text_ok((pn_bytes){ (const uint8_t *)"a\0b", 3 }));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(text_ok(bad[i]));
    assert_true(line_ok("Zoë \xd9\x85"));
    assert_false(line_ok("two\nlines"));
    assert_false(line_ok("\x1b[31m"));
    assert_false(line_ok("\x7f"));
    assert_false(line_ok("\xc2\x9b"));                /* C1 */
    assert_false(line_ok("gpj.\xe2\x80\xae"));        /* U+202E */
    assert_false(line_ok("\xe2\x81\xa6"));            /* U+2066 */
    assert_true(line_ok("\xe2\x80\xa9\xe2\x80\xaf")); /* their neighbours */
}

static cl_bundle an_example(cl_bundle_kind kind)
{
    return (cl_bundle){ .kind = kind,
                        .created_ms = sim.wall_ms,
                        .expires_ms = sim.wall_ms + 1000,
                        .name = "Bob" };
}

/* A bundle signed by its owner is believed; with any bit changed it is not. */
static void a_bundle_is_whole_or_refused(void **state)
{
    static uint8_t wire[CL_BUNDLE_MAX + 1];
    cl_identity me;
    cl_prekeys keys;
    cl_bundle got;
    (void)state;
    assert_int_equal(cl_identity_new(&me, &env), PN_OK);
    for (int kind = 1; kind <= 3; kind++) {
        cl_bundle b = an_example((cl_bundle_kind)kind);
        size_t len;
        assert_int_equal(
            cl_bundle_make(&b, &keys, &env, &me, wire, CL_BUNDLE_MAX, &len),
            PN_OK);
        assert_int_equal(cl_bundle_parse(&got, (pn_bytes){ wire, len }), PN_OK);
        assert_int_equal(got.kind, kind);
        assert_memory_equal(got.hash, keys.bundle_hash, 32);
        for (size_t i = 0; i < len; i++) {
            wire[i] ^= (uint8_t)(1U << i % 8);
            assert_true(cl_bundle_parse(&got, (pn_bytes){ wire, len }) < PN_OK);
            wire[i] ^= (uint8_t)(1U << i % 8);
        }
        for (size_t cut = 0; cut < len; cut += 7)
            assert_true(cl_bundle_parse(&got, (pn_bytes){ wire, cut }) < PN_OK);
        wire[len] = 0;
        assert_true(cl_bundle_parse(&got, (pn_bytes){ wire, len + 1 }) < PN_OK);
        assert_int_equal(
            cl_bundle_make(&b, &keys, &env, &me, wire, len - 1, &len),
            PN_E_FULL);
    }
}

static void a_bad_bundle_is_not_made(void **state)
{
    static uint8_t wire[CL_BUNDLE_MAX];
    static const uint8_t zeros[32];
    cl_identity me;
    cl_prekeys keys;
    cl_bundle b = an_example(CL_BUNDLE_INVITATION);
    size_t len;
    (void)state;
    assert_int_equal(cl_identity_new(&me, &env), PN_OK);
    b.queue_count = CL_QUEUES_MAX + 1;
    assert_int_equal(
        cl_bundle_make(&b, &keys, &env, &me, wire, sizeof wire, &len),
        PN_E_ARG);
    b = an_example(CL_BUNDLE_INVITATION);
    b.name[0] = '\n';
    assert_int_equal(
        cl_bundle_make(&b, &keys, &env, &me, wire, sizeof wire, &len),
        PN_E_ARG);
    b = an_example(CL_BUNDLE_INVITATION);
    sim.random_fails = true;
    assert_int_equal(
        cl_bundle_make(&b, &keys, &env, &me, wire, sizeof wire, &len),
        PN_E_RANDOM);
    assert_int_equal(len, 0);
    assert_memory_equal(keys.signed_prekey_sk, zeros, 32);
    sim.random_fails = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_identity_survives_storing),
        cmocka_unit_test(the_binding_binds),
        cmocka_unit_test(safety_numbers_are_the_same_on_both_sides),
        cmocka_unit_test(only_utf8_is_text),
        cmocka_unit_test(a_bundle_is_whole_or_refused),
        cmocka_unit_test(a_bad_bundle_is_not_made),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
