/* One story of two people, told again and again, with one thing failing at
 * another place each time: the n-th allocation, a run of them, the n-th
 * operation of the store in ways that store.h allows, the n-th random draw.
 *
 * Every command that fails must not have happened, so that the application
 * does it again; at the end everybody has everything once, and has been told
 * so. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/enginesim.h"
#include "tests/support/faults.h"

enum { TEXTS = 6, SECOND_MS = 1000, MINUTE_MS = 60 * 1000, TRIES = 50 };

typedef struct teller {
    unsigned sent;
    uint8_t id[TEXTS][CL_ID_BYTES];
    unsigned taken[TEXTS]; /* acknowledged: of the other's */
    unsigned confirmed[TEXTS];
    unsigned failed;
    unsigned met;
} teller;

static enginesim *w;
static teller tellers[2];
static unsigned stride = 1, place;

/* A failure is repeated by its place. */
static int say_place(void **state)
{
    (void)state;
    print_message("last place %u\n", place);
    return 0;
}

/* --- commands, until they succeed --------------------------------------- */

typedef pn_err command_fn(cl_engine *e, void *arg);

/* What is asked of a store in trouble is asked again a little later. */
static void insist(size_t who, command_fn *command, void *arg)
{
    pn_err err = PN_OK;
    for (unsigned n = 0; n < TRIES; n++) {
        enginesim_enter(w, who);
        err = command(w->people[who].engine, arg);
        enginesim_leave(w);
        if (err == PN_OK)
            return;
        enginesim_run(w, SECOND_MS);
    }
    fail_msg("a command never succeeds: %s", pn_strerror(err));
}

typedef struct invitation {
    const char *name;
    uint8_t id[CL_ID_BYTES];
} invitation;

static pn_err create(cl_engine *e, void *arg)
{
    invitation *i = arg;
    return cl_invite_create(e, CL_INVITATION_LINK, i->name, 0, i->id);
}

static pn_err revoke(cl_engine *e, void *id)
{
    const pn_err err = cl_invite_revoke(e, id);
    return err == PN_E_STATE ? PN_OK : err; /* it was, by an earlier try */
}

typedef struct acceptance {
    const char *text;
    uint8_t id[CL_ID_BYTES];
} acceptance;

static pn_err accept(cl_engine *e, void *arg)
{
    acceptance *a = arg;
    return cl_invite_accept(
        e, (pn_bytes){ (const uint8_t *)a->text, strlen(a->text) }, "anna",
        a->id);
}

static pn_err verify(cl_engine *e, void *name)
{
    return cl_contact_verify(e, name, NULL);
}

static pn_err block(cl_engine *e, void *name)
{
    return cl_contact_block(e, name, true);
}

static pn_err unblock(cl_engine *e, void *name)
{
    return cl_contact_block(e, name, false);
}

static pn_err restored(cl_engine *e, void *arg)
{
    pn_err err = cl_engine_restored(e);
    (void)arg;
    /* One of its sessions failed: begin at the beginning. */
    return err == PN_OK ? cl_engine_commit(e) : err;
}

static pn_err retry(cl_engine *e, void *arg)
{
    return cl_outbox_retry(e, arg);
}

typedef struct saying {
    const char *to;
    cl_send what;
    uint8_t *id;
} saying;

static pn_err say_once(cl_engine *e, void *arg)
{
    const saying *s = arg;
    return cl_outbox_send(e, s->to, &s->what, s->id);
}

static void say(size_t from)
{
    teller *t = &tellers[from];
    char text[32], own[8];
    saying s = { .to = from == 0 ? "ben" : "anna", .id = t->id[t->sent] };
    (void)snprintf(text, sizeof text, "%zu %u", from, t->sent);
    (void)snprintf(own, sizeof own, "%u", t->sent);
    s.what.priority = PN_PRIORITY_NORMAL;
    s.what.own_id = (pn_bytes){ (uint8_t *)own, strlen(own) };
    if (t->sent % 2 == 1) {
        s.what.file_name = PN_BYTES_LIT("file.txt");
        s.what.file_bytes = (pn_bytes){ (uint8_t *)text, strlen(text) };
    } else {
        s.what.text = (pn_bytes){ (uint8_t *)text, strlen(text) };
    }
    insist(from, say_once, &s);
    t->sent++;
}

/* --- events ------------------------------------------------------------- */

