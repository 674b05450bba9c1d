/* The reading half of json.h: a pushdown automaton whose stack is the dotted
 * path itself, so that depth costs no recursion. */
#include <string.h>

#include "proto/base/json.h"

enum { NAME_MAX_BYTES = 40 };

typedef struct reader {
    pn_bytes in;
    char path[PN_JSON_PATH_MAX];
    size_t path_len;
    size_t marks[PN_JSON_DEPTH_MAX]; /* path_len at each open object */
    size_t depth;
    char text[PN_JSON_TEXT_MAX];
    size_t text_len;
} reader;

static void skip_space(reader *r)
{
    while (r->in.len > 0 && (r->in.p[0] == ' ' || r->in.p[0] == '\t' ||
                             r->in.p[0] == '\r' || r->in.p[0] == '\n')) {
        r->in.p++;
        r->in.len--;
    }
}

/* Take one byte if it is `c`. */
static bool accept(reader *r, char c)
{
    if (r->in.len == 0 || r->in.p[0] != (uint8_t)c)
        return false;
    r->in.p++;
    r->in.len--;
    return true;
}

static pn_err expect(reader *r, char c)
{
    return accept(r, c) ? PN_OK : PN_E_PROTO;
}

static pn_err text_put(reader *r, uint8_t byte)
{
    /* A NUL would cut the text short behind the visitor's back. */
    if (byte == 0)
        return PN_E_PROTO;
    if (r->text_len + 1 >= sizeof r->text)
        return PN_E_FULL;
    r->text[r->text_len++] = (char)byte;
    return PN_OK;
}

static pn_err take_hex4(reader *r, uint32_t *out)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c, digit;
        if (pn_take_u8(&r->in, &c) != PN_OK)
            return PN_E_PROTO;
        if (c >= '0' && c <= '9')
            digit = (uint8_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (uint8_t)((c | 0x20) - 'a' + 10);
        else
            return PN_E_PROTO;
        v = v << 4 | digit;
    }
    *out = v;
    return PN_OK;
}

/* The code point of a \u escape, a surrogate pair joined; written as UTF-8. */
static pn_err take_unicode(reader *r)
{
    uint32_t c;
    PN_TRY(take_hex4(r, &c));
    if (c >= 0xdc00 && c <= 0xdfff)
        return PN_E_PROTO;
    if (c >= 0xd800 && c <= 0xdbff) {
        uint32_t low;
        PN_TRY(expect(r, '\\'));
        PN_TRY(expect(r, 'u'));
        PN_TRY(take_hex4(r, &low));
        if (low < 0xdc00 || low > 0xdfff)
            return PN_E_PROTO;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    if (c < 0x80)
        return text_put(r, (uint8_t)c);
    if (c < 0x800) {
        PN_TRY(text_put(r, (uint8_t)(0xc0 | c >> 6)));
        return text_put(r, (uint8_t)(0x80 | (c & 0x3f)));
    }
    if (c < 0x10000) {
        PN_TRY(text_put(r, (uint8_t)(0xe0 | c >> 12)));
    } else {
        PN_TRY(text_put(r, (uint8_t)(0xf0 | c >> 18)));
        PN_TRY(text_put(r, (uint8_t)(0x80 | (c >> 12 & 0x3f))));
    }
    PN_TRY(text_put(r, (uint8_t)(0x80 | (c >> 6 & 0x3f))));
    return text_put(r, (uint8_t)(0x80 | (c & 0x3f)));
}

static pn_err take_escape(reader *r)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    uint8_t c;
    const char *at;
    if (pn_take_u8(&r->in, &c) != PN_OK)
        return PN_E_PROTO;
    if (c == 'u')
        return take_unicode(r);
    at = c == 0 ? NULL : strchr(from, c);
    if (at == NULL)
        return PN_E_PROTO;
    return text_put(r, (uint8_t)to[at - from]);
}

/* A string, its opening quote already taken, into r->text. */
static pn_err take_text(reader *r)
{
    r->text_len = 0;
    for (;;) {
        uint8_t c;
        if (pn_take_u8(&r->in, &c) != PN_OK || c < 0x20)
            return PN_E_PROTO;
        if (c == '"')
            break;
        if (c == '\\')
            PN_TRY(take_escape(r));
        else
            PN_TRY(text_put(r, c));
    }
    r->text[r->text_len] = 0;
    return PN_OK;
}

