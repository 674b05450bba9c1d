/* A person's disk: records in memory (tests/support/memstore.h) that are there
 * after the next start exactly as far as they were committed. The process may
 * die before or after any commit; the commit itself may fail for a while.
 */
#ifndef POSTERN_TESTS_SIM_FED_DISK_H
#define POSTERN_TESTS_SIM_FED_DISK_H

#include "tests/sim/fed/node.h"
#include "tests/support/memstore.h"

typedef struct fed_disk {
    fed_node *node;
    memstore mem;
    cl_store inner;
    uint32_t fails_in;   /* the commit that fails, counted down; 0: none */
    uint64_t full_until; /* no commit succeeds before */
} fed_disk;

void fed_disk_init(fed_disk *d, fed_node *node);
void fed_disk_free(fed_disk *d);
cl_store fed_disk_port(fed_disk *d);
/* What is not committed is gone. */
void fed_disk_crash(fed_disk *d);
/* Whether all is committed. */
bool fed_disk_is_clean(const fed_disk *d);

#endif
