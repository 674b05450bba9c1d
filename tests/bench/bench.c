#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCHES = 51, BATCH_NS = 4000000 };

uint64_t bench_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static uint64_t batch_ns(bench_fn *run, void *ctx, uint64_t runs)
{
    const uint64_t start = bench_now_ns();
    for (uint64_t i = 0; i < runs; i++)
        run(ctx);
    return bench_now_ns() - start;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median_ns(bench_fn *run, void *ctx)
{
    double sample[BATCHES];
    uint64_t runs = 1;
    while (batch_ns(run, ctx, runs) < BATCH_NS)
        runs *= 2;
    for (unsigned i = 0; i < BATCHES; i++) {
        const uint64_t ns = batch_ns(run, ctx, runs);
        sample[i] = (double)ns / (double)runs;
    }
    qsort(sample, BATCHES, sizeof sample[0], by_value);
    return sample[BATCHES / 2];
}

void bench(const char *name, bench_fn *run, void *ctx)
{
    const double ns = bench_median_ns(run, ctx);
    printf("%-28s %10.3f us %12.0f/s\n", name, ns / 1e3, 1e9 / ns);
    fflush(stdout);
}
