/* The checksum with the processor's instruction is the one without it. */
#include "relay/store/crc32c.h"

#include <string.h>

#include "tests/support/cmocka.h"

enum { LONG = 5000 };

static uint8_t bytes[LONG + 16];

static void fill(void)
{
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i >> 3 ^ i);
}

/* RFC 3720 appendix B.4, and the check value every table of CRCs gives. */
static void knows_the_published_values(void **state)
{
    uint8_t data[32] = { 0 };
    (void)state;
    assert_int_equal(rl_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(rl_crc32c(0, data, sizeof data), 0x8a9136aa);
    memset(data, 0xff, sizeof data);
    assert_int_equal(rl_crc32c(0, data, sizeof data), 0x62a8ab43);
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)i;
    assert_int_equal(rl_crc32c(0, data, sizeof data), 0x46dd794e);
    assert_int_equal(rl_crc32c_portable(0, data, sizeof data), 0x46dd794e);
}

/* Every length up to several rounds of lanes, wherever it begins. */
static void agrees_at_every_length(void **state)
{
    (void)state;
    fill();
    for (size_t len = 0; len <= LONG; len++) {
        const uint8_t *p = bytes + len % 16;
        const uint32_t from = (uint32_t)len * 2654435761U;
        assert_int_equal(rl_crc32c(from, p, len),
                         rl_crc32c_portable(from, p, len));
    }
}

/* It goes on from where it stopped. */
static void goes_on_after_any_cut(void **state)
{
    const uint32_t whole = rl_crc32c_portable(0, bytes, 1600);
    (void)state;
    for (size_t cut = 0; cut <= 1600; cut++)
        assert_int_equal(
            rl_crc32c(rl_crc32c(0, bytes, cut), bytes + cut, 1600 - cut),
            whole);
}

/* A change of one bit shows, in whichever lane it is. */
static void sees_every_bit(void **state)
{
    const uint32_t was = rl_crc32c(0, bytes, 900);
    (void)state;
    for (size_t bit = 0; bit < 8 * (size_t)900; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_not_equal(rl_crc32c(0, bytes, 900), was);
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_published_values),
        cmocka_unit_test(agrees_at_every_length),
        cmocka_unit_test(goes_on_after_any_cut),
        cmocka_unit_test(sees_every_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
