/* What a parcel does here: every command, every way to be refused, and nothing
 * twice. */
#include "tests/support/cmocka.h"

#include <string.h>

#include "tests/support/onionkit.h"

enum { CLIENT = 0, OTHER = 1, R = 2 };

static coresim world;
static onionkit kit;
static pn_parcel_answer answer;

static int setup(void **state)
{
    (void)state;
    onionkit_init(&kit, &world, 1);
    coresim_open(&world, CLIENT);
    coresim_open(&world, OTHER);
    coresim_list(&world, 1, true, false);
    coresim_settle(&world);
    assert_int_equal(coresim_open_relay(&world, R, 0, true), PN_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_true(rl_core_ok(world.core));
    onionkit_free(&kit);
    return 0;
}

static int do_it(size_t q, const pn_parcel_command *cmd)
{
    return onionkit_do(&kit, R, q, cmd, &answer);
}

static int manage(size_t q, pn_parcel_kind kind)
{
    const pn_parcel_command cmd = onionkit_manage(&kit, q, kind);
    return do_it(q, &cmd);
}

static int deposit(size_t q, uint64_t message, pn_envelope_class class)
{
    const pn_parcel_command cmd = onionkit_deposit(&kit, q, message, class);
    return do_it(q, &cmd);
}

static void learn_ids(size_t q)
{
    memcpy(world.queues[q].recv_id, answer.u.created.recv_id.p, 32);
    memcpy(world.queues[q].send_id, answer.u.created.send_id.p, 32);
}

static void create(size_t q)
{
    const pn_parcel_command cmd = onionkit_create(&kit, q);
    assert_int_equal(do_it(q, &cmd), PN_PARCEL_OK);
    learn_ids(q);
}

static uint64_t messages(void)
{
    rl_store_stats stats;
    rl_store_stats_get(world.store, &stats);
    return stats.messages;
}

static uint64_t queues(void)
{
    rl_store_stats stats;
    rl_store_stats_get(world.store, &stats);
    return stats.queues;
}

static int outcome(size_t from, size_t link, uint64_t id)
{
    return onionkit_outcome(&kit, from, link, id);
}

/* --- commands ------------------------------------------------------------- */

/* A queue lives from create to delete by parcels alone, over a relay's link. */
static void a_queue_by_parcels(void **state)
{
    pn_parcel_command cmd;
    uint8_t ids[2 * PN_MESSAGE_ID_BYTES], cursor[PN_PARCEL_CURSOR_BYTES];
    (void)state;
    create(0);
    assert_int_equal(answer.u.created.max_count, 64);
    assert_int_equal(deposit(0, 1, PN_ENVELOPE_XS), PN_PARCEL_OK);
    assert_int_equal(deposit(0, 2, PN_ENVELOPE_L), PN_PARCEL_OK);
    assert_int_equal(deposit(0, 2, PN_ENVELOPE_L), PN_PARCEL_DUPLICATE);
    cmd = onionkit_manage(&kit, 0, PN_PARCEL_FETCH);
    assert_int_equal(do_it(0, &cmd), PN_PARCEL_OK);
    assert_int_equal(coresim_message_of(answer.u.fetched.message_id.p), 1);
    assert_memory_equal(answer.u.fetched.envelope.p, kit.body, 896);
    assert_true(answer.u.fetched.more);
    memcpy(cursor, answer.u.fetched.cursor.p, sizeof cursor);
    cmd.u.manage.cursor.p = cursor;
    assert_int_equal(do_it(0, &cmd), PN_PARCEL_LARGER);
    assert_int_equal(answer.u.fetched.class, PN_ENVELOPE_L);
    cmd.u.manage.room = PN_ENVELOPE_L;
    /* The first is acknowledged by the fetch that asks for the second. */
    coresim_message_id(ids, 1);
    cmd.u.manage.message_ids = (pn_bytes){ ids, PN_MESSAGE_ID_BYTES };
    assert_int_equal(do_it(0, &cmd), PN_PARCEL_OK);
    assert_int_equal(answer.u.fetched.envelope.len, 65088);
    assert_false(answer.u.fetched.more);
    memcpy(cursor, answer.u.fetched.cursor.p, sizeof cursor);
    assert_int_equal(do_it(0, &cmd), PN_PARCEL_EMPTY);
    coresim_message_id(ids + PN_MESSAGE_ID_BYTES, 2);
    cmd = onionkit_manage(&kit, 0, PN_PARCEL_ACK);
    cmd.u.manage.message_ids = (pn_bytes){ ids, sizeof ids };
    assert_int_equal(do_it(0, &cmd), PN_PARCEL_OK);
    assert_int_equal(answer.u.forgotten, 1);
    assert_int_equal(manage(0, PN_PARCEL_SUSPEND), PN_PARCEL_OK);
    assert_int_equal(deposit(0, 3, PN_ENVELOPE_XS), PN_PARCEL_SUSPENDED);
    assert_int_equal(manage(0, PN_PARCEL_RESUME), PN_PARCEL_OK);
    assert_int_equal(deposit(0, 3, PN_ENVELOPE_XS), PN_PARCEL_OK);
    assert_int_equal(manage(0, PN_PARCEL_ROTATE), PN_PARCEL_OK);
    assert_int_equal(deposit(0, 4, PN_ENVELOPE_XS), PN_PARCEL_OK);
    assert_int_equal(manage(0, PN_PARCEL_DELETE), PN_PARCEL_OK);
    assert_int_equal(deposit(0, 5, PN_ENVELOPE_XS), PN_PARCEL_UNKNOWN);
    assert_int_equal(manage(0, PN_PARCEL_DELETE), PN_PARCEL_UNKNOWN);
}

/* What comes by parcel is pushed to whoever has the queue open; a queue that is
 * deleted by parcel is closed. */
static void links_hear_of_it(void **state)
{
    size_t from;
    (void)state;
    (void)coresim_make(&world, CLIENT, 0, 8);
    from = world.event_count;
    assert_int_equal(deposit(0, 7, PN_ENVELOPE_XS), PN_PARCEL_OK);
    assert_non_null(coresim_find(&world, from, CLIENT, PN_MSG_DELIVER, 0));
    assert_int_equal(manage(0, PN_PARCEL_DELETE), PN_PARCEL_OK);
    assert_non_null(coresim_find(&world, from, CLIENT, PN_MSG_QUEUE_CLOSED, 0));
}

/* A full queue is said inside the answer, where only the sender sees it. */
static void quota_is_for_the_sender(void **state)
{
    int status = 0;
    (void)state;
    create(0);
    for (uint64_t n = 0; n < 64 && status != PN_PARCEL_QUOTA; n++)
        status = deposit(0, n, PN_ENVELOPE_L);
    assert_int_equal(status, PN_PARCEL_QUOTA);
    assert_int_equal(manage(0, PN_PARCEL_FETCH), PN_PARCEL_LARGER);
    assert_int_equal(answer.u.fetched.refused, 1 << RL_NORMAL);
}

/* --- who may not ---------------------------------------------------------- */

/* A wrong signature, a wrong capability and no queue at all look the same and
 * leave at the floor's tick; a relay's link does not pay for its clients. */
static void strangers_learn_nothing(void **state)
{
    static const pn_parcel_kind kinds[] = {
        PN_PARCEL_FETCH,   PN_PARCEL_ACK,    PN_PARCEL_ROTATE,
        PN_PARCEL_SUSPEND, PN_PARCEL_RESUME, PN_PARCEL_DELETE
    };
    static const uint8_t wrong[32] = { 1 };
    pn_parcel_command cmd;
    (void)state;
    create(0);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        for (int there = 0; there < 2; there++) {
            const uint64_t began = world.sim.mono_ms;
            cmd = onionkit_manage(&kit, 0, kinds[i]);
            if (!there)
                cmd.u.manage.recv_id.p = wrong;
            /* Signed by the key of queue 1. */
            assert_int_equal(do_it(1, &cmd), PN_PARCEL_UNKNOWN);
            assert_true(world.sim.mono_ms - began >= RL_FLOOR_MS);
        }
    }
    cmd = onionkit_deposit(&kit, 0, 1, PN_ENVELOPE_S);
    cmd.u.deposit.capability.p = wrong;
    assert_int_equal(do_it(0, &cmd), PN_PARCEL_UNKNOWN);
    cmd = onionkit_deposit(&kit, 0, 1, PN_ENVELOPE_S);
    cmd.u.deposit.send_id.p = wrong;
    assert_int_equal(do_it(0, &cmd), PN_PARCEL_UNKNOWN);
    assert_int_equal(messages(), 1); /* the tag of the creation */
    assert_false(world.links[R].closing);
}

