/* Seeded schedules of operations, run against a store and a model side by
 * side, through crashes.
 *
 * Between crashes every result must be the model's. After one, the store must
 * be where the model was after some prefix of the operations, at least as long
 * as the last that was answered: then that prefix is taken for what happened,
 * and the schedule goes on.
 */
#ifndef POSTERN_TESTS_STORE_SCHEDULE_H
#define POSTERN_TESTS_STORE_SCHEDULE_H

#include "tests/store/model.h"
#include "tests/support/simenv.h"

enum { SCHEDULE_OPEN = 96 }; /* most operations without an answer */

typedef struct schedule_op {
    rl_op op;
    uint8_t id[32], send_id[32], owner[32], cap[32], message_id[16];
    uint8_t ids[4 * 16];
    uint8_t *body;
    bool answered;
    model_expect want;
} schedule_op;

typedef struct schedule {
    simenv rng;
    uint64_t seed;
    rl_store *store; /* borrowed */
    model *base;     /* before ops[0] */
    model *now;      /* after all of them */
    schedule_op *ops;
    size_t count; /* of ops[] */
    size_t answered;
    uint64_t next_token;
    rl_day day;
    uint64_t results;  /* answers seen in all */
    const bool *dead;  /* NULL, or: while true no result counts */
    const char *wrong; /* the first disagreement, or NULL */
    char said[256];
} schedule;

void schedule_init(schedule *s, uint64_t seed);
void schedule_free(schedule *s);
/* Submit one random operation. False when the store took none. */
bool schedule_step(schedule *s);
/* Drain and compare. False on a disagreement, see `said`. FAILED answers are
 * taken as no answer. */
bool schedule_drain(schedule *s);
/* Flush and drain until all is answered. */
bool schedule_settle(schedule *s);
/* `store` is what came up after a crash, with auto-commit or synchronous
 * drains: find out where it is, and go on from there. */
bool schedule_recover(schedule *s, rl_store *store);
/* Look at every queue and compare. All must be answered. */
bool schedule_inspect(schedule *s);

#endif
