/* Seeded schedules of two people and four relays: people die at any step,
 * commits fail, links end; and according to the seed one relay dies for ever,
 * forgets all, or is away for days, people are cut off from some, or two relays
 * die one after the other. Frames of different relays overtake each other as
 * they like, and after a death much comes twice.
 *
 * Asked after each: every message given to the application exactly once up to
 * its acknowledgement and confirmed to its sender, none given up; and everybody
 * writes to as many living relays as are wanted. The harness asks at every
 * frame whether its state is committed, and whether a nonce was used before.
 */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/relaysim.h"
#include "tests/support/seeds.h"

enum {
    PEOPLE = RELAYSIM_PEOPLE,
    RELAYS = RELAYSIM_RELAYS,
    MESSAGES = 48,
    STEPS = 220,
    MINUTE_MS = 60 * 1000,
    HOUR_MS = 60 * MINUTE_MS,
};

typedef enum fate {
    FATE_DIES,       /* one, for ever */
    FATE_FORGETS,    /* one has lost all it had */
    FATE_AWAY,       /* one is away for three days */
    FATE_CUT,        /* people cannot reach some of them, now and then */
    FATE_ONE_BY_ONE, /* one dies; when that is dealt with, another */
    FATES,
} fate;

/* What one person's application knows; it survives the person's death. */
typedef struct journal {
    unsigned sent;
    uint8_t id[MESSAGES][CL_ID_BYTES];
    bool confirmed[MESSAGES];
    bool taken[MESSAGES]; /* of the other's: never to come again */
} journal;

static relaysim *w;
static simenv dice;
static journal journals[PEOPLE];
static unsigned schedules = 60, first_seed = 1, last_seed;
static unsigned total_sent, total_kills, total_faults, total_moved;

static uint32_t roll(uint32_t n)
{
    return (uint32_t)(simenv_next(&dice) % n);
}

static void send_one(size_t i)
{
    journal *j = &journals[i];
    char text[64], own[16];
    cl_send what = { .priority = (pn_priority)(1 + roll(3)) };
    if (w->people[i].engine == NULL || j->sent == MESSAGES)
        return;
    (void)snprintf(own, sizeof own, "%u", j->sent);
    (void)snprintf(text, sizeof text, "%u", j->sent);
    what.own_id = (pn_bytes){ (uint8_t *)own, strlen(own) };
    what.text = (pn_bytes){ (uint8_t *)text, strlen(text) };
    /* A store that fails: the application tries again under the same id. */
    if (cl_outbox_send(w->people[i].engine, "peer", &what, j->id[j->sent]) ==
        PN_OK) {
        j->sent++;
        total_sent++;
    }
}

static unsigned number_of(const journal *j, const uint8_t *id)
{
    for (unsigned n = 0; n < j->sent; n++) {
        if (memcmp(j->id[n], id, CL_ID_BYTES) == 0)
            return n;
    }
    fail_msg("an event about a message that was never sent");
    return 0;
}

static unsigned read_message(size_t i, const cl_event *event)
{
    char text[64] = "";
    unsigned number;
    pn_buf body;
    pn_buf_init(&body, 1000);
    assert_int_equal(
        cl_message_body(w->people[i].engine, event->message, &body), PN_OK);
    assert_true(pn_buf_len(&body) < sizeof text);
    memcpy(text, pn_buf_view(&body).p, pn_buf_len(&body));
    pn_buf_clear(&body);
    number = (unsigned)strtoul(text, NULL, 10);
    /* One more: the sender died before it knew that it had sent it. */
    assert_true(number < journals[1 - i].sent + 1);
    assert_false(journals[i].taken[number]);
    return number;
}

/* Take an event; often it is acknowledged. */
static void take_event(size_t i, bool always)
{
    journal *j = &journals[i];
    unsigned number = MESSAGES;
    cl_event event;
    if (w->people[i].engine == NULL ||
        cl_event_next(w->people[i].engine, &event) != PN_OK)
        return;
    assert_int_not_equal(event.kind, CL_EVENT_FAILED);
    assert_int_not_equal(event.kind, CL_EVENT_RESYNCED);
    if (event.kind == CL_EVENT_MESSAGE)
        number = read_message(i, &event);
    if (event.kind == CL_EVENT_DELIVERED)
        j->confirmed[number_of(j, event.message)] = true;
    if (!always && roll(4) == 0) {
        if (roll(2) == 0)
            (void)!cl_event_return(w->people[i].engine, event.sequence);
        return;
    }
    if (cl_event_ack(w->people[i].engine, event.sequence) == PN_OK &&
        number < MESSAGES)
        j->taken[number] = true;
}

static void one_step(void)
{
    const size_t i = roll(PEOPLE), r = roll(RELAYS);
    const uint32_t what = roll(100);
    if (what < 12) {
        send_one(i);
    } else if (what < 28) {
        take_event(i, false);
    } else if (what < 42) {
        relaysim_pump(w, i);
    } else if (what < 58) {
        (void)relaysim_up(w, i, r);
    } else if (what < 74) {
        (void)relaysim_down(w, i, r);
    } else if (what < 80) {
        relaysim_relay_work(w, r);
    } else if (what < 83) {
        relaysim_cut(w, i, r);
    } else if (what < 86) {
        relaysim_kill(w, i);
        total_kills++;
    } else if (what < 90) {
        relaysim_start(w, i);
    } else if (what < 92 && !w->relay[r].down) {
        relaysim_relay_stop(w, r, roll(4)); /* and starts at once */
        relaysim_relay_start(w, r);
    } else if (what < 94 && w->people[i].engine != NULL) {
        w->people[i].store.fail_at = 1 + roll(4);
        total_faults++;
    } else if (what < 98) {
        relaysim_advance(w, roll(5 * MINUTE_MS));
    } else {
        relaysim_run(w, roll(HOUR_MS));
    }
}

