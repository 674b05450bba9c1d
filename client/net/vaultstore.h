/* The engine's store on a vault: transactions begin by themselves.
 * A disk without room is PN_E_IO here: what the engine calls PN_E_FULL is a
 * limit of its own. Thread rule: as the vault.
 */
#ifndef POSTERN_CLIENT_NET_VAULTSTORE_H
#define POSTERN_CLIENT_NET_VAULTSTORE_H

#include "client/core/store.h"
#include "client/disk/vault.h"

typedef struct cl_vaultstore {
    cl_vault *vault;               /* borrowed */
    bool open;                     /* a transaction is */
    bool failing;                  /* none could be kept since one was not */
    char why[CL_VAULT_FAULT_TEXT]; /* what last went wrong with it, or "" */
} cl_vaultstore;

/* `v` is borrowed for the store's life. */
cl_store cl_vaultstore_port(cl_vaultstore *v);
/* Begin a transaction unless one is open. Errors of cl_vault_begin(). */
PN_MUST_USE pn_err cl_vaultstore_begin(cl_vaultstore *v);

#endif
