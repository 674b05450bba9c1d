/* Engines of several people around the real core of a relay, in virtual time.
 * Frames lie between them until they are moved; links are cut, people and the
 * relay die when told to.
 *
 * Asserted at every frame: nothing leaves before its state is committed, and
 * nothing is acknowledged while its event is not. */
#ifndef POSTERN_TESTS_SUPPORT_ENGINESIM_H
#define POSTERN_TESTS_SUPPORT_ENGINESIM_H

#include "client/core/engine.h"
#include "tests/support/coresim.h"
#include "tests/support/memstore.h"

enum { ENGINESIM_PEOPLE = 3, ENGINESIM_FRAMES = 1024 };

/* Frames one way, oldest first. */
typedef struct enginesim_pipe {
    struct {
        uint8_t *p;
        size_t len;
    } at[ENGINESIM_FRAMES];
    size_t first, count;
} enginesim_pipe;

typedef struct enginesim enginesim;

typedef struct enginesim_person {
    enginesim *world;
    size_t index;
    simenv sim;
    pn_env env;
    memstore store;
    cl_engine *engine; /* NULL while dead */
    uint32_t relay;    /* the engine's number for the link; 0: none */
    bool wants_link;
    enginesim_pipe up, down;
} enginesim_person;

/* A relay that means harm sees every message first, those person i sends (up)
 * and those it would get; true: it has dealt with it. */
typedef bool enginesim_lie(void *ctx, size_t i, const pn_msg *msg);

struct enginesim {
    coresim core;
    enginesim_lie *on_up, *on_down; /* NULL: the relay is honest */
    void *lie_ctx;
    bool suspicious; /* links end that break the protocol: no failure */
    bool relay_down;
    pn_address address;
    enginesim_person people[ENGINESIM_PEOPLE];
    size_t count;
    /* Whose engine allocates with faults.h; all else does not. SIZE_MAX: no
     * difference is made. */
    size_t faulty;
    pn_msg_scratch scratch;
    uint8_t frame[PN_MSG_MAX];
    uint64_t deposits; /* frames that left */
    size_t envelope;   /* bytes of the last one's */
};

/* People are called "person 0" and so on, know the relay, and are alive. */
void enginesim_init(enginesim *w, uint64_t seed, size_t people);
void enginesim_free(enginesim *w);

/* Around every other call of person i's engine, when somebody is faulty. */
void enginesim_enter(const enginesim *w, size_t i);
void enginesim_leave(const enginesim *w);

/* Do what person i has to do, and connect it if it wants that. A store that
 * fails is an event like another. */
void enginesim_pump(enginesim *w, size_t i);
/* Move one frame up or down; false if there is none. */
bool enginesim_up(enginesim *w, size_t i);
bool enginesim_down(enginesim *w, size_t i);
/* Put a frame on its way to person i, past the liar. */
void enginesim_give(enginesim *w, size_t i, const pn_msg *msg);
/* Cut the link: what lies in it is lost. */
void enginesim_cut(enginesim *w, size_t i);
/* The process dies, and is started again. */
void enginesim_kill(enginesim *w, size_t i);
void enginesim_start(enginesim *w, size_t i);
/* The relay dies, losing what it had not committed but `survive` operations. */
void enginesim_relay_restart(enginesim *w, size_t survive);
void enginesim_advance(enginesim *w, uint64_t ms);
/* Until nothing moves, without time going on. */
void enginesim_settle(enginesim *w);
/* The same, with time going on from deadline to deadline for `ms`. */
void enginesim_run(enginesim *w, uint64_t ms);
/* Person `from` invites, person `to` accepts; both have the contact then,
 * named "peer N" by the other's index. */
void enginesim_meet(enginesim *w, size_t from, size_t to,
                    cl_invitation_form form);

#endif
