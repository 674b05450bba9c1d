#include "tests/bench/peers/resp.h"

#include <stdlib.h>
#include <string.h>

/* The line at p, without CR LF; NULL when it is not whole. */
static const char *line_end(const char *p, size_t len)
{
    const char *end = memchr(p, '\n', len);
    return end == NULL || end == p ? NULL : end;
}

static void note(resp_reply *out, const char *p, size_t len)
{
    if (out->strings < RESP_STRINGS)
        out->string[out->strings++] = (resp_string){ p, len };
}

size_t resp_take(resp_reply *out, const char *p, size_t len)
{
    size_t at = 0;
    uint64_t left = 1; /* values that are still to come */
    out->strings = 0;
    out->error = false;
    while (left > 0) {
        const char *end = line_end(p + at, len - at);
        long n;
        if (end == NULL)
            return 0;
        n = strtol(p + at + 1, NULL, 10);
        left--;
        switch (p[at]) {
        case '*':
            left += n > 0 ? (uint64_t)n : 0;
            break;
        case '$':
            if (n < 0)
                break;
            end++;
            if ((size_t)n + 2 > len - (size_t)(end - p))
                return 0;
            note(out, end, (size_t)n);
            end += n + 1;
            break;
        case '-':
            out->error = true;
            break;
        default:
            break;
        }
        at = (size_t)(end - p) + 1;
    }
    return at;
}
