/* One person's store, taken out of a whole exchange at a certain moment, and an
 * engine on it alone: it asks for links, and nobody answers unless the test
 * does. As many copies as one likes, all alike.
 */
#ifndef POSTERN_TESTS_SUPPORT_LONELY_H
#define POSTERN_TESTS_SUPPORT_LONELY_H

#include "client/core/engine_state.h"
#include "tests/support/memstore.h"
#include "tests/support/simenv.h"

typedef enum lonely_moment {
    LONELY_NEW,       /* knows a relay that wants a secret, and nobody */
    LONELY_INVITING,  /* a link and an offline invitation are open, one is
                       * answered, one revoked, one being made */
    LONELY_FETCHING,  /* answers a link: the bundle is not there yet */
    LONELY_ANSWERING, /* and an offline one: no queue of either yet */
    LONELY_MET,       /* the same, when the contact is made and no relay has
                       * our first message */
    LONELY_WAITING,   /* contact "peer" on two relays; mail queued and held */
    LONELY_HOLDING,   /* the other end: events wait, receipts are owed */
    LONELY_CHANGED,   /* contact "peer 0" has another identity; and "peer 2" */
    LONELY_REMOVED,   /* a contact is gone, its queues are to be deleted */
    LONELY_EXPECTING, /* mail lies at the relays: lonely_letters() */
    LONELY_STRANGE,   /* mail waits that goes through other relays, of which
                       * nothing is known yet */
    LONELY_SENDING,   /* the same, and they are known */
    LONELY_MOMENTS,
} lonely_moment;

typedef struct lonely {
    simenv sim;
    pn_env env;
    memstore store;
    cl_engine *engine; /* NULL: not opened */
    uint32_t dialled;  /* the relay asked for last; 0: none */
    unsigned long sent;
} lonely;

/* A deposit that was seen on its way: an invitation's bundle for FETCHING, or a
 * message for EXPECTING. */
typedef struct lonely_letter {
    lonely_moment moment;
    uint8_t send_id[PN_QUEUE_ID_BYTES];
    uint8_t message_id[PN_MESSAGE_ID_BYTES];
    pn_priority priority;
    size_t len;
    uint8_t *envelope; /* owned by the kit */
} lonely_letter;

/* Live through all moments once; and forget them. */
void lonely_remember(void);
void lonely_forget(void);
/* All that were seen, until they are forgotten. */
const lonely_letter *lonely_letters(size_t *count);
/* The store of a moment. */
const memstore *lonely_store_of(lonely_moment moment);
/* A copy of a moment, its engine not yet opened. */
void lonely_begin(lonely *l, lonely_moment moment);
PN_MUST_USE pn_err lonely_open(lonely *l);
/* Both in one, which must succeed. */
void lonely_live(lonely *l, lonely_moment moment);
void lonely_end(lonely *l);
/* Whether two stores hold the same, byte for byte. */
bool lonely_same(const memstore *a, const memstore *b);

#endif
