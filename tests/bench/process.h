/* What a server under measurement costs, and the figures of one phase.
 * Thread rule: one thread.
 */
#ifndef POSTERN_TESTS_BENCH_PROCESS_H
#define POSTERN_TESTS_BENCH_PROCESS_H

#include <stddef.h>
#include <stdint.h>

/* CPU seconds a process has used, user and system; 0 if it is not there. */
double bench_cpu_seconds(int pid);
/* Its resident set. */
unsigned long bench_rss_kib(int pid);
/* Bytes it has caused to be written to storage, -1 if the kernel does not say
 * (another user's process, or one that forbids it). On tmpfs always 0. */
int64_t bench_written(int pid);

typedef struct bench_phase {
    const char *peer;  /* which server */
    const char *name;  /* of the phase */
    int pid;           /* the server */
    size_t body;       /* bytes of one message */
    size_t links;      /* connections of senders, and as many of recipients */
    uint32_t window;   /* messages under way on each */
    uint64_t done;     /* messages */
    uint64_t start_ns; /* bench_now_ns() at the beginning */
    double cpu, own;   /* seconds used by then, the server's and ours */
    int64_t written;   /* by then */
    uint64_t *times;   /* ns, `done` of them; sorted by the report */
} bench_phase;

/* Note where the phase begins; `times` and the shape stay. */
void bench_phase_begin(bench_phase *p, const char *name);
/* One line of JSON on stdout; what could not be measured is null. */
void bench_phase_report(bench_phase *p);

#endif
