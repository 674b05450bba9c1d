#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
    case CLI_MALFORMED:
        return "malformed";
    case CLI_UNREACHABLE:
        return "unreachable";
    case CLI_INTERNAL:
        return "internal";
    case CLI_IO:
        return "io";
    case CLI_PROTOCOL:
        return "protocol";
    }
    return "other";
}

/* A JSON string. What is not printable ASCII goes out as an escape of its
 * code; words from the command line need not be UTF-8. */
static void print_quoted(FILE *to, const char *text)
{
    (void)fputc('"', to);
    for (const unsigned char *c = (const unsigned char *)text; *c != 0; c++) {
        if (*c == '"' || *c == '\\')
            (void)fprintf(to, "\\%c", *c);
        else if (*c < 0x20 || *c >= 0x7f)
            (void)fprintf(to, "\\u%04x", (unsigned)*c);
        else
            (void)fputc(*c, to);
    }
    (void)fputc('"', to);
}

cli_exit cli_fail(const cli_args *args, cli_exit code, const char *fmt, ...)
{
    char text[1024];
    va_list va;
    va_start(va, fmt);
    (void)vsnprintf(text, sizeof text, fmt, va);
    va_end(va);
    if (args->json) {
        (void)fprintf(stderr,
                      "{\"v\":1,\"type\":\"error\",\"code\":\"%s\","
                      "\"exit\":%d,\"message\":",
                      code_name(code), (int)code);
        print_quoted(stderr, text);
        (void)fputs("}\n", stderr);
    } else {
        (void)fprintf(stderr, "postern: %s\n", text);
    }
    return code;
}

void cli_json_begin(const char *type)
{
    (void)printf("{\"v\":1");
    cli_json_text("type", type);
}

void cli_json_text(const char *key, const char *value)
{
    (void)printf(",\"%s\":", key);
    print_quoted(stdout, value);
}

void cli_json_u64(const char *key, uint64_t value)
{
    (void)printf(",\"%s\":%" PRIu64, key, value);
}

void cli_json_i64(const char *key, int64_t value)
{
    (void)printf(",\"%s\":%" PRId64, key, value);
}

void cli_json_milli(const char *key, uint64_t thousandths)
{
    (void)printf(",\"%s\":%" PRIu64 ".%03u", key, thousandths / 1000,
                 (unsigned)(thousandths % 1000));
}

void cli_json_end(void)
{
    (void)printf("}\n");
}

cli_exit cli_flush(const cli_args *args)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return CLI_OK;
    return cli_fail(args, CLI_IO, "cannot write the output: %s",
                    strerror(errno));
}
