/* Output of one link: bytes ready for the carrier, then at most one record
 * still being filled. Frame data is copied once, to where it is sealed.
 * Allocated on demand, given back when drained. Full is decided by the caller
 * (pn_outq_has_room); the puts themselves take all or nothing.
 * Thread rule: one thread at a time.
 */
#ifndef POSTERN_PROTO_LINK_OUTQ_H
#define POSTERN_PROTO_LINK_OUTQ_H

#include "proto/link/cipher.h"
#include "proto/link/framer.h"

typedef struct pn_outq {
    uint8_t *p;    /* owned; NULL while empty */
    size_t cap;    /* allocated bytes */
    size_t start;  /* first byte not yet with the carrier */
    size_t ready;  /* one past the last byte that may go out */
    size_t max;    /* bound on what waits */
    uint16_t used; /* data in the open record, which lies at p + ready */
    bool has_open; /* there is an open record */
    uint16_t size; /* of records; 0 until known */
} pn_outq;

void pn_outq_init(pn_outq *q, size_t max);
/* Wipe, free, and be empty. */
void pn_outq_clear(pn_outq *q);
/* Whether a frame of `len` bytes fits under the bound; always when nothing
 * waits. Needs the record size. */
bool pn_outq_has_room(const pn_outq *q, size_t len);
/* Append bytes that go out as they are (handshake messages). PN_E_NOMEM;
 * PN_E_STATE while a record is open. */
PN_MUST_USE pn_err pn_outq_put_raw(pn_outq *q, pn_bytes bytes);
/* Append one frame, sealing every record that gets full. PN_E_NOMEM before
 * anything was taken; errors of pn_cipher_seal() are final. */
PN_MUST_USE pn_err pn_outq_put_frame(pn_outq *q, pn_cipher *c,
                                     pn_frame_kind kind, pn_bytes body);
/* Pad and seal the open record, if there is one. */
PN_MUST_USE pn_err pn_outq_flush(pn_outq *q, pn_cipher *c);
/* Append one record that holds nothing. As pn_outq_put_frame(). */
PN_MUST_USE pn_err pn_outq_put_empty(pn_outq *q, pn_cipher *c);
/* What may go out now, borrowed until the next put or clear. */
pn_bytes pn_outq_view(const pn_outq *q);
/* The first `len` bytes of the view are gone; a larger len counts as all. */
void pn_outq_sent(pn_outq *q, size_t len);
/* What must always hold. */
bool pn_outq_ok(const pn_outq *q);

#endif
