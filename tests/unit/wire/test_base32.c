#include "tests/support/cmocka.h"

#include <string.h>

#include "proto/wire/base32.h"

static pn_bytes text_of(const char *s)
{
    return (pn_bytes){ (const uint8_t *)s, strlen(s) };
}

/* RFC 4648 section 10, lowered and without padding, both ways. */
static void rfc_vectors_pass(void **state)
{
    static const struct {
        const char *plain, *coded;
    } v[] = {
        { "", "" },
        { "f", "my" },
        { "fo", "mzxq" },
        { "foo", "mzxw6" },
        { "foob", "mzxw6yq" },
        { "fooba", "mzxw6ytb" },
        { "foobar", "mzxw6ytboi" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        const size_t len = strlen(v[i].plain);
        char out[32];
        uint8_t back[8];
        pn_base32_encode(out, text_of(v[i].plain));
        assert_string_equal(out, v[i].coded);
        assert_int_equal(PN_BASE32_LEN(len), strlen(v[i].coded));
        assert_int_equal(pn_base32_decode(back, len, text_of(out)), PN_OK);
        assert_memory_equal(back, v[i].plain, len);
    }
}

/* Every 5-bit value has its own character, and comes back. */
static void every_value_has_its_character(void **state)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    (void)state;
    for (unsigned v = 0; v < 256; v++) {
        const uint8_t b = (uint8_t)v;
        char out[8];
        uint8_t back;
        pn_base32_encode(out, (pn_bytes){ &b, 1 });
        assert_int_equal(out[0], alphabet[v >> 3]);
        assert_int_equal(out[1], alphabet[(v & 7) << 2]);
        assert_int_equal(pn_base32_decode(&back, 1, text_of(out)), PN_OK);
        assert_int_equal(back, v);
    }
}

/* Exactly the 32 characters are accepted, at any place. */
static void other_characters_are_refused(void **state)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        for (size_t at = 0; at < 8; at++) {
            uint8_t text[8], out[5];
            const pn_err want =
                c != 0 && strchr(alphabet, (int)c) != NULL ? PN_OK : PN_E_PROTO;
            memset(text, 'a', sizeof text);
            text[at] = (uint8_t)c;
            assert_int_equal(pn_base32_decode(out, 5, (pn_bytes){ text, 8 }),
                             want);
        }
    }
}

/* Bits that stand for nothing must be zero, else two texts name one value. */
static void trailing_bits_must_be_zero(void **state)
{
    uint8_t out[8] = { 1, 1, 1, 1 };
    (void)state;
    assert_int_equal(pn_base32_decode(out, 1, text_of("mz")), PN_E_PROTO);
    assert_int_equal(out[0], 0);
    assert_int_equal(pn_base32_decode(out, 2, text_of("mzxr")), PN_E_PROTO);
    assert_int_equal(pn_base32_decode(out, 3, text_of("mzxw7")), PN_E_PROTO);
    assert_int_equal(pn_base32_decode(out, 4, text_of("mzxw6yr")), PN_E_PROTO);
}

/* A text of any other length is refused, padding included. */
static void wrong_length_is_refused(void **state)
{
    uint8_t out[8];
    (void)state;
    assert_int_equal(pn_base32_decode(out, 1, text_of("")), PN_E_PROTO);
    assert_int_equal(pn_base32_decode(out, 1, text_of("m")), PN_E_PROTO);
    assert_int_equal(pn_base32_decode(out, 1, text_of("mya")), PN_E_PROTO);
    assert_int_equal(pn_base32_decode(out, 1, text_of("my======")), PN_E_PROTO);
    assert_int_equal(pn_base32_decode(out, 0, text_of("a")), PN_E_PROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_vectors_pass),
        cmocka_unit_test(every_value_has_its_character),
        cmocka_unit_test(other_characters_are_refused),
        cmocka_unit_test(trailing_bits_must_be_zero),
        cmocka_unit_test(wrong_length_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
