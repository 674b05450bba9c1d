/* The file of record keys: one 32-byte secret per version of a record, in a
 * numbered place. It is the one file that is overwritten in place: clearing a
 * place destroys what was sealed with it wherever copies of the sealed bytes
 * remain (log, free pages, journal of the file system).
 *
 * A transaction takes places for what it writes and names those it gives up;
 * the file is synced before the database commits, and the places given up are
 * cleared after. What a crash leaves between is cleared at the next open.
 */
#ifndef POSTERN_CLIENT_DISK_RECORDKEYS_H
#define POSTERN_CLIENT_DISK_RECORDKEYS_H

#include "client/disk/keys.h"

typedef struct cl_places {
    uint32_t *p; /* owned */
    size_t count, cap;
} cl_places;

typedef struct cl_recordkeys {
    int fd;           /* owned; -1 while closed */
    uint8_t *used;    /* owned: one bit per place */
    uint32_t places;  /* places the file has; 0 is its header */
    uint32_t free;    /* of them unused */
    uint32_t hint;    /* where to look for a free one */
    cl_places fresh;  /* taken by the open transaction */
    cl_places stale;  /* given up by the open transaction */
    cl_places doomed; /* given up for good, to be cleared */
    bool hold;        /* the log may still name the doomed: not yet */
    bool unsynced;    /* something was written since the last sync */
} cl_recordkeys;

/* Make an empty file. */
PN_MUST_USE pn_err cl_recordkeys_make(int at, const uint8_t id[CL_SALT_BYTES],
                                      cl_vault_fault *fault);
/* Open; every place counts as free until cl_recordkeys_mark_used(). *k is
 * zeroed but for fd = -1 before. PN_E_NOT_FOUND, PN_E_CORRUPT. */
PN_MUST_USE pn_err cl_recordkeys_open(cl_recordkeys *k, int at,
                                      const uint8_t id[CL_SALT_BYTES],
                                      cl_vault_fault *fault);
void cl_recordkeys_close(cl_recordkeys *k);
/* A record has this place. PN_E_CORRUPT if there is none such, or it is taken.
 */
PN_MUST_USE pn_err cl_recordkeys_mark_used(cl_recordkeys *k, uint32_t place);

typedef enum cl_sweep {
    CL_SWEEP_CLEAR, /* clear places that no record has */
    CL_SWEEP_KEEP,  /* leave them alone, and out of use */
} cl_sweep;
/* After all records have marked theirs. */
PN_MUST_USE pn_err cl_recordkeys_sweep(cl_recordkeys *k, cl_sweep how,
                                       cl_vault_fault *fault);
/* Forget which places are in use, to mark and sweep again. */
void cl_recordkeys_unmark_all(cl_recordkeys *k);

/* Draw a secret and write it to a free place. PN_E_FULL, PN_E_NOMEM, IO. */
PN_MUST_USE pn_err cl_recordkeys_take(cl_recordkeys *k, uint32_t *place,
                                      uint8_t secret[CL_SECRET_BYTES],
                                      cl_vault_fault *fault);
/* Name a place that the transaction gives up. PN_E_NOMEM. */
PN_MUST_USE pn_err cl_recordkeys_give_up(cl_recordkeys *k, uint32_t place);
/* PN_E_CORRUPT if the place is cleared or not there. */
PN_MUST_USE pn_err cl_recordkeys_get(const cl_recordkeys *k, uint32_t place,
                                     uint8_t secret[CL_SECRET_BYTES],
                                     cl_vault_fault *fault);

/* Before the database commits: make the taken places durable, and certain
 * that what follows needs no memory. */
PN_MUST_USE pn_err cl_recordkeys_prepare(cl_recordkeys *k,
                                         cl_vault_fault *fault);
/* After it did: clear what was given up. Not synced. On failure the places
 * stay on the list for the next time. */
PN_MUST_USE pn_err cl_recordkeys_committed(cl_recordkeys *k,
                                           cl_vault_fault *fault);
/* The transaction did not happen: clear what it took. */
void cl_recordkeys_rolled_back(cl_recordkeys *k);
/* The commit failed and its traces may be in the log until the next one
 * succeeds: clear what it took only then. */
void cl_recordkeys_commit_failed(cl_recordkeys *k);
/* Clear what is on the list, unless a failed commit holds it, and sync. */
PN_MUST_USE pn_err cl_recordkeys_sync(cl_recordkeys *k, cl_vault_fault *fault);

#endif
