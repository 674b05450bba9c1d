/* One end of a link: a post-quantum Noise handshake, then fixed-size records,
 * over any ordered byte stream (PROTOCOL.md section 1).
 *
 * Sans-IO: bytes in with pn_link_feed(), frames out with pn_link_next(); frames
 * in with pn_link_send(), bytes out with pn_link_output(). It never touches a
 * socket, a clock or a generator but through the injected environment. It
 * never trusts the carrier, and never speaks to a peer whose first message
 * does not prove that it knows the relay key.
 *
 * Memory: an idle open link holds no buffer at all.
 * Thread rule: one thread at a time. Faults are final: after any PN_E_* other
 * than PN_E_FULL the only useful call is pn_link_free(); buffers and keys are
 * gone by then, and feed, next, flush and tick repeat the fault.
 */
#ifndef POSTERN_PROTO_LINK_LINK_H
#define POSTERN_PROTO_LINK_LINK_H

#include "proto/base/bytes.h"
#include "proto/base/env.h"

enum {
    PN_LINK_KEY_BYTES = 32,     /* relay key (Ed25519), X25519 keys, h */
    PN_LINK_HELLO_BYTES = 2048, /* every handshake message, and the retry */
    PN_LINK_FRAME_MAX = 131072, /* largest frame body */
    PN_LINK_VERSION = 1,        /* the only link version so far */
    PN_LINK_HANDSHAKE_MS = 10000,
    PN_LINK_ROLLOVER_RECORDS = 1 << 20,
    PN_LINK_REKEY_RECORDS = 1024,
    PN_LINK_ROLLOVER_MS = 24 * 3600 * 1000,
    /* How much later the responder ends a link that was not rolled over. */
    PN_LINK_SLACK_RECORDS = 1 << 18,
    PN_LINK_SLACK_MS = 10 * 60 * 1000,
    PN_LINK_RETRIES_MAX = 2,        /* puzzles asked and solved per link */
    PN_LINK_DIFFICULTY_MAX = 22,    /* leading zero bits */
    PN_LINK_SILENCE_MIN_MS = 6000,  /* a stranger is closed after a time */
    PN_LINK_SILENCE_MAX_MS = 10000, /* drawn between these, when accepted */
};

/* Who started the link; says which Noise pattern runs. */
typedef enum pn_link_role {
    PN_LINK_CLIENT = 0, /* NKhfs: the client stays anonymous */
    PN_LINK_RELAY = 1,  /* IKhfs: both relays are authenticated */
} pn_link_role;

typedef enum pn_link_state {
    PN_LINK_HANDSHAKE, /* not yet open; nothing may be sent */
    PN_LINK_OPEN,      /* frames flow */
    PN_LINK_SILENT,    /* a stranger: eats all input until its deadline */
    PN_LINK_DEAD,      /* a fault was returned, or a deadline passed */
} pn_link_state;

/* How far the peer of an accepted link has come: what a carrier weighs when it
 * has to give up one handshake for another. */
typedef enum pn_link_proof {
    PN_LINK_PROOF_NONE, /* no valid mac1, or met with silence */
    PN_LINK_PROOF_KEY,  /* knows the relay key; owes a puzzle */
    PN_LINK_PROOF_WORK, /* has been answered; owes the first record */
    PN_LINK_PROOF_ALL,  /* open, or not accepted at all */
} pn_link_proof;

/* Feature bits, offered by one side and chosen by the other. */
#define PN_LINK_FEATURE_QUEUES (UINT64_C(1) << 0) /* takes queue commands */
/* takes parcels, forwards them, gives descriptors */
#define PN_LINK_FEATURE_PARCELS (UINT64_C(1) << 1)

/* What the initiator asks for (replayable: no secret, no client id). */
typedef struct pn_link_offer {
    uint8_t version_min;
    uint8_t version_max;
    uint16_t record_size; /* 1024, 4096 or 16384 */
    uint64_t features;
} pn_link_offer;

/* What the responder chose, known to both once the link is open. */
typedef struct pn_link_terms {
    uint8_t version;
    uint16_t record_size;
    uint64_t features;           /* offered and supported */
    uint64_t relay_wall_ms;      /* responder's clock at message 2 */
    uint8_t descriptor_hash[32]; /* of its current descriptor; zero if none */
} pn_link_terms;

/* Long-term key of one relay, expanded from the 32-byte Ed25519 seed. */
typedef struct pn_link_identity {
    uint8_t relay_key[PN_LINK_KEY_BYTES]; /* Ed25519 public key */
    uint8_t noise_pk[PN_LINK_KEY_BYTES];  /* its X25519 conversion */
    uint8_t noise_sk[PN_LINK_KEY_BYTES];  /* secret */
    uint8_t sign_sk[64];                  /* secret, libsodium's form */
} pn_link_identity;

/* Expand a seed. PN_E_CRYPTO if it gives an unusable key (never in practice).
 * The caller wipes *out with pn_wipe() in the end. */
PN_MUST_USE pn_err pn_link_identity_from_seed(pn_link_identity *out,
                                              const uint8_t seed[32]);

/* --- the responder's shared part ------------------------------------------ */

/* What all links accepted by one relay share: identity, the keys that check
 * mac1, the puzzle's epoch secrets and the memory of spent solutions. Fixed
 * size; nothing in it grows with the number of peers. */
typedef struct pn_gate pn_gate;

/* `id` is copied, but for its signing key; `env` is borrowed and must outlive
 * the gate, and the gate its links. PN_E_NOMEM, PN_E_RANDOM. */
