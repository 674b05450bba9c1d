/* The key derivations of the ratchet, both chains' and the root's. */
#include <sodium.h>
#include <string.h>

#include "client/core/ratchet_state.h"
#include "proto/base/mem.h"

void cl_ratchet_ad(uint8_t out[CL_RATCHET_AD_BYTES],
                   const uint8_t transcript[32], cl_message_type type)
{
    pn_out o = pn_out_over(out, CL_RATCHET_AD_BYTES);
    pn_put(&o, PN_BYTES_LIT("postern/ratchet/1"));
    pn_put_u8(&o, CL_SUITE);
    pn_put_u8(&o, (uint8_t)type);
    pn_put(&o, (pn_bytes){ transcript, 32 });
}

void cl_chain_next(cl_chain *c, uint8_t mk[CL_KEY_BYTES])
{
    static const uint8_t for_message = 1, for_chain = 2;
    uint8_t ck[CL_KEY_BYTES];
    (void)crypto_auth_hmacsha256(mk, &for_message, 1, c->ck);
    (void)crypto_auth_hmacsha256(ck, &for_chain, 1, c->ck);
    memcpy(c->ck, ck, sizeof ck);
    pn_wipe(ck, sizeof ck);
    c->n++;
}

/* Label, the two DH keys, and the hash of the KEM's key and ciphertext. */
static pn_bytes step_info(uint8_t room[128], const cl_step *step)
{
    pn_out o = pn_out_over(room, 128);
    pn_put(&o, PN_BYTES_LIT("postern/ratchet/1 step"));
    pn_put(&o, (pn_bytes){ step->sender_dh, 32 });
    pn_put(&o, (pn_bytes){ step->receiver_dh, 32 });
    if (step->ss != NULL) {
        uint8_t h[32];
        const pn_bytes parts[] = { { step->kem_pk, PN_MLKEM768_PK_BYTES },
                                   { step->kem_ct, PN_MLKEM768_CT_BYTES } };
        cl_hash(h, "postern/ratchet-kem/1", parts, 2);
        pn_put(&o, CL_VIEW(h));
    }
    return pn_out_view(&o);
}

pn_err cl_root_step(uint8_t root[CL_KEY_BYTES], cl_chain *chain,
                    uint8_t next_hk[CL_KEY_BYTES], const cl_step *step)
{
    uint8_t ikm[64], info[128], okm[96];
    const size_t ikm_len = step->ss != NULL ? 64 : 32;
    pn_err err;
    PN_TRY(cl_dh(ikm, step->dh_sk, step->dh_pk));
    if (step->ss != NULL)
        memcpy(ikm + 32, step->ss, 32);
    err = cl_derive(okm, sizeof okm, (pn_bytes){ root, CL_KEY_BYTES },
                    (pn_bytes){ ikm, ikm_len }, step_info(info, step));
    pn_wipe(ikm, sizeof ikm);
    if (err == PN_OK) {
        memcpy(root, okm, 32);
        memcpy(chain->ck, okm + 32, 32);
        memcpy(next_hk, okm + 64, 32);
        chain->n = 0;
        chain->live = true;
    }
    pn_wipe(okm, sizeof okm);
    return err;
}