/* A client that brings such parcels itself is sent away after so many. */
static void clients_pay_for_failures(void **state)
{
    (void)state;
    create(0);
    world.config.failures_per_link = 3;
    rl_core_configure(world.core, &world.config, &world.relay);
    for (int i = 0; i < 8 && !world.links[CLIENT].closing; i++) {
        const pn_parcel_command cmd =
            onionkit_manage(&kit, 0, PN_PARCEL_SUSPEND);
        (void)onionkit_do(&kit, CLIENT, 1, &cmd, &answer);
    }
    assert_true(world.links[CLIENT].closing);
    assert_int_equal(world.links[CLIENT].why, PN_BYE_LIMIT);
}

/* The relay's own queues are nobody's: not the tags', not a spool. */
static void own_queues_are_hidden(void **state)
{
    uint8_t recv_id[32], send_id[32];
    pn_parcel_command cmd;
    (void)state;
    coresim_spool_ids(&world, 0, recv_id, send_id);
    cmd = onionkit_manage(&kit, 0, PN_PARCEL_DELETE);
    cmd.u.manage.recv_id.p = recv_id;
    assert_int_equal(do_it(0, &cmd), PN_PARCEL_UNKNOWN);
}

static void creation_has_its_rules(void **state)
{
    pn_parcel_command cmd = onionkit_create(&kit, 0);
    (void)state;
    /* Signed by another key than it names. */
    assert_int_equal(do_it(1, &cmd), PN_PARCEL_NOT_ALLOWED);
    world.config.access = RL_ACCESS_CLOSED;
    rl_core_configure(world.core, &world.config, &world.relay);
    assert_int_equal(do_it(0, &cmd), PN_PARCEL_NOT_ALLOWED);
    world.config.access = RL_ACCESS_OPEN;
    world.config.parcels.creates_per_relay = 2;
    rl_core_configure(world.core, &world.config, &world.relay);
    assert_int_equal(do_it(0, &cmd), PN_PARCEL_OK);
    assert_int_equal(do_it(0, &cmd), PN_PARCEL_OK);
    assert_int_equal(do_it(0, &cmd), PN_PARCEL_LATER);
    assert_true(answer.retry_after_ms > 0);
}

