/* Commands of the engine without anything failing: what they refuse, and with
 * which error; what they do, as it is seen at once and after a restart. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/core/records.h"
#include "tests/support/lonely.h"

enum { MINUTE_MS = 60 * 1000 };

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

static pn_bytes bytes_of(const char *text)
{
    return (pn_bytes){ (const uint8_t *)text, strlen(text) };
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

/* --- mail ----------------------------------------------------------------- */

static void what_cannot_be_sent_is_refused(void **state)
{
    static uint8_t big[CL_BODY_MAX + 1];
    const cl_send good = { .text = PN_BYTES_LIT("x"),
                           .priority = PN_PRIORITY_NORMAL };
    cl_send what;
    uint8_t id[CL_ID_BYTES];
    size_t count;
    lonely l;
    (void)state;
    memset(big, 'x', sizeof big);
    lonely_live(&l, LONELY_WAITING);
    assert_int_equal(cl_outbox_send(l.engine, "nobody", &good, id),
                     PN_E_NOT_FOUND);
    what = good;
    what.text = CL_VIEW(big);
    assert_int_equal(cl_outbox_send(l.engine, "peer", &what, id), PN_E_SHORT);
    what = good;
    what.text.len = 0;
    assert_int_equal(cl_outbox_send(l.engine, "peer", &what, id), PN_E_ARG);
    what = good;
    what.file_name = PN_BYTES_LIT("both.txt");
    assert_int_equal(cl_outbox_send(l.engine, "peer", &what, id), PN_E_ARG);
    what = good;
    what.file_bytes = PN_BYTES_LIT("bytes of no file");
    assert_int_equal(cl_outbox_send(l.engine, "peer", &what, id), PN_E_ARG);
    what = good;
    what.own_id = (pn_bytes){ big, CL_SEND_ID_MAX + 1 };
    assert_int_equal(cl_outbox_send(l.engine, "peer", &what, id), PN_E_ARG);
    what = good;
    what.expires_in_ms = CL_EXPIRES_DAYS_MAX * cl_day_ms + 1;
    assert_int_equal(cl_outbox_send(l.engine, "peer", &what, id), PN_E_ARG);
    what = good;
    what.text = PN_BYTES_LIT("\xff no UTF-8");
    assert_int_equal(cl_outbox_send(l.engine, "peer", &what, id), PN_E_ARG);
    what = good;
    what.text.len = 0;
    what.file_name = PN_BYTES_LIT("a/b");
    assert_int_equal(cl_outbox_send(l.engine, "peer", &what, id), PN_E_ARG);
    count = l.engine->item_count;
    l.engine->item_count = CL_OUTBOX_MAX;
    assert_int_equal(cl_outbox_send(l.engine, "peer", &good, id), PN_E_FULL);
    l.engine->item_count = count;
    assert_int_equal(cl_outbox_send(l.engine, "peer", &good, id), PN_OK);
    assert_int_equal(l.engine->item_count, count + 1);
    lonely_end(&l);
}

/* The application's own id is one message to one contact, however often. */
static void an_own_id_is_sent_once(void **state)
{
    const cl_send what = { .text = PN_BYTES_LIT("x"),
                           .own_id = PN_BYTES_LIT("mine"),
                           .priority = PN_PRIORITY_NORMAL };
    uint8_t first[CL_ID_BYTES], again[CL_ID_BYTES], other[CL_ID_BYTES];
    lonely l;
    size_t count;
    (void)state;
    lonely_live(&l, LONELY_CHANGED);
    count = l.engine->item_count;
    assert_int_equal(cl_outbox_send(l.engine, "peer 2", &what, first), PN_OK);
    restart(&l);
    assert_int_equal(cl_outbox_send(l.engine, "peer 2", &what, again), PN_OK);
    assert_memory_equal(first, again, CL_ID_BYTES);
    assert_int_equal(l.engine->item_count, count + 1);
    assert_int_equal(cl_outbox_send(l.engine, "peer 0", &what, other), PN_OK);
    assert_memory_not_equal(first, other, CL_ID_BYTES);
    assert_int_equal(l.engine->item_count, count + 2);
    lonely_end(&l);
}

