/* A relay that means harm, between the people of an enginesim and the honest
 * core: by seeded dice it swallows, repeats, reorders, replays and spoils what
 * goes through it, and answers what is not true. What it can not do is what
 * the link forbids: speak for another relay. */
#ifndef POSTERN_TESTS_SUPPORT_ENGINELIES_H
#define POSTERN_TESTS_SUPPORT_ENGINELIES_H

#include "tests/support/enginesim.h"

enum { ENGINELIES_KEPT = 32 };

/* Everything it did, for tests that ask whether it did anything. */
typedef enum enginelies_kind {
    ENGINELIES_FORGOT,       /* stored, it said */
    ENGINELIES_SILENT,       /* no answer at all */
    ENGINELIES_REFUSED,      /* quota, suspended, unknown, busy for a week */
    ENGINELIES_TWICE,        /* two answers to one question */
    ENGINELIES_UNASKED,      /* an answer nobody waits for */
    ENGINELIES_UNKNOWN,      /* a queue that is there is not */
    ENGINELIES_WRONG_HANDLE, /* one queue's handle for another's */
    ENGINELIES_DROPPED,      /* a delivery */
    ENGINELIES_REPEATED,     /* at once */
    ENGINELIES_REPLAYED,     /* an old one, under any handle and id */
    ENGINELIES_SPOILED,      /* a bit of an envelope */
    ENGINELIES_LATE,         /* behind what came after it */
    ENGINELIES_TAKEN,        /* a queue is closed, it says */
    ENGINELIES_KINDS,
} enginelies_kind;

typedef struct enginelies {
    enginesim *world;
    simenv dice;
    unsigned rate;   /* of 100 messages so many are dealt with */
    uint8_t *held;   /* owned: one frame that goes behind the next */
    size_t held_len; /* 0: none */
    size_t held_for;
    struct {
        uint8_t *p; /* owned: a Deliver */
        size_t len;
    } kept[ENGINELIES_KEPT];
    size_t kept_count;
    pn_msg_scratch scratch;
    unsigned long did[ENGINELIES_KINDS];
} enginelies;

/* Step between the people and their relay. */
void enginelies_begin(enginelies *l, enginesim *w, uint64_t seed,
                      unsigned rate);
/* Step aside: the relay is honest from now on. Releases everything. */
void enginelies_end(enginelies *l);

#endif
