/* Make the n-th allocation fail.
 *   for (unsigned n = 1; faults_arm(n); n++) { ...; if (!faults_hit()) break; }
 */
#ifndef POSTERN_TESTS_SUPPORT_FAULTS_H
#define POSTERN_TESTS_SUPPORT_FAULTS_H

#include <stdbool.h>

/* The n-th pn_alloc() from now (1 is the next) fails, once. Returns true. */
bool faults_arm(unsigned n);
/* Whether the armed failure has happened; disarms. */
bool faults_hit(void);

#endif
