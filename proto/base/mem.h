/* Memory that holds secrets: wiping and constant-time comparison; and the
 * allocation seam through which tests make the n-th allocation fail.
 * Every allocation of proto/, relay/ and client/ goes through pn_alloc().
 */
#ifndef POSTERN_PROTO_BASE_MEM_H
#define POSTERN_PROTO_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"

/* Overwrite p[0..len) with zeros; the compiler may not drop it. NULL is fine
 * when len is 0. */
void pn_wipe(void *p, size_t len);

/* Compare len bytes in time that depends on len only. */
bool pn_secret_equal(const uint8_t *a, const uint8_t *b, size_t len);

/* Zeroed memory for `count` objects of `size` bytes; NULL if there is none or
 * the product overflows. Caller owns it; release with pn_free(). */
PN_MUST_USE void *pn_alloc(size_t count, size_t size);
/* The same for one object of `size` bytes, its content not set: for a buffer
 * of which nothing is read before it was written. */
PN_MUST_USE void *pn_alloc_raw(size_t size);
/* Resize to count*size like realloc(): content kept, growth not zeroed. On
 * failure returns NULL and the old block stays valid. Not for secrets (the
 * old place is not wiped): move those by hand. */
PN_MUST_USE void *pn_realloc(void *p, size_t count, size_t size);
void pn_free(void *p);
/* Wipe len bytes, then free. NULL is fine. */
void pn_free_wiped(void *p, size_t len);

/* Test seam: consulted before each allocation; true makes it fail. NULL (the
 * default) switches it off. Set before threads start. */
typedef bool pn_alloc_fault_fn(void *ctx);
void pn_alloc_set_fault(pn_alloc_fault_fn *fault, void *ctx);

#endif
