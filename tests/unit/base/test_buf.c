#include "tests/support/cmocka.h"

#include "proto/base/buf.h"
#include "tests/support/faults.h"
#include "tests/support/simenv.h"

/* Whatever the sizes of pushes and pulls, bytes come out in order. */
static void random_pushes_and_pulls_keep_order(void **state)
{
    simenv sim;
    pn_buf b;
    uint8_t in = 0, out = 0;
    (void)state;
    simenv_init(&sim, 7);
    pn_buf_init(&b, 1000);
    for (int round = 0; round < 20000; round++) {
        uint8_t chunk[300];
        const size_t n = simenv_next(&sim) % sizeof chunk;
        if (simenv_next(&sim) % 2 == 0) {
            const size_t room = pn_buf_room(&b);
            for (size_t i = 0; i < n; i++)
                chunk[i] = (uint8_t)(in + i);
            if (pn_buf_append(&b, (pn_bytes){ chunk, n }) == PN_OK)
                in = (uint8_t)(in + n);
            else
                assert_true(n > room);
        } else {
            const pn_bytes v = pn_buf_view(&b);
            const size_t take = n < v.len ? n : v.len;
            for (size_t i = 0; i < take; i++)
                assert_int_equal(v.p[i], (uint8_t)(out + i));
            pn_buf_consume(&b, take);
            out = (uint8_t)(out + take);
        }
        assert_true(pn_buf_len(&b) <= 1000);
    }
    pn_buf_clear(&b);
}

/* The bound is exact: the last byte fits, one more does not. */
static void bound_is_exact(void **state)
{
    uint8_t ten[10] = { 0 };
    pn_buf b;
    (void)state;
    pn_buf_init(&b, 10);
    assert_int_equal(pn_buf_append(&b, (pn_bytes){ ten, 10 }), PN_OK);
    assert_int_equal(pn_buf_append(&b, (pn_bytes){ ten, 1 }), PN_E_FULL);
    pn_buf_consume(&b, 1);
    assert_int_equal(pn_buf_append(&b, (pn_bytes){ ten, 1 }), PN_OK);
    pn_buf_clear(&b);
}

/* An empty buffer holds no memory; a failed growth changes nothing. */
static void empty_costs_nothing_and_nomem_is_clean(void **state)
{
    pn_buf b;
    (void)state;
    pn_buf_init(&b, 5000);
    assert_int_equal(pn_buf_append(&b, PN_BYTES_LIT("abc")), PN_OK);
    assert_true(faults_arm(1));
    {
        uint8_t big[1000] = { 0 };
        assert_int_equal(pn_buf_append(&b, (pn_bytes){ big, sizeof big }),
                         PN_E_NOMEM);
    }
    assert_true(faults_hit());
    assert_true(pn_bytes_equal(pn_buf_view(&b), PN_BYTES_LIT("abc")));
    pn_buf_consume(&b, 3);
    assert_null(b.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_pushes_and_pulls_keep_order),
        cmocka_unit_test(bound_is_exact),
        cmocka_unit_test(empty_costs_nothing_and_nomem_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
