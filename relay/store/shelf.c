#include "relay/store/shelf.h"

#include <stdbool.h>

#include "proto/base/mem.h"

static bool is_kept(size_t len)
{
    return len >= RL_SHELF_MIN && len <= RL_SHELF_BYTES;
}

uint8_t *rl_shelf_take(rl_shelf *s, size_t len)
{
    if (!is_kept(len))
        return pn_alloc_raw(len);
    for (size_t i = 0; i < RL_SHELF_SLOTS; i++) {
        uint8_t *buf = atomic_exchange(&s->slot[i], NULL);
        if (buf != NULL)
            return buf;
    }
    return pn_alloc_raw(RL_SHELF_BYTES);
}

void rl_shelf_give(rl_shelf *s, uint8_t *buf, size_t len)
{
    for (size_t i = 0; buf != NULL && is_kept(len) && i < RL_SHELF_SLOTS; i++) {
        uint8_t *none = NULL;
        if (atomic_compare_exchange_strong(&s->slot[i], &none, buf))
            return;
    }
    pn_free(buf);
}

void rl_shelf_clear(rl_shelf *s)
{
    for (size_t i = 0; i < RL_SHELF_SLOTS; i++)
        pn_free(atomic_exchange(&s->slot[i], NULL));
}
