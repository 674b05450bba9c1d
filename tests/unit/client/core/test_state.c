/* Sessions as they are kept: each state there is, cut at every byte, every byte
 * another, and bent where its rules say that it must not be. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "client/core/ratchet_state.h"
#include "client/core/session_state.h"
#include "tests/support/couple.h"
#include "tests/support/faults.h"

enum { STATE_MAX = 40000 };

typedef enum stage {
    NOTHING,     /* nobody has written */
    SENT,        /* the first message is not answered */
    MET,         /* both have written */
    WAITING,     /* messages are missing, in two chains */
    ANSWERER,    /* has a handshake, and has opened nothing of it */
    LOST,        /* and an old ratchet still reads */
    ASKED,       /* for a new session */
    BLOCKED,     /* another identity came */
    BLOCKED_NEW, /* before there was any session */
    STAGES,
} stage;

static couple c;

/* Two letters that never come, and one that does. */
static void lose_two(person *from, person *to)
{
    letter l;
    char text[COUPLE_ROOM];
    cl_opened opened;
    for (unsigned n = 0; n < 3; n++)
        assert_int_equal(person_seal(&c, from, "text", &l), PN_OK);
    assert_int_equal(person_open(&c, to, &l, text, &opened), PN_OK);
}

static cl_session *at_stage(stage at)
{
    letter l;
    couple_init(&c, 77, CL_PROFILE_NORMAL);
    if (at == NOTHING || at == BLOCKED_NEW) {
        if (at == BLOCKED_NEW)
            assert_int_equal(cl_session_block(c.a.session, &c.b.id.pub),
                             PN_E_REFUSED);
        return c.a.session;
    }
    if (at == SENT) {
        assert_int_equal(person_start(&c, &c.a, &c.b), PN_OK);
        return c.a.session;
    }
    couple_meet(&c);
    if (at == WAITING) {
        lose_two(&c.b, &c.a);
        assert_int_equal(person_tell(&c, &c.a, &c.b, "and"), PN_OK);
        lose_two(&c.b, &c.a);
    }
    if (at == ANSWERER) {
        lose_two(&c.a, &c.b);
        return c.b.session;
    }
    if (at == LOST || at == ASKED)
        assert_int_equal(cl_session_lost(c.a.session, &c.env), PN_OK);
    if (at == ASKED)
        assert_int_equal(cl_session_resync(c.a.session, &c.env, &c.a.id, NULL,
                                           0, l.bytes, sizeof l.bytes, &l.len),
                         PN_OK);
    if (at == BLOCKED) {
        cl_identity other;
        assert_int_equal(cl_identity_new(&other, &c.env), PN_OK);
        assert_int_equal(cl_session_block(c.a.session, &other.pub),
                         PN_E_REFUSED);
    }
    return c.a.session;
}

static uint8_t room[STATE_MAX];

static pn_bytes written(const cl_session *s)
{
    pn_out o = pn_out_over(room, sizeof room);
    cl_session_write(s, &o);
    assert_int_equal(pn_out_err(&o), PN_OK);
    assert_int_equal(o.len, cl_session_size(s));
    return pn_out_view(&o);
}

static void a_state_comes_back_whole(void **state)
{
    (void)state;
    for (stage at = NOTHING; at < STAGES; at++) {
        const cl_session *s = at_stage(at);
        const pn_bytes whole = written(s);
        static uint8_t again[STATE_MAX];
        pn_out o = pn_out_over(again, sizeof again);
        cl_session *back;
        assert_true(cl_session_ok(s));
        for (size_t len = 0; len < whole.len; len++) {
            assert_int_equal(cl_session_read(&back, (pn_bytes){ whole.p, len }),
                             PN_E_CORRUPT);
            assert_null(back);
        }
        assert_int_equal(cl_session_read(&back, whole), PN_OK);
        cl_session_write(back, &o);
        assert_true(pn_bytes_equal(pn_out_view(&o), whole));
        cl_session_free(&back);
        couple_free(&c);
    }
}

/* Any byte, and most of all those that say what there is. */
static void an_altered_state_keeps_its_rules(void **state)
{
    (void)state;
    for (stage at = NOTHING; at < STAGES; at++) {
        const pn_bytes whole = written(at_stage(at));
        unsigned refused = 0;
        for (size_t i = 0; i < whole.len; i += 1 + i / 100) {
            static const uint8_t values[] = { 0, 1, 2, 3,   4,   5,
                                              6, 7, 8, 255, 127, 64 };
            const uint8_t was = room[i];
            for (size_t k = 0; k < sizeof values; k++) {
                cl_session *back;
                pn_err err;
                room[i] = values[k];
                err = cl_session_read(&back, whole);
                refused += err != PN_OK;
                if (err == PN_OK)
                    assert_true(cl_session_ok(back));
                else
                    assert_true(err == PN_E_CORRUPT || err == PN_E_VERSION);
                cl_session_free(&back);
            }
            room[i] = was;
        }
        assert_true(refused > 20);
        couple_free(&c);
    }
}

