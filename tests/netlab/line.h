/* One direction of one host's line: what becomes of the packets on it. Time and
 * dice are handed in, so that a seed and the same packets give the same fate.
 */
#ifndef POSTERN_TESTS_NETLAB_LINE_H
#define POSTERN_TESTS_NETLAB_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Chances are of 1000; all zero is a perfect line. */
typedef struct lab_conditions {
    uint32_t down;   /* not 0: nothing passes */
    uint32_t loss;   /* chance that a packet is lost */
    uint32_t twice;  /* chance that it arrives twice */
    uint32_t early;  /* chance that it overtakes: it is not delayed */
    uint32_t reset;  /* chance that a TCP segment is answered by a censor */
    uint32_t delay;  /* ms */
    uint32_t jitter; /* ms, more or less than `delay`: it reorders */
    uint32_t rate;   /* bits a second; 0: no bound */
    uint32_t queue;  /* packets that wait at most; 0: LAB_QUEUE */
} lab_conditions;

enum { LAB_QUEUE = 500 };

typedef struct lab_line {
    lab_conditions is;
    uint64_t busy_ns; /* until then it sends what came before */
    uint32_t waiting; /* packets on it; its owner counts them down */
    uint64_t passed, lost, doubled, resets; /* since the start */
} lab_line;

typedef enum lab_fate {
    LAB_LOST,
    LAB_ONCE,
    LAB_TWICE,
    LAB_RESET /* lost, and both ends get a reset, if it is a TCP segment */
} lab_fate;

/* The next number of `dice`, which is never 0. */
uint32_t lab_roll(uint64_t *dice);
/* The fate of a packet of `len` bytes that comes at `now`; unless it is lost,
 * *leaves is when it arrives, ns. */
lab_fate lab_line_take(lab_line *line, size_t len, uint64_t now_ns,
                       uint64_t *dice, uint64_t *leaves);
/* Read "loss=100 delay=25 ..." by the names above; what is not named is 0.
 * False, and nothing is changed, if it is not understood. */
bool lab_conditions_read(lab_conditions *out, char *text);

#endif
