/* SQLite, set up for what the vault promises.
 *
 * Write-ahead log, synchronous=FULL: one sync per commit, which is durable
 * when COMMIT returns; a rollback journal takes three or four. That old pages
 * stay in the log for a while does no harm: what is sealed in them has lost
 * its key (recordkeys.h). Exclusive locking keeps the log's index in our own
 * memory instead of a shared file. secure_delete zeroes what is freed. Free
 * pages are used again; when they are many they are given back (auto_vacuum,
 * which has to be said before there is a table). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "client/disk/inside.h"
#include "proto/base/mem.h"

enum {
    APPLICATION_ID = 0x706e7661,
    SCHEMA_VERSION = 1,
    SHRINK_LEAST = 256, /* free pages that are not worth giving back: 1 MiB */
};

#define ENTRY_COLUMNS "id, name, kind, place, tag"

#define CREATE_ENTRY                                                       \
    "CREATE TABLE entry (id INTEGER PRIMARY KEY AUTOINCREMENT, name BLOB " \
    "NOT NULL, kind INTEGER NOT NULL, place INTEGER NOT NULL, tag BLOB "   \
    "NOT NULL)"

static const char *const schema[] = {
    "CREATE TABLE state (id INTEGER PRIMARY KEY, sealed BLOB NOT NULL)",
    CREATE_ENTRY,
    "CREATE UNIQUE INDEX entry_name ON entry (name)",
    "CREATE INDEX entry_kind ON entry (kind)",
    "CREATE TABLE body (id INTEGER PRIMARY KEY, sealed BLOB NOT NULL)",
};
enum { SCHEMA_PARTS = sizeof schema / sizeof schema[0] };

/* Of a new file, only: said again it is written again, and a full disk could
 * not be read. */
static const char *const new_settings = "PRAGMA auto_vacuum=INCREMENTAL";

static const char *const settings =
    "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
    "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;"
    "PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0; PRAGMA trusted_schema=OFF;"
    "PRAGMA cell_size_check=ON; PRAGMA journal_size_limit=4194304;";

static const char *const queries[CL_Q_COUNT] = {
    [CL_Q_BEGIN] = "BEGIN IMMEDIATE",
    [CL_Q_COMMIT] = "COMMIT",
    [CL_Q_ROLLBACK] = "ROLLBACK",
    [CL_Q_FIND] = "SELECT " ENTRY_COLUMNS " FROM entry WHERE name = ?1",
    [CL_Q_NEXT] = "SELECT " ENTRY_COLUMNS " FROM entry WHERE kind = ?1 AND "
                  "id > ?2 ORDER BY id LIMIT 1",
    [CL_Q_WALK] =
        "SELECT " ENTRY_COLUMNS " FROM entry WHERE id > ?1 ORDER BY id LIMIT 1",
    [CL_Q_BODY] = "SELECT sealed FROM body WHERE id = ?1",
    [CL_Q_INSERT] =
        "INSERT INTO entry (" ENTRY_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5)",
    [CL_Q_UPDATE] = "UPDATE entry SET place = ?4, tag = ?5 WHERE id = ?1",
    [CL_Q_DELETE] = "DELETE FROM entry WHERE id = ?1",
    [CL_Q_BODY_INSERT] = "INSERT INTO body (id, sealed) VALUES (?1, ?2)",
    [CL_Q_BODY_UPDATE] = "UPDATE body SET sealed = ?2 WHERE id = ?1",
    [CL_Q_BODY_DELETE] = "DELETE FROM body WHERE id = ?1",
    [CL_Q_STATE] = "SELECT sealed FROM state WHERE id = 1",
    [CL_Q_STATE_SET] = "REPLACE INTO state (id, sealed) VALUES (1, ?1)",
};

/* The error of the last write to this file that failed, 0 if none did. */
static int last_error_of(const cl_db *db, int which)
{
    sqlite3_file *file = NULL;
    int error = 0;
    if (sqlite3_file_control(db->db, "main", which, &file) != SQLITE_OK ||
        file == NULL || file->pMethods == NULL ||
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error) !=
            SQLITE_OK)
        return 0;
    return error;
}

/* A write failed for an error that SQLite does not take for a full disk, and
 * may have forgotten: over a quota, over a limit on the size of files. */
static bool was_no_room(const cl_db *db)
{
    static const int files[] = { SQLITE_FCNTL_FILE_POINTER,
                                 SQLITE_FCNTL_JOURNAL_POINTER };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const int error = db->db == NULL ? 0 : last_error_of(db, files[i]);
        if (error == EFBIG || error == EDQUOT || error == ENOSPC)
            return true;
    }
    return false;
}

