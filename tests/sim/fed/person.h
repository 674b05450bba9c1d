/* A person's endpoint: the real engine over a disk that survives its death, and
 * real links to relays. What client/net does with libuv is done here with
 * simulated streams. Who uses it is in app.h.
 */
#ifndef POSTERN_TESTS_SIM_FED_PERSON_H
#define POSTERN_TESTS_SIM_FED_PERSON_H

#include "client/core/engine_state.h"
#include "tests/sim/fed/disk.h"
#include "tests/sim/fed/plug.h"

enum { FED_OWED_EVENTS = 16 };

typedef struct fed_world fed_world;

typedef struct fed_person {
    fed_node node;
    fed_world *world;
    size_t index;
    fed_disk disk;
    cl_engine *engine;      /* NULL while it sleeps, or is dead */
    uint64_t awake_until;   /* world */
    uint64_t trouble_until; /* it has failed to start: not before */
    fed_timer pumps, app, wakes;
    pn_node wires;
    pn_msg_scratch scratch;
    uint8_t frame[PN_MSG_MAX];
    fed_dice whims; /* what the person does with what it gets */
    /* Events the application has taken and not acknowledged. */
    uint64_t owed[FED_OWED_EVENTS];
    size_t owed_count;
    bool changed;
    bool has_returned; /* events to be asked for again */
} fed_person;

void fed_person_init(fed_person *p, fed_world *w, size_t index, uint64_t seed);
void fed_person_free(fed_person *p);
/* The process runs until then at least, and is started again if it dies. */
void fed_person_wake(fed_person *p, uint64_t until_ms);
/* In good order: links are told. */
void fed_person_sleep(fed_person *p);
void fed_person_kill(fed_person *p);
/* After anything that was given to the engine. */
void fed_person_touched(fed_person *p);

#endif
