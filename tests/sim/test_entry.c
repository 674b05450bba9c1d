/* Mail through entry relays, with two people and three relays in virtual time.
 * Person 0 is at relay 0, person 1 at relays 1 and 2, so that what person 1
 * writes goes to relay 0 through one of these two. Mailboxes are those of the
 * real core; who forwards is played here, for it has to die, lie, forge and
 * forget at will.
 *
 * Asked after each: the message was given exactly once, and its sender was told
 * what is so. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/support/relaysim.h"

enum {
    R = 0,      /* where it is to lie */
    SENDER = 1, /* the person */
    CARRIER = RELAYSIM_PEOPLE,
    HELD_MAX = 64,
    KEYS = 2,
    MINUTE_MS = 60 * 1000,
    HOUR_MS = 60 * MINUTE_MS,
};
static const uint64_t day_ms = (uint64_t)24 * HOUR_MS;

/* A parcel in the custody of relay s. */
typedef struct held {
    uint8_t *parcel; /* owned; NULL: gone */
    size_t len;
    size_t s;
    uint64_t frame;  /* of the Forward */
    uint32_t number; /* of the link it came by */
    pn_parcel_reply reply;
} held;

static relaysim *w;
static held custody[HELD_MAX];
static size_t held_count;
static unsigned forwards[3];
static pn_xwing_key keys[KEYS];
static size_t current;     /* of R's onion keys; the others are destroyed */
static uint64_t announced; /* sequence of the descriptor entries know */
static bool is_listed, is_dropping, is_forging, is_deaf;
static uint8_t plain[PN_PARCEL_PLAIN_MAX], sealed[PN_REPLY_MAX];

static void describe(size_t i, size_t s, const pn_msg *ask)
{
    static uint8_t out[PN_DESCRIPTOR_BYTES_MAX], operator_id[32];
    const pn_bytes key = ask->u.descriptor_request.relay_key;
    const bool is_r = memcmp(key.p, w->relay[R].address.relay_key, 32) == 0;
    const relaysim_relay *of = &w->relay[is_r ? R : s];
    const uint64_t now = pn_wall_ms(&w->people[i].env);
    const uint64_t from = now - 60 * 1000;
    pn_descriptor d = { .relay_key = of->address.relay_key,
                        .sequence = is_r ? announced : 1,
                        .from_ms = from,
                        .until_ms = from + 40 * day_ms,
                        .limits = { 3, 21, 21, PN_ACCESS_OPEN, 64, 1 << 20 },
                        .operator_id = operator_id };
    pn_msg msg = { .id = ask->id, .kind = PN_MSG_DESCRIPTOR };
    size_t len = 0;
    d.onions[0] = (pn_descriptor_onion){ .pk = keys[(announced - 1) % KEYS].pk,
                                         .from_ms = from,
                                         .until_ms = from + 40 * day_ms };
    d.onion_count = 1;
    if (is_listed || !is_r)
        FUZZ_CHECK(pn_descriptor_sign(&d, of->sign_sk, out, sizeof out, &len) ==
                   PN_OK);
    msg.u.descriptor.descriptor = (pn_bytes){ out, len };
    relaysim_give(w, i, s, &msg);
}

static void take(size_t i, size_t s, const pn_msg *forward)
{
    const pn_bytes parcel = forward->u.forward.parcel;
    pn_msg msg = { .id = forward->id, .kind = PN_MSG_FORWARD_RESULT };
    msg.u.forward_result.status = PN_FORWARD_ACCEPTED;
    forwards[s]++;
    if (!is_dropping) {
        held *h = &custody[held_count++];
        FUZZ_CHECK(held_count <= HELD_MAX);
        h->parcel = malloc(parcel.len);
        FUZZ_CHECK(h->parcel != NULL);
        memcpy(h->parcel, parcel.p, parcel.len);
        h->len = parcel.len;
        h->s = s;
        h->frame = forward->id;
        h->number = w->people[i].line[s].number;
    }
    relaysim_give(w, i, s, &msg);
}

