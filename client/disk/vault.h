/* The vault: an endpoint's durable memory, sealed.
 *
 * A vault is a directory. In it live records: (kind, key) -> value, changed
 * only inside transactions. cl_vault_commit() returns when the change survives
 * SIGKILL and power loss. Whoever has the files without the passphrase learns
 * how many records there are, which of them are of one kind, and the size
 * class of each; nothing else. Every version of every record has a key of its
 * own, which is overwritten in place when the record is changed or deleted: who
 * has disk and passphrase tomorrow cannot read what was gone today.
 * What is on disk, and what is not promised: client/disk/FORMAT.md.
 *
 * Errors that any call on a vault may give, beside those it lists:
 *   PN_E_NOMEM, PN_E_RANDOM
 *   PN_E_IO       the system refused to read, write or sync
 *   PN_E_FULL     no room on the disk, or over a quota; nothing was changed
 *   PN_E_CORRUPT  stored bytes fail their checks; never garbage instead
 *   PN_E_CLOSED   the keys were destroyed (panic, by whatever process)
 *   PN_E_ARG      the caller broke the contract
 * After a PN_E_IO from cl_vault_commit() the outcome is unknown: every call
 * but cl_vault_close() then gives PN_E_STATE, and opening again tells.
 * Texts for a person: cl_vault_fault of calls without a vault, else
 * cl_vault_text(). They name files, never keys or values.
 * Thread rule: one thread at a time per vault.
 */
#ifndef POSTERN_CLIENT_DISK_VAULT_H
#define POSTERN_CLIENT_DISK_VAULT_H

#include "proto/base/buf.h"

enum {
    CL_VAULT_KEY_MAX = 1024,              /* bytes in a record's key */
    CL_VAULT_VALUE_MAX = 4 * 1024 * 1024, /* bytes in a record's value */
    CL_VAULT_PASSPHRASE_MAX = 4096,
    CL_VAULT_FAULT_TEXT = 320,
};

typedef struct cl_vault cl_vault;

/* What went wrong, in a sentence for a person. "" if nothing did. */
typedef struct cl_vault_fault {
    char text[CL_VAULT_FAULT_TEXT];
} cl_vault_fault;

/* How expensive a guess at the passphrase is made when keys are created. */
typedef enum cl_vault_kdf {
    CL_VAULT_KDF_CALIBRATED, /* 256 MiB, about 0.7 s here, never under the next
                              */
    CL_VAULT_KDF_MODERATE,   /* libsodium's MODERATE: 256 MiB, 3 passes */
    CL_VAULT_KDF_TEST,       /* worthless: tests only */
} cl_vault_kdf;

/* Whether the stored state is the latest this endpoint had. */
typedef enum cl_vault_history {
    CL_VAULT_CONTINUED,   /* yes, as far as can be known */
    CL_VAULT_ROLLED_BACK, /* the database is older than its device file */
    CL_VAULT_MOVED,       /* the directory is a copy; it may be an old one */
    CL_VAULT_RESTORED,    /* it came from a backup file */
} cl_vault_history;

/* --- life ------------------------------------------------------------- */

/* Make a vault in `home` and open it. The directory is made (0700) if it is
 * missing. The caller owns *out; passphrase is borrowed for the call, 1 to
 * CL_VAULT_PASSPHRASE_MAX bytes. `fault` may be NULL.
 * PN_E_EXISTS if another process works there; PN_E_STATE if there is a vault
 * already; PN_E_REFUSED if the directory belongs to somebody else. */
PN_MUST_USE pn_err cl_vault_create(cl_vault **out, const char *home,
                                   pn_bytes passphrase, cl_vault_kdf kdf,
                                   cl_vault_fault *fault);
/* Open. PN_E_NOT_FOUND if there is no vault, PN_E_EXISTS if another process
 * has it open, PN_E_CRYPTO if the passphrase is wrong, PN_E_REFUSED if other
 * users may enter the directory or read a file, PN_E_VERSION if it was made
 * by a newer program. The duress passphrase opens an empty vault, and by then
 * the real one is beyond recovery. */
PN_MUST_USE pn_err cl_vault_open(cl_vault **out, const char *home,
                                 pn_bytes passphrase, cl_vault_fault *fault);
/* Roll back what is open, sync, wipe, release, null *v. NULL is fine. */
void cl_vault_close(cl_vault **v);
/* Whether there is a vault in `home`, without a passphrase. */
bool cl_vault_exists(const char *home);

/* --- records ---------------------------------------------------------- */

/* Start a transaction. PN_E_STATE if one is open. */
PN_MUST_USE pn_err cl_vault_begin(cl_vault *v);
/* Make it durable. PN_E_STATE if none is open. On failure nothing of it is
 * there and none is open. What cl_vault_delete() deleted is destroyed on disk
 * at return; what cl_vault_put() replaced, at the next commit, sync or close
 * (and after a crash, at the next open). */
PN_MUST_USE pn_err cl_vault_commit(cl_vault *v);
/* Undo it. Without a transaction: nothing. */
void cl_vault_rollback(cl_vault *v);
/* Destroy on disk all that earlier commits replaced. For idle moments: where
 * much was deleted it also gives some of the room back to the file system. */
PN_MUST_USE pn_err cl_vault_sync(cl_vault *v);