static void a_message_has_a_life(void **state)
{
    static const uint8_t unknown[CL_ID_BYTES] = { 1 };
    static cl_item_view view;
    cl_item_state at;
    cl_message m;
    cl_event event;
    uint64_t cursor = 0;
    size_t count = 0;
    lonely l;
    (void)state;
    lonely_live(&l, LONELY_WAITING);
    while (cl_message_next(l.engine, &cursor, &m) == PN_OK)
        count++;
    assert_int_equal(count, 4);
    assert_int_equal(cl_item_at(l.engine, 4, &view), PN_E_NOT_FOUND);
    assert_int_equal(cl_item_at(l.engine, 0, &view), PN_OK);
    assert_int_equal(cl_outbox_retry(l.engine, unknown), PN_E_NOT_FOUND);
    assert_int_equal(cl_outbox_cancel(l.engine, unknown), PN_E_NOT_FOUND);
    assert_int_equal(cl_message_delete(l.engine, unknown), PN_E_NOT_FOUND);
    assert_int_equal(cl_item_state_of(l.engine, unknown, &at), PN_E_NOT_FOUND);
    assert_int_equal(cl_message_delete(l.engine, view.id), PN_E_STATE);
    assert_int_equal(cl_item_state_of(l.engine, view.id, &at), PN_OK);
    assert_int_equal(at, view.state);
    assert_int_equal(cl_outbox_cancel(l.engine, view.id), PN_OK);
    restart(&l);
    assert_int_equal(cl_item_state_of(l.engine, view.id, &at), PN_OK);
    assert_int_equal(at, CL_ITEM_CANCELLED);
    assert_int_equal(cl_outbox_cancel(l.engine, view.id), PN_E_STATE);
    assert_int_equal(cl_outbox_retry(l.engine, view.id), PN_E_NOT_FOUND);
    while (cl_event_next(l.engine, &event) == PN_OK)
        assert_int_equal(cl_event_ack(l.engine, event.sequence), PN_OK);
    assert_int_equal(cl_message_delete(l.engine, view.id), PN_OK);
    assert_int_equal(cl_item_state_of(l.engine, view.id, &at), PN_E_NOT_FOUND);
    assert_int_equal(cl_message_get(l.engine, view.id, &m), PN_E_NOT_FOUND);
    /* One that waits for its application stays. */
    lonely_end(&l);
    lonely_live(&l, LONELY_HOLDING);
    do
        assert_int_equal(cl_event_next(l.engine, &event), PN_OK);
    while (event.kind != CL_EVENT_MESSAGE && event.kind != CL_EVENT_FILE);
    assert_int_equal(cl_message_delete(l.engine, event.message), PN_E_STATE);
    assert_int_equal(cl_event_return(l.engine, event.sequence), PN_OK);
    assert_int_equal(cl_event_ack(l.engine, event.sequence), PN_OK);
    assert_int_equal(cl_event_ack(l.engine, event.sequence), PN_OK);
    assert_int_equal(cl_message_delete(l.engine, event.message), PN_OK);
    lonely_end(&l);
}

/* Hello items and receipts are no messages of the application's. */
static void what_is_not_the_applications_is_left_alone(void **state)
{
    const cl_item *hello;
    lonely l;
    (void)state;
    lonely_live(&l, LONELY_MET);
    assert_false(pn_list_is_empty(&l.engine->items));
    hello = PN_ENTRY(l.engine->items.next, cl_item, in_engine);
    assert_int_equal(hello->kind, CL_ITEM_HELLO);
    assert_int_equal(cl_outbox_retry(l.engine, hello->id), PN_E_NOT_FOUND);
    assert_int_equal(cl_outbox_cancel(l.engine, hello->id), PN_E_NOT_FOUND);
    assert_int_equal(cl_outbox_retry(l.engine, NULL), PN_OK);
    lonely_end(&l);
}