static bool on_up(void *ctx, size_t i, size_t r, const pn_msg *msg)
{
    (void)ctx;
    if (msg->kind == PN_MSG_DESCRIPTOR_REQUEST) {
        describe(i, r, msg);
        return true;
    }
    if (msg->kind != PN_MSG_FORWARD)
        return false;
    assert_int_equal(i, SENDER);
    assert_int_not_equal(r, R);
    assert_memory_equal(msg->u.forward.destination.p,
                        w->relay[R].address.relay_key, 32);
    take(i, r, msg);
    return true;
}

/* --- what R says of a parcel ---------------------------------------------- */

static void reply(const held *h, pn_parcel_outcome outcome,
                  pn_parcel_status status)
{
    const pn_parcel_answer answer = { .status = status };
    static const uint8_t none[PN_KEY_ID_BYTES];
    pn_msg msg = { .id = h->frame, .kind = PN_MSG_FORWARD_REPLY };
    size_t len = 0;
    if (w->people[SENDER].line[h->s].number != h->number)
        return; /* nobody knows who asked */
    msg.u.forward_reply.outcome = outcome;
    if (outcome == PN_PARCEL_DONE) {
        FUZZ_CHECK(pn_parcel_reply_seal(&w->env, &h->reply, &answer, sealed,
                                        sizeof sealed, &len) == PN_OK);
        if (is_forging)
            sealed[len / 2] ^= 1;
        msg.u.forward_reply.reply = (pn_bytes){ sealed, len };
    } else {
        msg.u.forward_reply.key_id = (pn_bytes){ none, sizeof none };
    }
    relaysim_give(w, SENDER, h->s, &msg);
}

static void on_others(void *ctx, size_t r, const pn_msg *msg)
{
    const held *h;
    (void)ctx;
    if (msg->kind != PN_MSG_DEPOSIT_RESULT)
        return;
    assert_int_equal(r, R);
    h = &custody[msg->id - 1];
    if (!is_deaf)
        reply(h, PN_PARCEL_DONE,
              msg->u.deposit_result.status == PN_DEPOSIT_STORED ? PN_PARCEL_OK
              : msg->u.deposit_result.status == PN_DEPOSIT_DUPLICATE
                  ? PN_PARCEL_DUPLICATE
                  : PN_PARCEL_UNKNOWN);
}

/* Relay s brings R what it has. */
static void bring(size_t s)
{
    if (w->relay[R].core.links[CARRIER].link == NULL)
        coresim_open(&w->relay[R].core, CARRIER);
    for (size_t n = 0; n < held_count; n++) {
        held *h = &custody[n];
        pn_parcel_opened opened;
        pn_msg msg = { .id = n + 1, .kind = PN_MSG_DEPOSIT };
        if (h->parcel == NULL || h->s != s)
            continue;
        if (pn_parcel_open(&opened, (pn_bytes){ h->parcel, h->len },
                           w->relay[R].address.relay_key, &keys[current], plain,
                           sizeof plain) == PN_OK) {
            h->reply = opened.reply;
            msg.u.deposit = opened.command.u.deposit;
            FUZZ_CHECK(coresim_take(&w->relay[R].core, CARRIER, &msg) == PN_OK);
            relaysim_relay_work(w, R);
        } else {
            reply(h, PN_PARCEL_REFUSED, PN_PARCEL_OK);
        }
        free(h->parcel);
        h->parcel = NULL;
    }
}

static void bring_all(void)
{
    for (size_t s = 1; s < 3; s++)
        bring(s);
}

/* The disk of relay s is gone. */
static void lose(size_t s)
{
    for (size_t n = 0; n < held_count; n++) {
        if (custody[n].s != s)
            continue;
        free(custody[n].parcel);
        custody[n].parcel = NULL;
    }
}

/* --- scenes --------------------------------------------------------------- */

/* Time goes on, and what is in custody is brought unless told. */
static void run(uint64_t ms, bool brings)
{
    for (uint64_t step; ms > 0; ms -= step) {
        step = ms < 500 ? ms : ms > HOUR_MS ? MINUTE_MS : 500;
        relaysim_run(w, step);
        if (brings)
            bring_all();
        relaysim_settle(w);
    }
}

static unsigned taken(size_t who, cl_event_kind kind)
{
    unsigned count = 0;
    cl_event event;
    while (cl_event_next(w->people[who].engine, &event) == PN_OK) {
        count += event.kind == kind ? 1 : 0;
        assert_int_equal(cl_event_ack(w->people[who].engine, event.sequence),
                         PN_OK);
    }
    return count;
}