static pn_err ack(cl_engine *e, void *sequence)
{
    return cl_event_ack(e, *(uint64_t *)sequence);
}

typedef struct reading {
    const uint8_t *id;
    char text[32];
} reading;

static pn_err read_body(cl_engine *e, void *arg)
{
    reading *r = arg;
    pn_buf body;
    pn_err err;
    pn_buf_init(&body, 1000);
    err = cl_message_body(e, r->id, &body);
    if (err == PN_OK) {
        assert_true(pn_buf_len(&body) < sizeof r->text);
        memset(r->text, 0, sizeof r->text);
        memcpy(r->text, pn_buf_view(&body).p, pn_buf_len(&body));
    }
    pn_buf_clear(&body);
    return err;
}

static unsigned number_of(const teller *t, const uint8_t *id)
{
    unsigned n = 0;
    while (n < t->sent && memcmp(t->id[n], id, CL_ID_BYTES) != 0)
        n++;
    assert_true(n < t->sent);
    return n;
}

static void take_event(size_t who, cl_event *event)
{
    teller *t = &tellers[who];
    reading r = { .id = event->message };
    unsigned long number;
    char *end;
    if (event->kind == CL_EVENT_MESSAGE || event->kind == CL_EVENT_FILE) {
        insist(who, read_body, &r);
        assert_int_equal(strtoul(r.text, &end, 10), 1 - who);
        number = strtoul(end, NULL, 10);
        assert_true(number < tellers[1 - who].sent);
        assert_int_equal(event->kind == CL_EVENT_FILE, number % 2 == 1);
        assert_int_equal(t->taken[number], 0); /* acknowledged before */
        insist(who, ack, &event->sequence);
        t->taken[number]++;
        return;
    }
    if (event->kind == CL_EVENT_DELIVERED)
        t->confirmed[number_of(t, event->message)]++;
    t->failed += event->kind == CL_EVENT_FAILED;
    t->met += event->kind == CL_EVENT_CONTACT_ADDED;
    insist(who, ack, &event->sequence);
}

static pn_err next(cl_engine *e, void *event)
{
    const pn_err err = cl_event_next(e, event);
    return err == PN_E_NOT_FOUND ? PN_OK : err;
}

static void take_all(void)
{
    for (size_t who = 0; who < 2; who++) {
        for (;;) {
            cl_event event = { .sequence = 0 };
            insist(who, next, &event);
            if (event.sequence == 0)
                break;
            take_event(who, &event);
        }
    }
}

/* --- the story ---------------------------------------------------------- */

static cl_invite_view *wait_for(const uint8_t *id, cl_invite_state state)
{
    cl_invite_view *view = calloc(1, sizeof *view);
    assert_non_null(view);
    for (unsigned n = 0; n < TRIES; n++) {
        enginesim_run(w, 5 * SECOND_MS);
        if (cl_invite_get(w->people[0].engine, id, view) == PN_OK &&
            view->state == state)
            return view;
    }
    fail_msg("an invitation does not get on");
    return NULL;
}

static void meet(void)
{
    invitation made = { .name = "ben" }, other = { .name = "" };
    cl_invite_view *view;
    acceptance a;
    insist(0, create, &made);
    view = wait_for(made.id, CL_INVITE_OPEN);
    a.text = view->text;
    insist(1, accept, &a);
    free(wait_for(made.id, CL_INVITE_ANSWERED));
    free(view);
    insist(0, create, &other);
    insist(0, revoke, other.id);
    free(wait_for(other.id, CL_INVITE_REVOKED));
}

static bool all_is_well(void)
{
    for (size_t who = 0; who < 2; who++) {
        for (unsigned n = 0; n < tellers[who].sent; n++) {
            if (tellers[who].confirmed[n] == 0 ||
                tellers[1 - who].taken[n] == 0)
                return false;
        }
    }
    return true;
}

/* Until all has arrived and is confirmed: soon, or after some resending. */
static void finish(void)
{
    for (unsigned day = 0; day < 12 && !all_is_well(); day++) {
        take_all();
        for (unsigned n = 0; n < 4 && !all_is_well(); n++) {
            enginesim_run(w, 8 * MINUTE_MS);
            take_all();
        }
        if (!all_is_well())
            enginesim_run(w, (uint64_t)24 * 60 * MINUTE_MS);
    }
    assert_true(all_is_well());
    for (size_t who = 0; who < 2; who++) {
        assert_int_equal(tellers[who].failed, 0);
        assert_int_equal(tellers[who].met, 1);
        for (unsigned n = 0; n < tellers[who].sent; n++)
            assert_int_equal(tellers[who].confirmed[n], 1);
    }
}

