#include "tests/support/faults.h"

#include <stddef.h>

#include "proto/base/mem.h"

static unsigned countdown;
static bool hit;

static bool fault(void *ctx)
{
    (void)ctx;
    if (countdown == 0 || --countdown > 0)
        return false;
    hit = true;
    return true;
}

bool faults_arm(unsigned n)
{
    countdown = n;
    hit = false;
    pn_alloc_set_fault(fault, NULL);
    return true;
}

bool faults_hit(void)
{
    const bool was = hit;
    pn_alloc_set_fault(NULL, NULL);
    countdown = 0;
    hit = false;
    return was;
}
