/* The promises, asked while the world runs. Each check says which one it is.
 * What a relay stored is the business of shadow.h; what bytes give away, of
 * secrets.h; how everything ends, of judge.c.
 */
#ifndef POSTERN_TESTS_SIM_FED_ORACLE_H
#define POSTERN_TESTS_SIM_FED_ORACLE_H

#include "client/core/engine.h"
#include "relay/store/store.h"
#include "tests/sim/fed/plug.h"
#include "tests/sim/fed/secrets.h"
#include "tests/sim/fed/watch.h"

typedef struct fed_world fed_world;
typedef struct fed_person fed_person;

typedef struct fed_oracle {
    fed_secrets secrets;
    fed_watch watch;
    uint64_t frames; /* that people sent */
    uint64_t sent, delivered, failed, given_again;
    uint64_t closed[FED_WHYS];
} fed_oracle;

/* The tag under which a relay knows where a node comes from. */
uint64_t fed_oracle_origin(size_t node);
/* A person's frame is about to leave. */
void fed_oracle_sends(fed_world *w, fed_person *p, const pn_msg *msg);
/* A relay is about to write. */
void fed_oracle_submit(fed_world *w, size_t relay, const rl_op *op);
/* A link ended. */
void fed_oracle_closed(fed_world *w, const fed_plug *p, fed_why why);
/* A person's process rests in good order. */
void fed_oracle_rests(fed_world *w, fed_person *p);

/* Of the application: mail `number` was taken by the engine; given to who
 * reads it; acknowledged; its sender was told. */
void fed_oracle_sent(fed_world *w, size_t number);
void fed_oracle_given(fed_world *w, size_t number, bool again);
void fed_oracle_taken(fed_world *w, size_t number);
void fed_oracle_told(fed_world *w, size_t number, bool failed,
                     cl_failure failure);

#endif
