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

/* Both start, both write several, and everything crosses: all is readable, and
 * both end on the same session, whichever arrives first. */
static void simultaneous_starts_agree(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        couple c;
        letter a[3], b[3];
        char text[COUPLE_ROOM];
        cl_opened opened;
        couple_init(&c, seed, CL_PROFILE_NORMAL);
        assert_int_equal(person_start(&c, &c.a, &c.b), PN_OK);
        assert_int_equal(person_start(&c, &c.b, &c.a), PN_OK);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(person_seal(&c, &c.a, "from a", &a[i]), PN_OK);
            assert_int_equal(person_seal(&c, &c.b, "from b", &b[i]), PN_OK);
        }
        {
            cl_identity_public who;
            assert_int_equal(cl_first_peer(&who, &c.b.id, &c.b.keys,
                                           (pn_bytes){ a[0].bytes, a[0].len }),
                             PN_OK);
            assert_true(cl_identity_equal(&who, &c.a.id.pub));
            assert_int_equal(cl_first_peer(&who, &c.b.id, &c.a.keys,
                                           (pn_bytes){ a[0].bytes, a[0].len }),
                             PN_E_NOT_FOUND);
        }
        /* Alice's arrive, and the answer to them overtakes Bob's own first. */
        for (int i = 2; i >= 0; i--)
            assert_int_equal(person_open(&c, &c.b, &a[i], text, &opened),
                             PN_OK);
        if (seed % 2 == 0) {
            letter early;
            assert_int_equal(person_seal(&c, &c.b, "early", &early), PN_OK);
            assert_int_equal(person_open(&c, &c.a, &early, text, &opened),
                             PN_OK);
            assert_string_equal(text, "early");
        }
        for (int i = 2; i >= 0; i--) {
            assert_int_equal(person_open(&c, &c.a, &b[i], text, &opened),
                             PN_OK);
            assert_string_equal(text, "from b");
            assert_int_equal(person_restart(&c.a), PN_OK);
        }
        assert_memory_equal(c.a.session->handshake_id,
                            c.b.session->handshake_id, 32);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(person_tell(&c, &c.a, &c.b, "on"), PN_OK);
            assert_int_equal(person_tell(&c, &c.b, &c.a, "and on"), PN_OK);
        }
        assert_int_equal(state_of(&c.a), CL_SESSION_ESTABLISHED);
        assert_int_equal(state_of(&c.b), CL_SESSION_ESTABLISHED);
        couple_free(&c);
    }
}

static pn_err ask(couple *c, person *p, letter *out)
{
    return cl_session_resync(p->session, &c->env, &p->id, NULL, 0, out->bytes,
                             sizeof out->bytes, &out->len);
}

/* An invitation is answered once; the caller burned its prekeys. */
static void a_burned_invitation_is_dead(void **state)
{
    couple *c = *state;
    letter first, second;
    char text[COUPLE_ROOM];
    cl_opened opened;
    cl_session *later = NULL;
    assert_int_equal(person_start(c, &c->a, &c->b), PN_OK);
    assert_int_equal(person_seal(c, &c->a, "one", &first), PN_OK);
    assert_int_equal(person_seal(c, &c->a, "two", &second), PN_OK);
    assert_int_equal(person_open(c, &c->b, &first, text, &opened), PN_OK);
    assert_true(opened.used_prekeys);
    cl_prekeys_wipe(&c->b.keys);
    /* Known by its handshake, without prekeys. */
    assert_int_equal(person_open(c, &c->b, &second, text, &opened), PN_OK);
    assert_false(opened.used_prekeys);
    /* Somebody else with the same invitation comes too late. */
    later = c->b.session;
    assert_int_equal(cl_session_new(&c->b.session, CL_PROFILE_NORMAL), PN_OK);
    assert_int_equal(person_open(c, &c->b, &first, text, &opened),
                     PN_E_NOT_FOUND);
    cl_session_free(&later);
}

static void an_old_bundle_is_refused(void **state)
{
    couple *c = *state;
    simenv_advance(&c->sim, UINT64_C(30) * 86400000);
    assert_int_equal(person_start(c, &c->a, &c->b), PN_E_TIMEOUT);
    assert_int_equal(person_start(c, &c->a, &c->a), PN_E_TIMEOUT);
    c->sim.wall_ms -= 1;
    assert_int_equal(person_start(c, &c->a, &c->a), PN_E_REFUSED);
    assert_int_equal(person_start(c, &c->a, &c->b), PN_OK);
}

/* A point of small order as anybody's key ends the handshake. */
static void weak_keys_are_refused(void **state)
{
    couple *c = *state;
    uint8_t *spots[3];
    spots[0] = c->b.bundle.signed_prekey;
    spots[1] = c->b.bundle.one_time;
    spots[2] = c->b.bundle.identity.dh_pk;
    for (int i = 0; i < 3; i++) {
        uint8_t right[32];
        memcpy(right, spots[i], 32);
        memset(spots[i], 0, 32);
        assert_int_equal(person_start(c, &c->a, &c->b), PN_E_CRYPTO);
        assert_int_equal(state_of(&c->a), CL_SESSION_NONE);
        spots[i][0] = 1;
        assert_int_equal(person_start(c, &c->a, &c->b), PN_E_CRYPTO);
        memcpy(spots[i], right, 32);
    }
    assert_int_equal(person_start(c, &c->a, &c->b), PN_OK);
}

