#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "client/core/session_state.h"
#include "tests/support/couple.h"

static couple fix;

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

static pn_err ask(couple *c, person *p, letter *out)
{
    return cl_session_resync(p->session, &c->env, &p->id, NULL, 0, out->bytes,
                             sizeof out->bytes, &out->len);
}

/* Loss, RESYNC, a new session; and what was under way is still read. */
static void a_lost_session_comes_back(void **state)
{
    couple *c = *state;
    letter late, request;
    char text[COUPLE_ROOM];
    cl_opened opened;
    assert_int_equal(ask(c, &c->a, &request), PN_E_STATE);
    assert_int_equal(person_seal(c, &c->b, "late", &late), PN_OK);
    assert_int_equal(cl_session_lost(c->a.session, &c->env), PN_OK);
    assert_int_equal(state_of(&c->a), CL_SESSION_NEEDS_RESYNC);
    assert_int_equal(person_seal(c, &c->a, "x", &late), PN_E_STATE);
    assert_int_equal(cl_session_overhead(c->a.session, &c->env), 0);
    assert_int_equal(person_seal(c, &c->b, "late", &late), PN_OK);
    assert_int_equal(ask(c, &c->a, &request), PN_OK);
    assert_int_equal(person_restart(&c->a), PN_OK);
    assert_int_equal(person_open(c, &c->a, &late, text, &opened), PN_OK);
    assert_int_equal(person_open(c, &c->b, &request, text, &opened), PN_OK);
    assert_int_equal(opened.kind, CL_OPENED_RESYNC);
    assert_int_equal(person_open(c, &c->b, &request, text, &opened),
                     PN_E_EXISTS);
    assert_int_equal(state_of(&c->b), CL_SESSION_SENT_FIRST);
    assert_int_equal(person_tell(c, &c->b, &c->a, "again"), PN_OK);
    assert_int_equal(person_tell(c, &c->a, &c->b, "yes"), PN_OK);
    assert_int_equal(c->a.session->generation, 2);
    assert_null(c->a.session->resync_keys); /* used once */
    assert_int_equal(person_tell(c, &c->b, &c->a, "good"), PN_OK);
}

/* Four a day are asked for, and four a day are granted. */
static void resyncs_are_limited(void **state)
{
    couple *c = *state;
    letter l;
    char text[COUPLE_ROOM];
    cl_opened opened;
    for (int i = 0; i < CL_RESYNC_PER_DAY; i++) {
        assert_int_equal(cl_session_lost(c->a.session, &c->env), PN_OK);
        assert_int_equal(ask(c, &c->a, &l), PN_OK);
        assert_int_equal(person_open(c, &c->b, &l, text, &opened), PN_OK);
        simenv_advance(&c->sim, 1000);
    }
    assert_int_equal(cl_session_lost(c->a.session, &c->env), PN_OK);
    assert_int_equal(ask(c, &c->a, &l), PN_E_FULL);
    /* A sender who does not keep to it is not served either. */
    memset(&c->a.session->resync_sent, 0, sizeof c->a.session->resync_sent);
    assert_int_equal(ask(c, &c->a, &l), PN_OK);
    assert_int_equal(person_open(c, &c->b, &l, text, &opened), PN_E_FULL);
    simenv_advance(&c->sim, UINT64_C(24) * 3600 * 1000);
    assert_int_equal(person_open(c, &c->b, &l, text, &opened), PN_OK);
    assert_int_equal(person_tell(c, &c->b, &c->a, "at last"), PN_OK);
    assert_int_equal(person_tell(c, &c->a, &c->b, "at last"), PN_OK);
    assert_true(c->a.session->old_count <= CL_SESSION_OLD_MAX);
}

/* Mallory asks in Alice's place: nothing is sent until Bob has decided, and
 * what Alice says is still read. */