pn_err cl_db_error(const cl_db *db, int rc, cl_vault_fault *fault)
{
    const int system = db->db != NULL ? sqlite3_system_errno(db->db) : 0;
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return PN_OK;
    case SQLITE_NOMEM:
        return cl_fault(fault, PN_E_NOMEM, "out of memory");
    case SQLITE_FULL:
        return cl_fault(fault, PN_E_FULL, "no room to write %s",
                        CL_FILE_DATABASE);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return cl_fault(fault, PN_E_EXISTS, "another program has %s open",
                        CL_FILE_DATABASE);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
        return cl_fault_system(fault, system != 0 ? system : EACCES, "use",
                               CL_FILE_DATABASE);
    case SQLITE_IOERR:
        if (rc == SQLITE_IOERR_NOMEM)
            return cl_fault(fault, PN_E_NOMEM, "out of memory");
        if (rc == SQLITE_IOERR_CORRUPTFS)
            break;
        if (rc == SQLITE_IOERR_WRITE && was_no_room(db))
            return cl_fault(fault, PN_E_FULL, "no room to write %s",
                            CL_FILE_DATABASE);
        return cl_fault_system(fault, system != 0 ? system : EIO, "use",
                               CL_FILE_DATABASE);
    default:
        break;
    }
    /* Our statements are fixed: whatever else goes wrong with them comes from
     * what they found in the file. */
    return cl_fault(fault, PN_E_CORRUPT, "%s is damaged (%s)", CL_FILE_DATABASE,
                    sqlite3_errstr(rc));
}

static pn_err exec(cl_db *db, const char *sql, cl_vault_fault *fault)
{
    return cl_db_error(db, sqlite3_exec(db->db, sql, NULL, NULL, NULL), fault);
}

