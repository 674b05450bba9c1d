/* HPKE (RFC 9180), base mode, one suite: X-Wing (KEM 0x647a), HKDF-SHA256
 * (KDF 1), ChaCha20-Poly1305 (AEAD 3). The X-Wing shared secret enters the
 * key schedule as it is, as draft-ietf-hpke-pq says.
 *
 * A context seals or opens messages in order; each takes the next sequence
 * number. Base mode does not say who sent.
 * Thread rule: a context is used by one thread at a time.
 */
#ifndef POSTERN_PROTO_CRYPTO_HPKE_H
#define POSTERN_PROTO_CRYPTO_HPKE_H

#include "proto/base/bytes.h"
#include "proto/crypto/xwing.h"

enum {
    PN_HPKE_ENC_BYTES = PN_XWING_CT_BYTES,
    PN_HPKE_TAG_BYTES = 16,
    PN_HPKE_EXPORT_MAX = 255 * 32,
};

/* Secret: wipe with pn_hpke_wipe(). Fields are for tests only. */
typedef struct pn_hpke {
    uint8_t key[32];
    uint8_t base_nonce[12];
    uint8_t exporter_secret[32];
    uint64_t sequence; /* of the next message; UINT64_MAX is never used */
} pn_hpke;

/* RFC 9180 section 5.1.1, SetupBaseS. PN_E_CRYPTO on a bad pk, PN_E_RANDOM;
 * then *out and enc are zeroed. */
PN_MUST_USE pn_err pn_hpke_setup_sender(pn_hpke *out,
                                        uint8_t enc[PN_HPKE_ENC_BYTES],
                                        const uint8_t pk[PN_XWING_PK_BYTES],
                                        pn_bytes info, const pn_env *env);
/* The same from given randomness, which must never be used twice. */
PN_MUST_USE pn_err pn_hpke_setup_sender_deterministic(
    pn_hpke *out, uint8_t enc[PN_HPKE_ENC_BYTES],
    const uint8_t pk[PN_XWING_PK_BYTES], pn_bytes info,
    const uint8_t seed[PN_XWING_ENC_SEED_BYTES]);
/* SetupBaseR. PN_E_CRYPTO as pn_xwing_dec(); *out is then zeroed. */
PN_MUST_USE pn_err pn_hpke_setup_receiver(pn_hpke *out,
                                          const uint8_t enc[PN_HPKE_ENC_BYTES],
                                          const pn_xwing_key *key,
                                          pn_bytes info);
void pn_hpke_wipe(pn_hpke *ctx);

/* Section 5.2. `ct` holds pt.len + PN_HPKE_TAG_BYTES and may start where pt
 * does. PN_E_FULL once the sequence numbers are used up. */
PN_MUST_USE pn_err pn_hpke_seal(pn_hpke *ctx, uint8_t *ct, pn_bytes aad,
                                pn_bytes pt);
/* `pt` holds ct.len - PN_HPKE_TAG_BYTES and may start where ct does.
 * PN_E_CRYPTO if ct is not the next message of this context: nothing is
 * given out and the sequence number stays. PN_E_SHORT if ct is shorter than a
 * tag, PN_E_FULL as above. */
PN_MUST_USE pn_err pn_hpke_open(pn_hpke *ctx, uint8_t *pt, pn_bytes aad,
                                pn_bytes ct);
/* Section 5.3. PN_E_ARG if len is above PN_HPKE_EXPORT_MAX. */
PN_MUST_USE pn_err pn_hpke_export(const pn_hpke *ctx, uint8_t *out, size_t len,
                                  pn_bytes context);

#endif
