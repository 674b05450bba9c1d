/* Relay descriptors: what a relay says of itself, signed by its relay key
 * (PROTOCOL.md section 4.8): where it is, to which onion keys parcels for it
 * are sealed, what it takes.
 *
 * Wire form: version u8 (1) | relay key[32] | sequence u64 | from u64 |
 * until u64 | features u64 | limits[12] | operator id[32] | label | addresses |
 * onion keys | signature[64]. One meaning has one spelling: what opens is what
 * the encoder writes for it.
 *
 * A descriptor is as good as its signature, whoever handed it over. Whoever
 * keeps descriptors replaces an old one by pn_descriptor_newer() only.
 * Sans-IO; allocates nothing. Thread rule: plain values, any thread.
 */
#ifndef POSTERN_PROTO_ROSTER_DESCRIPTOR_H
#define POSTERN_PROTO_ROSTER_DESCRIPTOR_H

#include "proto/base/bytes.h"
#include "proto/roster/onion.h"

enum {
    PN_DESCRIPTOR_BYTES_MAX = 12288, /* whole; fits one record of 16384 */
    PN_DESCRIPTOR_HASH_BYTES = 32,
    PN_DESCRIPTOR_KEY_BYTES = 32, /* relay key, Ed25519 */
    PN_OPERATOR_ID_BYTES = 32,
    PN_OPERATOR_LABEL_MAX = 64, /* bytes of UTF-8 */
    PN_DESCRIPTOR_ADDRESSES_MAX = 8,
    PN_DESCRIPTOR_ADDRESS_MAX = 255, /* bytes of an address's text */
    PN_DESCRIPTOR_ONIONS_MAX = 8,
    /* A descriptor is good for no longer than this. */
    PN_DESCRIPTOR_DAYS_MAX = 60,
    /* How far a reader's clock and a relay's may be apart. */
    PN_DESCRIPTOR_SKEW_MS = 3600 * 1000,
};

/* By what an address is reached. Others are read and kept, so that an old
 * reader can verify and pass on what a newer relay says. */
typedef enum pn_address_carrier {
    PN_CARRIER_TCP = 1,       /* the bare link */
    PN_CARRIER_WEBSOCKET = 2, /* over TLS */
    PN_CARRIER_PLUGGABLE = 3, /* a pluggable transport, named in its text */
    PN_CARRIER_ONION = 4,     /* a Tor onion service */
} pn_address_carrier;

typedef struct pn_descriptor_address {
    uint8_t carrier; /* pn_address_carrier, or a later one; at least 1 */
    /* What follows the '@' of a relay's address (proto/wire/address.h):
     * 1..255 graphic ASCII bytes. */
    pn_bytes text;
} pn_descriptor_address;

typedef struct pn_descriptor_onion {
    uint8_t id[PN_ONION_ID_BYTES]; /* follows from pk: not on the wire */
    const uint8_t *pk;             /* PN_XWING_PK_BYTES */
    uint64_t from_ms;              /* since 1970-01-01 UTC */
    uint64_t until_ms;             /* later than from_ms, by 42 days at most */
} pn_descriptor_onion;

/* Who may create queues. */
typedef enum pn_descriptor_access {
    PN_ACCESS_OPEN = 1,
    PN_ACCESS_SECRET = 2,
    PN_ACCESS_CLOSED = 3,
} pn_descriptor_access;

typedef struct pn_descriptor_limits {
    uint8_t largest;      /* class of envelope it takes, 0 XS .. 3 L */
    uint8_t ttl_days;     /* longest, 2..90 */
    uint8_t forward_days; /* longest it keeps parcels for others, 0..42;
                             0: it forwards nothing */
    uint8_t access;       /* pn_descriptor_access */
    uint32_t queue_count; /* messages a queue may hold, at least 1 */
    uint32_t queue_bytes; /* likewise bytes */
} pn_descriptor_limits;

/* Byte views and keys borrow from what the descriptor was read from, or from
 * what the caller who fills one in lends. */
typedef struct pn_descriptor {
    const uint8_t *relay_key; /* PN_DESCRIPTOR_KEY_BYTES */
    uint64_t sequence;        /* from 1; higher replaces lower */
    uint64_t from_ms;         /* since 1970-01-01 UTC */
    uint64_t until_ms;        /* later than from_ms, by 60 days at most */
    uint64_t features;        /* PN_LINK_FEATURE_* it grants */
    pn_descriptor_limits limits;
    const uint8_t *operator_id; /* PN_OPERATOR_ID_BYTES; zeros: not told. Two
                                   relays of one operator have the same */
    pn_bytes label; /* 0..64 bytes of UTF-8 without control characters */
    pn_descriptor_address addresses[PN_DESCRIPTOR_ADDRESSES_MAX];
    size_t address_count; /* preferred first; no two the same; may be 0 */
    /* Oldest first: from_ms never falls, no two with one id. May be 0. */
    pn_descriptor_onion onions[PN_DESCRIPTOR_ONIONS_MAX];
    size_t onion_count;
    /* Of the whole, signature included: what payload 2 of the link handshake
     * announces (pn_link_terms.descriptor_hash). Set by the calls below. */
    uint8_t hash[PN_DESCRIPTOR_HASH_BYTES];
} pn_descriptor;

/* Write and sign *d into out[0..cap); PN_DESCRIPTOR_BYTES_MAX is always enough.
 * Sets d->hash and the ids of d->onions. `sign_sk` is the relay key's secret in
 * libsodium's form (64 bytes, pn_link_identity.sign_sk); d->relay_key must be
 * its public half. PN_E_ARG if it is not, or if *d breaks a rule above;
 * PN_E_FULL; *len is then 0. */
PN_MUST_USE pn_err pn_descriptor_sign(pn_descriptor *d,
                                      const uint8_t sign_sk[64], uint8_t *out,
                                      size_t cap, size_t *len);
/* Read a descriptor and verify its signature, but not its times: for what one
 * has kept. *out borrows from `in`. PN_E_PROTO: malformed, too long, bytes
 * after the end; PN_E_CRYPTO: the signature fails. *out is written on success
 * only. */
PN_MUST_USE pn_err pn_descriptor_read(pn_descriptor *out, pn_bytes in);
/* The same for what a peer hands over. `relay_key` is whose it must be,
 * `now_ms` the reader's clock. Also PN_E_REFUSED: another relay's;
 * PN_E_TIMEOUT: by this clock, and a skew of PN_DESCRIPTOR_SKEW_MS, expired or
 * not valid yet. */
PN_MUST_USE pn_err pn_descriptor_verify(
    pn_descriptor *out, pn_bytes in,
    const uint8_t relay_key[PN_DESCRIPTOR_KEY_BYTES], uint64_t now_ms);
/* Whether `next` takes the place of `old`, both verified. PN_OK: it does.
 * PN_E_EXISTS: it is the same. PN_E_REFUSED: rollback, `old` stays.
 * PN_E_PROTO: equivocation, two contents under one sequence, both signed: keep
 * `old`, keep `next` as proof, and tell the user. PN_E_ARG: two relays. */
PN_MUST_USE pn_err pn_descriptor_newer(const pn_descriptor *old,
                                       const pn_descriptor *next);
/* The onion key to seal to now: of those valid at now_ms the one that began
 * last, so that the parcel has the longest life; NULL if there is none.
 * Borrowed from *d. */
const pn_descriptor_onion *pn_descriptor_onion_at(const pn_descriptor *d,
                                                  uint64_t now_ms);
/* The rules above that need no signature: for assertions and fuzzers. */
bool pn_descriptor_ok(const pn_descriptor *d);

#endif
