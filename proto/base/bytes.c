#include "proto/base/bytes.h"

#include <string.h>

/* All integer readers share this: big-endian, `n` at most 8. */
static pn_err take_be(pn_bytes *in, size_t n, uint64_t *out)
{
    uint64_t v = 0;
    if (in->len < n)
        return PN_E_SHORT;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | in->p[i];
    in->p += n;
    in->len -= n;
    *out = v;
    return PN_OK;
}

pn_err pn_take_u8(pn_bytes *in, uint8_t *out)
{
    uint64_t v;
    PN_TRY(take_be(in, 1, &v));
    *out = (uint8_t)v;
    return PN_OK;
}

pn_err pn_take_u16(pn_bytes *in, uint16_t *out)
{
    uint64_t v;
    PN_TRY(take_be(in, 2, &v));
    *out = (uint16_t)v;
    return PN_OK;
}

pn_err pn_take_u32(pn_bytes *in, uint32_t *out)
{
    uint64_t v;
    PN_TRY(take_be(in, 4, &v));
    *out = (uint32_t)v;
    return PN_OK;
}

pn_err pn_take_u64(pn_bytes *in, uint64_t *out)
{
    return take_be(in, 8, out);
}

pn_err pn_take(pn_bytes *in, size_t len, pn_bytes *out)
{
    if (in->len < len)
        return PN_E_SHORT;
    *out = (pn_bytes){ in->p, len };
    if (len > 0) {
        in->p += len;
        in->len -= len;
    }
    return PN_OK;
}

pn_err pn_take_copy(pn_bytes *in, uint8_t *out, size_t len)
{
    pn_bytes v;
    PN_TRY(pn_take(in, len, &v));
    if (len > 0)
        memcpy(out, v.p, len);
    return PN_OK;
}

pn_err pn_take_end(const pn_bytes *in)
{
    return in->len == 0 ? PN_OK : PN_E_PROTO;
}

pn_err pn_take_zeros(pn_bytes *in)
{
    uint8_t any = 0;
    for (size_t i = 0; i < in->len; i++)
        any |= in->p[i];
    if (any != 0)
        return PN_E_PROTO;
    *in = (pn_bytes){ NULL, 0 };
    return PN_OK;
}

bool pn_bytes_equal(pn_bytes a, pn_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

pn_out pn_out_over(uint8_t *p, size_t cap)
{
    return (pn_out){ .p = p, .cap = cap, .len = 0, .err = PN_OK };
}

/* Room for `n` more bytes, claimed; NULL once anything has not fitted. */
static uint8_t *claim(pn_out *out, size_t n)
{
    uint8_t *at;
    if (out->err != PN_OK || out->cap - out->len < n) {
        out->err = PN_E_FULL;
        return NULL;
    }
    at = out->p + out->len;
    out->len += n;
    return at;
}

static void put_be(pn_out *out, size_t n, uint64_t v)
{
    uint8_t *at = claim(out, n);
    if (at == NULL)
        return;
    for (size_t i = n; i > 0; i--, v >>= 8)
        at[i - 1] = (uint8_t)v;
}

void pn_put_u8(pn_out *out, uint8_t v)
{
    put_be(out, 1, v);
}

void pn_put_u16(pn_out *out, uint16_t v)
{
    put_be(out, 2, v);
}

void pn_put_u32(pn_out *out, uint32_t v)
{
    put_be(out, 4, v);
}

void pn_put_u64(pn_out *out, uint64_t v)
{
    put_be(out, 8, v);
}

void pn_put(pn_out *out, pn_bytes v)
{
    uint8_t *at = claim(out, v.len);
    if (at != NULL && v.len > 0)
        memcpy(at, v.p, v.len);
}

void pn_put_zeros(pn_out *out, size_t len)
{
    uint8_t *at = claim(out, len);
    if (at != NULL && len > 0)
        memset(at, 0, len);
}

pn_err pn_out_err(const pn_out *out)
{
    return out->err;
}

pn_bytes pn_out_view(const pn_out *out)
{
    return (pn_bytes){ out->p, out->len };
}

void pn_hex(char *out, pn_bytes in)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < in.len; i++) {
        out[2 * i] = digit[in.p[i] >> 4];
        out[2 * i + 1] = digit[in.p[i] & 15];
    }
    out[2 * in.len] = '\0';
}

/* The value of one hex digit, or -1. */
static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

pn_err pn_unhex(uint8_t *out, size_t len, const char *hex)
{
    for (size_t i = 0; i < len; i++) {
        const int hi = nibble(hex[2 * i]);
        const int lo = hi < 0 ? -1 : nibble(hex[2 * i + 1]);
        if (lo < 0)
            return PN_E_PROTO;
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return hex[2 * len] == '\0' ? PN_OK : PN_E_PROTO;
}
