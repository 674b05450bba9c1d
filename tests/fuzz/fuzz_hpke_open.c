/* What a stranger may send a relay sealed: enc | ciphertext, any bytes.
 * A context made from hostile bytes opens nothing, and what is truly sealed
 * opens to what it was. */
#include <stdbool.h>
#include <string.h>

#include "proto/crypto/hpke.h"
#include "tests/fuzz/fuzz.h"

static const pn_bytes info = { (const uint8_t *)"fuzz", 4 };

static void hostile(const pn_xwing_key *key, const uint8_t *data, size_t len)
{
    uint8_t enc[PN_HPKE_ENC_BYTES] = { 0 };
    const size_t head = len < sizeof enc ? len : sizeof enc;
    const pn_bytes ct = { data + head, len - head };
    uint8_t *pt = calloc(1, ct.len + 1);
    pn_hpke ctx;
    FUZZ_CHECK(pt != NULL);
    if (head > 0)
        memcpy(enc, data, head);
    if (pn_hpke_setup_receiver(&ctx, enc, key, info) == PN_OK) {
        const pn_err err = pn_hpke_open(&ctx, pt, info, ct);
        FUZZ_CHECK(err ==
                   (ct.len < PN_HPKE_TAG_BYTES ? PN_E_SHORT : PN_E_CRYPTO));
        FUZZ_CHECK(ctx.sequence == 0);
    } else {
        static const uint8_t zero[sizeof ctx.key];
        FUZZ_CHECK(memcmp(ctx.key, zero, sizeof zero) == 0);
    }
    pn_hpke_wipe(&ctx);
    free(pt);
}

/* The input as randomness and as plaintext. */
static void honest(const pn_xwing_key *key, const uint8_t *data, size_t len)
{
    uint8_t seed[PN_XWING_ENC_SEED_BYTES] = { 1 };
    uint8_t enc[PN_HPKE_ENC_BYTES];
    uint8_t *ct = calloc(1, len + PN_HPKE_TAG_BYTES);
    pn_hpke sender, receiver;
    FUZZ_CHECK(ct != NULL);
    if (len > 0)
        memcpy(seed, data, len < sizeof seed ? len : sizeof seed);
    FUZZ_CHECK(pn_hpke_setup_sender_deterministic(&sender, enc, key->pk, info,
                                                  seed) == PN_OK);
    FUZZ_CHECK(pn_hpke_setup_receiver(&receiver, enc, key, info) == PN_OK);
    FUZZ_CHECK(pn_hpke_seal(&sender, ct, info, (pn_bytes){ data, len }) ==
               PN_OK);
    FUZZ_CHECK(pn_hpke_open(&receiver, ct, info,
                            (pn_bytes){ ct, len + PN_HPKE_TAG_BYTES }) ==
               PN_OK);
    FUZZ_CHECK(len == 0 || memcmp(ct, data, len) == 0);
    pn_hpke_wipe(&sender);
    pn_hpke_wipe(&receiver);
    free(ct);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t sk[PN_XWING_SK_BYTES] = { 42 };
    static pn_xwing_key key; /* made once: always the same */
    static bool ready;
    if (!ready) {
        FUZZ_CHECK(pn_xwing_expand(&key, sk) == PN_OK);
        ready = true;
    }
    hostile(&key, data, len);
    honest(&key, data, len);
    return 0;
}
