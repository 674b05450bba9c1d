/* Delivery receipts: owed when the application has a message, told late and
 * many together. An echo at once would tell anybody who watches which two
 * links belong together. */
#include <string.h>

#include "client/core/engine_state.h"
#include "proto/base/mem.h"

enum { DUE_MAX = 65536 };

pn_err cl_receipt_owe(cl_engine *e, cl_contact *c, const uint8_t *content_id)
{
    uint32_t spread;
    for (size_t i = 0; i < c->due_count; i++) {
        if (memcmp(c->due[i], content_id, CL_ID_BYTES) == 0)
            return PN_OK;
    }
    if (c->due_count >= DUE_MAX)
        return PN_OK; /* the sender asks again by sending again */
    if (c->due_count % 64 == 0) {
        void *more = pn_realloc(c->due, c->due_count + 64, CL_ID_BYTES);
        if (more == NULL)
            return PN_E_NOMEM;
        c->due = more;
    }
    if (c->due_ms == 0) {
        PN_TRY(pn_random_below(&e->env, CL_RECEIPT_MAX_MS - CL_RECEIPT_MIN_MS,
                               &spread));
        c->due_ms = cl_wall(e) + CL_RECEIPT_MIN_MS + spread;
    }
    memcpy(c->due[c->due_count++], content_id, CL_ID_BYTES);
    cl_contact_times(e, c);
    return cl_save_contact(e, c);
}

pn_err cl_receipts_carry(cl_engine *e, cl_item *item, size_t max)
{
    cl_contact *c = item->contact;
    size_t count = c->due_count < max ? c->due_count : max;
    if (count == 0 || item->receipts_len > 0)
        return PN_OK;
    item->receipts = pn_alloc(count, CL_ID_BYTES);
    if (item->receipts == NULL)
        return PN_E_NOMEM;
    item->receipts_len = count * CL_ID_BYTES;
    item->receipts_left = false;
    memcpy(item->receipts, c->due, item->receipts_len);
    c->due_count -= count;
    memmove(c->due, c->due[count], c->due_count * CL_ID_BYTES);
    if (c->due_count == 0)
        c->due_ms = 0;
    cl_contact_times(e, c);
    PN_TRY(cl_save_contact(e, c));
    return cl_save_item(e, item);
}

pn_err cl_receipts_return(cl_engine *e, const cl_item *item)
{
    if (item->kind == CL_ITEM_RECEIPT || item->receipts_left)
        return PN_OK;
    for (size_t at = 0; at < item->receipts_len; at += CL_ID_BYTES)
        PN_TRY(cl_receipt_owe(e, item->contact, item->receipts + at));
    return PN_OK;
}

pn_err cl_receipts_tick(cl_engine *e)
{
    const uint64_t now = cl_wall(e);
    pn_heap_node *due;
    while ((due = pn_heap_due(&e->receipts, now)) != NULL) {
        cl_contact *c = PN_ENTRY(due, cl_contact, receipts);
        cl_item *item;
        PN_TRY(cl_item_new(e, c, CL_ITEM_RECEIPT, PN_PRIORITY_NORMAL, NULL,
                           now + CL_EXPIRES_DAYS * cl_day_ms, &item));
        PN_TRY(cl_receipts_carry(e, item, CL_RECEIPTS_MAX));
    }
    return PN_OK;
}

uint64_t cl_receipts_deadline(const cl_engine *e)
{
    return pn_heap_first(&e->receipts);
}
