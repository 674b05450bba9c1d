/* Frames on the byte stream that records carry (PROTOCOL.md section 1.6).
 * Wire form: u32 big-endian, then the body. A first byte of zero is a frame of
 * 1..PN_LINK_FRAME_MAX bytes for the application; any other is a control frame
 * of the link itself: u8 kind, u24 length 0..PN_CONTROL_MAX.
 *
 * Sans-IO and lazy: a frame that lies whole in the input is handed out where
 * it lies; only one that is spread over several inputs is assembled, in one
 * allocation of exactly its length. Thread rule: one thread at a time.
 */
#ifndef POSTERN_PROTO_LINK_FRAMER_H
#define POSTERN_PROTO_LINK_FRAMER_H

#include "proto/base/bytes.h"

typedef enum pn_frame_kind {
    PN_FRAME_DATA = 0,
    PN_FRAME_ROLLOVER_1 = 1,    /* initiator's handshake message */
    PN_FRAME_ROLLOVER_2 = 2,    /* responder's; its sending key changes */
    PN_FRAME_ROLLOVER_DONE = 3, /* initiator's sending key changes */
    PN_FRAME_KIND_COUNT,
} pn_frame_kind;

enum { PN_FRAME_HEADER = 4, PN_CONTROL_MAX = 2048 };

/* All zero is an empty framer. */
typedef struct pn_framer {
    uint8_t *body; /* owned: a frame being assembled, or lent to the caller */
    uint32_t need; /* its length */
    uint32_t have; /* bytes of it */
    uint8_t header[PN_FRAME_HEADER];
    uint8_t header_have;
    bool lent; /* body was handed out whole */
} pn_framer;

/* Take the next whole frame from the front of *in. PN_MORE when *in is used up
 * first. *frame is borrowed until the next call and as long as what *in views.
 * PN_E_PROTO for a length or kind that cannot be, PN_E_NOMEM; both final. */
PN_MUST_USE pn_err pn_framer_next(pn_framer *f, pn_bytes *in,
                                  pn_frame_kind *kind, pn_bytes *frame);
/* Give back a frame that was lent and not yet released. */
void pn_framer_release(pn_framer *f);
/* Wipe and free everything. */
void pn_framer_clear(pn_framer *f);
/* What must always hold. */
bool pn_framer_ok(const pn_framer *f);
/* Write the header of a frame of `len` bytes. */
void pn_framer_header(uint8_t out[PN_FRAME_HEADER], pn_frame_kind kind,
                      size_t len);

#endif
