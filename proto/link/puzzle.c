#include "proto/link/puzzle.h"

#include <sodium.h>
#include <string.h>

void pn_puzzle_output(const pn_puzzle *puzzle,
                      uint8_t out[PN_PUZZLE_OUTPUT_BYTES])
{
    uint8_t in[PN_PUZZLE_CHALLENGE_BYTES + PN_PUZZLE_DIGEST_BYTES +
               PN_PUZZLE_SOLUTION_BYTES];
    uint8_t *at = in;
    memcpy(at, puzzle->challenge, sizeof puzzle->challenge);
    at += sizeof puzzle->challenge;
    memcpy(at, puzzle->digest, sizeof puzzle->digest);
    at += sizeof puzzle->digest;
    memcpy(at, puzzle->solution, sizeof puzzle->solution);
    (void)crypto_generichash(out, PN_PUZZLE_OUTPUT_BYTES, in, sizeof in, NULL,
                             0);
}

bool pn_puzzle_meets(const uint8_t output[PN_PUZZLE_OUTPUT_BYTES],
                     unsigned difficulty)
{
    unsigned zeros = 0;
    for (size_t i = 0; i < PN_PUZZLE_OUTPUT_BYTES; i++) {
        for (unsigned bit = 0x80; bit != 0; bit >>= 1, zeros++)
            if ((output[i] & bit) != 0)
                return zeros >= difficulty;
    }
    return zeros >= difficulty;
}

/* The last 8 bytes are a big-endian counter that wraps around. */
static void count_up(uint8_t solution[PN_PUZZLE_SOLUTION_BYTES])
{
    for (size_t i = PN_PUZZLE_SOLUTION_BYTES; i-- > 8;)
        if (++solution[i] != 0)
            return;
}

bool pn_puzzle_step(pn_puzzle *puzzle, unsigned tries)
{
    uint8_t output[PN_PUZZLE_OUTPUT_BYTES];
    while (tries-- > 0) {
        pn_puzzle_output(puzzle, output);
        if (pn_puzzle_meets(output, puzzle->difficulty))
            return true;
        count_up(puzzle->solution);
    }
    return false;
}
