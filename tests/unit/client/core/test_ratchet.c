#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "client/core/ratchet_state.h"
#include "client/core/session_state.h"
#include "tests/support/couple.h"
#include "tests/support/faults.h"

static couple fix;

static int setup(void **state)
{
    couple_init(&fix, 7, CL_PROFILE_NORMAL);
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

/* Whether a stolen copy of somebody's session opens a letter. The thief keeps
 * what he learns. */
static pn_err thief_opens(couple *c, cl_session *stolen, const person *victim,
                          const letter *l)
{
    uint8_t out[COUPLE_ROOM];
    cl_opened opened;
    return cl_session_open(stolen, &c->env, &victim->id, NULL,
                           (pn_bytes){ l->bytes, l->len }, out, sizeof out,
                           &opened);
}

static bool holds(const void *haystack, size_t len, const uint8_t needle[32])
{
    const uint8_t *p = haystack;
    for (size_t i = 0; i + 32 <= len; i++) {
        if (memcmp(p + i, needle, 32) == 0)
            return true;
    }
    return false;
}

/* A state stolen after messages were read opens none of them. */
static void the_past_stays_closed(void **state)
{
    couple *c = *state;
    letter past[6];
    cl_session *stolen;
    for (int i = 0; i < 6; i++) {
        person *from = i % 3 == 0 ? &c->b : &c->a;
        person *to = i % 3 == 0 ? &c->a : &c->b;
        assert_int_equal(person_seal(c, from, "secret", &past[i]), PN_OK);
        assert_int_equal(open_letter(c, to, &past[i]), PN_OK);
    }
    stolen = person_snapshot(&c->b);
    for (int i = 0; i < 6; i++)
        assert_true(thief_opens(c, stolen, &c->b, &past[i]) < PN_OK);
    cl_session_free(&stolen);
    stolen = person_snapshot(&c->a);
    for (int i = 0; i < 6; i++)
        assert_true(thief_opens(c, stolen, &c->a, &past[i]) < PN_OK);
    cl_session_free(&stolen);
}

/* A stolen state reads on until its owner has sent and received anew, and
 * nothing after that: neither direction. */
static void a_theft_heals(void **state)
{
    couple *c = *state;
    letter l;
    cl_session *stolen;
    /* Alice has a sending chain; what she has now is stolen. */
    assert_int_equal(person_tell(c, &c->a, &c->b, "before"), PN_OK);
    stolen = person_snapshot(&c->a);
    assert_int_equal(person_seal(c, &c->b, "he reads this", &l), PN_OK);
    assert_int_equal(thief_opens(c, stolen, &c->a, &l), PN_OK);
    assert_int_equal(open_letter(c, &c->a, &l), PN_OK);
    /* Alice's next step has new keys in it, which the thief never saw. */
    assert_int_equal(person_tell(c, &c->a, &c->b, "new keys"), PN_OK);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(person_seal(c, &c->b, "closed", &l), PN_OK);
        assert_true(thief_opens(c, stolen, &c->a, &l) < PN_OK);
        assert_int_equal(open_letter(c, &c->a, &l), PN_OK);
        assert_int_equal(person_seal(c, &c->a, "closed", &l), PN_OK);
        assert_true(thief_opens(c, stolen, &c->a, &l) < PN_OK);
        assert_int_equal(open_letter(c, &c->b, &l), PN_OK);
    }
    cl_session_free(&stolen);
}

/* Used keys are not somewhere in the state: chain, DH, KEM, message keys. */
static void used_keys_leave_the_memory(void **state)
{
    couple *c = *state;
    cl_ratchet *r = c->a.session->current;
    uint8_t ck[32], dh[32], seed[32], recv[32];
    letter l;
    assert_int_equal(person_seal(c, &c->a, "x", &l), PN_OK);
    memcpy(ck, r->core.send.ck, 32);
    memcpy(dh, r->core.dh_sk, 32);
    memcpy(seed, r->core.kem_seed, 32);
    memcpy(recv, r->core.recv.ck, 32);
    assert_true(holds(&r->core, sizeof r->core, ck));
    assert_int_equal(person_seal(c, &c->a, "y", &l), PN_OK);
    assert_false(holds(&r->core, sizeof r->core, ck));
    assert_true(holds(&r->core, sizeof r->core, dh));
    assert_int_equal(open_letter(c, &c->b, &l), PN_OK);
    assert_int_equal(person_tell(c, &c->b, &c->a, "answer"), PN_OK);
    assert_false(holds(&r->core, sizeof r->core, dh));
    assert_false(holds(&r->core, sizeof r->core, seed));
    assert_false(holds(&r->core, sizeof r->core, recv));
}

