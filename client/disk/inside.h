/* What a vault is made of; seen by the files of this room only. */
#ifndef POSTERN_CLIENT_DISK_INSIDE_H
#define POSTERN_CLIENT_DISK_INSIDE_H

#include <sqlite3.h>

#include "client/disk/device.h"
#include "client/disk/fault.h"
#include "client/disk/file.h"
#include "client/disk/recordkeys.h"

enum { CL_NAME_BYTES = 16, CL_DIGEST_BYTES = 32 };

/* The one row that is written with every commit. */
typedef struct cl_state {
    uint64_t counter;                /* commits so far */
    uint64_t count;                  /* records */
    uint8_t digest[CL_DIGEST_BYTES]; /* xor of all entries' keyed hashes */
    uint8_t role[CL_SLOTS];          /* cl_slot_role of each keyslot */
    uint8_t history;                 /* cl_vault_history */
    uint8_t unclean; /* a keyslot change did not finish: clear free slots */
} cl_state;

/* What the database tells about a record without its key. */
typedef struct cl_entry {
    uint64_t id; /* order of insertion, never used again */
    uint8_t name[CL_NAME_BYTES];
    int64_t kind; /* keyed hash */
    uint32_t place;
    uint8_t tag[CL_SEAL_TAG_BYTES]; /* of the sealed body */
} cl_entry;

/* The database: rows in and out, no keys. */
typedef enum cl_query {
    CL_Q_BEGIN,
    CL_Q_COMMIT,
    CL_Q_ROLLBACK,
    CL_Q_FIND,
    CL_Q_NEXT,
    CL_Q_WALK,
    CL_Q_BODY,
    CL_Q_INSERT,
    CL_Q_UPDATE,
    CL_Q_DELETE,
    CL_Q_BODY_INSERT,
    CL_Q_BODY_UPDATE,
    CL_Q_BODY_DELETE,
    CL_Q_STATE,
    CL_Q_STATE_SET,
    CL_Q_COUNT, /* how many queries there are */
} cl_query;

typedef struct cl_db {
    sqlite3 *db; /* owned */
    sqlite3_stmt *q[CL_Q_COUNT];
} cl_db;

struct cl_vault {
    int at, lock, device; /* owned file descriptors, -1 if none */
    cl_keys *keys;        /* owned, guarded */
    cl_keyslots slots;
    cl_device *secrets; /* owned, guarded */
    unsigned slot;      /* the keyslot it was opened with */
    cl_recordkeys recordkeys;
    cl_db db;
    char *home;             /* owned */
    cl_state state, before; /* before: at the transaction's begin */
    uint64_t next_id;
    bool in_transaction, changed, deleted, settled;
    pn_err doomed;    /* why the open transaction can only be rolled back */
    bool mark_behind; /* the device file could not be told of a commit */
    bool unknown;     /* a commit's outcome is unknown */
    bool gone;        /* the keys were destroyed */
    cl_vault_fault fault;
};

/* --- db.c ------------------------------------------------------------- */

/* Make the empty file and its tables. */
PN_MUST_USE pn_err cl_db_make(int at, const char *home, cl_vault_fault *fault);
/* Open it, checking that it is ours. *db is zeroed before. */
PN_MUST_USE pn_err cl_db_open(cl_db *db, int at, const char *home,
                              cl_vault_fault *fault);
void cl_db_close(cl_db *db);
/* What an SQLite result means here. */
PN_MUST_USE pn_err cl_db_error(const cl_db *db, int rc, cl_vault_fault *fault);
/* Run a query that gives no row. Bindings are dropped. */
PN_MUST_USE pn_err cl_db_run(cl_db *db, cl_query q, cl_vault_fault *fault);
/* Step a query that gives at most one row. PN_E_NOT_FOUND if there is none;
 * on PN_OK read columns, then cl_db_done(). */
PN_MUST_USE pn_err cl_db_row(cl_db *db, cl_query q, cl_vault_fault *fault);
void cl_db_done(cl_db *db, cl_query q);
/* Read the five columns of an entry. PN_E_CORRUPT. */
PN_MUST_USE pn_err cl_db_entry(sqlite3_stmt *row, cl_entry *out);
/* PN_E_CORRUPT unless SQLite's own check finds every page in order. */
PN_MUST_USE pn_err cl_db_check(cl_db *db, cl_vault_fault *fault);

/* Where half of the file or more is free pages, and more than a few, give some
 * back to the file system. Its own transaction: outside of any other. */
PN_MUST_USE pn_err cl_db_shrink(cl_db *db, cl_vault_fault *fault);

/* --- state.c ---------------------------------------------------------- */

PN_MUST_USE pn_err cl_state_load(cl_vault *v);
/* Write it, as part of the open transaction. */
PN_MUST_USE pn_err cl_state_store(cl_vault *v);
/* Add an entry to the digest, or take it out: both are the same. */
void cl_state_toggle(cl_vault *v, const cl_entry *e);
/* Read all entries: they must add up to the state. Marks places, finds the
 * next id, and sweeps unless the history forbids it. */
PN_MUST_USE pn_err cl_state_scan(cl_vault *v);

/* --- record.c --------------------------------------------------------- */

/* An opened record. */
typedef struct cl_record {
    uint8_t *plain; /* owned; NULL after cl_record_clear() */
    size_t len;
    uint16_t kind;
    pn_bytes key, value; /* in plain */
} cl_record;

/* Open the body of an entry: PN_E_CORRUPT if it is not what was sealed. */
PN_MUST_USE pn_err cl_record_open(cl_vault *v, const cl_entry *e,
                                  cl_record *out);
void cl_record_clear(cl_record *r);
/* The first entry after `after`, by id, of any kind. PN_E_NOT_FOUND. */
PN_MUST_USE pn_err cl_record_walk(cl_vault *v, uint64_t after, cl_entry *out);
/* Remove an entry with its body. */
PN_MUST_USE pn_err cl_record_remove(cl_vault *v, const cl_entry *e);

/* --- transaction.c ---------------------------------------------------- */

/* PN_OK if calls are possible at all, else PN_E_STATE or PN_E_CLOSED. */
PN_MUST_USE pn_err cl_vault_ready(cl_vault *v);
/* PN_OK if the open transaction may be added to. */
PN_MUST_USE pn_err cl_vault_writable(cl_vault *v);

/* --- slots.c ---------------------------------------------------------- */

/* Overwrite the slots that no passphrase should open. */
PN_MUST_USE pn_err cl_slots_clear_free(cl_vault *v);

/* --- life.c ----------------------------------------------------------- */

/* A vault in memory with its directory open and locked, nothing else. */
PN_MUST_USE pn_err cl_vault_new(cl_vault **out, const char *home,
                                cl_home_mode mode, cl_vault_fault *fault);
/* Make the files of a new vault for v->keys, v->slots, v->secrets. */
PN_MUST_USE pn_err cl_vault_make_database(cl_vault *v,
                                          cl_vault_history history);
/* As cl_vault_create(), but the directory stays marked as unfinished until
 * cl_vault_finish(). */
PN_MUST_USE pn_err cl_vault_start(cl_vault **out, const char *home,
                                  pn_bytes passphrase, cl_vault_kdf kdf,
                                  cl_vault_history history,
                                  cl_vault_fault *fault);
PN_MUST_USE pn_err cl_vault_finish(cl_vault *v);
/* Remove every file of a vault, keys first and overwritten. */
PN_MUST_USE pn_err cl_vault_destroy(int at, cl_vault_fault *fault);

#endif
