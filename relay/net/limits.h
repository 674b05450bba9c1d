/* Who may connect: counts of links and of handshakes under way, in all and by
 * origin. Kept in memory only, only while somebody of that origin is
 * connected, under a seeded hash: nothing here outlives a peer, and nothing is
 * ever logged.
 * An origin is the 64-bit tag of an IPv4 address or an IPv6 /64 network.
 * Sans-IO. Thread rule: one thread at a time.
 */
#ifndef POSTERN_RELAY_NET_LIMITS_H
#define POSTERN_RELAY_NET_LIMITS_H

#include "proto/base/map.h"

/* All at least 1. */
typedef struct rl_limits_config {
    uint32_t links;
    uint32_t per_address;
    uint32_t half_open;
    uint32_t puzzle_bits_max; /* 0 asks for no puzzle ever */
} rl_limits_config;

typedef enum rl_admission {
    RL_ADMITTED,
    RL_REFUSED_LINKS,     /* the relay is full */
    RL_REFUSED_ADDRESS,   /* this origin has its share */
    RL_REFUSED_SHARE,     /* this origin has its share of handshakes */
    RL_REFUSED_HALF_OPEN, /* too many handshakes under way */
    RL_REFUSED_NOMEM,
    RL_ADMISSIONS,
} rl_admission;

typedef struct rl_limits {
    rl_limits_config config; /* change with rl_limits_set() */
    pn_map origins;
    uint32_t links;
    uint32_t open;
    uint64_t counts[RL_ADMISSIONS]; /* answers given since the start */
} rl_limits;

/* PN_E_RANDOM. */
PN_MUST_USE pn_err rl_limits_init(rl_limits *l, const pn_env *env,
                                  const rl_limits_config *config);
/* Links that are still counted are forgotten. */
void rl_limits_free(rl_limits *l);
/* New bounds; who is connected stays connected. */
void rl_limits_set(rl_limits *l, const rl_limits_config *config);

/* What rl_limits_admit() would say; changes nothing. */
rl_admission rl_limits_ask(const rl_limits *l, uint64_t origin);
/* Somebody of `origin` wants to connect; counted in if admitted. */
rl_admission rl_limits_admit(rl_limits *l, uint64_t origin);
/* An admitted link finished its handshake. */
void rl_limits_opened(rl_limits *l, uint64_t origin);
/* A link that had opened is not open any more. */
void rl_limits_closed(rl_limits *l, uint64_t origin);
/* An admitted link is gone, opened or not. rl_limits_closed() may come before
 * or after, in the same turn of the loop. */
void rl_limits_release(rl_limits *l, uint64_t origin);

/* Handshakes under way. */
uint32_t rl_limits_half_open(const rl_limits *l);
/* The puzzle to ask for now, in bits: none below half of the bound, then 8 and
 * rising to the configured maximum at the bound. */
unsigned rl_limits_difficulty(const rl_limits *l);
/* The map key and tag of up to eight origin bytes (of pn_tcp_origin()). */
uint64_t rl_limits_origin(const uint8_t bytes[8], size_t len);

#endif
