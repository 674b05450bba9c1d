#include "proto/base/mem.h"

#include <stdlib.h>
#include <string.h>

static pn_alloc_fault_fn *fault_fn;
static void *fault_ctx;

void pn_wipe(void *p, size_t len)
{
    if (len > 0)
        explicit_bzero(p, len);
}

bool pn_secret_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
    volatile uint8_t diff = 0;
    for (size_t i = 0; i < len; i++)
        diff = (uint8_t)(diff | (a[i] ^ b[i]));
    return diff == 0;
}

void *pn_alloc(size_t count, size_t size)
{
    if (fault_fn != NULL && fault_fn(fault_ctx))
        return NULL;
    return calloc(count, size);
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
