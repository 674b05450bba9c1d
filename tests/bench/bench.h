/* Measuring small operations: the median of many timed batches, so that a
 * busy neighbour on the machine moves the result little.
 *   bench("mlkem768 keygen", run_keygen, &ctx);
 */
#ifndef POSTERN_TESTS_BENCH_BENCH_H
#define POSTERN_TESTS_BENCH_BENCH_H

#include <stdint.h>

/* One operation. */
typedef void bench_fn(void *ctx);

/* Nanoseconds of a monotonic clock. */
uint64_t bench_now_ns(void);
/* The median time of one `run(ctx)` in nanoseconds, over 51 batches, each of
 * as many runs as fill about four milliseconds (at least one). */
double bench_median_ns(bench_fn *run, void *ctx);
/* Measure as above and print one line: name, time, operations per second. */
void bench(const char *name, bench_fn *run, void *ctx);

#endif
