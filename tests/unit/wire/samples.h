/* One good message of every kind that has a table. */
#ifndef POSTERN_TESTS_UNIT_WIRE_SAMPLES_H
#define POSTERN_TESTS_UNIT_WIRE_SAMPLES_H

#include "proto/wire/msg.h"

enum { SAMPLES = 24 };

/* Where the samples' bytes lie, and the list of the QueueOpened. */
extern uint8_t sample_block[PN_MSG_MAX];
extern const pn_opened_queue sample_queues[2];

pn_bytes sample_bytes(size_t at, size_t len);
/* Fill out[] and sample_block; returns SAMPLES. */
size_t samples(pn_msg out[SAMPLES]);

#endif
