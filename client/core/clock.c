/* A clock that was set back. What was planned by it while it was ahead would
 * wait for a date that was never right, perhaps for years: instead it has all
 * its time again, counted from now. */
#include "client/core/engine_state.h"

static pn_err set_back_item(cl_engine *e, cl_item *item, uint64_t now)
{
    const uint64_t back = item->created_ms - now;
    if (item->created_ms < now + CL_CLOCK_MS)
        return PN_OK;
    item->created_ms = item->since_ms = now;
    item->expires_ms -= back;
    item->resend_ms = item->resend_ms > back ? item->resend_ms - back : 0;
    cl_item_place(e, item);
    return cl_save_item(e, item);
}

static pn_err set_back_receipts(cl_engine *e, cl_contact *c, uint64_t now)
{
    if (c->due_count == 0 || c->due_ms <= now + CL_RECEIPT_MAX_MS)
        return PN_OK;
    c->due_ms = now + CL_RECEIPT_MAX_MS;
    cl_contact_times(e, c);
    return cl_save_contact(e, c);
}

pn_err cl_clock_tick(cl_engine *e)
{
    const uint64_t now = cl_wall(e), before = e->wall_ms;
    e->wall_ms = now;
    if (before != 0 && before < now + CL_CLOCK_MS)
        return PN_OK;
    for (pn_node *n = e->items.next; n != &e->items; n = n->next)
        PN_TRY(set_back_item(e, PN_ENTRY(n, cl_item, in_engine), now));
    for (size_t i = 0; i < e->contact_count; i++)
        PN_TRY(set_back_receipts(e, e->contacts[i], now));
    cl_upkeep_set_back(e, now);
    cl_ways_changed(e); /* since when a relay fails, and what waits for it */
    return PN_OK;
}
