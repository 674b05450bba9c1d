/* HandshakeState of the Noise Protocol Framework (revision 34, section 5.3),
 * with the tokens e1 and ekem1 of the Hybrid Forward Secrecy extension
 * (revision 1) and ML-KEM-768 as its KEM.
 *
 * Runs a pattern from a token table; knows nothing of links. The published
 * vectors of N, NK, IK, XX and KK prove the machinery that NKhfs and IKhfs
 * run on. Thread rule: one thread at a time. A failed read or write is final.
 */
#ifndef POSTERN_PROTO_LINK_NOISE_H
#define POSTERN_PROTO_LINK_NOISE_H

#include "proto/base/env.h"
#include "proto/crypto/mlkem768.h"
#include "proto/link/symmetric.h"

typedef enum pn_noise_pattern {
    PN_NOISE_N,
    PN_NOISE_NK,
    PN_NOISE_IK,
    PN_NOISE_XX,
    PN_NOISE_KK,
    PN_NOISE_NKHFS,
    PN_NOISE_IKHFS,
    PN_NOISE_PATTERN_COUNT,
} pn_noise_pattern;

typedef enum pn_noise_side {
    PN_NOISE_INITIATOR = 0,
    PN_NOISE_RESPONDER = 1,
} pn_noise_side;

enum { PN_NOISE_KEY_BYTES = 32, PN_NOISE_NAME_MAX = 64 };

typedef struct pn_noise_setup {
    pn_noise_pattern pattern;
    pn_noise_hash hash;
    pn_noise_side side;
    pn_bytes prologue;
    /* Own static key pair and the peer's static key, borrowed for the call of
     * pn_noise_init(); NULL where the pattern has none. */
    const uint8_t *static_pk;
    const uint8_t *static_sk;
    const uint8_t *remote_static;
} pn_noise_setup;

/* Holds secrets: pn_noise_wipe() when done with it, on every path. */
typedef struct pn_noise {
    pn_noise_pattern pattern;
    pn_noise_side side;
    uint8_t message; /* messages written or read so far */
    bool has_remote; /* rs is known */
    bool failed;
    pn_symmetric symmetric;
    uint8_t s_pk[PN_NOISE_KEY_BYTES];
    uint8_t s_sk[PN_NOISE_KEY_BYTES];
    uint8_t e_pk[PN_NOISE_KEY_BYTES];
    uint8_t e_sk[PN_NOISE_KEY_BYTES];
    uint8_t rs[PN_NOISE_KEY_BYTES];
    uint8_t re[PN_NOISE_KEY_BYTES];
    union {
        uint8_t own_sk[PN_MLKEM768_SK_BYTES];  /* who sends e1 */
        uint8_t peer_pk[PN_MLKEM768_PK_BYTES]; /* who receives it */
    } e1;
} pn_noise;

/* The full protocol name, NUL-terminated. */
void pn_noise_name(char out[PN_NOISE_NAME_MAX], pn_noise_pattern id,
                   pn_noise_hash hash);
/* Initialize(): PN_E_ARG if the pattern needs a key that is not given. */
PN_MUST_USE pn_err pn_noise_init(pn_noise *n, const pn_noise_setup *setup);
/* WriteMessage(): appends one handshake message to `out`. Draws from `env`
 * per token: e takes 32 bytes (the X25519 secret), e1 64 (the seed d | z),
 * ekem1 32 (m). PN_E_STATE when it is not this side's turn or the handshake is
 * over or failed, PN_E_FULL if `out` is too small, PN_E_CRYPTO for an unusable
 * key of the peer, PN_E_RANDOM. */
PN_MUST_USE pn_err pn_noise_write(pn_noise *n, const pn_env *env,
                                  pn_bytes payload, pn_out *out);
/* ReadMessage(): `payload` holds at least message.len bytes and gets *len of
 * them. PN_E_SHORT or PN_E_CRYPTO if the message is not genuine, PN_E_STATE as
 * above. */
PN_MUST_USE pn_err pn_noise_read(pn_noise *n, pn_bytes message,
                                 uint8_t *payload, size_t *len);
/* All messages have passed. */
bool pn_noise_is_done(const pn_noise *n);
/* Split() into this side's sending and receiving ciphers. In pattern N only
 * the initiator may send. PN_E_STATE before the handshake is done. */
PN_MUST_USE pn_err pn_noise_split(const pn_noise *n, pn_cipher *send,
                                  pn_cipher *recv);
/* The handshake hash, borrowed; meaningful once done. */
pn_bytes pn_noise_handshake_hash(const pn_noise *n);
void pn_noise_wipe(pn_noise *n);

#endif
