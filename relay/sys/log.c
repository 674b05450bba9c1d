#include "relay/sys/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/base/json.h"

static const struct {
    const char *name;
    int priority; /* of syslog(3) */
} levels[] = {
    { "debug", 7 }, { "info", 6 }, { "warning", 4 }, { "error", 3 }
};

rl_log rl_log_init(pn_log_level level, bool json)
{
    return (rl_log){ .level = level,
                     .json = json,
                     .journal = getenv("JOURNAL_STREAM") != NULL };
}

static void utc(char out[24])
{
    const time_t now = time(NULL);
    struct tm tm;
    if (gmtime_r(&now, &tm) == NULL ||
        strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        out[0] = 0;
}

void rl_log_line(void *ctx, pn_log_level level, const char *line)
{
    const rl_log *log = ctx;
    char when[24], text[1200];
    if (log->muted || level < log->level)
        return;
    if (log->json) {
        pn_json j = pn_json_begin(text, sizeof text);
        utc(when);
        pn_json_text(&j, "type", "log");
        pn_json_text(&j, "time", when);
        pn_json_text(&j, "level", levels[level].name);
        pn_json_text(&j, "text", line);
        if (pn_json_end(&j) == PN_OK)
            (void)fprintf(stderr, "%s\n", text);
    } else if (log->journal) {
        (void)fprintf(stderr, "<%d>%s\n", levels[level].priority, line);
    } else {
        utc(when);
        (void)fprintf(stderr, "%s %s: %s\n", when, levels[level].name, line);
    }
}
