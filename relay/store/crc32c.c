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
__attribute__((target("sse4.2"))) static uint32_t
with_instruction(uint32_t crc, const uint8_t *p, size_t len)
{
    uint64_t c = (uint32_t)~crc;
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        c = __builtin_ia32_crc32di(c, v);
    }
    for (; len > 0; p++, len--)
        c = __builtin_ia32_crc32qi((uint32_t)c, *p);
    return ~(uint32_t)c;
}

uint32_t rl_crc32c(uint32_t crc, const void *p, size_t len)
{
    return __builtin_cpu_supports("sse4.2") ? with_instruction(crc, p, len)
                                            : rl_crc32c_portable(crc, p, len);
}
#else
uint32_t rl_crc32c(uint32_t crc, const void *p, size_t len)
{
    return rl_crc32c_portable(crc, p, len);
}
#endif