/* --- what does not open --------------------------------------------------- */

static void refused_parcels(void **state)
{
    const pn_parcel_command cmd = onionkit_deposit(&kit, 0, 1, PN_ENVELOPE_XS);
    pn_parcel_reply reply;
    const coresim_event *e;
    size_t from = world.event_count;
    (void)state;
    onionkit_seal(&kit, &cmd, 0, &reply);
    /* Every byte counts: class, key, enc, header, tag. */
    for (size_t at = 0; at < kit.parcel_len; at += 97) {
        kit.parcel[at] ^= 0x10;
        assert_int_equal(onionkit_again(&kit, R, &reply, &answer),
                         -PN_PARCEL_REFUSED);
        kit.parcel[at] ^= 0x10;
    }
    /* Another class than its size. */
    kit.parcel[0] = PN_ENVELOPE_S;
    assert_int_equal(onionkit_again(&kit, R, &reply, &answer),
                     -PN_PARCEL_REFUSED);
    kit.parcel[0] = PN_ENVELOPE_XS;
    /* A key that is none of ours: told which to use. */
    kit.parcel[1] ^= 1;
    assert_int_equal(onionkit_send(&kit, R, 70), PN_OK);
    e = coresim_find(&world, from, R, PN_MSG_PARCEL_RESULT, 70);
    assert_non_null(e);
    assert_int_equal(e->msg.u.parcel_result.key_id.len, PN_KEY_ID_BYTES);
    assert_memory_equal(e->bytes, kit.onions.at[0].id, PN_KEY_ID_BYTES);
    kit.parcel[1] ^= 1;
    /* Sealed to this key, but for another relay. */
    {
        uint8_t other[32] = { 7 };
        const pn_parcel_to to = { other, kit.onions.at[0].key.pk };
        assert_int_equal(pn_parcel_seal(&world.env, &to, &cmd, NULL, kit.parcel,
                                        sizeof kit.parcel, &kit.parcel_len,
                                        &reply),
                         PN_OK);
        assert_int_equal(onionkit_again(&kit, R, &reply, &answer),
                         -PN_PARCEL_REFUSED);
    }
    assert_int_equal(messages(), 0); /* nothing, not even a tag */
    assert_false(world.links[R].closing);
}

