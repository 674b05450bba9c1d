/* What sessions refuse, and that refusing leaves no trace: too little room, a
 * message that ends early, a request that is none, somebody else's. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "client/core/queueref.h"
#include "client/core/session_state.h"
#include "tests/support/couple.h"
#include "tests/support/faults.h"

enum { STATE_MAX = 40000 };

static couple c;
static uint8_t before[STATE_MAX], after[STATE_MAX];

static int setup(void **state)
{
    (void)state;
    couple_init(&c, 13, CL_PROFILE_NORMAL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    couple_free(&c);
    return 0;
}

static size_t write_to(uint8_t *room, const cl_session *s)
{
    pn_out o = pn_out_over(room, STATE_MAX);
    cl_session_write(s, &o);
    assert_int_equal(pn_out_err(&o), PN_OK);
    return o.len;
}

static size_t before_len;

static void remember(const cl_session *s)
{
    before_len = write_to(before, s);
}

static void assert_unchanged(const cl_session *s)
{
    assert_int_equal(write_to(after, s), before_len);
    assert_memory_equal(before, after, before_len);
}

/* --- room ----------------------------------------------------------------- */

static void sealing_wants_room(void **state)
{
    const pn_bytes text = PN_BYTES_LIT("how are you?");
    letter l;
    size_t need;
    (void)state;
    assert_int_equal(cl_session_overhead(c.a.session, &c.env), 0);
    assert_int_equal(person_start(&c, &c.a, &c.b), PN_OK);
    for (unsigned round = 0; round < 2; round++) {
        need = cl_session_overhead(c.a.session, &c.env) + text.len;
        remember(c.a.session);
        for (size_t cap = 0; cap < need; cap++) {
            assert_int_equal(cl_session_seal(c.a.session, &c.env, text, l.bytes,
                                             cap, &l.len),
                             PN_E_FULL);
            assert_int_equal(l.len, 0);
        }
        assert_unchanged(c.a.session);
        assert_int_equal(
            cl_session_seal(c.a.session, &c.env, text, l.bytes, need, &l.len),
            PN_OK);
        assert_int_equal(l.len, need);
        if (round == 0) {
            assert_int_equal(person_tell(&c, &c.a, &c.b, "hello"), PN_OK);
            assert_int_equal(person_tell(&c, &c.b, &c.a, "hello"), PN_OK);
        }
    }
}

static void opening_wants_room(void **state)
{
    letter l;
    uint8_t text[16];
    cl_opened opened;
    (void)state;
    couple_meet(&c);
    assert_int_equal(person_seal(&c, &c.a, "ten bytes.", &l), PN_OK);
    remember(c.b.session);
    for (size_t cap = 0; cap < 10; cap++)
        assert_int_equal(cl_session_open(c.b.session, &c.env, &c.b.id, NULL,
                                         (pn_bytes){ l.bytes, l.len }, text,
                                         cap, &opened),
                         PN_E_FULL);
    assert_unchanged(c.b.session);
    assert_int_equal(cl_session_open(c.b.session, &c.env, &c.b.id, NULL,
                                     (pn_bytes){ l.bytes, l.len }, text, 10,
                                     &opened),
                     PN_OK);
}

/* --- what ends early ------------------------------------------------------ */

static void refuse_prefixes(person *to, const letter *l)
{
    char text[COUPLE_ROOM];
    cl_opened opened;
    letter part = *l;
    remember(to->session);
    for (size_t len = 0; len < l->len; len++) {
        part.len = len;
        assert_int_not_equal(person_open(&c, to, &part, text, &opened), PN_OK);
    }
    assert_unchanged(to->session);
    part.len = l->len;
    assert_int_equal(person_open(&c, to, &part, text, &opened), PN_OK);
}

