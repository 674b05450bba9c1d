#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "proto/wire/msg.h"
#include "tests/support/faults.h"

enum { FRAME = 65536 };

static pn_err decode_hex(const char *hex)
{
    uint8_t raw[128];
    const size_t len = strlen(hex) / 2;
    pn_msg_scratch s;
    pn_msg out;
    pn_err err;
    assert_true(len <= sizeof raw);
    assert_int_equal(pn_unhex(raw, len, hex), PN_OK);
    pn_msg_scratch_init(&s);
    err = pn_msg_decode(&out, &s, (pn_bytes){ raw, len });
    pn_msg_scratch_release(&s);
    return err;
}

/* Frames a careless decoder would let pass, each wrong in one way. */
static void one_wrong_byte_is_enough(void **state)
{
    static const char *const bad[] = {
        "",               /* nothing */
        "0801",           /* no body */
        "8201040a026869", /* no id */
        "08018201000801", /* id twice */
        "080182010012",   /* required data missing, junk after */
        "0801820100",     /* Ping without data */
        "0801820105"
        "0a02686900", /* byte after the field inside */
        "0801820104"
        "0a02686900", /* byte after the end */
        "0801820104"
        "0a0268", /* cut */
        "0801820104"
        "0a036869", /* inner length past the end */
        "0801820105"
        "0a026869", /* outer length past the end */
        "880100820104"
        "0a026869", /* id in two bytes, overlong */
        "08818000820104"
        "0a026869", /* id 1 in three bytes, overlong */
        "088100820104"
        "0a026869",           /* id 1 in two bytes, overlong */
        "82010a0a0268690801", /* body length swallows the id */
        "8201040a0268690801", /* body before id */
        "0801820104"
        "0a026869"
        "9a0100", /* two bodies */
        "0801820104"
        "0a026869"
        "820104"
        "0a026869", /* body twice */
        "0801820108"
        "0a0268690a026869", /* data twice */
        "0801820107"
        "0a026869120161", /* unknown field inside */
        "0801820104"
        "0a026869"
        "10"
        "01", /* unknown field 2 */
        "0801820104"
        "0a026869"
        "f83f01",     /* unknown field 1023 */
        "0801b20100", /* unknown command 22 */
        "0801920102"
        "0801",             /* InfoRequest with content */
        "0d01000000920100", /* id as fixed32 */
        "09010000000000000092"
        "0100", /* id as fixed64 */
        "0801920100"
        "0b", /* group start */
        "0800a2010208"
        "00", /* Bye reason 0 */
        "0800a2010208"
        "06", /* Bye reason 6 */
        "0800a2010b08"
        "81808080808080808001", /* reason 1 + 2^63 */
        "0800a2010608"
        "8180808010", /* reason 1 + 2^32 */
        "0801a2010208"
        "02",         /* Bye with an id */
        "0800a20100", /* Bye without reason */
        "0809aa010408"
        "0310"
        "00"
        "00", /* byte after Error's fields */
        "0809aa010208"
        "03", /* Error without retry */
        "0809aa010410"
        "000803", /* Error's fields swapped */
        "0809aa010408"
        "0510"
        "00", /* Error code 5 */
        "0809aa010708"
        "0310"
        "808c8da102", /* retry above a week */
        "0800aa010408"
        "0310"
        "00", /* Error for nobody */
        "00",
        "ff",
        "ffffffffffffffffffffff",
    };
    (void)state;
    assert_int_equal(decode_hex("08018201040a026869"), PN_OK);
    assert_int_equal(decode_hex("0809aa0104080310"
                                "00"),
                     PN_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const pn_err err = decode_hex(bad[i]);
        if (err != PN_E_PROTO)
            print_error("frame %s: %s\n", bad[i], pn_strerror(err));
        assert_int_equal(err, PN_E_PROTO);
    }
}

/* Any strict prefix of a good frame is refused. */
static void every_cut_is_refused(void **state)
{
    static const char hex[] = "0809aa0105080310dc0b";
    char cut[sizeof hex];
    (void)state;
    for (size_t len = 0; len + 2 < sizeof hex; len += 2) {
        memcpy(cut, hex, len);
        cut[len] = '\0';
        assert_int_equal(decode_hex(cut), PN_E_PROTO);
    }
    assert_int_equal(decode_hex(hex), PN_OK);
}

/* Fill a frame with `unit` over and over after a good beginning. */
static pn_bytes flood(uint8_t *raw, pn_bytes unit)
{
    pn_out out = pn_out_over(raw, FRAME);
    pn_put_u8(&out, 0x08);
    pn_put_u8(&out, 0x01);
    while (out.cap - out.len >= unit.len)
        pn_put(&out, unit);
    return pn_out_view(&out);
}

static size_t taken(const pn_msg_scratch *s)
{
    return s->arena.used;
}

/* A 64 KiB frame of small pieces cannot take more than its own length and the
 * slack, whatever the pieces are. */
static void floods_stay_under_the_cap(void **state)
{
    const struct {
        const char *what;
        pn_bytes unit;
    } v[] = {
        { "empty InfoRequest", PN_BYTES_LIT("\x92\x01\x00") },
        { "empty Ping", PN_BYTES_LIT("\x82\x01\x00") },
        { "Ping with data", PN_BYTES_LIT("\x82\x01\x02\x0a\x00") },
        { "Info with one field", PN_BYTES_LIT("\x9a\x01\x02\x0a\x00") },
        { "two kinds", PN_BYTES_LIT("\x82\x01\x02\x0a\x00\x92\x01\x00") },
        { "id", PN_BYTES_LIT("\x08\x01") },
        { "unknown varint", PN_BYTES_LIT("\x10\x01") },
        { "unknown empty bytes", PN_BYTES_LIT("\x12\x00") },
        { "unknown high field", PN_BYTES_LIT("\xfa\xff\xff\xff\x0f\x00") },
        { "unknown fixed", PN_BYTES_LIT("\x15\x00\x00\x00\x00") },
    };
    uint8_t *raw = malloc(FRAME);
    pn_msg_scratch s;
    (void)state;
    assert_non_null(raw);
    pn_msg_scratch_init(&s);
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        const pn_bytes frame = flood(raw, v[i].unit);
        pn_msg out;
        assert_int_equal(pn_msg_decode(&out, &s, frame), PN_E_PROTO);
        assert_true(taken(&s) <= frame.len + PN_MSG_SLACK);
    }
    pn_msg_scratch_release(&s);
    free(raw);
}

/* Only a system without memory is PN_E_NOMEM, and the next decode works. */
static void failing_allocation_is_told_apart(void **state)
{
    uint8_t *raw = malloc(FRAME);
    pn_bytes frame;
    pn_msg_scratch s;
    pn_msg out;
    unsigned n, failures = 0;
    (void)state;
    assert_non_null(raw);
    pn_msg_scratch_init(&s);
    frame = flood(raw, PN_BYTES_LIT("\x82\x01\x02\x0a\x00"));
    for (n = 1; faults_arm(n); n++) {
        const pn_err err = pn_msg_decode(&out, &s, frame);
        if (!faults_hit()) {
            assert_int_equal(err, PN_E_PROTO);
            break;
        }
        assert_int_equal(err, PN_E_NOMEM);
        failures++;
    }
    assert_true(failures > 0);
    pn_msg_scratch_release(&s);
    free(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_wrong_byte_is_enough),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(floods_stay_under_the_cap),
        cmocka_unit_test(failing_allocation_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
