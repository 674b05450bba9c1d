/* The network of a federation: byte streams between nodes, as TCP gives them,
 * with delay of their own, cut into pieces anywhere, and everything that can
 * happen to a stream: it ends in the middle, stalls, is blocked one way, or
 * somebody on the way flips, drops, repeats or swaps what it carries.
 *
 * An end of a stream belongs to its owner until fed_conn_close(); no event
 * comes after. Events come from the clock only, never from inside a call.
 */
#ifndef POSTERN_TESTS_SIM_FED_NET_H
#define POSTERN_TESTS_SIM_FED_NET_H

#include "proto/base/bytes.h"
#include "proto/base/list.h"
#include "tests/sim/fed/clock.h"
#include "tests/sim/fed/dice.h"

enum {
    FED_RELAYS_MAX = 7,
    FED_PEOPLE_MAX = 200,
    FED_NODES_MAX = FED_RELAYS_MAX + FED_PEOPLE_MAX,
    FED_SOCKET_BYTES = 48 * 1024, /* sent and not yet read, one way */
    FED_CONNECT_MS = 8000,
};

typedef enum fed_side { FED_DIALLER, FED_ACCEPTER, FED_SIDES } fed_side;

typedef enum fed_tamper {
    FED_TAMPER_FLIP,   /* a bit */
    FED_TAMPER_DROP,   /* a piece is missing */
    FED_TAMPER_REPEAT, /* comes twice */
    FED_TAMPER_SWAP,   /* two pieces change places */
    FED_TAMPERS,
} fed_tamper;

typedef struct fed_conn_events {
    void (*on_connected)(void *owner); /* the dialler's only */
    void (*on_bytes)(void *owner, pn_bytes in);
    void (*on_room)(void *owner); /* after a write took less than all */
    void (*on_end)(void *owner, bool is_fault);
} fed_conn_events;

typedef struct fed_piece {
    pn_node node;
    uint64_t at_ms;
    size_t len, done;
    uint8_t bytes[];
} fed_piece;

/* One direction. `owner` is the end that reads it. */
typedef struct fed_way {
    pn_node pieces; /* fed_piece, oldest first */
    size_t queued;
    uint64_t last_ms;  /* nothing overtakes */
    uint64_t sent;     /* bytes put in so far, as the reader will count them */
    uint64_t taint_at; /* the first of them that is not the sender's */
    uint64_t end_ms;   /* of the last piece, once it has ended */
    bool has_ended, is_fault;
    bool is_reading;
    bool wants_room; /* the writer */
    bool is_doomed;  /* the next piece is tampered with */
    fed_tamper how;
    fed_piece *swapped; /* owned: waits for the next to overtake it */
    void *owner;        /* NULL: closed */
    const fed_conn_events *events;
} fed_way;

typedef struct fed_net fed_net;

typedef struct fed_conn {
    pn_node in_net;
    fed_net *net;
    fed_timer timer;
    uint64_t number;
    size_t node[FED_SIDES];
    bool is_connected, is_firing;
    uint64_t connect_ms;
    uint64_t stall_until;
    fed_way to[FED_SIDES]; /* to[FED_ACCEPTER]: what the dialler wrote */
} fed_conn;

struct fed_net {
    fed_clock *clock;
    fed_dice dice;
    uint64_t digest;
    uint64_t conns_made, bytes;
    pn_node conns;
    /* Somebody dials `node`: who answers, or NULL. */
    void *(*accept)(void *ctx, size_t node, fed_conn *conn,
                    const fed_conn_events **events);
    void *ctx;
    uint64_t blocked_until[FED_NODES_MAX][FED_NODES_MAX]; /* from, to */
    uint8_t latency[FED_NODES_MAX];                       /* ms, each its own */
    fed_timer unblock;
};

void fed_net_init(fed_net *net, fed_clock *clock, uint64_t seed);
/* All streams must have been closed by their owners. */
void fed_net_free(fed_net *net);
/* Nothing passes from one to the other until then; 0: it does again. */
void fed_net_block(fed_net *net, size_t from, size_t to, uint64_t until_ms);
/* The oldest open stream of these two nodes, or NULL. */
fed_conn *fed_net_find(fed_net *net, size_t a, size_t b);
/* What the network says to everyone: part of its digest. */
void fed_net_note(fed_net *net, const void *p, size_t len);

fed_conn *fed_net_dial(fed_net *net, size_t from, size_t to, void *owner,
                       const fed_conn_events *events);
/* How many bytes it took. */
size_t fed_conn_write(fed_conn *c, fed_side by, pn_bytes out);
void fed_conn_read(fed_conn *c, fed_side by, bool on);
/* No more will be written: the reader hears of it after all that was. */
void fed_conn_shut(fed_conn *c, fed_side by);
/* The owner goes; the other hears of it after what was written. */
void fed_conn_close(fed_conn *c, fed_side by);
/* The stream ends in the middle, for both. */
void fed_conn_cut(fed_conn *c);
void fed_conn_stall(fed_conn *c, uint64_t until_ms);
void fed_conn_tamper(fed_conn *c, fed_side reader, fed_tamper how);
/* The first byte the reader gets that was not written so; UINT64_MAX: none. */
uint64_t fed_conn_taint(const fed_conn *c, fed_side reader);

/* --- between the files of the network ------------------------------------ */

void fed_conn_begin(fed_conn *c);
void fed_conn_arm(fed_conn *c);
bool fed_conn_free_if_left(fed_conn *c);
void fed_way_clear(fed_way *w);

#endif