/* Every bit of a message matters, and a wrong one changes nothing. */
static void any_flipped_bit_is_refused(void **state)
{
    couple *c = *state;
    static uint8_t before[32768], after[32768];
    letter l;
    const size_t size = cl_session_size(c->b.session);
    pn_out o = pn_out_over(before, sizeof before);
    /* Two are missing before it: their keys must not stay behind either. */
    for (int i = 0; i < 2; i++)
        assert_int_equal(person_seal(c, &c->a, "missing", &l), PN_OK);
    assert_int_equal(person_seal(c, &c->a, "intact", &l), PN_OK);
    cl_session_write(c->b.session, &o);
    assert_int_equal(pn_out_err(&o), PN_OK);
    for (size_t i = 0; i < l.len; i++) {
        /* Every byte, and every bit of the first and last hundred. */
        const bool near_end = i < 100 || l.len - i < 100;
        for (unsigned bit = 0; bit < (near_end ? 8U : 1U); bit++) {
            const uint8_t mask = (uint8_t)(1U << (near_end ? bit : i % 8));
            l.bytes[i] ^= mask;
            assert_true(open_letter(c, &c->b, &l) < PN_OK);
            l.bytes[i] ^= mask;
        }
    }
    for (size_t cut = 0; cut < l.len; cut++) {
        letter shorter = l;
        shorter.len = cut;
        assert_true(open_letter(c, &c->b, &shorter) < PN_OK);
    }
    assert_int_equal(cl_session_size(c->b.session), size);
    o = pn_out_over(after, sizeof after);
    cl_session_write(c->b.session, &o);
    assert_memory_equal(before, after, size);
    assert_int_equal(open_letter(c, &c->b, &l), PN_OK);
}

static void order_does_not_matter(void **state)
{
    couple *c = *state;
    static letter l[40];
    for (int i = 0; i < 40; i++) {
        assert_int_equal(person_seal(c, &c->a, "x", &l[i]), PN_OK);
        if (i % 10 == 9) { /* a new chain every ten */
            assert_int_equal(open_letter(c, &c->b, &l[i]), PN_OK);
            assert_int_equal(person_tell(c, &c->b, &c->a, "turn"), PN_OK);
        }
    }
    assert_int_equal(cl_ratchet_skipped(c->b.session->current), 36);
    assert_int_equal(person_restart(&c->b), PN_OK);
    for (int i = 38; i >= 0; i--)
        assert_int_equal(open_letter(c, &c->b, &l[i]),
                         i % 10 == 9 ? PN_E_EXISTS : PN_OK);
    assert_int_equal(cl_ratchet_skipped(c->b.session->current), 0);
    assert_int_equal(open_letter(c, &c->b, &l[39]), PN_E_EXISTS);
}

/* Without randomness or memory nothing happens, and later all is well. */
static void failures_change_nothing(void **state)
{
    couple *c = *state;
    static letter l[5], next;
    for (int i = 0; i < 5; i++)
        assert_int_equal(person_seal(c, &c->a, "x", &l[i]), PN_OK);
    assert_int_equal(person_tell(c, &c->b, &c->a, "turn"), PN_OK);
    c->sim.random_fails = true;
    assert_int_equal(person_seal(c, &c->a, "x", &next), PN_E_RANDOM);
    assert_int_equal(next.len, 0);
    c->sim.random_fails = false;
    for (unsigned n = 1;; n++) {
        pn_err err;
        assert_true(faults_arm(n));
        err = open_letter(c, &c->b, &l[4]);
        if (!faults_hit()) {
            assert_int_equal(err, PN_OK);
            assert_true(n > 1);
            break;
        }
        assert_int_equal(err, PN_E_NOMEM);
        assert_true(cl_session_ok(c->b.session));
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(open_letter(c, &c->b, &l[i]), PN_OK);
    assert_int_equal(person_tell(c, &c->a, &c->b, "well"), PN_OK);
}

/* A state that is cut, or has any flag or number wrong, is not read as if it
 * were whole. */
static void a_damaged_state_is_refused(void **state)
{
    couple *c = *state;
    static uint8_t room[32768];
    pn_out o = pn_out_over(room, sizeof room);
    letter l;
    cl_ratchet *r;
    pn_bytes in;
    assert_int_equal(person_seal(c, &c->a, "lost", &l), PN_OK);
    assert_int_equal(person_tell(c, &c->a, &c->b, "x"), PN_OK);
    cl_ratchet_write(c->b.session->current, &o);
    assert_int_equal(o.len, cl_ratchet_size(c->b.session->current));
    for (size_t cut = 0; cut < o.len; cut++) {
        in = (pn_bytes){ room, cut };
        assert_int_equal(cl_ratchet_read(&r, &in), PN_E_CORRUPT);
    }
    room[0] = 2;
    in = pn_out_view(&o);
    assert_int_equal(cl_ratchet_read(&r, &in), PN_E_VERSION);
    room[0] = 1;
    for (unsigned flags = 0; flags < 256; flags++) {
        const uint8_t right = room[1];
        room[1] = (uint8_t)flags;
        in = pn_out_view(&o);
        if (cl_ratchet_read(&r, &in) == PN_OK) {
            assert_true(cl_ratchet_ok(r));
            cl_ratchet_free(&r);
        }
        room[1] = right;
    }
    for (unsigned n = 1;; n++) {
        pn_err err;
        in = pn_out_view(&o);
        assert_true(faults_arm(n));
        err = cl_ratchet_read(&r, &in);
        if (!faults_hit())
            break;
        assert_int_equal(err, PN_E_NOMEM);
    }
    cl_ratchet_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_past_stays_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_theft_heals, setup, teardown),
        cmocka_unit_test_setup_teardown(used_keys_leave_the_memory, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(any_flipped_bit_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(order_does_not_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(failures_change_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_damaged_state_is_refused, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
