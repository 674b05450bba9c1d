#include "tests/support/sweep.h"

#include "tests/support/cmocka.h"
#include "tests/support/faults.h"

enum { ALLOCATION, OPERATION, FULL, DRAW };
enum { PLACES_MAX = 5000, MINUTE_MS = 60 * 1000 };

void sweep_arm(lonely *l, int fault, unsigned n)
{
    switch (fault) {
    case ALLOCATION:
        (void)faults_arm(n);
        break;
    case OPERATION:
    case FULL:
        l->store.fail_op = n;
        l->store.fail_with = fault == FULL ? PN_E_FULL : PN_E_IO;
        break;
    default:
        l->sim.random_at = n;
        break;
    }
}

bool sweep_disarm(lonely *l)
{
    const bool hit = faults_hit() || l->store.hit || l->sim.random_hit;
    l->store.hit = l->sim.random_hit = false;
    l->store.fail_op = l->sim.random_at = 0;
    return hit;
}

/* Whether there was something to fail at this place. */
static bool try_place(const sweep_plan *p, int fault, unsigned n)
{
    memstore before;
    lonely l;
    pn_err err;
    bool hit;
    lonely_live(&l, p->moment);
    if (p->prepare != NULL)
        p->prepare(&l);
    memstore_copy(&before, &l.store);
    sweep_arm(&l, fault, n);
    err = p->run(&l);
    hit = sweep_disarm(&l);
    if (!hit && err != PN_OK)
        fail_msg("%s: %s", p->name, pn_strerror(err));
    if (hit && err == PN_OK && !p->is_lenient)
        fail_msg("%s: fault %d at %u is not noticed", p->name, fault, n);
    if (err != PN_OK) {
        if (!memstore_is_clean(&l.store) && !l.engine->dirty)
            fail_msg("%s: fault %d at %u leaves a transaction", p->name, fault,
                     n);
        assert_int_equal(cl_engine_commit(l.engine), PN_OK);
        if (!lonely_same(&before, &l.store))
            fail_msg("%s: half of it happened, fault %d at %u", p->name, fault,
                     n);
        err = p->run(&l);
        if (err != PN_OK)
            fail_msg("%s: again, fault %d at %u: %s", p->name, fault, n,
                     pn_strerror(err));
    }
    simenv_advance(&l.sim, MINUTE_MS);
    assert_int_equal(cl_engine_pump(l.engine), PN_OK);
    assert_true(cl_engine_ok(l.engine));
    memstore_free(&before);
    lonely_end(&l);
    return hit;
}

void sweep_all(const sweep_plan *plans, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (int fault = 0; fault < SWEEP_FAULTS; fault++) {
            unsigned n = 1;
            while (try_place(&plans[i], fault, n) && n < PLACES_MAX)
                n++;
            assert_true(n < PLACES_MAX);
        }
    }
}