static void cut_some(void)
{
    for (size_t i = 0; i < PEOPLE; i++) {
        for (size_t r = 0; r < RELAYS; r++) {
            if (roll(6) == 0)
                w->people[i].line[r].cut = !w->people[i].line[r].cut;
            if (w->people[i].line[r].cut)
                relaysim_cut(w, i, r);
        }
    }
}

/* What happens to relays at this step. */
static void fate_of(fate what, unsigned step, unsigned when, size_t whose)
{
    if (what == FATE_CUT && step % 20 == 0)
        cut_some();
    if (step == when && what == FATE_FORGETS)
        relaysim_relay_wipe(w, whose);
    else if (step == when && what != FATE_CUT)
        relaysim_relay_stop(w, whose, roll(4));
    if (step == when + 60 && what == FATE_AWAY) {
        relaysim_run(w, (uint64_t)3 * 24 * HOUR_MS);
        relaysim_relay_start(w, whose);
    }
    if (step == when + 60 && what == FATE_ONE_BY_ONE) {
        for (size_t i = 0; i < PEOPLE; i++)
            relaysim_start(w, i);
        relaysim_run(w, (uint64_t)3 * 24 * HOUR_MS);
        relaysim_relay_stop(w, (whose + 1) % RELAYS, roll(4));
    }
}

static bool all_well(void)
{
    for (size_t i = 0; i < PEOPLE; i++) {
        const journal *j = &journals[i];
        for (unsigned n = 0; n < j->sent; n++) {
            if (!j->confirmed[n] || !journals[1 - i].taken[n])
                return false;
        }
    }
    return true;
}

static void take_everything(void)
{
    for (size_t i = 0; i < PEOPLE; i++) {
        for (unsigned n = 0; n < 3 * MESSAGES; n++)
            take_event(i, true);
    }
}

/* Both agree on where to write, and that is on living relays. */
static bool all_agreed(void)
{
    for (size_t i = 0; i < PEOPLE; i++) {
        const cl_contact *c = w->people[i].engine->contacts[0];
        const cl_contact *d = w->people[1 - i].engine->contacts[0];
        size_t alive = 0;
        if (!c->list_known || d->peer_list_ms != c->list_ms)
            return false;
        for (size_t k = 0; k < CL_QUEUES_MAX; k++) {
            const cl_relay *r = d->routes[k].relay;
            if (r != NULL && !w->relay[r->address.port - 443].down)
                alive++;
        }
        if (alive < CL_RELAYS_WANTED)
            return false;
    }
    return true;
}

/* All works again that is not dead for ever: everybody gets everything. */
static void heal(void)
{
    for (unsigned half = 0; half < 24; half++) {
        for (size_t i = 0; i < PEOPLE; i++) {
            w->people[i].store.fail_at = 0;
            for (size_t r = 0; r < RELAYS; r++)
                w->people[i].line[r].cut = false;
            if (half == 0) /* what a dead application had is given again */
                relaysim_kill(w, i);
            relaysim_start(w, i);
        }
        relaysim_run(w, (uint64_t)12 * HOUR_MS);
        take_everything();
        if (all_well() && all_agreed())
            return;
    }
    assert_true(all_well());
    assert_true(all_agreed());
}

static void run(unsigned seed)
{
    const fate what = (fate)(seed % FATES);
    const unsigned when = 20 + seed / FATES % 100;
    last_seed = seed;
    simenv_init(&dice, seed);
    memset(journals, 0, sizeof journals);
    relaysim_init(w, seed, RELAYS, RELAYS);
    relaysim_meet(w,
                  seed % 3 == 0 ? CL_INVITATION_OFFLINE : CL_INVITATION_LINK);
    for (unsigned step = 0; step < STEPS; step++) {
        fate_of(what, step, when, seed % 2);
        one_step();
    }
    if (what == FATE_AWAY)
        relaysim_relay_start(w, seed % 2);
    heal();
    for (size_t i = 0; i < PEOPLE; i++) {
        cl_contact *c = w->people[i].engine->contacts[0];
        total_moved += c->next_route > CL_RELAYS_WANTED ? 1 : 0;
    }
    relaysim_free(w);
}

static void every_schedule_ends_well(void **state)
{
    (void)state;
    w = malloc(sizeof *w);
    assert_non_null(w);
    for (unsigned seed = first_seed; seed < first_seed + schedules; seed++)
        run(seed);
    free(w);
    /* The schedules must have had in them what they are for. */
    assert_true(total_sent > schedules * 8);
    assert_true(total_kills > schedules && total_faults > schedules / 2);
    assert_true(total_moved > schedules / 3);
    print_message("%u schedules, %u messages, %u kills, %u faults, %u moved\n",
                  schedules, total_sent, total_kills, total_faults,
                  total_moved);
}

static void one_seed(uint64_t seed)
{
    w = malloc(sizeof *w);
    assert_non_null(w);
    run((unsigned)seed);
    free(w);
}

/* A failure is repeated by its seed. */
static int say_seed(void **state)
{
    (void)state;
    print_message("last seed %u\n", last_seed);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_schedule_ends_well, say_seed),
    };
    if (seeds_asked(argc, argv))
        return seeds_run(argc, argv, one_seed);
    if (argc > 1)
        schedules = (unsigned)strtoul(argv[1], NULL, 10);
    if (argc > 2)
        first_seed = (unsigned)strtoul(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