static void say(void)
{
    const cl_send what = { .text = PN_BYTES_LIT("hello"),
                           .priority = PN_PRIORITY_NORMAL };
    uint8_t id[CL_ID_BYTES];
    assert_int_equal(
        cl_outbox_send(w->people[SENDER].engine, "peer", &what, id), PN_OK);
}

static const cl_item_view *item(void)
{
    static cl_item_view view;
    assert_int_equal(cl_item_at(w->people[SENDER].engine, 0, &view), PN_OK);
    return &view;
}

static int setup(void **state)
{
    (void)state;
    w = malloc(sizeof *w);
    assert_non_null(w);
    relaysim_init(w, 4, 3, 1);
    for (size_t k = 0; k < KEYS; k++) {
        uint8_t sk[PN_XWING_SK_BYTES];
        memset(sk, (int)(k + 1), sizeof sk);
        assert_int_equal(pn_xwing_expand(&keys[k], sk), PN_OK);
    }
    memset(custody, 0, sizeof custody);
    memset(forwards, 0, sizeof forwards);
    held_count = current = 0;
    announced = 1;
    is_listed = true;
    is_dropping = is_forging = is_deaf = false;
    relaysim_meet(w, CL_INVITATION_LINK);
    relaysim_run(w, 20 * MINUTE_MS);
    relaysim_know(w, 1, 1);
    relaysim_know(w, 1, 2);
    assert_int_equal(cl_relay_remove(w->people[1].engine, &w->relay[R].address),
                     PN_OK);
    relaysim_run(w, 2 * day_ms); /* its mailboxes have moved */
    for (size_t i = 0; i < 2; i++)
        (void)taken(i, CL_EVENT_MESSAGE);
    assert_int_equal(
        cl_engine_set_routing(w->people[SENDER].engine, CL_ROUTING_AUTO),
        PN_OK);
    w->on_up = on_up;
    w->on_others = on_others;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t n = 0; n < held_count; n++)
        free(custody[n].parcel);
    relaysim_free(w);
    free(w);
    return 0;
}

static void assert_arrived(void)
{
    assert_int_equal(taken(0, CL_EVENT_MESSAGE), 1);
    run(30 * MINUTE_MS, true);
    assert_int_equal(taken(SENDER, CL_EVENT_DELIVERED), 1);
    run(2 * day_ms, true);
    assert_int_equal(taken(0, CL_EVENT_MESSAGE), 0);
}

/* The mailbox's relay does not meet the sender; the entry is told apart from
 * where the message lies. */
static void through_one_relay(void **state)
{
    const uint64_t straight = w->relay[R].deposits;
    (void)state;
    relaysim_kill(w, 0);
    say();
    run(1000, false);
    assert_int_equal(forwards[1] + forwards[2], 1);
    assert_int_equal(item()->state, CL_ITEM_RELAYED);
    assert_int_equal(item()->held, 0);
    assert_true(item()->copies[0].in_custody);
    assert_true(strncmp(item()->reason, "in custody of ", 14) == 0);
    run(1000, true);
    assert_int_equal(item()->held, 1);
    assert_false(item()->copies[0].in_custody);
    assert_true(w->relay[R].deposits == straight);
    relaysim_start(w, 0);
    run(MINUTE_MS, true);
    assert_arrived();
}

/* The same entry for one contact, as long as it is there. */
static void one_entry_for_one_contact(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 8; n++) {
        say();
        run(MINUTE_MS, true);
    }
    assert_true(forwards[1] == 0 || forwards[2] == 0);
    assert_int_equal(taken(0, CL_EVENT_MESSAGE), 8);
}

/* It dies with what it accepted: another brings it. */
static void the_entry_dies(void **state)
{
    size_t s;
    (void)state;
    say();
    run(1000, false);
    s = forwards[1] > 0 ? 1 : 2;
    lose(s);
    relaysim_relay_stop(w, s, 0);
    run(HOUR_MS, true);
    assert_int_equal(forwards[3 - s], 1);
    assert_int_equal(taken(0, CL_EVENT_MESSAGE), 1);
}

