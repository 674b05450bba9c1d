#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "client/core/session_state.h"
#include "client/core/skipped.h"
#include "proto/envelope/envelope.h"
#include "tests/support/couple.h"

enum { HOUR_MS = 3600 * 1000 };

static couple fix;

static int setup(void **state)
{
    couple_init(&fix, 7, CL_PROFILE_NORMAL);
    couple_meet(&fix);
    *state = &fix;
    return 0;
}

static int setup_thin(void **state)
{
    couple_init(&fix, 7, CL_PROFILE_THIN);
    couple_meet(&fix);
    *state = &fix;
    return 0;
}

static int teardown(void **state)
{
    couple_free(*state);
    return 0;
}

static pn_err open_letter(couple *c, person *p, const letter *l)
{
    char text[COUPLE_ROOM];
    cl_opened opened;
    return person_open(c, p, l, text, &opened);
}

/* Exactly 2000 may be missing before one message, not one more. */
static void the_gap_is_bounded(void **state)
{
    couple *c = *state;
    letter first, l;
    assert_int_equal(person_tell(c, &c->a, &c->b, "x"), PN_OK);
    assert_int_equal(person_seal(c, &c->a, "x", &first), PN_OK);
    for (int i = 1; i < CL_SKIPPED_STEP_MAX; i++)
        assert_int_equal(person_seal(c, &c->a, "x", &l), PN_OK);
    assert_int_equal(person_seal(c, &c->a, "2000 before it", &l), PN_OK);
    {
        letter far;
        assert_int_equal(person_seal(c, &c->a, "2001", &far), PN_OK);
        assert_int_equal(open_letter(c, &c->b, &far), PN_E_REFUSED);
        assert_int_equal(cl_ratchet_skipped(c->b.session->current), 0);
        assert_int_equal(open_letter(c, &c->b, &l), PN_OK);
        assert_int_equal(cl_ratchet_skipped(c->b.session->current), 2000);
        assert_int_equal(open_letter(c, &c->b, &far), PN_OK);
    }
    assert_int_equal(person_restart(&c->b), PN_OK);
    assert_int_equal(open_letter(c, &c->b, &first), PN_OK);
    assert_int_equal(cl_ratchet_skipped(c->b.session->current), 1999);
}

/* The oldest keys go when more than 10000 are missing; it is counted. */
static void the_store_is_bounded(void **state)
{
    couple *c = *state;
    letter l;
    cl_ratchet *r;
    for (int chain = 0; chain < 6; chain++) {
        for (int i = 0; i < 1900; i++)
            assert_int_equal(person_seal(c, &c->a, "lost", &l), PN_OK);
        assert_int_equal(person_tell(c, &c->a, &c->b, "seen"), PN_OK);
        assert_int_equal(person_tell(c, &c->b, &c->a, "turn"), PN_OK);
        assert_true(cl_session_ok(c->b.session));
    }
    r = c->b.session->current;
    assert_int_equal(cl_ratchet_skipped(r), CL_SKIPPED_MAX);
    assert_int_equal(cl_ratchet_dropped(r), 6 * 1900 - CL_SKIPPED_MAX);
    assert_int_equal(person_restart(&c->b), PN_OK);
    assert_int_equal(cl_session_dropped(c->b.session), 6 * 1900 - 10000);
}

/* Chains are bounded too: the oldest goes with all its keys. */
static void chains_are_bounded(void **state)
{
    couple *c = *state;
    static letter lost[CL_SKIPPED_CHAINS_MAX + 3];
    const size_t n = CL_SKIPPED_CHAINS_MAX + 3;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(person_seal(c, &c->a, "late", &lost[i]), PN_OK);
        assert_int_equal(person_tell(c, &c->a, &c->b, "seen"), PN_OK);
        assert_int_equal(person_tell(c, &c->b, &c->a, "turn"), PN_OK);
    }
    assert_int_equal(cl_ratchet_skipped(c->b.session->current),
                     CL_SKIPPED_CHAINS_MAX);
    assert_int_equal(open_letter(c, &c->b, &lost[0]), PN_E_CRYPTO);
    assert_int_equal(open_letter(c, &c->b, &lost[2]), PN_E_CRYPTO);
    assert_int_equal(open_letter(c, &c->b, &lost[3]), PN_OK);
    assert_int_equal(open_letter(c, &c->b, &lost[n - 1]), PN_OK);
}