/* --- invitations ---------------------------------------------------------- */

static void an_invitation_is_refused(void **state)
{
    uint8_t id[CL_ID_BYTES], unknown[CL_ID_BYTES] = { 1 };
    static cl_invite_view view;
    cl_relay_view relay;
    size_t count;
    lonely l;
    (void)state;
    lonely_live(&l, LONELY_WAITING);
    assert_int_equal(
        cl_invite_create(l.engine, CL_INVITATION_LINK, too_long, 0, id),
        PN_E_ARG);
    assert_int_equal(
        cl_invite_create(l.engine, CL_INVITATION_LINK, bad_line, 0, id),
        PN_E_ARG);
    assert_int_equal(
        cl_invite_create(l.engine, CL_INVITATION_LINK, "peer", 0, id),
        PN_E_EXISTS);
    assert_int_equal(cl_invite_create(l.engine, CL_INVITATION_LINK, "",
                                      CL_EXPIRES_DAYS_MAX * cl_day_ms + 1, id),
                     PN_E_ARG);
    count = l.engine->open_invites;
    l.engine->open_invites = CL_INVITES_MAX;
    assert_int_equal(cl_invite_create(l.engine, CL_INVITATION_LINK, "", 0, id),
                     PN_E_FULL);
    l.engine->open_invites = count;
    assert_int_equal(
        cl_invite_create(l.engine, CL_INVITATION_LINK, "", MINUTE_MS, id),
        PN_OK);
    assert_int_equal(cl_invite_get(l.engine, unknown, &view), PN_E_NOT_FOUND);
    assert_int_equal(cl_invite_revoke(l.engine, unknown), PN_E_NOT_FOUND);
    assert_int_equal(cl_invite_get(l.engine, id, &view), PN_OK);
    assert_int_equal(view.state, CL_INVITE_PREPARING);
    assert_non_null(strstr(view.reason, "waiting for the relay"));
    assert_int_equal(cl_invite_revoke(l.engine, id), PN_OK);
    assert_int_equal(cl_invite_revoke(l.engine, id), PN_E_STATE);
    for (size_t i = 0; cl_relay_at(l.engine, i, &relay) == PN_OK; i++)
        if (relay.is_own)
            assert_int_equal(cl_relay_remove(l.engine, &relay.address), PN_OK);
    assert_int_equal(cl_invite_create(l.engine, CL_INVITATION_LINK, "", 0, id),
                     PN_E_NOT_FOUND);
    lonely_end(&l);
}

/* The text of an open invitation of this form. */
static const char *open_text(lonely *l, bool is_offline)
{
    static cl_invite_view view;
    for (size_t i = 0; cl_invite_at(l->engine, i, &view) == PN_OK; i++) {
        if (view.state == CL_INVITE_OPEN && view.is_offline == is_offline)
            return view.text;
    }
    fail_msg("no such invitation");
    abort();
}

