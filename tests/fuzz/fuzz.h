/* The one entry point of every fuzz target, called by libFuzzer, by afl++ and
 * by replay.c alike.
 *
 * A target asserts something: an invariant (`x_ok`), a round trip, "asked for
 * more, so it took some". Not crashing is the least of it. It keeps no state
 * between calls, frees what it takes, and always returns 0.
 */
#ifndef POSTERN_TESTS_FUZZ_FUZZ_H
#define POSTERN_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Feed data[0..len), borrowed for the call, to what is under test. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Like assert(), but never compiled away: release builds replay too. */
#define FUZZ_CHECK(cond)                                               \
    do {                                                               \
        if (!(cond)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
            abort();                                                   \
        }                                                              \
    } while (0)

#endif