static void another_identity_blocks(void **state)
{
    couple *c = *state;
    couple *other = malloc(sizeof *other);
    letter forged, l;
    char text[COUPLE_ROOM];
    cl_opened opened;
    assert_non_null(other);
    couple_init(other, 99, CL_PROFILE_NORMAL);
    couple_meet(other);
    assert_int_equal(cl_session_lost(other->a.session, &other->env), PN_OK);
    assert_int_equal(ask(other, &other->a, &forged), PN_OK);
    assert_int_equal(person_seal(c, &c->a, "really me", &l), PN_OK);
    assert_int_equal(person_open(c, &c->b, &forged, text, &opened),
                     PN_E_REFUSED);
    assert_int_equal(state_of(&c->b), CL_SESSION_BLOCKED);
    assert_int_equal(person_restart(&c->b), PN_OK);
    assert_int_equal(person_seal(c, &c->b, "x", &forged), PN_E_REFUSED);
    assert_int_equal(person_open(c, &c->b, &l, text, &opened), PN_OK);
    assert_string_equal(text, "really me");
    assert_true(
        cl_identity_equal(cl_session_pending(c->b.session), &other->a.id.pub));
    assert_int_equal(cl_session_confirm(c->b.session, &c->env, &c->a.id.pub),
                     PN_E_ARG);
    assert_int_equal(cl_session_dismiss(c->b.session), PN_OK);
    assert_int_equal(cl_session_dismiss(c->b.session), PN_E_STATE);
    assert_null(cl_session_pending(c->b.session));
    assert_int_equal(person_tell(c, &c->b, &c->a, "as before"), PN_OK);
    couple_free(other);
    free(other);
}

/* Mallory has seen Alice's RESYNC, and answers it in Carol's name: what she can
 * not prove changes nothing, not even the state. */
static void a_claimed_identity_is_not_believed(void **state)
{
    couple *c = *state;
    couple *other = malloc(sizeof *other);
    cl_identity liar;
    cl_bundle bundle;
    cl_session *forged = NULL;
    letter request, l;
    char text[COUPLE_ROOM];
    cl_opened opened;
    assert_non_null(other);
    couple_init(other, 55, CL_PROFILE_NORMAL);
    assert_int_equal(cl_session_lost(c->a.session, &c->env), PN_OK);
    assert_int_equal(ask(c, &c->a, &request), PN_OK);
    assert_int_equal(
        cl_resync_parse(&bundle, (pn_bytes){ request.bytes, request.len }),
        PN_OK);
    liar = other->a.id;
    liar.pub = other->b.id.pub; /* her own secret keys, Carol's public ones */
    for (int honest = 0; honest < 2; honest++) {
        assert_int_equal(cl_session_new(&forged, CL_PROFILE_NORMAL), PN_OK);
        assert_int_equal(cl_session_start(forged, &c->env,
                                          honest ? &other->a.id : &liar,
                                          &bundle),
                         PN_OK);
        assert_int_equal(cl_session_seal(forged, &c->env,
                                         PN_BYTES_LIT("I am Carol"), l.bytes,
                                         sizeof l.bytes, &l.len),
                         PN_OK);
        cl_session_free(&forged);
        memset(text, 'x', sizeof text);
        assert_int_equal(person_open(c, &c->a, &l, text, &opened),
                         honest ? PN_E_REFUSED : PN_E_CRYPTO);
        assert_int_equal(state_of(&c->a),
                         honest ? CL_SESSION_BLOCKED : CL_SESSION_RESYNC_SENT);
        assert_int_equal(opened.len, 0);
    }
    cl_bundle_wipe(&bundle);
    couple_free(other);
    free(other);
}

/* While a person looks at one identity's number, another does not take its
 * place. */
