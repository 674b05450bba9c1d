#include "relay/store/index.h"

#include <assert.h>
#include <string.h>

#include "proto/base/map.h"
#include "proto/base/mem.h"

_Static_assert(sizeof(rl_row) == 160, "a queue at rest stays small");
_Static_assert(sizeof(rl_message) == 48, "a message stays small");

/* Queue ids are drawn by the relay itself, so their own bytes are hash
 * enough; the seed keeps a guesser of cells out. */
static uint64_t hash_id(const rl_index *ix, const uint8_t *id)
{
    uint64_t v;
    memcpy(&v, id, sizeof v);
    v = (v ^ ix->seed[0]) * 0x9e3779b97f4a7c15U;
    return v ^ v >> 29;
}

static uint64_t recv_hash(const void *ctx, uint32_t at)
{
    const rl_index *ix = ctx;
    return hash_id(ix, rl_index_row(ix, at)->recv_id);
}

static bool recv_is(const void *ctx, uint32_t at, const void *key)
{
    const rl_index *ix = ctx;
    return memcmp(rl_index_row(ix, at)->recv_id, key, RL_QUEUE_ID_BYTES) == 0;
}

static uint64_t send_hash(const void *ctx, uint32_t at)
{
    const rl_index *ix = ctx;
    return hash_id(ix, rl_index_row(ix, at)->send_id);
}

static bool send_is(const void *ctx, uint32_t at, const void *key)
{
    const rl_index *ix = ctx;
    return memcmp(rl_index_row(ix, at)->send_id, key, RL_QUEUE_ID_BYTES) == 0;
}

/* Message ids are the sender's choice: hashed under the seed. */
typedef struct id_key {
    uint64_t row;
    uint8_t id[RL_MESSAGE_ID_BYTES];
} id_key;

static id_key key_of(uint32_t row, const uint8_t *id)
{
    id_key k = { .row = row };
    memcpy(k.id, id, sizeof k.id);
    return k;
}

static uint64_t hash_key(const rl_index *ix, const id_key *k)
{
    return pn_siphash(ix->seed, (const uint8_t *)k, sizeof *k);
}

static uint64_t id_hash(const void *ctx, uint32_t at)
{
    const rl_index *ix = ctx;
    const rl_message *m = rl_index_message(ix, at);
    const id_key k = key_of(m->row, m->id);
    return hash_key(ix, &k);
}

static bool id_is(const void *ctx, uint32_t at, const void *key)
{
    const rl_index *ix = ctx;
    const rl_message *m = rl_index_message(ix, at);
    const id_key *k = key;
    return m->row == k->row && memcmp(m->id, k->id, sizeof k->id) == 0;
}

static void row_fetch(const void *ctx, uint32_t at)
{
    __builtin_prefetch(rl_index_row(ctx, at));
}

static void message_fetch(const void *ctx, uint32_t at)
{
    __builtin_prefetch(rl_index_message(ctx, at));
}

static const rl_table_type recv_type = { recv_hash, recv_is, row_fetch };
static const rl_table_type send_type = { send_hash, send_is, row_fetch };
static const rl_table_type id_type = { id_hash, id_is, message_fetch };

pn_err rl_index_init(rl_index *ix, const pn_env *env, uint32_t max_queues,
                     uint32_t max_messages, size_t max_segments)
{
    *ix =
        (rl_index){ .next_serial = 1, .next_seq = 1, .segments = max_segments };
    rl_slab_init(&ix->rows, sizeof(rl_row), max_queues);
    rl_slab_init(&ix->boxes, sizeof(rl_box), max_queues);
    rl_slab_init(&ix->old_caps, sizeof(rl_old_cap), max_queues);
    rl_slab_init(&ix->messages, sizeof(rl_message), max_messages);
    rl_table_init(&ix->by_recv, &recv_type, ix);
    rl_table_init(&ix->by_send, &send_type, ix);
    rl_table_init(&ix->by_id, &id_type, ix);
    ix->segment_bytes = pn_alloc(max_segments, sizeof *ix->segment_bytes);
    if (ix->segment_bytes == NULL)
        return PN_E_NOMEM;
    return pn_random(env, (uint8_t *)ix->seed, sizeof ix->seed);
}

