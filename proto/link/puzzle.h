/* The client puzzle of a relay under load (PROTOCOL.md section 1.4):
 * find 16 bytes such that BLAKE2b-256(challenge | digest | solution) starts
 * with `difficulty` zero bits. Thread rule: no state but the puzzle's.
 */
#ifndef POSTERN_PROTO_LINK_PUZZLE_H
#define POSTERN_PROTO_LINK_PUZZLE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PN_PUZZLE_CHALLENGE_BYTES = 32,
    PN_PUZZLE_DIGEST_BYTES = 32,
    PN_PUZZLE_SOLUTION_BYTES = 16,
    PN_PUZZLE_OUTPUT_BYTES = 32,
};

typedef struct pn_puzzle {
    uint8_t challenge[PN_PUZZLE_CHALLENGE_BYTES];
    uint8_t digest[PN_PUZZLE_DIGEST_BYTES];     /* of message 1 */
    uint8_t solution[PN_PUZZLE_SOLUTION_BYTES]; /* the next to try */
    unsigned difficulty;
} pn_puzzle;

void pn_puzzle_output(const pn_puzzle *puzzle,
                      uint8_t out[PN_PUZZLE_OUTPUT_BYTES]);
/* Whether `output` starts with `difficulty` (0..256) zero bits. */
bool pn_puzzle_meets(const uint8_t output[PN_PUZZLE_OUTPUT_BYTES],
                     unsigned difficulty);
/* Try at most `tries` solutions: the first 8 bytes stay, the last 8 count up.
 * True when puzzle->solution solves it. */
bool pn_puzzle_step(pn_puzzle *puzzle, unsigned tries);

#endif
