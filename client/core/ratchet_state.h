/* Inside a ratchet: seen by ratchet*.c and by tests, by nobody else. */
#ifndef POSTERN_CLIENT_CORE_RATCHET_STATE_H
#define POSTERN_CLIENT_CORE_RATCHET_STATE_H

#include "client/core/ratchet.h"
#include "client/core/skipped.h"

typedef struct cl_chain {
    bool live;
    uint32_t n; /* number of its next message */
    uint8_t ck[CL_KEY_BYTES];
    uint8_t hk[CL_KEY_BYTES];
} cl_chain;

/* Everything a step changes; copied before one, assigned after it. */
typedef struct cl_ratchet_core {
    uint8_t transcript[32];
    uint8_t root[CL_KEY_BYTES];
    cl_chain send;
    cl_chain recv;
    uint8_t send_next_hk[CL_KEY_BYTES];
    uint8_t recv_next_hk[CL_KEY_BYTES];
    uint32_t prev_len;         /* messages in our sending chain before */
    cl_message_type send_type; /* of every message in the sending chain */
    bool retired;              /* receives only */
    bool first_due;            /* an answerer that has opened nothing yet */
    bool step_due;             /* the next seal begins a new chain */
    bool has_dh;               /* dh_sk is a key, not yet used up */
    bool has_kem;              /* kem_seed likewise */
    bool has_peer_kem;         /* peer_kem_pk likewise */
    uint8_t dh_sk[32];
    uint8_t dh_pk[32];
    uint8_t peer_dh[32];
    uint8_t kem_seed[PN_MLKEM768_SEED_BYTES];
    uint8_t kem_pk[PN_MLKEM768_PK_BYTES];
    uint8_t kem_ct[PN_MLKEM768_CT_BYTES];
    uint8_t peer_kem_pk[PN_MLKEM768_PK_BYTES];
    uint64_t kem_at_ms; /* wall time of the last KEM step */
    uint32_t since_kem; /* messages since then, both ways */
} cl_ratchet_core;

struct cl_ratchet {
    cl_ratchet_core core;
    cl_skipped skipped;
};

enum {
    CL_RATCHET_LABEL_BYTES = 17, /* "postern/ratchet/1" */
    CL_RATCHET_AD_BYTES = CL_RATCHET_LABEL_BYTES + 2 + 32,
    CL_SEALED_HEADER_MAX = CL_HEADER_MAX_BYTES + CL_TAG_BYTES,
    CL_CHAIN_END = INT32_MAX, /* a chain has no message of this number */
};

/* The associated data of a header; a content's continues with the sealed
 * header. */
void cl_ratchet_ad(uint8_t out[CL_RATCHET_AD_BYTES],
                   const uint8_t transcript[32], cl_message_type type);
/* One step of a chain: mk for its next message, ck forward, n + 1. */
void cl_chain_next(cl_chain *c, uint8_t mk[CL_KEY_BYTES]);

/* What one DH step mixes in. */
typedef struct cl_step {
    const uint8_t *dh_sk;       /* ours */
    const uint8_t *dh_pk;       /* theirs */
    const uint8_t *sender_dh;   /* key of the new chain's sender */
    const uint8_t *receiver_dh; /* and of its receiver */
    const uint8_t *ss;          /* ML-KEM secret, or NULL */
    const uint8_t *kem_ct;      /* its ciphertext */
    const uint8_t *kem_pk;      /* and the key it was made for */
} cl_step;

/* root, *chain's ck and next_hk from root and the step; the chain starts at
 * message 0. PN_E_CRYPTO if the agreement is all zeros. */
PN_MUST_USE pn_err cl_root_step(uint8_t root[CL_KEY_BYTES], cl_chain *chain,
                                uint8_t next_hk[CL_KEY_BYTES],
                                const cl_step *step);

#endif
