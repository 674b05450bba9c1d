#include "proto/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { SMALL_MAX = 1024 };

static pn_alloc_fault_fn *fault_fn;
static void *fault_ctx;

void pn_wipe(void *p, size_t len)
{
    if (len > 0)
        explicit_bzero(p, len);
}

bool pn_secret_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
    volatile uint64_t diff = 0;
    for (; len >= sizeof diff; len -= sizeof diff) {
        uint64_t x, y;
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        diff |= x ^ y;
        a += sizeof x;
        b += sizeof y;
    }
    for (; len > 0; len--)
        diff |= (uint64_t)(*a++ ^ *b++);
    return diff == 0;
}

/* Small blocks by malloc(), which keeps those given back at hand, where many a
 * calloc() goes the long way round. */
void *pn_alloc(size_t count, size_t size)
{
    void *p;
    if (fault_fn != NULL && fault_fn(fault_ctx))
        return NULL;
    if (count > SMALL_MAX || size > SMALL_MAX || count * size > SMALL_MAX)
        return calloc(count, size);
    p = malloc(count * size);
    if (p != NULL)
        memset(p, 0, count * size);
    return p;
}

void *pn_alloc_raw(size_t size)
{
    if (fault_fn != NULL && fault_fn(fault_ctx))
        return NULL;
    return malloc(size);
}

void *pn_realloc(void *p, size_t count, size_t size)
{
    if (fault_fn != NULL && fault_fn(fault_ctx))
        return NULL;
    return reallocarray(p, count, size);
}

void pn_free(void *p)
{
    free(p);
}

void pn_free_wiped(void *p, size_t len)
{
    if (p == NULL)
        return;
    pn_wipe(p, len);
    free(p);
}

void pn_alloc_set_fault(pn_alloc_fault_fn *fault, void *ctx)
{
    fault_fn = fault;
    fault_ctx = ctx;
}
