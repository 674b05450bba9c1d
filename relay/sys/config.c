#include "relay/sys/config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "proto/base/text.h"
#include "relay/sys/config_keys.h"

static PN_PRINTF(3, 4) pn_err
    blame(rl_config_fault *fault, unsigned line, const char *fmt, ...)
{
    va_list args;
    fault->line = line;
    va_start(args, fmt);
    (void)vsnprintf(fault->text, sizeof fault->text, fmt, args);
    va_end(args);
    return PN_E_PROTO;
}

void rl_config_defaults(rl_config *out)
{
    char why[8];
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < rl_key_count; i++) {
        /* `listen` has its default only while no line gives one; an empty
         * initial value is the zero the field already has. Both cannot fail:
         * the table is ours, and a test parses every initial value. */
        if (rl_keys[i].kind != RL_KEY_LISTEN && rl_keys[i].initial[0] != 0 &&
            rl_key_set(&rl_keys[i], out, rl_keys[i].initial, why, sizeof why) !=
                PN_OK)
            return;
    }
    (void)snprintf(out->listen[0], RL_ENDPOINT_MAX, "%s", rl_keys[0].initial);
    out->listen_count = 1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cut blanks off both ends of s, in place. */
static char *trim(char *s)
{
    size_t len;
    while (is_blank(*s))
        s++;
    len = strlen(s);
    while (len > 0 && is_blank(s[len - 1]))
        s[--len] = 0;
    return s;
}

typedef struct parser {
    rl_config config;
    bool *seen; /* per key */
    rl_config_fault *fault;
} parser;

static pn_err parse_line(parser *p, unsigned number, char *line)
{
    char *name = trim(line), *value, *equals;
    if (name[0] == 0 || name[0] == '#')
        return PN_OK;
    equals = strchr(name, '=');
    if (equals == NULL)
        return blame(p->fault, number, "want `key = value`");
    *equals = 0;
    value = trim(equals + 1);
    name = trim(name);
    for (size_t i = 0; i < rl_key_count; i++) {
        char why[120];
        if (strcmp(name, rl_keys[i].name) != 0)
            continue;
        if (p->seen[i] && rl_keys[i].kind != RL_KEY_LISTEN)
            return blame(p->fault, number, "`%s` is given twice", name);
        p->seen[i] = true;
        if (rl_key_set(&rl_keys[i], &p->config, value, why, sizeof why) !=
            PN_OK)
            return blame(p->fault, number, "%s: %s", rl_keys[i].name, why);
        return PN_OK;
    }
    return blame(p->fault, number, "unknown key `%.60s`", name);
}

pn_err rl_config_parse(rl_config *out, pn_bytes text, rl_config_fault *fault)
{
    bool seen[RL_KEYS_MAX] = { false };
    parser p = { .seen = seen, .fault = fault };
    unsigned number = 0;
    if (text.len > RL_CONFIG_BYTES_MAX)
        return blame(fault, 0, "larger than %d bytes", RL_CONFIG_BYTES_MAX);
    rl_config_defaults(&p.config);
    p.config.listen_count = 0;
    while (text.len > 0) {
        char line[RL_CONFIG_LINE_MAX];
        const uint8_t *end = memchr(text.p, '\n', text.len);
        const size_t len = end == NULL ? text.len : (size_t)(end - text.p);
        number++;
        if (len >= sizeof line)
            return blame(fault, number, "line longer than %d bytes",
                         RL_CONFIG_LINE_MAX - 1);
        if (memchr(text.p, 0, len) != NULL)
            return blame(fault, number, "a NUL byte is not text");
        memcpy(line, text.p, len);
        line[len] = 0;
        PN_TRY(parse_line(&p, number, line));
        text.p += end == NULL ? len : len + 1;
        text.len -= end == NULL ? len : len + 1;
    }
    if (p.config.listen_count == 0) {
        (void)snprintf(p.config.listen[0], RL_ENDPOINT_MAX, "%s",
                       rl_keys[0].initial);
        p.config.listen_count = 1;
    }
    PN_TRY(rl_config_ok(&p.config, fault));
    *out = p.config;
    return PN_OK;
}

pn_err rl_config_ok(const rl_config *config, rl_config_fault *fault)
{
    struct sockaddr_storage first;
    if (config->listen_count < 1 || config->listen_count > RL_LISTEN_MAX ||
        rl_endpoint_parse(config->listen[0], &first) != PN_OK)
        return blame(fault, 0, "no usable `listen`");
    if (rl_endpoint_is_any(&first) && config->advertise[0] == 0)
        return blame(fault, 0,
                     "`listen = %.60s` is no address a client can dial: set "
                     "`advertise = HOST:PORT`",
                     config->listen[0]);
    if (!pn_line_ok((pn_bytes){ (const uint8_t *)config->operator_name,
                                strlen(config->operator_name) }))
        return blame(fault, 0,
                     "`operator` wants a line of UTF-8 without control "
                     "characters");
    if (config->command_burst < config->commands_per_second / 10)
        return blame(fault, 0,
                     "`command_burst` is below a tenth of "
                     "`commands_per_second`: no link could reach that rate");
    if (config->access == RL_CONFIG_SECRET && config->access_secret[0] == 0)
        return blame(fault, 0,
                     "`access = secret` needs an `access_secret` to ask for");
    return PN_OK;
}

const char *rl_config_endpoint(const rl_config *config)
{
    return config->advertise[0] != 0 ? config->advertise : config->listen[0];
}

pn_err rl_duration_parse(const char *text, uint64_t *out_ms)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = { { "ms", 1 },
                  { "s", 1000 },
                  { "m", UINT64_C(60) * 1000 },
                  { "h", UINT64_C(3600) * 1000 },
                  { "d", UINT64_C(86400) * 1000 } };
    const size_t digits = strspn(text, "0123456789");
    const uint64_t most = UINT64_C(3650) * 86400 * 1000;
    uint64_t v = 0;
    if (digits == 0 || digits > 12)
        return PN_E_PROTO;
    for (size_t i = 0; i < digits; i++)
        v = v * 10 + (uint64_t)(text[i] - '0');
    if (text[digits] == 0 && v == 0) {
        *out_ms = 0;
        return PN_OK;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(text + digits, units[i].name) != 0)
            continue;
        if (v > most / units[i].ms)
            return PN_E_PROTO;
        *out_ms = v * units[i].ms;
        return PN_OK;
    }
    return PN_E_PROTO;
}
