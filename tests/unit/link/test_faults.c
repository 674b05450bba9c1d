/* Memory or randomness runs out anywhere in the life of a link: a clean fault,
 * nothing lost but the link, nothing leaked (the sanitizers watch). */
#include <string.h>

#include "proto/link/link_internal.h"
#include "tests/support/cmocka.h"
#include "tests/support/faults.h"
#include "tests/support/linkpair.h"

static uint8_t big[60000];

/* Puzzle, open, traffic in frames larger than a record, rollover, teardown. */
static pn_err whole_life(linkpair *p)
{
    PN_TRY(linkpair_init(p, 40));
    pn_gate_set_difficulty(p->gate, 4);
    PN_TRY(linkpair_connect(p, PN_LINK_RELAY, 1024));
    p->chunk = 1500;
    PN_TRY(linkpair_pump(p));
    PN_TRY(pn_link_send(p->dialled, (pn_bytes){ big, sizeof big }));
    PN_TRY(pn_link_send(p->accepted, (pn_bytes){ big, sizeof big }));
    PN_TRY(linkpair_pump(p));
    simenv_advance(&p->sim, PN_LINK_ROLLOVER_MS);
    PN_TRY(pn_link_tick(p->dialled));
    PN_TRY(pn_link_send(p->accepted, (pn_bytes){ big, 10 }));
    return linkpair_pump(p);
}

static void check_ends(const linkpair *p)
{
    if (p->dialled != NULL)
        assert_true(pn_link_ok(p->dialled));
    if (p->accepted != NULL)
        assert_true(pn_link_ok(p->accepted));
}

static void each_allocation_fails_once(void **state)
{
    unsigned n = 0;
    bool hit = true;
    (void)state;
    while (hit) {
        linkpair p = { 0 };
        pn_err err;
        faults_arm(++n);
        err = whole_life(&p);
        hit = faults_hit();
        assert_int_equal(err, hit ? PN_E_NOMEM : PN_OK);
        check_ends(&p);
        linkpair_free(&p);
    }
    assert_true(n > 20);
}

/* The environment of a linkpair whose n-th draw fails. */
typedef struct dry {
    linkpair *p;
    unsigned left;
    bool hit;
} dry;

static dry well;

static pn_err dry_random(void *ctx, uint8_t *out, size_t len)
{
    pn_env full = simenv_env(ctx);
    if (well.left > 0 && --well.left == 0) {
        well.hit = true;
        return PN_E_RANDOM;
    }
    return pn_random(&full, out, len);
}

static void each_draw_fails_once(void **state)
{
    unsigned n = 0;
    (void)state;
    do {
        linkpair p = { 0 };
        pn_err err;
        well = (dry){ .p = &p, .left = ++n };
        assert_int_equal(linkpair_init(&p, 41), PN_OK);
        p.env.random = dry_random;
        pn_gate_set_difficulty(p.gate, 4);
        err = linkpair_connect(&p, PN_LINK_RELAY, 1024);
        if (err == PN_OK)
            err = linkpair_pump(&p);
        if (err == PN_OK) {
            simenv_advance(&p.sim, PN_LINK_ROLLOVER_MS);
            err = pn_link_tick(p.dialled);
        }
        if (err == PN_OK)
            err = linkpair_pump(&p);
        assert_int_equal(err, well.hit ? PN_E_RANDOM : PN_OK);
        check_ends(&p);
        linkpair_free(&p);
    } while (well.hit);
    assert_true(n > 10);
}

/* An allocation that fails in pn_link_send() takes nothing, but is final. */
static void failed_send_is_final(void **state)
{
    linkpair p;
    (void)state;
    assert_int_equal(linkpair_open(&p, 42, PN_LINK_CLIENT, 4096), PN_OK);
    faults_arm(1);
    assert_int_equal(pn_link_send(p.dialled, PN_BYTES_LIT("x")), PN_E_NOMEM);
    assert_true(faults_hit());
    assert_int_equal(pn_link_get_state(p.dialled), PN_LINK_DEAD);
    assert_int_equal(pn_link_fault(p.dialled), PN_E_NOMEM);
    linkpair_free(&p);
}

/* Freeing accepts nothing, twice. */
static void free_accepts_null(void **state)
{
    pn_link *link = NULL;
    pn_gate *gate = NULL;
    (void)state;
    pn_link_free(NULL);
    pn_link_free(&link);
    pn_gate_free(NULL);
    pn_gate_free(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_fails_once),
        cmocka_unit_test(each_draw_fails_once),
        cmocka_unit_test(failed_send_is_final),
        cmocka_unit_test(free_accepts_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
