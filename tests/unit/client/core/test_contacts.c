/* What a person decides about contacts, without anything failing: what is
 * refused, and with which error; what is seen at once and after a restart. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <string.h>

#include "client/core/records.h"
#include "tests/support/lonely.h"

static const char too_long[] =
    "a name that is longer than any name may be, which is said in the header, "
    "and which people who write names of sixty-four bytes will never see";
static const char bad_line[] = "two\nlines";

static void restart(lonely *l)
{
    cl_engine_free(&l->engine);
    assert_true(memstore_is_clean(&l->store));
    assert_int_equal(lonely_open(l), PN_OK);
    assert_true(cl_engine_ok(l->engine));
}

static void hex(char out[2 * CL_ID_BYTES + 1], const uint8_t *id)
{
    for (size_t i = 0; i < CL_ID_BYTES; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", id[i]);
}

/* --- contacts ------------------------------------------------------------- */

static void a_contact_is_renamed(void **state)
{
    cl_contact_view view;
    char id[2 * CL_ID_BYTES + 1], name[CL_NAME_MAX + 1];
    lonely l;
    (void)state;
    assert_true(strlen(too_long) > CL_NAME_MAX);
    lonely_live(&l, LONELY_CHANGED);
    assert_int_equal(cl_contact_rename(l.engine, "nobody", "x"),
                     PN_E_NOT_FOUND);
    assert_int_equal(cl_contact_rename(l.engine, "peer 0", ""), PN_E_ARG);
    assert_int_equal(cl_contact_rename(l.engine, "peer 0", too_long), PN_E_ARG);
    assert_int_equal(cl_contact_rename(l.engine, "peer 0", bad_line), PN_E_ARG);
    assert_int_equal(cl_contact_rename(l.engine, "peer 0", "peer 2"),
                     PN_E_EXISTS);
    assert_int_equal(cl_contact_rename(l.engine, "peer 0", "peer 0"), PN_OK);
    assert_int_equal(cl_contact_get(l.engine, "peer 0", false, &view), PN_OK);
    hex(id, view.id);
    assert_int_equal(cl_contact_rename(l.engine, id, "anna"), PN_OK);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(cl_contact_get(l.engine, "peer 0", false, &view),
                         PN_E_NOT_FOUND);
        assert_int_equal(cl_contact_get(l.engine, "anna", false, &view), PN_OK);
        assert_int_equal(cl_contact_get(l.engine, id, false, &view), PN_OK);
        cl_contact_name(l.engine, view.id, name);
        assert_string_equal(name, "anna");
        restart(&l);
    }
    assert_int_equal(cl_contact_rename(l.engine, "peer 2", "peer 0"), PN_OK);
    memset(view.id, 0, sizeof view.id);
    cl_contact_name(l.engine, view.id, name);
    assert_string_equal(name, "");
    lonely_end(&l);
}

/* Names that are taken get a number, cut between characters. */
static void names_are_made_unique(void **state)
{
    char wish[CL_NAME_MAX + 1] = "", expected[CL_NAME_MAX + 1];
    cl_contact *c;
    lonely l;
    (void)state;
    for (size_t i = 0; i + 2 <= CL_NAME_MAX; i += 2)
        memcpy(wish + i, "\xc3\xa9", 2);
    lonely_live(&l, LONELY_NEW);
    assert_int_equal(cl_contact_new(l.engine, wish, &c), PN_OK);
    assert_string_equal(c->name, wish);
    assert_int_equal(cl_contact_new(l.engine, wish, &c), PN_OK);
    (void)snprintf(expected, sizeof expected, "%.*s 2",
                   (int)((CL_NAME_MAX - 11) / 2 * 2), wish);
    assert_string_equal(c->name, expected);
    assert_int_equal(cl_contact_new(l.engine, "ben", &c), PN_OK);
    assert_int_equal(cl_contact_new(l.engine, "ben", &c), PN_OK);
    assert_string_equal(c->name, "ben 2");
    assert_int_equal(cl_contact_new(l.engine, "ben", &c), PN_OK);
    assert_string_equal(c->name, "ben 3");
    lonely_end(&l);
}

