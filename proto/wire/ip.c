#include "proto/wire/ip.h"

#include <stdio.h>
#include <string.h>

enum { GROUPS = 8, NO_GAP = GROUPS + 1 };

/* A number of at most `digits` digits in base 10 or 16 from the front. */
static pn_err take_number(pn_bytes *in, unsigned base, size_t digits,
                          uint32_t *out)
{
    size_t n = 0;
    uint32_t v = 0;
    for (; n < in->len && n <= digits; n++) {
        const uint8_t c = in->p[n];
        unsigned d = base;
        if (c >= '0' && c <= '9')
            d = c - (unsigned)'0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            d = (c | 0x20U) - 'a' + 10U;
        if (d >= base)
            break;
        v = v * base + d;
    }
    if (n == 0 || n > digits)
        return PN_E_PROTO;
    if (base == 10 && n > 1 && in->p[0] == '0')
        return PN_E_PROTO; /* some readers take 010 for eight */
    in->p += n;
    in->len -= n;
    *out = v;
    return PN_OK;
}

/* Take the character `c` from the front, if it is there. */
static bool take_char(pn_bytes *in, char c)
{
    if (in->len == 0 || in->p[0] != (uint8_t)c)
        return false;
    in->p++;
    in->len--;
    return true;
}

pn_err pn_ipv4_parse(uint8_t out[PN_IPV4_BYTES], pn_bytes text)
{
    for (size_t i = 0; i < PN_IPV4_BYTES; i++) {
        uint32_t v;
        if (i > 0 && !take_char(&text, '.'))
            return PN_E_PROTO;
        PN_TRY(take_number(&text, 10, 3, &v));
        if (v > 255)
            return PN_E_PROTO;
        out[i] = (uint8_t)v;
    }
    return pn_take_end(&text);
}

/* Groups before and after the "::" as they are read. */
typedef struct groups {
    uint16_t v[GROUPS];
    size_t count;
    size_t gap; /* the "::" stands before this group; NO_GAP: nowhere */
} groups;

static bool is_dotted(pn_bytes in)
{
    return in.len > 0 && memchr(in.p, '.', in.len) != NULL &&
           memchr(in.p, ':', in.len) == NULL;
}

static pn_err take_group(groups *g, pn_bytes *in)
{
    uint8_t v4[PN_IPV4_BYTES];
    uint32_t v;
    if (is_dotted(*in) && g->count <= GROUPS - 2) {
        PN_TRY(pn_ipv4_parse(v4, *in));
        in->len = 0;
        g->v[g->count++] = (uint16_t)(v4[0] << 8 | v4[1]);
        g->v[g->count++] = (uint16_t)(v4[2] << 8 | v4[3]);
        return PN_OK;
    }
    if (g->count == GROUPS)
        return PN_E_PROTO;
    PN_TRY(take_number(in, 16, 4, &v));
    g->v[g->count++] = (uint16_t)v;
    return PN_OK;
}

static pn_err take_groups(groups *g, pn_bytes in)
{
    if (take_char(&in, ':')) {
        if (!take_char(&in, ':'))
            return PN_E_PROTO;
        g->gap = 0;
    }
    while (in.len > 0) {
        PN_TRY(take_group(g, &in));
        if (in.len == 0)
            break;
        if (!take_char(&in, ':') || in.len == 0)
            return PN_E_PROTO;
        if (take_char(&in, ':')) {
            if (g->gap != NO_GAP)
                return PN_E_PROTO;
            g->gap = g->count;
        }
    }
    return PN_OK;
}

pn_err pn_ipv6_parse(uint8_t out[PN_IPV6_BYTES], pn_bytes text)
{
    groups g = { .gap = NO_GAP };
    size_t skipped;
    if (text.len > PN_IPV6_TEXT_MAX)
        return PN_E_PROTO;
    PN_TRY(take_groups(&g, text));
    if (g.gap == NO_GAP ? g.count != GROUPS : g.count >= GROUPS)
        return PN_E_PROTO; /* a "::" stands for at least one group */
    skipped = GROUPS - g.count;
    memset(out, 0, PN_IPV6_BYTES);
    for (size_t i = 0; i < g.count; i++) {
        const size_t at = i < g.gap ? i : i + skipped;
        out[2 * at] = (uint8_t)(g.v[i] >> 8);
        out[2 * at + 1] = (uint8_t)g.v[i];
    }
    return PN_OK;
}

/* The first longest run of at least two zero groups; *len 0 if none. */
static void find_gap(const uint16_t v[GROUPS], size_t count, size_t *start,
                     size_t *len)
{
    size_t run = 0;
    *start = count;
    *len = 0;
    for (size_t i = 0; i < count; i++) {
        run = v[i] == 0 ? run + 1 : 0;
        if (run >= 2 && run > *len) {
            *len = run;
            *start = i + 1 - run;
        }
    }
}

void pn_ipv6_format(char out[PN_IPV6_TEXT_MAX + 1],
                    const uint8_t in[PN_IPV6_BYTES])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    uint16_t v[GROUPS];
    size_t start, gap, at = 0;
    const size_t cap = PN_IPV6_TEXT_MAX + 1;
    if (memcmp(in, mapped, sizeof mapped) == 0) {
        (void)snprintf(out, cap, "::ffff:%u.%u.%u.%u", (unsigned)in[12],
                       (unsigned)in[13], (unsigned)in[14], (unsigned)in[15]);
        return;
    }
    for (size_t i = 0; i < GROUPS; i++)
        v[i] = (uint16_t)(in[2 * i] << 8 | in[2 * i + 1]);
    find_gap(v, GROUPS, &start, &gap);
    for (size_t i = 0; i < GROUPS; i++) {
        if (gap > 0 && i == start) {
            at += (size_t)snprintf(out + at, cap - at, "::");
            i += gap - 1;
            continue;
        }
        at += (size_t)snprintf(out + at, cap - at, "%s%x",
                               i > 0 && out[at - 1] != ':' ? ":" : "",
                               (unsigned)v[i]);
    }
}
