/* A deterministic environment for tests: time moves only when told, random
 * bytes come from a seed. Same seed and same calls, same bytes.
 */
#ifndef POSTERN_TESTS_SUPPORT_SIMENV_H
#define POSTERN_TESTS_SUPPORT_SIMENV_H

#include <stdbool.h>

#include "proto/base/env.h"

typedef struct simenv {
    uint64_t mono_ms;
    uint64_t wall_ms;
    uint64_t state;     /* of the splitmix64 generator */
    bool random_fails;  /* make the next and all further random calls fail */
    unsigned random_at; /* the random call that fails, counted down; 0: none */
    bool random_hit;    /* it has */
    bool loud;          /* log lines go to stderr */
    unsigned log_lines;
    char last_line[512];
} simenv;

/* Start at mono 1000 ms, wall 2026-01-01T00:00Z. */
void simenv_init(simenv *s, uint64_t seed);
/* The environment that reads *s, which must outlive it. */
pn_env simenv_env(simenv *s);
void simenv_advance(simenv *s, uint64_t ms);
/* 64 random bits, for tests that steer themselves. */
uint64_t simenv_next(simenv *s);

#endif
