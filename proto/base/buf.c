#include "proto/base/buf.h"

#include <assert.h>
#include <string.h>

#include "proto/base/mem.h"

enum { CAP_MIN = 256 };

void pn_buf_init(pn_buf *b, size_t max)
{
    *b = (pn_buf){ .max = max };
}

void pn_buf_clear(pn_buf *b)
{
    pn_free_wiped(b->p, b->cap);
    pn_buf_init(b, b->max);
}

size_t pn_buf_len(const pn_buf *b)
{
    return b->end - b->start;
}

size_t pn_buf_room(const pn_buf *b)
{
    return b->max - pn_buf_len(b);
}

pn_bytes pn_buf_view(const pn_buf *b)
{
    if (b->p == NULL)
        return (pn_bytes){ NULL, 0 };
    return (pn_bytes){ b->p + b->start, b->end - b->start };
}

/* Move the content to a block of at least `need` bytes. realloc() would leave
 * an unwiped copy behind, so this moves by hand. */
static pn_err move_to_larger(pn_buf *b, size_t need)
{
    const size_t len = pn_buf_len(b);
    size_t cap = b->cap < CAP_MIN ? CAP_MIN : b->cap;
    uint8_t *p;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (cap > b->max && need <= b->max)
        cap = b->max;
    p = pn_alloc(1, cap);
    if (p == NULL)
        return PN_E_NOMEM;
    if (b->p != NULL)
        memcpy(p, b->p + b->start, len);
    pn_free_wiped(b->p, b->cap);
    b->p = p;
    b->cap = cap;
    b->start = 0;
    b->end = len;
    return PN_OK;
}

pn_err pn_buf_reserve(pn_buf *b, size_t len, uint8_t **out)
{
    if (len > pn_buf_room(b))
        return PN_E_FULL;
    if (b->p == NULL || b->cap - b->end < len) {
        const size_t have = pn_buf_len(b);
        if (b->p != NULL && b->cap - have >= len && b->start >= have) {
            memcpy(b->p, b->p + b->start, have);
            b->start = 0;
            b->end = have;
        } else {
            PN_TRY(move_to_larger(b, have + len));
        }
    }
    *out = b->p + b->end;
    return PN_OK;
}

void pn_buf_commit(pn_buf *b, size_t len)
{
    assert(len <= b->cap - b->end);
    b->end += len;
}

pn_err pn_buf_append(pn_buf *b, pn_bytes in)
{
    uint8_t *to;
    if (in.len == 0)
        return PN_OK;
    PN_TRY(pn_buf_reserve(b, in.len, &to));
    memcpy(to, in.p, in.len);
    pn_buf_commit(b, in.len);
    return PN_OK;
}

void pn_buf_consume(pn_buf *b, size_t len)
{
    assert(len <= pn_buf_len(b));
    b->start += len;
    if (b->start == b->end)
        pn_buf_clear(b);
}
