/* Frames out of a byte stream, whatever its pieces. */
#include "proto/link/framer.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/link/link.h"
#include "tests/support/cmocka.h"
#include "tests/support/faults.h"

/* Three frames in any two pieces come out whole, in order, and nothing else. */
static void survives_any_cut(void **state)
{
    static const uint8_t wire[] = { 0, 0, 0, 3, 'a', 'b', 'c', 3,
                                    0, 0, 0, 0, 0,   0,   1,   'z' };
    static const pn_frame_kind kinds[] = { PN_FRAME_DATA,
                                           PN_FRAME_ROLLOVER_DONE,
                                           PN_FRAME_DATA };
    static const char *const bodies[] = { "abc", "", "z" };
    (void)state;
    for (size_t cut = 0; cut <= sizeof wire; cut++) {
        pn_framer f = { 0 };
        const pn_bytes pieces[] = { { wire, cut },
                                    { wire + cut, sizeof wire - cut } };
        size_t got = 0;
        for (size_t i = 0; i < 2; i++) {
            pn_bytes in = pieces[i], frame;
            pn_frame_kind kind;
            pn_err err;
            while ((err = pn_framer_next(&f, &in, &kind, &frame)) == PN_OK) {
                assert_true(pn_framer_ok(&f));
                assert_int_equal(kind, kinds[got]);
                assert_int_equal(frame.len, strlen(bodies[got]));
                assert_memory_equal(frame.p, bodies[got], frame.len);
                got++;
            }
            assert_int_equal(err, PN_MORE);
            assert_int_equal(in.len, 0);
            assert_true(pn_framer_ok(&f));
        }
        assert_int_equal(got, 3);
        assert_null(f.body);
    }
}

/* A frame that lies whole in the input is not copied. */
static void whole_frame_is_borrowed(void **state)
{
    static const uint8_t wire[] = { 0, 0, 0, 2, 'h', 'i' };
    pn_framer f = { 0 };
    pn_bytes in = { wire, sizeof wire }, frame;
    pn_frame_kind kind;
    (void)state;
    assert_int_equal(pn_framer_next(&f, &in, &kind, &frame), PN_OK);
    assert_ptr_equal(frame.p, wire + 4);
    assert_null(f.body);
}

/* Lengths and kinds that cannot be are faults as soon as the header is there;
 * the largest that can be is not. */
static void judges_headers(void **state)
{
    static const struct {
        uint8_t header[4];
        pn_err err;
    } cases[] = {
        { { 0, 0, 0, 0 }, PN_E_PROTO },   { { 0, 2, 0, 0 }, PN_MORE },
        { { 0, 2, 0, 1 }, PN_E_PROTO },   { { 0, 255, 255, 255 }, PN_E_PROTO },
        { { 1, 0, 8, 0 }, PN_MORE },      { { 1, 0, 8, 1 }, PN_E_PROTO },
        { { 3, 0, 0, 0 }, PN_OK },        { { 4, 0, 0, 1 }, PN_E_PROTO },
        { { 255, 0, 0, 1 }, PN_E_PROTO },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pn_framer f = { 0 };
        pn_bytes in = { cases[i].header, 4 }, frame;
        pn_frame_kind kind;
        assert_int_equal(pn_framer_next(&f, &in, &kind, &frame), cases[i].err);
        assert_null(f.body); /* a header alone allocates nothing */
    }
}

/* Assembling fails cleanly when memory is out. */
static void assembly_can_fail(void **state)
{
    static const uint8_t wire[] = { 0, 2, 0, 0, 'x' };
    pn_framer f = { 0 };
    pn_bytes in = { wire, sizeof wire }, frame;
    pn_frame_kind kind;
    (void)state;
    faults_arm(1);
    assert_int_equal(pn_framer_next(&f, &in, &kind, &frame), PN_E_NOMEM);
    assert_true(faults_hit());
    pn_framer_clear(&f);
    assert_true(pn_framer_ok(&f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_any_cut),
        cmocka_unit_test(whole_frame_is_borrowed),
        cmocka_unit_test(judges_headers),
        cmocka_unit_test(assembly_can_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
