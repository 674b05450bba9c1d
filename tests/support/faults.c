#include "tests/support/faults.h"

#include <stddef.h>

#include "proto/base/mem.h"

static unsigned countdown;
static unsigned run;
static bool hit;
static bool is_paused;

static bool fault(void *ctx)
{
    (void)ctx;
    if (is_paused || countdown == 0)
        return false;
    if (countdown > 1) {
        countdown--;
        return false;
    }
    hit = true;
    countdown = run > 0 ? 1 : 0;
    run -= run > 0 ? 1 : 0;
    return true;
}

bool faults_arm(unsigned n)
{
    return faults_arm_run(n, 0);
}

bool faults_arm_run(unsigned n, unsigned more)
{
    countdown = n;
    run = more;
    hit = false;
    pn_alloc_set_fault(fault, NULL);
    return true;
}

bool faults_hit(void)
{
    const bool was = hit;
    pn_alloc_set_fault(NULL, NULL);
    countdown = run = 0;
    hit = false;
    return was;
}

bool faults_pause(bool paused)
{
    const bool was = is_paused;
    is_paused = paused;
    return was;
}
