#include "proto/wire/fields.h"

#include <string.h>

#include "proto/wire/queue.h"

enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

size_t pn_varint_len(uint64_t v)
{
    size_t len = 1;
    for (; v >= 0x80; v >>= 7)
        len++;
    return len;
}

void pn_put_varint(pn_out *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        pn_put_u8(out, (uint8_t)(v | 0x80));
    pn_put_u8(out, (uint8_t)v);
}

pn_err pn_take_varint(pn_bytes *in, uint64_t *out)
{
    uint64_t v = 0;
    for (size_t i = 0; i < in->len && i < 10; i++) {
        const uint8_t b = in->p[i];
        if (i == 9 && b > 1)
            return PN_E_PROTO; /* beyond 64 bits */
        v |= (uint64_t)(b & 0x7f) << (7 * i);
        if (b >= 0x80)
            continue;
        if (b == 0 && i > 0)
            return PN_E_PROTO; /* longer than it needs to be */
        in->p += i + 1;
        in->len -= i + 1;
        *out = v;
        return PN_OK;
    }
    return PN_E_PROTO;
}

/* Members are read and written as bytes: enums and uint32_t alike. */
static uint32_t get_u32(const pn_field *f, const void *from)
{
    uint32_t v;
    memcpy(&v, (const uint8_t *)from + f->at, sizeof v);
    return v;
}

static bool get_bool(const pn_field *f, const void *from)
{
    bool v;
    memcpy(&v, (const uint8_t *)from + f->at, sizeof v);
    return v;
}

static pn_bytes get_bytes(const pn_field *f, const void *from)
{
    pn_bytes v;
    memcpy(&v, (const uint8_t *)from + f->at, sizeof v);
    return v;
}

static pn_field_list get_list(const pn_field *f, const void *from)
{
    pn_field_list v;
    memcpy(&v, (const uint8_t *)from + f->at, sizeof v);
    return v;
}

static void set(const pn_field *f, void *to, const void *v, size_t len)
{
    memcpy((uint8_t *)to + f->at, v, len);
}

static const void *element(const pn_field *f, pn_field_list list, size_t i)
{
    return (const uint8_t *)list.p + i * f->step;
}

static bool is_varint(const pn_field *f)
{
    return f->type == PN_FIELD_U32 || f->type == PN_FIELD_U32_OR_0 ||
           f->type == PN_FIELD_BOOL;
}

static uint8_t tag_of(size_t i, const pn_field *f)
{
    return (uint8_t)((i + 1) << 3 | (is_varint(f) ? WIRE_VARINT : WIRE_BYTES));
}

static bool number_ok(const pn_field *f, uint64_t v)
{
    if (f->type == PN_FIELD_U32_OR_0 && v == 0)
        return true;
    return v >= f->min && v <= f->max;
}

static bool bytes_ok(const pn_field *f, size_t len)
{
    if (f->type == PN_FIELD_SIZED)
        return (len == 0 && f->min == 0) || f->fits(len);
    return len >= f->min && len <= f->max &&
           (f->step <= 1 || len % f->step == 0);
}

/* A list's elements hold no list themselves, so that this never goes deeper
 * than one step. */
bool pn_fields_ok(const pn_layout *layout, const void *from)
{
    for (size_t i = 0; i < layout->count; i++) {
        const pn_field *f = &layout->fields[i];
        switch (f->type) {
        case PN_FIELD_U32:
        case PN_FIELD_U32_OR_0:
            if (!number_ok(f, get_u32(f, from)))
                return false;
            break;
        case PN_FIELD_BOOL:
            break;
        case PN_FIELD_BYTES:
        case PN_FIELD_SIZED:
            if (!bytes_ok(f, get_bytes(f, from).len))
                return false;
            break;
        case PN_FIELD_LIST: {
            const pn_field_list list = get_list(f, from);
            if (list.count < f->min || list.count > f->max)
                return false;
            for (size_t k = 0; k < list.count; k++)
                if (!pn_fields_ok(f->element, element(f, list, k)))
                    return false;
            break;
        }
        }
    }
    return true;
}

static bool lists_equal(const pn_field *f, pn_field_list a, pn_field_list b)
{
    if (a.count != b.count)
        return false;
    for (size_t k = 0; k < a.count; k++)
        if (!pn_fields_equal(f->element, element(f, a, k), element(f, b, k)))
            return false;
    return true;
}

bool pn_fields_equal(const pn_layout *layout, const void *a, const void *b)
{
    for (size_t i = 0; i < layout->count; i++) {
        const pn_field *f = &layout->fields[i];
        bool same = false;
        switch (f->type) {
        case PN_FIELD_U32:
        case PN_FIELD_U32_OR_0:
            same = get_u32(f, a) == get_u32(f, b);
            break;
        case PN_FIELD_BOOL:
            same = get_bool(f, a) == get_bool(f, b);
            break;
        case PN_FIELD_BYTES:
        case PN_FIELD_SIZED:
            same = pn_bytes_equal(get_bytes(f, a), get_bytes(f, b));
            break;
        case PN_FIELD_LIST:
            same = lists_equal(f, get_list(f, a), get_list(f, b));
            break;
        }
        if (!same)
            return false;
    }
    return true;
}

