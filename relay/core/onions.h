/* The onion keys of this relay: which there are, which is to be sealed to, when
 * a new one is due and when one has to die. What makes files of it, and
 * destroys them, is relay/net/self.h.
 *
 * A key is new every week and good for six. Two clocks judge its age, and the
 * first that has enough ends it:
 *  - the relay's own calendar, which no leap of the clock moves (calendar.h):
 *    42 of its days after it was made;
 *  - the clock, when it has said for RL_ONION_LEAP_MS of this run, without a
 *    break, that the key's days are over. So a clock that leaps ahead costs a
 *    key only if nobody sets it right for two days, and then by 40 days at
 *    most; and a relay that was off for months does not keep old keys.
 * The calendar also dates what is remembered of the parcels of a key (tags.h),
 * which therefore outlives it.
 * Sans-IO. Secret: in memory that is locked, wiped in the end. Thread rule: one
 * thread.
 */
#ifndef POSTERN_RELAY_CORE_ONIONS_H
#define POSTERN_RELAY_CORE_ONIONS_H

#include "proto/roster/descriptor.h"
#include "relay/store/store.h"

enum {
    RL_ONIONS_MAX = PN_DESCRIPTOR_ONIONS_MAX,
    RL_ONION_LEAP_MS = 48 * 3600 * 1000,
};

typedef struct rl_onion {
    pn_xwing_key key; /* secret */
    uint8_t id[PN_ONION_ID_BYTES];
    rl_day born;       /* by the relay's calendar */
    uint64_t from_ms;  /* by the clock, since 1970-01-01 UTC */
    uint64_t until_ms; /* likewise */
    uint64_t over_ms;  /* mono: since when the clock says that it is over;
                          UINT64_MAX: it does not */
} rl_onion;

/* Oldest first, by from_ms. Zero-initialise it. */
typedef struct rl_onions {
    rl_onion at[RL_ONIONS_MAX];
    size_t count;
} rl_onions;

/* What a key is made of, and is kept as. Secret. */
typedef struct rl_onion_seed {
    uint8_t sk[PN_XWING_SK_BYTES];
    uint64_t from_ms;
    uint64_t until_ms;
    rl_day born;
} rl_onion_seed;

/* Take a key in. PN_E_FULL, PN_E_EXISTS if one has its id, PN_E_CRYPTO if it is
 * none, PN_E_ARG if its times are impossible. */
PN_MUST_USE pn_err rl_onions_add(rl_onions *o, const rl_onion_seed *seed);
/* Wipe a key out. */
void rl_onions_remove(rl_onions *o, const uint8_t id[PN_ONION_ID_BYTES]);
void rl_onions_wipe(rl_onions *o);
/* The key of this id, or NULL. */
const rl_onion *rl_onions_find(const rl_onions *o,
                               const uint8_t id[PN_ONION_ID_BYTES]);
/* The one to seal to: of those valid now the last begun; NULL if none is. */
const rl_onion *rl_onions_current(const rl_onions *o, uint64_t wall_ms);
/* Whether a new key is due. */
bool rl_onions_wants(const rl_onions *o, uint64_t wall_ms);
/* One that has to die, or NULL. Looks at the clocks, and remembers. */
const rl_onion *rl_onions_dead(rl_onions *o, rl_day today, uint64_t wall_ms,
                               uint64_t mono_ms);
/* The one to give up where a new key finds no place: from a future that the
 * clock has left again, else the oldest. NULL while there is room. */
const rl_onion *rl_onions_surplus(const rl_onions *o, uint64_t wall_ms);
/* The last day of the calendar on which the key lives. */
rl_day rl_onion_last_day(const rl_onion *onion);

#endif