static void no_memory_no_session(void **state)
{
    (void)state;
    for (stage at = NOTHING; at < STAGES; at++) {
        const pn_bytes whole = written(at_stage(at));
        cl_session *back;
        for (unsigned n = 1;; n++) {
            pn_err err;
            (void)faults_arm(n);
            err = cl_session_read(&back, whole);
            if (!faults_hit()) {
                assert_int_equal(err, PN_OK);
                break;
            }
            assert_int_equal(err, PN_E_NOMEM);
            assert_null(back);
        }
        cl_session_free(&back);
        couple_free(&c);
    }
    cl_session_free(NULL);
    cl_ratchet_free(NULL);
}

/* --- rules ---------------------------------------------------------------- */

#define BENT(s, field, value)                 \
    do {                                      \
        const __typeof__(field) was_ = field; \
        field = (value);                      \
        assert_false(cl_session_ok(s));       \
        field = was_;                         \
        assert_true(cl_session_ok(s));        \
    } while (0)

static void a_session_has_rules(void **state)
{
    static uint8_t some[CL_HANDSHAKE_BYTES];
    cl_session *s, *other;
    (void)state;
    s = at_stage(MET);
    BENT(s, s->generation, (uint32_t)CL_GENERATION_MAX + 1);
    BENT(s, s->has_pending, true);
    BENT(s, s->before, CL_SESSION_SENT_FIRST);
    BENT(s, s->state, CL_SESSION_NONE);
    BENT(s, s->state, CL_SESSION_SENT_FIRST);
    BENT(s, s->state, CL_SESSION_NEEDS_RESYNC);
    BENT(s, s->state, CL_SESSION_RESYNC_SENT);
    BENT(s, s->state, CL_SESSION_BLOCKED);
    BENT(s, s->current, NULL);
    BENT(s, s->first, some);
    BENT(s, s->has_peer, false);
    BENT(s, s->current->core.retired, true);
    couple_free(&c);
    s = at_stage(SENT);
    BENT(s, s->first, NULL);
    BENT(s, s->current, NULL);
    BENT(s, s->has_peer, false);
    BENT(s, s->current->core.retired, true);
    couple_free(&c);
    s = at_stage(NOTHING);
    BENT(s, s->first, some);
    BENT(s, s->state, CL_SESSION_ESTABLISHED);
    couple_free(&c);
    s = at_stage(LOST);
    assert_true(s->old_count > 0);
    BENT(s, s->has_peer, false);
    BENT(s, s->first, some);
    s->old[0].ratchet->core.retired = false; /* as good, if it says nothing */
    BENT(s, s->old[0].ratchet->core.step_due, true);
    BENT(s, s->old[0].ratchet->core.recv.n, (uint32_t)CL_CHAIN_END + 1);
    BENT(s, s->state, (cl_session_state)100);
    s->state = CL_SESSION_RESYNC_SENT; /* as good as the one it is in */
    assert_true(cl_session_ok(s));
    BENT(s, s->has_peer, false);
    BENT(s, s->first, some);
    couple_free(&c);
    s = at_stage(BLOCKED);
    BENT(s, s->before, CL_SESSION_BLOCKED);
    BENT(s, s->has_pending, false);
    BENT(s, s->before, CL_SESSION_NONE);
    assert_true(cl_session_new(&other, CL_PROFILE_THIN) == PN_OK);
    BENT(other, other->has_pending, true);
    assert_null(cl_session_peer(other));
    assert_null(cl_session_pending(other));
    cl_session_free(&other);
    couple_free(&c);
}

/* Flags that say more of each other than one bend at a time shows. */
static void a_ratchet_has_rules(void **state)
{
    cl_session *s;
    cl_ratchet *r;
    cl_ratchet_core *core, was;
    (void)state;
    s = at_stage(MET);
    core = &s->current->core;
    BENT(s, core->send.n, (uint32_t)CL_CHAIN_END + 1);
    BENT(s, core->recv.n, (uint32_t)CL_CHAIN_END + 1);
    couple_free(&c);
    r = calloc(1, sizeof *r);
    assert_non_null(r);
    core = &r->core;
    assert_false(cl_ratchet_ok(r)); /* waits for nothing, can say nothing */
    core->first_due = core->has_dh = true;
    assert_true(cl_ratchet_ok(r));
    for (unsigned n = 0; n < 5; n++) {
        was = *core;
        if (n == 0)
            core->recv.live = true;
        else if (n == 1)
            core->send.live = true;
        else if (n == 2)
            core->has_dh = false;
        else if (n == 3)
            core->has_kem = true;
        else
            core->has_peer_kem = true;
        assert_false(cl_ratchet_ok(r));
        *core = was;
    }
    memset(core, 0, sizeof *core);
    core->step_due = core->recv.live = true;
    assert_true(cl_ratchet_ok(r));
    assert_true(cl_ratchet_can_seal(r));
    for (unsigned n = 0; n < 5; n++) {
        was = *core;
        if (n == 0)
            core->first_due = true;
        else if (n == 1)
            core->retired = true;
        else if (n == 2)
            core->send.live = true;
        else if (n == 3)
            core->recv.live = false;
        else
            core->has_dh = true;
        assert_false(cl_ratchet_ok(r));
        *core = was;
    }
    memset(core, 0, sizeof *core);
    core->send_type = CL_MESSAGE_SHORT;
    core->send.live = core->has_dh = true;
    assert_true(cl_ratchet_ok(r));
    core->send_type = CL_MESSAGE_FULL;
    assert_false(cl_ratchet_ok(r));
    core->has_kem = true;
    assert_true(cl_ratchet_ok(r));
    core->retired = true;
    assert_false(cl_ratchet_ok(r));
    core->retired = core->has_dh = false;
    assert_false(cl_ratchet_ok(r));
    free(r);
}

