/* Two people for session tests: Alice, who accepts, and Bob, who invited.
 * One simulated environment serves both.
 */
#ifndef POSTERN_TESTS_SUPPORT_COUPLE_H
#define POSTERN_TESTS_SUPPORT_COUPLE_H

#include "client/core/session.h"
#include "tests/support/simenv.h"

enum { COUPLE_ROOM = 8192 };

typedef struct person {
    cl_identity id;
    cl_bundle bundle; /* an invitation of this person's */
    cl_prekeys keys;  /* its private half */
    cl_session *session;
} person;

typedef struct couple {
    simenv sim;
    pn_env env;
    person a, b;
} couple;

/* One sealed message. */
typedef struct letter {
    uint8_t bytes[COUPLE_ROOM];
    size_t len;
} letter;

/* Everything fresh; nobody has started yet. */
void couple_init(couple *c, uint64_t seed, cl_profile profile);
void couple_free(couple *c);
/* Alice starts on Bob's invitation, and both have written and read once. */
void couple_meet(couple *c);

pn_err person_start(couple *c, person *from, const person *to);
pn_err person_seal(couple *c, person *from, const char *text, letter *out);
/* Open; on success *text (COUPLE_ROOM bytes) is what was said. */
pn_err person_open(couple *c, person *to, const letter *in, char *text,
                   cl_opened *opened);
/* Seal, open, compare; PN_E_PROTO if something else came out. */
pn_err person_tell(couple *c, person *from, person *to, const char *text);
/* Write the session and read it back. */
pn_err person_restart(person *p);
/* A copy of the session, for one who stole it; the caller frees it. */
cl_session *person_snapshot(const person *p);

#endif