static pn_err connect_to(cl_db *db, const char *home, bool is_new,
                         cl_vault_fault *fault)
{
    const size_t cap = strlen(home) + sizeof "/" CL_FILE_DATABASE;
    char *path = pn_alloc(cap, 1);
    int rc;
    if (path == NULL)
        return PN_E_NOMEM;
    (void)snprintf(path, cap, "%s/%s", home, CL_FILE_DATABASE);
    rc = sqlite3_open_v2(path, &db->db,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                             SQLITE_OPEN_PRIVATECACHE,
                         NULL);
    pn_free(path);
    PN_TRY(cl_db_error(db, rc, fault));
    (void)sqlite3_extended_result_codes(db->db, 1);
    (void)sqlite3_db_config(db->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    (void)sqlite3_db_config(db->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    if (is_new)
        PN_TRY(exec(db, new_settings, fault));
    return exec(db, settings, fault);
}

pn_err cl_db_make(int at, const char *home, cl_vault_fault *fault)
{
    cl_db db = { 0 };
    char stamp[96];
    int fd;
    pn_err err;
    /* Made here for its mode; SQLite gives its log the same. */
    PN_TRY(cl_file_make(&fd, at, CL_FILE_DATABASE, fault));
    cl_file_close(&fd);
    err = connect_to(&db, home, true, fault);
    if (err == PN_OK)
        err = exec(&db, "BEGIN", fault);
    for (size_t i = 0; err == PN_OK && i < SCHEMA_PARTS; i++)
        err = exec(&db, schema[i], fault);
    (void)snprintf(stamp, sizeof stamp,
                   "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT",
                   APPLICATION_ID, SCHEMA_VERSION);
    if (err == PN_OK)
        err = exec(&db, stamp, fault);
    cl_db_close(&db);
    return err;
}

/* A number that a pragma tells. */
static pn_err pragma(cl_db *db, const char *sql, int *out,
                     cl_vault_fault *fault)
{
    sqlite3_stmt *row = NULL;
    int rc = sqlite3_prepare_v2(db->db, sql, -1, &row, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(row);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int(row, 0);
    (void)sqlite3_finalize(row);
    return rc == SQLITE_DONE ? PN_E_CORRUPT : cl_db_error(db, rc, fault);
}

/* The tables are exactly ours: nothing planted runs. */
static pn_err check_schema(cl_db *db, cl_vault_fault *fault)
{
    sqlite3_stmt *row = NULL;
    size_t seen = 0;
    int rc = sqlite3_prepare_v2(db->db,
                                "SELECT sql FROM sqlite_schema WHERE name <> "
                                "'sqlite_sequence' ORDER BY rowid",
                                -1, &row, NULL);
    if (rc == SQLITE_OK) {
        while ((rc = sqlite3_step(row)) == SQLITE_ROW) {
            const char *sql = (const char *)sqlite3_column_text(row, 0);
            if (seen >= SCHEMA_PARTS || sql == NULL ||
                strcmp(sql, schema[seen]) != 0)
                break;
            seen++;
        }
    }
    (void)sqlite3_finalize(row);
    if (rc == SQLITE_ROW || (rc == SQLITE_DONE && seen != SCHEMA_PARTS))
        return cl_fault(fault, PN_E_CORRUPT,
                        "%s is damaged (its tables are not ours)",
                        CL_FILE_DATABASE);
    return cl_db_error(db, rc, fault);
}

pn_err cl_db_open(cl_db *db, int at, const char *home, cl_vault_fault *fault)
{
    int fd, id = 0, version = 0;
    pn_err err = cl_file_open(&fd, at, CL_FILE_DATABASE, O_RDWR, fault);
    if (err == PN_E_NOT_FOUND)
        return cl_fault(fault, PN_E_CORRUPT,
                        "the keys are there, but %s is missing",
                        CL_FILE_DATABASE);
    PN_TRY(err);
    cl_file_close(&fd);
    PN_TRY(connect_to(db, home, false, fault));
    PN_TRY(pragma(db, "PRAGMA application_id", &id, fault));
    PN_TRY(pragma(db, "PRAGMA user_version", &version, fault));
    if (id == APPLICATION_ID && version > SCHEMA_VERSION)
        return cl_fault(fault, PN_E_VERSION,
                        "%s was written by a newer version of Postern",
                        CL_FILE_DATABASE);
    if (id != APPLICATION_ID || version != SCHEMA_VERSION)
        return cl_fault(fault, PN_E_CORRUPT, "%s is damaged (not a vault)",
                        CL_FILE_DATABASE);
    PN_TRY(check_schema(db, fault));
    for (size_t i = 0; i < CL_Q_COUNT; i++)
        PN_TRY(cl_db_error(db,
                           sqlite3_prepare_v3(db->db, queries[i], -1,
                                              SQLITE_PREPARE_PERSISTENT,
                                              &db->q[i], NULL),
                           fault));
    return PN_OK;
}

void cl_db_close(cl_db *db)
{
    for (size_t i = 0; i < CL_Q_COUNT; i++)
        (void)sqlite3_finalize(db->q[i]);
    (void)sqlite3_close(db->db);
    *db = (cl_db){ 0 };
}

void cl_db_done(cl_db *db, cl_query q)
{
    (void)sqlite3_reset(db->q[q]);
    (void)sqlite3_clear_bindings(db->q[q]);
}

pn_err cl_db_row(cl_db *db, cl_query q, cl_vault_fault *fault)
{
    const int rc = sqlite3_step(db->q[q]);
    pn_err err = PN_E_NOT_FOUND;
    if (rc == SQLITE_ROW)
        return PN_OK;
    if (rc != SQLITE_DONE)
        err = cl_db_error(db, rc, fault);
    cl_db_done(db, q);
    return err;
}

pn_err cl_db_run(cl_db *db, cl_query q, cl_vault_fault *fault)
{
    const pn_err err = cl_db_row(db, q, fault);
    if (err == PN_OK) {
        cl_db_done(db, q);
        return PN_E_CORRUPT;
    }
    return err == PN_E_NOT_FOUND ? PN_OK : err;
}

pn_err cl_db_entry(sqlite3_stmt *row, cl_entry *out)
{
    const sqlite3_int64 id = sqlite3_column_int64(row, 0);
    const sqlite3_int64 place = sqlite3_column_int64(row, 3);
    const void *name = sqlite3_column_blob(row, 1);
    const void *tag = sqlite3_column_blob(row, 4);
    if (id <= 0 || place <= 0 || place > UINT32_MAX || name == NULL ||
        tag == NULL || sqlite3_column_bytes(row, 1) != CL_NAME_BYTES ||
        sqlite3_column_bytes(row, 4) != CL_SEAL_TAG_BYTES)
        return PN_E_CORRUPT;
    out->id = (uint64_t)id;
    out->kind = sqlite3_column_int64(row, 2);
    out->place = (uint32_t)place;
    memcpy(out->name, name, sizeof out->name);
    memcpy(out->tag, tag, sizeof out->tag);
    return PN_OK;
}

pn_err cl_db_check(cl_db *db, cl_vault_fault *fault)
{
    sqlite3_stmt *row = NULL;
    int rc =
        sqlite3_prepare_v2(db->db, "PRAGMA integrity_check(1)", -1, &row, NULL);
    bool fine = false;
    if (rc == SQLITE_OK)
        rc = sqlite3_step(row);
    if (rc == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(row, 0);
        fine = text != NULL && strcmp(text, "ok") == 0;
    }
    (void)sqlite3_finalize(row);
    if (rc != SQLITE_ROW)
        return cl_db_error(db, rc, fault);
    if (fine)
        return PN_OK;
    return cl_fault(fault, PN_E_CORRUPT, "%s is damaged", CL_FILE_DATABASE);
}

pn_err cl_db_shrink(cl_db *db, cl_vault_fault *fault)
{
    int all = 0, unused = 0;
    PN_TRY(pragma(db, "PRAGMA page_count", &all, fault));
    PN_TRY(pragma(db, "PRAGMA freelist_count", &unused, fault));
    if (unused < SHRINK_LEAST || unused < all / 2)
        return PN_OK;
    /* So many at once: no more than the log keeps. */
    return exec(db, "PRAGMA incremental_vacuum(1000)", fault);
}
