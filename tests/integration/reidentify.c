/* Give the owner of a store another identity, as if somebody else had come by
 * its queues: the other side must stop and ask a person.
 *   reidentify HOME PASSPHRASE
 */
#include <stdio.h>
#include <string.h>

#include "client/core/engine.h"
#include "client/core/identity.h"
#include "client/net/vaultstore.h"
#include "proto/base/mem.h"
#include "proto/carrier/sysenv.h"

/* The record begins with its version, then the identity. */
static pn_err replace(const cl_store *store, const pn_env *env)
{
    uint8_t secret[CL_IDENTITY_SECRET_BYTES];
    cl_identity fresh;
    pn_buf record;
    pn_err err;
    pn_buf_init(&record, CL_RECORD_MAX);
    err = store->get(store->ctx, CL_TABLE_SELF, PN_BYTES_LIT("self"), &record);
    if (err == PN_OK)
        err = cl_identity_new(&fresh, env);
    if (err == PN_OK) {
        uint8_t room[512];
        const pn_bytes old = pn_buf_view(&record);
        if (old.len > sizeof room || old.len < 1 + sizeof secret)
            return PN_E_CORRUPT;
        memcpy(room, old.p, old.len);
        cl_identity_secret(secret, &fresh);
        memcpy(room + 1, secret, sizeof secret);
        err = store->put(store->ctx, CL_TABLE_SELF, PN_BYTES_LIT("self"),
                         (pn_bytes){ room, old.len });
        pn_wipe(room, sizeof room);
    }
    pn_wipe(secret, sizeof secret);
    cl_identity_wipe(&fresh);
    pn_buf_clear(&record);
    return err == PN_OK ? store->commit(store->ctx) : err;
}

/* The sessions were the old one's: all begin anew. */
static pn_err begin_anew(const cl_store *store, const pn_env *env)
{
    const cl_sink sink = { .ctx = NULL };
    cl_engine *engine = NULL;
    pn_err err = cl_engine_open(&engine, env, store, &sink);
    if (err == PN_OK)
        err = cl_engine_restored(engine);
    if (err == PN_OK)
        err = cl_engine_commit(engine);
    cl_engine_free(&engine);
    return err;
}

int main(int argc, char **argv)
{
    const pn_env env = pn_sysenv(NULL, NULL);
    cl_vault_fault fault = { "" };
    cl_vault *vault = NULL;
    cl_vaultstore over;
    cl_store store;
    pn_err err;
    if (argc != 3)
        return 2;
    err = cl_vault_open(&vault, argv[1],
                        (pn_bytes){ (const uint8_t *)argv[2], strlen(argv[2]) },
                        &fault);
    over = (cl_vaultstore){ .vault = vault };
    store = cl_vaultstore_port(&over);
    if (err == PN_OK)
        err = replace(&store, &env);
    if (err == PN_OK)
        err = begin_anew(&store, &env);
    cl_vault_close(&vault);
    if (err != PN_OK)
        (void)fprintf(stderr, "reidentify: %s %s\n", pn_strerror(err),
                      fault.text);
    return err == PN_OK ? 0 : 1;
}