static void tell_story(size_t faulty)
{
    meet();
    say(0);
    say(1);
    enginesim_run(w, SECOND_MS);
    take_all();
    say(0);
    insist(1, verify, (char[]){ "anna" });
    insist(0, block, (char[]){ "ben" });
    insist(0, unblock, (char[]){ "ben" });
    enginesim_run(w, MINUTE_MS);
    take_all();
    /* The faulty one comes back with an older store, as far as it knows. */
    enginesim_kill(w, faulty);
    enginesim_start(w, faulty);
    insist(faulty, restored, NULL);
    say(faulty);
    say(1 - faulty);
    insist(faulty, retry, NULL);
    enginesim_run(w, MINUTE_MS);
    finish();
}

static void begin(size_t faulty)
{
    memset(tellers, 0, sizeof tellers);
    enginesim_init(w, 5, 2);
    w->faulty = faulty;
    enginesim_leave(w);
}

/* --- what fails --------------------------------------------------------- */

/* Every n-th allocation alone, and with the `more` that follow. */
static unsigned allocations(size_t faulty, unsigned more)
{
    unsigned n = 1 + more % stride;
    for (;; n += stride) {
        begin(faulty);
        place = n;
        (void)faults_arm_run(n, more);
        tell_story(faulty);
        enginesim_free(w);
        if (!faults_hit())
            break;
    }
    print_message("%u allocations of person %zu\n", n, faulty);
    return n;
}

static void an_allocation_fails(void **state)
{
    (void)state;
    for (size_t faulty = 0; faulty < 2; faulty++)
        assert_true(allocations(faulty, 0) > 150);
}

/* The first failure is recovered from while memory is still short. */
static void memory_is_short_for_a_while(void **state)
{
    (void)state;
    for (size_t faulty = 0; faulty < 2; faulty++) {
        assert_true(allocations(faulty, 3) > 150);
        assert_true(allocations(faulty, 40) > 150);
    }
}

static void operations(size_t faulty, pn_err with)
{
    memstore *store = &w->people[faulty].store;
    unsigned n = 1;
    for (;; n += stride) {
        bool hit;
        begin(faulty);
        place = n;
        store->fail_op = n;
        store->fail_with = with;
        tell_story(faulty);
        hit = store->hit;
        enginesim_free(w);
        if (!hit)
            break;
    }
    print_message("%u operations of person %zu\n", n, faulty);
    assert_true(n > 150);
}

static void the_store_fails(void **state)
{
    (void)state;
    for (size_t faulty = 0; faulty < 2; faulty++)
        operations(faulty, PN_E_IO);
}

static void the_store_is_full(void **state)
{
    (void)state;
    for (size_t faulty = 0; faulty < 2; faulty++)
        operations(faulty, PN_E_FULL);
}

/* Where the operating system has no random bytes for once. */
static void randomness_fails(void **state)
{
    (void)state;
    for (size_t faulty = 0; faulty < 2; faulty++) {
        simenv *sim = &w->people[faulty].sim;
        bool hit = true;
        for (unsigned n = 1; hit; n += stride) {
            begin(faulty);
            place = n;
            sim->random_at = n;
            tell_story(faulty);
            hit = sim->random_hit;
            enginesim_free(w);
        }
        assert_true(place > 30);
    }
}

static int make_world(void **state)
{
    (void)state;
    w = malloc(sizeof *w);
    return w == NULL ? -1 : 0;
}

static int drop_world(void **state)
{
    (void)state;
    free(w);
    return 0;
}

/* The argument is the distance between two places that fail; 1: every one. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_allocation_fails, say_place),
        cmocka_unit_test_teardown(memory_is_short_for_a_while, say_place),
        cmocka_unit_test_teardown(the_store_fails, say_place),
        cmocka_unit_test_teardown(the_store_is_full, say_place),
        cmocka_unit_test_teardown(randomness_fails, say_place),
    };
    if (argc > 1)
        stride = (unsigned)strtoul(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, make_world, drop_world);
}
