/* The load of bench_queue for other servers, so that all are measured alike:
 *   bench_PEER PORT PID BYTES LINKS WINDOW COUNT
 * against a server on 127.0.0.1 (bench_queue.py starts one). LINKS recipients
 * make a queue each and leave; then three phases of COUNT messages of BYTES:
 *   deposit  LINKS senders, each with WINDOW messages under way
 *   drain    LINKS recipients read and acknowledge all
 *   live     both at once; the time from sending a message to reading it
 * What differs between servers is in a load_peer: how to greet, publish and
 * read. A failure of any kind ends the program.
 * Thread rule: one thread.
 */
#ifndef POSTERN_TESTS_BENCH_PEERS_LOAD_H
#define POSTERN_TESTS_BENCH_PEERS_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOAD_FETCH = 32, /* messages a recipient asks for at a time */
    LOAD_WINDOW_MAX = 64,
    LOAD_BODY_MAX = 16384,
    LOAD_EXTRA = 256, /* at most what a peer adds to one message */
};

typedef enum load_phase {
    LOAD_MAKE,
    LOAD_DEPOSIT,
    LOAD_DRAIN,
    LOAD_LIVE
} load_phase;

/* One connection; a peer reads the first three and keeps its state in `own`
 * (zeroed when the connection is made, kept when it is dialled again). */
typedef struct load_conn {
    size_t index; /* of its queue: sender and recipient of one have the same */
    bool sender;
    void *own;
    int fd;
    bool waits; /* EPOLLOUT asked for */
    bool ready;
    uint64_t sent_ns[LOAD_WINDOW_MAX]; /* a ring: answers come in order */
    uint32_t oldest, under_way;
    char *out, *in;
    size_t out_len, out_at, in_len;
} load_conn;

typedef struct load_peer {
    const char *name; /* in the figures */
    size_t own;       /* bytes of load_conn.own */
    /* Just dialled: say what the server wants to hear first. Sooner or later
     * load_ready(); in phase LOAD_MAKE, once the queue is there. */
    void (*greet)(load_conn *c);
    /* Send one message to queue c->index. The next answers to what was sent
     * are of `slot`, slot + 1 … modulo LOAD_WINDOW_MAX. */
    void (*publish)(load_conn *c, const char *body, size_t len, uint32_t slot);
    /* A recipient begins to read its queue. */
    void (*receive)(load_conn *c);
    /* Act on one whole message of the server. Returns its bytes, or 0 when
     * it is not whole yet. */
    size_t (*take)(load_conn *c, const char *p, size_t len);
} load_peer;

/* Run all phases as the command line says; what main() returns. */
int load_main(int argc, char **argv, const load_peer *peer);

load_phase load_now(void);
/* The greeting is over. */
void load_ready(load_conn *c);
/* The sender's oldest message under way was stored. */
void load_stored(load_conn *c);
/* The slot of that message. */
uint32_t load_oldest(const load_conn *c);
/* A message came to its recipient; call once for each. */
void load_arrived(const char *body, size_t len);
/* The server has forgotten `count` messages that were acknowledged. */
void load_forgotten(size_t count);

/* Append to what goes out; there must be room. */
void load_put(load_conn *c, const void *p, size_t len);
__attribute__((format(printf, 2, 3))) void load_print(load_conn *c,
                                                      const char *format, ...);
_Noreturn void load_die(const char *what);

#endif
