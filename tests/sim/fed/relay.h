/* A relay: the real core over the real store contract (in memory, with the
 * crash behaviour of a disk), real links with clients and relays, and the
 * descriptor and onion keys of a relay. What relay/net does with libuv is done
 * here with simulated streams.
 */
#ifndef POSTERN_TESTS_SIM_FED_RELAY_H
#define POSTERN_TESTS_SIM_FED_RELAY_H

#include "proto/wire/address.h"
#include "relay/core/core.h"
#include "relay/store/store_mem.h"
#include "tests/sim/fed/node.h"
#include "tests/sim/fed/plug.h"

typedef struct fed_relay fed_relay;
typedef struct fed_world fed_world;
typedef struct fed_shadow fed_shadow;
typedef struct fed_hoard fed_hoard;

/* One open link, as the core sees it. */
typedef struct fed_peer {
    pn_node in_relay;
    fed_relay *relay;
    fed_plug *plug;
    rl_link *core;
    uint64_t number; /* of all its links */
    pn_buf held;     /* answers that found the output full, each with its u32 */
    bool has_dialled, busy;
    uint8_t dialled[PN_RELAY_KEY_BYTES];
} fed_peer;

typedef struct fed_known {
    uint8_t bytes[PN_DESCRIPTOR_BYTES_MAX];
    size_t len;
} fed_known;

struct fed_relay {
    fed_node node;
    fed_world *world;
    size_t index;
    bool is_up, is_gone; /* gone: for ever */
    uint64_t up_at_ms;   /* it is down until then */
    fed_timer starts;
    /* Its disk: */
    pn_link_identity identity;
    pn_address address;
    rl_store *store;
    rl_onions onions;
    uint64_t sequence; /* of its descriptor */
    fed_known known[FED_RELAYS_MAX];
    /* Its process: */
    rl_sink sink;
    rl_core_config config;
    rl_relay terms;
    rl_core *core;
    pn_gate *gate;
    pn_node peers; /* fed_peer */
    uint64_t peers_made;
    uint8_t descriptor[PN_DESCRIPTOR_BYTES_MAX];
    size_t descriptor_len;
    fed_timer ticks, commits, refreshes;
    uint64_t slow_until; /* its disk */
    pn_msg_scratch scratch;
    uint8_t frame[PN_MSG_MAX];
    /* What the oracle and the adversary keep of it: */
    fed_shadow *shadow;
    uint32_t hostile; /* FED_HARM_*; 0: honest */
    fed_dice malice;
    fed_hoard *hoard; /* owned; mail kept back */
};

void fed_relay_init(fed_relay *r, fed_world *w, size_t index, uint64_t seed);
void fed_relay_free(fed_relay *r);
/* Its process begins; it may fail for memory, and begins again later. */
void fed_relay_start(fed_relay *r);
/* As by SIGKILL or power loss: of what waits for the disk the oldest `survive`
 * operations have reached it. Up again at `up_at_ms`; UINT64_MAX: never. */
void fed_relay_stop(fed_relay *r, size_t survive, uint64_t up_at_ms);
/* It has lost its disk but for its identity. */
void fed_relay_wipe(fed_relay *r);
/* After anything that was given to the core. */
void fed_relay_touched(fed_relay *r);
/* Who dials it; see fed_net.accept. */
void *fed_relay_accept(fed_relay *r, fed_conn *conn,
                       const fed_conn_events **events);
/* The relay with this key, or FED_RELAYS_MAX. */
size_t fed_relay_of(const fed_world *w, const uint8_t *key);

/* --- between the files of a relay ---------------------------------------- */

rl_sink fed_relay_sink(fed_relay *r);
/* Keys and descriptor as the clock wants them; PN_E_NOMEM. */
pn_err fed_relay_refresh(fed_relay *r);
/* Send one message to a peer as the core would. */
pn_err fed_peer_send(fed_peer *p, const pn_msg *msg);
void fed_peers_kill(fed_relay *r);

#endif