PN_MUST_USE pn_err pn_gate_new(pn_gate **out, const pn_env *env,
                               const pn_link_identity *id);
void pn_gate_free(pn_gate **gate);
/* Puzzle difficulty in leading zero bits asked of every new peer, 0..22;
 * 0 (the start) asks for none. Values above are cut to 22. */
void pn_gate_set_difficulty(pn_gate *gate, unsigned bits);
/* Features the responder grants and the descriptor hash it announces. */
void pn_gate_set_terms(pn_gate *gate, uint64_t features,
                       const uint8_t descriptor_hash[32]);

/* Public-key handshakes begun and retries sent since the gate was made: what
 * an operator's load control reads. */
typedef struct pn_gate_stats {
    uint64_t handshakes; /* valid mac1 (and solution), and rollovers */
    uint64_t strangers;  /* wrong mac1, or none before the deadline */
    uint64_t retries;    /* puzzles asked */
    uint64_t replays;    /* spent solutions seen again, answered by silence */
} pn_gate_stats;
pn_gate_stats pn_gate_read_stats(const pn_gate *gate);

/* --- links ---------------------------------------------------------------- */

typedef struct pn_link pn_link;

/* Start a link to the relay with `relay_key`. `self` is NULL for a client
 * (NKhfs), or this relay's identity (IKhfs), borrowed as long as the link lives
 * (a rollover needs it again). `env` is borrowed likewise.
 * Message 1 is ready in pn_link_output() at once.
 * PN_E_ARG for a bad offer, PN_E_CRYPTO for an unusable relay key, PN_E_NOMEM,
 * PN_E_RANDOM. Caller owns *out. */
PN_MUST_USE pn_err pn_link_dial(pn_link **out, const pn_env *env,
                                const uint8_t relay_key[PN_LINK_KEY_BYTES],
                                const pn_link_offer *offer,
                                const pn_link_identity *self);
/* Accept a stream from somebody. `peer_tag` are bytes that stand for where the
 * peer comes from (an address prefix); they bind puzzles to it, are copied
 * into a hash and never kept. May be empty. */
PN_MUST_USE pn_err pn_link_accept(pn_link **out, pn_gate *gate,
                                  pn_bytes peer_tag);
/* Wipe, free and null *link. Accepts NULL and a null *link. */
void pn_link_free(pn_link **link);

/* Take bytes from the peer; consumes a prefix of *in. Bytes that stay in *in
 * are refused for now: a frame waits in pn_link_next(), or the state changed.
 * Call again after draining pn_link_next(). PN_OK, or a final fault:
 * PN_E_PROTO, PN_E_CRYPTO, PN_E_VERSION, PN_E_NOMEM, PN_E_RANDOM;
 * PN_E_SHORT for a message that ends inside a field, PN_E_TIMEOUT when keys are
 * overdue for renewal. */
PN_MUST_USE pn_err pn_link_feed(pn_link *link, pn_bytes *in);
/* The next whole frame: PN_OK, or PN_MORE if it has not all arrived; or a
 * final fault as pn_link_feed(). *frame is borrowed until the next call on this
 * link. Call until PN_MORE: that is when buffers are given back. */
PN_MUST_USE pn_err pn_link_next(pn_link *link, pn_bytes *frame);

/* Queue one frame of 1..PN_LINK_FRAME_MAX bytes; copies it. PN_E_FULL when the
 * output bound is reached (nothing is taken: send again after output went
 * out), PN_E_STATE unless open, PN_E_ARG for a bad length, PN_E_NOMEM. */
PN_MUST_USE pn_err pn_link_send(pn_link *link, pn_bytes frame);
/* Seal what is queued, padding the last record. Call once per burst; frames
 * queued between two flushes share records. Nothing to do is PN_OK; else a
 * final fault as pn_link_feed(). */
PN_MUST_USE pn_err pn_link_flush(pn_link *link);
/* Bytes to write to the carrier now, borrowed until the next call on this
 * link; empty if none. */
pn_bytes pn_link_output(const pn_link *link);
/* The first `len` bytes of pn_link_output() have been handed to the carrier. */
void pn_link_sent(pn_link *link, size_t len);
/* Bound on queued output in bytes (default 256 KiB); at least two records. One
 * frame is always taken when nothing is queued, however long. */
void pn_link_set_output_max(pn_link *link, size_t max);

pn_link_state pn_link_get_state(const pn_link *link);
/* Why the link died or fell silent; PN_OK while it lives. */
pn_err pn_link_fault(const pn_link *link);
pn_link_proof pn_link_get_proof(const pn_link *link);
pn_link_role pn_link_get_role(const pn_link *link);
/* Valid while open. */
const pn_link_terms *pn_link_get_terms(const pn_link *link);
/* The channel binding h: the handshake hash of the link's first handshake.
 * A rollover does not change it, so that what was opened on this link by a
 * signature over h stays open. Valid while open. */
const uint8_t *pn_link_binding(const pn_link *link);
/* X25519 static key of the peer relay (IKhfs, responder's side), else NULL. */
const uint8_t *pn_link_peer_static(const pn_link *link);

/* When pn_link_tick() wants to be called, in mono ms; UINT64_MAX for never. It
 * may be now: a puzzle is solved in slices of some milliseconds per tick. A
 * handshake has PN_LINK_HANDSHAKE_MS, which every puzzle starts afresh. */
uint64_t pn_link_deadline(const pn_link *link);
/* Do what is due: PN_E_TIMEOUT if a handshake or silence ran out (final),
 * otherwise PN_OK, perhaps with a rollover begun in the output. */
PN_MUST_USE pn_err pn_link_tick(pn_link *link);

#endif