static void a_short_message_is_none(void **state)
{
    letter l;
    cl_identity_public who;
    (void)state;
    assert_int_equal(person_start(&c, &c.a, &c.b), PN_OK);
    assert_int_equal(person_seal(&c, &c.a, "first", &l), PN_OK);
    for (size_t len = 0; len < 2 + CL_HANDSHAKE_BYTES; len++)
        assert_int_not_equal(
            cl_first_peer(&who, &c.b.id, &c.b.keys, (pn_bytes){ l.bytes, len }),
            PN_OK);
    assert_int_equal(
        cl_first_peer(&who, &c.b.id, &c.b.keys, (pn_bytes){ l.bytes, l.len }),
        PN_OK);
    assert_true(cl_identity_equal(&who, &c.a.id.pub));
    refuse_prefixes(&c.b, &l);
    assert_int_equal(person_seal(&c, &c.b, "full", &l), PN_OK);
    assert_int_equal(
        cl_first_peer(&who, &c.b.id, &c.b.keys, (pn_bytes){ l.bytes, l.len }),
        PN_E_PROTO);
    refuse_prefixes(&c.a, &l);
    assert_int_equal(person_seal(&c, &c.b, "again", &l), PN_OK);
    refuse_prefixes(&c.a, &l);
}

/* --- asking for a new session --------------------------------------------- */

static pn_err ask(person *p, letter *out, size_t cap)
{
    return cl_session_resync(p->session, &c.env, &p->id, NULL, 0, out->bytes,
                             cap, &out->len);
}

static void asking_is_refused(void **state)
{
    static cl_queue_ref queues[CL_QUEUES_MAX + 1];
    letter l;
    cl_bundle b;
    (void)state;
    couple_meet(&c);
    assert_int_equal(cl_session_lost(c.a.session, &c.env), PN_OK);
    remember(c.a.session);
    assert_int_equal(cl_session_resync(c.a.session, &c.env, &c.a.id, queues,
                                       CL_QUEUES_MAX + 1, l.bytes,
                                       sizeof l.bytes, &l.len),
                     PN_E_ARG);
    assert_int_equal(ask(&c.a, &l, CL_RESYNC_BYTES_MAX - 1), PN_E_FULL);
    assert_unchanged(c.a.session);
    for (unsigned n = 1; n <= 2; n++) {
        (void)faults_arm(n);
        assert_int_equal(ask(&c.a, &l, sizeof l.bytes), PN_E_NOMEM);
        assert_true(faults_hit());
    }
    assert_unchanged(c.a.session);
    for (unsigned n = 1;; n++) {
        pn_err err;
        c.sim.random_at = n;
        c.sim.random_hit = false;
        err = ask(&c.a, &l, sizeof l.bytes);
        if (!c.sim.random_hit)
            break;
        assert_int_equal(err, PN_E_RANDOM);
    }
    c.sim.random_at = 0;
    for (size_t len = 0; len < l.len; len++)
        assert_int_not_equal(cl_resync_parse(&b, (pn_bytes){ l.bytes, len }),
                             PN_OK);
    assert_int_equal(cl_resync_parse(&b, (pn_bytes){ l.bytes, l.len }), PN_OK);
    assert_true(cl_identity_equal(&b.identity, &c.a.id.pub));
    refuse_prefixes(&c.b, &l);
    assert_int_equal(person_seal(&c, &c.b, "no request", &l), PN_OK);
    assert_int_equal(cl_resync_parse(&b, (pn_bytes){ l.bytes, l.len }),
                     PN_E_PROTO);
}

/* A request by who has none to make: too old, one's own, an invitation's bundle
 * in its place, or a stranger's. */