void rl_index_free(rl_index *ix)
{
    rl_slab_free(&ix->rows);
    rl_slab_free(&ix->boxes);
    rl_slab_free(&ix->old_caps);
    rl_slab_free(&ix->messages);
    rl_table_free(&ix->by_recv);
    rl_table_free(&ix->by_send);
    rl_table_free(&ix->by_id);
    pn_free(ix->segment_bytes);
    ix->segment_bytes = NULL;
}

uint32_t rl_index_by_recv(const rl_index *ix, const uint8_t *id)
{
    return rl_table_find(&ix->by_recv, hash_id(ix, id), id);
}

uint32_t rl_index_by_send(const rl_index *ix, const uint8_t *id)
{
    return rl_table_find(&ix->by_send, hash_id(ix, id), id);
}

rl_box *rl_index_box(const rl_index *ix, uint32_t row)
{
    const uint32_t box = rl_index_row(ix, row)->box;
    return box == RL_NONE ? NULL : rl_slab_at(&ix->boxes, box);
}

const rl_old_cap *rl_index_old_cap(const rl_index *ix, uint32_t row)
{
    const uint32_t cap = rl_index_row(ix, row)->old_cap;
    return cap == RL_NONE ? NULL : rl_slab_at(&ix->old_caps, cap);
}

static pn_err row_number(rl_index *ix, uint32_t want, uint32_t *out)
{
    if (want == RL_NONE)
        return rl_slab_take(&ix->rows, out);
    PN_TRY(rl_slab_reach(&ix->rows, want));
    ix->rows.count++;
    *out = want;
    return PN_OK;
}

pn_err rl_index_row_add(rl_index *ix, const rl_row *row, uint32_t want,
                        uint32_t *out)
{
    rl_row *r;
    pn_err err;
    PN_TRY(row_number(ix, want, out));
    r = rl_index_row(ix, *out);
    *r = *row;
    r->box = RL_NONE;
    r->old_cap = RL_NONE;
    err = rl_table_add(&ix->by_recv, hash_id(ix, r->recv_id), *out);
    if (err == PN_OK) {
        err = rl_table_add(&ix->by_send, hash_id(ix, r->send_id), *out);
        if (err != PN_OK)
            rl_table_remove(&ix->by_recv, hash_id(ix, r->recv_id), *out);
    }
    if (err != PN_OK)
        rl_slab_give(&ix->rows, *out);
    else if (row->serial >= ix->next_serial)
        ix->next_serial = row->serial + 1;
    return err;
}

void rl_index_drop_old_cap(rl_index *ix, uint32_t row)
{
    rl_row *r = rl_index_row(ix, row);
    if (r->old_cap != RL_NONE)
        rl_slab_give(&ix->old_caps, r->old_cap);
    r->old_cap = RL_NONE;
}

pn_err rl_index_set_old_cap(rl_index *ix, uint32_t row, const uint8_t *cap,
                            uint32_t until)
{
    rl_row *r = rl_index_row(ix, row);
    rl_old_cap *old;
    if (until == 0) {
        rl_index_drop_old_cap(ix, row);
        return PN_OK;
    }
    if (r->old_cap == RL_NONE)
        PN_TRY(rl_slab_take(&ix->old_caps, &r->old_cap));
    old = rl_slab_at(&ix->old_caps, r->old_cap);
    old->until = until;
    memcpy(old->cap, cap, sizeof old->cap);
    return PN_OK;
}

void rl_index_row_remove(rl_index *ix, uint32_t row)
{
    rl_row *r = rl_index_row(ix, row);
    while (r->box != RL_NONE) {
        const rl_box *b = rl_index_box(ix, row);
        uint32_t at = b->acked.head;
        for (size_t c = 0; c < RL_CLASSES && at == RL_NONE; c++)
            at = b->waiting[c].head;
        rl_index_forget(ix, at);
    }
    rl_index_drop_old_cap(ix, row);
    rl_table_remove(&ix->by_recv, hash_id(ix, r->recv_id), row);
    rl_table_remove(&ix->by_send, hash_id(ix, r->send_id), row);
    rl_slab_give(&ix->rows, row);
}

