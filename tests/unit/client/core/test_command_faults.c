/* Each command, with one thing failing at another place each time: the n-th
 * allocation, the n-th operation of the store, the n-th random draw. What fails
 * has not happened, to the last byte of the store; what is tried again
 * succeeds. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/sweep.h"

/* --- contacts ------------------------------------------------------------- */

static pn_err rename_it(lonely *l)
{
    const pn_err err = cl_contact_rename(l->engine, "peer", "another");
    return err == PN_E_NOT_FOUND ? PN_OK : err; /* by the first try */
}

static pn_err verify(lonely *l)
{
    return cl_contact_verify(l->engine, "peer", NULL);
}

/* By its number, read aloud. */
static pn_err compare(lonely *l)
{
    static cl_contact_view view;
    PN_TRY(cl_contact_get(l->engine, "peer", true, &view));
    return cl_contact_verify(l->engine, "peer", view.safety);
}

static pn_err block(lonely *l)
{
    return cl_contact_block(l->engine, "peer", true);
}

static pn_err choose(lonely *l)
{
    return cl_contact_choose(l->engine, "peer", CL_CHOICE_THIN);
}

static pn_err remove_it(lonely *l)
{
    const pn_err err = cl_contact_remove(l->engine, "peer");
    return err == PN_E_NOT_FOUND ? PN_OK : err;
}

static pn_err say_yes(lonely *l)
{
    static cl_contact_view view;
    PN_TRY(cl_contact_get(l->engine, "peer 0", true, &view));
    return cl_contact_decide(l->engine, "peer 0", view.safety_changed, true);
}

static pn_err say_no(lonely *l)
{
    return cl_contact_decide(l->engine, "peer 0", NULL, false);
}

/* --- mail ----------------------------------------------------------------- */

static pn_err send_text(lonely *l)
{
    const cl_send what = { .text = PN_BYTES_LIT("text"),
                           .own_id = PN_BYTES_LIT("mine"),
                           .priority = PN_PRIORITY_URGENT };
    uint8_t id[CL_ID_BYTES];
    return cl_outbox_send(l->engine, "peer", &what, id);
}

static pn_err send_file(lonely *l)
{
    const cl_send what = { .file_name = PN_BYTES_LIT("a.txt"),
                           .file_bytes = PN_BYTES_LIT("bytes"),
                           .priority = PN_PRIORITY_BULK };
    uint8_t id[CL_ID_BYTES];
    return cl_outbox_send(l->engine, "peer", &what, id);
}

static pn_err retry_all(lonely *l)
{
    return cl_outbox_retry(l->engine, NULL);
}

/* Those that all relays hold. */
static pn_err retry_each(lonely *l)
{
    for (pn_node *n = l->engine->items.next; n != &l->engine->items;
         n = n->next) {
        cl_item *item = PN_ENTRY(n, cl_item, in_engine);
        if (cl_item_is_everywhere(item))
            return cl_outbox_retry(l->engine, item->id);
    }
    return PN_E_NOT_FOUND;
}

static pn_err cancel(lonely *l)
{
    static cl_item_view view;
    PN_TRY(cl_item_at(l->engine, 0, &view));
    return cl_outbox_cancel(l->engine, view.id);
}

/* A message that is neither under way nor to be acknowledged. */
static pn_err delete_one(lonely *l)
{
    uint64_t cursor = 0;
    cl_message m;
    pn_err err;
    while ((err = cl_message_next(l->engine, &cursor, &m)) == PN_OK) {
        err = cl_message_delete(l->engine, m.id);
        if (err != PN_E_STATE)
            return err;
    }
    return err;
}

static uint64_t given;

static void give_first(lonely *l)
{
    cl_event event;
    assert_int_equal(cl_event_next(l->engine, &event), PN_OK);
    assert_true(event.kind == CL_EVENT_MESSAGE || event.kind == CL_EVENT_FILE);
    given = event.sequence;
}

static pn_err ack(lonely *l)
{
    return cl_event_ack(l->engine, given);
}

/* --- invitations ---------------------------------------------------------- */

static pn_err invite(lonely *l)
{
    uint8_t id[CL_ID_BYTES];
    return cl_invite_create(l->engine, CL_INVITATION_LINK, "new", 0, id);
}

static pn_err revoke_all(lonely *l)
{
    for (pn_node *n = l->engine->invites.next; n != &l->engine->invites;
         n = n->next) {
        const cl_invite *i = PN_ENTRY(n, cl_invite, in_engine);
        if (i->state == CL_INVITE_OPEN)
            return cl_invite_revoke(l->engine, i->id);
    }
    return PN_E_NOT_FOUND;
}

static cl_invite_view texts[2]; /* of one person's invitations: both forms */

static int remember(void **state)
{
    lonely l;
    (void)state;
    lonely_remember();
    lonely_live(&l, LONELY_INVITING);
    for (size_t i = 0;; i++) {
        static cl_invite_view view;
        if (cl_invite_at(l.engine, i, &view) != PN_OK)
            break;
        if (view.state == CL_INVITE_OPEN)
            texts[view.is_offline] = view;
    }
    lonely_end(&l);
    return 0;
}

