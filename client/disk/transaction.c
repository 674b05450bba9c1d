/* Transactions: the order in which the files are written is what keeps them
 * together.
 *   1. new keys are written and synced        (a crash: swept at open)
 *   2. the database commits, durably          (the commit point)
 *   3. old keys are cleared                   (a crash: swept at open)
 *   4. the device file learns of the commit, unsynced: its count may be
 *      behind the database's, never ahead of it */
#include "client/disk/inside.h"
#include "proto/base/mem.h"

pn_err cl_vault_ready(cl_vault *v)
{
    if (v->gone)
        return cl_fault(&v->fault, PN_E_CLOSED,
                        "the keys of this vault have been destroyed");
    if (v->unknown)
        return cl_fault(&v->fault, PN_E_STATE,
                        "writing failed earlier; open the vault again");
    return PN_OK;
}

pn_err cl_vault_writable(cl_vault *v)
{
    PN_TRY(cl_vault_ready(v));
    if (!v->in_transaction)
        return cl_fault(&v->fault, PN_E_STATE, "there is no transaction");
    return v->doomed;
}

/* A panic in whatever process unlinked the device file: forget the keys. */
static pn_err notice_panic(cl_vault *v)
{
    if (!cl_device_is_gone(v->device))
        return PN_OK;
    v->gone = true;
    cl_keys_free(&v->keys);
    cl_guard_free(v->secrets);
    v->secrets = NULL;
    return cl_vault_ready(v);
}

bool cl_vault_is_gone(cl_vault *v)
{
    return v->gone || notice_panic(v) != PN_OK;
}

/* Back to how it was at begin, in memory. */
static void forget(cl_vault *v)
{
    v->state = v->before;
    v->in_transaction = false;
}

static void undo(cl_vault *v)
{
    /* SQLite may have rolled back by itself already. */
    if (sqlite3_get_autocommit(v->db.db) == 0 &&
        cl_db_run(&v->db, CL_Q_ROLLBACK, NULL) != PN_OK)
        v->unknown = true;
    cl_recordkeys_rolled_back(&v->recordkeys);
    forget(v);
}

pn_err cl_vault_begin(cl_vault *v)
{
    pn_err err;
    PN_TRY(cl_vault_ready(v));
    if (v->in_transaction)
        return cl_fault(&v->fault, PN_E_STATE, "a transaction is open");
    err = notice_panic(v);
    if (err == PN_OK)
        err = cl_db_run(&v->db, CL_Q_BEGIN, &v->fault);
    PN_TRY(err);
    v->before = v->state;
    v->in_transaction = true;
    v->changed = v->deleted = v->settled = false;
    v->doomed = PN_OK;
    return PN_OK;
}

void cl_vault_rollback(cl_vault *v)
{
    if (v->in_transaction)
        undo(v);
}

/* Steps 3 and 4. The commit stands whatever happens here; what failed is done
 * again by the next commit, cl_vault_sync() or open. */
static void after_commit(cl_vault *v)
{
    pn_err err = cl_recordkeys_committed(&v->recordkeys, &v->fault);
    if (err == PN_OK && v->deleted)
        err = cl_recordkeys_sync(&v->recordkeys, &v->fault);
    if (err == PN_OK && v->settled &&
        v->before.history == CL_VAULT_ROLLED_BACK) {
        /* Now what the lost commits left behind may be cleared. */
        if (cl_state_scan(v) != PN_OK)
            v->unknown = true;
    }
    v->mark_behind = cl_device_write_mark(v->device, v->keys, v->state.counter,
                                          &v->fault) != PN_OK;
}

static pn_err write_out(cl_vault *v)
{
    v->state.counter++;
    PN_TRY(cl_state_store(v));
    return cl_recordkeys_prepare(&v->recordkeys, &v->fault);
}

pn_err cl_vault_commit(cl_vault *v)
{
    pn_err err;
    PN_TRY(cl_vault_ready(v));
    if (!v->in_transaction)
        return cl_fault(&v->fault, PN_E_STATE, "there is no transaction");
    if (v->doomed == PN_OK && !v->changed) {
        undo(v);
        return PN_OK;
    }
    err = notice_panic(v);
    if (err == PN_OK)
        err = v->doomed;
    if (err == PN_OK)
        err = write_out(v);
    if (err != PN_OK) {
        undo(v);
        return err;
    }
    err = cl_db_run(&v->db, CL_Q_COMMIT, &v->fault);
    if (err == PN_OK) {
        v->in_transaction = false;
        after_commit(v);
        return PN_OK;
    }
    cl_recordkeys_commit_failed(&v->recordkeys);
    undo(v);
    /* A failed sync says nothing about what is on the disk. */
    if (err != PN_E_FULL && err != PN_E_NOMEM)
        v->unknown = true;
    return err;
}

/* Not having room for it is no fault. After another, later commits would
 * follow in the log what may not be on the disk: as with cl_vault_commit(). */
static pn_err give_room_back(cl_vault *v)
{
    pn_err err;
    if (v->in_transaction)
        return PN_OK;
    err = cl_db_shrink(&v->db, &v->fault);
    if (err == PN_E_FULL || err == PN_E_NOMEM)
        return PN_OK;
    if (err != PN_OK)
        v->unknown = true;
    return err;
}

pn_err cl_vault_sync(cl_vault *v)
{
    PN_TRY(cl_vault_ready(v));
    PN_TRY(cl_recordkeys_sync(&v->recordkeys, &v->fault));
    if (v->mark_behind)
        PN_TRY(cl_device_write_mark(v->device, v->keys, v->state.counter,
                                    &v->fault));
    v->mark_behind = false;
    PN_TRY(cl_file_sync(v->device, CL_FILE_DEVICE, &v->fault));
    return give_room_back(v);
}

pn_err cl_vault_settle(cl_vault *v, uint64_t *dropped)
{
    uint64_t after = 0, count = 0;
    pn_err err = PN_OK;
    PN_TRY(cl_vault_writable(v));
    while (v->state.history == CL_VAULT_ROLLED_BACK && err == PN_OK) {
        cl_entry e;
        cl_record r;
        err = cl_record_walk(v, after, &e);
        if (err != PN_OK)
            break;
        after = e.id;
        err = cl_record_open(v, &e, &r);
        cl_record_clear(&r);
        if (err == PN_E_CORRUPT) {
            err = cl_record_remove(v, &e);
            count++;
        }
    }
    if (err != PN_OK && err != PN_E_NOT_FOUND) {
        v->doomed = err;
        return err;
    }
    v->state.history = CL_VAULT_CONTINUED;
    v->changed = v->settled = true;
    if (dropped != NULL)
        *dropped = count;
    return PN_OK;
}

cl_vault_history cl_vault_history_of(const cl_vault *v)
{
    return (cl_vault_history)v->state.history;
}

bool cl_vault_was_rolled_back(const cl_vault *v)
{
    return v->state.history != CL_VAULT_CONTINUED;
}