static void skipped_keys_have_rules(void **state)
{
    cl_session *s;
    cl_skipped *k;
    (void)state;
    s = at_stage(WAITING);
    k = &s->current->skipped;
    assert_true(k->chain_count == 2 && k->count == 4);
    BENT(s, k->staged, 1);
    BENT(s, k->count, (size_t)CL_SKIPPED_MAX + 1);
    BENT(s, k->cap, k->count - 1);
    BENT(s, k->chain_count, (size_t)CL_SKIPPED_CHAINS_MAX + 1);
    BENT(s, k->chain_cap, 0);
    BENT(s, k->chains[0].keys, 0);
    BENT(s, k->chains[0].keys, 1);
    BENT(s, k->chains[0].tag, k->next_tag);
    BENT(s, k->chains[1].tag, k->chains[0].tag);
    BENT(s, k->keys[0].chain, 4711);
    couple_free(&c);
}

/* --- handshakes ----------------------------------------------------------- */

static void a_handshake_refuses(void **state)
{
    uint8_t wire[CL_HANDSHAKE_BYTES], bad[CL_HANDSHAKE_BYTES];
    static const size_t at_ephemeral = CL_BUNDLE_TAG_BYTES;
    cl_handshake h;
    cl_bundle weak;
    (void)state;
    couple_init(&c, 5, CL_PROFILE_NORMAL);
    assert_int_equal(
        cl_handshake_start(&h, wire, &c.env, &c.a.id, &c.b.bundle, 0),
        PN_E_ARG);
    assert_int_equal(cl_handshake_start(&h, wire, &c.env, &c.a.id, &c.b.bundle,
                                        (uint32_t)CL_GENERATION_MAX + 1),
                     PN_E_ARG);
    assert_int_equal(
        cl_handshake_start(&h, wire, &c.env, &c.b.id, &c.b.bundle, 1),
        PN_E_REFUSED);
    for (unsigned which = 0; which < 3; which++) { /* a key that is none */
        weak = c.b.bundle;
        memset(which == 0   ? weak.signed_prekey
               : which == 1 ? weak.identity.dh_pk
                            : weak.one_time,
               0, 32);
        assert_int_equal(
            cl_handshake_start(&h, wire, &c.env, &c.a.id, &weak, 1),
            PN_E_CRYPTO);
    }
    weak = c.b.bundle;
    memset(weak.kem_pk, 0xff, sizeof weak.kem_pk);
    assert_int_not_equal(
        cl_handshake_start(&h, wire, &c.env, &c.a.id, &weak, 1), PN_OK);
    for (unsigned n = 1; n <= 2; n++) {
        c.sim.random_at = n;
        assert_int_equal(
            cl_handshake_start(&h, wire, &c.env, &c.a.id, &c.b.bundle, 1),
            PN_E_RANDOM);
    }
    assert_int_equal(
        cl_handshake_start(&h, wire, &c.env, &c.a.id, &c.b.bundle, 1), PN_OK);
    assert_int_equal(cl_handshake_answer(&h, &c.b.id, &c.b.keys, wire), PN_OK);
    assert_int_equal(cl_handshake_answer(&h, &c.b.id, &c.a.keys, wire),
                     PN_E_NOT_FOUND);
    memcpy(bad, wire, sizeof bad);
    memset(bad + at_ephemeral, 0, 32);
    assert_int_equal(cl_handshake_answer(&h, &c.b.id, &c.b.keys, bad),
                     PN_E_CRYPTO);
    for (size_t i = CL_BUNDLE_TAG_BYTES; i < sizeof bad; i += 31) {
        memcpy(bad, wire, sizeof bad);
        bad[i] ^= 4;
        assert_int_equal(cl_handshake_answer(&h, &c.b.id, &c.b.keys, bad),
                         PN_E_CRYPTO);
    }
    /* Ours, come back: it says that its answerer began it. */
    assert_int_equal(cl_handshake_answer(&h, &c.a.id, &c.b.keys, wire),
                     PN_E_REFUSED);
    couple_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_comes_back_whole),
        cmocka_unit_test(an_altered_state_keeps_its_rules),
        cmocka_unit_test(no_memory_no_session),
        cmocka_unit_test(a_session_has_rules),
        cmocka_unit_test(a_ratchet_has_rules),
        cmocka_unit_test(skipped_keys_have_rules),
        cmocka_unit_test(a_handshake_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
