/* The writing half of config.h: the file posternd init leaves behind, and the
 * example an operator reads, from the same table as the parser. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "relay/sys/config_keys.h"

typedef struct writer {
    char *p;
    size_t cap;
    size_t len;
    bool full;
} writer;

static PN_PRINTF(2, 3) void put(writer *w, const char *fmt, ...)
{
    va_list args;
    int n;
    if (w->full)
        return;
    va_start(args, fmt);
    n = vsnprintf(w->p + w->len, w->cap - w->len, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= w->cap - w->len)
        w->full = true;
    else
        w->len += (size_t)n;
}

static void put_help(writer *w, const char *help)
{
    while (*help != 0) {
        const size_t len = strcspn(help, "\n");
        put(w, "# %.*s\n", (int)len, help);
        help += help[len] == '\n' ? len + 1 : len;
    }
}

static void put_duration(writer *w, const char *name, uint64_t ms)
{
    if (ms % 1000 == 0)
        put(w, "%s = %" PRIu64 "s\n", name, ms / 1000);
    else
        put(w, "%s = %" PRIu64 "ms\n", name, ms);
}

/* Write the key as it is set in *config. */
static void put_value(writer *w, const rl_key *key, const rl_config *config)
{
    static const char *const levels[] = { "debug", "info", "warning", "error" };
    static const char *const accesses[] = { "open", "secret", "closed" };
    const void *field = (const char *)config + key->at;
    switch (key->kind) {
    case RL_KEY_LISTEN:
        for (size_t i = 0; i < config->listen_count; i++)
            put(w, "listen = %s\n", config->listen[i]);
        break;
    case RL_KEY_ENDPOINT:
    case RL_KEY_NAME:
        put(w, "%s = %s\n", key->name, (const char *)field);
        break;
    case RL_KEY_LEVEL:
        put(w, "%s = %s\n", key->name, levels[config->log_level]);
        break;
    case RL_KEY_ACCESS:
        put(w, "%s = %s\n", key->name, accesses[config->access]);
        break;
    case RL_KEY_NUMBER:
        put(w, "%s = %" PRIu32 "\n", key->name, *(const uint32_t *)field);
        break;
    case RL_KEY_DURATION:
        put_duration(w, key->name, *(const uint64_t *)field);
        break;
    }
}

/* Whether the key has its default value: both written the same way. */
static bool is_initial(const rl_key *key, const rl_config *config)
{
    char ours[RL_LISTEN_MAX * (RL_ENDPOINT_MAX + 16)] = "";
    char theirs[sizeof ours] = "";
    writer a = { .p = ours, .cap = sizeof ours };
    writer b = { .p = theirs, .cap = sizeof theirs };
    rl_config initial;
    rl_config_defaults(&initial);
    put_value(&a, key, config);
    put_value(&b, key, &initial);
    return strcmp(ours, theirs) == 0;
}

pn_err rl_config_write(const rl_config *config, char *out, size_t cap)
{
    writer w = { .p = out, .cap = cap };
    put(&w, "# Configuration of a Postern relay (posternd).\n"
            "# Lines are `key = value`. Lines that begin with # do nothing: "
            "those below\n"
            "# show the default. Check a change with `posternd check`, take "
            "it up with\n"
            "# `posternd run` or, where it says reloadable, with SIGHUP.\n");
    for (size_t i = 0; i < rl_key_count; i++) {
        put(&w, "\n");
        put_help(&w, rl_keys[i].help);
        if (is_initial(&rl_keys[i], config))
            put(&w, "#%s =%s%s\n", rl_keys[i].name,
                rl_keys[i].initial[0] == 0 ? "" : " ", rl_keys[i].initial);
        else
            put_value(&w, &rl_keys[i], config);
    }
    return w.full ? PN_E_FULL : PN_OK;
}