/* A destroyed key opens nothing any more, and its tags are forgotten. */
static void keys_die(void **state)
{
    const pn_parcel_command cmd = onionkit_create(&kit, 0);
    rl_parcels_stats stats;
    pn_parcel_reply reply;
    uint8_t id[PN_ONION_ID_BYTES];
    (void)state;
    onionkit_seal(&kit, &cmd, 0, &reply);
    assert_int_equal(onionkit_again(&kit, R, &reply, &answer), PN_PARCEL_OK);
    memcpy(id, kit.onions.at[0].id, sizeof id);
    simenv_advance(&world.sim, 1000);
    (void)onionkit_add_key(&kit);
    onionkit_announce(&kit);
    assert_int_equal(onionkit_again(&kit, R, &reply, &answer), PN_PARCEL_OK);
    rl_onions_remove(&kit.onions, id);
    onionkit_announce(&kit);
    assert_int_equal(onionkit_again(&kit, R, &reply, &answer),
                     -PN_PARCEL_REFUSED);
    rl_core_parcels_stats(world.core, &stats);
    assert_int_equal(stats.tags, 0);
}

/* --- nothing twice -------------------------------------------------------- */

/* A repeated parcel gets the first answer, byte for byte, and does nothing:
 * at once, by another link, and after the relay was killed. */
static void repeats_get_the_first_answer(void **state)
{
    const pn_parcel_command make = onionkit_create(&kit, 0);
    static uint8_t first[PN_REPLY_STATUS_BYTES];
    pn_parcel_reply reply;
    pn_parcel_command cmd;
    uint64_t before;
    (void)state;
    onionkit_seal(&kit, &make, 0, &reply);
    assert_int_equal(onionkit_again(&kit, R, &reply, &answer), PN_PARCEL_OK);
    learn_ids(0);
    memcpy(first, kit.last, sizeof first);
    before = queues();
    assert_int_equal(onionkit_again(&kit, R, &reply, &answer), PN_PARCEL_OK);
    assert_memory_equal(first, kit.last, sizeof first);
    assert_int_equal(onionkit_again(&kit, CLIENT, &reply, &answer),
                     PN_PARCEL_OK);
    assert_memory_equal(first, kit.last, sizeof first);
    coresim_restart(&world, 0);
    onionkit_announce(&kit);
    coresim_open(&world, CLIENT);
    coresim_settle(&world);
    assert_int_equal(onionkit_again(&kit, CLIENT, &reply, &answer),
                     PN_PARCEL_OK);
    assert_memory_equal(first, kit.last, sizeof first);
    assert_int_equal(queues(), before);
    /* An old suspension does not undo a resumption. */
    cmd = onionkit_manage(&kit, 0, PN_PARCEL_SUSPEND);
    onionkit_seal(&kit, &cmd, 0, &reply);
    assert_int_equal(onionkit_again(&kit, CLIENT, &reply, &answer),
                     PN_PARCEL_OK);
    {
        static uint8_t old[PN_PARCEL_MIN];
        pn_parcel_reply other;
        memcpy(old, kit.parcel, sizeof old);
        cmd = onionkit_manage(&kit, 0, PN_PARCEL_RESUME);
        onionkit_seal(&kit, &cmd, 0, &other);
        assert_int_equal(onionkit_again(&kit, CLIENT, &other, &answer),
                         PN_PARCEL_OK);
        memcpy(kit.parcel, old, sizeof old);
    }
    assert_int_equal(onionkit_again(&kit, CLIENT, &reply, &answer),
                     PN_PARCEL_OK);
    cmd = onionkit_deposit(&kit, 0, 9, PN_ENVELOPE_XS);
    assert_int_equal(onionkit_do(&kit, CLIENT, 0, &cmd, &answer), PN_PARCEL_OK);
}

