/* HKDF with HMAC-SHA256 (RFC 5869), on libsodium's HMAC.
 * Thread rule: no state, any thread.
 */
#ifndef POSTERN_PROTO_CRYPTO_HKDF_H
#define POSTERN_PROTO_CRYPTO_HKDF_H

#include "proto/base/bytes.h"

enum { PN_HKDF_PRK_BYTES = 32, PN_HKDF_OUT_MAX = 255 * 32 };

/* RFC 5869 section 2.2; an empty salt means 32 zero bytes. */
void pn_hkdf_extract(uint8_t prk[PN_HKDF_PRK_BYTES], pn_bytes salt,
                     pn_bytes ikm);
/* RFC 5869 section 2.3. PN_E_ARG if len is above PN_HKDF_OUT_MAX. */
PN_MUST_USE pn_err pn_hkdf_expand(uint8_t *out, size_t len,
                                  const uint8_t prk[PN_HKDF_PRK_BYTES],
                                  pn_bytes info);

/* The same with ikm or info given in pieces, as if they were joined. */
void pn_hkdf_extract_parts(uint8_t prk[PN_HKDF_PRK_BYTES], pn_bytes salt,
                           const pn_bytes *part, size_t parts);
PN_MUST_USE pn_err pn_hkdf_expand_parts(uint8_t *out, size_t len,
                                        const uint8_t prk[PN_HKDF_PRK_BYTES],
                                        const pn_bytes *part, size_t parts);

#endif