static void an_answer_is_refused(void **state)
{
    static char text[CL_INVITATION_TEXT_MAX + 1];
    static cl_invite_view view;
    uint8_t id[CL_ID_BYTES], contact[CL_ID_BYTES];
    char reason[CL_REASON_MAX + 1];
    cl_failure failure;
    lonely l;
    (void)state;
    for (int offline = 0; offline < 2; offline++) {
        lonely_live(&l, LONELY_INVITING);
        (void)snprintf(text, sizeof text, "%s", open_text(&l, offline == 1));
        if (offline == 1) /* of a link one does not see whose it is */
            assert_int_equal(cl_invite_accept(l.engine, bytes_of(text), "", id),
                             PN_E_REFUSED);
        lonely_end(&l);
        lonely_live(&l, LONELY_WAITING);
        assert_int_equal(
            cl_invite_accept(l.engine, bytes_of(text), too_long, id), PN_E_ARG);
        assert_int_equal(
            cl_invite_accept(l.engine, bytes_of(text), bad_line, id), PN_E_ARG);
        assert_int_equal(cl_invite_accept(l.engine, bytes_of(text), "peer", id),
                         PN_E_EXISTS);
        assert_int_not_equal(
            cl_invite_accept(l.engine, PN_BYTES_LIT("hello"), "", id), PN_OK);
        assert_int_not_equal(
            cl_invite_accept(l.engine,
                             (pn_bytes){ (uint8_t *)text, strlen(text) - 1 },
                             "", id),
            PN_OK);
        assert_int_equal(
            cl_accept_state(l.engine, contact, contact, &failure, reason),
            PN_E_NOT_FOUND);
        assert_true(pn_list_is_empty(&l.engine->accepts));
        simenv_advance(&l.sim, 60 * cl_day_ms);
        assert_int_equal(cl_invite_accept(l.engine, bytes_of(text), "", id),
                         PN_E_TIMEOUT);
        lonely_end(&l);
        lonely_begin(&l, LONELY_NEW);
        assert_int_equal(lonely_open(&l), PN_OK);
        assert_int_equal(cl_invite_accept(l.engine, bytes_of(text), "", id),
                         PN_OK);
        assert_int_equal(
            cl_accept_state(l.engine, id, contact, &failure, reason), PN_MORE);
        assert_non_null(strstr(reason, "waiting for the relay"));
        for (size_t i = 0; i < 2; i++) {
            cl_relay_view relay;
            for (size_t k = 0; cl_relay_at(l.engine, k, &relay) == PN_OK; k++)
                (void)!cl_relay_remove(l.engine, &relay.address);
        }
        assert_int_equal(cl_invite_accept(l.engine, bytes_of(text), "", id),
                         PN_E_NOT_FOUND);
        lonely_end(&l);
    }
    lonely_live(&l, LONELY_INVITING);
    assert_int_equal(cl_invite_at(l.engine, 1000, &view), PN_E_NOT_FOUND);
    lonely_end(&l);
}

/* --- relays --------------------------------------------------------------- */

static void relays_are_chosen(void **state)
{
    pn_address a = { .kind = PN_HOST_IPV4, .port = 9, .host = "192.0.2.9" };
    static const uint8_t secret[PN_ACCESS_SECRET_MAX + 1];
    uint32_t wanted;
    uint64_t dead_ms;
    cl_relay_view view;
    lonely l;
    (void)state;
    lonely_live(&l, LONELY_NEW);
    assert_int_equal(cl_relay_add(l.engine, &a), PN_OK);
    assert_int_equal(cl_relay_add(l.engine, &a), PN_E_EXISTS);
    assert_int_equal(cl_relay_add_secret(l.engine, &a, (pn_bytes){ NULL, 0 }),
                     PN_E_ARG);
    assert_int_equal(cl_relay_add_secret(l.engine, &a, CL_VIEW(secret)),
                     PN_E_ARG);
    assert_int_equal(cl_relay_add_secret(l.engine, &a, PN_BYTES_LIT("one")),
                     PN_OK);
    restart(&l);
    assert_int_equal(cl_relay_at(l.engine, 2, &view), PN_E_NOT_FOUND);
    assert_int_equal(cl_relay_remove(l.engine, &a), PN_OK);
    assert_int_equal(cl_relay_remove(l.engine, &a), PN_E_NOT_FOUND);
    restart(&l);
    assert_int_equal(cl_relay_remove(l.engine, &a), PN_E_NOT_FOUND);
    for (uint8_t n = 1; n < CL_RELAYS_MAX; n++) {
        a.relay_key[0] = n;
        assert_int_equal(cl_relay_add(l.engine, &a), PN_OK);
    }
    a.relay_key[0] = CL_RELAYS_MAX;
    assert_int_equal(cl_relay_add(l.engine, &a), PN_E_FULL);
    a.relay_key[0] = 1; /* one we have may get a secret even then */
    assert_int_equal(cl_relay_add_secret(l.engine, &a, PN_BYTES_LIT("two")),
                     PN_OK);
    assert_int_equal(cl_relays_set(l.engine, 0, cl_day_ms), PN_E_ARG);
    assert_int_equal(cl_relays_set(l.engine, CL_QUEUES_MAX + 1, cl_day_ms),
                     PN_E_ARG);
    assert_int_equal(cl_relays_set(l.engine, 1, 10000 - 1), PN_E_ARG);
    assert_int_equal(cl_relays_set(l.engine, 1, 365 * cl_day_ms + 1), PN_E_ARG);
    assert_int_equal(cl_relays_set(l.engine, 1, 10000), PN_OK);
    restart(&l);
    cl_relays_get(l.engine, &wanted, &dead_ms);
    assert_int_equal(wanted, 1);
    assert_int_equal(dead_ms, 10000);
    lonely_end(&l);
}