/* Set the value of (kind, key), new or not. A record keeps its place in the
 * order of its kind. kind is not 0; key has 1 to CL_VAULT_KEY_MAX bytes.
 * PN_E_STATE outside a transaction. After any other failure but PN_E_ARG the
 * transaction can only be rolled back: its commit gives the same error. */
PN_MUST_USE pn_err cl_vault_put(cl_vault *v, uint16_t kind, pn_bytes key,
                                pn_bytes value);
/* PN_E_NOT_FOUND if there is none. PN_E_STATE outside a transaction. */
PN_MUST_USE pn_err cl_vault_delete(cl_vault *v, uint16_t kind, pn_bytes key);
/* Replace the content of *value (wiped) by that of (kind, key).
 * PN_E_NOT_FOUND if there is none, PN_E_FULL if it is above value->max. Sees
 * the open transaction. */
PN_MUST_USE pn_err cl_vault_get(cl_vault *v, uint16_t kind, pn_bytes key,
                                pn_buf *value);
PN_MUST_USE pn_err cl_vault_has(cl_vault *v, uint16_t kind, pn_bytes key,
                                bool *out);
/* Visit the records of a kind, oldest insertion first. *cursor starts at 0;
 * each call replaces *key and *value (either may be NULL) by the next record's
 * and moves *cursor, PN_E_NOT_FOUND when there is none. The vault may change
 * in between: records deleted are not visited, records added come last. On
 * PN_E_CORRUPT *cursor has passed the record, so that a caller may go on. */
PN_MUST_USE pn_err cl_vault_next(cl_vault *v, uint16_t kind, uint64_t *cursor,
                                 pn_buf *key, pn_buf *value);
/* Records there are, of all kinds. */
uint64_t cl_vault_count(const cl_vault *v);

/* --- history ---------------------------------------------------------- */

/* What was found at open. Anything but CL_VAULT_CONTINUED means: every
 * session must be taken for lost, for its keys may have been used. Stays so
 * over restarts until a transaction with cl_vault_settle() commits. */
cl_vault_history cl_vault_history_of(const cl_vault *v);
bool cl_vault_was_rolled_back(const cl_vault *v); /* not CONTINUED */
/* In a transaction: the history has been dealt with. Drops the records whose
 * keys are gone (*dropped says how many; may be NULL). */
PN_MUST_USE pn_err cl_vault_settle(cl_vault *v, uint64_t *dropped);

/* --- care ------------------------------------------------------------- */

/* Whether this is the passphrase the vault was opened with: PN_OK, or
 * PN_E_CRYPTO. Takes as long as opening. */
PN_MUST_USE pn_err cl_vault_check_passphrase(cl_vault *v, pn_bytes passphrase);
/* Both: PN_E_STATE inside a transaction; PN_E_EXISTS if the passphrase is in
 * use here already, as this or the other one. After another failure either
 * the old or the new passphrase holds; opening again finishes the change. */
PN_MUST_USE pn_err cl_vault_set_passphrase(cl_vault *v, pn_bytes passphrase);
/* Empty: no duress passphrase from now on. */
PN_MUST_USE pn_err cl_vault_set_duress(cl_vault *v, pn_bytes passphrase);

typedef struct cl_vault_report {
    uint64_t records; /* read and found whole */
    uint64_t damaged; /* not readable */
} cl_vault_report;
/* Read everything. PN_E_CORRUPT if anything is wrong; *report is filled. */
PN_MUST_USE pn_err cl_vault_verify(cl_vault *v, cl_vault_report *report);

/* Write all records to the new file `path` (0600), sealed under `passphrase`
 * alone: no device file is needed to read it, so the passphrase has to carry
 * it. PN_E_EXISTS if there is such a file, PN_E_STATE in a transaction. */
PN_MUST_USE pn_err cl_vault_backup(cl_vault *v, const char *path,
                                   pn_bytes passphrase, cl_vault_kdf kdf);
/* Read a backup whole without keeping anything. PN_E_NOT_FOUND, PN_E_CRYPTO
 * (wrong passphrase), PN_E_CORRUPT (damaged or cut short), PN_E_VERSION. */
PN_MUST_USE pn_err cl_vault_backup_verify(const char *path, pn_bytes passphrase,
                                          cl_vault_report *report,
                                          cl_vault_fault *fault);
/* Make a vault from a backup, under the backup's passphrase, and open it:
 * errors of verify and of cl_vault_create(). A failure leaves no vault. Its
 * history is CL_VAULT_RESTORED. */
PN_MUST_USE pn_err cl_vault_restore(cl_vault **out, const char *home,
                                    const char *path, pn_bytes passphrase,
                                    cl_vault_kdf kdf, cl_vault_fault *fault);

/* Destroy the keys now, then remove the vault: needs no passphrase and no
 * lock, goes on after a failure. Another process that has the vault open
 * loses it at its next transaction. PN_OK if no key file is left;
 * PN_E_NOT_FOUND if there was none; PN_E_IO otherwise. */
PN_MUST_USE pn_err cl_vault_panic(const char *home, cl_vault_fault *fault);

/* Whether a panic in whatever process destroyed the keys; forgets them then,
 * so that they are not in memory either. Every call but close gives
 * PN_E_CLOSED from then on. */
bool cl_vault_is_gone(cl_vault *v);

/* The last error of a call on `v`, for a person. Borrowed until the next. */
const char *cl_vault_text(const cl_vault *v);
/* Whether keys could be kept out of swap. If not, say so to the user. */
bool cl_vault_memory_is_locked(const cl_vault *v);

#endif
