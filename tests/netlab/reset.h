/* What a censor does to a connection it does not like: it answers a TCP segment
 * with a reset to either end, each as if it came from the other. IPv4 only.
 */
#ifndef POSTERN_TESTS_NETLAB_RESET_H
#define POSTERN_TESTS_NETLAB_RESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LAB_RESET_SIZE = 40 };

/* The resets for the segment `packet` of `len` bytes: `back` for who sent it,
 * `on` for whom it was meant for, both with the sequence number that end waits
 * for, or it would not believe them. False: no TCP segment, or one that opens
 * or resets a connection. */
bool lab_reset(const uint8_t *packet, size_t len, uint8_t back[LAB_RESET_SIZE],
               uint8_t on[LAB_RESET_SIZE]);

#endif