/* It says accepted and throws away: the message goes again until it arrives. */
static void an_entry_drops_all(void **state)
{
    (void)state;
    is_dropping = true;
    say();
    run(2 * HOUR_MS + 30 * MINUTE_MS, true);
    assert_int_equal(forwards[1] + forwards[2], 2); /* ever later */
    assert_int_equal(taken(0, CL_EVENT_MESSAGE), 0);
    is_dropping = false;
    run(day_ms / 4, true);
    assert_arrived();
}

/* An answer that R did not seal counts for nothing, and its bearer is left. */
static void an_answer_is_forged(void **state)
{
    (void)state;
    is_forging = true;
    relaysim_kill(w, 0);
    say();
    run(500, false);
    bring_all();
    relaysim_settle(w);
    assert_int_equal(item()->held, 0);
    assert_int_equal(item()->state, CL_ITEM_QUEUED);
    is_forging = false;
    run(MINUTE_MS, true);
    assert_int_equal(forwards[1], 1); /* by the other this time */
    assert_int_equal(forwards[2], 1);
    assert_int_equal(item()->held, 1);
    relaysim_start(w, 0);
    run(MINUTE_MS, true);
    assert_arrived();
}

/* R stores it and its answer is lost, with the link: it comes twice to R and
 * once to the person. */
static void an_answer_is_lost(void **state)
{
    (void)state;
    is_deaf = true;
    say();
    run(1000, true);
    relaysim_cut(w, SENDER, 1);
    relaysim_cut(w, SENDER, 2);
    is_deaf = false;
    run(HOUR_MS, true);
    assert_int_equal(forwards[1] + forwards[2], 2);
    assert_arrived();
}

/* R has another onion key: what was sealed to the old one is refused, and goes
 * again when the entry knows the new one. */
static void the_key_is_replaced(void **state)
{
    (void)state;
    say();
    run(MINUTE_MS, true);
    assert_int_equal(taken(0, CL_EVENT_MESSAGE), 1);
    current = 1;
    say();
    run(MINUTE_MS, true);
    assert_int_equal(taken(0, CL_EVENT_MESSAGE), 0);
    assert_true(forwards[1] + forwards[2] < 12); /* it does not storm */
    announced = 2;
    run(HOUR_MS, true);
    assert_int_equal(taken(0, CL_EVENT_MESSAGE), 1);
}

/* An entry that tells what was so before, by malice or for want of news, is not
 * believed: that key of R is destroyed. */
static void the_key_does_not_go_back(void **state)
{
    (void)state;
    announced = 2;
    current = 1;
    say();
    run(MINUTE_MS, true);
    assert_int_equal(taken(0, CL_EVENT_MESSAGE), 1);
    announced = 1;
    run(9 * day_ms, true); /* by then it is asked again */
    for (unsigned n = 1; n <= 2; n++) {
        say();
        run(MINUTE_MS, true);
        assert_int_equal(taken(0, CL_EVENT_MESSAGE), 1);
    }
}

/* Nobody forwards there: it waits, and says what to do about it. */
static void there_is_no_way(void **state)
{
    (void)state;
    is_listed = false;
    say();
    run(MINUTE_MS, true);
    assert_int_equal(item()->state, CL_ITEM_QUEUED);
    assert_non_null(strstr(item()->reason, "--route direct"));
    assert_int_equal(forwards[1] + forwards[2], 0);
    is_listed = true;
    run(HOUR_MS, true);
    assert_arrived();
}

/* The choice is kept by a restart. */
static void straight_by_choice(void **state)
{
    (void)state;
    assert_int_equal(
        cl_engine_set_routing(w->people[SENDER].engine, CL_ROUTING_DIRECT),
        PN_OK);
    relaysim_kill(w, SENDER);
    relaysim_start(w, SENDER);
    assert_int_equal(cl_engine_routing(w->people[SENDER].engine),
                     CL_ROUTING_DIRECT);
    say();
    run(MINUTE_MS, true);
    assert_int_equal(forwards[1] + forwards[2], 0);
    assert_arrived();
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(through_one_relay),   T(one_entry_for_one_contact),
        T(the_entry_dies),      T(an_entry_drops_all),
        T(an_answer_is_forged), T(an_answer_is_lost),
        T(the_key_is_replaced), T(the_key_does_not_go_back),
        T(there_is_no_way),     T(straight_by_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
