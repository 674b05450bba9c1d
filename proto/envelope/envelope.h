/* Envelopes: what a relay stores (PROTOCOL.md section 5).
 * Wire form: nonce[24], then XChaCha20-Poly1305 under the queue key of
 * u16 length, inner, zeros; the associated data is a label and the queue's
 * send_id. An envelope has one of four sizes, whatever it holds, so that a
 * relay learns the class and nothing else.
 * Sans-IO; allocates nothing. Thread rule: no state, any thread.
 */
#ifndef POSTERN_PROTO_ENVELOPE_ENVELOPE_H
#define POSTERN_PROTO_ENVELOPE_ENVELOPE_H

#include "proto/base/bytes.h"
#include "proto/base/env.h"

enum {
    PN_ENVELOPE_KEY_BYTES = 32, /* a queue key */
    PN_ENVELOPE_ID_BYTES = 32,  /* a queue's send_id */
    PN_ENVELOPE_NONCE_BYTES = 24,
    PN_ENVELOPE_TAG_BYTES = 16,
    /* What an envelope has beyond its inner bytes and their padding. */
    PN_ENVELOPE_OVERHEAD = PN_ENVELOPE_NONCE_BYTES + PN_ENVELOPE_TAG_BYTES + 2,
    PN_ENVELOPE_MAX = 65088,
    PN_ENVELOPE_INNER_MAX = PN_ENVELOPE_MAX - PN_ENVELOPE_OVERHEAD,
};

/* With a deposit's framing XS, S and M fill one link record of 1024, 4096 or
 * 16384 bytes exactly; L fits 16 records of 4096 and 4 of 16384. */
typedef enum pn_envelope_class {
    PN_ENVELOPE_XS = 0, /* 896 bytes */
    PN_ENVELOPE_S = 1,  /* 3968 bytes, the default */
    PN_ENVELOPE_M = 2,  /* 16256 bytes */
    PN_ENVELOPE_L = 3,  /* 65088 bytes */
} pn_envelope_class;

/* The whole size of an envelope of class `c`, in bytes. */
size_t pn_envelope_size(pn_envelope_class c);
/* The most inner bytes class `c` holds. */
size_t pn_envelope_room(pn_envelope_class c);
/* The class whose size is exactly `len`; PN_E_PROTO if there is none. */
PN_MUST_USE pn_err pn_envelope_class_of(pn_envelope_class *out, size_t len);
/* The smallest class of at least `least` that holds `inner_len` bytes;
 * PN_E_FULL if none does. */
PN_MUST_USE pn_err pn_envelope_class_for(pn_envelope_class *out,
                                         size_t inner_len,
                                         pn_envelope_class least);

/* Seal `inner` (1..PN_ENVELOPE_INNER_MAX bytes) for the queue `send_id` into
 * out[0..cap), in the smallest class of at least `least` that holds it; *len
 * is then its size. Draws 24 random bytes. `inner` and `out` do not overlap.
 * PN_E_ARG for an empty inner, PN_E_FULL if it fits no class or not `cap`,
 * PN_E_RANDOM; *len is then 0. */
PN_MUST_USE pn_err pn_envelope_seal(const pn_env *env,
                                    const uint8_t key[PN_ENVELOPE_KEY_BYTES],
                                    const uint8_t send_id[PN_ENVELOPE_ID_BYTES],
                                    pn_envelope_class least, pn_bytes inner,
                                    uint8_t *out, size_t cap, size_t *len);
/* Open `envelope` into out[0..cap), cap at least envelope.len, and lend the
 * inner bytes of it as *inner. PN_E_PROTO: no envelope's size, or padding that
 * is not exactly zeros; PN_E_CRYPTO: not for this queue or key, or damaged;
 * PN_E_FULL: `cap` is too small. On any error out holds no plaintext. */
PN_MUST_USE pn_err pn_envelope_open(const uint8_t key[PN_ENVELOPE_KEY_BYTES],
                                    const uint8_t send_id[PN_ENVELOPE_ID_BYTES],
                                    pn_bytes envelope, uint8_t *out, size_t cap,
                                    pn_bytes *inner);

#endif
