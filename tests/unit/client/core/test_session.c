#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "client/core/session_state.h"
#include "tests/support/couple.h"
#include "tests/support/faults.h"

static couple fix;

static int setup(void **state)
{
    couple_init(&fix, 42, CL_PROFILE_NORMAL);
    *state = &fix;
    return 0;
}

static int setup_met(void **state)
{
    couple_init(&fix, 42, CL_PROFILE_NORMAL);
    couple_meet(&fix);
    *state = &fix;
    return 0;
}

static int teardown(void **state)
{
    couple_free(*state);
    return 0;
}

static cl_session_state state_of(const person *p)
{
    return cl_session_get_state(p->session);
}

/* Invitation, first message, answer: the states both sides pass through. */
static void two_people_meet(void **state)
{
    couple *c = *state;
    letter l;
    char text[COUPLE_ROOM];
    cl_opened opened;
    assert_int_equal(person_seal(c, &c->a, "x", &l), PN_E_STATE);
    assert_int_equal(person_start(c, &c->a, &c->b), PN_OK);
    assert_int_equal(state_of(&c->a), CL_SESSION_SENT_FIRST);
    assert_int_equal(person_start(c, &c->a, &c->b), PN_E_STATE);
    assert_int_equal(person_seal(c, &c->a, "hello", &l), PN_OK);
    assert_int_equal(l.len, 5 + CL_HANDSHAKE_BYTES + 2 +
                                cl_ratchet_overhead(CL_MESSAGE_FIRST));
    assert_int_equal(person_open(c, &c->b, &l, text, &opened), PN_OK);
    assert_string_equal(text, "hello");
    assert_true(opened.is_new_session);
    assert_true(opened.used_prekeys);
    assert_int_equal(state_of(&c->b), CL_SESSION_ESTABLISHED);
    assert_true(cl_identity_equal(cl_session_peer(c->b.session), &c->a.id.pub));
    assert_int_equal(person_open(c, &c->b, &l, text, &opened), PN_E_EXISTS);
    assert_int_equal(person_tell(c, &c->a, &c->b, "again"), PN_OK);
    assert_int_equal(person_tell(c, &c->b, &c->a, "yes"), PN_OK);
    assert_int_equal(state_of(&c->a), CL_SESSION_ESTABLISHED);
    assert_null(c->a.session->first);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(person_tell(c, &c->a, &c->b, "ping"), PN_OK);
        assert_int_equal(person_restart(&c->a), PN_OK);
        assert_int_equal(person_tell(c, &c->b, &c->a, "pong"), PN_OK);
        assert_int_equal(person_restart(&c->b), PN_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_people_meet, setup, teardown),
    };
    (void)setup_met;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
