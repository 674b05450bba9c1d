#include "client/net/vaultstore.h"

#include <stdio.h>

/* A change, or the end of a transaction, that failed: what was to be kept is
 * not, until a later transaction is. */
static pn_err changed(cl_vaultstore *v, pn_err err)
{
    v->failing = v->failing || err != PN_OK;
    return err;
}

/* Note what the vault says about it, before another error replaces that. */
static pn_err told(cl_vaultstore *v, pn_err err)
{
    if (err != PN_E_IO && err != PN_E_FULL && err != PN_E_STATE &&
        err != PN_E_CORRUPT && err != PN_E_CLOSED)
        return err;
    (void)snprintf(v->why, sizeof v->why, "%s", cl_vault_text(v->vault));
    return err == PN_E_FULL || err == PN_E_STATE ? PN_E_IO : err;
}

pn_err cl_vaultstore_begin(cl_vaultstore *v)
{
    if (v->open)
        return PN_OK;
    PN_TRY(changed(v, told(v, cl_vault_begin(v->vault))));
    v->open = true;
    return PN_OK;
}

static pn_err put(void *ctx, cl_table table, pn_bytes key, pn_bytes value)
{
    cl_vaultstore *v = ctx;
    PN_TRY(cl_vaultstore_begin(v));
    return changed(
        v, told(v, cl_vault_put(v->vault, (uint16_t)table, key, value)));
}

static pn_err del(void *ctx, cl_table table, pn_bytes key)
{
    cl_vaultstore *v = ctx;
    pn_err err;
    PN_TRY(cl_vaultstore_begin(v));
    err = told(v, cl_vault_delete(v->vault, (uint16_t)table, key));
    return changed(v, err == PN_E_NOT_FOUND ? PN_OK : err);
}

static pn_err get(void *ctx, cl_table table, pn_bytes key, pn_buf *value)
{
    cl_vaultstore *v = ctx;
    return told(v, cl_vault_get(v->vault, (uint16_t)table, key, value));
}

static pn_err next(void *ctx, cl_table table, uint64_t *cursor, pn_buf *key,
                   pn_buf *value)
{
    cl_vaultstore *v = ctx;
    return told(v,
                cl_vault_next(v->vault, (uint16_t)table, cursor, key, value));
}

static pn_err commit(void *ctx)
{
    cl_vaultstore *v = ctx;
    pn_err err;
    if (!v->open)
        return PN_OK;
    v->open = false;
    err = told(v, cl_vault_commit(v->vault));
    if (err == PN_OK)
        v->failing = false;
    return changed(v, err);
}

static void rollback(void *ctx)
{
    cl_vaultstore *v = ctx;
    if (v->open)
        cl_vault_rollback(v->vault);
    v->open = false;
}

static pn_err sync_vault(void *ctx)
{
    const cl_vaultstore *v = ctx;
    return v->open ? PN_OK : cl_vault_sync(v->vault);
}

cl_store cl_vaultstore_port(cl_vaultstore *v)
{
    return (cl_store){ .ctx = v,
                       .put = put,
                       .del = del,
                       .get = get,
                       .next = next,
                       .commit = commit,
                       .rollback = rollback,
                       .sync = sync_vault };
}
