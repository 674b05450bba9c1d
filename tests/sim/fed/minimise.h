/* Make a failing schedule small: leave out parts of it, larger ones first, as
 * long as the same promise is broken without them (delta debugging; Zeller and
 * Hildebrandt 2002). Bounded by the number of runs.
 */
#ifndef POSTERN_TESTS_SIM_FED_MINIMISE_H
#define POSTERN_TESTS_SIM_FED_MINIMISE_H

#include <stdbool.h>
#include <stddef.h>

/* Whether what is kept (kept[i] for each of `count`) still fails so. */
typedef bool fed_still_fails(void *ctx, const bool *kept, size_t count);

/* kept[0..count) starts all true. Returns how many runs it took; stops after
 * `runs_max`. What is left fails, if all of it did. */
unsigned fed_minimise(bool *kept, size_t count, fed_still_fails *fails,
                      void *ctx, unsigned runs_max);

#endif
