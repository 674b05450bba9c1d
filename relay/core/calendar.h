/* The relay's own calendar, by which mail is dated and expires.
 *
 * It follows the clock's date, but never faster than time passes: a day of it
 * lasts 23 hours at least, and a start counts for one day at most however long
 * the relay was off. So a clock that is wrong, leaps, or is set right again
 * shortens nobody's mail; days the relay did not see do not count for mail
 * either. It never goes back. What must outlive a run are two days, which the
 * store keeps (store.h, RL_OP_EXPIRE).
 * Sans-IO; plain values.
 */
#ifndef POSTERN_RELAY_CORE_CALENDAR_H
#define POSTERN_RELAY_CORE_CALENDAR_H

#include "relay/store/store.h"

/* Before this day of the clock the machine has no clock yet. */
enum { RL_CALENDAR_FIRST = 2 };

typedef struct rl_calendar {
    rl_day day;         /* today */
    rl_day clock;       /* the clock's date when it was last looked at */
    uint64_t counts_ms; /* mono: from when on time makes days */
    bool fresh;         /* this run has not moved it yet */
} rl_calendar;

/* As the store left it: the last day expired and the clock's date then, 0 if
 * none. */
void rl_calendar_start(rl_calendar *c, rl_day expired, rl_day clock,
                       uint64_t wall_ms, uint64_t mono_ms);
/* Look at the clock. Returns by how many days its date has leapt ahead of what
 * can have passed, or back (negative). 0 mostly, and for a single day, which
 * may be a start or a midnight seen twice. */
int rl_calendar_look(rl_calendar *c, uint64_t wall_ms, uint64_t mono_ms);

#endif