static size_t bytes_len(size_t len)
{
    return 1 + pn_varint_len(len) + len;
}

size_t pn_fields_len(const pn_layout *layout, const void *from)
{
    size_t len = 0;
    for (size_t i = 0; i < layout->count; i++) {
        const pn_field *f = &layout->fields[i];
        switch (f->type) {
        case PN_FIELD_U32:
        case PN_FIELD_U32_OR_0:
            len += 1 + pn_varint_len(get_u32(f, from));
            break;
        case PN_FIELD_BOOL:
            len += 2;
            break;
        case PN_FIELD_BYTES:
        case PN_FIELD_SIZED:
            len += bytes_len(get_bytes(f, from).len);
            break;
        case PN_FIELD_LIST: {
            const pn_field_list list = get_list(f, from);
            for (size_t k = 0; k < list.count; k++)
                len +=
                    bytes_len(pn_fields_len(f->element, element(f, list, k)));
            break;
        }
        }
    }
    return len;
}

static void put_list(pn_out *out, uint8_t tag, const pn_field *f,
                     pn_field_list list)
{
    for (size_t k = 0; k < list.count; k++) {
        const void *from = element(f, list, k);
        pn_put_u8(out, tag);
        pn_put_varint(out, pn_fields_len(f->element, from));
        pn_fields_put(out, f->element, from);
    }
}

void pn_fields_put(pn_out *out, const pn_layout *layout, const void *from)
{
    for (size_t i = 0; i < layout->count; i++) {
        const pn_field *f = &layout->fields[i];
        const uint8_t tag = tag_of(i, f);
        if (f->type == PN_FIELD_LIST) {
            put_list(out, tag, f, get_list(f, from));
            continue;
        }
        pn_put_u8(out, tag);
        if (f->type == PN_FIELD_BOOL) {
            pn_put_u8(out, get_bool(f, from));
        } else if (is_varint(f)) {
            pn_put_varint(out, get_u32(f, from));
        } else {
            const pn_bytes v = get_bytes(f, from);
            pn_put_varint(out, v.len);
            pn_put(out, v);
        }
    }
}

static pn_err take_bytes(pn_bytes *in, pn_bytes *out)
{
    uint64_t len;
    PN_TRY(pn_take_varint(in, &len));
    if (len > in->len)
        return PN_E_PROTO;
    return pn_take(in, (size_t)len, out);
}

/* Count the elements first, so that one allocation holds them all. */
static pn_err take_list(const pn_field *f, uint8_t tag, void *to, pn_bytes *in,
                        pn_arena *arena)
{
    pn_field_list list = { 0 };
    pn_bytes ahead = *in, body;
    uint8_t *p;
    while (ahead.len > 0 && ahead.p[0] == tag) {
        ahead.p++;
        ahead.len--;
        PN_TRY(take_bytes(&ahead, &body));
        if (++list.count > f->max)
            return PN_E_PROTO;
    }
    if (list.count < f->min)
        return PN_E_PROTO;
    p = pn_arena_alloc(arena, list.count * f->step);
    if (p == NULL)
        return PN_E_NOMEM;
    memset(p, 0, list.count * f->step);
    for (size_t k = 0; k < list.count; k++) {
        in->p++;
        in->len--;
        PN_TRY(take_bytes(in, &body));
        PN_TRY(pn_fields_take(f->element, p + k * f->step, body, arena));
    }
    list.p = p;
    set(f, to, &list, sizeof list);
    return PN_OK;
}

static pn_err take_field(const pn_field *f, void *to, pn_bytes *in)
{
    uint64_t number;
    pn_bytes bytes;
    if (!is_varint(f)) {
        PN_TRY(take_bytes(in, &bytes));
        if (!bytes_ok(f, bytes.len))
            return PN_E_PROTO;
        set(f, to, &bytes, sizeof bytes);
        return PN_OK;
    }
    PN_TRY(pn_take_varint(in, &number));
    if (f->type == PN_FIELD_BOOL) {
        const bool v = number == 1;
        if (number > 1)
            return PN_E_PROTO;
        set(f, to, &v, sizeof v);
    } else {
        const uint32_t v = (uint32_t)number; /* within max, so it fits */
        if (!number_ok(f, number))
            return PN_E_PROTO;
        set(f, to, &v, sizeof v);
    }
    return PN_OK;
}

pn_err pn_fields_take(const pn_layout *layout, void *to, pn_bytes in,
                      pn_arena *arena)
{
    for (size_t i = 0; i < layout->count; i++) {
        const pn_field *f = &layout->fields[i];
        const uint8_t tag = tag_of(i, f);
        if (f->type == PN_FIELD_LIST) {
            PN_TRY(take_list(f, tag, to, &in, arena));
            continue;
        }
        if (in.len == 0 || in.p[0] != tag)
            return PN_E_PROTO;
        in.p++;
        in.len--;
        PN_TRY(take_field(f, to, &in));
    }
    return pn_take_end(&in);
}
