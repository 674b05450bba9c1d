/* Parcels and descriptors, as others see them: this relay opens what is sealed
 * to its onion keys, says who it is, and hands on what other relays say of
 * themselves. How parcels are opened is told in opening.h, what is remembered
 * of them in tags.h.
 */
#ifndef POSTERN_RELAY_CORE_PARCELS_H
#define POSTERN_RELAY_CORE_PARCELS_H

#include "proto/wire/msg.h"
#include "relay/core/onions.h"

/* All at least 1. */
typedef struct rl_parcels_config {
    uint32_t per_second; /* opened for all clients together; at most 10^6 */
    uint32_t tags_max;   /* parcels remembered; see tags.h */
    uint32_t creates_per_relay; /* queues, an hour, by what it brings */
} rl_parcels_config;

typedef struct rl_parcels_stats {
    uint64_t outcomes[PN_PARCEL_REFUSED + 1]; /* answers, by outcome */
    uint64_t repeated; /* of them the same parcel again */
    uint64_t tags;     /* remembered now */
} rl_parcels_stats;

#endif
