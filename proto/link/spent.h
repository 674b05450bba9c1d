/* A bounded memory of spent puzzle solutions: a set of 64-bit tags.
 * One fixed table of 512 KiB, allocated with the first tag. Thread rule: one
 * thread at a time.
 */
#ifndef POSTERN_PROTO_LINK_SPENT_H
#define POSTERN_PROTO_LINK_SPENT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

enum { PN_SPENT_SLOTS = 65536, PN_SPENT_MAX = PN_SPENT_SLOTS / 4 * 3 };

/* All zero is an empty set. */
typedef struct pn_spent {
    uint64_t *slots; /* owned; 0 marks a free one */
    size_t count;
} pn_spent;

/* Add a tag that the peer cannot steer. PN_E_EXISTS if it is there, PN_E_FULL
 * at PN_SPENT_MAX tags, PN_E_NOMEM. */
PN_MUST_USE pn_err pn_spent_add(pn_spent *s, uint64_t tag);
/* Forget everything and give the table back. */
void pn_spent_clear(pn_spent *s);

#endif
