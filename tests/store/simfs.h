/* A directory in memory that fails as disks do.
 * Until a file is synced each 512-byte sector written since may survive a
 * power loss or not, on its own; until the directory is synced so may the
 * names, in order. A sync that fails may have dropped what it was to write,
 * and the next sync that succeeds does not bring it back.
 */
#ifndef POSTERN_TESTS_STORE_SIMFS_H
#define POSTERN_TESTS_STORE_SIMFS_H

#include "relay/store/fsio.h"
#include "tests/support/simenv.h"

enum { SIMFS_FILES = 128, SIMFS_HANDLES = 256, SIMFS_DIR_OPS = 64 };

typedef enum simfs_call {
    SIMFS_ANY,
    SIMFS_WRITE,
    SIMFS_SYNC,
    SIMFS_RESERVE,
    SIMFS_RENAME,
    SIMFS_SYNC_DIR,
    SIMFS_OPEN,
    SIMFS_READ,
    SIMFS_CALLS,
} simfs_call;

typedef struct simfs_node {
    bool used;
    uint8_t *data, *disk; /* as seen, as durable */
    uint8_t *dirty;       /* per sector of data */
    size_t size, disk_size, cap;
} simfs_node;

typedef struct simfs_name {
    char name[RL_FS_NAME_MAX]; /* empty: free */
    int node;
} simfs_name;

typedef struct simfs {
    simenv rng;
    simfs_node nodes[SIMFS_FILES];
    simfs_name names[SIMFS_FILES];
    simfs_name durable[SIMFS_DIR_OPS + 1][SIMFS_FILES]; /* after each op */
    size_t dir_ops;             /* since the last sync_dir */
    int handles[SIMFS_HANDLES]; /* node + 1 */
    uint64_t calls[SIMFS_CALLS];
    uint64_t die_at;   /* power fails in this call of any kind; 0 never */
    bool dead;         /* it did: every call fails */
    simfs_call fault;  /* the kind of call that fails */
    uint64_t fault_at; /* the how-manieth from now; 0 never */
    bool fault_stays;  /* and all later ones */
    pn_err fault_err;
    bool fault_hit;
    uint64_t space; /* bytes in all */
    uint64_t used;
} simfs;

void simfs_init(simfs *f, uint64_t seed);
void simfs_free(simfs *f);
/* Become a copy of another disk, with no handles open. */
void simfs_copy(simfs *f, const simfs *from);
rl_fs simfs_fs(simfs *f);
/* Lose power, or take note that it was lost, and come back: what was not
 * synced is drawn by lot, all handles are gone. */
void simfs_crash(simfs *f);
/* The process ended, the machine goes on: all handles are gone, what was not
 * synced is still seen, and not one bit more durable. */
void simfs_kill(simfs *f);
/* The n-th call of that kind from now fails. */
void simfs_arm(simfs *f, simfs_call call, uint64_t n, bool stays, pn_err err);
/* The content of a file to damage at will, NULL if there is none. */
uint8_t *simfs_bytes(simfs *f, const char *name, size_t *len);
/* Cut a file, also on disk. */
void simfs_cut(simfs *f, const char *name, size_t len);
/* Remove a file, also on disk. */
void simfs_lose(simfs *f, const char *name);

#endif