static void a_request_is_refused(void **state)
{
    letter l, forged = { .len = 0 };
    char text[COUPLE_ROOM];
    cl_opened opened;
    cl_session *stranger;
    cl_bundle b = c.a.bundle;
    cl_prekeys keys;
    size_t len;
    (void)state;
    couple_meet(&c);
    assert_int_equal(cl_session_lost(c.a.session, &c.env), PN_OK);
    assert_int_equal(ask(&c.a, &l, sizeof l.bytes), PN_OK);
    remember(c.b.session);
    assert_int_equal(cl_bundle_make(&b, &keys, &c.env, &c.a.id,
                                    forged.bytes + 2, CL_BUNDLE_MAX, &len),
                     PN_OK);
    memcpy(forged.bytes, l.bytes, 2); /* suite and type */
    forged.len = len + 2;
    assert_int_equal(person_open(&c, &c.b, &forged, text, &opened), PN_E_PROTO);
    assert_unchanged(c.b.session);
    {
        const cl_identity was = c.b.id;
        c.b.id = c.a.id; /* it comes back to who sent it */
        assert_int_equal(person_open(&c, &c.b, &l, text, &opened),
                         PN_E_REFUSED);
        c.b.id = was;
    }
    assert_unchanged(c.b.session);
    assert_int_equal(cl_session_new(&stranger, CL_PROFILE_NORMAL), PN_OK);
    assert_int_equal(cl_session_open(stranger, &c.env, &c.b.id, NULL,
                                     (pn_bytes){ l.bytes, l.len },
                                     (uint8_t *)text, sizeof text, &opened),
                     PN_E_STATE);
    keys = c.b.keys;
    keys.kind = CL_BUNDLE_RESYNC;
    assert_int_equal(cl_session_open(stranger, &c.env, &c.b.id, &keys,
                                     (pn_bytes){ l.bytes, l.len },
                                     (uint8_t *)text, sizeof text, &opened),
                     PN_E_STATE);
    assert_int_equal(cl_session_open(stranger, &c.env, &c.b.id, &c.b.keys,
                                     (pn_bytes){ l.bytes, l.len },
                                     (uint8_t *)text, sizeof text, &opened),
                     PN_OK);
    cl_session_free(&stranger);
    simenv_advance(&c.sim, UINT64_C(400) * 86400000);
    assert_int_equal(person_open(&c, &c.b, &l, text, &opened), PN_E_TIMEOUT);
    assert_unchanged(c.b.session);
}

/* Who is blocked begins nothing, until a person has decided. */
static void a_blocked_session_waits(void **state)
{
    letter l;
    char text[COUPLE_ROOM];
    cl_opened opened;
    cl_identity third;
    cl_bundle b = c.b.bundle;
    cl_prekeys keys;
    uint8_t room[CL_BUNDLE_MAX];
    size_t len;
    (void)state;
    couple_meet(&c);
    assert_int_equal(cl_session_lost(c.b.session, &c.env), PN_OK);
    assert_int_equal(ask(&c.b, &l, sizeof l.bytes), PN_OK);
    assert_int_equal(cl_identity_new(&third, &c.env), PN_OK);
    assert_int_equal(
        cl_bundle_make(&b, &keys, &c.env, &third, room, sizeof room, &len),
        PN_OK);
    assert_int_equal(cl_session_dismiss(c.a.session), PN_E_STATE);
    assert_int_equal(cl_session_start(c.a.session, &c.env, &c.a.id, &b),
                     PN_E_STATE);
    assert_int_equal(cl_session_block(c.a.session, &third.pub), PN_E_REFUSED);
    assert_int_equal(cl_session_get_state(c.a.session), CL_SESSION_BLOCKED);
    remember(c.a.session);
    assert_int_equal(person_seal(&c, &c.a, "x", &l), PN_E_REFUSED);
    assert_int_equal(cl_session_block(c.a.session, &c.b.id.pub), PN_E_REFUSED);
    assert_int_equal(cl_session_confirm(c.a.session, &c.env, &c.b.id.pub),
                     PN_E_ARG);
    assert_unchanged(c.a.session);
    assert_int_equal(ask(&c.b, &l, sizeof l.bytes), PN_OK);
    assert_int_equal(person_open(&c, &c.a, &l, text, &opened), PN_E_REFUSED);
    assert_unchanged(c.a.session);
    assert_int_equal(cl_session_lost(c.a.session, &c.env), PN_OK);
    assert_int_equal(c.a.session->before, CL_SESSION_NEEDS_RESYNC);
    assert_int_equal(cl_session_dismiss(c.a.session), PN_OK);
    assert_int_equal(cl_session_get_state(c.a.session),
                     CL_SESSION_NEEDS_RESYNC);
}

