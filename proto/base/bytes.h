/* Byte views with bounded readers, and a bounded writer.
 * A pn_bytes borrows memory and never owns it. Each pn_take_* consumes from
 * the front of *in or leaves *in as it was. Integers on the wire are
 * big-endian. This is the only place that copies with a length from a peer.
 * Thread rule: plain values, no shared state.
 */
#ifndef POSTERN_PROTO_BASE_BYTES_H
#define POSTERN_PROTO_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

/* A borrowed run of bytes; `p` may be NULL only when len is 0. */
typedef struct pn_bytes {
    const uint8_t *p;
    size_t len;
} pn_bytes;

/* A view of the bytes of a string literal, without its final NUL. */
#define PN_BYTES_LIT(s) ((pn_bytes){ (const uint8_t *)(s), sizeof(s) - 1 })

/* Read one field from the front of *in. PN_E_SHORT if it is not all there. */
PN_MUST_USE pn_err pn_take_u8(pn_bytes *in, uint8_t *out);
PN_MUST_USE pn_err pn_take_u16(pn_bytes *in, uint16_t *out);
PN_MUST_USE pn_err pn_take_u32(pn_bytes *in, uint32_t *out);
PN_MUST_USE pn_err pn_take_u64(pn_bytes *in, uint64_t *out);
/* Borrow the next `len` bytes; they live as long as what *in views. */
PN_MUST_USE pn_err pn_take(pn_bytes *in, size_t len, pn_bytes *out);
/* Copy the next `len` bytes to `out`, which holds at least `len`. */
PN_MUST_USE pn_err pn_take_copy(pn_bytes *in, uint8_t *out, size_t len);
/* PN_OK if nothing is left, else PN_E_PROTO. */
PN_MUST_USE pn_err pn_take_end(const pn_bytes *in);
/* PN_OK if all that is left is zero bytes, else PN_E_PROTO; consumes them.
 * Runs in time that depends on the length only. */
PN_MUST_USE pn_err pn_take_zeros(pn_bytes *in);

/* Equal length and content. Not constant-time: never for secrets. */
bool pn_bytes_equal(pn_bytes a, pn_bytes b);

/* A writer over memory it borrows. After the first put that does not fit,
 * every further put fails too and `len` stays where it was, so that a run of
 * puts may be checked once at its end with pn_out_err(). */
typedef struct pn_out {
    uint8_t *p;
    size_t cap;
    size_t len;
    pn_err err;
} pn_out;

/* A writer over p[0..cap). */
pn_out pn_out_over(uint8_t *p, size_t cap);
void pn_put_u8(pn_out *out, uint8_t v);
void pn_put_u16(pn_out *out, uint16_t v);
void pn_put_u32(pn_out *out, uint32_t v);
void pn_put_u64(pn_out *out, uint64_t v);
void pn_put(pn_out *out, pn_bytes v);
/* Write `len` zero bytes. */
void pn_put_zeros(pn_out *out, size_t len);
/* PN_OK, or PN_E_FULL if any put did not fit. */
PN_MUST_USE pn_err pn_out_err(const pn_out *out);
/* What has been written so far, borrowed. */
pn_bytes pn_out_view(const pn_out *out);

/* Write lower-case hex of `in` and a NUL to out, which holds 2*len+1. */
void pn_hex(char *out, pn_bytes in);
/* Read exactly 2*len hex digits (either case) from a NUL-terminated string.
 * PN_E_PROTO if it is anything else. */
PN_MUST_USE pn_err pn_unhex(uint8_t *out, size_t len, const char *hex);

#endif