/* --- the engine ----------------------------------------------------------- */

static void an_identity_has_a_good_name(void **state)
{
    lonely l = { .engine = NULL };
    cl_store store;
    (void)state;
    cl_engine_free(NULL);
    cl_engine_free(&l.engine);
    simenv_init(&l.sim, 1);
    l.env = simenv_env(&l.sim);
    memstore_init(&l.store);
    store = memstore_port(&l.store);
    assert_int_equal(cl_engine_create(&l.env, &store, too_long), PN_E_ARG);
    assert_int_equal(cl_engine_create(&l.env, &store, bad_line), PN_E_ARG);
    assert_int_equal(lonely_open(&l), PN_E_NOT_FOUND);
    assert_int_equal(cl_engine_create(&l.env, &store, "me"), PN_OK);
    assert_int_equal(lonely_open(&l), PN_OK);
    assert_string_equal(cl_engine_name(l.engine), "me");
    lonely_end(&l);
}

/* A store whose keys are gone says so to every command; one that fails for a
 * while does not for longer. */
static void commands_tell_of_a_store_that_is_gone(void **state)
{
    static const struct {
        pn_err gives, tells;
    } cases[] = { { PN_E_CLOSED, PN_E_CLOSED },
                  { PN_E_IO, PN_E_IO },
                  { PN_E_NOMEM, PN_E_IO } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lonely l;
        lonely_live(&l, LONELY_WAITING);
        l.store.fail_op = 1;
        l.store.fail_with = cases[i].gives;
        cl_engine_reload(l.engine);
        assert_true(l.engine->broken);
        l.store.fail_op = 1;
        assert_int_equal(cl_contact_block(l.engine, "peer", true),
                         cases[i].tells);
        assert_true(cl_engine_deadline(l.engine) > l.sim.mono_ms);
        l.store.fail_op = 1;
        assert_int_equal(cl_engine_pump(l.engine), PN_E_IO);
        assert_int_equal(cl_engine_pump(l.engine), PN_OK);
        assert_true(cl_engine_ok(l.engine));
        assert_int_equal(l.engine->item_count, 4);
        lonely_end(&l);
    }
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
        cmocka_unit_test(what_cannot_be_sent_is_refused),
        cmocka_unit_test(an_own_id_is_sent_once),
        cmocka_unit_test(a_message_has_a_life),
        cmocka_unit_test(what_is_not_the_applications_is_left_alone),
        cmocka_unit_test(an_invitation_is_refused),
        cmocka_unit_test(an_answer_is_refused),
        cmocka_unit_test(relays_are_chosen),
        cmocka_unit_test(an_identity_has_a_good_name),
        cmocka_unit_test(commands_tell_of_a_store_that_is_gone),
    };
    return cmocka_run_group_tests(tests, remember, forget);
}
