/* Just enough of RESP2, Redis' wire format: commands out, replies in.
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
/* Append "*count" or one argument at p + *len; there must be room. */
void resp_put_array(char *p, size_t *len, size_t count);
void resp_put(char *p, size_t *len, const char *arg, size_t arg_len);

#endif
