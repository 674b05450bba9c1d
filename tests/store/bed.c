#include "tests/store/bed.h"

#include <stdio.h>
#include <string.h>

static void finding(void *ctx, rl_severity severity, const char *text)
{
    bed *b = ctx;
    b->found[severity]++;
    (void)snprintf(b->last_found, sizeof b->last_found, "%s", text);
}

void bed_init(bed *b, uint64_t seed)
{
    memset(b, 0, sizeof *b);
    simfs_init(&b->disk, seed * 3 + 1);
    b->fs = simfs_fs(&b->disk);
    simenv_init(&b->sim, seed * 5 + 2);
    b->env = simenv_env(&b->sim);
    rl_log_config_default(&b->cfg);
    b->cfg.threads = false;
    b->cfg.segment_bytes = 256 * 1024;
    b->cfg.max_segments = 64;
    b->cfg.spare_segments = 4;
    b->cfg.max_queues = 1000;
    b->cfg.max_messages = 10000;
    b->cfg.min_free = 1 << 20;
    b->cfg.snapshot_every = 192 * 1024;
    b->cfg.finding = finding;
    b->cfg.finding_ctx = b;
}

void bed_free(bed *b)
{
    rl_store_log_abandon(&b->store);
    simfs_free(&b->disk);
}

pn_err bed_open(bed *b, rl_log_open mode)
{
    memset(b->found, 0, sizeof b->found);
    b->last_found[0] = '\0';
    b->cfg.mode = mode;
    return rl_store_log_open(&b->store, &b->fs, &b->env, &b->cfg);
}
