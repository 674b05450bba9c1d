/* What one relay has promised, told from the frames on its links alone: what it
 * said it stored, and has not been told to forget. Now and then, and after each
 * of its deaths, its store is asked whether all of that is there.
 */
#ifndef POSTERN_TESTS_SIM_FED_SHADOW_H
#define POSTERN_TESTS_SIM_FED_SHADOW_H

#include "proto/wire/msg.h"
#include "relay/store/store.h"

typedef struct fed_shadow fed_shadow;

/* `now_ms` is borrowed. */
fed_shadow *fed_shadow_new(size_t relay, const uint64_t *now_ms);
void fed_shadow_free(fed_shadow **s);
/* What came by link `peer`, before the core sees it, and what left there. */
void fed_shadow_heard(fed_shadow *s, uint64_t peer, const pn_msg *msg);
void fed_shadow_told(fed_shadow *s, uint64_t peer, const pn_msg *msg);
/* What its core hands to its store. */
void fed_shadow_submitted(fed_shadow *s, const rl_op *op);
/* The link is gone. */
void fed_shadow_gone(fed_shadow *s, uint64_t peer);
/* The process has died: questions under way have no answer. */
void fed_shadow_crashed(fed_shadow *s);
/* It has lost its disk: nothing it said counts any more. */
void fed_shadow_wiped(fed_shadow *s);
/* It lies from now on: nothing is asked. */
void fed_shadow_distrust(fed_shadow *s);
/* Ask the store; answers come by fed_shadow_result(). */
void fed_shadow_audit(fed_shadow *s, rl_store *store);
/* A result of the store; whether it was an answer to the shadow. */
bool fed_shadow_result(fed_shadow *s, const rl_result *result);
/* How much was said to be stored, and found, since the beginning. */
uint64_t fed_shadow_promised(const fed_shadow *s);
uint64_t fed_shadow_found(const fed_shadow *s);

#endif
