/* Forwarding, as others see it: this relay takes parcels of its clients into
 * custody and brings them to other relays of its list.
 *
 * Custody is the store's: every destination has a spool, an ordinary queue of
 * the store (RL_SPOOL) whose ids follow from a secret of this relay, whose
 * owner nobody can sign for and whose capability nobody knows. A parcel lies
 * there under a hash of its own, durable before it is accepted, until the
 * destination has answered or its days are over. Nothing else of it is
 * written down; which client gave it is known only in memory, only while that
 * client's link stands, for no longer than RL_ASKED_MS.
 *
 * A parcel makes one hop: what a relay hands us as a Parcel is for us to open
 * and never goes on, and no list names ourselves.
 *
 * Invariants: what was accepted is in the spool, or was answered by its
 * destination, or expired; a destination that is slow, dead or hostile holds
 * at most one window and one batch of memory and costs the others nothing.
 */
#ifndef POSTERN_RELAY_CORE_FORWARD_H
#define POSTERN_RELAY_CORE_FORWARD_H

#include "proto/wire/msg.h"
#include "relay/core/bucket.h"
#include "relay/store/store.h"

enum {
    RL_SPOOL_SECRET_BYTES = 32,
    RL_DESTINATIONS_MAX = 256,
    RL_WINDOW_MAX = 64,           /* parcels sent and not yet answered */
    RL_WINDOW_BYTES = 512 * 1024, /* of them in all; one always may */
    RL_ASKED_PER_LINK = 256,      /* Forwards that wait for a reply */
    RL_ASKED_MAX = 65536,         /* of all links */
    RL_HOLD_MS =
        500, /* what is said of a Forward is said after so long, or
              * a multiple: its time tells nothing of the destination */
    RL_ASKED_MS = 60 * 60 * 1000,    /* how long each waits */
    RL_FORWARD_RETRY_MS = 60 * 1000, /* retry-after of a full spool */
    RL_RELAY_LINKS_MAX = 2,          /* with one destination, at once */
};

/* All at least 1 unless said. */
typedef struct rl_forward_config {
    uint8_t secret[RL_SPOOL_SECRET_BYTES]; /* gives the spools their ids */
    uint8_t self[PN_RELAY_KEY_BYTES];      /* this relay's own key */
    uint64_t spool_bytes;                  /* a destination's spool may hold */
    uint32_t spool_count;                  /* and parcels */
    uint32_t spool_days;   /* for at most so long, PN_FORWARD_DAYS_MAX */
    uint32_t per_link;     /* Forwards a minute */
    uint32_t per_origin;   /* and an hour */
    uint32_t delay_max_ms; /* a parcel waits at random up to so long; or 0 */
    uint32_t patience_ms;  /* without an answer, then the link is given up */
    uint32_t keep_ms;      /* a link to be kept is pinged so often */
    rl_rate commands;      /* of another relay's link */
} rl_forward_config;

/* A relay on the list. */
typedef struct rl_destination {
    uint8_t key[PN_RELAY_KEY_BYTES];
    bool may_dial; /* else only it dials us */
    bool keep;     /* hold a link to it at all times: it cannot dial us */
} rl_destination;

/* For operators: of a destination, never of a client. */
typedef struct rl_destination_stats {
    uint8_t key[PN_RELAY_KEY_BYTES];
    bool listed;       /* else what waits for it only expires */
    const char *state; /* of its gate */
    uint64_t next_ms;  /* until the next attempt; UINT64_MAX: none is due */
    uint64_t waiting;  /* parcels in its spool */
    uint64_t bytes;    /* of them */
    rl_day oldest;     /* day of the oldest, 0 if none waits or not known */
    /* Since the start. */
    uint64_t accepted;
    uint64_t delivered;
    uint64_t refused_key;   /* dropped: sealed to an onion key it has not */
    uint64_t refused_other; /* dropped: it says it cannot open them */
    uint64_t damaged;       /* dropped: lost to our disk */
    uint64_t busy;          /* times it asked for patience */
    uint64_t failures;      /* attempts and links that failed */
} rl_destination_stats;

typedef struct rl_forward_stats {
    uint64_t results[PN_FORWARD_EXPIRED + 1]; /* answers to Forward */
    uint64_t replies;   /* pushed to the client that waited */
    uint64_t unclaimed; /* answers nobody waited for any more */
} rl_forward_stats;

#endif