static void the_pending_identity_stays(void **state)
{
    couple *c = *state;
    couple *other = malloc(sizeof *other);
    letter forged[2];
    char text[COUPLE_ROOM];
    cl_opened opened;
    assert_non_null(other);
    couple_init(other, 66, CL_PROFILE_NORMAL);
    couple_meet(other);
    assert_int_equal(cl_session_lost(other->a.session, &other->env), PN_OK);
    assert_int_equal(cl_session_lost(other->b.session, &other->env), PN_OK);
    assert_int_equal(ask(other, &other->a, &forged[0]), PN_OK);
    assert_int_equal(ask(other, &other->b, &forged[1]), PN_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(person_open(c, &c->b, &forged[i], text, &opened),
                         PN_E_REFUSED);
        assert_true(cl_identity_equal(cl_session_pending(c->b.session),
                                      &other->a.id.pub));
    }
    assert_int_equal(cl_session_dismiss(c->b.session), PN_OK);
    assert_int_equal(person_open(c, &c->b, &forged[1], text, &opened),
                     PN_E_REFUSED);
    assert_true(
        cl_identity_equal(cl_session_pending(c->b.session), &other->b.id.pub));
    couple_free(other);
    free(other);
}

/* Alice has a new phone and a new identity; Bob has checked the number. */
static void a_confirmed_identity_begins_anew(void **state)
{
    couple *c = *state;
    couple *other = malloc(sizeof *other);
    letter request, l;
    char text[COUPLE_ROOM];
    cl_opened opened;
    assert_non_null(other);
    couple_init(other, 77, CL_PROFILE_NORMAL);
    couple_meet(other);
    assert_int_equal(cl_session_lost(other->a.session, &other->env), PN_OK);
    assert_int_equal(ask(other, &other->a, &request), PN_OK);
    assert_int_equal(person_open(c, &c->b, &request, text, &opened),
                     PN_E_REFUSED);
    assert_int_equal(
        cl_session_confirm(c->b.session, &c->env, &other->a.id.pub), PN_OK);
    assert_int_equal(state_of(&c->b), CL_SESSION_NEEDS_RESYNC);
    assert_true(cl_session_ok(c->b.session));
    /* The envelope was kept, and is opened again after the decision. */
    assert_int_equal(person_open(c, &c->b, &request, text, &opened), PN_OK);
    assert_int_equal(opened.kind, CL_OPENED_RESYNC);
    assert_int_equal(person_seal(c, &c->b, "welcome", &l), PN_OK);
    /* Her old generation was 1 too: hers is told by the peer's handshake. */
    cl_session_free(&other->a.session);
    assert_int_equal(cl_session_new(&other->a.session, CL_PROFILE_NORMAL),
                     PN_OK);
    assert_int_equal(person_open(other, &other->a, &l, text, &opened),
                     PN_E_NOT_FOUND); /* her prekeys went with the session */
    couple_free(other);
    free(other);
}

/* Nothing readable for a day: the session is found lost, not before. */
static void silence_of_the_keys_is_noticed(void **state)
{
    couple *c = *state;
    assert_false(cl_session_unreadable(c->a.session, &c->env));
    simenv_advance(&c->sim, UINT64_C(23) * 3600 * 1000);
    assert_false(cl_session_unreadable(c->a.session, &c->env));
    assert_int_equal(person_tell(c, &c->b, &c->a, "I live"), PN_OK);
    simenv_advance(&c->sim, UINT64_C(2) * 3600 * 1000);
    assert_false(cl_session_unreadable(c->a.session, &c->env));
    simenv_advance(&c->sim, UINT64_C(24) * 3600 * 1000);
    assert_true(cl_session_unreadable(c->a.session, &c->env));
    assert_int_equal(state_of(&c->a), CL_SESSION_NEEDS_RESYNC);
    assert_false(cl_session_unreadable(c->a.session, &c->env));
}

#define WITH_MET(test) \
    cmocka_unit_test_setup_teardown(test, setup_met, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_MET(a_lost_session_comes_back),
        WITH_MET(resyncs_are_limited),
        WITH_MET(another_identity_blocks),
        WITH_MET(a_claimed_identity_is_not_believed),
        WITH_MET(the_pending_identity_stays),
        WITH_MET(a_confirmed_identity_begins_anew),
        WITH_MET(silence_of_the_keys_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