static void a_number_is_compared(void **state)
{
    cl_contact_view view;
    char number[2 * CL_SAFETY_DIGITS];
    size_t len = 0;
    lonely l;
    (void)state;
    lonely_live(&l, LONELY_WAITING);
    assert_int_equal(cl_contact_get(l.engine, "peer", true, &view), PN_OK);
    assert_int_equal(strlen(view.safety), CL_SAFETY_DIGITS);
    assert_string_equal(view.safety_changed, "");
    for (size_t i = 0; i < CL_SAFETY_DIGITS; i++) { /* in groups */
        if (i > 0 && i % 5 == 0)
            number[len++] = i % 3 == 0 ? '-' : i % 3 == 1 ? ' ' : '\n';
        number[len++] = view.safety[i];
    }
    number[len] = '\0';
    assert_int_equal(cl_contact_verify(l.engine, "nobody", number),
                     PN_E_NOT_FOUND);
    assert_int_equal(cl_contact_verify(l.engine, "peer", ""), PN_E_REFUSED);
    number[len - 1] = view.safety[CL_SAFETY_DIGITS - 1] == '0' ? '1' : '0';
    assert_int_equal(cl_contact_verify(l.engine, "peer", number), PN_E_REFUSED);
    number[len - 1] = '\0';
    assert_int_equal(cl_contact_verify(l.engine, "peer", number), PN_E_REFUSED);
    number[len - 1] = view.safety[CL_SAFETY_DIGITS - 1];
    number[len] = '0';
    number[len + 1] = '\0';
    assert_int_equal(cl_contact_verify(l.engine, "peer", number), PN_E_REFUSED);
    assert_int_equal(cl_contact_get(l.engine, "peer", false, &view), PN_OK);
    assert_false(view.verified);
    number[len] = '\0';
    assert_int_equal(cl_contact_verify(l.engine, "peer", number), PN_OK);
    restart(&l);
    assert_int_equal(cl_contact_get(l.engine, "peer", false, &view), PN_OK);
    assert_true(view.verified);
    lonely_end(&l);
}

/* With a damaged session nobody knows who it is. */
static void a_lost_session_has_no_number(void **state)
{
    cl_contact_view view;
    cl_store store;
    cl_contact *c;
    lonely l;
    (void)state;
    lonely_live(&l, LONELY_WAITING);
    store = memstore_port(&l.store);
    c = cl_contact_find(l.engine, "peer");
    assert_int_equal(store.del(store.ctx, CL_TABLE_SESSION, CL_VIEW(c->id)),
                     PN_OK);
    assert_int_equal(store.commit(store.ctx), PN_OK);
    assert_int_equal(cl_contact_get(l.engine, "peer", true, &view),
                     PN_E_NOT_FOUND);
    assert_int_equal(cl_contact_verify(l.engine, "peer", "1"), PN_E_NOT_FOUND);
    lonely_end(&l);
}

static void a_changed_identity_is_decided_on(void **state)
{
    static const bool answers[] = { true, false };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        cl_contact_view view;
        lonely l;
        lonely_live(&l, LONELY_CHANGED);
        assert_int_equal(
            cl_contact_decide(l.engine, "nobody", NULL, answers[i]),
            PN_E_NOT_FOUND);
        assert_int_equal(
            cl_contact_decide(l.engine, "peer 2", NULL, answers[i]),
            PN_E_STATE);
        assert_int_equal(cl_contact_get(l.engine, "peer 0", true, &view),
                         PN_OK);
        assert_true(view.changed);
        assert_int_equal(strlen(view.safety_changed), CL_SAFETY_DIGITS);
        assert_int_equal(
            cl_contact_decide(l.engine, "peer 0", view.safety, true),
            PN_E_REFUSED);
        assert_int_equal(
            cl_contact_decide(l.engine, "peer 0",
                              answers[i] ? view.safety_changed : NULL,
                              answers[i]),
            PN_OK);
        restart(&l);
        assert_int_equal(cl_contact_get(l.engine, "peer 0", true, &view),
                         PN_OK);
        assert_false(view.changed);
        assert_int_equal(view.verified, answers[i]);
        assert_string_equal(view.safety_changed, "");
        lonely_end(&l);
    }
}