void rl_index_relink(rl_index *ix)
{
    ix->rows.free = RL_NONE;
    for (uint32_t at = ix->rows.high; at-- > 0;) {
        if (rl_index_row(ix, at)->serial != 0)
            continue;
        memcpy(rl_slab_at(&ix->rows, at), &ix->rows.free, sizeof ix->rows.free);
        ix->rows.free = at;
    }
}

uint32_t rl_index_find(const rl_index *ix, uint32_t row, const uint8_t *id)
{
    const id_key k = key_of(row, id);
    return rl_table_find(&ix->by_id, hash_key(ix, &k), &k);
}

/* Insert behind `prev` (RL_NONE: at the front). */
static void chain_in(const rl_index *ix, rl_chain *c, uint32_t prev,
                     uint32_t at)
{
    rl_message *m = rl_index_message(ix, at);
    uint32_t *from =
        prev == RL_NONE ? &c->head : &rl_index_message(ix, prev)->next;
    m->prev = prev;
    m->next = *from;
    *from = at;
    if (m->next == RL_NONE)
        c->tail = at;
    else
        rl_index_message(ix, m->next)->prev = at;
}

static void chain_out(const rl_index *ix, rl_chain *c, uint32_t at)
{
    const rl_message *m = rl_index_message(ix, at);
    if (m->prev == RL_NONE)
        c->head = m->next;
    else
        rl_index_message(ix, m->prev)->next = m->next;
    if (m->next == RL_NONE)
        c->tail = m->prev;
    else
        rl_index_message(ix, m->next)->prev = m->prev;
}

static pn_err box_for(rl_index *ix, rl_row *r)
{
    rl_box *b;
    if (r->box != RL_NONE)
        return PN_OK;
    PN_TRY(rl_slab_take(&ix->boxes, &r->box));
    b = rl_slab_at(&ix->boxes, r->box);
    memset(b, 0, sizeof *b);
    for (size_t c = 0; c < RL_CLASSES; c++)
        b->waiting[c] = (rl_chain){ RL_NONE, RL_NONE };
    b->acked = (rl_chain){ RL_NONE, RL_NONE };
    return PN_OK;
}

static void box_leave(rl_index *ix, rl_row *r)
{
    const rl_box *b = rl_slab_at(&ix->boxes, r->box);
    if (b->acked_count > 0)
        return;
    for (size_t c = 0; c < RL_CLASSES; c++)
        if (b->count[c] > 0)
            return;
    rl_slab_give(&ix->boxes, r->box);
    r->box = RL_NONE;
}

static void count_in(rl_index *ix, rl_box *b, const rl_message *m)
{
    b->count[m->class]++;
    b->bytes[m->class] += m->len;
    ix->waiting++;
    ix->segment_bytes[m->segment] += rl_record_bytes(m->len);
}

static void count_out(rl_index *ix, rl_box *b, const rl_message *m)
{
    b->count[m->class]--;
    b->bytes[m->class] -= m->len;
    ix->waiting--;
    ix->segment_bytes[m->segment] -= rl_record_bytes(m->len);
}

static void chain_acked(rl_index *ix, rl_box *b, uint32_t at)
{
    chain_in(ix, &b->acked, b->acked.tail, at);
    b->acked_count++;
    ix->remembered++;
}

