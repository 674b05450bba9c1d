/* Chance from a seed, and the environment of one node: its own randomness, and
 * clocks that run with the world's time, of which that of the day can be wrong.
 */
#ifndef POSTERN_TESTS_SIM_FED_DICE_H
#define POSTERN_TESTS_SIM_FED_DICE_H

#include <stdbool.h>

#include "proto/base/env.h"

enum {
    FED_SECOND = 1000,
    FED_MINUTE = 60 * FED_SECOND,
    FED_HOUR = 60 * FED_MINUTE,
    FED_DAY = 24 * FED_HOUR,
};

typedef struct fed_dice {
    uint64_t state;
} fed_dice;

/* One of many streams of a seed. */
fed_dice fed_dice_of(uint64_t seed, uint64_t stream);
uint64_t fed_next(fed_dice *d);
/* 0..n-1; n at least 1. */
uint32_t fed_roll(fed_dice *d, uint64_t n);
/* lo..hi, both included. */
uint64_t fed_between(fed_dice *d, uint64_t lo, uint64_t hi);
bool fed_chance(fed_dice *d, uint32_t per_mille);

typedef struct fed_env {
    const uint64_t *now_ms; /* the world's; borrowed */
    uint64_t mono_base;     /* mono is the world's time and this */
    int64_t wall_off;       /* how wrong the clock is */
    fed_dice dice;
    uint64_t draws; /* random bytes were asked for */
    char last_line[256];
} fed_env;

void fed_env_init(fed_env *e, const uint64_t *now_ms, uint64_t seed,
                  uint64_t stream);
/* Reads *e, which must outlive it. */
pn_env fed_env_port(fed_env *e);
/* The world's time for one of the node's mono clock; never stays never. */
uint64_t fed_env_world(const fed_env *e, uint64_t mono_ms);

#endif
