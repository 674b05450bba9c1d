/* Parcels: one queue command, sealed to one relay (PROTOCOL.md section 4).
 *
 *   class u8 | key_id[4] | enc[1120] | AEAD(header[256] | body) + tag[16]
 *
 * HPKE with X-Wing to an onion key of the relay R that shall carry it out;
 * info binds R's relay key, the associated data class and key_id. Whoever hands
 * a parcel over (an entry relay, a courier) learns its class, R and when; R
 * learns the command, and not from whom. All parcels of a class have one size.
 *
 * A deposit's body is its envelope. Any other command travels in class XS and
 * is signed by the key of its queue, over the whole header and body and a
 * binding that no other parcel has: no signature can be moved to another
 * parcel, relay or command.
 *
 * The answer comes back sealed under a key that only the two ends of the parcel
 * can export (the shape of RFC 9458). Its size follows from the command alone.
 *
 * Sans-IO; allocates nothing. Thread rule: plain values, any thread.
 */
#ifndef POSTERN_PROTO_PARCEL_PARCEL_H
#define POSTERN_PROTO_PARCEL_PARCEL_H

#include "proto/base/env.h"
#include "proto/crypto/hpke.h"
#include "proto/parcel/command.h"
#include "proto/roster/onion.h"

enum {
    PN_PARCEL_TAG_BYTES = 16, /* by which a repeated parcel is known */
    PN_PARCEL_BINDING_BYTES = 32,
    PN_PARCEL_HEADER_BYTES = 256,
    /* What opening the largest parcel, or reply, takes. */
    PN_PARCEL_PLAIN_MAX = PN_PARCEL_HEADER_BYTES + PN_ENVELOPE_MAX,
    PN_REPLY_PLAIN_MAX = PN_REPLY_MAX - 32 - 16,
};

/* What stands outside, for whoever carries a parcel. */
typedef struct pn_parcel_face {
    pn_envelope_class class;
    uint8_t key_id[PN_KEY_ID_BYTES];
    /* BLAKE2b-128 of enc: the same for every copy of this parcel, unrelated
     * between any two parcels. */
    uint8_t tag[PN_PARCEL_TAG_BYTES];
} pn_parcel_face;

/* PN_E_PROTO unless `parcel` has the size that its class says. */
PN_MUST_USE pn_err pn_parcel_look(pn_parcel_face *out, pn_bytes parcel);
/* The size of a parcel whose body is an envelope of class `c`. */
size_t pn_parcel_size(pn_envelope_class c);

/* --- sealing and opening -------------------------------------------------- */

/* What both ends keep to seal or open the answer. Secret but for `kind` and
 * `room`: wipe it. Plain bytes: a client may keep it in its sealed store. */
typedef struct pn_parcel_reply {
    uint8_t secret[32];
    uint8_t binding[PN_PARCEL_BINDING_BYTES]; /* not secret */
    uint8_t kind; /* pn_parcel_kind of the command */
    uint8_t room; /* of a fetch: class of envelope; else 0 */
} pn_parcel_reply;

/* To whom a parcel goes; all borrowed. */
typedef struct pn_parcel_to {
    const uint8_t *relay_key; /* PN_RELAY_KEY_BYTES */
    const uint8_t *onion_pk;  /* PN_XWING_PK_BYTES, from R's descriptor */
} pn_parcel_to;

/* Seal *cmd into out[0..cap); *len is then pn_parcel_size() of its class, and
 * *reply opens the answer. `sign_sk` is the queue's Ed25519 secret (64 bytes,
 * libsodium's form), NULL for a deposit and only then. Draws 64 random bytes.
 * `out` overlaps nothing. PN_E_ARG: the command breaks its own rules, or the
 * key is not where it belongs; PN_E_CRYPTO: the onion key is no key;
 * PN_E_FULL: `cap` is too small; PN_E_RANDOM. On error *len is 0, and neither
 * out nor *reply holds a secret. */
PN_MUST_USE pn_err pn_parcel_seal(const pn_env *env, const pn_parcel_to *to,
                                  const pn_parcel_command *cmd,
                                  const uint8_t *sign_sk, uint8_t *out,
                                  size_t cap, size_t *len,
                                  pn_parcel_reply *reply);

/* An opened parcel; views borrow from `plain` of pn_parcel_open(). */
typedef struct pn_parcel_opened {
    pn_parcel_command command;
    pn_parcel_reply reply;
    pn_bytes content; /* header and body, as they were signed */
} pn_parcel_opened;

/* Open a parcel that came to the relay `relay_key` and names the onion key
 * `key` (pn_parcel_look(); which keys are still good is the caller's matter).
 * The content is written to plain[0..cap), PN_PARCEL_PLAIN_MAX is always
 * enough. PN_E_PROTO: no parcel, or its inside is malformed; PN_E_NOT_FOUND: it
 * names another onion key; PN_E_CRYPTO: damaged, or sealed to another relay;
 * PN_E_FULL. On any error nothing secret stays in plain or *out. The caller
 * wipes both in the end. A caller must know repeated tags itself. */
PN_MUST_USE pn_err pn_parcel_open(pn_parcel_opened *out, pn_bytes parcel,
                                  const uint8_t relay_key[PN_RELAY_KEY_BYTES],
                                  const pn_xwing_key *key, uint8_t *plain,
                                  size_t cap);
/* Verify the signature of an opened command other than a deposit, under the key
 * of the queue it is about (for a create the one it names). PN_E_CRYPTO if it
 * fails; PN_E_ARG for a deposit, which nobody signs. */
PN_MUST_USE pn_err pn_parcel_check(const pn_parcel_opened *opened,
                                   const uint8_t queue_key[PN_QUEUE_KEY_BYTES]);

/* --- the answer ------------------------------------------------------------
 */

/* Whether the answer could be one to a command of reply->kind. */
bool pn_parcel_answer_ok(const pn_parcel_reply *reply,
                         const pn_parcel_answer *answer);
/* The size of any answer to that command: PN_REPLY_STATUS_BYTES, or for a fetch
 * the envelope's size and PN_REPLY_OVERHEAD. */
size_t pn_parcel_reply_size(const pn_parcel_reply *reply);
/* Seal an answer into out[0..cap). Draws 32 random bytes, so that one command
 * may be answered more than once. PN_E_ARG: not ok; PN_E_FULL; PN_E_RANDOM;
 * *len is then 0. */
PN_MUST_USE pn_err pn_parcel_reply_seal(const pn_env *env,
                                        const pn_parcel_reply *reply,
                                        const pn_parcel_answer *answer,
                                        uint8_t *out, size_t cap, size_t *len);
/* Open an answer into plain[0..cap), PN_REPLY_PLAIN_MAX is always enough; *out
 * borrows from it. PN_E_PROTO: not this command's size, or malformed;
 * PN_E_CRYPTO: damaged, or the answer to another parcel; PN_E_FULL. On any
 * error plain holds nothing. */
PN_MUST_USE pn_err pn_parcel_reply_open(pn_parcel_answer *out,
                                        const pn_parcel_reply *reply,
                                        pn_bytes sealed, uint8_t *plain,
                                        size_t cap);

#endif