pn_err rl_index_add(rl_index *ix, const rl_message *m, uint32_t *out)
{
    rl_row *r = rl_index_row(ix, m->row);
    const id_key k = key_of(m->row, m->id);
    rl_message *e;
    rl_box *b;
    pn_err err;
    PN_TRY(rl_slab_take(&ix->messages, out));
    e = rl_index_message(ix, *out);
    *e = *m;
    e->used = 1;
    err = rl_table_add(&ix->by_id, hash_key(ix, &k), *out);
    if (err != PN_OK) {
        rl_slab_give(&ix->messages, *out);
        return err;
    }
    err = box_for(ix, r);
    if (err != PN_OK) {
        rl_table_remove(&ix->by_id, hash_key(ix, &k), *out);
        rl_slab_give(&ix->messages, *out);
        return err;
    }
    b = rl_slab_at(&ix->boxes, r->box);
    if (m->acked) {
        if (m->at >= b->turn)
            b->turn = m->at + 1;
        chain_acked(ix, b, *out);
    } else {
        rl_chain *c = &b->waiting[m->class];
        uint32_t prev = c->tail;
        while (prev != RL_NONE && rl_index_message(ix, prev)->seq > m->seq)
            prev = rl_index_message(ix, prev)->prev;
        chain_in(ix, c, prev, *out);
        count_in(ix, b, e);
    }
    if (m->seq >= ix->next_seq)
        ix->next_seq = m->seq + 1;
    return PN_OK;
}

void rl_index_ack(rl_index *ix, uint32_t at)
{
    rl_message *m = rl_index_message(ix, at);
    const rl_row *r = rl_index_row(ix, m->row);
    rl_box *b = rl_index_box(ix, m->row);
    assert(b != NULL); /* a message lies in one */
    chain_out(ix, &b->waiting[m->class], at);
    count_out(ix, b, m);
    m->acked = 1;
    m->at = b->turn++;
    chain_acked(ix, b, at);
    if (b->acked_count > rl_remembered_max(r->max_count))
        rl_index_forget(ix, b->acked.head);
}

void rl_index_forget(rl_index *ix, uint32_t at)
{
    rl_message *m = rl_index_message(ix, at);
    rl_row *r = rl_index_row(ix, m->row);
    rl_box *b = rl_index_box(ix, m->row);
    const id_key k = key_of(m->row, m->id);
    assert(b != NULL);
    if (m->acked) {
        chain_out(ix, &b->acked, at);
        b->acked_count--;
        ix->remembered--;
    } else {
        chain_out(ix, &b->waiting[m->class], at);
        count_out(ix, b, m);
    }
    rl_table_remove(&ix->by_id, hash_key(ix, &k), at);
    rl_slab_give(&ix->messages, at);
    box_leave(ix, r);
}

void rl_index_move(rl_index *ix, uint32_t at, uint16_t segment, uint32_t block)
{
    rl_message *m = rl_index_message(ix, at);
    ix->segment_bytes[m->segment] -= rl_record_bytes(m->len);
    ix->segment_bytes[segment] += rl_record_bytes(m->len);
    m->segment = segment;
    m->at = block;
}

uint32_t rl_index_expire(rl_index *ix, uint32_t *cursor, uint32_t count,
                         rl_day day)
{
    uint32_t forgotten = 0;
    for (; count > 0 && *cursor < ix->messages.high; count--, (*cursor)++) {
        const rl_message *m = rl_index_message(ix, *cursor);
        if (!m->used || m->expires > day)
            continue;
        forgotten += m->acked ? 0 : 1;
        rl_index_forget(ix, *cursor);
    }
    if (*cursor >= ix->messages.high)
        *cursor = RL_NONE;
    return forgotten;
}

/* From both ends at once: a reader is mostly near one of them. */
uint32_t rl_index_after(const rl_index *ix, const rl_chain *chain,
                        uint64_t after)
{
    uint32_t front = chain->head, back = chain->tail, found = RL_NONE;
    while (front != RL_NONE && back != RL_NONE) {
        if (rl_index_message(ix, front)->seq > after)
            return front;
        if (rl_index_message(ix, back)->seq <= after)
            return found;
        found = back;
        front = rl_index_message(ix, front)->next;
        back = rl_index_message(ix, back)->prev;
    }
    return found;
}

size_t rl_index_bytes(const rl_index *ix)
{
    return rl_slab_bytes(&ix->rows) + rl_slab_bytes(&ix->boxes) +
           rl_slab_bytes(&ix->old_caps) + rl_slab_bytes(&ix->messages) +
           rl_table_bytes(&ix->by_recv) + rl_table_bytes(&ix->by_send) +
           rl_table_bytes(&ix->by_id) +
           ix->segments * sizeof *ix->segment_bytes;
}
