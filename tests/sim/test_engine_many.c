/* An engine with hundreds of mailboxes: what a person sends does not wait until
 * all of them are open. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/core/engine_state.h"
#include "tests/support/enginesim.h"

enum { MAILBOXES = 5 * PN_OPEN_MAX, RUN_MS = 1000 };

/* What person 0 said to the relay. */
typedef struct record {
    size_t opens, deposits;
    size_t opens_before; /* the first deposit */
} record;

static bool note(void *ctx, size_t i, const pn_msg *msg)
{
    record *seen = ctx;
    if (i == 0 && msg->kind == PN_MSG_QUEUE_OPEN)
        seen->opens++;
    if (i == 0 && msg->kind == PN_MSG_DEPOSIT && seen->deposits++ == 0)
        seen->opens_before = seen->opens;
    return false;
}

/* Contacts who have not answered yet, each with a mailbox. */
static void make_mailboxes(enginesim *w)
{
    cl_engine *e = w->people[0].engine;
    cl_relay *r = cl_relay_pick(e, NULL, 0);
    assert_non_null(r);
    for (size_t i = 0; i < MAILBOXES; i++) {
        char name[CL_NAME_MAX + 1];
        cl_contact *c;
        (void)snprintf(name, sizeof name, "contact %zu", i);
        assert_int_equal(cl_contact_new(e, name, &c), PN_OK);
        assert_int_equal(cl_queue_new(e, r, CL_OWNER_CONTACT, &c->queues[0]),
                         PN_OK);
        c->queue_count = 1;
        c->queues[0]->who.contact = c;
        assert_int_equal(cl_save_contact(e, c), PN_OK);
        assert_int_equal(cl_engine_commit(e), PN_OK);
        enginesim_settle(w); /* the relay makes it */
    }
}

static size_t open_count(const enginesim *w)
{
    const cl_engine *e = w->people[0].engine;
    size_t count = 0;
    for (size_t i = 0; i < e->contact_count; i++)
        count += e->contacts[i]->queues[0]->state == CL_QUEUE_OPEN;
    return count;
}

static void a_text_goes_between_the_openings(void **state)
{
    static const char text[] = "hello";
    const cl_send what = { .text = { (const uint8_t *)text, 5 },
                           .priority = PN_PRIORITY_NORMAL };
    enginesim *w = malloc(sizeof *w);
    record seen = { .opens = 0 };
    uint8_t id[CL_ID_BYTES];
    (void)state;
    assert_non_null(w);
    enginesim_init(w, 40, 2);
    enginesim_meet(w, 0, 1, CL_INVITATION_LINK);
    make_mailboxes(w);
    enginesim_run(w, RUN_MS);
    assert_int_equal(open_count(w), MAILBOXES + 1);
    enginesim_kill(w, 0);
    enginesim_start(w, 0);
    w->on_up = note;
    w->lie_ctx = &seen;
    for (size_t i = 0; i < 4; i++)
        enginesim_pump(w, 0); /* it asks, and nothing has moved yet */
    assert_int_equal(seen.opens, 0);
    assert_true(cl_engine_ok(w->people[0].engine));
    assert_int_equal(cl_outbox_send(w->people[0].engine, "peer 1", &what, id),
                     PN_OK);
    enginesim_pump(w, 0);
    enginesim_run(w, RUN_MS);
    assert_true(seen.deposits > 0);
    assert_int_equal(seen.opens_before, CL_OPENING);
    assert_true(seen.opens > CL_OPENING);
    assert_int_equal(open_count(w), MAILBOXES + 1); /* all, in the end */
    enginesim_free(w);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_goes_between_the_openings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
