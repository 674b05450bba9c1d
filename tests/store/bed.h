/* A log store on a simulated disk, small enough that segments fill, are
 * cleaned and recycled, and snapshots are written, within one schedule.
 */
#ifndef POSTERN_TESTS_STORE_BED_H
#define POSTERN_TESTS_STORE_BED_H

#include "relay/store/store_log.h"
#include "tests/store/schedule.h"
#include "tests/store/simfs.h"

typedef struct bed {
    simfs disk;
    rl_fs fs;
    simenv sim;
    pn_env env;
    rl_log_config cfg;
    rl_store *store;
    unsigned found[3]; /* by rl_severity */
    char last_found[256];
} bed;

void bed_init(bed *b, uint64_t seed);
void bed_free(bed *b);
pn_err bed_open(bed *b, rl_log_open mode);

#endif
