/* Random histories of forwarding: clients, destinations that answer as they
 * like, links that come and go, a store that is slow, full, or dies with the
 * relay. Whatever happened, in the end every parcel that was accepted has been
 * judged by its destination, and nothing is left in any spool.
 */
#include "tests/support/cmocka.h"

#include <string.h>

#include "relay/core/gate.h"
#include "tests/support/coresim.h"
#include "tests/support/seeds.h"

enum {
    SEEDS = 150,
    STEPS = 1500,
    PARCELS = 120,
    RELAYS = 3,
    CLIENTS = 2, /* links 0 and 1; relay r has links 2 + 2r and 3 + 2r */
};

typedef struct fate {
    bool accepted; /* some client was told so */
    bool judged;   /* its destination answered DONE or REFUSED */
    size_t relay;
    uint64_t n;
} fate;

typedef struct owed {
    uint64_t id; /* of a Parcel that was sent and not answered */
    uint64_t n;
} owed;

typedef struct world {
    coresim sim;
    fate fates[PARCELS];
    owed owed[CORESIM_LINKS][RL_WINDOW_MAX];
    size_t owed_count[CORESIM_LINKS];
    uint64_t asked[CLIENTS][1024]; /* parcel by frame id */
    uint64_t ids;
    unsigned judged;
} world;

static world w;

static uint64_t below(uint64_t n)
{
    return simenv_next(&w.sim.sim) % n;
}

static void on_msg(void *ctx, size_t link, const pn_msg *msg)
{
    owed *o;
    pn_bytes in;
    (void)ctx;
    if (msg->kind == PN_MSG_FORWARD_RESULT &&
        (msg->u.forward_result.status == PN_FORWARD_ACCEPTED ||
         msg->u.forward_result.status == PN_FORWARD_DUPLICATE))
        w.fates[w.asked[link][msg->id % 1024]].accepted = true;
    if (msg->kind != PN_MSG_PARCEL)
        return;
    assert_true(link >= CLIENTS && w.owed_count[link] < RL_WINDOW_MAX);
    o = &w.owed[link][w.owed_count[link]++];
    o->id = msg->id;
    in = (pn_bytes){ msg->u.parcel.parcel.p + CORESIM_ENC_AT, 8 };
    assert_int_equal(pn_take_u64(&in, &o->n), PN_OK);
    assert_int_equal(w.fates[o->n].relay, (link - CLIENTS) / 2);
}

static void forward(size_t link, uint64_t n)
{
    static const size_t sizes[] = { 2293, 5365, PN_PARCEL_MAX };
    const uint64_t id = ++w.ids;
    const pn_msg m =
        coresim_forward(&w.sim, w.fates[n].relay, id, (pn_priority)(1 + n % 3),
                        n, sizes[n * 7 % 3]);
    w.asked[link][id % 1024] = n;
    (void)!coresim_take(&w.sim, link, &m);
}

/* Answer one of the parcels under way on a link. */
static void answer(size_t link, bool kindly)
{
    static const uint8_t reply[PN_REPLY_STATUS_BYTES];
    const size_t k = below(w.owed_count[link]);
    const owed o = w.owed[link][k];
    const uint64_t dice = kindly ? 0 : below(20);
    pn_msg m = { .id = o.id, .kind = PN_MSG_PARCEL_RESULT };
    pn_msg_parcel_result *r = &m.u.parcel_result;
    r->outcome = dice < 17    ? PN_PARCEL_DONE
                 : dice == 17 ? PN_PARCEL_REFUSED
                              : PN_PARCEL_BUSY;
    if (r->outcome == PN_PARCEL_DONE)
        r->reply = (pn_bytes){ reply, sizeof reply };
    if (r->outcome == PN_PARCEL_BUSY)
        r->retry_after_ms = (uint32_t)below(20000);
    w.owed[link][k] = w.owed[link][--w.owed_count[link]];
    if (w.sim.links[link].closing)
        return;
    assert_int_equal(coresim_take(&w.sim, link, &m), PN_OK);
    if (r->outcome != PN_PARCEL_BUSY) {
        w.fates[o.n].judged = true;
        w.judged++;
    }
}

static void open_link(size_t link, bool dialled)
{
    const size_t r = (link - CLIENTS) / 2;
    if (w.sim.links[link].link != NULL)
        return;
    w.owed_count[link] = 0;
    (void)!coresim_open_relay(&w.sim, link, r, dialled);
}

static void close_link(size_t link)
{
    if (w.sim.links[link].link != NULL)
        coresim_close(&w.sim, link);
    w.owed_count[link] = 0;
    if (link < CLIENTS)
        coresim_open(&w.sim, link);
}

