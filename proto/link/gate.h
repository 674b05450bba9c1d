/* What all links accepted by one relay share (the rest is in link.h): who may
 * go on to public-key operations. Knows nothing of streams.
 *
 * A puzzle leaves no state behind: its challenge is a keyed hash of where the
 * peer comes from under a secret of the present two-minute epoch, and can be
 * computed again. Only solved ones are remembered, so that one solution buys
 * one handshake. That memory is bounded: when it is full the epoch ends early,
 * and with it the secret under which more could be presented; nothing replayed
 * is ever let through, an honest late-comer is asked once more.
 * Thread rule: one thread at a time.
 */
#ifndef POSTERN_PROTO_LINK_GATE_H
#define POSTERN_PROTO_LINK_GATE_H

#include "proto/link/hello.h"
#include "proto/link/spent.h"

enum { PN_GATE_EPOCH_MS = 120000, PN_GATE_PEER_BYTES = 32 };

typedef struct pn_gate_epoch {
    bool live;
    uint64_t began_ms;
    uint8_t secret[32];
    pn_spent spent;
} pn_gate_epoch;

struct pn_gate {
    const pn_env *env;
    pn_link_identity id;
    pn_hello_keys keys;
    unsigned difficulty;
    uint64_t features;
    uint8_t descriptor_hash[32];
    pn_gate_epoch epochs[2]; /* the current one, the one before */
    pn_gate_stats stats;
};

typedef enum pn_gate_verdict {
    PN_GATE_PASS,     /* worth a handshake */
    PN_GATE_STRANGER, /* wrong mac1: silence */
    PN_GATE_ASK,      /* knows the relay key; must solve a puzzle first */
    PN_GATE_REPLAY,   /* a solution that was spent: silence */
} pn_gate_verdict;

/* Hash a peer tag to what the link keeps of it until it is open. */
void pn_gate_hash_peer(uint8_t out[PN_GATE_PEER_BYTES], pn_bytes peer_tag);
/* Judge message 1: no public-key operation, no state unless a solution is
 * spent. *role is set unless it is a stranger. PN_E_RANDOM, PN_E_NOMEM. */
PN_MUST_USE pn_err pn_gate_judge(pn_gate *gate,
                                 const uint8_t hello[PN_LINK_HELLO_BYTES],
                                 const uint8_t peer[PN_GATE_PEER_BYTES],
                                 pn_link_role *role, pn_gate_verdict *verdict);
/* Write the puzzle that answers `hello`. PN_E_RANDOM. */
PN_MUST_USE pn_err pn_gate_ask(pn_gate *gate,
                               const uint8_t hello[PN_LINK_HELLO_BYTES],
                               const uint8_t peer[PN_GATE_PEER_BYTES],
                               uint8_t retry[PN_LINK_HELLO_BYTES]);

#endif
