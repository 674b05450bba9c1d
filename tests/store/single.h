/* One store with one queue, and its operations one by one: what tests of a
 * single promise need. There is one at a time; calls assert what must hold.
 */
#ifndef POSTERN_TESTS_STORE_SINGLE_H
#define POSTERN_TESTS_STORE_SINGLE_H

#include "tests/store/bed.h"

enum { SINGLE_BODY = 3000, SINGLE_DAY = 9, SINGLE_TTL = 20 };

typedef struct single {
    bed b;
    rl_status status; /* of the last result */
    bool answered;
    uint32_t count;     /* of the last fetch */
    uint32_t forgotten; /* by the last acknowledgement */
    uint32_t retry_s;   /* of the last result */
} single;

extern single w;
extern const uint8_t single_recv_id[32];
extern const uint8_t single_send_id[32];
extern const uint8_t single_body[SINGLE_BODY];

/* A fresh disk, without a store: for cmocka. */
int single_setup(void **state);
int single_teardown(void **state);
/* Flush and drain so many times. */
void single_drain(int times);
/* Submit one operation and wait for its answer. */
rl_status single_run(const rl_op *op);
/* Make the queue. */
void single_create(void);
/* Submit the deposit of message n, urgent, `len` bytes. */
void single_put(uint32_t n, size_t len);
/* The same, and wait for the answer. */
rl_status single_deposit(uint32_t n, size_t len);
/* How many messages a fetch from the beginning brings. */
uint32_t single_fetch(void);

#endif