static void list(size_t count)
{
    coresim_list(&w.sim, count, below(4) != 0, below(4) == 0);
}

static void restart(void)
{
    coresim_restart(&w.sim, below(20));
    memset(w.owed_count, 0, sizeof w.owed_count);
    for (size_t i = 0; i < CLIENTS; i++)
        coresim_open(&w.sim, i);
    list(RELAYS);
}

static void step(void)
{
    const uint64_t dice = below(100);
    const size_t link = CLIENTS + below(2 * RELAYS);
    if (dice < 30) {
        const size_t client = below(CLIENTS);
        if (w.sim.links[client].closing)
            close_link(client);
        forward(client, below(PARCELS));
    } else if (dice < 45) {
        coresim_commit(&w.sim, below(10));
    } else if (dice < 62) {
        for (uint64_t n = below(6); n > 0; n--)
            (void)coresim_result(&w.sim);
    } else if (dice < 80) {
        if (w.owed_count[link] > 0)
            answer(link, false);
    } else if (dice < 84) {
        open_link(link, below(2) == 0);
    } else if (dice < 87) {
        close_link(below(CLIENTS + 2 * RELAYS));
    } else if (dice < 88) {
        rl_core_dial_failed(w.sim.core, w.sim.relays[below(RELAYS)].key);
    } else if (dice < 91) {
        w.sim.links[link].room = below(3) == 0 ? SIZE_MAX : below(5);
        if (w.sim.links[link].link != NULL && w.sim.links[link].room > 0)
            rl_core_writable(w.sim.links[link].link);
    } else if (dice < 92) {
        w.sim.refuse = !w.sim.refuse;
    } else if (dice < 93) {
        w.sim.no_dial = !w.sim.no_dial;
    } else if (dice < 94) {
        list(1 + below(RELAYS));
    } else if (below(60) == 0) {
        restart();
    } else {
        coresim_advance(&w.sim, below(5000));
    }
}

/* Now all is well: one link to each stands and answers, until nothing moves. */
static void heal(void)
{
    w.sim.refuse = w.sim.no_dial = false;
    for (size_t link = CLIENTS + 1; link < CLIENTS + 2 * RELAYS; link += 2)
        close_link(link);
    coresim_list(&w.sim, RELAYS, true, false);
    for (int round = 0; round < 400; round++) {
        bool some = false;
        for (size_t link = CLIENTS; link < CLIENTS + 2 * RELAYS; link += 2) {
            coresim_link *l = &w.sim.links[link];
            if (l->closing)
                close_link(link);
            open_link(link, true);
            l->room = SIZE_MAX;
            rl_core_writable(l->link);
            coresim_settle(&w.sim);
            while (w.owed_count[link] > 0) {
                answer(link, true);
                some = true;
            }
        }
        coresim_settle(&w.sim);
        coresim_advance(&w.sim, some ? 10 : 10000);
    }
}

static void count_left(void *ctx, const rl_destination_stats *s)
{
    *(uint64_t *)ctx += s->waiting;
}

static void run(uint64_t seed)
{
    uint64_t left = 0;
    memset(&w, 0, sizeof w);
    coresim_init(&w.sim, seed);
    w.sim.on_msg = on_msg;
    w.sim.shuffle = below(2) == 0;
    w.sim.config.forward.delay_max_ms = below(3) == 0 ? 3000 : 0;
    coresim_restart(&w.sim, 0);
    for (uint64_t n = 0; n < PARCELS; n++)
        w.fates[n] = (fate){ .relay = below(RELAYS), .n = n };
    for (size_t i = 0; i < CLIENTS; i++)
        coresim_open(&w.sim, i);
    list(RELAYS);
    for (int i = 0; i < STEPS; i++) {
        step();
        if (!rl_core_ok(w.sim.core))
            fail_msg("seed %u, step %d", (unsigned)seed, i);
    }
    heal();
    for (uint64_t n = 0; n < PARCELS; n++)
        if (w.fates[n].accepted && !w.fates[n].judged)
            fail_msg("seed %u: parcel %u was accepted and is gone",
                     (unsigned)seed, (unsigned)n);
    rl_core_each_destination(w.sim.core, count_left, &left);
    if (left > 0)
        fail_msg("seed %u: %u parcels are left", (unsigned)seed,
                 (unsigned)left);
    coresim_free(&w.sim);
}

static void accepted_is_judged(void **state)
{
    unsigned judged = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run(seed);
        judged += w.judged;
    }
    assert_true(judged > SEEDS * 50U);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_is_judged),
    };
    if (seeds_asked(argc, argv))
        return seeds_run(argc, argv, run);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
