#include "proto/wire/base32.h"

#include "proto/base/mem.h"

/* The character of a 5-bit value, by arithmetic: 'a' + v, or '2' + v - 26. */
static char to_char(unsigned v)
{
    const unsigned is_digit = (25U - v) >> 31; /* 1 when v > 25 */
    return (char)('a' + v - is_digit * ('a' + 26U - '2'));
}

/* The value of a character, or -1. A range test r turns into a mask: the
 * difference's sign bit is set on both sides exactly inside the range. */
static int from_char(uint8_t c)
{
    const int x = c;
    const int letter = (('a' - 1 - x) & (x - ('z' + 1))) >> 8;
    const int digit = (('2' - 1 - x) & (x - ('7' + 1))) >> 8;
    return -1 + (letter & (x - 'a' + 1)) + (digit & (x - '2' + 26 + 1));
}

void pn_base32_encode(char *out, pn_bytes in)
{
    unsigned acc = 0, bits = 0;
    for (size_t i = 0; i < in.len; i++) {
        acc = (acc << 8 | in.p[i]) & 0xfffU;
        for (bits += 8; bits >= 5; bits -= 5)
            *out++ = to_char(acc >> (bits - 5) & 31U);
    }
    if (bits > 0)
        *out++ = to_char(acc << (5 - bits) & 31U);
    *out = '\0';
}

pn_err pn_base32_decode(uint8_t *out, size_t len, pn_bytes text)
{
    unsigned acc = 0, bits = 0;
    int bad = 0;
    size_t at = 0;
    if (text.len != PN_BASE32_LEN(len)) {
        pn_wipe(out, len);
        return PN_E_PROTO;
    }
    for (size_t i = 0; i < text.len; i++) {
        const int v = from_char(text.p[i]);
        bad |= v; /* -1 sets the sign */
        acc = (acc << 5 | ((unsigned)v & 31U)) & 0x1fffU;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            out[at++] = (uint8_t)(acc >> bits);
        }
    }
    /* Fewer than 5 bits are left over; they carry nothing and must say so. */
    if (bad < 0 || (acc & ((1U << bits) - 1U)) != 0) {
        pn_wipe(out, len);
        return PN_E_PROTO;
    }
    return PN_OK;
}
