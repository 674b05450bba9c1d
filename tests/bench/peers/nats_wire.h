/* Just enough of the NATS client protocol to read what a server sends.
 * Thread rule: one thread.
 */
#ifndef POSTERN_TESTS_BENCH_PEERS_NATS_WIRE_H
#define POSTERN_TESTS_BENCH_PEERS_NATS_WIRE_H

#include <stdbool.h>
#include <stddef.h>

typedef enum nats_kind {
    NATS_OTHER, /* INFO, +OK: nothing to do */
    NATS_PING,
    NATS_PONG,
    NATS_MSG,
    NATS_STATUS, /* a message with headers; here always one of the server's */
    NATS_ERROR,
} nats_kind;

typedef struct nats_text {
    const char *p;
    size_t len;
} nats_text;

typedef struct nats_op {
    nats_kind kind;
    nats_text subject, reply; /* of NATS_MSG; reply may be empty */
    nats_text payload;
} nats_op;

/* Take one whole operation from the `len` bytes at p, which *out points into.
 * Returns its bytes, or 0 when it is not whole yet. What is malformed becomes
 * NATS_ERROR. */
size_t nats_take(nats_op *out, const char *p, size_t len);
/* Whether a text starts with, or holds, another. */
bool nats_starts(nats_text t, const char *with);
bool nats_holds(nats_text t, const char *what);

#endif
