#include "tests/support/cmocka.h"

#include <string.h>

#include "proto/base/bytes.h"

static const uint8_t wire[] = { 1,  2,  3,  4,  5,  6,  7,   8,  9,
                                10, 11, 12, 13, 14, 15, 'x', 'y' };

/* Integers are read big-endian, in order, to the exact end. */
static void integers_are_big_endian(void **state)
{
    pn_bytes in = { wire, sizeof wire };
    pn_bytes tail = { 0 };
    uint8_t a;
    uint16_t b;
    uint32_t c;
    uint64_t d;
    (void)state;
    assert_int_equal(pn_take_u8(&in, &a), PN_OK);
    assert_int_equal(pn_take_u16(&in, &b), PN_OK);
    assert_int_equal(pn_take_u32(&in, &c), PN_OK);
    assert_int_equal(pn_take_u64(&in, &d), PN_OK);
    assert_int_equal(a, 1);
    assert_int_equal(b, 0x0203);
    assert_int_equal(c, 0x04050607);
    assert_true(d == 0x08090a0b0c0d0e0fU);
    assert_int_equal(pn_take_end(&in), PN_E_PROTO);
    assert_int_equal(pn_take(&in, 2, &tail), PN_OK);
    assert_memory_equal(tail.p, "xy", 2);
    assert_int_equal(pn_take_end(&in), PN_OK);
}

/* A field that is cut anywhere is PN_E_SHORT and consumes nothing. */
static void short_input_consumes_nothing(void **state)
{
    (void)state;
    for (size_t len = 0; len < 8; len++) {
        pn_bytes in = { wire, len };
        uint64_t v = 42;
        uint8_t copy[8] = { 0 };
        assert_int_equal(pn_take_u64(&in, &v), PN_E_SHORT);
        assert_int_equal(pn_take_copy(&in, copy, 8), PN_E_SHORT);
        assert_int_equal(in.len, len);
        assert_ptr_equal(in.p, wire);
        assert_true(v == 42);
    }
}

/* A writer that overflows stays failed and writes nothing past its bound. */
static void overflow_sticks(void **state)
{
    uint8_t mem[8];
    pn_out out = pn_out_over(mem, 5);
    (void)state;
    memset(mem, 0xee, sizeof mem);
    pn_put_u32(&out, 0x01020304);
    pn_put_u16(&out, 0xffff);
    pn_put_u8(&out, 9);
    assert_int_equal(pn_out_err(&out), PN_E_FULL);
    assert_int_equal(pn_out_view(&out).len, 4);
    assert_int_equal(mem[4], 0xee);
    assert_int_equal(mem[5], 0xee);
}

/* What is written is read back the same. */
static void writes_read_back(void **state)
{
    uint8_t mem[64];
    pn_out out = pn_out_over(mem, sizeof mem);
    pn_bytes in, text;
    uint64_t v64;
    uint32_t v32;
    uint16_t v16;
    (void)state;
    pn_put_u16(&out, 0xbeef);
    pn_put_u32(&out, 0xdeadbeef);
    pn_put_u64(&out, 0x0123456789abcdefU);
    pn_put(&out, PN_BYTES_LIT("door"));
    pn_put_zeros(&out, 3);
    assert_int_equal(pn_out_err(&out), PN_OK);
    in = pn_out_view(&out);
    assert_int_equal(pn_take_u16(&in, &v16), PN_OK);
    assert_int_equal(pn_take_u32(&in, &v32), PN_OK);
    assert_int_equal(pn_take_u64(&in, &v64), PN_OK);
    assert_int_equal(pn_take(&in, 4, &text), PN_OK);
    assert_int_equal(v16, 0xbeef);
    assert_true(v32 == 0xdeadbeefU && v64 == 0x0123456789abcdefU);
    assert_true(pn_bytes_equal(text, PN_BYTES_LIT("door")));
    assert_int_equal(pn_take_zeros(&in), PN_OK);
    assert_int_equal(pn_take_end(&in), PN_OK);
}

/* One non-zero byte anywhere in the padding is refused. */
static void padding_must_be_zero(void **state)
{
    (void)state;
    for (size_t i = 0; i < 9; i++) {
        uint8_t pad[9] = { 0 };
        pn_bytes in = { pad, sizeof pad };
        pad[i] = 0x80;
        assert_int_equal(pn_take_zeros(&in), PN_E_PROTO);
    }
}

static void hex_round_trips_and_refuses(void **state)
{
    char hex[2 * sizeof wire + 1];
    uint8_t back[sizeof wire];
    (void)state;
    pn_hex(hex, (pn_bytes){ wire, sizeof wire });
    assert_int_equal(pn_unhex(back, sizeof back, hex), PN_OK);
    assert_memory_equal(back, wire, sizeof wire);
    assert_int_equal(pn_unhex(back, 2, "aBCd"), PN_OK);
    assert_int_equal(pn_unhex(back, 2, "abc"), PN_E_PROTO);
    assert_int_equal(pn_unhex(back, 2, "abcg"), PN_E_PROTO);
    assert_int_equal(pn_unhex(back, 2, "abcde"), PN_E_PROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_big_endian),
        cmocka_unit_test(short_input_consumes_nothing),
        cmocka_unit_test(overflow_sticks),
        cmocka_unit_test(writes_read_back),
        cmocka_unit_test(padding_must_be_zero),
        cmocka_unit_test(hex_round_trips_and_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
