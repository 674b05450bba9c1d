#include "proto/link/spent.h"

#include "proto/base/mem.h"

pn_err pn_spent_add(pn_spent *s, uint64_t tag)
{
    size_t i;
    if (tag == 0)
        tag = 1; /* 0 means free */
    if (s->slots == NULL) {
        s->slots = pn_alloc(PN_SPENT_SLOTS, sizeof s->slots[0]);
        if (s->slots == NULL)
            return PN_E_NOMEM;
    }
    /* Never full, so the walk ends. */
    for (i = tag % PN_SPENT_SLOTS; s->slots[i] != 0;
         i = (i + 1) % PN_SPENT_SLOTS)
        if (s->slots[i] == tag)
            return PN_E_EXISTS;
    if (s->count == PN_SPENT_MAX)
        return PN_E_FULL;
    s->slots[i] = tag;
    s->count++;
    return PN_OK;
}

void pn_spent_clear(pn_spent *s)
{
    pn_free(s->slots);
    *s = (pn_spent){ 0 };
}
