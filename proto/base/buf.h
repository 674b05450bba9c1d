/* A bounded first-in first-out byte buffer.
 * Grows on demand up to its bound, gives its memory back when it runs empty:
 * an idle one costs only this struct. Content is wiped before any memory is
 * released. Full is a value (PN_E_FULL): the caller stops reading.
 * Thread rule: one thread at a time.
 */
#ifndef POSTERN_PROTO_BASE_BUF_H
#define POSTERN_PROTO_BASE_BUF_H

#include "proto/base/bytes.h"

typedef struct pn_buf {
    uint8_t *p;   /* owned; NULL while empty */
    size_t cap;   /* allocated bytes */
    size_t start; /* first byte not yet consumed */
    size_t end;   /* one past the last byte */
    size_t max;   /* the bound on end - start */
} pn_buf;

/* An empty buffer that will hold at most `max` bytes. Allocates nothing. */
void pn_buf_init(pn_buf *b, size_t max);
/* Wipe and release the content; the buffer stays usable and empty. */
void pn_buf_clear(pn_buf *b);
size_t pn_buf_len(const pn_buf *b);
/* How many more bytes fit under the bound. */
size_t pn_buf_room(const pn_buf *b);
/* The whole content, borrowed until the next call that is not a query. */
pn_bytes pn_buf_view(const pn_buf *b);
/* Append all of `in`, or nothing: PN_E_FULL past the bound, PN_E_NOMEM. */
PN_MUST_USE pn_err pn_buf_append(pn_buf *b, pn_bytes in);
/* Make room for `len` more bytes and lend it for writing; pn_buf_commit()
 * then says how many of them were written. Errors as pn_buf_append(). */
PN_MUST_USE pn_err pn_buf_reserve(pn_buf *b, size_t len, uint8_t **out);
void pn_buf_commit(pn_buf *b, size_t len);
/* Drop `len` bytes from the front; at most pn_buf_len(). */
void pn_buf_consume(pn_buf *b, size_t len);

#endif