static void missing_keys_expire(void **state)
{
    couple *c = *state;
    letter early, late;
    assert_int_equal(person_seal(c, &c->a, "early", &early), PN_OK);
    assert_int_equal(person_tell(c, &c->a, &c->b, "seen"), PN_OK);
    simenv_advance(&c->sim, (uint64_t)30 * 24 * HOUR_MS);
    assert_int_equal(person_seal(c, &c->a, "late", &late), PN_OK);
    assert_int_equal(person_tell(c, &c->a, &c->b, "seen"), PN_OK);
    simenv_advance(&c->sim, (uint64_t)60 * 24 * HOUR_MS - 1);
    cl_session_expire(c->b.session, c->sim.wall_ms);
    assert_int_equal(cl_ratchet_skipped(c->b.session->current), 2);
    simenv_advance(&c->sim, HOUR_MS);
    cl_session_expire(c->b.session, c->sim.wall_ms);
    assert_int_equal(cl_ratchet_skipped(c->b.session->current), 1);
    assert_int_equal(open_letter(c, &c->b, &early), PN_E_EXISTS);
    assert_int_equal(open_letter(c, &c->b, &late), PN_OK);
}

static cl_message_type type_of(const letter *l)
{
    return (cl_message_type)l->bytes[1];
}

/* How many of `n` exchanges had a KEM step. */
static unsigned exchanges(couple *c, unsigned n, uint64_t every_ms)
{
    unsigned full = 0;
    letter l;
    for (unsigned i = 0; i < n; i++) {
        person *from = i % 2 == 0 ? &c->a : &c->b;
        person *to = i % 2 == 0 ? &c->b : &c->a;
        assert_int_equal(person_seal(c, from, "x", &l), PN_OK);
        assert_int_equal(open_letter(c, to, &l), PN_OK);
        full += type_of(&l) == CL_MESSAGE_FULL;
        simenv_advance(&c->sim, every_ms);
    }
    return full;
}

/* Thin: at most once in fifty messages or a day. A text of 500 characters is
 * an XS envelope between. */
static void thin_steps_are_rare(void **state)
{
    couple *c = *state;
    char text[701] = { 0 };
    letter l;
    pn_envelope_class class;
    assert_in_range(exchanges(c, 500, 1000), 8, 10);
    /* Twenty days, twelve messages each. */
    assert_in_range(exchanges(c, 240, (uint64_t)2 * HOUR_MS), 17, 20);
    memset(text, 'x', 700);
    assert_int_equal(person_tell(c, &c->a, &c->b, "x"), PN_OK);
    assert_int_equal(person_seal(c, &c->b, text, &l), PN_OK);
    assert_int_equal(type_of(&l), CL_MESSAGE_SHORT);
    assert_int_equal(pn_envelope_class_for(&class, l.len, PN_ENVELOPE_XS),
                     PN_OK);
    assert_int_equal(class, PN_ENVELOPE_XS);
}

static void normal_steps_have_a_kem(void **state)
{
    couple *c = *state;
    letter l;
    char text[1501] = { 0 };
    pn_envelope_class class;
    assert_int_equal(exchanges(c, 50, 1000), 50);
    memset(text, 'x', 1500);
    assert_int_equal(person_seal(c, &c->a, text, &l), PN_OK);
    assert_int_equal(pn_envelope_class_for(&class, l.len, PN_ENVELOPE_XS),
                     PN_OK);
    assert_int_equal(class, PN_ENVELOPE_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_gap_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(the_store_is_bounded, setup_thin,
                                        teardown),
        cmocka_unit_test_setup_teardown(chains_are_bounded, setup_thin,
                                        teardown),
        cmocka_unit_test_setup_teardown(missing_keys_expire, setup, teardown),
        cmocka_unit_test_setup_teardown(thin_steps_are_rare, setup_thin,
                                        teardown),
        cmocka_unit_test_setup_teardown(normal_steps_have_a_kem, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
