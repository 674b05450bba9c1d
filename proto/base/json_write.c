/* The writing half of json.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/json.h"

static void put(pn_json *j, const char *text, size_t len)
{
    /* One byte stays free for the final NUL. */
    if (j->full || j->cap - j->len <= len) {
        j->full = true;
        return;
    }
    memcpy(j->p + j->len, text, len);
    j->len += len;
}

static void put_text(pn_json *j, const char *text)
{
    put(j, text, strlen(text));
}

/* How many bytes the UTF-8 sequence at s has; 0 if it is not one (RFC 3629:
 * no surrogates, nothing overlong, nothing above U+10FFFF). */
static size_t utf8_len(const unsigned char *s)
{
    size_t len;
    unsigned char low = 0x80, high = 0xbf;
    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        len = 2;
    else if (s[0] >= 0xe0 && s[0] <= 0xef)
        len = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        len = 4;
    else
        return 0;
    if (s[0] == 0xe0)
        low = 0xa0;
    else if (s[0] == 0xed)
        high = 0x9f;
    else if (s[0] == 0xf0)
        low = 0x90;
    else if (s[0] == 0xf4)
        high = 0x8f;
    if (s[1] < low || s[1] > high)
        return 0;
    /* A NUL is no continuation byte, so this cannot run past the end. */
    for (size_t i = 2; i < len; i++)
        if (s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    return len;
}

static void put_quoted(pn_json *j, const char *value)
{
    const unsigned char *s = (const unsigned char *)value;
    put(j, "\"", 1);
    while (*s != 0) {
        const size_t len = utf8_len(s);
        if (len == 0) {
            put_text(j, "\\ufffd");
            s++;
            continue;
        }
        if (*s == '"' || *s == '\\') {
            put(j, "\\", 1);
            put(j, (const char *)s, 1);
        } else if (*s < 0x20 || *s == 0x7f) {
            char escape[8];
            (void)snprintf(escape, sizeof escape, "\\u%04x", (unsigned)*s);
            put_text(j, escape);
        } else {
            put(j, (const char *)s, len);
        }
        s += len;
    }
    put(j, "\"", 1);
}

static void put_key(pn_json *j, const char *key)
{
    if (j->comma)
        put(j, ",", 1);
    j->comma = true;
    put_quoted(j, key);
    put(j, ":", 1);
}

pn_json pn_json_begin(char *p, size_t cap)
{
    pn_json j = { .p = p, .cap = cap };
    put(&j, "{", 1);
    pn_json_u64(&j, "v", 1);
    return j;
}

void pn_json_text(pn_json *j, const char *key, const char *value)
{
    put_key(j, key);
    put_quoted(j, value);
}

void pn_json_u64(pn_json *j, const char *key, uint64_t value)
{
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%" PRIu64, value);
    put_key(j, key);
    put_text(j, digits);
}

void pn_json_i64(pn_json *j, const char *key, int64_t value)
{
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%" PRId64, value);
    put_key(j, key);
    put_text(j, digits);
}

void pn_json_bool(pn_json *j, const char *key, bool value)
{
    put_key(j, key);
    put_text(j, value ? "true" : "false");
}

void pn_json_open(pn_json *j, const char *key)
{
    put_key(j, key);
    put(j, "{", 1);
    j->comma = false;
}

void pn_json_close(pn_json *j)
{
    put(j, "}", 1);
    j->comma = true;
}

pn_err pn_json_end(pn_json *j)
{
    put(j, "}", 1);
    if (j->cap > 0)
        j->p[j->full ? 0 : j->len] = 0;
    return j->full ? PN_E_FULL : PN_OK;
}
