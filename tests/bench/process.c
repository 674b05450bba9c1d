#include "tests/bench/process.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"

double bench_cpu_seconds(int pid)
{
    char path[64], text[1024];
    unsigned long user = 0, system = 0;
    const char *after;
    FILE *f;
    size_t n;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    f = fopen(path, "r");
    if (f == NULL)
        return 0;
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    (void)fclose(f);
    after = strrchr(text, ')');
    if (after != NULL)
        (void)sscanf(after,
                     ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                     &user, &system);
    {
        const long ticks = sysconf(_SC_CLK_TCK);
        return (double)(user + system) / (double)ticks;
    }
}

unsigned long bench_rss_kib(int pid)
{
    char path[64];
    unsigned long size, pages = 0;
    FILE *f;
    (void)snprintf(path, sizeof path, "/proc/%d/statm", pid);
    f = fopen(path, "r");
    if (f == NULL)
        return 0;
    if (fscanf(f, "%lu %lu", &size, &pages) != 2)
        pages = 0;
    (void)fclose(f);
    return pages * ((unsigned long)sysconf(_SC_PAGESIZE) / 1024);
}

int64_t bench_written(int pid)
{
    char path[64], line[128];
    int64_t written = -1;
    FILE *f;
    (void)snprintf(path, sizeof path, "/proc/%d/io", pid);
    f = fopen(path, "r");
    if (f == NULL)
        return -1;
    while (fgets(line, sizeof line, f) != NULL) {
        if (sscanf(line, "write_bytes: %" SCNd64, &written) == 1)
            break;
    }
    (void)fclose(f);
    return written;
}

static int by_time(const void *x, const void *y)
{
    const uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return a < b ? -1 : a > b;
}

void bench_phase_begin(bench_phase *p, const char *name)
{
    p->name = name;
    p->done = 0;
    p->start_ns = bench_now_ns();
    p->cpu = bench_cpu_seconds(p->pid);
    p->own = bench_cpu_seconds((int)getpid());
    p->written = bench_written(p->pid);
}

static void report_written(const bench_phase *p)
{
    const int64_t now = bench_written(p->pid);
    if (now < 0 || p->written < 0)
        (void)printf(",\"written_mib_per_100k\":null");
    else
        (void)printf(",\"written_mib_per_100k\":%.1f",
                     (double)(now - p->written) / (double)p->done * 1e5 /
                         1048576);
}

void bench_phase_report(bench_phase *p)
{
    const double s = (double)(bench_now_ns() - p->start_ns) / 1e9;
    const double n = (double)p->done;
    const double cpu = bench_cpu_seconds(p->pid) - p->cpu;
    const double own = bench_cpu_seconds((int)getpid()) - p->own;
    qsort(p->times, p->done, sizeof *p->times, by_time);
    (void)printf("{\"peer\":\"%s\",\"phase\":\"%s\",\"body\":%zu,"
                 "\"links\":%zu,\"window\":%" PRIu32 ",\"messages\":%" PRIu64
                 ",\"per_s\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
                 "\"max_ms\":%.3f,\"cpu_s_per_100k\":%.3f,"
                 "\"loader_cpu_s_per_100k\":%.3f,\"rss_kib\":%lu",
                 p->peer, p->name, p->body, p->links, p->window, p->done, n / s,
                 (double)p->times[p->done / 2] / 1e6,
                 (double)p->times[p->done * 99 / 100] / 1e6,
                 (double)p->times[p->done - 1] / 1e6, cpu / n * 1e5,
                 own / n * 1e5, bench_rss_kib(p->pid));
    report_written(p);
    (void)printf("}\n");
    (void)fflush(stdout);
}
