/* Just enough of RESP2, Redis' wire format, to read its replies.
 * Thread rule: one thread.
 */
#ifndef POSTERN_TESTS_BENCH_PEERS_RESP_H
#define POSTERN_TESTS_BENCH_PEERS_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RESP_STRINGS = 512 };

typedef struct resp_string {
    const char *p;
    size_t len;
} resp_string;

/* All strings of a reply, in order and without its nesting. */
typedef struct resp_reply {
    size_t strings;
    resp_string string[RESP_STRINGS];
    bool error;
} resp_reply;

/* Take one whole reply from the `len` bytes at p, which the strings point
 * into. Returns its bytes, or 0 when it is not whole yet or malformed. */
size_t resp_take(resp_reply *out, const char *p, size_t len);

#endif
