#include "tests/support/memstore.h"

#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

static uint8_t *copy_of(const uint8_t *p, size_t len)
{
    uint8_t *out = must(malloc(len + 1));
    if (len > 0)
        memcpy(out, p, len);
    return out;
}

void memstore_init(memstore *m)
{
    *m = (memstore){ .count = 0 };
}

void memstore_free(memstore *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free(m->records[i].key);
        free(m->records[i].value);
    }
    for (size_t i = 0; i < m->undo_count; i++)
        free(m->undo[i].value);
    free(m->records);
    free(m->undo);
    memstore_init(m);
}

bool memstore_is_clean(const memstore *m)
{
    return m->undo_count == 0;
}

static memstore_record *find(memstore *m, cl_table table, pn_bytes key)
{
    for (size_t i = 0; i < m->count; i++) {
        memstore_record *r = &m->records[i];
        if (r->table == table && r->key_len == key.len &&
            memcmp(r->key, key.p, key.len) == 0)
            return r;
    }
    return NULL;
}

static memstore_record *make(memstore *m, cl_table table, pn_bytes key)
{
    memstore_record *r = find(m, table, key);
    if (r != NULL)
        return r; /* one that was deleted keeps its place in the order */
    if (m->count == m->cap) {
        m->cap = m->cap * 2 + 64;
        m->records = must(realloc(m->records, m->cap * sizeof *m->records));
    }
    r = &m->records[m->count++];
    *r = (memstore_record){ .table = table,
                            .key_len = key.len,
                            .key = copy_of(key.p, key.len),
                            .value = copy_of(NULL, 0) };
    return r;
}

static void remember(memstore *m, const memstore_record *r)
{
    if (m->undo_count == m->undo_cap) {
        m->undo_cap = m->undo_cap * 2 + 64;
        m->undo = must(realloc(m->undo, m->undo_cap * sizeof *m->undo));
    }
    m->undo[m->undo_count++] =
        (memstore_undo){ .at = (size_t)(r - m->records),
                         .live = r->live,
                         .len = r->len,
                         .value = copy_of(r->value, r->len) };
}

/* Whether this operation is the one that fails. */
static bool fails(memstore *m)
{
    if (m->fail_op == 0 || --m->fail_op > 0)
        return false;
    m->hit = true;
    return true;
}

static pn_err store(memstore *m, cl_table table, pn_bytes key, pn_bytes value)
{
    memstore_record *r = make(m, table, key);
    remember(m, r);
    free(r->value);
    r->value = copy_of(value.p, value.len);
    r->len = value.len;
    r->live = true;
    return PN_OK;
}

static pn_err put(void *ctx, cl_table table, pn_bytes key, pn_bytes value)
{
    memstore *m = ctx;
    return fails(m) ? m->fail_with : store(m, table, key, value);
}

static pn_err del(void *ctx, cl_table table, pn_bytes key)
{
    memstore *m = ctx;
    memstore_record *r = find(m, table, key);
    if (fails(m))
        return m->fail_with;
    if (r == NULL || !r->live)
        return PN_OK;
    remember(m, r);
    r->live = false;
    return PN_OK;
}

static pn_err get(void *ctx, cl_table table, pn_bytes key, pn_buf *value)
{
    const memstore_record *r = find(ctx, table, key);
    pn_buf_clear(value);
    if (fails(ctx))
        return ((const memstore *)ctx)->fail_with;
    if (r == NULL || !r->live)
        return PN_E_NOT_FOUND;
    return pn_buf_append(value, (pn_bytes){ r->value, r->len });
}

static pn_err next(void *ctx, cl_table table, uint64_t *cursor, pn_buf *key,
                   pn_buf *value)
{
    memstore *m = ctx;
    if (fails(m))
        return m->fail_with;
    for (; *cursor < m->count; (*cursor)++) {
        const memstore_record *r = &m->records[*cursor];
        if (r->table != table || !r->live)
            continue;
        (*cursor)++;
        if (key != NULL) {
            pn_buf_clear(key);
            if (pn_buf_append(key, (pn_bytes){ r->key, r->key_len }) != PN_OK)
                return PN_E_NOMEM;
        }
        if (value == NULL)
            return PN_OK;
        pn_buf_clear(value);
        return pn_buf_append(value, (pn_bytes){ r->value, r->len });
    }
    return PN_E_NOT_FOUND;
}

static void rollback(void *ctx)
{
    memstore *m = ctx;
    while (m->undo_count > 0) {
        memstore_undo *u = &m->undo[--m->undo_count];
        memstore_record *r = &m->records[u->at];
        free(r->value);
        r->value = u->value;
        r->len = u->len;
        r->live = u->live;
    }
}

static pn_err commit(void *ctx)
{
    memstore *m = ctx;
    m->commits++;
    if (m->undo_count > 0 && fails(m)) {
        rollback(m);
        return m->fail_with;
    }
    if (m->fail_at > 0 && --m->fail_at == 0) {
        rollback(m);
        return PN_E_IO;
    }
    while (m->undo_count > 0)
        free(m->undo[--m->undo_count].value);
    return PN_OK;
}

static pn_err tidy_up(void *ctx)
{
    memstore *m = ctx;
    m->syncs++;
    return memstore_is_clean(m) ? PN_OK : PN_E_STATE;
}

cl_store memstore_port(memstore *m)
{
    return (cl_store){ .ctx = m,
                       .put = put,
                       .del = del,
                       .get = get,
                       .next = next,
                       .commit = commit,
                       .rollback = rollback,
                       .sync = tidy_up };
}

void memstore_copy(memstore *to, const memstore *from)
{
    memstore_init(to);
    for (size_t i = 0; i < from->count; i++) {
        const memstore_record *r = &from->records[i];
        if (r->live)
            (void)!store(to, r->table, (pn_bytes){ r->key, r->key_len },
                         (pn_bytes){ r->value, r->len });
    }
    (void)!commit(to);
}