/* While the first is under way the second is put off. */
static void two_at_once(void **state)
{
    const pn_parcel_command cmd = onionkit_create(&kit, 0);
    const size_t from = world.event_count;
    const uint64_t before = queues();
    pn_parcel_reply reply;
    (void)state;
    onionkit_seal(&kit, &cmd, 0, &reply);
    assert_int_equal(onionkit_send(&kit, R, 1), PN_OK);
    assert_int_equal(onionkit_send(&kit, CLIENT, 2), PN_OK);
    assert_int_equal(outcome(from, CLIENT, 2), PN_PARCEL_BUSY);
    coresim_settle(&world);
    assert_int_equal(outcome(from, R, 1), PN_PARCEL_DONE);
    assert_int_equal(queues(), before + 2); /* and that of the tags */
}

/* A crash at any moment of a command: brought again, it is done once, and who
 * asks gets an answer. A deposit is stored once. */
static void crashes(void **state)
{
    for (size_t cut = 0; cut < 6; cut++) {
        pn_parcel_reply reply, deposited;
        pn_parcel_command cmd;
        static uint8_t parcel[PN_PARCEL_MIN];
        int status;
        (void)teardown(state);
        (void)setup(state);
        create(0);
        cmd = onionkit_manage(&kit, 0, PN_PARCEL_SUSPEND);
        onionkit_seal(&kit, &cmd, 0, &reply);
        memcpy(parcel, kit.parcel, sizeof parcel);
        assert_int_equal(onionkit_send(&kit, R, 1), PN_OK);
        cmd = onionkit_deposit(&kit, 0, 5, PN_ENVELOPE_XS);
        onionkit_seal(&kit, &cmd, 0, &deposited);
        for (size_t i = 0; i < cut; i++) {
            if (i % 2 == 0)
                coresim_commit(&world, 1);
            else
                (void)coresim_result(&world);
        }
        coresim_restart(&world, 0);
        onionkit_announce(&kit);
        coresim_open(&world, CLIENT);
        coresim_settle(&world);
        {
            static uint8_t later[PN_PARCEL_MIN];
            memcpy(later, kit.parcel, sizeof later);
            memcpy(kit.parcel, parcel, sizeof parcel);
            assert_int_equal(onionkit_again(&kit, CLIENT, &reply, &answer),
                             PN_PARCEL_OK);
            memcpy(kit.parcel, later, sizeof later);
        }
        status = onionkit_again(&kit, CLIENT, &deposited, &answer);
        assert_int_equal(status, PN_PARCEL_SUSPENDED);
    }
}

/* At the bound of what can be remembered such commands are put off; nothing is
 * forgotten, and all else goes on. */
static void memory_of_tags_is_bounded(void **state)
{
    pn_parcel_reply reply;
    pn_parcel_command cmd;
    (void)state;
    world.config.parcels.tags_max = 3;
    rl_core_configure(world.core, &world.config, &world.relay);
    cmd = onionkit_create(&kit, 0);
    onionkit_seal(&kit, &cmd, 0, &reply);
    assert_int_equal(onionkit_again(&kit, R, &reply, &answer), PN_PARCEL_OK);
    learn_ids(0);
    {
        static uint8_t first[PN_PARCEL_MIN];
        memcpy(first, kit.parcel, sizeof first);
        assert_int_equal(manage(0, PN_PARCEL_SUSPEND), PN_PARCEL_OK);
        assert_int_equal(manage(0, PN_PARCEL_RESUME), PN_PARCEL_OK);
        assert_int_equal(manage(0, PN_PARCEL_SUSPEND), -PN_PARCEL_BUSY);
        assert_int_equal(deposit(0, 1, PN_ENVELOPE_S), PN_PARCEL_OK);
        kit.parcel_len = sizeof first;
        memcpy(kit.parcel, first, sizeof first);
    }
    assert_int_equal(onionkit_again(&kit, R, &reply, &answer), PN_PARCEL_OK);
}

/* A store that takes nothing: the parcel may come again, and nothing was left
 * half done. */
static void a_full_store_puts_off(void **state)
{
    const pn_parcel_command cmd = onionkit_create(&kit, 0);
    pn_parcel_reply reply;
    (void)state;
    onionkit_seal(&kit, &cmd, 0, &reply);
    world.refuse = true;
    assert_int_equal(onionkit_again(&kit, R, &reply, &answer), -PN_PARCEL_BUSY);
    world.refuse = false;
    assert_int_equal(onionkit_again(&kit, R, &reply, &answer), PN_PARCEL_OK);
}

