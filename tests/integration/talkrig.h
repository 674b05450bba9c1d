/* One relay, and people of libpostern who meet through it, for tests in C:
 * posternd is the real one, on a port of 127.0.0.1 that it keeps over restarts.
 * Everything lies in a directory that the teardown removes. What fails, fails
 * the test. */
#ifndef POSTERN_TESTS_INTEGRATION_TALKRIG_H
#define POSTERN_TESTS_INTEGRATION_TALKRIG_H

#include "tests/support/cmocka.h"

#include <postern/postern.h>
#include <sys/types.h>

enum { WAIT_MS = 30000, LINE = 1024 };

/* The program `posternd`, from the command line; set before the set-up. */
extern const char *posternd;
/* The directory of everything: people's stores under their names. */
extern char root[128];

/* cmocka's group fixtures: a relay made and started; all stopped, removed. */
int talkrig_setup(void **state);
int talkrig_teardown(void **state);

/* Returns when the relay is ready. */
void relay_start(void);
/* With this signal; does nothing if it does not run. */
void relay_stop(int how);

/* Open the store of this name, made if there is none; the caller closes it. */
postern_client *open_as(const char *name, uint32_t drive);
/* The same, with the relay added. */
postern_client *person(const char *name, uint32_t drive);
/* It went well, or its text is printed. */
void must(postern_client *c, int error);
void nap(unsigned ms);

/* `a` invites, `b` accepts: contacts "bob" of `a` and "alice" of `b`. */
void meet(postern_client *a, postern_client *b, uint32_t offline);
/* Acknowledge and free. */
void ack(postern_client *c, postern_event *event);
/* The next event but for a relay's coming and going, and for receipts, which
 * come with any message; it is of this kind. */
postern_event *next(postern_client *c, uint32_t kind);
/* Send a text; its id to `id` unless NULL. */
void say(postern_client *c, const char *to, const char *text, char *id);
/* The next event is this text. */
void hear(postern_client *c, const char *text);

#endif
