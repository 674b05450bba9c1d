#include "proto/base/text.h"

/* The length of the character at p, at most `left` bytes; 0 if there is none:
 * RFC 3629 section 4, without overlong forms and surrogates. */
static size_t utf8_len(const uint8_t *p, size_t left)
{
    const uint8_t c = p[0];
    uint8_t low = 0x80, high = 0xbf;
    size_t len;
    if (c < 0x80)
        return 1;
    if (c < 0xc2 || c > 0xf4)
        return 0;
    len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (c == 0xe0)
        low = 0xa0;
    else if (c == 0xed)
        high = 0x9f;
    else if (c == 0xf0)
        low = 0x90;
    else if (c == 0xf4)
        high = 0x8f;
    if (left < len || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if (p[i] < 0x80 || p[i] > 0xbf)
            return 0;
    }
    return len;
}

bool pn_text_ok(pn_bytes in)
{
    for (size_t i = 0; i < in.len;) {
        const size_t len = utf8_len(in.p + i, in.len - i);
        if (len == 0 || in.p[i] == 0)
            return false;
        i += len;
    }
    return true;
}

static bool is_control(const uint8_t *p, size_t len)
{
    if (len == 1)
        return p[0] < 0x20 || p[0] == 0x7f;
    if (len == 2)
        return p[0] == 0xc2 && p[1] < 0xa0;
    return len == 3 && p[0] == 0xe2 &&
           ((p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae) ||
            (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
}

bool pn_line_ok(pn_bytes in)
{
    if (!pn_text_ok(in))
        return false;
    for (size_t i = 0; i < in.len;) {
        const size_t len = utf8_len(in.p + i, in.len - i);
        if (is_control(in.p + i, len))
            return false;
        i += len;
    }
    return true;
}
