#include "tests/sim/fed/disk.h"

static pn_err disk_put(void *ctx, cl_table table, pn_bytes key, pn_bytes value)
{
    const fed_disk *d = ctx;
    if (d->node->is_dying)
        return PN_E_IO;
    return d->inner.put(d->inner.ctx, table, key, value);
}

static pn_err disk_del(void *ctx, cl_table table, pn_bytes key)
{
    const fed_disk *d = ctx;
    if (d->node->is_dying)
        return PN_E_IO;
    return d->inner.del(d->inner.ctx, table, key);
}

static pn_err disk_get(void *ctx, cl_table table, pn_bytes key, pn_buf *value)
{
    const fed_disk *d = ctx;
    return d->inner.get(d->inner.ctx, table, key, value);
}

static pn_err disk_next(void *ctx, cl_table table, uint64_t *cursor,
                        pn_buf *key, pn_buf *value)
{
    const fed_disk *d = ctx;
    return d->inner.next(d->inner.ctx, table, cursor, key, value);
}

static pn_err disk_commit(void *ctx)
{
    fed_disk *d = ctx;
    pn_err err;
    if (memstore_is_clean(&d->mem))
        return PN_OK;
    if (!fed_node_may(d->node)) { /* before it */
        d->inner.rollback(d->inner.ctx);
        return PN_E_IO;
    }
    if (d->node->clock->now_ms < d->full_until) {
        d->inner.rollback(d->inner.ctx);
        return PN_E_FULL;
    }
    if (d->fails_in > 0 && --d->fails_in == 0) {
        d->inner.rollback(d->inner.ctx);
        return PN_E_IO;
    }
    err = d->inner.commit(d->inner.ctx);
    (void)fed_node_may(d->node); /* after it */
    return err;
}

static void disk_rollback(void *ctx)
{
    const fed_disk *d = ctx;
    d->inner.rollback(d->inner.ctx);
}

static pn_err disk_sync(void *ctx)
{
    const fed_disk *d = ctx;
    return d->inner.sync(d->inner.ctx);
}

void fed_disk_init(fed_disk *d, fed_node *node)
{
    *d = (fed_disk){ .node = node };
    memstore_init(&d->mem);
    d->inner = memstore_port(&d->mem);
}

void fed_disk_free(fed_disk *d)
{
    memstore_free(&d->mem);
}

cl_store fed_disk_port(fed_disk *d)
{
    return (cl_store){ .ctx = d,
                       .put = disk_put,
                       .del = disk_del,
                       .get = disk_get,
                       .next = disk_next,
                       .commit = disk_commit,
                       .rollback = disk_rollback,
                       .sync = disk_sync };
}

void fed_disk_crash(fed_disk *d)
{
    d->inner.rollback(d->inner.ctx);
}

bool fed_disk_is_clean(const fed_disk *d)
{
    return memstore_is_clean(&d->mem);
}
