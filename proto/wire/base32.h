/* Base32 (RFC 4648 section 6) in lower case, without padding, strict: one
 * text per value and one value per text. Encoding and decoding touch no table
 * and take time that depends on the length only.
 */
#ifndef POSTERN_PROTO_WIRE_BASE32_H
#define POSTERN_PROTO_WIRE_BASE32_H

#include "proto/base/bytes.h"

/* Characters that stand for `len` bytes. */
#define PN_BASE32_LEN(len) (((len)*8 + 4) / 5)

/* Write PN_BASE32_LEN(in.len) characters and a NUL. */
void pn_base32_encode(char *out, pn_bytes in);
/* Read exactly `len` bytes from exactly PN_BASE32_LEN(len) characters.
 * PN_E_PROTO for any other length, a character outside a-z2-7, or trailing
 * bits that are not zero; out[] is then wiped. */
PN_MUST_USE pn_err pn_base32_decode(uint8_t *out, size_t len, pn_bytes text);

#endif
