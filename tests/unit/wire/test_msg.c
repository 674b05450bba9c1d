#include "tests/support/cmocka.h"

#include <string.h>

#include "proto/wire/msg.h"
#include "proto/wire/version.h"
#include "tests/support/faults.h"

static const uint8_t zeros[PN_PING_MAX + 1];

static pn_msg sample_info(void)
{
    return (pn_msg){ .id = 7,
                     .kind = PN_MSG_INFO,
                     .u.info = { .software = PN_BYTES_LIT(PN_SOFTWARE_NAME),
                                 .version = PN_BYTES_LIT(PN_SOFTWARE_VERSION),
                                 .protocol = PN_PROTOCOL_VERSION,
                                 .wall_ms = 1767225600000U,
                                 .frame_max = 131072,
                                 .features = 1 } };
}

/* What PROTOCOL.md shows, byte for byte, both ways. */
static void documented_examples_hold(void **state)
{
    static const struct {
        pn_msg msg;
        const char *hex;
    } v[] = {
        { { .id = 1,
            .kind = PN_MSG_PING,
            .u.ping.data = { (const uint8_t *)"hi", 2 } },
          "0801820104"
          "0a026869" },
        { { .id = 1,
            .kind = PN_MSG_PONG,
            .u.ping.data = { (const uint8_t *)"hi", 2 } },
          "08018a0104"
          "0a026869" },
        { { .id = 2, .kind = PN_MSG_PING }, "08028201020a00" },
        { { .id = 300, .kind = PN_MSG_INFO_REQUEST }, "08ac02920100" },
        { { .id = 0, .kind = PN_MSG_BYE, .u.bye.reason = PN_BYE_SHUTDOWN },
          "0800a201020802" },
        { { .id = 9, .kind = PN_MSG_ERROR, .u.error = { PN_ERROR_BUSY, 1500 } },
          "0809aa0105080310dc0b" },
    };
    pn_msg_scratch s;
    (void)state;
    pn_msg_scratch_init(&s);
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        uint8_t raw[64];
        const size_t len = strlen(v[i].hex) / 2;
        pn_out out = pn_out_over(raw, sizeof raw);
        uint8_t want[64];
        pn_msg got;
        assert_int_equal(pn_unhex(want, len, v[i].hex), PN_OK);
        assert_int_equal(pn_msg_encode(&out, &v[i].msg), PN_OK);
        assert_int_equal(out.len, len);
        assert_memory_equal(raw, want, len);
        assert_int_equal(pn_msg_decode(&got, &s, pn_out_view(&out)), PN_OK);
        assert_true(pn_msg_equal(&got, &v[i].msg));
    }
    pn_msg_scratch_release(&s);
}

/* Info comes back with every field, without a heap allocation. */
static void info_round_trips(void **state)
{
    uint8_t raw[PN_MSG_SMALL_MAX];
    pn_out out = pn_out_over(raw, sizeof raw);
    const pn_msg info = sample_info();
    pn_msg_scratch s;
    pn_msg got;
    (void)state;
    pn_msg_scratch_init(&s);
    assert_int_equal(pn_msg_encode(&out, &info), PN_OK);
    assert_true(faults_arm(1));
    assert_int_equal(pn_msg_decode(&got, &s, pn_out_view(&out)), PN_OK);
    assert_false(faults_hit());
    assert_true(pn_msg_equal(&got, &info));
    pn_msg_scratch_release(&s);
}

/* The largest of each kind fits PN_MSG_SMALL_MAX, and nothing is written when
 * one byte is missing. */