/* Every pair of state and event that the table leaves out is refused, and
 * leaves things as they were. */
static void impossible_events_are_refused(void **state)
{
    couple *c = *state;
    letter l;
    unsigned allowed = 0;
    for (int st = CL_SESSION_NONE; st <= CL_SESSION_BLOCKED; st++) {
        cl_session fake = { .state = (cl_session_state)st };
        for (int ev = 0; ev < CL_EVENT_COUNT; ev++) {
            cl_session_state next = CL_SESSION_NONE;
            const pn_err err =
                cl_session_next(&fake, (cl_session_event)ev, &next);
            assert_true(err == PN_OK || err == PN_E_STATE);
            allowed += err == PN_OK;
        }
    }
    assert_int_equal(allowed, 37);
    assert_int_equal(cl_session_dismiss(c->a.session), PN_E_STATE);
    assert_int_equal(cl_session_confirm(c->a.session, &c->env, &c->b.id.pub),
                     PN_E_STATE);
    assert_int_equal(ask(c, &c->a, &l), PN_E_STATE);
    assert_int_equal(person_start(c, &c->a, &c->b), PN_E_STATE);
}

/* The n-th allocation fails, for every n, in everything that allocates. */
static void no_memory_changes_nothing(void **state)
{
    couple *c = *state;
    letter l;
    char text[COUPLE_ROOM];
    cl_opened opened;
    pn_err err;
    for (unsigned n = 1; faults_arm(n); n++) {
        err = person_start(c, &c->a, &c->b);
        if (!faults_hit())
            break;
        assert_int_equal(err, PN_E_NOMEM);
        assert_int_equal(state_of(&c->a), CL_SESSION_NONE);
    }
    assert_int_equal(err, PN_OK);
    assert_int_equal(person_seal(c, &c->a, "hello", &l), PN_OK);
    for (unsigned n = 1; faults_arm(n); n++) {
        err = person_open(c, &c->b, &l, text, &opened);
        if (!faults_hit())
            break;
        assert_int_equal(err, PN_E_NOMEM);
        assert_int_equal(state_of(&c->b), CL_SESSION_NONE);
    }
    assert_int_equal(err, PN_OK);
    assert_int_equal(cl_session_lost(c->b.session, &c->env), PN_OK);
    for (unsigned n = 1; faults_arm(n); n++) {
        err = ask(c, &c->b, &l);
        if (!faults_hit())
            break;
        assert_int_equal(err, PN_E_NOMEM);
        assert_int_equal(state_of(&c->b), CL_SESSION_NEEDS_RESYNC);
    }
    assert_int_equal(err, PN_OK);
    {
        static uint8_t room[32768];
        pn_out o = pn_out_over(room, sizeof room);
        cl_session *again = NULL;
        cl_session_write(c->b.session, &o);
        for (unsigned n = 1; faults_arm(n); n++) {
            err = cl_session_read(&again, pn_out_view(&o));
            if (!faults_hit())
                break;
            assert_int_equal(err, PN_E_NOMEM);
            assert_null(again);
        }
        assert_int_equal(err, PN_OK);
        cl_session_free(&again);
        for (size_t cut = 0; cut < o.len; cut++)
            assert_int_equal(cl_session_read(&again, (pn_bytes){ room, cut }),
                             PN_E_CORRUPT);
        room[o.len] = 0;
        assert_int_equal(cl_session_read(&again, (pn_bytes){ room, o.len + 1 }),
                         PN_E_CORRUPT);
    }
}

static void what_is_no_message_is_refused(void **state)
{
    couple *c = *state;
    letter l = { .len = 0 };
    char text[COUPLE_ROOM];
    cl_opened opened;
    assert_int_equal(person_open(c, &c->a, &l, text, &opened), PN_E_SHORT);
    l.len = 2;
    for (unsigned suite = 0; suite < 256; suite++) {
        l.bytes[0] = (uint8_t)suite;
        for (unsigned type = 0; type < 256; type++) {
            pn_err want = PN_E_VERSION;
            l.bytes[1] = (uint8_t)type;
            if (suite == 1)
                want = type >= 1 && type <= 4 ? PN_E_SHORT : PN_E_PROTO;
            assert_int_equal(person_open(c, &c->a, &l, text, &opened), want);
        }
    }
}

#define WITH_NEW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define WITH_MET(test) \
    cmocka_unit_test_setup_teardown(test, setup_met, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_NEW(two_people_meet),
        cmocka_unit_test(simultaneous_starts_agree),
        WITH_NEW(a_burned_invitation_is_dead),
        WITH_NEW(an_old_bundle_is_refused),
        WITH_NEW(weak_keys_are_refused),
        WITH_MET(impossible_events_are_refused),
        WITH_NEW(no_memory_changes_nothing),
        WITH_MET(what_is_no_message_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
