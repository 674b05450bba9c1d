#include "proto/link/framer.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/link/link.h"

void pn_framer_header(uint8_t out[PN_FRAME_HEADER], pn_frame_kind kind,
                      size_t len)
{
    out[0] = (uint8_t)kind;
    out[1] = (uint8_t)(len >> 16);
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)len;
}

/* Judge a whole header. The kind is its first byte, which for data is also the
 * top byte of the length: 131072 needs three. */
static pn_err read_header(pn_framer *f)
{
    const uint8_t *h = f->header;
    const uint32_t len = (uint32_t)h[1] << 16 | (uint32_t)h[2] << 8 | h[3];
    if (h[0] >= PN_FRAME_KIND_COUNT)
        return PN_E_PROTO;
    if (h[0] == PN_FRAME_DATA && (len == 0 || len > PN_LINK_FRAME_MAX))
        return PN_E_PROTO;
    if (h[0] != PN_FRAME_DATA && len > PN_CONTROL_MAX)
        return PN_E_PROTO;
    f->need = len;
    f->have = 0;
    return PN_OK;
}

/* Collect the header; PN_MORE until it is whole. */
static pn_err take_header(pn_framer *f, pn_bytes *in)
{
    if (f->header_have == PN_FRAME_HEADER)
        return PN_OK;
    while (f->header_have < PN_FRAME_HEADER) {
        uint8_t byte;
        if (pn_take_u8(in, &byte) != PN_OK)
            return PN_MORE;
        f->header[f->header_have++] = byte;
    }
    return read_header(f);
}

pn_err pn_framer_next(pn_framer *f, pn_bytes *in, pn_frame_kind *kind,
                      pn_bytes *frame)
{
    pn_bytes part;
    pn_framer_release(f);
    PN_TRY(take_header(f, in));
    *kind = (pn_frame_kind)f->header[0];
    if (f->body == NULL && pn_take(in, f->need, frame) == PN_OK) {
        f->header_have = 0;
        return PN_OK;
    }
    if (in->len == 0)
        return PN_MORE; /* not a byte of the body yet: allocate nothing */
    if (f->body == NULL && (f->body = pn_alloc_raw(f->need)) == NULL)
        return PN_E_NOMEM;
    part.len = f->need - f->have;
    if (part.len > in->len)
        part.len = in->len;
    PN_TRY(pn_take(in, part.len, &part));
    memcpy(f->body + f->have, part.p, part.len);
    f->have += (uint32_t)part.len;
    if (f->have < f->need)
        return PN_MORE;
    *frame = (pn_bytes){ f->body, f->need };
    f->header_have = 0;
    f->lent = true;
    return PN_OK;
}

void pn_framer_release(pn_framer *f)
{
    if (!f->lent)
        return;
    pn_free_wiped(f->body, f->need);
    f->body = NULL;
    f->lent = false;
}

void pn_framer_clear(pn_framer *f)
{
    pn_free_wiped(f->body, f->need);
    *f = (pn_framer){ 0 };
}

bool pn_framer_ok(const pn_framer *f)
{
    if (f->header_have > PN_FRAME_HEADER)
        return false;
    if (f->lent)
        return f->body != NULL && f->have == f->need && f->header_have == 0;
    if (f->body != NULL)
        return f->header_have == PN_FRAME_HEADER && f->have < f->need &&
               f->need <= PN_LINK_FRAME_MAX;
    return true;
}