/* A member's name and its colon; the name becomes the path's last part. */
static pn_err take_name(reader *r)
{
    size_t at = r->marks[r->depth - 1];
    skip_space(r);
    PN_TRY(expect(r, '"'));
    PN_TRY(take_text(r));
    if (r->text_len == 0 || r->text_len > NAME_MAX_BYTES)
        return PN_E_PROTO;
    for (size_t i = 0; i < r->text_len; i++) {
        const char c = r->text[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return PN_E_PROTO;
    }
    if (at + 1 + r->text_len + 1 > sizeof r->path)
        return PN_E_FULL;
    if (at > 0)
        r->path[at++] = '.';
    memcpy(r->path + at, r->text, r->text_len + 1);
    r->path_len = at + r->text_len;
    skip_space(r);
    PN_TRY(expect(r, ':'));
    skip_space(r);
    return PN_OK;
}

static pn_err take_int(reader *r, int64_t *out)
{
    const bool minus = accept(r, '-');
    const uint64_t bound = (uint64_t)INT64_MAX + (minus ? 1 : 0);
    uint64_t v = 0;
    size_t digits = 0;
    bool zero = false;
    while (r->in.len > 0 && r->in.p[0] >= '0' && r->in.p[0] <= '9') {
        const uint64_t digit = (uint64_t)(r->in.p[0] - '0');
        if (zero || v > (bound - digit) / 10)
            return PN_E_PROTO;
        zero = digits == 0 && digit == 0;
        v = v * 10 + digit;
        digits++;
        r->in.p++;
        r->in.len--;
    }
    if (digits == 0)
        return PN_E_PROTO;
    *out = minus ? (int64_t)(0 - v) : (int64_t)v;
    return PN_OK;
}

static bool accept_word(reader *r, const char *word)
{
    const size_t len = strlen(word);
    if (r->in.len < len || memcmp(r->in.p, word, len) != 0)
        return false;
    r->in.p += len;
    r->in.len -= len;
    return true;
}

static pn_err take_leaf(reader *r, pn_json_leaf *leaf)
{
    if (accept(r, '"')) {
        leaf->kind = PN_JSON_TEXT;
        PN_TRY(take_text(r));
        leaf->text = r->text;
        return PN_OK;
    }
    if (accept_word(r, "true")) {
        leaf->kind = PN_JSON_BOOL;
        leaf->number = 1;
        return PN_OK;
    }
    if (accept_word(r, "false")) {
        leaf->kind = PN_JSON_BOOL;
        return PN_OK;
    }
    if (accept_word(r, "null"))
        return PN_OK;
    leaf->kind = PN_JSON_INT;
    return take_int(r, &leaf->number);
}

static pn_err enter(reader *r)
{
    if (r->depth == PN_JSON_DEPTH_MAX)
        return PN_E_FULL;
    r->marks[r->depth++] = r->path_len;
    return PN_OK;
}

/* After a member: a comma promises another, braces close what is open. */
static pn_err after_member(reader *r, bool *again)
{
    for (;;) {
        skip_space(r);
        if (accept(r, ',')) {
            *again = true;
            return PN_OK;
        }
        PN_TRY(expect(r, '}'));
        r->depth--;
        if (r->depth == 0) {
            *again = false;
            return PN_OK;
        }
    }
}

pn_err pn_json_read(pn_bytes in, pn_json_visit_fn *visit, void *ctx)
{
    reader r = { .in = in };
    bool again = true;
    skip_space(&r);
    PN_TRY(expect(&r, '{'));
    PN_TRY(enter(&r));
    skip_space(&r);
    if (accept(&r, '}'))
        again = false;
    while (again) {
        pn_json_leaf leaf = { .path = r.path, .kind = PN_JSON_NULL };
        PN_TRY(take_name(&r));
        if (accept(&r, '{')) {
            PN_TRY(enter(&r));
            skip_space(&r);
            if (r.in.len > 0 && r.in.p[0] != '}')
                continue;
        } else {
            PN_TRY(take_leaf(&r, &leaf));
            PN_TRY(visit(ctx, &leaf));
        }
        PN_TRY(after_member(&r, &again));
    }
    skip_space(&r);
    return pn_take_end(&r.in);
}
