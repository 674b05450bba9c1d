#include "tests/bench/peers/nats_wire.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS = 6 }; /* HMSG subject sid reply header total */

bool nats_starts(nats_text t, const char *with)
{
    const size_t n = strlen(with);
    return t.len >= n && memcmp(t.p, with, n) == 0;
}

bool nats_holds(nats_text t, const char *what)
{
    for (; t.len > 0; t.p++, t.len--) {
        if (nats_starts(t, what))
            return true;
    }
    return false;
}

static size_t split(nats_text *words, const char *p, const char *end)
{
    size_t n = 0;
    while (n < WORDS && p < end) {
        const char *space = memchr(p, ' ', (size_t)(end - p));
        const char *stop = space != NULL ? space : end;
        words[n++] = (nats_text){ p, (size_t)(stop - p) };
        p = stop + 1;
    }
    return n;
}

static nats_kind kind_of(nats_text word)
{
    static const struct {
        const char *word;
        nats_kind kind;
    } kinds[] = { { "PING", NATS_PING },   { "PONG", NATS_PONG },
                  { "INFO", NATS_OTHER },  { "+OK", NATS_OTHER },
                  { "HMSG", NATS_STATUS }, { "MSG", NATS_MSG } };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (word.len == strlen(kinds[i].word) &&
            nats_starts(word, kinds[i].word))
            return kinds[i].kind;
    }
    return NATS_ERROR;
}

size_t nats_take(nats_op *out, const char *p, size_t len)
{
    nats_text words[WORDS] = { 0 };
    const char *end = memchr(p, '\n', len);
    size_t line, count, body;
    if (end == NULL)
        return 0;
    line = (size_t)(end - p) + 1;
    count = split(words, p, line >= 2 ? end - 1 : end);
    *out = (nats_op){ .kind = kind_of(words[0]), .payload = { p, line } };
    if (out->kind != NATS_MSG && out->kind != NATS_STATUS)
        return line;
    if (count < 4) {
        out->kind = NATS_ERROR;
        return line;
    }
    out->subject = words[1];
    if (count > (out->kind == NATS_MSG ? 4U : 5U))
        out->reply = words[3];
    /* The number ends before the line does. */
    body = strtoul(words[count - 1].p, NULL, 10);
    if (len - line < 2 || body > len - line - 2)
        return 0;
    out->payload = (nats_text){ p + line, body };
    return line + body + 2;
}