/* --- bundles -------------------------------------------------------------- */

static void a_bundle_wants_room(void **state)
{
    uint8_t room[CL_BUNDLE_MAX], again[CL_BUNDLE_MAX];
    cl_bundle b = c.a.bundle;
    cl_prekeys keys;
    size_t len, other;
    (void)state;
    assert_int_equal(
        pn_address_parse_text(
            &b.queues[0].relay,
            "postern://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "@relay.example.org:7000",
            NULL),
        PN_OK);
    b.queue_count = 1;
    assert_int_equal(
        cl_bundle_make(&b, &keys, &c.env, &c.a.id, room, sizeof room, &len),
        PN_OK);
    for (size_t cap = 0; cap < len; cap++) {
        assert_int_equal(
            cl_bundle_make(&b, &keys, &c.env, &c.a.id, again, cap, &other),
            PN_E_FULL);
        assert_int_equal(other, 0);
    }
    for (size_t cut = 0; cut < len; cut++)
        assert_int_not_equal(cl_bundle_parse(&b, (pn_bytes){ room, cut }),
                             PN_OK);
    assert_int_equal(cl_bundle_parse(&b, (pn_bytes){ room, len }), PN_OK);
    assert_int_not_equal(
        cl_bundle_parse(&b, (pn_bytes){ room, CL_BUNDLE_MAX + 1 }), PN_OK);
}

static void prekeys_are_whole(void **state)
{
    uint8_t room[CL_PREKEYS_BYTES];
    cl_prekeys got;
    pn_out o = pn_out_over(room, sizeof room);
    pn_bytes in;
    (void)state;
    cl_prekeys_put(&o, &c.a.keys);
    assert_int_equal(o.len, CL_PREKEYS_BYTES);
    for (size_t len = 0; len < o.len; len++) {
        in = (pn_bytes){ room, len };
        assert_int_not_equal(cl_prekeys_take(&in, &got), PN_OK);
    }
    in = CL_VIEW(room);
    assert_int_equal(cl_prekeys_take(&in, &got), PN_OK);
    for (unsigned kind = 0; kind < 256; kind += 5) {
        room[0] = (uint8_t)kind;
        in = CL_VIEW(room);
        assert_int_equal(cl_prekeys_take(&in, &got) == PN_OK,
                         kind >= CL_BUNDLE_INVITATION &&
                             kind <= CL_BUNDLE_RESYNC);
    }
}

static void a_queue_reference_is_whole(void **state)
{
    uint8_t room[512];
    cl_queue_ref ref, got;
    pn_out o = pn_out_over(room, sizeof room);
    pn_bytes in;
    (void)state;
    memset(&ref, 3, sizeof ref);
    assert_int_equal(
        pn_address_parse_text(
            &ref.relay,
            "postern://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "@relay.example.org:7000",
            NULL),
        PN_OK);
    assert_int_equal(cl_queue_ref_put(&o, &ref), PN_OK);
    for (size_t len = 0; len < o.len; len++) {
        in = (pn_bytes){ room, len };
        assert_int_not_equal(cl_queue_ref_take(&in, &got), PN_OK);
    }
    in = pn_out_view(&o);
    assert_int_equal(cl_queue_ref_take(&in, &got), PN_OK);
    assert_int_equal(in.len, 0);
    for (size_t i = 0; i < o.len; i++) { /* in its one spelling */
        if (room[i] != 'e')
            continue;
        room[i] = 'E';
        in = pn_out_view(&o);
        assert_int_not_equal(cl_queue_ref_take(&in, &got), PN_OK);
        room[i] = 'e';
    }
    memset(&ref, 0, sizeof ref); /* of no relay */
    assert_int_not_equal(cl_queue_ref_put(&o, &ref), PN_OK);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(sealing_wants_room),         CASE(opening_wants_room),
        CASE(a_short_message_is_none),    CASE(asking_is_refused),
        CASE(a_request_is_refused),       CASE(a_blocked_session_waits),
        CASE(a_bundle_wants_room),        CASE(prekeys_are_whole),
        CASE(a_queue_reference_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
