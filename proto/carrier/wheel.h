/* Deadlines of many links on one timer: a wheel of slots one tick apart.
 *
 * Setting an earlier time moves an entry; setting a later one does nothing, so
 * that traffic, which only puts deadlines off, costs nothing here. An entry
 * that comes out early is looked at and set again by its owner: every one at
 * least once per turn of the wheel (512 ticks).
 * Knows no libuv and reads no clock. Thread rule: one thread at a time.
 */
#ifndef POSTERN_PROTO_CARRIER_WHEEL_H
#define POSTERN_PROTO_CARRIER_WHEEL_H

#include <stdint.h>

#include "proto/base/list.h"

enum { PN_WHEEL_SLOTS = 512 };

typedef struct pn_wheel_entry {
    pn_node node;
    uint64_t tick; /* when it comes out; UINT64_MAX while in no slot */
} pn_wheel_entry;

typedef struct pn_wheel {
    pn_node slots[PN_WHEEL_SLOTS];
    uint64_t tick_ms;
    uint64_t cursor; /* the tick whose slot is being emptied, or was last */
    size_t count;
} pn_wheel;

/* An empty wheel; tick_ms at least 1, now_ms from the clock in use. */
void pn_wheel_init(pn_wheel *w, uint64_t tick_ms, uint64_t now_ms);
void pn_wheel_entry_init(pn_wheel_entry *e);
/* Have `e` come out at due_ms or before, never before the next tick. Late by
 * at most one tick. UINT64_MAX changes nothing. */
void pn_wheel_set(pn_wheel *w, pn_wheel_entry *e, uint64_t due_ms);
void pn_wheel_remove(pn_wheel *w, pn_wheel_entry *e);
/* Take out an entry whose slot has come; NULL when there is none left. An
 * entry set while popping comes out later. */
pn_wheel_entry *pn_wheel_pop(pn_wheel *w, uint64_t now_ms);
/* When the next entry comes out, in ms; UINT64_MAX when the wheel is empty. */
uint64_t pn_wheel_next(const pn_wheel *w);

#endif
