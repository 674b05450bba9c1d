/* How a run ends that has found something: the first finding is noted where a
 * parent process can read it, and the process is over. Nothing is unwound, so
 * a check may stand anywhere, inside the deepest callback of a core.
 */
#ifndef POSTERN_TESTS_SIM_FED_FAIL_H
#define POSTERN_TESTS_SIM_FED_FAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/err.h"

enum { FED_WHAT_MAX = 160, FED_DETAIL_MAX = 400, FED_EXIT = 9 };

/* What is known of a run, in memory shared with the parent. */
typedef struct fed_note {
    uint64_t seed;
    uint64_t at_ms;              /* virtual */
    char what[FED_WHAT_MAX];     /* the promise that was broken; "": none */
    char detail[FED_DETAIL_MAX]; /* by whom, on which relay */
} fed_note;

/* Where findings go; NULL (the start): nowhere but to stderr. Borrowed. */
void fed_fail_to(fed_note *note);
/* The run that goes on now, and its time, for fed_fail(). */
void fed_fail_at(uint64_t seed, const uint64_t *now_ms);
/* `what` is the same for the same promise: a minimiser compares it. */
_Noreturn void fed_fail(const char *what, const char *fmt, ...) PN_PRINTF(2, 3);

#define FED_CHECK(cond, what, ...)       \
    do {                                 \
        if (!(cond))                     \
            fed_fail(what, __VA_ARGS__); \
    } while (0)

#endif
