/* Make the n-th allocation fail.
 *   for (unsigned n = 1; faults_arm(n); n++) { ...; if (!faults_hit()) break; }
 */
#ifndef POSTERN_TESTS_SUPPORT_FAULTS_H
#define POSTERN_TESTS_SUPPORT_FAULTS_H

#include <stdbool.h>

/* The n-th pn_alloc() from now (1 is the next) fails, once. Returns true. */
bool faults_arm(unsigned n);
/* The same, and the `more` allocations after it fail, too. */
bool faults_arm_run(unsigned n, unsigned more);
/* Whether the armed failure has happened; disarms. */
bool faults_hit(void);
/* Allocations while paused are neither counted nor made to fail: for what
 * stands around the code under test. Returns whether it was paused before. */
bool faults_pause(bool paused);

#endif
