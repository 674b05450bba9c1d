/* What the engine asks of durable memory: records by table and key, changed in
 * transactions. client/disk/vault.h is the real one; tests bring one that dies
 * at any step.
 *
 * A transaction begins with the first put or del and ends with commit, which
 * returns when it survives a crash, or rollback. get and scan see it. All
 * return PN_E_IO, PN_E_FULL (no room), PN_E_CORRUPT, PN_E_CLOSED (the keys were
 * destroyed) and PN_E_NOMEM besides what is said.
 * Thread rule: the engine's thread.
 */
#ifndef POSTERN_CLIENT_CORE_STORE_H
#define POSTERN_CLIENT_CORE_STORE_H

#include "proto/base/buf.h"

/* Numbers are on disk: never change one. */
typedef enum cl_table {
    CL_TABLE_SELF = 1,    /* one record, key "self" */
    CL_TABLE_RELAY = 2,   /* relays of our choice, by address */
    CL_TABLE_CONTACT = 3, /* by contact id */
    CL_TABLE_SESSION = 4, /* by contact id */
    CL_TABLE_INVITE = 5,  /* ours, by id */
    CL_TABLE_ACCEPT = 6,  /* invitations being answered, by id */
    CL_TABLE_ITEM = 7,    /* the outbox, by message id */
    CL_TABLE_EVENT = 8,   /* by sequence, until acknowledged */
    CL_TABLE_MESSAGE = 9, /* about a message, by its id */
    CL_TABLE_BODY = 10,   /* its text or file, by its id */
    CL_TABLE_SEEN = 11,   /* tags and ids that came, for deduplication */
    CL_TABLE_QUEUE = 12,  /* of ours, to be deleted at the relay, by recv_id */
    CL_TABLE_DESCRIPTOR = 13, /* of relays, by relay key */
} cl_table;

enum { CL_RECORD_MAX = 1 << 20 };

typedef struct cl_store {
    void *ctx;
    pn_err (*put)(void *ctx, cl_table table, pn_bytes key, pn_bytes value);
    /* What is not there is no error. */
    pn_err (*del)(void *ctx, cl_table table, pn_bytes key);
    /* Replace the content of *value. PN_E_NOT_FOUND. */
    pn_err (*get)(void *ctx, cl_table table, pn_bytes key, pn_buf *value);
    /* Visit in the order of first insertion; *cursor starts at 0.
     * PN_E_NOT_FOUND at the end. What changes in between may be missed. */
    pn_err (*next)(void *ctx, cl_table table, uint64_t *cursor, pn_buf *key,
                   pn_buf *value);
    /* Without a transaction: PN_OK. After a failure nothing of it is there. */
    pn_err (*commit)(void *ctx);
    void (*rollback)(void *ctx);
    /* Between transactions, when there is time: destroy what earlier commits
     * replaced. */
    pn_err (*sync)(void *ctx);
} cl_store;

#endif
