/* A shelf of large read buffers. What a fetch of much mail needs is more than
 * the system's allocator keeps: without the shelf each fetch has its pages
 * taken from the kernel, zeroed and given back, an eighth of all its work.
 * Thread rule: take and give from any thread; clear when no other uses it.
 */
#ifndef POSTERN_RELAY_STORE_SHELF_H
#define POSTERN_RELAY_STORE_SHELF_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RL_SHELF_SLOTS = 4,
    /* Below this the allocator does well. */
    RL_SHELF_MIN = 64 * 1024,
    /* Of every buffer on the shelf; longer ones are not kept. Pages that were
     * never touched take no memory. */
    RL_SHELF_BYTES = 256 * 1024,
};

/* All zeros: empty. */
typedef struct rl_shelf {
    _Atomic(uint8_t *) slot[RL_SHELF_SLOTS];
} rl_shelf;

/* At least `len` bytes, their content not set; NULL if there is no memory.
 * The caller's until given back with the same `len`, or to pn_free(). */
uint8_t *rl_shelf_take(rl_shelf *s, size_t len);
/* NULL is fine. */
void rl_shelf_give(rl_shelf *s, uint8_t *buf, size_t len);
void rl_shelf_clear(rl_shelf *s);

#endif
