/* CipherState of the Noise Protocol Framework (revision 34, section 5.1) with
 * ChaChaPoly (section 12.3): a key and the nonce that its next use takes.
 * Thread rule: one thread at a time.
 */
#ifndef POSTERN_PROTO_LINK_CIPHER_H
#define POSTERN_PROTO_LINK_CIPHER_H

#include "proto/base/bytes.h"

enum {
    PN_CIPHER_KEY_BYTES = 32,
    PN_CIPHER_TAG_BYTES = 16,
    PN_CIPHER_BLOCK_BYTES = 64, /* of the keystream */
};

/* The one nonce that is never used for a message: Rekey() takes it. */
#define PN_CIPHER_NONCE_END UINT64_MAX

typedef struct pn_cipher {
    uint8_t key[PN_CIPHER_KEY_BYTES]; /* secret; wiped by the owner */
    uint64_t nonce;                   /* messages under this key so far */
} pn_cipher;

/* InitializeKey(): copies `key`; the nonce starts at 0. */
void pn_cipher_init(pn_cipher *c, const uint8_t key[PN_CIPHER_KEY_BYTES]);
/* EncryptWithAd(): writes plain.len + 16 bytes to `out`, which may be where
 * the plaintext lies. PN_E_STATE once the nonces are used up. */
PN_MUST_USE pn_err pn_cipher_seal(pn_cipher *c, uint8_t *out, pn_bytes ad,
                                  pn_bytes plain);
/* DecryptWithAd(): writes sealed.len - 16 bytes to `out`, which may be where
 * the ciphertext lies. PN_E_SHORT below 16 bytes, PN_E_CRYPTO if it does not
 * authenticate (the nonce then stays), PN_E_STATE as above. */
PN_MUST_USE pn_err pn_cipher_open(pn_cipher *c, uint8_t *out, pn_bytes ad,
                                  pn_bytes sealed);
/* The same without associated data and with the tag's place included, for
 * messages of whole blocks: buf[0..size - 16) is sealed where it lies, the tag
 * goes to the last 16 bytes. `size` is a multiple of PN_CIPHER_BLOCK_BYTES.
 * PN_E_ARG if not, PN_E_STATE; PN_E_CRYPTO if the cipher itself fails, which
 * leaves nothing of use in `buf`. */
PN_MUST_USE pn_err pn_cipher_seal_blocks(pn_cipher *c, uint8_t *buf,
                                         size_t size);
/* Its inverse: out[0..sealed.len), which may be where the ciphertext lies,
 * gets the plaintext and then 16 zeros. If it does not authenticate `out` is as
 * it was or zeros. PN_E_ARG, PN_E_CRYPTO, PN_E_STATE. */
PN_MUST_USE pn_err pn_cipher_open_blocks(pn_cipher *c, uint8_t *out,
                                         pn_bytes sealed);
/* Rekey(): the old key cannot be found from the new one. The nonce stays. */
void pn_cipher_rekey(pn_cipher *c);

#endif
