/* Fixed-size records (PROTOCOL.md section 1.5): one AEAD message of exactly
 * `size` bytes, holding u16 used | data | zeros; no length in clear. Every
 * PN_LINK_REKEY_RECORDS records the direction's key moves on by Rekey().
 * Thread rule: no state but the cipher's.
 */
#ifndef POSTERN_PROTO_LINK_RECORD_H
#define POSTERN_PROTO_LINK_RECORD_H

#include "proto/link/cipher.h"

enum {
    PN_RECORD_DATA_AT = 2, /* where data lies in a record not yet sealed */
    PN_RECORD_OVERHEAD = PN_RECORD_DATA_AT + PN_CIPHER_TAG_BYTES,
    PN_RECORD_MAX = 16384,
};

/* 1024, 4096 and 16384 are record sizes. */
bool pn_record_is_size(size_t size);
/* Data bytes that fit in a record of `size`. */
size_t pn_record_room(size_t size);
/* Seal in place: record[2..2+used) holds the data, record[0..size) is the
 * buffer. Errors as pn_cipher_seal(). */
PN_MUST_USE pn_err pn_record_seal(pn_cipher *c, uint8_t *record, size_t size,
                                  size_t used);
/* Open one whole record into out[0..sealed.len), which may be where it lies;
 * *data then views the data inside out. PN_E_CRYPTO if it is not genuine,
 * PN_E_PROTO if its inside is malformed. */
PN_MUST_USE pn_err pn_record_open(pn_cipher *c, uint8_t *out, pn_bytes sealed,
                                  pn_bytes *data);

#endif