static void largest_messages_fit(void **state)
{
    uint8_t raw[PN_MSG_SMALL_MAX], text[PN_SOFTWARE_MAX];
    pn_msg big[2] = { sample_info(),
                      { .id = UINT64_MAX,
                        .kind = PN_MSG_PING,
                        .u.ping.data = { zeros, PN_PING_MAX } } };
    (void)state;
    memset(text, 'x', sizeof text);
    big[0].id = UINT64_MAX;
    big[0].u.info = (pn_msg_info){ .software = { text, sizeof text },
                                   .version = { text, sizeof text },
                                   .protocol = UINT32_MAX,
                                   .wall_ms = UINT64_MAX,
                                   .frame_max = UINT32_MAX,
                                   .features = UINT64_MAX };
    for (size_t i = 0; i < 2; i++) {
        pn_out out = pn_out_over(raw, sizeof raw), tight;
        assert_int_equal(pn_msg_encode(&out, &big[i]), PN_OK);
        tight = pn_out_over(raw, out.len - 1);
        assert_int_equal(pn_msg_encode(&tight, &big[i]), PN_E_FULL);
        assert_int_equal(tight.len, 0);
    }
}

/* A message that breaks its rules is neither encoded nor accepted. */
static void rules_are_kept(void **state)
{
    uint8_t raw[PN_MSG_SMALL_MAX];
    pn_msg bad[16];
    size_t n = 0;
    (void)state;
    bad[n++] = (pn_msg){ .id = 0, .kind = PN_MSG_PING };
    bad[n++] = (pn_msg){ .id = 0, .kind = PN_MSG_INFO_REQUEST };
    bad[n++] = (pn_msg){ .id = 1,
                         .kind = PN_MSG_PONG,
                         .u.ping.data = { zeros, PN_PING_MAX + 1 } };
    bad[n++] =
        (pn_msg){ .id = 1, .kind = PN_MSG_BYE, .u.bye.reason = PN_BYE_DONE };
    bad[n++] = (pn_msg){ .id = 0, .kind = PN_MSG_BYE };
    bad[n++] = (pn_msg){ .id = 1, .kind = PN_MSG_ERROR };
    bad[n++] = (pn_msg){ .id = 1,
                         .kind = PN_MSG_ERROR,
                         .u.error = { PN_ERROR_BUSY, PN_RETRY_AFTER_MAX + 1 } };
    for (size_t i = 0; i < 6; i++) {
        bad[n] = sample_info();
        if (i == 0)
            bad[n].u.info.software.len = 0;
        else if (i == 1)
            bad[n].u.info.version = PN_BYTES_LIT("1.0 beta");
        else if (i == 2)
            bad[n].u.info.version = PN_BYTES_LIT("\x1b[2J");
        else if (i == 3)
            bad[n].u.info.protocol = 0;
        else if (i == 4)
            bad[n].u.info.frame_max = 0;
        else
            bad[n].id = 0;
        n++;
    }
    for (size_t i = 0; i < n; i++) {
        pn_out out = pn_out_over(raw, sizeof raw);
        assert_false(pn_msg_ok(&bad[i]));
        assert_int_equal(pn_msg_encode(&out, &bad[i]), PN_E_ARG);
        assert_int_equal(out.len, 0);
    }
}

/* Messages differ when any one field does. */
static void equality_sees_every_field(void **state)
{
    const pn_msg a = sample_info();
    pn_msg b;
    (void)state;
    for (int i = 0; i < 8; i++) {
        b = a;
        switch (i) {
        case 0:
            b.id++;
            break;
        case 1:
            b.kind = PN_MSG_PING;
            break;
        case 2:
            b.u.info.software = PN_BYTES_LIT("other");
            break;
        case 3:
            b.u.info.version = PN_BYTES_LIT("9");
            break;
        case 4:
            b.u.info.protocol++;
            break;
        case 5:
            b.u.info.wall_ms++;
            break;
        case 6:
            b.u.info.frame_max++;
            break;
        default:
            b.u.info.features++;
            break;
        }
        assert_false(pn_msg_equal(&a, &b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documented_examples_hold),
        cmocka_unit_test(info_round_trips),
        cmocka_unit_test(largest_messages_fit),
        cmocka_unit_test(rules_are_kept),
        cmocka_unit_test(equality_sees_every_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
