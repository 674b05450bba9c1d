#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/rpc/rpc.h"

const char *const rpc_profiles[] = { "auto", "normal", "thin", NULL };
const char *const rpc_routes[] = { "auto", "direct", "apart", NULL };
const char *const rpc_priorities[] = { "normal", "urgent", "bulk", NULL };
const char *const rpc_message_states[] = { "queued",   "relayed", "delivered",
                                           "expired",  "failed",  "cancelled",
                                           "received", NULL };
const char *const rpc_relay_states[] = { "offline", "connecting", "online",
                                         NULL };
const char *const rpc_invite_states[] = { "preparing", "open",    "answered",
                                          "revoked",   "expired", "failed",
                                          NULL };

const char *rpc_name(const char *const *names, uint32_t value)
{
    for (uint32_t i = 0; names[i] != NULL; i++)
        if (i == value)
            return names[i];
    return "unknown";
}

uint32_t rpc_value(const char *const *names, const char *name)
{
    uint32_t i = 0;
    while (names[i] != NULL && strcmp(names[i], name) != 0)
        i++;
    return i;
}

json_t *rpc_time(uint64_t ms)
{
    const time_t seconds = (time_t)(ms / 1000);
    char text[48], whole[32];
    struct tm tm;
    if (ms == 0 || gmtime_r(&seconds, &tm) == NULL ||
        strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        return json_null();
    (void)snprintf(text, sizeof text, "%s.%03uZ", whole, (unsigned)(ms % 1000));
    return json_string(text);
}

/* The length of the UTF-8 character at the front; 0 if there is none. */
static size_t character(const uint8_t *p, size_t len)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const size_t n = p[0] < 0x80             ? 1
                     : (p[0] & 0xe0) == 0xc0 ? 2
                     : (p[0] & 0xf0) == 0xe0 ? 3
                     : (p[0] & 0xf8) == 0xf0 ? 4
                                             : 0;
    uint32_t code;
    if (n <= 1)
        return n;
    if (n > len)
        return 0;
    code = p[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3fu);
    }
    if (code < least[n] || code > 0x10ffff || (code & 0x1ff800) == 0xd800)
        return 0;
    return n;
}

bool rpc_is_utf8(const uint8_t *bytes, size_t len)
{
    size_t at = 0;
    while (at < len) {
        const size_t n = character(bytes + at, len - at);
        if (n == 0)
            return false;
        at += n;
    }
    return true;
}

json_t *rpc_text(const char *text)
{
    const size_t len = strlen(text);
    json_t *value;
    char *copy;
    if (rpc_is_utf8((const uint8_t *)text, len))
        return json_string(text);
    copy = rpc_alloc(len + 1);
    if (copy == NULL)
        return NULL;
    for (size_t at = 0; at < len;) {
        const size_t n = character((const uint8_t *)text + at, len - at);
        if (n == 0) {
            copy[at++] = '?';
        } else {
            memcpy(copy + at, text + at, n);
            at += n;
        }
    }
    copy[len] = 0;
    value = json_string(copy);
    rpc_free(copy);
    return value;
}

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

json_t *rpc_base64(const uint8_t *bytes, size_t len)
{
    const size_t size = (len + 2) / 3 * 4;
    char *text = rpc_alloc(size + 1);
    json_t *value;
    if (text == NULL)
        return NULL;
    for (size_t i = 0, o = 0; i < len; i += 3, o += 4) {
        const uint32_t group = (uint32_t)bytes[i] << 16 |
                               (i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0) |
                               (i + 2 < len ? (uint32_t)bytes[i + 2] : 0);
        text[o] = digits[group >> 18];
        text[o + 1] = digits[group >> 12 & 63];
        text[o + 2] = '=';
        text[o + 3] = '=';
        if (i + 1 < len)
            text[o + 2] = digits[group >> 6 & 63];
        if (i + 2 < len)
            text[o + 3] = digits[group & 63];
    }
    value = json_stringn(text, size);
    rpc_free(text);
    return value;
}

static bool group_read(const char text[4], size_t count, uint32_t *out)
{
    uint32_t group = 0;
    for (size_t i = 0; i < 4; i++) {
        const char *digit = i < count ? strchr(digits, text[i]) : digits;
        if (digit == NULL || (i < count && text[i] == 0))
            return false;
        group = group << 6 | (uint32_t)(digit - digits);
    }
    /* Bits that no byte uses are zero: one text for one value. */
    if ((count == 3 && (group & 0xff) != 0) ||
        (count == 2 && (group & 0xffff) != 0))
        return false;
    *out = group;
    return true;
}

bool rpc_base64_read(const char *text, size_t text_len, size_t max,
                     uint8_t **out, size_t *len)
{
    size_t used = text_len, n = 0;
    uint8_t *bytes;
    *out = NULL;
    if (text_len % 4 != 0 || text_len / 4 * 3 > max + 2)
        return false;
    while (used > 0 && text_len - used < 2 && text[used - 1] == '=')
        used--;
    bytes = rpc_alloc(text_len / 4 * 3 + 1);
    if (bytes == NULL)
        return false;
    for (size_t i = 0; i < used; i += 4) {
        const size_t count = used - i < 4 ? used - i : 4;
        uint32_t group;
        if (!group_read(text + i, count, &group)) {
            rpc_free(bytes);
            return false;
        }
        for (size_t k = 0; k + 1 < count; k++)
            bytes[n++] = (uint8_t)(group >> (16 - 8 * k));
    }
    if (n > max) {
        rpc_free(bytes);
        return false;
    }
    bytes[n] = 0;
    *out = bytes;
    *len = n;
    return true;
}

bool rpc_set_body(json_t *to, bool is_file, const uint8_t *bytes, size_t len,
                  const char *name, const char *type)
{
    json_t *file;
    if (!is_file && rpc_is_utf8(bytes, len))
        return json_object_set_new(to, "text",
                                   json_stringn((const char *)bytes, len)) == 0;
    file = json_pack("{s:o, s:o, s:I}", "name", rpc_text(name), "type",
                     rpc_text(type), "size", (json_int_t)len);
    if (file == NULL || json_object_set_new(to, "file", file) != 0)
        return false;
    return bytes == NULL ||
           json_object_set_new(file, "base64", rpc_base64(bytes, len)) == 0;
}
