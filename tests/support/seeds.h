/* How a simulator is asked for certain seeds: `PROGRAM --seeds A..B`, both
 * included, one after the other until one fails. Each is named on stderr before
 * it begins, as `seed N`: so a failure is repeated by its seed, also one that
 * ended the process.
 *
 * Not thread-safe. Needs cmocka, whose assertions the runs may use.
 */
#ifndef POSTERN_TESTS_SUPPORT_SEEDS_H
#define POSTERN_TESTS_SUPPORT_SEEDS_H

#include <stdbool.h>
#include <stdint.h>

/* One run; it fails by an assertion, or by ending the process. */
typedef void seeds_fn(uint64_t seed);

/* Whether the command line asks for seeds. */
bool seeds_asked(int argc, char **argv);
/* Run them. Returns what the program is to end with: 0 if none failed, 2 if the
 * range is none. */
int seeds_run(int argc, char **argv, seeds_fn *run);

#endif
