/* What relays say to an engine of lonely.h, as a test wants it. Whatever it is,
 * the engine holds it for possible, or ends the link.
 */
#ifndef POSTERN_TESTS_SUPPORT_LONELYRELAY_H
#define POSTERN_TESTS_SUPPORT_LONELYRELAY_H

#include "tests/support/lonely.h"

enum { LONELYRELAY_WAYS = 7 };

/* Links to all relays that were asked for. */
void lonelyrelay_link(lonely *l);
/* Answer every request that is out, in one of so many ways: 0 is yes. */
void lonelyrelay_answer(lonely *l, unsigned way);
/* The answers of where parcels went that others took: in one of so many ways,
 * none of which can be read. */
void lonelyrelay_reply(lonely *l, unsigned way);
/* Give what lies in every open queue, whole or spoilt. */
void lonelyrelay_deliver(lonely *l, bool spoilt);
/* Say of every open queue that it is closed. */
void lonelyrelay_close(lonely *l, pn_closed_reason why);

#endif
