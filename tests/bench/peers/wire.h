/* The socket of a load_conn: dialled on loopback, read and written without
 * blocking, watched by one epoll. A failure ends the program.
 * Thread rule: one thread.
 */
#ifndef POSTERN_TESTS_BENCH_PEERS_WIRE_H
#define POSTERN_TESTS_BENCH_PEERS_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/peers/load.h"

enum {
    /* load_conn.out and .in */
    WIRE_OUT_BYTES = LOAD_WINDOW_MAX * (LOAD_BODY_MAX + LOAD_EXTRA),
    WIRE_IN_BYTES = 2 * LOAD_FETCH * (LOAD_BODY_MAX + LOAD_EXTRA),
};

/* Connect to 127.0.0.1, after closing what was there: nothing is under way,
 * nothing waits to be read or written. */
void wire_dial(load_conn *c, int epoll, uint16_t port);
/* Fine if it is closed. */
void wire_close(load_conn *c);
/* Write what goes out, as much as the socket takes. */
void wire_write(load_conn *c, int epoll);
/* Read behind c->in_len; false if nothing was there. */
bool wire_read(load_conn *c);

#endif