static pn_err accept_text(lonely *l, const char *text)
{
    uint8_t id[CL_ID_BYTES];
    return cl_invite_accept(l->engine,
                            (pn_bytes){ (const uint8_t *)text, strlen(text) },
                            "new", id);
}

static pn_err accept_link(lonely *l)
{
    return accept_text(l, texts[0].text);
}

static pn_err accept_offline(lonely *l)
{
    return accept_text(l, texts[1].text);
}

/* --- settings ------------------------------------------------------------- */

static pn_err add_relay(lonely *l)
{
    pn_address a = { .kind = PN_HOST_IPV4, .port = 9, .host = "192.0.2.9" };
    return cl_relay_add_secret(l->engine, &a, PN_BYTES_LIT("secret"));
}

static pn_err drop_relay(lonely *l)
{
    static cl_relay_view view;
    pn_err err;
    PN_TRY(cl_relay_at(l->engine, 0, &view));
    err = cl_relay_remove(l->engine, &view.address);
    return err == PN_E_NOT_FOUND ? PN_OK : err;
}

static pn_err set_relays(lonely *l)
{
    return cl_relays_set(l->engine, 3, 2 * cl_day_ms);
}

static pn_err set_thin(lonely *l)
{
    return cl_engine_set_profile(l->engine, CL_PROFILE_THIN);
}

static pn_err set_ways(lonely *l)
{
    return cl_engine_set_routing(l->engine, CL_ROUTING_APART);
}

/* It stages only: who calls it goes on, or forgets it all. */
static pn_err restored(lonely *l)
{
    const pn_err err = cl_engine_restored(l->engine);
    if (err == PN_OK)
        return cl_engine_commit(l->engine);
    cl_engine_reload(l->engine);
    return err;
}

static const sweep_plan commands[] = {
    { "rename", LONELY_WAITING, NULL, rename_it, false },
    { "verify", LONELY_WAITING, NULL, verify, false },
    { "compare", LONELY_WAITING, NULL, compare, false },
    { "block", LONELY_WAITING, NULL, block, true },
    { "choose", LONELY_WAITING, NULL, choose, false },
    { "remove", LONELY_WAITING, NULL, remove_it, true },
    { "remove the other", LONELY_HOLDING, NULL, remove_it, true },
    { "yes", LONELY_CHANGED, NULL, say_yes, true },
    { "no", LONELY_CHANGED, NULL, say_no, true },
    { "text", LONELY_WAITING, NULL, send_text, true },
    { "file", LONELY_HOLDING, NULL, send_file, true },
    { "retry all", LONELY_WAITING, NULL, retry_all, true },
    { "retry each", LONELY_WAITING, NULL, retry_each, true },
    { "cancel", LONELY_WAITING, NULL, cancel, true },
    { "delete", LONELY_HOLDING, NULL, delete_one, false },
    { "ack", LONELY_HOLDING, give_first, ack, true },
    { "invite", LONELY_WAITING, NULL, invite, false },
    { "revoke", LONELY_INVITING, NULL, revoke_all, true },
    { "accept a link", LONELY_WAITING, NULL, accept_link, false },
    { "accept offline", LONELY_WAITING, NULL, accept_offline, false },
    { "add a relay", LONELY_WAITING, NULL, add_relay, true },
    { "drop a relay", LONELY_WAITING, NULL, drop_relay, true },
    { "relays", LONELY_WAITING, NULL, set_relays, true },
    { "thin", LONELY_WAITING, NULL, set_thin, false },
    { "direct", LONELY_WAITING, NULL, set_ways, true },
    { "restored", LONELY_WAITING, NULL, restored, true },
};

static void a_command_happens_or_does_not(void **state)
{
    (void)state;
    sweep_all(commands, sizeof commands / sizeof commands[0]);
}

/* --- a new identity ------------------------------------------------------- */

static bool create_fails(int fault, unsigned n)
{
    lonely l = { .engine = NULL };
    cl_store store;
    pn_err err;
    bool hit;
    simenv_init(&l.sim, 9);
    l.env = simenv_env(&l.sim);
    memstore_init(&l.store);
    store = memstore_port(&l.store);
    sweep_arm(&l, fault, n);
    err = cl_engine_create(&l.env, &store, "me");
    hit = sweep_disarm(&l);
    assert_int_equal(err != PN_OK, hit);
    assert_true(memstore_is_clean(&l.store));
    if (hit) {
        assert_int_equal(lonely_open(&l), PN_E_NOT_FOUND);
        assert_int_equal(cl_engine_create(&l.env, &store, "me"), PN_OK);
    }
    assert_int_equal(cl_engine_create(&l.env, &store, "me"), PN_E_EXISTS);
    assert_int_equal(lonely_open(&l), PN_OK);
    lonely_end(&l);
    return hit;
}

static void an_identity_is_made_or_is_not(void **state)
{
    (void)state;
    for (int fault = 0; fault < SWEEP_FAULTS; fault++) {
        unsigned n = 1;
        while (create_fails(fault, n))
            n++;
        assert_true(n > 2);
    }
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
        cmocka_unit_test(a_command_happens_or_does_not),
        cmocka_unit_test(an_identity_is_made_or_is_not),
    };
    return cmocka_run_group_tests(tests, remember, forget);
}
