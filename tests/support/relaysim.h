/* Engines of two people around the real cores of several relays, in virtual
 * time. What enginesim does for one relay; here relays die for good, lose all
 * they have, are cut off from one person or from both, and people see them in
 * any order.
 *
 * Asserted at every frame: nothing leaves before its state is committed, and
 * nothing is acknowledged while its event is not; no two envelopes have a nonce
 * in common.
 */
#ifndef POSTERN_TESTS_SUPPORT_RELAYSIM_H
#define POSTERN_TESTS_SUPPORT_RELAYSIM_H

#include "client/core/engine_state.h"
#include "tests/support/coresim.h"
#include "tests/support/memstore.h"

enum { RELAYSIM_PEOPLE = 2, RELAYSIM_RELAYS = 4, RELAYSIM_FRAMES = 1024 };

/* Frames one way, oldest first. */
typedef struct relaysim_pipe {
    struct {
        uint8_t *p;
        size_t len;
    } at[RELAYSIM_FRAMES];
    size_t first, count;
} relaysim_pipe;

/* Between one person and one relay. */
typedef struct relaysim_line {
    uint32_t number; /* the engine's, for the link; 0: none */
    bool wants_link;
    bool cut; /* nothing passes, until it is false again */
    relaysim_pipe up, down;
} relaysim_line;

typedef struct relaysim relaysim;

typedef struct relaysim_person {
    relaysim *world;
    size_t index;
    simenv sim;
    pn_env env;
    memstore store;
    cl_engine *engine; /* NULL while dead */
    relaysim_line line[RELAYSIM_RELAYS];
} relaysim_person;

typedef struct relaysim_relay {
    relaysim *world;
    size_t index;
    coresim core;
    bool down;
    pn_address address;
    uint64_t deposits; /* frames that left for it */
} relaysim_relay;

struct relaysim {
    uint64_t seed;
    relaysim_relay relay[RELAYSIM_RELAYS];
    size_t relays;
    relaysim_person people[RELAYSIM_PEOPLE];
    pn_map nonces; /* of all envelopes that left; the value is the envelope's
                    * hash, so that repeating a deposit is no finding */
    uint8_t (*hashes)[16];
    size_t hash_count;
    pn_env env;
    uint8_t frame[PN_MSG_MAX];
};

/* Both people are alive and know the first `known` of the relays. */
void relaysim_init(relaysim *w, uint64_t seed, size_t relays, size_t known);
void relaysim_free(relaysim *w);
/* Person i learns of relay r. */
void relaysim_know(relaysim *w, size_t i, size_t r);

void relaysim_pump(relaysim *w, size_t i);
/* Move one frame between person i and relay r; false if there is none. */
bool relaysim_up(relaysim *w, size_t i, size_t r);
bool relaysim_down(relaysim *w, size_t i, size_t r);
/* End the link: what lies in it is lost. */
void relaysim_cut(relaysim *w, size_t i, size_t r);
void relaysim_kill(relaysim *w, size_t i);
void relaysim_start(relaysim *w, size_t i);
/* The relay goes, as if by SIGKILL, and comes back when told. */
void relaysim_relay_stop(relaysim *w, size_t r, size_t survive);
void relaysim_relay_start(relaysim *w, size_t r);
/* It has lost all it had. */
void relaysim_relay_wipe(relaysim *w, size_t r);
/* Let relay r work on what it was given. */
void relaysim_relay_work(relaysim *w, size_t r);
void relaysim_advance(relaysim *w, uint64_t ms);
void relaysim_settle(relaysim *w);
/* The same, with time going on from deadline to deadline for `ms`. */
void relaysim_run(relaysim *w, uint64_t ms);
/* Person 0 invites, person 1 accepts; each is "peer" to the other. */
void relaysim_meet(relaysim *w, cl_invitation_form form);

#endif