/* --- bounds --------------------------------------------------------------- */

/* All clients together get so many opened in a second; relays are not theirs.
 */
static void strangers_share_a_budget(void **state)
{
    size_t from;
    (void)state;
    create(0);
    world.config.parcels.per_second = 5;
    rl_core_configure(world.core, &world.config, &world.relay);
    from = world.event_count;
    for (uint64_t i = 0; i < 8; i++) {
        const pn_parcel_command cmd =
            onionkit_deposit(&kit, 0, i, PN_ENVELOPE_XS);
        pn_parcel_reply reply;
        onionkit_seal(&kit, &cmd, 0, &reply);
        assert_int_equal(onionkit_send(&kit, i % 2, i + 1), PN_OK);
    }
    assert_int_equal(outcome(from, 1, 6), PN_PARCEL_BUSY);
    assert_int_equal(outcome(from, 1, 8), PN_PARCEL_BUSY);
    coresim_settle(&world);
    assert_int_equal(outcome(from, 0, 5), PN_PARCEL_DONE);
    assert_int_equal(deposit(0, 9, PN_ENVELOPE_XS), PN_PARCEL_OK);
}

/* What is under way for one link is bounded: it is not read from before the
 * answers could take more memory than it may have. */
static void memory_of_a_link_is_bounded(void **state)
{
    pn_parcel_command cmd;
    size_t sent = 0;
    (void)state;
    create(0);
    cmd = onionkit_manage(&kit, 0, PN_PARCEL_FETCH);
    cmd.u.manage.room = PN_ENVELOPE_L;
    while (!world.links[R].busy && sent < 1000) {
        pn_parcel_reply reply;
        onionkit_seal(&kit, &cmd, 0, &reply);
        assert_int_equal(onionkit_send(&kit, R, ++sent), PN_OK);
    }
    assert_true(sent * 65176 < RL_PENDING_BYTES_MAX + 2 * 65176);
    coresim_settle(&world);
    assert_false(world.links[R].busy);
}

/* The link goes away in the middle: a creation is remembered all the same. */
static void lost_links_lose_no_answer(void **state)
{
    const pn_parcel_command cmd = onionkit_create(&kit, 0);
    pn_parcel_reply reply;
    (void)state;
    onionkit_seal(&kit, &cmd, 0, &reply);
    assert_int_equal(onionkit_send(&kit, R, 1), PN_OK);
    coresim_close(&world, R);
    coresim_settle(&world);
    {
        const uint64_t before = queues();
        assert_int_equal(onionkit_again(&kit, CLIENT, &reply, &answer),
                         PN_PARCEL_OK);
        assert_int_equal(queues(), before);
    }
}

/* Until it is known what was done before, nothing is done that must not be
 * done twice. */
static void not_before_tags_are_read(void **state)
{
    pn_parcel_reply reply;
    pn_parcel_command cmd;
    size_t from;
    (void)state;
    create(0);
    coresim_restart(&world, 0);
    coresim_open(&world, CLIENT);
    onionkit_announce(&kit);
    cmd = onionkit_create(&kit, 1);
    onionkit_seal(&kit, &cmd, 1, &reply);
    from = world.event_count;
    assert_int_equal(onionkit_send(&kit, CLIENT, 1), PN_OK);
    assert_int_equal(outcome(from, CLIENT, 1), PN_PARCEL_BUSY);
    coresim_settle(&world);
    assert_int_equal(onionkit_again(&kit, CLIENT, &reply, &answer),
                     PN_PARCEL_OK);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(a_queue_by_parcels),
        T(links_hear_of_it),
        T(quota_is_for_the_sender),
        T(strangers_learn_nothing),
        T(clients_pay_for_failures),
        T(own_queues_are_hidden),
        T(creation_has_its_rules),
        T(refused_parcels),
        T(keys_die),
        T(repeats_get_the_first_answer),
        T(two_at_once),
        T(crashes),
        T(memory_of_tags_is_bounded),
        T(a_full_store_puts_off),
        T(strangers_share_a_budget),
        T(memory_of_a_link_is_bounded),
        T(lost_links_lose_no_answer),
        T(not_before_tags_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
