#include "proto/carrier/wheel.h"

static pn_node *slot_of(pn_wheel *w, uint64_t tick)
{
    return &w->slots[tick % PN_WHEEL_SLOTS];
}

void pn_wheel_init(pn_wheel *w, uint64_t tick_ms, uint64_t now_ms)
{
    for (size_t i = 0; i < PN_WHEEL_SLOTS; i++)
        pn_node_init(&w->slots[i]);
    w->tick_ms = tick_ms;
    w->cursor = now_ms / tick_ms;
    w->count = 0;
}

void pn_wheel_entry_init(pn_wheel_entry *e)
{
    pn_node_init(&e->node);
    e->tick = UINT64_MAX;
}

void pn_wheel_set(pn_wheel *w, pn_wheel_entry *e, uint64_t due_ms)
{
    uint64_t tick;
    if (due_ms == UINT64_MAX)
        return;
    tick = due_ms / w->tick_ms + (due_ms % w->tick_ms != 0);
    if (tick <= w->cursor)
        tick = w->cursor + 1;
    if (tick >= w->cursor + PN_WHEEL_SLOTS)
        tick = w->cursor + PN_WHEEL_SLOTS - 1; /* one turn; then again */
    if (tick >= e->tick)
        return;
    pn_wheel_remove(w, e);
    e->tick = tick;
    pn_list_push_back(slot_of(w, tick), &e->node);
    w->count++;
}

void pn_wheel_remove(pn_wheel *w, pn_wheel_entry *e)
{
    if (e->tick == UINT64_MAX)
        return;
    pn_list_remove(&e->node);
    e->tick = UINT64_MAX;
    w->count--;
}

pn_wheel_entry *pn_wheel_pop(pn_wheel *w, uint64_t now_ms)
{
    const uint64_t now = now_ms / w->tick_ms;
    /* After a long sleep every slot has come, and each is seen once. */
    if (now >= w->cursor + PN_WHEEL_SLOTS)
        w->cursor = now - PN_WHEEL_SLOTS + 1;
    for (;;) {
        pn_node *n = pn_list_first(slot_of(w, w->cursor));
        if (n != NULL) {
            pn_wheel_entry *e = PN_ENTRY(n, pn_wheel_entry, node);
            pn_wheel_remove(w, e);
            return e;
        }
        if (w->cursor >= now)
            return NULL;
        w->cursor++;
    }
}

uint64_t pn_wheel_next(const pn_wheel *w)
{
    if (w->count == 0)
        return UINT64_MAX;
    for (uint64_t i = 0; i < PN_WHEEL_SLOTS; i++) {
        const uint64_t tick = w->cursor + i;
        if (!pn_list_is_empty(&w->slots[tick % PN_WHEEL_SLOTS]))
            return tick * w->tick_ms;
    }
    return UINT64_MAX; /* not reached while count is right */
}
