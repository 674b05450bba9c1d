/* Whose turn it is on the way to one destination: the priorities share a line.
 *
 * A small urgent parcel goes before everything else, so that a word gets out
 * on the slowest line. The rest share by weight, 8 to 4 to 1 in bytes. And
 * nothing starves: whatever the others send, normal mail that waits gets a
 * tenth of the bytes and bulk a twentieth.
 * Pure arithmetic; plain values.
 */
#ifndef POSTERN_RELAY_CORE_TURNS_H
#define POSTERN_RELAY_CORE_TURNS_H

#include "relay/store/store.h"

/* The two smallest parcels: what they hold is at most 4 KiB. */
enum { RL_SMALL_PARCEL = 6 * 1024 };

/* Zero-initialised nobody owes anything. */
typedef struct rl_turns {
    int64_t owed[RL_CLASSES];  /* bytes a class is behind its floor */
    uint64_t time[RL_CLASSES]; /* bytes sent, over the weight */
} rl_turns;

/* The class to send from. head[c] is the length of the first that waits in
 * class c, 0 if none does; at least one must. */
rl_class rl_turns_next(rl_turns *t, const size_t head[RL_CLASSES]);
/* The first of `class` was sent; head[] is as it was before. */
void rl_turns_sent(rl_turns *t, rl_class class, const size_t head[RL_CLASSES]);

#endif
