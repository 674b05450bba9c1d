#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/json.h"
#include "relay/cmd/cmd.h"

static const char *code_name(rl_exit code)
{
    switch (code) {
    case RL_EXIT_OK:
        return "ok";
    case RL_EXIT_OTHER:
        return "other";
    case RL_EXIT_USAGE:
        return "usage";
    case RL_EXIT_UNREACHABLE:
        return "unreachable";
    case RL_EXIT_INTERNAL:
        return "internal";
    case RL_EXIT_CANNOT_CREATE:
        return "cannot_create";
    case RL_EXIT_IO:
        return "io";
    case RL_EXIT_PROTOCOL:
        return "protocol";
    case RL_EXIT_CONFIG:
        return "configuration";
    }
    return "other";
}

rl_exit rl_fail(const rl_args *args, rl_exit code, const char *fmt, ...)
{
    char text[1536], line[4096];
    pn_json j = pn_json_begin(line, sizeof line);
    va_list va;
    va_start(va, fmt);
    (void)vsnprintf(text, sizeof text, fmt, va);
    va_end(va);
    if (!args->json) {
        (void)fprintf(stderr, "posternd: %s\n", text);
        return code;
    }
    pn_json_text(&j, "type", "error");
    pn_json_text(&j, "code", code_name(code));
    pn_json_u64(&j, "exit", (uint64_t)code);
    pn_json_text(&j, "message", text);
    if (pn_json_end(&j) == PN_OK)
        (void)fprintf(stderr, "%s\n", line);
    return code;
}

void rl_note(const rl_args *args, const char *fmt, ...)
{
    va_list va;
    if (args->quiet || args->json)
        return;
    va_start(va, fmt);
    (void)vfprintf(stderr, fmt, va);
    va_end(va);
    (void)fputc('\n', stderr);
}

rl_exit rl_flush(const rl_args *args)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return RL_EXIT_OK;
    return rl_fail(args, RL_EXIT_IO, "cannot write the output: %s",
                   strerror(errno));
}