/* Yes, without a comparison: it is believed, and not verified. */
static void a_yes_without_comparing(void **state)
{
    cl_contact_view view;
    lonely l;
    (void)state;
    lonely_live(&l, LONELY_CHANGED);
    assert_int_equal(cl_contact_decide(l.engine, "peer 0", NULL, true), PN_OK);
    assert_int_equal(cl_contact_get(l.engine, "peer 0", false, &view), PN_OK);
    assert_false(view.changed || view.verified);
    /* Two contacts are one person now: removing either leaves the other. */
    assert_int_equal(cl_contact_remove(l.engine, "peer 2"), PN_OK);
    assert_true(cl_engine_ok(l.engine));
    assert_int_equal(cl_contact_remove(l.engine, "peer 0"), PN_OK);
    assert_true(cl_engine_ok(l.engine));
    lonely_end(&l);
}

static void a_contact_is_blocked_and_removed(void **state)
{
    const cl_send what = { .text = PN_BYTES_LIT("x"),
                           .priority = PN_PRIORITY_NORMAL };
    cl_contact_view view;
    cl_engine_counts counts;
    uint8_t id[CL_ID_BYTES];
    cl_event event;
    lonely l;
    (void)state;
    lonely_live(&l, LONELY_WAITING);
    assert_int_equal(cl_contact_block(l.engine, "nobody", true),
                     PN_E_NOT_FOUND);
    assert_int_equal(cl_contact_choose(l.engine, "nobody", CL_CHOICE_THIN),
                     PN_E_NOT_FOUND);
    assert_int_equal(cl_contact_remove(l.engine, "nobody"), PN_E_NOT_FOUND);
    assert_int_equal(cl_contact_block(l.engine, "peer", true), PN_OK);
    restart(&l);
    assert_int_equal(cl_outbox_send(l.engine, "peer", &what, id), PN_E_REFUSED);
    assert_int_equal(cl_contact_choose(l.engine, "peer", CL_CHOICE_NORMAL),
                     PN_OK);
    assert_int_equal(cl_engine_set_profile(l.engine, CL_PROFILE_THIN), PN_OK);
    restart(&l);
    assert_int_equal(cl_engine_profile(l.engine), CL_PROFILE_THIN);
    assert_int_equal(cl_engine_record_size(l.engine), 1024);
    assert_int_equal(cl_contact_at(l.engine, 0, &view), PN_OK);
    assert_true(view.blocked);
    assert_false(view.thin);
    assert_int_equal(cl_contact_at(l.engine, 1, &view), PN_E_NOT_FOUND);
    cl_engine_count(l.engine, &counts);
    assert_int_equal(counts.contacts, 1);
    assert_int_equal(counts.outbox, 4);
    assert_int_equal(counts.relays, 2);
    assert_int_equal(counts.relays_own, 2);
    assert_int_equal(counts.relays_online, 0);
    assert_int_equal(cl_contact_remove(l.engine, "peer"), PN_OK);
    restart(&l);
    cl_engine_count(l.engine, &counts);
    assert_int_equal(counts.contacts, 0);
    assert_int_equal(counts.outbox, 0);
    for (unsigned n = 0; n < 4; n++) { /* each message of ours was told */
        assert_int_equal(cl_event_next(l.engine, &event), PN_OK);
        assert_int_equal(event.kind, CL_EVENT_FAILED);
        assert_int_equal(event.failure, CL_FAILURE_REMOVED);
    }
    assert_int_equal(cl_event_next(l.engine, &event), PN_E_NOT_FOUND);
    assert_int_equal(cl_event_ack(l.engine, l.engine->next_event + 1),
                     PN_E_NOT_FOUND);
    assert_int_equal(cl_event_return(l.engine, l.engine->next_event + 1),
                     PN_E_NOT_FOUND);
    assert_int_equal(cl_event_ack(l.engine, 0), PN_OK);
    lonely_end(&l);
}

static int remember(void **state)
{
    (void)state;
    lonely_remember();
    return 0;
}

static int forget(void **state)
{
    (void)state;
    lonely_forget();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_contact_is_renamed),
        cmocka_unit_test(names_are_made_unique),
        cmocka_unit_test(a_number_is_compared),
        cmocka_unit_test(a_lost_session_has_no_number),
        cmocka_unit_test(a_changed_identity_is_decided_on),
        cmocka_unit_test(a_yes_without_comparing),
        cmocka_unit_test(a_contact_is_blocked_and_removed),
    };
    return cmocka_run_group_tests(tests, remember, forget);
}
