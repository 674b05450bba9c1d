#include "relay/store/table.h"

#include "proto/base/mem.h"

enum { CAP_FIRST = 64, MOVE_CELLS = 32 };

void rl_table_init(rl_table *t, const rl_table_type *type, const void *ctx)
{
    *t = (rl_table){ .type = type, .ctx = ctx };
}

static void cells_free(rl_cells *c)
{
    pn_free(c->entry);
    pn_free(c->tag);
    *c = (rl_cells){ 0 };
}

void rl_table_free(rl_table *t)
{
    cells_free(&t->now);
    cells_free(&t->old);
    t->count = 0;
}

static pn_err cells_make(rl_cells *c, size_t cap)
{
    *c = (rl_cells){ .entry = pn_alloc(cap, sizeof *c->entry),
                     .tag = pn_alloc(cap, 1),
                     .cap = cap };
    if (c->entry != NULL && c->tag != NULL)
        return PN_OK;
    cells_free(c);
    return PN_E_NOMEM;
}

static uint8_t tag_of(uint64_t hash)
{
    return (uint8_t)(hash >> 56);
}

/* Where `entry` stands, or cap. */
static size_t place_of(const rl_cells *c, uint64_t hash, uint32_t entry)
{
    size_t at = (size_t)hash & (c->cap - 1);
    if (c->cap == 0)
        return 0;
    for (; c->entry[at] != 0; at = (at + 1) & (c->cap - 1))
        if (c->entry[at] == entry + 1)
            return at;
    return c->cap;
}

static uint32_t search(const rl_table *t, const rl_cells *c, uint64_t hash,
                       const void *key)
{
    const uint8_t tag = tag_of(hash);
    size_t at = (size_t)hash & (c->cap - 1);
    if (c->cap == 0)
        return RL_NONE;
    for (; c->entry[at] != 0; at = (at + 1) & (c->cap - 1))
        if (c->tag[at] == tag && c->entry[at] != RL_NONE &&
            t->type->is(t->ctx, c->entry[at] - 1, key))
            return c->entry[at] - 1;
    return RL_NONE;
}

uint32_t rl_table_find(const rl_table *t, uint64_t hash, const void *key)
{
    const uint32_t found = search(t, &t->now, hash, key);
    return found != RL_NONE ? found : search(t, &t->old, hash, key);
}

static void put(rl_cells *c, uint64_t hash, uint32_t entry)
{
    size_t at = (size_t)hash & (c->cap - 1);
    while (c->entry[at] != 0)
        at = (at + 1) & (c->cap - 1);
    c->entry[at] = entry + 1;
    c->tag[at] = tag_of(hash);
}

/* Cells of `old` that were visited are marked, not freed: a search must still
 * walk over them to what stands behind. */
static void move_some(rl_table *t)
{
    /* Their keys lie anywhere: to wait for all at once is to wait once. */
    for (size_t at = t->moved; at < t->old.cap && at < t->moved + MOVE_CELLS;
         at++) {
        const uint32_t e = t->old.entry[at];
        if (e != 0 && e != RL_NONE)
            t->type->fetch(t->ctx, e - 1);
    }
    for (size_t n = 0; n < MOVE_CELLS && t->old.cap > 0; n++) {
        const uint32_t e = t->old.entry[t->moved];
        if (e != 0 && e != RL_NONE) {
            put(&t->now, t->type->hash(t->ctx, e - 1), e - 1);
            t->old.entry[t->moved] = RL_NONE;
        }
        if (++t->moved == t->old.cap)
            cells_free(&t->old);
    }
}

pn_err rl_table_add(rl_table *t, uint64_t hash, uint32_t entry)
{
    if (t->count + 1 > t->now.cap / 4 * 3) {
        rl_cells next;
        while (t->old.cap > 0)
            move_some(t);
        PN_TRY(cells_make(&next, t->now.cap == 0 ? (size_t)CAP_FIRST
                                                 : t->now.cap * 2));
        t->old = t->now;
        t->now = next;
        t->moved = 0;
    }
    move_some(t);
    put(&t->now, hash, entry);
    t->count++;
    return PN_OK;
}

/* Close the gap, so that no search meets a false end. */
static void shift_back(const rl_table *t, rl_cells *c, size_t hole)
{
    size_t at = hole;
    for (;;) {
        size_t home;
        at = (at + 1) & (c->cap - 1);
        if (c->entry[at] == 0)
            break;
        home = (size_t)t->type->hash(t->ctx, c->entry[at] - 1) & (c->cap - 1);
        if (((at - home) & (c->cap - 1)) < ((at - hole) & (c->cap - 1)))
            continue;
        c->entry[hole] = c->entry[at];
        c->tag[hole] = c->tag[at];
        hole = at;
    }
    c->entry[hole] = 0;
}

void rl_table_remove(rl_table *t, uint64_t hash, uint32_t entry)
{
    size_t at = place_of(&t->now, hash, entry);
    if (at < t->now.cap) {
        shift_back(t, &t->now, at);
        t->count--;
        return;
    }
    at = place_of(&t->old, hash, entry);
    if (at < t->old.cap) {
        t->old.entry[at] = RL_NONE;
        t->count--;
    }
}

size_t rl_table_bytes(const rl_table *t)
{
    return (t->now.cap + t->old.cap) * 5;
}
