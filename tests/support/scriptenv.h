/* An environment whose random bytes are written down beforehand: what vectors
 * need. Time is a simenv's. Asking for more than was written fails.
 */
#ifndef POSTERN_TESTS_SUPPORT_SCRIPTENV_H
#define POSTERN_TESTS_SUPPORT_SCRIPTENV_H

#include "proto/base/bytes.h"
#include "tests/support/simenv.h"

typedef struct scriptenv {
    simenv sim;
    uint8_t bytes[1024];
    size_t len, at;
} scriptenv;

void scriptenv_init(scriptenv *s);
/* The environment that reads *s, which must outlive it. */
pn_env scriptenv_env(scriptenv *s);
/* Append to what will be drawn. PN_E_FULL past the room above. */
PN_MUST_USE pn_err scriptenv_add(scriptenv *s, pn_bytes bytes);
/* Everything written has been drawn. */
bool scriptenv_is_spent(const scriptenv *s);

#endif
