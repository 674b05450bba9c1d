#include "proto/link/outq.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/link/record.h"

void pn_outq_init(pn_outq *q, size_t max)
{
    *q = (pn_outq){ .max = max };
}

/* Bytes held from p + start: the ready ones and the open record's plaintext. */
static size_t held(const pn_outq *q)
{
    const size_t open = q->has_open ? PN_RECORD_DATA_AT + (size_t)q->used : 0;
    return q->ready - q->start + open;
}

/* Free the block; only the open record in it is not yet ciphertext. */
static void drop_block(pn_outq *q)
{
    if (q->has_open)
        pn_wipe(q->p + q->ready, q->size);
    pn_free(q->p);
}

void pn_outq_clear(pn_outq *q)
{
    drop_block(q);
    *q = (pn_outq){ .max = q->max, .size = q->size };
}

/* Wire bytes that `len` more bytes of frame data add. */
static size_t growth(const pn_outq *q, size_t len)
{
    const size_t room = pn_record_room(q->size);
    const size_t left = q->has_open ? room - q->used : 0;
    if (len <= left)
        return 0;
    return (len - left + room - 1) / room * q->size;
}

static size_t waiting(const pn_outq *q)
{
    return q->ready - q->start + (q->has_open ? q->size : 0);
}

bool pn_outq_has_room(const pn_outq *q, size_t len)
{
    const size_t now = waiting(q);
    return now == 0 || now + growth(q, PN_FRAME_HEADER + len) <= q->max;
}

/* Make p[ready..) hold what waits there and `more` bytes. Content moves down
 * only when that frees more than it moves, so that a carrier which drains
 * slowly does not make every put move everything. */
static pn_err make_room(pn_outq *q, size_t more)
{
    const size_t need = waiting(q) + more;
    const size_t have = held(q);
    if (q->start + need <= q->cap)
        return PN_OK;
    if (need <= q->cap && q->start >= have) {
        memcpy(q->p, q->p + q->start, have); /* apart: start >= have */
        if (q->has_open)                     /* what is ready is ciphertext */
            pn_wipe(q->p + q->ready, PN_RECORD_DATA_AT + (size_t)q->used);
    } else {
        const size_t cap = q->p == NULL ? need : 2 * need;
        uint8_t *p = pn_alloc_raw(cap);
        if (p == NULL)
            return PN_E_NOMEM;
        if (q->p != NULL)
            memcpy(p, q->p + q->start, have);
        drop_block(q);
        q->p = p;
        q->cap = cap;
    }
    q->ready -= q->start;
    q->start = 0;
    return PN_OK;
}

pn_err pn_outq_put_raw(pn_outq *q, pn_bytes bytes)
{
    if (q->has_open)
        return PN_E_STATE;
    PN_TRY(make_room(q, bytes.len));
    memcpy(q->p + q->ready, bytes.p, bytes.len);
    q->ready += bytes.len;
    return PN_OK;
}

pn_err pn_outq_flush(pn_outq *q, pn_cipher *c)
{
    if (!q->has_open)
        return PN_OK;
    PN_TRY(pn_record_seal(c, q->p + q->ready, q->size, q->used));
    q->ready += q->size;
    q->has_open = false;
    q->used = 0;
    return PN_OK;
}

/* Append frame data, for which make_room() has been made. */
static pn_err put_data(pn_outq *q, pn_cipher *c, pn_bytes data)
{
    while (data.len > 0) {
        size_t n = pn_record_room(q->size) - q->used;
        if (n > data.len)
            n = data.len;
        memcpy(q->p + q->ready + PN_RECORD_DATA_AT + q->used, data.p, n);
        q->has_open = true;
        q->used = (uint16_t)(q->used + n);
        data.p += n;
        data.len -= n;
        if (q->used == pn_record_room(q->size))
            PN_TRY(pn_outq_flush(q, c));
    }
    return PN_OK;
}

pn_err pn_outq_put_frame(pn_outq *q, pn_cipher *c, pn_frame_kind kind,
                         pn_bytes body)
{
    uint8_t header[PN_FRAME_HEADER];
    PN_TRY(make_room(q, growth(q, sizeof header + body.len)));
    pn_framer_header(header, kind, body.len);
    PN_TRY(put_data(q, c, (pn_bytes){ header, sizeof header }));
    return put_data(q, c, body);
}

pn_err pn_outq_put_empty(pn_outq *q, pn_cipher *c)
{
    PN_TRY(make_room(q, q->has_open ? 0 : q->size));
    q->has_open = true;
    return pn_outq_flush(q, c);
}

pn_bytes pn_outq_view(const pn_outq *q)
{
    if (q->ready == q->start)
        return (pn_bytes){ NULL, 0 };
    return (pn_bytes){ q->p + q->start, q->ready - q->start };
}

void pn_outq_sent(pn_outq *q, size_t len)
{
    if (len > q->ready - q->start)
        len = q->ready - q->start;
    q->start += len;
    if (q->start == q->ready && !q->has_open)
        pn_outq_clear(q);
}

bool pn_outq_ok(const pn_outq *q)
{
    if (q->start > q->ready || q->ready > q->cap)
        return false;
    if (q->has_open &&
        (q->used >= pn_record_room(q->size) || q->cap - q->ready < q->size))
        return false;
    return (q->p == NULL) == (q->cap == 0);
}
