/* Times of objects, earliest first: an intrusive pairing heap. A node lives
 * inside the object it stands for, so that nothing is allocated and setting a
 * time cannot fail. Amortised O(log n); nothing recurses.
 * A node that is all zeros is in no heap. The unit of time is the user's.
 * Thread rule: one thread at a time.
 */
#ifndef POSTERN_PROTO_BASE_HEAP_H
#define POSTERN_PROTO_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct pn_heap_node {
    uint64_t at;
    struct pn_heap_node *child; /* its first */
    struct pn_heap_node *next;  /* sibling */
    struct pn_heap_node *prev;  /* sibling; of the first one the parent */
    bool is_in;
} pn_heap_node;

typedef struct pn_heap {
    pn_heap_node *root; /* borrowed; NULL when empty */
} pn_heap;

#define PN_HEAP_NEVER UINT64_MAX

/* Give the node this time, in this heap or not yet in any; PN_HEAP_NEVER takes
 * it out. */
void pn_heap_set(pn_heap *h, pn_heap_node *n, uint64_t at);
/* Take it out, if it is in. */
void pn_heap_remove(pn_heap *h, pn_heap_node *n);
/* The node with the earliest time, if that is not after `now`; else NULL. It
 * stays where it is. */
pn_heap_node *pn_heap_due(const pn_heap *h, uint64_t now);
/* The earliest time, PN_HEAP_NEVER if there is none. */
uint64_t pn_heap_first(const pn_heap *h);

#endif
