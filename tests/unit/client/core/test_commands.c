/* Commands of the engine about mail, invitations and relays, without anything
 * failing: what they refuse, and with which error; what they do, as it is seen
 * at once and after a restart. */
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

static pn_bytes bytes_of(const char *text)
{
    return (pn_bytes){ (const uint8_t *)text, strlen(text) };
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
