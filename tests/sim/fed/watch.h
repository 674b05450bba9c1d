/* What people and relays do on their links, judged by what they know: which way
 * mail leaves, how often one who is away is called, that no relay is told to
 * forget a message before the application has said that it has it, and that no
 * two relays know anything by one name.
 *
 * Told from frames and from the sender's engine; never from the receiver's, so
 * that an engine which has forgotten what it owes is noticed.
 */
#ifndef POSTERN_TESTS_SIM_FED_WATCH_H
#define POSTERN_TESTS_SIM_FED_WATCH_H

#include "client/core/engine.h"
#include "proto/wire/msg.h"
#include "relay/store/store.h"
#include "tests/sim/fed/net.h"

typedef struct fed_world fed_world;
typedef struct fed_person fed_person;

/* A deposit: what a relay knows a message by, and which message it is. */
typedef struct fed_meant {
    uint8_t deposit[PN_MESSAGE_ID_BYTES];
    uint8_t item[CL_ID_BYTES];
    uint16_t from;
    bool is_there;
} fed_meant;

/* Under which name a relay holds something. */
typedef struct fed_named {
    uint8_t id[RL_MESSAGE_ID_BYTES];
    uint8_t relay; /* its number + 1; 0: there is none */
} fed_named;

/* Calls in a row without a link. */
typedef struct fed_calls {
    uint64_t last_ms;
    uint32_t count;
} fed_calls;

typedef struct fed_watch {
    fed_meant *meant; /* owned: a hash table by the deposit's id */
    size_t meant_count, meant_cap;
    fed_named *named; /* owned: likewise, by the name */
    size_t named_count, named_cap;
    fed_calls (*calls)[FED_RELAYS_MAX]; /* owned: by node */
    uint64_t acked;                     /* that were known, and taken */
} fed_watch;

void fed_watch_init(fed_watch *watch);
void fed_watch_free(fed_watch *watch);
/* A person's frame is about to leave for a relay. */
void fed_watch_sends(fed_world *w, fed_person *p, size_t relay,
                     const pn_msg *msg);
/* A relay is about to store something. */
void fed_watch_stores(fed_world *w, size_t relay, const rl_deposit *d);
/* A node calls a relay. */
void fed_watch_calls(fed_world *w, size_t node, size_t relay);
/* There is a link between them. */
void fed_watch_linked(fed_world *w, size_t a, size_t b);
/* A process begins, and knows nothing of calls before. */
void fed_watch_begins(fed_world *w, size_t node);

#endif
