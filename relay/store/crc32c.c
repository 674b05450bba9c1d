#include "relay/store/crc32c.h"

#include <string.h>

/* Sixteen entries, one per half byte: small, and only used where there is no
 * instruction. Remainders of the reflected polynomial 0x82f63b78. */
uint32_t rl_crc32c_portable(uint32_t crc, const void *data, size_t len)
{
    static const uint32_t half[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75
    };
    const uint8_t *p = data;
    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ half[crc & 15];
        crc = crc >> 4 ^ half[crc & 15];
    }
    return ~crc;
}

#if defined(__x86_64__) && defined(__GNUC__)
/* The instruction takes three cycles to answer and can be asked once a cycle:
 * three lanes of LANE bytes, one behind the other, run side by side. */
enum { LANE = 256 };

/* What moves a remainder past LANE and past 2 * LANE bytes: x^(8 * n - 33)
 * modulo the polynomial, reflected. The product of a remainder and one of
 * these, taken in as eight bytes of data, is the remainder n bytes on. */
static const uint32_t past_one = 0xb9e02b86, past_two = 0xdd7e3b0c;

__attribute__((target("sse4.2"))) static uint64_t
take(uint64_t c, const uint8_t *p, size_t len)
{
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        c = __builtin_ia32_crc32di(c, v);
    }
    for (; len > 0; p++, len--)
        c = __builtin_ia32_crc32qi((uint32_t)c, *p);
    return c;
}

typedef long long pair __attribute__((vector_size(16)));

__attribute__((target("sse4.2,pclmul"))) static uint64_t past(uint64_t c,
                                                              uint32_t by)
{
    const pair x = { (long long)c, 0 }, y = { by, 0 };
    const pair product = __builtin_ia32_pclmulqdq128(x, y, 0);
    return (uint64_t)product[0];
}

__attribute__((target("sse4.2,pclmul"))) static uint64_t
take_lanes(uint64_t c, const uint8_t *p, size_t len)
{
    for (; len >= 3 * (size_t)LANE;
         p += 3 * (size_t)LANE, len -= 3 * (size_t)LANE) {
        uint64_t second = 0, third = 0, v[3];
        for (size_t at = 0; at < LANE; at += 8) {
            for (size_t i = 0; i < 3; i++)
                memcpy(&v[i], p + at + i * LANE, 8);
            c = __builtin_ia32_crc32di(c, v[0]);
            second = __builtin_ia32_crc32di(second, v[1]);
            if (at < LANE - 8)
                third = __builtin_ia32_crc32di(third, v[2]);
        }
        /* The third lane's last bytes bring the other two in. */
        c = __builtin_ia32_crc32di(third, v[2] ^ past(c, past_two) ^
                                              past(second, past_one));
    }
    return take(c, p, len);
}

uint32_t rl_crc32c(uint32_t crc, const void *p, size_t len)
{
    const uint64_t c = (uint32_t)~crc;
    if (!__builtin_cpu_supports("sse4.2"))
        return rl_crc32c_portable(crc, p, len);
    if (len < 3 * (size_t)LANE || !__builtin_cpu_supports("pclmul"))
        return ~(uint32_t)take(c, p, len);
    return ~(uint32_t)take_lanes(c, p, len);
}
#else
uint32_t rl_crc32c(uint32_t crc, const void *p, size_t len)
{
    return rl_crc32c_portable(crc, p, len);
}
#endif
