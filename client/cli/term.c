#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/cli.h"

static const char *code_name(cli_exit code)
{
    switch (code) {
    case CLI_OK:
        return "ok";
    case CLI_OTHER:
        return "other";
    case CLI_USAGE:
        return "usage";
    case CLI_NOTHING:
        return "nothing";
    case CLI_UNKNOWN_CONTACT:
        return "unknown-contact";
    case CLI_MALFORMED:
        return "malformed";
    case CLI_UNREACHABLE:
        return "unreachable";
    case CLI_INTERNAL:
        return "internal";
    case CLI_LOCKED:
        return "locked";
    case CLI_IO:
        return "io";
    case CLI_KEPT:
        return "kept";
    case CLI_PROTOCOL:
        return "protocol";
    case CLI_REFUSED:
        return "refused";
    case CLI_CONFIG:
        return "config";
    }
    return "other";
}

/* What could move the cursor, turn the text around or hide a part of it. */
static bool is_hostile(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe0fff);
}

/* The character at the front and its length; an odd byte is its own. */
static size_t character(const uint8_t *p, size_t len, uint32_t *out)
{
    size_t n = p[0] < 0xc0 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (n > len || !rpc_is_utf8(p, n)) {
        *out = 0x80; /* hostile: shown as a byte */
        return 1;
    }
    *out = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        *out = *out << 6 | (p[i] & 0x3fu);
    return n;
}

size_t cli_character(const char *text, size_t len, bool *is_shown)
{
    uint32_t c;
    const size_t n = character((const uint8_t *)text, len, &c);
    *is_shown = !is_hostile(c);
    return n;
}

void cli_put(FILE *to, const char *text, size_t len, int indent)
{
    const uint8_t *p = (const uint8_t *)text;
    for (size_t at = 0; at < len;) {
        uint32_t c;
        const size_t n = character(p + at, len - at, &c);
        if (c == '\n' && indent >= 0)
            (void)fprintf(to, "\n%*s", indent, "");
        else if (c == '\t' && indent >= 0)
            (void)fputc('\t', to);
        else if (n == 1 && p[at] >= 0x80)
            (void)fprintf(to, "\\x%02x", (unsigned)p[at]);
        else if (is_hostile(c))
            (void)fprintf(to, "\\u{%x}", (unsigned)c);
        else
            (void)fwrite(p + at, 1, n, to);
        at += n;
    }
}

void cli_puts(const char *text)
{
    cli_put(stdout, text, strlen(text), -1);
}

void cli_field(const char *label, const char *value)
{
    if (value[0] == 0)
        return;
    (void)printf("%-14s ", label);
    cli_puts(value);
    (void)putchar('\n');
}

cli_exit cli_say(const cli_args *args, cli_exit code, const char *fmt, ...)
{
    char text[2048];
    va_list va;
    va_start(va, fmt);
    (void)vsnprintf(text, sizeof text, fmt, va);
    va_end(va);
    if (args->json) {
        json_t *object =
            json_pack("{s:s, s:i, s:o}", "code", code_name(code), "exit",
                      (int)code, "message", rpc_text(text));
        (void)cli_print_json(args, stderr, "error", object);
        json_decref(object);
    } else {
        (void)fputs("postern: ", stderr);
        cli_put(stderr, text, strlen(text), -1);
        (void)fputc('\n', stderr);
    }
    return code;
}

void cli_note(const cli_args *args, const char *fmt, ...)
{
    char text[2048];
    va_list va;
    if (args->quiet || args->json)
        return;
    va_start(va, fmt);
    (void)vsnprintf(text, sizeof text, fmt, va);
    va_end(va);
    cli_put(stderr, text, strlen(text), 0);
    (void)fputc('\n', stderr);
}

cli_exit cli_print_json(const cli_args *args, FILE *to, const char *type,
                        const json_t *object)
{
    json_t *line = json_pack("{s:i, s:s}", "v", 1, "type", type);
    json_t *rest = json_copy((json_t *)(uintptr_t)object);
    char *text = NULL;
    /* The copy lacks what there was no memory for. */
    const bool is_whole = json_object_size(rest) == json_object_size(object);
    size_t len;
    if (rest != NULL)
        (void)json_object_del(rest, "type");
    if (line != NULL && is_whole &&
        (rest == NULL || json_object_update(line, rest) == 0))
        text = rpc_dump(line, &len);
    json_decref(rest);
    json_decref(line);
    if (text == NULL)
        return to == stderr ? CLI_INTERNAL
                            : cli_fail(args, CLI_INTERNAL, "no memory");
    (void)fwrite(text, 1, len, to);
    rpc_free(text);
    return CLI_OK;
}

const char *cli_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

bool cli_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

bool cli_may_ask(const cli_args *args)
{
    return !args->no_input && isatty(STDERR_FILENO) == 1;
}

bool cli_has_color(int fd)
{
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return isatty(fd) == 1 && (no == NULL || no[0] == 0) && term != NULL &&
           strcmp(term, "dumb") != 0;
}

cli_exit cli_flush(const cli_args *args)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return CLI_OK;
    return cli_fail(args, CLI_IO, "cannot write the output: %s",
                    strerror(errno));
}

cli_exit cli_done(const cli_args *args, const char *type, json_t *object)
{
    cli_exit code = CLI_OK;
    if (args->json)
        code = cli_print_json(args, stdout, type, object);
    json_decref(object);
    return code == CLI_OK ? cli_flush(args) : code;
}
